"""The store beside a cluster in containers.

SeaweedFS in a container of its own, on the cluster's network.

Pods reach it by its address there, programs of this machine by a port of the loopback interface. It
is the same program with the same files as without containers; its package is installed into an
image by the engine.
"""

from __future__ import annotations

import io
import tarfile
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import IO, TYPE_CHECKING

from glovebox_local.containers import Container, engine
from glovebox_local.errors import LocalError
from glovebox_local.images import REGISTRY
from glovebox_local.ports import LOOPBACK
from glovebox_local.seaweedfs import PACKAGE
from glovebox_local.seaweedfs_config import ENVIRONMENT, Configuration, StoreAccess

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from glovebox_local.part import Part
    from glovebox_local.paths import StateDir

_CONTEXT = Path(__file__).with_name("bases") / "seaweedfs"
_HOME = Path("/store")
# As the image has it.
_USER = 65532
_EVERYWHERE = "0.0.0.0"  # noqa: S104 - in its own container; only the port of S3 is published, and on loopback
_BUILD_TIMEOUT = 900.0
_READY_TIMEOUT = 90.0
_POLL = 0.2
_LOG_TAIL = 12


class StoreContainer:
    """The store in a container.

    Args:
        state: Where its configuration lies.
        ports: A port for each of the store's.
        network: The engine's network that the cluster is in.
    """

    parts: tuple[Part, ...] = ()

    def __init__(self, state: StateDir, ports: Mapping[str, int], *, network: str) -> None:
        self._state = state
        self._port = ports["s3"]
        self._network = network
        self._config = Configuration(state, ports, listen=_EVERYWHERE, home=_HOME)
        # It closes its files at once when it is told to end, and then never ends.
        self.container = Container(f"glovebox-{state.root.name}-store", grace=1)
        self.containers: tuple[Container, ...] = (self.container,)
        self.endpoint = self._config.endpoint

    @property
    def endpoint_for_pods(self) -> str:
        """URL of S3 and STS from inside pods; the engine may choose another one at each start.

        Raises:
            LocalError: The container is not there.
        """
        return f"http://{self.container.address(self._network)}:{self._port}"

    @property
    def access(self) -> StoreAccess:
        """What a client on this machine needs."""
        return self._config.access

    def prepare(self) -> None:
        """Make keys and configuration files, unless they are there from before."""
        self._config.write()

    def launch(self) -> None:
        """Nothing: its network comes with the cluster."""

    def wait_ready(self, say: Callable[[str], None]) -> None:
        """Make the container where there is none, start it, and wait until it answers.

        Raises:
            LocalError: It could not be made, ended, or did not answer in time.
        """
        if not self.container.exists:
            self._make(say)
        self.container.start()
        deadline = time.monotonic() + _READY_TIMEOUT
        while (missing := self._config.unanswered()) is not None:
            say(missing)
            stopped = self.container.missing
            if stopped or time.monotonic() > deadline:
                why = (
                    f"it {stopped or missing}; its last"
                    f" words:\n{self.container.last_words(_LOG_TAIL)}"
                )
                raise LocalError("Starting SeaweedFS in a container", why)
            time.sleep(_POLL)

    def remove(self) -> None:
        """Remove the container and its data.

        Raises:
            LocalError: It could not be removed.
        """
        self.container.remove()

    def _make(self, say: Callable[[str], None]) -> None:
        version = metadata.version(PACKAGE)
        image = f"{REGISTRY}/seaweedfs:{version}"
        say("building its image, the first time about a minute")
        engine(
            "build",
            f"--build-arg=SEAWEEDFS_VERSION={version}",
            f"--tag={image}",
            str(_CONTEXT),
            timeout=_BUILD_TIMEOUT,
        )
        say("")
        variables = [f"--env={name}={value}" for name, value in ENVIRONMENT.items()]
        published = f"--publish={LOOPBACK}:{self._port}:{self._port}"
        name = f"--name={self.container.name}"
        engine(
            "create",
            name,
            f"--network={self._network}",
            published,
            *variables,
            image,
            *self._config.arguments(),
        )
        try:
            # Copied and not mounted: the engine may run elsewhere, and as somebody who may not read
            # our files.
            with tempfile.TemporaryFile() as files:
                self._write_files(files)
                engine("cp", "-", f"{self.container.name}:/", stdin=files)
        except BaseException:
            # Without its files it would be taken for one that is ready to start.
            self.container.remove()
            raise

    def _write_files(self, archive: IO[bytes]) -> None:
        """Write the archive of its folders and its configuration, as it sees them."""
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for folder in ("", "run", "data", "data/store", "config"):
                self._add(tar, Path(folder))
            for path in (self._config.folder, *sorted(self._config.folder.rglob("*"))):
                self._add(
                    tar,
                    path.relative_to(self._state.root),
                    None if path.is_dir() else path.read_bytes(),
                )
        archive.seek(0)

    def _add(self, tar: tarfile.TarFile, path: Path, content: bytes | None = None) -> None:
        entry = tarfile.TarInfo(str(_HOME / path).removeprefix("/"))
        entry.uid = entry.gid = _USER
        if content is None:
            entry.type, entry.mode = tarfile.DIRTYPE, 0o700
            tar.addfile(entry)
        else:
            entry.size, entry.mode = len(content), 0o600
            tar.addfile(entry, io.BytesIO(content))
