"""A seal that reads for hours says how far it has come, and costs few writes for that."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from glovebox.controllers import bound_seal
from glovebox.kube.kinds import EXPERIMENT
from glovebox.tasks.context import Progress, TaskContext
from glovebox.tasks.seal import seal_experiment
from glovebox.tasks.seal_request import SealResult
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE

GIB = 1 << 30


def test_how_far_a_seal_has_come_is_said_and_costs_few_writes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def slowly(context: TaskContext, *request: Any, **options: Any) -> SealResult:
        for second in range(0, int(HOUR), 10):
            await asyncio.sleep(10)
            done = 1 + second // 10
            context.report(
                Progress(
                    objects_done=done,
                    objects_total=360,
                    bytes_done=done * GIB,
                    bytes_total=360 * GIB,
                    phase="Sealing",
                )
            )
        return await seal_experiment(context, *request, **options)

    monkeypatch.setattr(bound_seal, "seal_experiment", slowly)
    said: list[str] = []

    async def scene(stage: Stage) -> None:
        stage.declare(run=False, lifecycle={"desired": "Sealed"})
        await stage.until(
            "it is being sealed", lambda: "hashed" in stage.condition("Sealed").get("message", "")
        )
        begun = stage.now
        stage.world.server.on_change.append(
            lambda change: (
                said.append(stage.condition("Sealed")["message"])
                if change.served.kind == EXPERIMENT
                else None
            )
        )
        await stage.sleep(begun + 30 * MINUTE - stage.now)
        assert said[-1].startswith("the results are being listed, hashed and signed: "), (
            "beyond what it does"
        )
        assert " of 360 objects, " in said[-1]
        assert " of 360.0 GiB, 102.4 MiB in a second" in said[-1]
        assert 5 <= len(said) <= 15, "seldom, and ever more seldom"
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 2 * HOUR)

    play(scene)
