"""Who wrote something and when, out of the words that are recorded of it."""

from __future__ import annotations

import pytest

from glovebox.data.field_managers import split_time
from glovebox.desired.writers import Writer

TIME = "2026-03-01T12:00:00Z"


@pytest.mark.parametrize(
    ("recorded", "writer", "time"),
    [
        (str(Writer("kubectl", "Update", TIME)), "kubectl", TIME),
        (str(Writer("kubectl", "Update", TIME, "status")), "kubectl through status", TIME),
        (str(Writer("kubectl", "Update")), "kubectl", ""),
        (str(Writer("glovebox at work", "Update", TIME)), "glovebox at work", TIME),
        (str(Writer("x at 2026", "Update")), "x at 2026", ""),
        ("", "", ""),
    ],
)
def test_the_name_is_a_client_s_own_words_and_the_time_comes_last(
    recorded: str, writer: str, time: str
) -> None:
    assert split_time(recorded) == (writer, time)
