"""That a namespace is gone is no matter of the phase that was answered so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from glovebox.api import reasons
from glovebox.api.experiment_status import IsolationStatus
from glovebox.controllers.experiment import artifact_credentials, prove, reconcile, run
from glovebox.errors import Conflict, NamespaceGone, NotFound, Unavailable
from glovebox.kube.kinds import JOB_SET
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


def raising(error: Exception) -> Any:
    async def raises(*_: Any) -> Any:
        raise error

    return raises


MISSING = NotFound(reasons.CONFLICT, "it is not there")


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        pytest.param("the queue", reasons.QUEUE_MISSING, id="the queue"),
        pytest.param("the JobSet", reasons.JOB_SET_MISSING, id="the JobSet"),
    ],
)
async def test_a_run_that_finds_its_namespace_gone_does_not_wait_for_a_kind(
    refused: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: Any) -> None:
        return None

    plan: Any = SimpleNamespace(run={})
    needs: Any = SimpleNamespace(
        need=lambda phase, _: plan if phase == "bind" else SimpleNamespace(uid="u")
    )
    monkeypatch.setattr(run, "begin", nothing)
    monkeypatch.setattr(run, "run_kind", lambda _: JOB_SET)

    async def begun(error: Exception) -> Any:
        queue = raising(error) if refused == "the queue" else nothing
        monkeypatch.setattr(run, "ensure_queue", queue)
        return await run._begin(scope(error), needs)

    with pytest.raises(NamespaceGone):
        await begun(GONE)
    assert (await begun(MISSING)).reason == reason


async def test_a_renewal_that_finds_its_namespace_gone_does_not_go_on_with_what_is_valid(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)

    async def look(*_: Any, **__: Any) -> Any:
        return now + timedelta(seconds=1), None

    resolved = SimpleNamespace(
        platform=SimpleNamespace(
            store=MagicMock(),
            profile=SimpleNamespace(
                spec=SimpleNamespace(credentials=SimpleNamespace(duration_seconds=3600))
            ),
        )
    )
    outcomes: Any = SimpleNamespace(need=lambda *_: resolved, facts=lambda *_: MagicMock())
    monkeypatch.setattr(artifact_credentials, "_look", look)
    monkeypatch.setattr(artifact_credentials, "_key", lambda _: None)
    monkeypatch.setattr(artifact_credentials, "note_refusal", lambda *_: None)
    at_work: Any = MagicMock(now=now)

    async def renewed(error: Exception) -> Any:
        monkeypatch.setattr(artifact_credentials, "_issue", raising(error))
        return await artifact_credentials.ensure_credentials(at_work, outcomes)

    with pytest.raises(NamespaceGone):
        await renewed(GONE)
    away = Unavailable(reasons.STORE_UNREACHABLE, "no answer")
    assert "no answer" in (await renewed(away)).facts.problem
