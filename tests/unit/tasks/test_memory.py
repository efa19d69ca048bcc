"""Long work's memory does not grow with the data: fresh processes, by their own peak."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[3] / "bench" / "tasks.py"


def peaks(work: str, count: int) -> list[int]:
    """Return the peaks (MiB) that the program prints, a row for each piece of work."""
    command = [sys.executable, str(PROGRAM), "--here", work, f"--{work}", str(count)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [int(line.split()[-2]) for line in done.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("work", "few", "many"),
    [
        # Both amounts are beyond what a sort holds at once, so that only growth is left.
        ("pin", 45_000, 135_000),
        ("seal", 45_000, 90_000),
    ],
)
def test_memory_does_not_grow_with_the_number_of_objects(work: str, few: int, many: int) -> None:
    small, large = max(peaks(work, few)), max(peaks(work, many))
    assert large - small < 16
    assert large < 200


def test_a_small_amount_needs_little(tmp_path: Path) -> None:
    del tmp_path
    assert max(peaks("seal", 300)) < 120
