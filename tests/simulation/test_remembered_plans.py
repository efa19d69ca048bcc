"""What all must exist is rendered once for what it is rendered from, and never outdated."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from glovebox.controllers.experiment import bind
from glovebox.desired.plan import Plan
from simulation.schedules import Scenario, run


def objects_of(plan: Plan) -> tuple[Plan, Any]:
    """Return a plan with its isolation check rendered, which is only when it is asked for."""
    return dataclasses.replace(plan, probe=None), plan.probe and plan.probe.job()


@pytest.mark.parametrize("seed", [4, 11, 17, 56])
def test_a_remembered_plan_is_the_one_that_would_be_rendered_now(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """People edit, freeze, delete and meddle in these seeds, and processes are killed."""
    remembered, render = bind.render_plan, bind._render
    rendered, asked = 0, 0
    differing: list[Any] = []

    def counting(*about: Any) -> Any:
        nonlocal rendered
        rendered += 1
        return render(*about)

    def compared(scope: Any, resolved: Any, sheet: Any = ()) -> Any:
        nonlocal asked
        asked += 1
        plan = remembered(scope, resolved, sheet)
        fresh = render(scope, resolved, scope.experiment.status.leakage or sheet)
        if objects_of(plan) != objects_of(fresh):
            differing.append(scope.key)
        return plan

    monkeypatch.setattr(bind, "_render", counting)
    monkeypatch.setattr(bind, "render_plan", compared)

    assert run(Scenario.drawn(seed)).broken == []
    assert differing == []
    assert asked > 20
    assert rendered < asked / 2, "most looks find it rendered"
