"""A rule of the bucket that archives evidence is reported when the store is checked."""

from __future__ import annotations

from glovebox.kube.kinds import OBJECT_STORE
from simulation.stage import Stage, play
from simulation.test_ends import HOUR
from simulation.world import BUCKET


def test_a_rule_that_archives_after_zero_days_is_reported_until_it_is_gone() -> None:
    async def body(stage: Stage) -> None:
        def readable() -> str:
            return str(stage.condition("EvidenceReadable", "primary", OBJECT_STORE).get("reason"))

        def is_ready() -> bool:
            return stage.condition("Ready", "primary", OBJECT_STORE).get("status") == "True"

        await stage.until("the store is checked", is_ready)
        assert readable() == "None"
        spec = {"spec": {"verifyIntervalSeconds": 900}}
        assert stage.world.edit(OBJECT_STORE, None, "primary", spec)
        moves = {"Days": 0, "StorageClass": "GLACIER"}
        rule = {"ID": "cold", "Status": "Enabled", "Filter": {}, "Transitions": [moves]}
        stage.world.store.buckets[BUCKET].rules = [rule]
        await stage.until("it is reported", lambda: readable() == "EvidenceArchived", HOUR)
        said = stage.condition("EvidenceReadable", "primary", OBJECT_STORE)
        assert "rule `cold` moves versions to GLACIER after 0 days" in said["message"]
        assert is_ready()
        stage.world.store.buckets[BUCKET].rules = [{**rule, "Filter": {"Prefix": "team-"}}]
        await stage.until("nothing is reported", lambda: readable() == "None", HOUR)

    play(body)
