"""One way of doing something, measured in a process of its own, so that its peak is its own."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Took:
    """What a way took.

    Attributes:
        seconds: From its start to its end.
        cpu: Seconds of processor, those of its children too.
        said: The words that it printed.
    """

    seconds: float
    cpu: float
    said: list[str]


def took(program: str, way: str, folder: str) -> Took:
    """Run `PROGRAM --here WAY FOLDER`.

    Raises:
        CalledProcessError: It failed.
    """
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, program, "--here", way, folder],
        check=True,
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(seconds, cpu, done.stdout.split())
