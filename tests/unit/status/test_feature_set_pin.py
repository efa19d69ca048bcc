"""What a FeatureSetPin's conditions say, and when they turn."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glovebox.api.validity import Validity
from glovebox.errors import GloveboxError, InvalidInput, NotReady
from glovebox.status.feature_set_pin import FeatureFacts, compute_status, seconds_until_it_turns
from glovebox.status.outcome import done, of_error
from glovebox.status.retiring import WARNED_AHEAD, Successor

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def window(begins: timedelta | None = None, ends: timedelta | None = None) -> Validity:
    return Validity(
        not_before_time=NOW + begins if begins is not None else None,
        not_after_time=NOW + ends if ends is not None else None,
    )


def facts(validity: Validity | None = None) -> FeatureFacts:
    hashed = {"delay": "h1", "day": "h2"}
    return FeatureFacts("sha256:1", 2, hashed, {"train": "sha256:2"}, validity)


def answers(status: dict[str, Any]) -> dict[str, str]:
    return {entry["type"]: f"{entry['status']} {entry['reason']}" for entry in status["conditions"]}


@pytest.mark.parametrize(
    ("validity", "verified", "retiring", "turns"),
    [
        pytest.param(None, "True Verified", "False Current", None, id="without a window for ever"),
        pytest.param(
            window(begins=-HOUR), "True Verified", "False Current", None, id="without an end"
        ),
        pytest.param(
            window(begins=-HOUR, ends=HOUR),
            "True Verified",
            "True ExpiresSoon",
            3600,
            id="valid until its end",
        ),
        pytest.param(
            window(ends=WARNED_AHEAD + HOUR),
            "True Verified",
            "False Current",
            3600,
            id="valid, and its users are warned in an hour",
        ),
        pytest.param(
            window(ends=WARNED_AHEAD),
            "True Verified",
            "True ExpiresSoon",
            WARNED_AHEAD.total_seconds(),
            id="its users are warned now",
        ),
        pytest.param(
            window(begins=HOUR, ends=WARNED_AHEAD + 3 * HOUR),
            "False NotYetValid",
            "False Current",
            3600,
            id="not yet",
        ),
        pytest.param(window(ends=-HOUR), "False Expired", "True Expired", None, id="for good"),
        pytest.param(
            window(ends=timedelta()), "False Expired", "True Expired", None, id="over at its end"
        ),
    ],
)
def test_the_window_decides_and_says_when_it_turns(
    validity: Validity | None, verified: str, retiring: str, turns: float | None
) -> None:
    found = answers(compute_status({"metadata": {"generation": 1}}, done(facts(validity)), NOW))
    assert found == {"Ready": verified, "Verified": verified, "Retiring": retiring}
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
    assert found == {
        "Ready": said,
        "Verified": said,
        "Retiring": "Unknown NotLooked",
        kind: f"True {reason}",
    }


LATER = NOW + HOUR


@pytest.mark.parametrize(
    ("validity", "successor", "says", "turns"),
    [
        pytest.param(
            None,
            Successor("v2"),
            "True Deprecated: it is deprecated; 'v2' supersedes it",
            None,
            id="at once",
        ),
        pytest.param(
            None,
            Successor("v2", LATER, "hours are UTC"),
            "True ToBeDeprecated: it will be deprecated at 2026-11-25T13:00:00Z; 'v2' supersedes"
            " it: hours are UTC",
            3600,
            id="later",
        ),
        pytest.param(
            None,
            Successor("v2", NOW),
            "True Deprecated: it is deprecated since 2026-11-25T12:00:00Z; 'v2' supersedes it",
            None,
            id="now",
        ),
        pytest.param(
            window(ends=2 * HOUR),
            Successor("v2", LATER),
            "True ExpiresSoon: new Experiments may use it until 2026-11-25T14:00:00Z alone; 'v2'"
            " supersedes it",
            3600,
            id="its end is nearer than a fortnight, and is what counts until then",
        ),
        pytest.param(
            window(ends=-HOUR),
            Successor("v2", NOW - 2 * HOUR),
            "True Expired: it expired at 2026-11-25T11:00:00Z, and no new Experiment may use it;"
            " 'v2' supersedes it",
            None,
            id="over",
        ),
        pytest.param(
            window(ends=HOUR),
            None,
            "True ExpiresSoon: new Experiments may use it until 2026-11-25T13:00:00Z alone, and"
            " nothing supersedes it yet: pin its successor",
            3600,
            id="nobody follows",
        ),
    ],
)
def test_a_pin_that_goes_out_of_use_says_when_and_what_takes_its_place(
    validity: Validity | None, successor: Successor | None, says: str, turns: float | None
) -> None:
    known = replace(facts(validity), successor=successor)
    status = compute_status({"metadata": {"generation": 1}}, done(known), NOW)
    (found,) = (each for each in status["conditions"] if each["type"] == "Retiring")
    assert f"{found['status']} {found['reason']}: {found['message']}" == says
    assert seconds_until_it_turns(validity, NOW, successor) == turns
    assert ("successor" in status) == (successor is not None)


def test_who_uses_the_definitions_is_recorded_and_goes_with_the_last() -> None:
    used = replace(facts(), used_by={"experiments": "1", "names": ["team/a"]})
    first = compute_status({"metadata": {"generation": 1}}, done(used), NOW)
    assert first["usedBy"] == {"experiments": "1", "names": ["team/a"]}
    obj = {"metadata": {"generation": 1}, "status": first}
    assert "usedBy" not in compute_status(obj, done(facts()), NOW)


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
