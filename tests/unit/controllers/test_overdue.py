"""What counts as evidence that is late, and when nobody waits for it any more."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.controllers.experiment import conclude, earlier_runs, reconcile, run, seal
from glovebox.controllers.experiment.overdue import (
    CONCLUSION,
    LAST_LISTING,
    RECORD,
    late_of,
    note_late,
)
from glovebox.controllers.experiment.scope import Outcomes
from glovebox.controllers.last_listings import OVERDUE, SealedExperiment
from glovebox.controllers.ports import Failures
from glovebox.errors import Conflict, GloveboxError, Refused, Unavailable
from glovebox.kube.resources import Key

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = Key("Experiment", "team", "x")
AWAY = Unavailable(reasons.STORE_UNREACHABLE, "no answer")
TAKEN = Conflict(reasons.CONFLICT, "somebody was faster")
RAN = Refused(reasons.ALREADY_RAN, "another one's record is there")
Step = Callable[[Any], Awaitable[object]]
_BEGAN = 1_000.0


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.seconds = _BEGAN

    def __call__(self) -> float:
        return self.seconds


def scope(**status: Any) -> Any:
    """Return the scope of an Experiment with that status, and a conclusion that is not signed."""
    clock = Clock()
    known: dict[str, Any] = {"conclusion": None, "seal": None, "run": None, "seal_supplement": None}
    spec = SimpleNamespace(conclusion=SimpleNamespace(verdict="v", text="t", by="b"), has_run=True)
    ports: Any = SimpleNamespace(
        clock=clock,
        now=lambda: NOW + timedelta(seconds=clock() - _BEGAN),
        failures=Failures(clock),
        late={},
        start_notes={},
        ledger=None,
    )
    return SimpleNamespace(
        key=KEY,
        obj={},
        now=NOW,
        is_open=True,
        refused_since=lambda _: None,
        ports=ports,
        platform=SimpleNamespace(store=None),
        experiment=SimpleNamespace(
            uid="u", spec=spec, is_deleting=False, status=SimpleNamespace(**known | status)
        ),
    )


def late(of: Any) -> list[str]:
    return [each.what for each in late_of(of.ports, KEY)]


def answering(answer: object) -> Any:
    """Return a function that answers so, or raises that."""

    async def answers(*_: Any, **__: Any) -> object:
        if isinstance(answer, GloveboxError):
            raise answer
        return answer

    return answers


def concluding(monkeypatch: pytest.MonkeyPatch, answer: object) -> Step:
    monkeypatch.setattr(conclude, "_signed", answering(answer))
    return lambda of: conclude.ensure_conclusion(of, Outcomes())


def beginning(monkeypatch: pytest.MonkeyPatch, answer: object) -> Step:
    monkeypatch.setattr(earlier_runs, "_begin", answering(answer))
    plan: Any = None
    return lambda of: earlier_runs.begin(of, plan, "n")


def noting(monkeypatch: pytest.MonkeyPatch, answer: object) -> Step:
    monkeypatch.setattr(earlier_runs, "open_store", answering(None))
    monkeypatch.setattr(earlier_runs, "note_refusal", lambda *_: None)
    monkeypatch.setattr(earlier_runs, "_note", answering(answer))
    shown: Any = SimpleNamespace(start_time=NOW, model_copy=lambda **_: None)
    plan: Any = SimpleNamespace()
    return lambda of: earlier_runs.note(of, shown, plan)


def listing(monkeypatch: pytest.MonkeyPatch, answer: object) -> Step:
    task = answer if isinstance(answer, GloveboxError) else SimpleNamespace(result=1, error=None)
    monkeypatch.setattr(seal, "ensure_last_listing", answering(task))
    monkeypatch.setattr(seal, "note_refusal", lambda *_: None)
    monkeypatch.setattr(seal, "record_of", lambda _: None)
    monkeypatch.setattr(SealedExperiment, "of", lambda _: None)
    return listed


async def listed(of: Any) -> object:
    of.ports.tasks = SimpleNamespace(drop=lambda _: None)
    sessions: Any = SimpleNamespace(objects=1, bytes=1, findings=(), sessions_end_time=NOW)
    return await seal._list_once_more(of, sessions)


CONCLUDED = SimpleNamespace(
    verdict="v", text="t", signed="", attestation="", attestation_version="", key_id=""
)
STEPS = [
    pytest.param(concluding, CONCLUSION, {"seal": object()}, id="a conclusion"),
    pytest.param(beginning, RECORD, {}, id="a record before the run"),
    pytest.param(noting, RECORD, {}, id="a record of a run that began"),
    pytest.param(listing, LAST_LISTING, {}, id="the last listing"),
]
Make = Callable[[pytest.MonkeyPatch, object], Step]


async def tried(step: Step, of: Any) -> None:
    with contextlib.suppress(GloveboxError):
        await step(of)


@pytest.mark.parametrize(("make", "what", "status"), STEPS)
async def test_what_the_store_refuses_is_late_until_it_takes_it(
    make: Make, what: str, status: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    of = scope(**status)
    await tried(make(monkeypatch, AWAY), of)
    assert late(of) == [what]
    of.ports.clock.seconds += OVERDUE.total_seconds() - 1
    assert not any(each.is_overdue for each in late_of(of.ports, KEY))
    of.ports.clock.seconds += 1
    assert [(each.why, each.is_overdue) for each in late_of(of.ports, KEY)] == [("no answer", True)]
    of.ports.start_notes.clear()
    await tried(make(monkeypatch, CONCLUDED), of)
    assert not late(of)
    assert not of.ports.failures.is_failing(KEY, what)


@pytest.mark.parametrize(
    ("make", "answer"),
    [
        pytest.param(concluding, TAKEN, id="another one writes the conclusion"),
        pytest.param(beginning, TAKEN, id="another one writes the record"),
        pytest.param(beginning, RAN, id="it ran before"),
    ],
)
async def test_what_another_one_wrote_is_not_late(
    make: Make, answer: GloveboxError, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = scope(seal=object())
    with pytest.raises(type(answer)):
        await make(monkeypatch, answer)(of)
    assert not late(of)


async def test_a_listing_that_waits_for_an_unread_artifact_says_so_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of = scope()
    step = listing(monkeypatch, None)
    for reason, what in ((reasons.ARTIFACT_UNREAD, []), (reasons.STORE_FAILED, [LAST_LISTING])):
        task = SimpleNamespace(result=None, error=Unavailable(reason, "no answer"))
        monkeypatch.setattr(seal, "ensure_last_listing", answering(task))
        await step(of)
        assert late(of) == what


async def signed_meanwhile(of: Any) -> object:
    of.experiment.status.conclusion = object()
    return await conclude.ensure_conclusion(of, Outcomes())


async def not_concluded(of: Any) -> object:
    of.experiment.spec.conclusion = None
    return await conclude.ensure_conclusion(of, Outcomes())


async def ended(of: Any) -> object:
    of.experiment.status.run = SimpleNamespace(completion_time=NOW)
    return await run.follow_run(of, Outcomes())


async def closed(of: Any) -> object:
    of.is_open, of.state, of.experiment.status.broken_inputs = False, "", ()
    return await run.follow_run(of, Outcomes())


async def supplemented(of: Any) -> object:
    of.experiment.status.seal_supplement = object()
    return await listed(of)


@pytest.mark.parametrize(
    ("what", "step"),
    [
        pytest.param(CONCLUSION, signed_meanwhile, id="it is on record"),
        pytest.param(CONCLUSION, not_concluded, id="there is no conclusion"),
        pytest.param(RECORD, ended, id="how the run ended is in its seal"),
        pytest.param(RECORD, closed, id="no run begins any more"),
        pytest.param(LAST_LISTING, supplemented, id="the listing is on record"),
    ],
)
async def test_what_nobody_waits_for_is_not_late(
    what: str, step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_work", answering(None))
    monkeypatch.setattr(run, "_broken", lambda *_: ())
    monkeypatch.setattr(seal, "drop_seal_tasks", lambda *_: None)
    of = scope()
    note_late(of.ports, KEY, what, AWAY)
    await step(of)
    assert not late(of)


def test_of_an_experiment_that_is_gone_nothing_is_late() -> None:
    ports: Any = _Anything()
    ports.late = {KEY: {CONCLUSION: "no answer"}}
    reconcile.forget(ports, KEY, "u")
    assert not ports.late


async def test_who_adopts_reports_what_is_late_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[Any] = []

    async def phases(*_: Any) -> Any:
        return None, SimpleNamespace(retries=(), error=None)

    def computed(*_: Any, late: Any, **__: Any) -> dict[str, Any]:
        reported.extend(each.what for each in late)
        return {}

    monkeypatch.setattr(reconcile, "run_phases", phases)
    monkeypatch.setattr(reconcile, "store_with_ledger", lambda *_: None)
    monkeypatch.setattr(reconcile, "compute_after_adoption", computed)
    monkeypatch.setattr(reconcile, "is_untold", lambda *_: False)
    of = scope(seal=object())
    of.obj, of.ports.now = {}, lambda: NOW
    note_late(of.ports, KEY, CONCLUSION, AWAY)
    await reconcile._reconcile_adopted(of)
    assert reported == [CONCLUSION]


class _Anything:
    """Whatever is asked of it is done."""

    def __getattr__(self, name: str) -> Any:
        return _Anything()

    def __call__(self, *_: Any, **__: Any) -> None:
        return None
