"""The one error of this package.

A step of the local environment failed, and here is what to do about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


# More than the last lines of any log of ours take (bytes).
_TAIL = 16384


class LocalError(Exception):
    """A step failed.

    Args:
        step: What was attempted, as the progress display calls it.
        why: The cause and, where there is one, the cure.
        log: The file that has the whole story, if there is one.
    """

    def __init__(self, step: str, why: str, log: Path | None = None) -> None:
        self.step = step
        self.why = why
        self.log = log
        where = f"\nThe whole log: {log}" if log else ""
        super().__init__(f"{step} failed: {why}{where}")


def last_lines(path: Path, count: int) -> str:
    """Return the last lines of a file, at most that many."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-count:])
