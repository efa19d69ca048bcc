"""Since when evidence is late: by what is on record, whichever process asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from glovebox.controllers.experiment.conclude import written_time
from glovebox.controllers.experiment.overdue import clear_late, late_of, note_late
from glovebox.controllers.ports import Failures
from glovebox.errors import Unavailable
from glovebox.kube.resources import Key

KEY = Key("Experiment", "team", "exp")
NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
ERROR = Unavailable("StoreUnreachable", "the store does not answer")


class Process:
    """A process that has failed for so long, by its own clock."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.ports: Any = SimpleNamespace(
            failures=Failures(lambda: self.seconds),
            late={},
            now=lambda: NOW + timedelta(seconds=self.seconds),
        )

    def is_overdue(self, minutes: float, since: datetime | None) -> bool:
        """Return whether it is, when it has failed for so long."""
        note_late(self.ports, KEY, "it", ERROR, since=since)
        self.seconds += minutes * 60
        note_late(self.ports, KEY, "it", ERROR, since=since)
        (late,) = late_of(self.ports, KEY)
        assert (late.what, late.why) == ("it", ERROR.message)
        return late.is_overdue


@pytest.mark.parametrize(
    ("on_record", "failing", "expected"),
    [
        pytest.param(None, 14, False, id="nothing on record, and not for long"),
        pytest.param(None, 15, True, id="nothing on record, for long"),
        pytest.param(0, 14, False, id="since now, and not for long"),
        pytest.param(0, 15, True, id="since now, for long"),
        pytest.param(10, 4, False, id="another process failed before, and not for long"),
        pytest.param(10, 5, True, id="another process failed before, together for long"),
        pytest.param(600, 1, False, id="since long ago, and this process has hardly tried"),
        pytest.param(600, 2, True, id="since long ago"),
        pytest.param(-60, 20, False, id="since a moment that is to come"),
    ],
)
def test_it_is_overdue_a_quarter_of_an_hour_after_it_could_have_been_written(
    on_record: float | None, failing: float, *, expected: bool
) -> None:
    since = None if on_record is None else NOW - timedelta(minutes=on_record)
    assert Process().is_overdue(failing, since) == expected


def test_what_is_written_is_not_late_and_begins_anew() -> None:
    process = Process()
    assert process.is_overdue(20, None)
    clear_late(process.ports, KEY, "it")
    assert late_of(process.ports, KEY) == ()
    assert not process.is_overdue(1, None)


def test_when_a_conclusion_was_written_says_the_api_server() -> None:
    entry = {
        "manager": "kubectl-patch",
        "operation": "Update",
        "time": "2026-11-28T11:00:00Z",
        "fieldsV1": {"f:spec": {"f:conclusion": {".": {}, "f:by": {}, "f:verdict": {}}}},
    }
    earlier = {
        "manager": "kubectl-create",
        "operation": "Update",
        "time": "2026-11-20T11:00:00Z",
        "fieldsV1": {"f:spec": {".": {}, "f:purpose": {}}},
    }
    spec = {"conclusion": {"by": "erin@example.com", "verdict": "Confirmed"}, "purpose": {}}
    obj = {"metadata": {"managedFields": [earlier, entry]}, "spec": spec}
    assert written_time(obj) == datetime(2026, 11, 28, 11, 0, tzinfo=UTC)
    assert written_time({"metadata": {}, "spec": spec}) is None
