"""A resource of any kind that the operator cannot look at says so, until it can."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest

from glovebox.controllers import dataset_pin, isolation_profile, object_store, split_pin
from glovebox.kube.kinds import DATASET_PIN, ISOLATION_PROFILE, OBJECT_STORE, SPLIT_PIN, Kind
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE
from simulation.world import TEAM, split_of_a_pin

# What a look at each kind calls.
BROKEN: dict[str, tuple[Kind, str, Any, str]] = {
    "a pin": (DATASET_PIN, "whole", dataset_pin, "assess_pin"),
    "a split": (SPLIT_PIN, "halves", split_pin, "_stands"),
    "a store": (OBJECT_STORE, "primary", object_store, "look_at_log"),
    "a profile": (ISOLATION_PROFILE, "standard", isolation_profile, "compute_status"),
}


def breaks(*_: object, **__: object) -> NoReturn:
    raise ZeroDivisionError("a bug (simulated)")


@pytest.mark.parametrize("which", BROKEN)
def test_what_cannot_be_looked_at_says_so_until_it_can(
    which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, name, module, function = BROKEN[which]

    async def scene(stage: Stage) -> None:
        def of(condition: str) -> dict[str, Any]:
            return stage.condition(condition, name, kind)

        def version() -> str:
            live = stage.world.server.peek(kind, TEAM if kind.namespaced else None, name)
            assert live is not None
            return str(live["metadata"]["resourceVersion"])

        for each, called, spec in split_of_a_pin():
            stage.world.declare(each, called, spec)
        await stage.until("it is Ready", lambda: of("Ready").get("status") == "True")
        await stage.sleep(MINUTE)
        really = getattr(module, function)
        monkeypatch.setattr(module, function, breaks)
        await stage.sleep(MINUTE)
        assert not of("Reconciling"), "it may pass"
        await stage.until("it says so", lambda: of("Reconciling"), HOUR)
        assert of("Reconciling")["reason"] == "LookFailed"
        assert "ZeroDivisionError" in of("Reconciling")["message"]
        assert of("Ready")["status"] == "True", "of before"
        before = version()
        await stage.sleep(HOUR)
        assert version() == before, "it is said once"
        # Another process finds it said, and has not said it itself.
        await stage.process.kill()
        monkeypatch.setattr(module, function, really)
        stage.process.start()
        await stage.until("it is taken back", lambda: not of("Reconciling"), 10 * MINUTE)
        assert of("Ready")["status"] == "True"

    play(scene, has_bug=True)
