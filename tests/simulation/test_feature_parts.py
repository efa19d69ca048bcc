"""A part of what features are made from is as good as all of it; another part is not."""

from __future__ import annotations

from typing import Any

from glovebox.api import reasons
from glovebox.kube.kinds import FEATURE_SET_PIN
from simulation.stage import Stage, play
from simulation.test_leakage import made
from simulation.test_splits import declare, parts_ready
from simulation.test_waits import features_spec

Json = dict[str, Any]
MINUTE, HOUR = 60.0, 3_600.0


def uses(part: str, features: str) -> Json:
    return {
        "datasets": [{"name": part, "pinRef": {"name": part}, "role": part}],
        "features": [{"name": "base", "pinRef": {"name": features}}],
    }


def test_a_part_of_what_features_are_made_from_is_enough_and_another_part_is_not() -> None:
    async def scene(stage: Stage) -> None:
        declare(stage)
        for name in ("all", "train"):
            inputs = [{"name": "rows", "pinRef": {"name": name}}]
            stage.world.declare(FEATURE_SET_PIN, f"of-{name}", features_spec(inputs=inputs))
        await parts_ready(stage)
        stage.declare(run=False, inputs=uses("train", "of-all"))
        await stage.provisioned()
        before = made(stage)
        stage.declare("other", run=False, inputs=uses("test", "of-train"))
        await stage.until(
            "it is refused",
            lambda: (
                stage.condition("Ready", "other").get("reason") == reasons.FEATURE_INPUTS_MISSING
            ),
            HOUR,
        )
        shown = stage.condition("InputsVerified", "other")
        assert (shown["status"], shown["reason"]) == ("False", reasons.FEATURE_INPUTS_MISSING)
        await stage.sleep(MINUTE)
        assert made(stage) == before

    play(scene)
