"""What `glovebox local status` says.

Each process, whether it answers, and what one should know of the whole.
"""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glovebox_local.http_check import HealthCheck
from glovebox_local.ports import LOOPBACK
from glovebox_local.processes import ProcessRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glovebox_local.containers import Container
    from glovebox_local.environment import Environment
    from glovebox_local.part import Part

_MIB = 1 << 20
_PORT_VARIABLE = b"GLOVEBOX_HTTP_PORT="


@dataclass(frozen=True)
class PartStatus:
    """One process or container.

    Args:
        name: The part.
        state: `running`, `ended`, or what is missing.
        healthy: It runs and does its work.
        pid: Its process, while it runs; None for a container.
        seconds: How long it has been running.
        memory: Its resident memory in bytes.
        ports: The loopback ports that it listens on.
    """

    name: str
    state: str
    healthy: bool
    pid: int | None
    seconds: float
    memory: int
    ports: tuple[int, ...]

    def details(self) -> tuple[str, str, str, str]:
        """Return pid, age, memory and ports for people."""
        if self.pid is None:
            return "-", "-", "-", _list(self.ports)
        return str(self.pid), _age(self.seconds), f"{self.memory / _MIB:.0f} MiB", _list(self.ports)


@dataclass(frozen=True)
class Status:
    """The whole environment."""

    name: str
    driver: str
    parts: tuple[PartStatus, ...]
    notes: tuple[str, ...]

    @property
    def healthy(self) -> bool:
        """Whether everything runs and does its work."""
        return all(part.healthy for part in self.parts)

    def as_json(self) -> dict[str, Any]:
        """Return all of it for programs."""
        return {**asdict(self), "healthy": self.healthy}


def look_at(environment: Environment) -> Status:
    """Look at every process of an environment, and ask each whether it does its work."""
    description = environment.description
    notes = [
        f"kubeconfig  {environment.kubeconfig}",
        f"S3 and STS  {environment.store.endpoint}, keys in {environment.state.store}",
        f"logs        {environment.state.logs}",
    ]
    if environment.nodes:
        notes.append(
            f"for pods    {environment.store_endpoint_for_pods} is the same S3; the nodes' network"
            " is their own, with no way out"
        )
    containers = tuple(_look_at_container(container) for container in environment.containers)
    if containers and all(container.healthy for container in containers):
        notes.append(f"for pods    {environment.store_endpoint_for_pods} is the same S3")
    if description.driver == "embedded":
        notes.append(
            "etcd does not wait for the disk (--unsafe-no-fsync): its data survive the death of a"
            " process, not of the machine."
        )
    elif description.driver == "current":
        notes.append(
            f"The cluster itself comes from the driver {description.driver} and is not checked"
            " here."
        )
    parts = tuple(_look_at_part(part) for part in environment.parts)
    beside = tuple(_look_beside(environment))
    name = environment.state.root.name
    return Status(name, description.driver, parts + containers + beside, tuple(notes))


def _look_beside(environment: Environment) -> Iterator[PartStatus]:
    """Look at what was started beside the environment's own parts: the operator, by its pages."""
    own = {part.record_file for part in environment.parts}
    for file in sorted(set(environment.state.run.glob("*.json")) - own):
        record = ProcessRecord.read(file)
        if record is None or not record.alive:
            yield PartStatus(
                file.stem, "ended", healthy=False, pid=None, seconds=0, memory=0, ports=()
            )
            continue
        port = _page_port(record.pid)
        missing = HealthCheck(f"http://{LOOPBACK}:{port}/readyz")() if port else None
        yield _running(file.stem, record, missing, (port,) if port else ())


def _page_port(pid: int) -> int | None:
    # As the operator was told: a record knows the process and nothing of what it is.
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    ports = (entry.partition(b"=")[2] for entry in variables if entry.startswith(_PORT_VARIABLE))
    return next((int(port) for port in ports if port.isdigit()), None)


def _look_at_container(container: Container) -> PartStatus:
    missing = container.missing
    return PartStatus(
        container.name,
        missing or "running",
        healthy=missing is None,
        pid=None,
        seconds=0,
        memory=0,
        ports=(),
    )


def _look_at_part(part: Part) -> PartStatus:
    record = part.record
    if record is None or not record.alive:
        return PartStatus(
            part.name, "ended", healthy=False, pid=None, seconds=0, memory=0, ports=part.spec.ports
        )
    return _running(part.name, record, part.spec.ready(), part.spec.ports)


def _running(
    name: str, record: ProcessRecord, missing: str | None, ports: tuple[int, ...]
) -> PartStatus:
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - record.start_ticks / os.sysconf("SC_CLK_TCK")
    return PartStatus(
        name,
        missing or "running",
        healthy=missing is None,
        pid=record.pid,
        seconds=round(age, 1),
        memory=_resident(record.pid),
        ports=ports,
    )


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _age(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes} min"
        if hours
        else f"{minutes} min {rest} s"
        if minutes
        else f"{rest} s"
    )


def _list(ports: tuple[int, ...]) -> str:
    return " ".join(str(port) for port in ports)
