"""What all must exist is rendered once for what it is rendered from, and never outdated."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest

from glovebox.controllers.experiment import bind, gate, uses
from glovebox.desired.plan import Plan
from glovebox.kube.kinds import EXPERIMENT, ISOLATION_PROFILE
from simulation.api_server import Asked
from simulation.api_transport import NOTHING, Fault, NoFaults
from simulation.schedules import Scenario, run
from simulation.stage import Stage, play
from simulation.world import TEAM, profile_spec


def objects_of(plan: Plan) -> tuple[Plan, Any]:
    """Return a plan with its isolation check rendered, which is only when it is asked for."""
    return dataclasses.replace(plan, probe=None), plan.probe and plan.probe.job()


@dataclasses.dataclass
class Watched:
    """What was asked for and rendered, and what was remembered of something else."""

    asked: int = 0
    rendered: int = 0
    differing: list[Any] = dataclasses.field(default_factory=list)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    found, remembered, render = Watched(), bind.render_plan, bind._render

    def counting(*about: Any) -> Any:
        found.rendered += 1
        return render(*about)

    def compared(scope: Any, resolved: Any, sheet: Any = ()) -> Any:
        found.asked += 1
        plan = remembered(scope, resolved, sheet)
        fresh = render(scope, resolved, scope.experiment.status.leakage or sheet)
        if objects_of(plan) != objects_of(fresh):
            found.differing.append(scope.key)
        return plan

    monkeypatch.setattr(bind, "_render", counting)
    for module in (bind, gate, uses):
        monkeypatch.setattr(module, "render_plan", compared)
    return found


@pytest.mark.parametrize("seed", [4, 11, 17, 56])
def test_a_remembered_plan_is_the_one_that_would_be_rendered_now(
    watched: Watched, seed: int
) -> None:
    """People edit, freeze, delete and meddle in these seeds, and processes are killed."""
    assert run(Scenario.drawn(seed)).broken == []
    assert watched.differing == []
    assert watched.asked > 20
    assert watched.rendered < watched.asked / 2, "most looks find it rendered"


class Unbound(NoFaults):
    """Nothing can be bound before some moment: each look looks at what is declared by then."""

    until = 0.0

    def request(self, asked: Asked) -> Fault:
        is_status = asked.kind == EXPERIMENT and asked.subresource == "status"
        now = asyncio.get_running_loop().time()
        return Fault("refused", 403) if is_status and now < self.until else NOTHING


def test_what_is_edited_before_it_is_bound_is_rendered_anew(watched: Watched) -> None:
    unbound = Unbound()

    async def scene(stage: Stage) -> None:
        await stage.sleep(10)
        unbound.until = stage.now + 300
        stage.declare(run=False)
        await stage.until("it was looked at", lambda: watched.rendered)
        first = watched.rendered
        limits = profile_spec()["limits"] | {"defaultCpu": "400m"}
        stage.world.edit(ISOLATION_PROFILE, None, "standard", {"spec": {"limits": limits}})
        await stage.until("the profile counts", lambda: watched.rendered > first, 120)
        second = watched.rendered
        stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"config": {"seeds": {"python": 8}}}})
        await stage.until("the declaration counts", lambda: watched.rendered > second, 120)
        unbound.until = 0.0
        await stage.provisioned()

    play(scene, faults=unbound)
    assert watched.differing == []
