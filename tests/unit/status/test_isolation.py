"""What Isolated says by the verdict that is recorded, and by the policies that are in force."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.api.experiment_status import IsolationStatus
from glovebox.errors import Forbidden
from glovebox.status.isolation import being_checked, isolated, not_checked, not_checked_again

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def recorded(outcome: str, message: str = "") -> IsolationStatus:
    return IsolationStatus.model_validate(
        {
            "outcome": outcome,
            "message": message,
            "attempts": 12,
            "verifiedTime": NOW,
            "policyDigest": "sha256:1",
        }
    )


USUAL: dict[str, Any] = {
    "schedule": "Once",
    "policy_digest": "sha256:1",
    "differing": (),
    "looked": True,
}


@pytest.mark.parametrize(
    ("found", "changes", "expected", "words"),
    [
        pytest.param(
            None, {}, "Unknown NotProven", "nothing has checked them here", id="not checked yet"
        ),
        pytest.param(
            None,
            {"schedule": "Never"},
            "Unknown NotProven",
            "is Never",
            id="the profile wants none",
        ),
        pytest.param(
            None,
            {"policy_digest": None},
            "Unknown NotProven",
            "`operator.image.digest`",
            id="nothing can check: the cure is named",
        ),
        pytest.param(
            recorded("Passed"), {}, "True Proven", "12 attempts from inside", id="it was proven"
        ),
        pytest.param(
            recorded("Passed", "`apis` was silent"),
            {},
            "True Proven",
            "but of the declared routes",
            id="a route that leads nowhere is no hole",
        ),
        pytest.param(
            recorded("Unknown", "no node"),
            {},
            "Unknown NotProven",
            "no node",
            id="no answer",
        ),
        pytest.param(
            recorded("Passed"),
            {"policy_digest": "sha256:2"},
            "Unknown ProofOutdated",
            "it is checked again",
            id="for other policies it counts no more",
        ),
        pytest.param(
            recorded("Passed"),
            {"policy_digest": None},
            "True Proven",
            "12 attempts",
            id="an operator without an image takes no verdict back",
        ),
        pytest.param(
            recorded("Passed"),
            {"differing": ("default-deny",)},
            "Unknown ProofOutdated",
            "`default-deny`",
            id="a policy differs just now",
        ),
        pytest.param(
            recorded("Passed"),
            {"looked": False},
            "Unknown ProofOutdated",
            "not every NetworkPolicy",
            id="nobody could look at the policies",
        ),
        pytest.param(
            recorded("Failed", "api: it answered"),
            {"policy_digest": "sha256:2", "looked": False},
            "False ProbeFailed",
            "api: it answered",
            id="a hole stays one until a check says otherwise",
        ),
    ],
)
def test_isolated(
    found: IsolationStatus | None, changes: dict[str, Any], expected: str, words: str
) -> None:
    finding = isolated(found, **{**USUAL, **changes})
    assert f"{finding.answer} {finding.reason}" == expected
    assert words in finding.message


def test_while_it_is_checked_and_where_it_cannot_be_nothing_is_known() -> None:
    assert being_checked("").message == "Job `glovebox-probe` is checking isolation"
    assert being_checked("no pod yet").message.endswith(": no pod yet")
    refused = not_checked(Forbidden("Forbidden", "a policy of the platform refuses the pod"))
    assert (refused.answer, refused.reason) == ("Unknown", "Forbidden")
    assert "refuses the pod" in refused.message


def test_a_check_that_could_not_be_made_again_is_named_with_its_reason() -> None:
    finding = not_checked_again(recorded("Passed"), "a policy refuses the Job")
    assert f"{finding.answer} {finding.reason}" == "Unknown ProofOutdated"
    assert "2026-11-25T12:00:00Z" in finding.message
    assert finding.message.endswith(": a policy refuses the Job")
