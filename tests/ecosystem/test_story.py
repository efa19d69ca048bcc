"""The story of a run of several workers, as a person tells it, to its end and without a leak."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from glovebox_local.packages import node_obstacle
from support.kept_demo import kept_demo

_TIMEOUT = 800.0


@pytest.mark.timeout(_TIMEOUT + 60)
def test_a_story_of_runs_happens_and_puts_out_no_secret() -> None:
    """That each scene is so, its steps check themselves."""
    obstacle = node_obstacle()
    if obstacle:
        pytest.skip(f"NOT TESTED: {obstacle}")
    # A short path: sockets lie below it.
    with (
        TemporaryDirectory(prefix="gbx") as folder,
        kept_demo(Path(folder), "--story", "runs", timeout=_TIMEOUT) as said,
    ):
        text = " ".join(said.split())
    assert "All of it happened" in text
    assert "attempts 4, train Succeeded, evaluate Succeeded" in text
    assert '"attempt": 1, "inputs": ["train"]' in text
    assert "The seal of team-flights/delay-by-two holds." in text
