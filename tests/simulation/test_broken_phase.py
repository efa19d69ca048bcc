"""A phase that is broken, or never comes back, keeps no later one from what can still be done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from glovebox.controllers.experiment import reconcile
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.status.outcome import Outcome
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE, ends_after

Run = Callable[[Scope, Outcomes], Awaitable[Outcome]]


async def breaks(scope: Scope, outcomes: Outcomes) -> Outcome:
    del scope, outcomes
    raise ZeroDivisionError("a bug (simulated)")


async def hangs(scope: Scope, outcomes: Outcomes) -> Outcome:
    del scope, outcomes
    await asyncio.Event().wait()
    raise AssertionError("nobody sets it")


def instead_of(monkeypatch: pytest.MonkeyPatch, name: str, run: Run) -> None:
    phases = tuple(
        replace(each, run=run) if each.name == name else each for each in reconcile.PHASES
    )
    monkeypatch.setattr(reconcile, "PHASES", phases)


@pytest.mark.parametrize("run", [breaks, hangs])
def test_a_run_is_followed_and_sealed_although_the_isolation_check_does_not_come_back(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead_of(monkeypatch, "prove", run)

    async def scene(stage: Stage) -> None:
        ends_after(stage, MINUTE)
        stage.declare()
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 3 * HOUR)
        assert stage.status()["run"]["outcome"] == "Succeeded"
        assert stage.condition("Sealed")["status"] == "True"

    play(scene, has_bug=True)
