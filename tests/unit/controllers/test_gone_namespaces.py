"""That a namespace is gone is no matter of the phase that was answered so."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.api.experiment_status import IsolationStatus
from glovebox.controllers.experiment import prove, reconcile
from glovebox.errors import Conflict, NamespaceGone, NotFound, Unavailable
from glovebox.status.outcome import done, of_error

GONE = NamespaceGone(reasons.NAMESPACE_TERMINATING, "no", namespace="gbx-team-a")
VERDICT = IsolationStatus.model_validate(
    {
        "outcome": "Passed",
        "verifiedTime": "2026-01-01T00:00:00Z",
        "policyDigest": "sha256:0",
        "jobUid": "j",
    }
)


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        pytest.param(of_error(GONE), True, id="its own"),
        pytest.param(
            of_error(NamespaceGone(reasons.NAMESPACE_TERMINATING, "no", namespace="operator")),
            False,
            id="another one, in which a cache is made",
        ),
        pytest.param(of_error(Conflict(reasons.CONFLICT, "no")), False, id="another answer"),
        pytest.param(done(), False, id="no error"),
    ],
)
def test_only_an_answer_about_its_own_namespace_ends_what_was_known_of_it(
    outcome: Any, *, says: bool
) -> None:
    assert reconcile._says_gone(outcome, "gbx-team-a") is says


def scope(error: Exception, namespace_uid: str | None = "u") -> Any:
    async def get(*_: Any) -> Any:
        raise NotFound(reasons.CONFLICT, "no Job is there")

    async def create_once(*_: Any) -> Any:
        raise error

    status = SimpleNamespace(namespace_uid=namespace_uid, isolation=VERDICT)
    return SimpleNamespace(
        namespace="gbx-team-a",
        experiment=SimpleNamespace(status=status),
        ports=SimpleNamespace(
            reader=SimpleNamespace(get=get), writer=SimpleNamespace(create_once=create_once)
        ),
    )


async def test_a_check_that_finds_its_namespace_gone_is_no_check_that_was_refused() -> None:
    probe: Any = SimpleNamespace(job=dict)
    with pytest.raises(NamespaceGone):
        await prove._step(scope(GONE), probe, None)
    step = await prove._step(scope(Unavailable(reasons.REJECTED, "by a policy")), probe, None)
    assert step.first.reason == reasons.REJECTED


@pytest.mark.parametrize(
    ("recorded", "counts"),
    [
        pytest.param("u", True, id="the same namespace"),
        pytest.param("former", False, id="another namespace of that name"),
        pytest.param(None, True, id="not recorded: a verdict is taken away with its namespace"),
    ],
)
def test_a_verdict_counts_for_the_namespace_it_was_reached_in(
    recorded: str | None, *, counts: bool
) -> None:
    found: Any = SimpleNamespace(uid="u")
    assert (prove._recorded(scope(GONE, recorded), found) is VERDICT) is counts
