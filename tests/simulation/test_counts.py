"""Counters count what happened, and what is remembered of an object goes with it."""

from __future__ import annotations

from glovebox.kube.kinds import EXPERIMENT, NAMESPACE
from simulation.api_server import Asked
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE, ends_after, store_is_away, store_is_back
from simulation.test_orphans import lose
from simulation.test_seal_order import Refusing


def test_a_run_is_counted_once_however_long_its_end_cannot_be_recorded() -> None:
    def status_is_written(asked: Asked) -> bool:
        return asked.kind == EXPERIMENT and asked.verb == "update"

    faults = Refusing(status_is_written, 500)

    async def scene(stage: Stage) -> None:
        ends_after(stage, 2 * MINUTE)
        stage.declare()
        await stage.until("the run has begun", lambda: stage.status().get("run"))
        faults.in_force = True
        await stage.sleep(10 * MINUTE)
        faults.in_force = False
        await stage.until("it is sealed", lambda: stage.status().get("seal"))
        assert len(faults.refused) > 3
        for result in ("started", "succeeded"):
            assert stage.metric("glovebox_runs_total", result=result) == 1, result
        assert stage.metric("glovebox_runs_total", result="failed") == 0

    play(scene, faults=faults)


def test_nothing_is_remembered_of_an_orphan_that_was_let_go() -> None:
    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        await stage.provisioned()
        store_is_away(stage)
        lose(stage, "x")
        running = stage.process.operator
        assert running is not None
        failing = running.ports.failures._failing

        def of_orphans() -> list[object]:
            return [key for key in failing if key.kind == NAMESPACE.kind]

        await stage.until("it is waited for", of_orphans, 2 * HOUR)
        store_is_back(stage)
        await stage.until("it is let go", lambda: not of_orphans(), 2 * HOUR)

    play(scene)
