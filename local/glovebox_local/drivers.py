"""Where the cluster comes from.

Whatever a driver does, all that follows goes on from the kubeconfig that it leaves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from glovebox_local.api_server import who_is
from glovebox_local.control_plane import ControlPlane
from glovebox_local.errors import LocalError
from glovebox_local.gateway import Gateway
from glovebox_local.image_build import ensure_image
from glovebox_local.kubeconfig import extract_context
from glovebox_local.nodes import Nodes
from glovebox_local.packages import demand_node
from glovebox_local.part import Part
from glovebox_local.programs import ETCD, KUBERNETES, NODE_PROGRAMS, ensure_programs, program_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from glovebox_local.containers import Container
    from glovebox_local.image_build import ImageSource
    from glovebox_local.images import Image
    from glovebox_local.paths import StateDir
    from glovebox_local.progress import Progress


class Driver(Protocol):
    """A way to a cluster."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """The processes on this machine that are ours, in the order in which they start."""

    @property
    def containers(self) -> tuple[Container, ...]:
        """The containers that are ours."""

    @property
    def runs_pods(self) -> bool:
        """Whether it brings nodes, with images of ours on them."""

    def prepare(self, progress: Progress) -> None:
        """Do what must be done before anything of the environment starts.

        Raises:
            LocalError: A step failed.
        """

    def up(self, progress: Progress) -> None:
        """Bring the cluster where it is not there yet, and leave the administrator's kubeconfig.

        Raises:
            LocalError: A step failed.
        """

    def down(self) -> None:
        """Remove what the driver brought beside `parts`."""

    def build_image(self, source: ImageSource, repository: Path, progress: Progress) -> Image:
        """Build an image where that is needed, and return it by its digest.

        Args:
            source: Which.
            repository: The folder of the checkout.
            progress: Shown what is built.

        Raises:
            LocalError: This machine lacks what it takes, or the build failed.
        """

    def load_image(self, archive: Path, reference: str) -> None:
        """Bring an image to every node, so that a pod that names it so starts without a registry.

        Args:
            archive: An OCI archive.
            reference: `registry/name@sha256:...` with the digest of the manifest in the archive.

        Raises:
            LocalError: There are no nodes, or the archive holds another image, or could not be
                read.
        """


class Embedded:
    """A control plane of our own: four processes on this machine, no container engine.

    And nodes, where they are asked for.
    """

    containers: tuple[Container, ...] = ()
    build_image = staticmethod(ensure_image)

    def __init__(
        self, state: StateDir, ports: Mapping[str, int], *, tied: bool, nodes: int = 0
    ) -> None:
        self._programs = (ETCD, KUBERNETES, *(NODE_PROGRAMS if nodes else ()))
        # Where they are or will be: whoever only looks, or ends a cluster, does not build.
        programs = {program.name: program_folder(program) for program in self._programs}
        self.gateway = Gateway(state, ports, programs, tied=tied) if nodes else None
        inside = self.gateway.namespaces if self.gateway else None
        self.control_plane = ControlPlane(
            state, ports, programs, tied=tied, name=f"glovebox-{state.root.name}", gateway=inside
        )
        self.nodes = (
            Nodes(state, nodes, programs, self.control_plane, self.gateway, tied=tied)
            if self.gateway
            else None
        )

    @property
    def parts(self) -> tuple[Part, ...]:
        """The processes of the gateway, of the control plane and of the nodes."""
        before = self.gateway.parts if self.gateway else ()
        after = self.nodes.parts if self.nodes else ()
        return (*before, *self.control_plane.parts, *after)

    @property
    def runs_pods(self) -> bool:
        """Whether nodes were asked for."""
        return self.nodes is not None

    def prepare(self, progress: Progress) -> None:
        """Build the programs where the cache does not have them; open the gateway."""
        if self.gateway:
            demand_node()
        ensure_programs(self._programs, progress)
        if self.gateway:
            self.gateway.up()

    def up(self, progress: Progress) -> None:
        """Start the four processes, and the nodes."""
        plane = self.control_plane
        plane.prepare()
        with progress.step("Starting etcd and kube-apiserver") as step:
            # The API server waits for etcd by itself, and needs that time to load.
            plane.etcd.launch()
            plane.apiserver.launch()
            if self.nodes:
                self.nodes.furnish()
            plane.etcd.wait_ready(step.say)
            plane.apiserver.wait_ready(step.say)
            step.say(plane.url)
        with progress.step("Starting kube-controller-manager and kube-scheduler") as step:
            plane.controller_manager.launch()
            plane.scheduler.launch()
            plane.controller_manager.wait_ready(step.say)
            plane.scheduler.wait_ready(step.say)
            step.say("")
        if self.nodes:
            self.nodes.up(progress)

    def down(self) -> None:
        """Nothing is left when the processes have ended."""

    def load_image(self, archive: Path, reference: str) -> None:
        """Bring an image to every node.

        Raises:
            LocalError: See `Driver`.
        """
        if self.nodes is None:
            raise LocalError(
                "Loading an image", "the environment has no nodes: `glovebox local up --node`"
            )
        for node in self.nodes.nodes:
            node.load_image(archive, reference)


class Current:
    """A cluster that exists already, taken from a kubeconfig.

    Nothing in it is made or removed here.
    """

    parts: tuple[Part, ...] = ()
    containers: tuple[Container, ...] = ()
    runs_pods = False
    # To be pushed to wherever the cluster pulls from.
    build_image = staticmethod(ensure_image)

    def __init__(self, state: StateDir, *, kubeconfig: str | None, context: str | None) -> None:
        self._state = state
        self._kubeconfig = kubeconfig
        self._context = context

    def prepare(self, progress: Progress) -> None:
        """Nothing."""

    def up(self, progress: Progress) -> None:
        """Copy the context's kubeconfig into the state directory, unless it was copied before.

        Raises:
            LocalError: There is no such context, or its API server lets nobody in with it.
        """
        if not self._state.kubeconfig.exists():
            with progress.step("Taking the cluster from the kubeconfig") as step:
                # Kept only when it is good: the next `up` reads the user's own file again.
                tried = self._state.kubeconfig.with_suffix(".tried")
                try:
                    extract_context(tried, kubeconfig=self._kubeconfig, context=self._context)
                    step.say(f"as {who_is(tried)}")
                    tried.replace(self._state.kubeconfig)
                finally:
                    tried.unlink(missing_ok=True)

    def down(self) -> None:
        """The cluster is not ours."""

    def load_image(self, archive: Path, reference: str) -> None:
        """Refuse: its nodes are not ours.

        Raises:
            LocalError: Always.
        """
        raise LocalError(
            "Loading an image",
            f"the cluster is not ours: push {archive} as {reference} to a registry that it pulls"
            " from",
        )
