"""What isolates is fought over: the pause between two repairs is short, and urgent."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox import names
from glovebox.engine.key_queue import KeyQueue, Priority
from glovebox.kube.kinds import CONFIG_MAP, NETWORK_POLICY, Kind
from glovebox.kube.resources import Key
from simulation.stage import Stage, play


@pytest.mark.parametrize(
    ("kind", "name", "urgent"),
    [
        (NETWORK_POLICY, names.NETWORK_POLICY_DEFAULT_DENY, True),
        (CONFIG_MAP, names.SNAPSHOT_CONFIG_MAP, False),
    ],
    ids=["a policy", "the snapshot"],
)
def test_the_look_after_a_pause_is_as_urgent_as_the_repair(
    monkeypatch: pytest.MonkeyPatch, kind: Kind, name: str, *, urgent: bool
) -> None:
    later: list[tuple[float, Priority]] = []
    original = KeyQueue.add_after

    def add_after(
        queue: KeyQueue[Any], key: Key, seconds: float, priority: Priority = Priority.NORMAL
    ) -> None:
        later.append((seconds, priority))
        original(queue, key, seconds, priority)

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(5)
        monkeypatch.setattr(KeyQueue, "add_after", add_after)
        for _ in range(12):
            if stage.there(kind, namespace, name):
                stage.world.remove(kind, namespace, name)
            await stage.sleep(0.3)

    play(scene)
    paused = [seconds for seconds, priority in later if priority is Priority.REPAIR]
    assert bool(paused) is urgent, later
    assert all(seconds <= 1.0 for seconds in paused)
