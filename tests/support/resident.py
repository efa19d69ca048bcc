"""The memory of this process, as the kernel counts it."""

from __future__ import annotations

from pathlib import Path


def peak_mebibytes() -> float:
    """Return the peak of this process's own resident set.

    Unlike that of getrusage, which a child inherits.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0
