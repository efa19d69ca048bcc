"""The local environment as a whole: a cluster by one of the drivers, a store, and the directory that describes both.

`up` is the table of contents. It can be repeated: what runs is left alone, what died is started again on the same
ports with the same data. Interrupted or failed, it ends what it started.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

from glovebox.local import control_plane, seaweedfs
from glovebox.local.drivers import Current, Driver, Embedded, Kind
from glovebox.local.errors import LocalError
from glovebox.local.paths import StateDir, write_private
from glovebox.local.ports import choose_ports
from glovebox.local.processes import ProcessRecord, end_processes
from glovebox.local.progress import Silent
from glovebox.local.seaweedfs import SeaweedFS, StoreAccess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from glovebox.local.part import Part
    from glovebox.local.progress import Progress

DriverName = Literal["embedded", "kind", "current"]


@dataclass(frozen=True)
class Description:
    """What an environment is; written once, when it is first brought up.

    Args:
        driver: Where its cluster comes from.
        ports: All its ports by what they are for.
        kubeconfig: For the driver `current`: the files to read.
        context: For the driver `current`: the context to take.
    """

    driver: DriverName
    ports: dict[str, int]
    kubeconfig: str | None = None
    context: str | None = None

    @classmethod
    def new(cls, driver: DriverName, *, kubeconfig: str | None = None, context: str | None = None) -> Description:
        """Describe a new environment: choose its ports."""
        names = (*seaweedfs.PORTS, *(control_plane.PORTS if driver == "embedded" else ()))
        return cls(driver, choose_ports(names), kubeconfig, context)

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
            raise LocalError("Reading the environment", f"{state.description} is not readable ({error}): `glovebox local down`") from error
        if description.driver not in get_args(DriverName):
            raise LocalError("Reading the environment", f"{state.description} names the unknown driver {description.driver!r}")
        return description

    def write(self, state: StateDir) -> None:
        """Keep it."""
        write_private(state.description, json.dumps(asdict(self), indent=2) + "\n")


class Environment:
    """One local environment.

    Args:
        state: Its directory.
        description: What it is.
        tied: Its processes die with us: for tests. They can then only be started from the main thread.
    """

    def __init__(self, state: StateDir, description: Description, *, tied: bool = False) -> None:
        self.state = state
        self.description = description
        self.store = SeaweedFS(state, description.ports, tied=tied)
        self.driver = _driver(state, description, tied=tied)

    @property
    def control_plane(self) -> control_plane.ControlPlane:
        """The control plane of our own.

        Raises:
            LocalError: The cluster is not ours.
        """
        if isinstance(self.driver, Embedded):
            return self.driver.control_plane
        raise LocalError("Looking for the control plane", f"with the driver {self.description.driver} it is not ours")

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.state.kubeconfig

    @property
    def access(self) -> StoreAccess:
        """What a client of the store needs."""
        return self.store.access

    @property
    def parts(self) -> tuple[Part, ...]:
        """Every process, in the order in which they start."""
        return (*self.driver.parts, self.store.part)

    def up(self, progress: Progress | None = None) -> bool:
        """Start what does not run, and wait until all of it does its work.

        Returns:
            Whether anything had to be started.

        Raises:
            LocalError: A step failed; what this call started has been ended.
        """
        shown = progress or Silent()
        ran = {part.name for part in self.parts if part.running}
        if len(ran) == len(self.parts) and self.kubeconfig.exists() and not any(part.spec.ready() for part in self.parts):
            return False
        try:
            self.store.prepare()
            # First, because it needs the longest and nobody: it loads while the control plane does.
            self.store.part.launch()
            self.driver.up(shown)
            with shown.step("Starting SeaweedFS") as step:
                self.store.part.wait_ready(step.say)
                step.say(self.store.endpoint)
        except BaseException:
            for part in reversed(self.parts):
                if part.name not in ran:
                    part.kill()
            if not self.store.part.running:
                self.store.remove_sockets()
            raise
        return True


def _driver(state: StateDir, description: Description, *, tied: bool) -> Driver:
    match description.driver:
        case "embedded":
            return Embedded(state, description.ports, tied=tied)
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
    name: str, driver: DriverName, progress: Progress, *, kubeconfig: str | None = None, context: str | None = None
) -> tuple[Environment, bool]:
    """Bring the environment of that name up, and make it first where there is none; return it, and whether anything was started.

    Raises:
        LocalError: A step failed, or the environment exists and is of another kind.
    """
    state = StateDir.named(name)
    with _exclusive(state, progress):
        description = Description.read(state)
        if description is None:
            state.create()
            description = Description.new(driver, kubeconfig=kubeconfig, context=context)
            description.write(state)
        asked = replace(description, driver=driver, kubeconfig=kubeconfig or description.kubeconfig, context=context or description.context)
        if asked != description:
            why = f"{name} exists with driver {description.driver}: `glovebox local down --name {name}` first, or choose another --name"
            raise LocalError("Bringing up the environment", why)
        environment = Environment(state, description)
        return environment, environment.up(progress)


def bring_down(name: str, progress: Progress, *, keep_data: bool) -> int:
    """Take the environment of that name down; return how many processes were ended.

    It needs nothing but the records of the processes: an environment that is half made, or was made by another version
    of this program, goes too.

    Raises:
        LocalError: Something could not be ended or removed.
    """
    state = StateDir.named(name)
    with _exclusive(state, progress):
        records = {file: record for file in state.run.glob("*.json") if (record := ProcessRecord.read(file))}
        alive = [record for record in records.values() if record.alive]
        environment = _readable(name)
        if keep_data and environment:
            # Whoever uses a part ends before it, so that each can finish its work.
            for part in reversed(environment.parts):
                part.stop()
        end_processes(alive, grace=0)
        for file in records:
            file.unlink(missing_ok=True)
        if keep_data or not state.root.exists():
            return len(alive)
        if environment:
            environment.store.remove_sockets()
            environment.driver.down()
        shutil.rmtree(state.root)
        return len(alive)


def _readable(name: str) -> Environment | None:
    try:
        return find_environment(name)
    except LocalError:
        return None


@contextmanager
def _exclusive(state: StateDir, progress: Progress) -> Iterator[None]:
    state.lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with state.lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.note(f"Another program is changing the environment {state.root.name}: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
