"""Who used the processors, and how much memory processes hold: read from /proc."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
MIB = 1024 * 1024


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def busy_seconds() -> float:
    """Return the processor time that the whole machine has used."""
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    user, nice, system, _idle, _wait, interrupt, soft, _steal = fields
    return (user + nice + system + interrupt + soft) / _TICKS


def memory_mib(pid: int) -> tuple[float, float]:
    """Return the resident memory of a process, and its peak."""
    lines = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    now, peak = (int(lines[name].split()[0]) * 1024 / MIB for name in ("VmRSS", "VmHWM"))
    return now, peak


@dataclass(frozen=True)
class Usage:
    """What was used between two moments.

    Attributes:
        seconds: How long it was.
        cpu: Processor seconds by process.
        machine: Processor seconds of the whole machine.
    """

    seconds: float
    cpu: Mapping[str, float]
    machine: float

    def foreign_cores(self, own: float = 0.0) -> float:
        """Return how many processors others used.

        All that neither these processes nor `own` seconds explain.
        """
        return (
            max(0.0, self.machine - sum(self.cpu.values()) - own) / self.seconds
            if self.seconds
            else 0.0
        )


class Meter:
    """Reads the processor time of processes from its making on.

    Args:
        pids: The processes by name; each must live until `read`.
    """

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = dict(pids)
        self._before = {name: cpu_seconds(pid) for name, pid in self._pids.items()}
        self._own = time.process_time()
        self._machine = busy_seconds()
        self._started = time.monotonic()

    def read(self) -> Usage:
        """Return what was used so far."""
        cpu = {name: cpu_seconds(pid) - self._before[name] for name, pid in self._pids.items()}
        cpu["bench"] = time.process_time() - self._own
        return Usage(time.monotonic() - self._started, cpu, busy_seconds() - self._machine)


def describe() -> dict[str, str]:
    """Return what machine this is."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")),
        "unknown processor",
    )
    memory = int(Path("/proc/meminfo").read_text().splitlines()[0].split()[1]) / 1024 / 1024
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "processor": model,
        "memory": f"{memory:.0f} GiB",
        "kernel": platform.release(),
        "python": platform.python_version(),
    }
