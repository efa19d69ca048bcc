"""When a failure of a whole resource is shown, and when it may still pass."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.errors import Forbidden, InvalidInput, NotReady, Unavailable
from glovebox.status.builder import StatusBuilder
from glovebox.status.outcome import Grace, Outcome, done, of_error
from glovebox.status.summary import holds_back, summarise

AWAY = Unavailable("StoreUnreachable", "no answer")


@pytest.mark.parametrize(
    ("error", "seconds", "attempts", "ready", "observed", "held", "why"),
    [
        (AWAY, 0.0, 1, "True", 3, True, "one dropped connection"),
        (AWAY, 59.0, 50, "True", 3, True, "many tries in a short time"),
        (AWAY, 3600.0, 4, "True", 3, True, "few tries in a long time"),
        (AWAY, 60.0, 5, "True", 3, False, "both have passed"),
        (AWAY, 0.0, 1, "False", 3, False, "what is not Ready cannot flap"),
        (AWAY, 0.0, 1, "True", 2, False, "Ready was said of another generation"),
        (Forbidden("Forbidden", "no"), 4.0, 2, "True", 3, True, "rights are not known yet"),
        (Forbidden("Forbidden", "no"), 5.0, 2, "True", 3, False, "a refusal is an answer"),
        (InvalidInput("ProofFailed", "no"), 0.0, 1, "True", 3, False, "a failed check is, too"),
    ],
)
def test_what_is_held_back(
    error: Exception,
    seconds: float,
    attempts: int,
    ready: str,
    observed: int,
    held: bool,  # noqa: FBT001 - a table
    why: str,
) -> None:
    obj = {
        "metadata": {"generation": 3},
        "status": {
            "observedGeneration": observed,
            "conditions": [{"type": "Ready", "status": ready}],
        },
    }
    outcome = of_error(error).with_failure(seconds, attempts)
    assert holds_back(obj, outcome, Grace(seconds=60.0, attempts=5)) is held, why


NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ONE = ("True", "Fine", "")
# What Ready was before, how the look ended, and Ready with what stands beside it.
SUMMED: dict[str, tuple[tuple[str, str] | None, Outcome, tuple[str, str], tuple[str, str] | None]]
SUMMED = {
    "done": (None, done(), ("True", "Proven"), None),
    "refused": (
        ("True", "Proven"),
        of_error(InvalidInput("InvalidSpec", "no")),
        ("False", "InvalidSpec"),
        ("Stalled", "InvalidSpec"),
    ),
    "waiting": (
        ("True", "Proven"),
        of_error(NotReady("PinNotFound", "none")),
        ("False", "PinNotFound"),
        ("Reconciling", "Pending"),
    ),
    "failed, and never was Ready": (
        None,
        of_error(AWAY),
        ("False", "StoreUnreachable"),
        ("Reconciling", "StoreUnreachable"),
    ),
    "failed, and was not Ready": (
        ("False", "PinNotFound"),
        of_error(AWAY),
        ("False", "StoreUnreachable"),
        ("Reconciling", "StoreUnreachable"),
    ),
    "failed, and was Ready": (
        ("True", "Proven"),
        of_error(AWAY),
        ("Unknown", "StoreUnreachable"),
        ("Reconciling", "StoreUnreachable"),
    ),
    "failed, and was not known": (
        ("Unknown", "StoreUnreachable"),
        of_error(AWAY),
        ("Unknown", "StoreUnreachable"),
        ("Reconciling", "StoreUnreachable"),
    ),
    "failed by an answer, and was Ready": (
        ("True", "Proven"),
        of_error(Forbidden("Forbidden", "no")),
        ("False", "Forbidden"),
        ("Reconciling", "Forbidden"),
    ),
}


def ready_before(answer: tuple[str, str] | None) -> StatusBuilder:
    entry = {
        "type": "Ready",
        "message": "as before",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
        "observedGeneration": 1,
    }
    shown = [] if answer is None else [{**entry, "status": answer[0], "reason": answer[1]}]
    return StatusBuilder({"conditions": shown}, 1, ("Ready", "One", "Other"), NOW)


def shown(builder: StatusBuilder) -> dict[str, tuple[str, str]]:
    return {
        each["type"]: (each["status"], each["reason"])
        for each in builder.render()["conditions"]
        if each["type"] not in {"One", "Other"}
    }


@pytest.mark.parametrize("name", SUMMED)
def test_ready_is_how_the_look_ended_and_what_is_not_known_is_not_denied(name: str) -> None:
    before, outcome, ready, beside = SUMMED[name]
    builder = ready_before(before)
    for condition in ("One", "Other"):
        builder.mark_true(condition, "Fine")
    summarise(builder, outcome, ("One", "Other"), ("Proven", "all is well"))
    expected = {"Ready": ready} | ({beside[0]: ("True", beside[1])} if beside else {})
    assert shown(builder) == expected


@pytest.mark.parametrize(
    ("one", "other", "ready"),
    [
        (ONE, ("False", "Missing", "it lacks"), ("False", "Missing")),
        (("Unknown", "Away", "not known"), ("False", "Missing", "it lacks"), ("Unknown", "Away")),
        (ONE, ONE, ("True", "Proven")),
    ],
    ids=["the second lacks", "the first counts", "none lacks"],
)
def test_ready_has_the_reason_of_the_first_required_condition_that_is_not_true(
    one: tuple[Any, str, str], other: tuple[Any, str, str], ready: tuple[str, str]
) -> None:
    builder = ready_before(("True", "Proven"))
    builder.mark("One", *one)
    builder.mark("Other", *other)
    summarise(builder, done(), ("One", "Other"), ("Proven", "all is well"))
    assert shown(builder) == {"Ready": ready}


@pytest.mark.parametrize("conditions", [None, [], [{"type": "One", "status": "True"}]])
def test_what_never_was_ready_is_not_held_back(conditions: Any) -> None:
    obj = {
        "metadata": {"generation": 3},
        "status": {"observedGeneration": 3, "conditions": conditions},
    }
    assert not holds_back(obj, of_error(AWAY), Grace(seconds=60.0, attempts=5))
    assert not holds_back({"metadata": {"generation": 3}}, of_error(AWAY), Grace())
