"""Where the cluster comes from. Whatever a driver does, all that follows goes on from the kubeconfig that it leaves."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Protocol

from glovebox.local.control_plane import ControlPlane
from glovebox.local.errors import LocalError
from glovebox.local.gateway import Gateway
from glovebox.local.kubeconfig import extract_context
from glovebox.local.nodes import Nodes
from glovebox.local.packages import demand_node
from glovebox.local.part import Part
from glovebox.local.programs import ETCD, KUBERNETES, NODE_PROGRAMS, ensure_program, program_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from glovebox.local.paths import StateDir
    from glovebox.local.progress import Progress

_KIND_TIMEOUT = 600


class Driver(Protocol):
    """A way to a cluster."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """The processes on this machine that are ours, in the order in which they start."""

    def prepare(self, progress: Progress) -> None:
        """Do what must be done before anything of the environment starts.

        Raises:
            LocalError: A step failed.
        """

    def up(self, progress: Progress) -> None:
        """Bring the cluster where it is not there yet, and leave the administrator's kubeconfig in the state directory.

        Raises:
            LocalError: A step failed.
        """

    def down(self) -> None:
        """Remove what the driver brought beside `parts`."""


class Embedded:
    """A control plane of our own: four processes on this machine, no container engine; and nodes, where they are asked for."""

    def __init__(self, state: StateDir, ports: Mapping[str, int], *, tied: bool, nodes: int = 0) -> None:
        self._programs = (ETCD, KUBERNETES, *(NODE_PROGRAMS if nodes else ()))
        # Where they are or will be: whoever only looks, or ends a cluster, does not build.
        programs = {program.name: program_folder(program) for program in self._programs}
        self.gateway = Gateway(state, ports, programs, tied=tied) if nodes else None
        inside = self.gateway.namespaces if self.gateway else None
        self.control_plane = ControlPlane(state, ports, programs, tied=tied, name=f"glovebox-{state.root.name}", gateway=inside)
        self.nodes = Nodes(state, nodes, programs, self.control_plane, self.gateway, tied=tied) if self.gateway else None

    @property
    def parts(self) -> tuple[Part, ...]:
        """The processes of the gateway, of the control plane and of the nodes."""
        before = self.gateway.parts if self.gateway else ()
        after = self.nodes.parts if self.nodes else ()
        return (*before, *self.control_plane.parts, *after)

    def prepare(self, progress: Progress) -> None:
        """Build the programs where the cache does not have them; open the gateway."""
        if self.gateway:
            demand_node()
        for program in self._programs:
            ensure_program(program, progress)
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


class Kind:
    """A cluster made by the `kind` program in containers.

    Written to kind's documented commands, and not covered by our tests: they run where there is no container engine.
    The store stays on this machine's loopback interface: an operator on this machine reaches it, pods do not.
    """

    parts: tuple[Part, ...] = ()

    def __init__(self, state: StateDir) -> None:
        self._state = state
        self._cluster = f"glovebox-{state.root.name}"

    def prepare(self, progress: Progress) -> None:
        """Nothing."""

    def up(self, progress: Progress) -> None:
        """Create the cluster unless it exists."""
        with progress.step(f"Creating the kind cluster {self._cluster}"):
            if self._cluster not in self._kind("get", "clusters").split():
                self._kind("create", "cluster", "--name", self._cluster, "--wait", "180s", "--kubeconfig", str(self._state.kubeconfig))
            else:
                self._kind("export", "kubeconfig", "--name", self._cluster, "--kubeconfig", str(self._state.kubeconfig))
            self._state.kubeconfig.chmod(0o600)

    def down(self) -> None:
        """Delete the cluster."""
        self._kind("delete", "cluster", "--name", self._cluster)

    def _kind(self, *arguments: str) -> str:
        if shutil.which("kind") is None:
            raise LocalError("Looking for kind", "no program `kind` on PATH: install it, or use --driver embedded, which needs nothing")
        try:
            done = subprocess.run(["kind", *arguments], capture_output=True, text=True, timeout=_KIND_TIMEOUT, check=False)
        except subprocess.TimeoutExpired as error:
            raise LocalError(f"`kind {arguments[0]}`", f"not done after {_KIND_TIMEOUT} s") from error
        if done.returncode != 0:
            raise LocalError(f"`kind {' '.join(arguments)}`", f"it says:\n{done.stderr.strip()}")
        return done.stdout


class Current:
    """A cluster that exists already, taken from a kubeconfig. Nothing in it is made or removed here."""

    parts: tuple[Part, ...] = ()

    def __init__(self, state: StateDir, *, kubeconfig: str | None, context: str | None) -> None:
        self._state = state
        self._kubeconfig = kubeconfig
        self._context = context

    def prepare(self, progress: Progress) -> None:
        """Nothing."""

    def up(self, progress: Progress) -> None:
        """Copy the context's kubeconfig into the state directory, unless it was copied before."""
        if not self._state.kubeconfig.exists():
            with progress.step("Taking the cluster from the kubeconfig"):
                extract_context(self._state.kubeconfig, kubeconfig=self._kubeconfig, context=self._context)

    def down(self) -> None:
        """The cluster is not ours."""
