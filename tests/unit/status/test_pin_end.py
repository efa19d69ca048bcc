"""Retiring of a DatasetPin: the ends of its validity and of its retention, in a user's words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glovebox.api.dataset_pin import DatasetPinSpec
from glovebox.status.pin_end import retiring_of, seconds_until_it_turns
from glovebox.status.retiring import WARNED_AHEAD

Json = dict[str, Any]
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SOON = "the data may be kept until {} alone: pin others for new Experiments, and let those who use"
ENDED = (
    "True RetentionEnded: its retention ended at {}, and nothing was deleted for it: let those who"
    " use it end, delete the pin, and then the data"
)
HELD = (
    "; its legal hold goes on until the pin is gone, nobody is bound to it, and a window has passed"
)


def pin(
    kept: timedelta | None = None, used: timedelta | None = None, hold: str | None = None
) -> DatasetPinSpec:
    """Return a pin whose retention and validity end so much later than now."""
    spec: Json = {
        "storeRef": {"name": "primary"},
        "source": {"prefix": {"bucket": "data", "prefix": "p/"}},
        "retention": {"why": "the law", **({"untilTime": NOW + kept} if kept is not None else {})},
        "validity": {"notAfterTime": NOW + used} if used is not None else None,
        "hold": hold,
    }
    return DatasetPinSpec.model_validate(spec)


def says(spec: DatasetPinSpec) -> str:
    gate = retiring_of(spec, NOW)
    return f"{gate.answer} {gate.reason}: {gate.message}" if gate is not None else ""


@pytest.mark.parametrize(
    ("spec", "said", "turns"),
    [
        pytest.param(pin(), "", None, id="it may be kept and used without an end"),
        pytest.param(
            pin(kept=WARNED_AHEAD + HOUR),
            "False Current: neither its validity nor its retention ends soon",
            3600,
            id="nobody is warned yet",
        ),
        pytest.param(
            pin(kept=HOUR),
            f"True RetentionEndsSoon: {SOON.format('2026-11-25T13:00:00Z')} these end by then",
            3600,
            id="its users are warned",
        ),
        pytest.param(
            pin(kept=WARNED_AHEAD),
            f"True RetentionEndsSoon: {SOON.format('2026-12-09T12:00:00Z')} these end by then",
            WARNED_AHEAD.total_seconds(),
            id="from this moment on",
        ),
        pytest.param(
            pin(kept=timedelta()), ENDED.format("2026-11-25T12:00:00Z"), None, id="over at its end"
        ),
        pytest.param(
            pin(kept=-HOUR, hold="WhileUsed"),
            f"{ENDED.format('2026-11-25T11:00:00Z')}{HELD}",
            None,
            id="a hold outlasts it, and says so",
        ),
        pytest.param(
            pin(kept=HOUR, hold="WhileUsed"),
            f"True RetentionEndsSoon: {SOON.format('2026-11-25T13:00:00Z')} these end by then"
            f"{HELD}",
            3600,
            id="a hold is going to outlast it, and says so in time",
        ),
        pytest.param(
            pin(used=HOUR),
            "True ExpiresSoon: new Experiments may use it until 2026-11-25T13:00:00Z alone",
            3600,
            id="it may be used until then",
        ),
        pytest.param(
            pin(used=-HOUR),
            "True Expired: it expired at 2026-11-25T11:00:00Z, and no new Experiment may use it",
            None,
            id="nobody new uses it",
        ),
        pytest.param(
            pin(kept=-HOUR, used=2 * HOUR),
            f"{ENDED.format('2026-11-25T11:00:00Z')}; new Experiments may use it until"
            " 2026-11-25T14:00:00Z alone",
            7200,
            id="of both the retention is the reason, and both are told",
        ),
    ],
)
def test_ends_are_told_ahead_and_when_they_come(
    spec: DatasetPinSpec, said: str, turns: float | None
) -> None:
    assert says(spec) == said
    assert seconds_until_it_turns(spec, NOW) == turns


@pytest.mark.parametrize(
    ("ends", "reason"),
    [
        ("1000-01-01T00:00:00Z", "RetentionEnded"),
        ("9999-12-31T23:59:59Z", "Current"),
    ],
)
def test_the_first_and_the_last_days_of_the_calendar_are_ends_like_others(
    ends: str, reason: str
) -> None:
    spec = pin().model_copy(deep=True)
    retention = {"why": "the law", "untilTime": ends}
    spec = DatasetPinSpec.model_validate(spec.model_dump(by_alias=True) | {"retention": retention})
    gate = retiring_of(spec, NOW)
    assert gate is not None
    assert gate.reason == reason
    assert (seconds_until_it_turns(spec, NOW) is None) == (reason == "RetentionEnded")
