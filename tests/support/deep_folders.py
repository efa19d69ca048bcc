"""Folders as deep as a hostile volume has them: whatever makes them at once recurses as deep."""

from __future__ import annotations

import os
from pathlib import Path


def folders_below(top: Path, depth: int) -> None:
    """Make so many folders in one another, and a file in the last."""
    here = os.fsencode(top)
    top.mkdir(exist_ok=True)
    for _ in range(depth):
        here += b"/d"
        os.mkdir(here)  # noqa: PTH102 - bytes
    with open(here + b"/file", "wb") as file:  # noqa: PTH123 - bytes
        file.write(b"x")
