"""The measurement of 10,000 Experiments still measures: nothing else notices when it does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_cost_of_experiments_can_be_measured() -> None:
    done = subprocess.run(
        [sys.executable, "scale.py", "--experiments", "100"],
        cwd=BENCH,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "| /metrics with series of 100 Experiments |" in done.stdout
    assert "100 Experiments, 100 with series of their own: " in done.stderr
