"""The driver `kind`: cluster and store in containers, for whoever has an engine for them.

Linux and root are not needed.
"""

from __future__ import annotations

import functools
import os
from typing import IO, TYPE_CHECKING

from glovebox_local.containers import Container, engine, run
from glovebox_local.images import REGISTRY, Image, read_digests
from glovebox_local.node_images import load_image

if TYPE_CHECKING:
    from pathlib import Path

    from glovebox_local.image_build import ImageSource
    from glovebox_local.part import Part
    from glovebox_local.paths import StateDir
    from glovebox_local.progress import Progress

# Where kind puts its nodes.
NETWORK = "kind"
_PROGRAM = "kind"
# By which kind knows its own.
_LABEL = "io.x-k8s.kind.cluster"
_TIMEOUT = 600.0
_BUILD_TIMEOUT = 1800.0
_IMPORT_TIMEOUT = 300.0


def demand_engine() -> None:
    """Make sure that containers can be had here.

    Raises:
        LocalError: A program is missing, or the engine does not answer.
    """
    run(_PROGRAM, "version", timeout=_TIMEOUT)
    engine("version", "--format={{.Server.Version}}")


class Kind:
    """A cluster made by the `kind` program (0.24 or newer), with its own network policies."""

    parts: tuple[Part, ...] = ()
    runs_pods = True

    def __init__(self, state: StateDir) -> None:
        self._state = state
        self._cluster = f"glovebox-{state.root.name}"

    @property
    def containers(self) -> tuple[Container, ...]:
        """The nodes.

        Raises:
            LocalError: The engine does not answer.
        """
        # Not by kind, whose words are hard to read when the engine does not answer.
        names = engine(
            "ps", "--all", f"--filter=label={_LABEL}={self._cluster}", "--format={{.Names}}"
        )
        return tuple(Container(name) for name in names.split())

    def prepare(self, progress: Progress) -> None:
        """Nothing."""

    def up(self, progress: Progress) -> None:
        """Create the cluster unless it exists; start what was stopped of it.

        Raises:
            LocalError: A step failed.
        """
        kubeconfig = ("--kubeconfig", str(self._state.kubeconfig))
        exists = self._cluster in self._kind("get", "clusters").split()
        with progress.step(
            f"{'Starting' if exists else 'Creating'} the kind cluster {self._cluster}"
        ):
            if exists:
                for container in self.containers:
                    container.start()
                self._kind("export", "kubeconfig", "--name", self._cluster, *kubeconfig)
            else:
                self._kind(
                    "create", "cluster", "--name", self._cluster, "--wait", "180s", *kubeconfig
                )
            self._state.kubeconfig.chmod(0o600)

    def down(self) -> None:
        """Delete the cluster.

        Raises:
            LocalError: It could not be deleted.
        """
        self._kind("delete", "cluster", "--name", self._cluster)

    def build_image(self, source: ImageSource, repository: Path, progress: Progress) -> Image:
        """Have the engine build an image, and return it by its digest.

        Raises:
            LocalError: It could not be built, or the engine is older than Docker 25 and writes no
                OCI archives.
        """
        archive = self._state.root / "images" / f"{source.name.replace('/', '-')}.tar"
        archive.parent.mkdir(mode=0o700, exist_ok=True)
        tag = f"{REGISTRY}/{source.name}:local"
        # Attestations would name the time of the build, and so the same tree would have a new
        # digest each time.
        environment = {**os.environ, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
        with progress.step(f"Building {source.size}"):
            engine(
                "build",
                f"--tag={tag}",
                str(repository / source.context),
                timeout=_BUILD_TIMEOUT,
                environment=environment,
            )
            engine("save", f"--output={archive}", tag, timeout=_IMPORT_TIMEOUT)
        (digest,) = read_digests(archive)
        return Image(archive, f"{REGISTRY}/{source.name}@{digest}")

    def load_image(self, archive: Path, reference: str) -> None:
        """Bring an image to every node.

        Raises:
            LocalError: The archive holds another image, or could not be read.
        """
        for container in self.containers:
            load_image(container.name, functools.partial(_ctr, container), archive, reference)

    def _kind(self, *arguments: str) -> str:
        return run(_PROGRAM, *arguments, timeout=_TIMEOUT)


def _ctr(container: Container, *arguments: str, stdin: IO[bytes] | None = None) -> str:
    return container.execute(
        "ctr", "--namespace=k8s.io", *arguments, stdin=stdin, timeout=_IMPORT_TIMEOUT
    )
