"""Until when a session may have written, as a seal says: no less than any that is possible."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from glovebox.tasks.seal import _sessions_end

NOW = datetime(2026, 11, 28, 12, 0, 0, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("recorded", "end"),
    [
        ("", "2026-11-28T12:15:01Z"),
        ("2026-11-28T12:10:00Z", "2026-11-28T12:15:01Z"),
        ("2026-11-28T13:00:00Z", "2026-11-28T13:00:00Z"),
    ],
    ids=["none is known", "one was issued and not recorded", "one lives longer"],
)
def test_the_last_session_ends_when_the_latest_that_is_possible_does(
    recorded: str, end: str
) -> None:
    request: Any = SimpleNamespace(
        session_seconds=900, about=SimpleNamespace(sessions_end=recorded)
    )
    assert _sessions_end(request, NOW) == end
