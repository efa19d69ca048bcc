"""A step of the measure: one amount of data, and several ways to come to the same number.

Each way is a process of its own, so that its peak is its own; what reads tables beside the task is
a second process, whose peak has a column. A way that comes to another number than the first one
ends the measure: the speed of a wrong answer is none.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from bench.provisioning.machine import memory_mib

from glovebox.tasks.table_process import TableFile

FILES = 10
OURS = "glovebox"
_WHOSE = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


@dataclass(frozen=True, slots=True)
class Step:
    """What is measured.

    Attributes:
        unit: What the number counts, of which there are so many in a second.
        write: Writes so many into a folder.
        ways: What is measured: given the folder, each returns a number, the same one.
    """

    unit: str
    write: Callable[[Path, int], None]
    ways: Mapping[str, Callable[[Path], int]]


@dataclass(frozen=True, slots=True)
class Gone:
    """What a way took, without the start of its process.

    Attributes:
        number: What it came to.
        seconds: From its start to its end.
        cpu: Seconds of processor, those of its children too.
        peak: Its greatest resident set, in MiB.
        reader: That of its greatest child; 0 without one.
    """

    number: int
    seconds: float
    cpu: float
    peak: int
    reader: int


def go(step: Step, way: str, folder: Path) -> Gone:
    """Go one way, in this process."""
    before, began = _cpu(), time.perf_counter()
    number = step.ways[way](folder)
    seconds, cpu = time.perf_counter() - began, _cpu() - before
    reader = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
    # Not `ru_maxrss` of this one: that begins with what the process had that started it.
    _, peak = memory_mib(os.getpid())
    return Gone(number, seconds, cpu, int(peak), reader)


def _cpu() -> float:
    return sum(each.ru_utime + each.ru_stime for each in map(resource.getrusage, _WHOSE))


def table_of(path: Path) -> TableFile:
    """Return a file as a task reads it: in parts."""

    def read(first: int, size: int) -> bytes:
        with path.open("rb") as file:
            file.seek(first)
            return file.read(size)

    return TableFile(path.name, path.stat().st_size, read)


def ask_duckdb(query: str) -> int:
    """Return the one number of a query, by one thread: what reads tables here has one."""
    import duckdb  # noqa: PLC0415 - only a process that goes this way has it

    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        row = connection.execute(query).fetchone()
    return int(row[0])
