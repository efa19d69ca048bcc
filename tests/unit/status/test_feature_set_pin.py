"""What a FeatureSetPin's conditions say, and when they turn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glovebox.api.validity import Validity
from glovebox.errors import GloveboxError, InvalidInput, NotReady
from glovebox.status.feature_set_pin import FeatureFacts, compute_status, seconds_until_it_turns
from glovebox.status.outcome import done, of_error

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def window(begins: timedelta | None = None, ends: timedelta | None = None) -> Validity:
    return Validity(
        not_before_time=NOW + begins if begins is not None else None,
        not_after_time=NOW + ends if ends is not None else None,
    )


def facts(validity: Validity | None = None) -> FeatureFacts:
    return FeatureFacts("sha256:1", {"delay": "h1", "day": "h2"}, {"train": "sha256:2"}, validity)


def answers(status: dict[str, Any]) -> dict[str, str]:
    return {entry["type"]: f"{entry['status']} {entry['reason']}" for entry in status["conditions"]}


@pytest.mark.parametrize(
    ("validity", "verified", "turns"),
    [
        pytest.param(None, "True Verified", None, id="without a window they are valid for ever"),
        pytest.param(window(begins=-HOUR), "True Verified", None, id="begun, and without an end"),
        pytest.param(
            window(begins=-HOUR, ends=HOUR), "True Verified", 3600, id="valid until its end"
        ),
        pytest.param(window(begins=HOUR, ends=2 * HOUR), "False NotYetValid", 3600, id="not yet"),
        pytest.param(window(ends=-HOUR), "False Expired", None, id="over for good"),
        pytest.param(window(ends=timedelta()), "False Expired", None, id="at its end it is over"),
    ],
)
def test_the_window_decides_and_says_when_it_turns(
    validity: Validity | None, verified: str, turns: float | None
) -> None:
    found = answers(compute_status({"metadata": {"generation": 1}}, done(facts(validity)), NOW))
    assert found == {"Ready": verified, "Verified": verified}
    assert seconds_until_it_turns(validity, NOW) == turns


@pytest.mark.parametrize(
    ("error", "beside"),
    [
        pytest.param(NotReady("InputNotReady", "wait"), "Reconciling Pending", id="waits for data"),
        pytest.param(
            InvalidInput("DigestMismatch", "differs"), "Stalled DigestMismatch", id="refused"
        ),
    ],
)
def test_what_keeps_it_from_being_verified_is_said_twice(error: GloveboxError, beside: str) -> None:
    found = answers(compute_status({"metadata": {"generation": 1}}, of_error(error), NOW))
    kind, reason = beside.split()
    said = f"False {error.reason}"
    assert found == {"Ready": said, "Verified": said, kind: f"True {reason}"}


def test_a_failure_says_nothing_about_the_definitions() -> None:
    before = compute_status({"metadata": {"generation": 1}}, done(facts()), NOW)
    obj = {"metadata": {"generation": 1}, "status": before}
    found = answers(compute_status(obj, of_error(RuntimeError("a bug")), NOW))
    assert found["Verified"] == "True Verified"
    assert found["Ready"] == "Unknown InternalError"


def test_the_moment_of_the_first_digest_stays() -> None:
    first = compute_status({"metadata": {"generation": 1}}, done(facts()), NOW)
    obj = {"metadata": {"generation": 1}, "status": first}
    later = compute_status(obj, done(facts()), NOW + HOUR)
    assert later == first
    assert first["verifiedTime"] == "2026-11-25T12:00:00Z"
    assert first["hashedNames"] == [{"name": "delay", "hash": "h1"}, {"name": "day", "hash": "h2"}]
