"""What was deleted without our finalizer, and is held by somebody else's, is told to its end."""

from __future__ import annotations

import pytest

from glovebox.kube.kinds import EXPERIMENT, NAMESPACE
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE, SOON, ends_after, statements
from simulation.test_sealed_before_it_goes import POLICIES
from simulation.world import TEAM
from support.told_ledgers import LIFE, told, told_twice, with_ledger


@pytest.mark.parametrize("policy", POLICIES)
def test_its_ledger_tells_all_of_it_and_nothing_is_held_back_for_ever(policy: str) -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        ends_after(stage, HOUR)
        stage.declare(lifecycle={"deletionPolicy": policy})
        namespace = await stage.provisioned()
        await stage.until("it runs", lambda: stage.status().get("run", {}).get("jobUid"), SOON)
        await stage.sleep(MINUTE)
        await stage.process.kill()
        held = {"metadata": {"finalizers": ["example.com/backup"]}}
        assert stage.world.edit(EXPERIMENT, TEAM, "x", held)
        assert stage.world.remove(EXPERIMENT, TEAM, "x")
        stage.process.start()
        await stage.until("it is sealed", lambda: statements(stage), HOUR / 2)
        await stage.sleep(10 * MINUTE)
        assert stage.there(NAMESPACE, "", namespace) is (policy != "Delete")
        assert told(stage) == list(LIFE)
        assert stage.condition("Sealed")["status"] == "True"
        succeeded = stage.condition("Succeeded")
        assert (succeeded["status"], succeeded["reason"]) == ("False", "Abandoned")
        # Whoever comes next finds all of it done.
        await stage.process.kill()
        stage.process.start()
        await stage.sleep(HOUR)
        assert (told(stage), told_twice(stage)) == (list(LIFE), [])
        assert len(statements(stage)) == 1
        assert stage.condition("Ready")["reason"] == "DeletionBlocked"

    play(scene)
