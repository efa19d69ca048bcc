"""What the status records of drift: what was repaired, and what was found and left as it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glovebox.desired.drift import Applied, Change, Drift, Result
from glovebox.kube.objects import ObjectKey
from glovebox.status.builder import StatusBuilder
from glovebox.status.drift import mark_drift

Json = dict[str, Any]
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TYPES = ("DriftDetected",)


def found(
    result: Result,
    kind: str = "NetworkPolicy",
    name: str = "p",
    change: Change = "modified",
    manager: str = "rogue at 2026-01-02T03:04:00Z",
) -> Applied:
    key = ObjectKey(kind, "gbx-x", name)
    held = ("theirs/finalizer",) if result == "held" else ()
    drift = Drift(key, change, "spec", manager) if result != "unchanged" else None
    return Applied(key, result, drift, held_by=held)


def look(status: Json, *applied: Applied, seconds: int = 0, complete: bool = True) -> Json:
    now = NOW + timedelta(seconds=seconds)
    builder = StatusBuilder(status, 1, TYPES, now)
    mark_drift(builder, status, applied, now, complete=complete)
    return builder.render()


def left(status: Json) -> Json:
    record: Json = status["drift"]["outstanding"]
    return record


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ("alerted", "DriftDetected"),
        ("contended", "WriterFight"),
        ("held", "DeletionBlocked"),
    ],
)
def test_what_is_not_repaired_is_recorded_with_one_of_its_objects(
    result: Result, reason: str
) -> None:
    assert left(look({}, found(result), found("alerted", "Role", "r"))) == {
        "times": 1,
        "sinceTime": "2026-01-02T03:04:05Z",
        "reason": reason,
        "objects": 2,
        "first": {
            "kind": "NetworkPolicy",
            "name": "p",
            "change": "Modified",
            "field": "spec",
            "manager": "rogue at 2026-01-02T03:04:00Z",
        },
    }


@pytest.mark.parametrize("result", ["ignored", "repaired", "removed", "unchanged"])
def test_what_stands_or_is_to_be_ignored_is_not_outstanding(result: Result) -> None:
    assert "outstanding" not in look({}, found(result)).get("drift", {})


def test_what_was_deleted_and_is_in_force_is_named_before_what_was_changed() -> None:
    status = look({}, found("alerted"), found("held", "RoleBinding", "theirs"))
    assert (left(status)["reason"], left(status)["first"]["name"]) == ("DeletionBlocked", "theirs")


def test_it_ends_when_the_condition_does_and_begins_again_as_another_time() -> None:
    open_ = look({}, found("alerted"))
    ended = look(open_, found("unchanged"), seconds=60)
    assert left(ended) == left(open_) | {"untilTime": "2026-01-02T03:05:05Z"}
    assert look(ended, found("unchanged"), seconds=90) == ended, "no write where nothing changed"
    again = left(look(ended, found("alerted", "Role", "r"), seconds=120))
    assert "untilTime" not in again
    assert (again["times"], again["sinceTime"], again["first"]["kind"]) == (
        *(2, "2026-01-02T03:06:05Z"),
        "Role",
    )


def test_while_it_lasts_neither_a_later_writer_nor_a_look_at_a_part_is_another_one() -> None:
    open_ = look({}, found("alerted"), found("alerted", "Role", "r"))
    later = found("alerted", manager="another at 2026-01-02T03:09:00Z")
    assert left(look(open_, later, seconds=60, complete=False)) == left(open_)
    assert look(open_, seconds=60, complete=False) == open_
    fewer = left(look(open_, later, seconds=60))
    assert fewer == left(open_) | {"objects": 1}


def test_a_repair_beside_it_changes_nothing_of_its_record() -> None:
    open_ = look({}, found("alerted"))
    both = look(open_, found("alerted"), found("repaired", "LimitRange", "l"), seconds=60)
    assert left(both) == left(open_)
    assert (both["drift"]["repairs"], both["drift"]["last"]["kind"]) == (1, "LimitRange")


@pytest.mark.parametrize(
    ("applied", "told"),
    [
        (found("repaired"), "NetworkPolicy `p` was changed by rogue (`spec`); restored"),
        (found("removed", "Role", "r", "unexpected"), "Role `r` was added by rogue; removed"),
        (found("removed", "Pod", "x", "unexpected"), "Pod `x` was added by rogue; removed"),
    ],
)
def test_a_repair_is_called_what_it_was(applied: Applied, told: str) -> None:
    (condition,) = look({}, applied)["conditions"]
    assert (condition["reason"], condition["message"]) == ("DriftRepaired", told)
