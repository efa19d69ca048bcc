"""Long work's memory does not grow with the data: fresh processes, by their own peak."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[3] / "bench"


def pin(count: int, folder: Path) -> int:
    """Return the peak (MiB) of pinning and verifying so many objects."""
    command = [sys.executable, "-m", "bench.data"]
    asked = (["--write", "pin", str(count), str(folder)], ["--here", "pin/glovebox", str(folder)])
    for arguments in asked:
        done = subprocess.run(
            [*command, *arguments], check=True, capture_output=True, text=True, cwd=BENCH.parent
        )
    return int(json.loads(done.stdout)["peak"])


def seal(count: int, folder: Path) -> int:
    """Return the peak (MiB) of sealing so many artifacts."""
    del folder
    command = [sys.executable, str(BENCH / "seal.py"), "--artifacts", str(count)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout.splitlines()[-1].split()[-2])


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("work", "few", "many"),
    [
        # Both amounts are beyond what a sort holds at once, so that only growth is left.
        (pin, 45_000, 135_000),
        (seal, 45_000, 90_000),
    ],
)
def test_memory_does_not_grow_with_the_number_of_objects(
    work: Callable[[int, Path], int], few: int, many: int, tmp_path: Path
) -> None:
    small, large = work(few, tmp_path), work(many, tmp_path)
    assert large - small < 16
    assert large < 200


def test_a_small_amount_needs_little(tmp_path: Path) -> None:
    assert seal(300, tmp_path) < 120
