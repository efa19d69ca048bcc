"""The isolation check: what was found counts in the namespace it was made in, and not for ever."""

from __future__ import annotations

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.kube.kinds import JOB, NAMESPACE
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE
from simulation.test_no_hot_loops import Counting
from simulation.test_seal_order import wants


def isolated(stage: Stage) -> tuple[str, str]:
    found = stage.condition("Isolated")
    return found["status"], found["reason"]


def test_another_namespace_of_that_name_is_checked_by_itself() -> None:
    """Somebody deletes the namespace behind the broken glass, after it was proven."""

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.until("it is proven", lambda: stage.condition("Isolated")["status"] == "True")
        before = stage.status()
        stage.world.remove(NAMESPACE, None, namespace)
        await stage.until(
            "it is there again",
            lambda: (
                stage.status().get("namespaceUid", before["namespaceUid"]) != before["namespaceUid"]
            ),
        )
        assert isolated(stage)[0] != "True"
        assert "isolation" not in stage.status()
        await stage.until("it is proven", lambda: stage.condition("Isolated")["status"] == "True")
        assert stage.status()["isolation"]["jobUid"] != before["isolation"]["jobUid"]

    play(scene)


def test_a_verdict_that_is_to_be_renewed_daily_is_taken_back_after_two_days() -> None:
    """A policy of the platform refuses the Job of the check since yesterday."""
    faults = Counting(lambda asked: (asked.kind, asked.verb) == (JOB, "create"))

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        await stage.provisioned()
        await stage.until("it is proven", lambda: stage.condition("Isolated")["status"] == "True")
        faults.in_force = True
        await stage.sleep(47 * HOUR)
        assert faults.refused, "it was due"
        assert isolated(stage) == ("True", reasons.PROVEN)
        await stage.sleep(2 * HOUR)
        assert isolated(stage) == ("Unknown", reasons.PROOF_OUTDATED)
        assert names.PROBE_JOB in stage.condition("Isolated")["message"], "what is refused"
        assert stage.condition("Ready")["status"] == "True"
        begun = stage.now
        await stage.sleep(10 * MINUTE)
        assert faults.most_within(MINUTE, begun) < 30
        faults.in_force = False
        await stage.until(
            "it is proven again", lambda: isolated(stage) == ("True", reasons.PROVEN), 5 * MINUTE
        )

    play(scene, profile={"probe": {"schedule": "Daily"}}, faults=faults, sweeps=False)


@pytest.mark.parametrize("is_checking", [True, False], ids=["while it is checked", "afterwards"])
def test_what_is_frozen_is_not_checked(*, is_checking: bool) -> None:
    """No pod may start there: a check would wait for ever."""

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        probe = (JOB, namespace, names.PROBE_JOB)
        if is_checking:
            await stage.until("it is checked", lambda: stage.there(*probe))
        else:
            await stage.until("it is proven", lambda: isolated(stage)[0] == "True")
        made: list[str] = []
        wants(stage, "Frozen")
        await stage.until("it is frozen", lambda: stage.status()["state"] == "Frozen", MINUTE)
        assert not stage.there(*probe)
        stage.world.server.on_change.append(
            lambda change: made.append(change.key[1]) if change.served.kind == JOB else None
        )
        await stage.sleep(25 * HOUR)
        assert made == []
        wants(stage, "Active")
        await stage.until("it is checked", lambda: made)

    play(scene, profile={"probe": {"schedule": "Daily"}}, sweeps=False)
