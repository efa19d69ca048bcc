"""An IsolationProfile's one condition, and what waits for its users before it goes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.errors import InvalidInput
from glovebox.status.in_use import compute_held_status
from glovebox.status.isolation_profile import compute_status
from glovebox.status.outcome import Outcome, done, of_error

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
OBJ: dict[str, Any] = {"metadata": {"generation": 2}}


def answers(status: dict[str, Any]) -> dict[str, str]:
    return {entry["type"]: f"{entry['status']} {entry['reason']}" for entry in status["conditions"]}


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        pytest.param(done(), {"Ready": "True Ready"}, id="understood"),
        pytest.param(
            of_error(InvalidInput("InvalidSpec", "`spec.quota`: ...")),
            {"Ready": "False InvalidSpec", "Stalled": "True InvalidSpec"},
            id="not understood: nobody is kept waiting for it",
        ),
    ],
)
def test_a_profile(outcome: Outcome, expected: dict[str, str]) -> None:
    assert answers(compute_status(OBJ, outcome, NOW)) == expected


@pytest.mark.parametrize(
    ("images", "said"),
    [
        pytest.param([{"repository": "r.example/a"}], "Experiments may choose", id="one approved"),
        pytest.param([], "it approves no image", id="none: nobody with an image can use it"),
    ],
)
def test_a_ready_profile_says_whether_it_approves_an_image(
    images: list[dict[str, str]], said: str
) -> None:
    status = compute_status({**OBJ, "spec": {"images": images}}, done(), NOW)
    assert answers(status) == {"Ready": "True Ready"}
    assert status["conditions"][0]["message"].startswith(said)


def test_what_is_held_says_by_whom_and_keeps_what_is_known_of_it() -> None:
    refused = compute_status(OBJ, of_error(InvalidInput("InvalidSpec", "x")), NOW)
    refused["conditions"].append(
        {"type": "Verified", "status": "True", "reason": "Verified", "lastTransitionTime": "then"}
    )
    status = compute_held_status(OBJ, refused, "in use by 3, among them Experiment/a/b", NOW)
    assert answers(status) == {
        "Ready": "False InUse",
        "Verified": "True Verified",
        "Reconciling": "True InUse",  # and no longer Stalled: it goes by itself
    }
    assert "in use by 3, among them Experiment/a/b" in status["conditions"][0]["message"]


def test_what_was_not_looked_at_is_held_with_the_status_that_it_shows() -> None:
    shown = compute_status(OBJ, done(), NOW)
    held = compute_held_status({**OBJ, "status": shown}, None, "in use by 1", NOW)
    assert answers(held) == {"Ready": "False InUse", "Reconciling": "True InUse"}
