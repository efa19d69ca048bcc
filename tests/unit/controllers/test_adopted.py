"""What keeps results from being taken over, and a record from being written unsigned."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.controllers.experiment import adopt, artifact_credentials, earlier_runs
from glovebox.controllers.experiment.scope import Outcomes
from glovebox.errors import InvalidInput, NotReady, Refused, Unavailable
from glovebox.status.outcome import done


def scope(store: Any = None) -> Any:
    spec = SimpleNamespace(artifacts=SimpleNamespace(store_ref=SimpleNamespace(name="primary")))
    return SimpleNamespace(
        obj={},
        experiment=SimpleNamespace(namespace="team", name="x", uid="u", spec=spec),
        ports=SimpleNamespace(resources=SimpleNamespace(parsed=lambda *_: store)),
    )


def test_a_store_that_is_not_there_is_waited_for() -> None:
    with pytest.raises(NotReady) as waits:
        adopt._store(scope())
    assert waits.value.reason == reasons.STORE_NOT_FOUND
    assert "spec.artifacts.storeRef" in str(waits.value)


async def test_a_seal_that_is_not_of_a_run_is_not_taken_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = SimpleNamespace(uid="former", team="team", name="x", snapshot={}, key="k", job_uid="j")
    found: dict[str, Any] = {
        "require_artifacts": None,
        "open_store": SimpleNamespace(),
        "_record": record,
        "_is_left_open": False,
        "ensure_bound_seal": done(SimpleNamespace(record=None)),
        "sealed_run": None,
    }

    def answers(value: Any) -> Any:
        async def answer(*_: Any) -> Any:
            return value

        return answer

    for name, value in found.items():
        monkeypatch.setattr(adopt, name, answers(value))
    monkeypatch.setattr(adopt, "tell_not_counted", lambda *_: None)
    monkeypatch.setattr(adopt, "read_snapshot", lambda _: SimpleNamespace())
    monkeypatch.setattr(adopt, "_bound_seal", lambda *_: SimpleNamespace())
    store = SimpleNamespace(spec=SimpleNamespace(artifacts=SimpleNamespace(bucket="results")))
    with pytest.raises(Refused, match="the UID former is not of a run") as refused:
        await adopt.adopt(scope(store), Outcomes())
    assert refused.value.reason == reasons.ADOPTION_REFUSED


async def test_a_store_without_a_role_issues_no_credentials() -> None:
    store = SimpleNamespace(name="primary", spec=SimpleNamespace(sts=None))
    resolved: Any = SimpleNamespace(platform=SimpleNamespace(store=store))
    with pytest.raises(InvalidInput, match=r"'primary' has no `spec.sts.roleArn`") as caught:
        await artifact_credentials._ask(scope(), resolved)
    assert caught.value.reason == reasons.STS_NOT_CONFIGURED


async def test_a_store_that_is_away_for_long_is_no_reason_to_write_an_unsigned_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only a service that does not sign is: the next request may be answered again."""
    asked: list[str] = []

    async def run_job(_: Any) -> None:
        asked.append("written")
        raise Unavailable(reasons.STORE_UNREACHABLE, "no answer")

    async def keys(*_: Any) -> Any:
        return (None, None)

    async def open_store(*_: Any) -> Any:
        return SimpleNamespace(run_job=run_job)

    monkeypatch.setattr(earlier_runs, "open_store", open_store)
    monkeypatch.setattr(earlier_runs, "_record_keys", keys)
    monkeypatch.setattr(earlier_runs, "_record", lambda *_: None)
    store = SimpleNamespace(spec=SimpleNamespace(artifacts=SimpleNamespace(bucket="results")))
    at_work: Any = SimpleNamespace(
        platform=SimpleNamespace(store=store),
        experiment=SimpleNamespace(uid="u"),
        key="key",
        refused_since=lambda _: None,
        ports=SimpleNamespace(
            now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
            failures=SimpleNamespace(note=lambda *_: (1e6, 100), clear=lambda *_: None),
            late={},
        ),
    )
    plan: Any = None
    with pytest.raises(Unavailable, match="no answer"):
        await earlier_runs.begin(at_work, plan, "n")
    assert asked == ["written"]
