"""What a SplitPin says of itself, for each way in which a look can end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.api.split_pin import SplitPin
from glovebox.data.split_result import PartFound, SplitFound
from glovebox.errors import Forbidden, GloveboxError, InvalidInput, NotReady, Unavailable
from glovebox.status.outcome import Outcome, done, of_error, waiting
from glovebox.status.split_pin import (
    SPLITTING,
    compute_status,
    ready_message,
    recorded_part,
    recorded_split,
)
from support.examples import flights

NOW = datetime(2026, 11, 27, tzinfo=UTC)
PART = PartFound(
    "test", "sha256:c", "sha256:p", 2, 30, 1, "artifacts", "k", "v", "sha256:m", 9, 7, 3, "sha256:k"
)


def said(outcome: Outcome, before: dict[str, Any] | None = None) -> dict[str, tuple[str, str]]:
    obj = {"metadata": {"generation": 1}, "status": before}
    status = compute_status(obj, outcome, {}, NOW)
    return {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}


@pytest.mark.parametrize(
    ("outcome", "found"),
    [
        pytest.param(done(message="m"), {"Ready": ("True", "SplitDone")}, id="done"),
        pytest.param(
            waiting(reasons.SPLITTING, SPLITTING),
            {"Ready": ("False", "Splitting"), "Reconciling": ("True", "Splitting")},
            id="under way",
        ),
        pytest.param(
            of_error(NotReady("PinNotReady", "m")),
            {"Ready": ("False", "PinNotReady"), "Reconciling": ("True", "Pending")},
            id="its pin is not ready",
        ),
        pytest.param(
            of_error(InvalidInput("KeyMissing", "m")),
            {"Ready": ("False", "KeyMissing"), "Stalled": ("True", "KeyMissing")},
            id="the data refuse it",
        ),
        pytest.param(
            of_error(Unavailable("StoreUnreachable", "m")),
            {
                "Ready": ("False", "StoreUnreachable"),
                "Reconciling": ("True", "StoreUnreachable"),
            },
            id="the store is away",
        ),
    ],
)
def test_conditions_follow_from_the_outcome(
    outcome: Outcome, found: dict[str, tuple[str, str]]
) -> None:
    assert said(outcome) == found


@pytest.mark.parametrize("error", [Unavailable, Forbidden])
def test_what_was_divided_is_not_said_to_be_gone_by_a_failure(error: type[GloveboxError]) -> None:
    obj = {"metadata": {"generation": 1}, "status": None}
    before = compute_status(obj, done(message="m"), recorded_split(SplitFound((PART,), 1)), NOW)
    after = compute_status(
        {"metadata": {"generation": 1}, "status": before}, of_error(error("X", "m")), {}, NOW
    )
    assert after["parts"] == before["parts"]
    assert after["leftOut"] == 1


def test_what_is_recorded_is_what_the_model_reads() -> None:
    made = {**flights("SplitPin"), "status": recorded_split(SplitFound((PART,), 0))}
    (part,) = SplitPin.model_validate(made).status.parts
    assert (part.name, part.rows, part.keys, part.manifest.version_id) == ("test", 7, 3, "v")
    assert part.first_time is None


def test_parts_by_time_say_from_when_to_when() -> None:

    by_time = replace(PART, keys=None, keys_digest="", first="1357041600000000001", last="0")
    found = recorded_part(by_time)
    assert (found["firstTime"], found["lastTime"]) == (
        "2013-01-01T12:00:00Z",
        "1970-01-01T00:00:00Z",
    )
    assert not {"keys", "keysDigest"} & found.keys()


@pytest.mark.parametrize(
    ("parts", "left_out", "text"),
    [
        ({"test": 1, "train": 1200}, 0, "1 row in `test`, 1,200 rows in `train`"),
        ({"test": 2, "train": 3}, 1, "2 rows in `test`, 3 rows in `train`; 1 row in none"),
    ],
)
def test_ready_says_how_much_each_part_has(parts: dict[str, int], left_out: int, text: str) -> None:
    assert ready_message(parts, left_out, "row") == text
