"""The local environment as a whole.

A cluster by one of the drivers, a store, and the directory that describes both.

`up` is the table of contents. It can be repeated: what runs is left alone, what died is started
again on the same ports with the same data. Interrupted or failed, it ends what it started.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

from glovebox_local import control_plane, seaweedfs_config
from glovebox_local.drivers import Current, Driver, Embedded
from glovebox_local.errors import LocalError
from glovebox_local.kind import NETWORK, Kind, demand_engine
from glovebox_local.locking import exclusive
from glovebox_local.nodes import remove_leftovers, thaw_leftovers
from glovebox_local.paths import StateDir, write_private
from glovebox_local.ports import LOOPBACK, choose_ports
from glovebox_local.processes import ProcessRecord, end_processes
from glovebox_local.progress import Silent
from glovebox_local.seaweedfs import SeaweedFS
from glovebox_local.seaweedfs_config import StoreAccess
from glovebox_local.store_container import StoreContainer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from glovebox_local.containers import Container
    from glovebox_local.namespaces import NamespacesOf
    from glovebox_local.node import Node
    from glovebox_local.part import Part
    from glovebox_local.progress import Progress

DriverName = Literal["embedded", "kind", "current"]


@dataclass(frozen=True)
class Description:
    """What an environment is; written once, when it is first brought up.

    Args:
        driver: Where its cluster comes from.
        ports: All its ports by what they are for.
        kubeconfig: For the driver `current`: the files to read.
        context: For the driver `current`: the context to take.
        nodes: For the driver `embedded`: how many nodes run pods.
    """

    driver: DriverName
    ports: dict[str, int]
    kubeconfig: str | None = None
    context: str | None = None
    nodes: int = 0

    @classmethod
    def new(
        cls,
        driver: DriverName,
        *,
        kubeconfig: str | None = None,
        context: str | None = None,
        nodes: int = 0,
    ) -> Description:
        """Describe a new environment: choose its ports."""
        names = (*seaweedfs_config.PORTS, *(control_plane.PORTS if driver == "embedded" else ()))
        return cls(driver, choose_ports(names), kubeconfig, context, nodes)

    @classmethod
    def read(cls, state: StateDir) -> Description | None:
        """Return the description in that state directory, if there is one.

        Raises:
            LocalError: There is one that this version cannot read.
        """
        try:
            description = cls(**json.loads(state.description.read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise LocalError(
                "Reading the environment",
                f"{state.description} is not readable ({error}): `glovebox local down`",
            ) from error
        if description.driver not in get_args(DriverName):
            raise LocalError(
                "Reading the environment",
                f"{state.description} names the unknown driver {description.driver!r}",
            )
        return description

    def write(self, state: StateDir) -> None:
        """Keep it."""
        write_private(state.description, json.dumps(asdict(self), indent=2) + "\n")


class Environment:
    """One local environment.

    Args:
        state: Its directory.
        description: What it is.
        tied: Its processes die with us: for tests. They can then only be started from the main
            thread.
    """

    def __init__(self, state: StateDir, description: Description, *, tied: bool = False) -> None:
        self.state = state
        self.description = description
        self.driver = _driver(state, description, tied=tied)
        gateway = self.driver.gateway if isinstance(self.driver, Embedded) else None
        self._gateway = gateway.namespaces if gateway else None
        self.store: SeaweedFS | StoreContainer = (
            StoreContainer(state, description.ports, network=NETWORK)
            if isinstance(self.driver, Kind)
            else SeaweedFS(state, description.ports, tied=tied, gateway=self._gateway)
        )

    @property
    def control_plane(self) -> control_plane.ControlPlane:
        """The control plane of our own.

        Raises:
            LocalError: The cluster is not ours.
        """
        if isinstance(self.driver, Embedded):
            return self.driver.control_plane
        raise LocalError(
            "Looking for the control plane",
            f"with the driver {self.description.driver} it is not ours",
        )

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes that run pods; mostly none."""
        return (
            self.driver.nodes.nodes
            if isinstance(self.driver, Embedded) and self.driver.nodes
            else ()
        )

    @property
    def gateway(self) -> NamespacesOf:
        """The network in which the control plane and the store of an environment with nodes live.

        A program that is started there reaches the API server by the kubeconfig's own address, and
        S3 by `store_endpoint_for_pods`: give it to a `PartSpec`, put its `prefix()` before a
        command, or use its `run`.

        Raises:
            LocalError: There are no nodes.
        """
        if self._gateway is None:
            raise LocalError(
                "Looking for the gateway",
                "the environment has no nodes: `glovebox local up --node`",
            )
        return self._gateway

    def forward_from_gateway(self, name: str, port: int) -> Part:
        """Return a part that makes a server in the gateway answer on the same port of this machine.

        Raises:
            LocalError: There are no nodes.
        """
        if not isinstance(self.driver, Embedded) or self.driver.gateway is None:
            raise LocalError(
                "Looking for the gateway",
                "the environment has no nodes: `glovebox local up --node`",
            )
        return self.driver.gateway.forward(name, {port: LOOPBACK}, tied=False)

    @property
    def store_endpoint_for_pods(self) -> str:
        """URL of the S3 and STS API from inside pods, and from inside the gateway.

        Raises:
            LocalError: There are no nodes.
        """
        if self.store.endpoint_for_pods is None:
            raise LocalError(
                "Looking for the store",
                "the environment has no nodes: nothing but this machine reaches its store",
            )
        return self.store.endpoint_for_pods

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.state.kubeconfig

    @property
    def access(self) -> StoreAccess:
        """What a client of the store needs."""
        return self.store.access

    @property
    def access_for_pods(self) -> StoreAccess:
        """What a client of the store needs where the pods and an operator in the gateway are.

        Without nodes, that is here.
        """
        return replace(self.access, endpoint=self.store.endpoint_for_pods or self.access.endpoint)

    @property
    def parts(self) -> tuple[Part, ...]:
        """Every process, in the order in which they start."""
        return (*self.driver.parts, *self.store.parts)

    @property
    def containers(self) -> tuple[Container, ...]:
        """Every container, in the order in which they start; mostly none.

        Raises:
            LocalError: The container engine does not answer.
        """
        return (*self.driver.containers, *self.store.containers)

    def demand_whole(self) -> None:
        """Raise unless it was once up.

        What is asked of it needs its kubeconfig and the store's keys.

        Raises:
            LocalError: It is only half made.
        """
        if self.kubeconfig.exists() and self.state.store.exists():
            return
        name = self.state.root.name
        raise LocalError(
            f"Looking at the environment {name}",
            f"it is only half made: `glovebox local up --name {name}` finishes it,"
            f" `glovebox local down --name {name}` removes it",
        )

    def up(self, progress: Progress | None = None) -> bool:
        """Start what does not run, and wait until all of it does its work.

        Returns:
            Whether anything had to be started.

        Raises:
            LocalError: A step failed; what this call started has been ended.
        """
        shown = progress or Silent()
        self._end_what_lost_its_network()
        ran = {part.name for part in self.parts if part.running}
        if len(ran) == len(self.parts) and self.kubeconfig.exists() and not self._unready():
            return False
        try:
            self.driver.prepare(shown)
            self.store.prepare()
            # First, because it needs the longest and nobody: it loads while the control plane does.
            self.store.launch()
            self.driver.up(shown)
            with shown.step("Starting SeaweedFS") as step:
                self.store.wait_ready(step.say)
                step.say(self.store.endpoint)
        except BaseException:
            for part in reversed(self.parts):
                if part.name not in ran:
                    part.kill()
            if self.store.parts and not any(part.running for part in self.store.parts):
                self.store.remove()
            raise
        return True

    def _unready(self) -> bool:
        return any(part.spec.ready() for part in self.parts) or any(
            container.missing for container in self.containers
        )

    def _end_what_lost_its_network(self) -> None:
        # Without its holder a network goes on for those who are in it, and nothing leads there any
        # more.
        if (
            isinstance(self.driver, Embedded)
            and self.driver.gateway
            and not self.driver.gateway.holder.running
        ):
            for part in reversed(self.parts):
                part.kill()


def _driver(state: StateDir, description: Description, *, tied: bool) -> Driver:
    match description.driver:
        case "embedded":
            return Embedded(state, description.ports, tied=tied, nodes=description.nodes)
        case "kind":
            return Kind(state)
        case "current":
            return Current(state, kubeconfig=description.kubeconfig, context=description.context)


def find_environment(name: str) -> Environment | None:
    """Return the environment of that name, if it was ever brought up and not taken down.

    Raises:
        LocalError: It is there and not readable.
    """
    state = StateDir.named(name)
    description = Description.read(state)
    return Environment(state, description) if description else None


def bring_up(
    name: str,
    driver: DriverName,
    progress: Progress,
    *,
    kubeconfig: str | None = None,
    context: str | None = None,
    nodes: int = 0,
) -> tuple[Environment, bool]:
    """Bring the environment of that name up, and make it first where there is none.

    Return it, and whether anything was started.

    Raises:
        LocalError: A step failed, or the environment exists and is of another kind.
    """
    state = StateDir.named(name)
    with _exclusive(state, progress):
        description = Description.read(state)
        if description is None:
            if driver == "kind":
                # Before anything is kept: without an engine it could not be taken down either.
                demand_engine()
            state.create()
            description = Description.new(
                driver, kubeconfig=kubeconfig, context=context, nodes=nodes
            )
            description.write(state)
        asked = replace(
            description,
            driver=driver,
            kubeconfig=kubeconfig or description.kubeconfig,
            context=context or description.context,
            # Who asks for no nodes takes the environment as it is.
            nodes=nodes or description.nodes,
        )
        if asked != description:
            exists = f"{name} exists with driver {description.driver}" + (
                f", nodes: {description.nodes}" if description.nodes else ""
            )
            why = f"{exists}: `glovebox local down --name {name}` first, or choose another --name"
            raise LocalError("Bringing up the environment", why)
        environment = Environment(state, description)
        return environment, environment.up(progress)


def bring_down(name: str, progress: Progress, *, keep_data: bool) -> int:
    """Take the environment of that name down; return how many processes and containers were ended.

    It needs nothing but the records of the processes: an environment that is half made, or was made
    by another version of this program, goes too.

    Raises:
        LocalError: Something could not be ended or removed.
    """
    state = StateDir.named(name)
    with _exclusive(state, progress):
        records = {
            file: record
            for file in state.run.glob("*.json")
            if (record := ProcessRecord.read(file))
        }
        alive = [record for record in records.values() if record.alive]
        environment = _readable(name)
        running = (
            [container for container in environment.containers if not container.missing]
            if environment
            else []
        )
        ended = len(alive) + len(running)
        if keep_data and environment:
            # Whoever uses a part ends before it, so that each can finish its work.
            for part in reversed(environment.parts):
                part.stop()
            for container in running:
                container.stop()
        end_processes(alive, grace=0, thaw=lambda: thaw_leftovers(state))
        for file in records:
            file.unlink(missing_ok=True)
        # Nothing of a node outlives its processes but its cgroups; these, too, are found without a
        # description.
        if os.geteuid() == 0:
            remove_leftovers(state)
        if keep_data or not state.root.exists():
            return ended
        if environment:
            environment.store.remove()
            environment.driver.down()
        shutil.rmtree(state.root)
        return ended


def _readable(name: str) -> Environment | None:
    try:
        return find_environment(name)
    except LocalError:
        return None


@contextmanager
def _exclusive(state: StateDir, progress: Progress) -> Iterator[None]:
    state.lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Cached: it is told again and again, and noted once.
    note = functools.cache(progress.note)
    with exclusive(
        state.lock,
        note,
        f"Another program is changing the environment {state.root.name}: waiting for it",
    ):
        yield
