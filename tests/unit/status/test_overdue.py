"""Evidence that is overdue is a condition, which is there for as long as the evidence is not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.status.builder import StatusBuilder
from glovebox.status.experiment_seen import Late
from glovebox.status.overdue import mark_overdue, overdue_of

Json = dict[str, Any]
LATE = Late("the record", "the store denies it", is_overdue=False)
OVERDUE = Late("the list", "it is away", is_overdue=True)
READY = {"type": "Ready", "status": "True", "reason": "Ready"}
SAID = {"type": "EvidenceWritten", "status": "False", "reason": "EvidenceOverdue"}


@pytest.mark.parametrize(
    ("status", "reported"),
    [
        pytest.param(None, (OVERDUE,), id="nothing is said yet"),
        pytest.param({}, (OVERDUE,), id="an empty status"),
        pytest.param({"conditions": None}, (OVERDUE,), id="no conditions"),
        pytest.param({"conditions": [READY]}, (OVERDUE,), id="of something else"),
        pytest.param({"conditions": [READY, SAID]}, (LATE, OVERDUE), id="what was reported stays"),
    ],
)
def test_what_is_overdue_is_reported_and_stays_so_while_it_is_late(
    status: Json | None, reported: tuple[Late, ...]
) -> None:
    assert overdue_of(status, [LATE, OVERDUE]) == reported


def test_what_is_written_is_reported_no_more() -> None:
    assert overdue_of({"conditions": [SAID]}, []) == ()


def condition(*overdue: Late) -> Json:
    """Return the condition of a status that has room for it."""
    builder = StatusBuilder({}, 1, ("EvidenceWritten",), datetime(2026, 11, 28, tzinfo=UTC))
    mark_overdue(builder, overdue)
    (found,) = builder.render()["conditions"]
    return dict(found)


def test_the_condition_says_what_is_not_written_and_why() -> None:
    said = condition(LATE, OVERDUE)

    assert {name: said[name] for name in SAID} == SAID
    assert said["message"] == (
        "the record is not written: the store denies it; the list is not written: it is away."
        " The operator goes on trying"
    )


def test_where_nothing_is_overdue_nothing_is_said() -> None:
    assert condition()["reason"] == "NotLooked"
