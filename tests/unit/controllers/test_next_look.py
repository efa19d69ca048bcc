"""When to look again: at once only after a status was written, which the next look finds."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox.controllers.looking import Look
from glovebox.controllers.reconcile import UNWRITTEN_SECONDS, Written, next_look

OBJ: dict[str, Any] = {}
WROTE, SAME, HELD = Written(is_written=True), Written(), Written(held_back=40.0)


@pytest.mark.parametrize(
    ("wanted", "written", "expected"),
    [
        pytest.param(0.0, WROTE, 0.0, id="what waits for the record finds it"),
        pytest.param(0.0, SAME, UNWRITTEN_SECONDS, id="nothing is new: all would be as it was"),
        pytest.param(0.0, HELD, UNWRITTEN_SECONDS, id="new words wait: likewise"),
        pytest.param(1.0, HELD, 1.0, id="what is looked at every second goes on"),
        pytest.param(300.0, HELD, 40.0, id="words are written when they are due"),
        pytest.param(None, HELD, 40.0, id="also where nothing else is awaited"),
        pytest.param(None, WROTE, None, id="an event says when"),
    ],
)
def test_when_to_look_again(wanted: float | None, written: Written, expected: float | None) -> None:
    assert next_look(Look(OBJ, None, retry_seconds=wanted), written) == expected
