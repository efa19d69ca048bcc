"""The finalizer cannot be put on: nothing begins, and what is bound goes on."""

from __future__ import annotations

from glovebox import names
from glovebox.kube.kinds import EXPERIMENT, NAMESPACE, NETWORK_POLICY
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE, SOON, ends_after
from simulation.test_seal_order import Refusing


def finalizers_stay() -> Refusing:
    """Refuse every write of an Experiment that is not one of its status."""
    return Refusing(
        lambda asked: (
            asked.kind == EXPERIMENT and asked.verb in ("update", "patch") and not asked.subresource
        )
    )


def strip(stage: Stage) -> None:
    assert stage.world.edit(EXPERIMENT, "team-a", "x", {"metadata": {"finalizers": None}})


def test_nothing_begins_without_the_finalizer() -> None:
    faults = finalizers_stay()
    faults.in_force = True

    async def scene(stage: Stage) -> None:
        stage.declare()
        await stage.sleep(5 * MINUTE)
        assert faults.refused
        assert not stage.status().get("digest")
        made = [each["metadata"]["name"] for each in stage.world.server.everything(NAMESPACE)]
        assert not [name for name in made if name.startswith("gbx-")]
        assert stage.condition("Ready")["status"] != "True"
        told = [str(each) for each in stage.status()["conditions"]]
        assert any("simulated" in each for each in told), told
        faults.in_force = False
        await stage.provisioned()

    play(scene, faults=faults)


def test_a_run_is_followed_and_sealed_although_the_finalizer_cannot_be_put_back() -> None:
    faults = finalizers_stay()

    async def scene(stage: Stage) -> None:
        ends_after(stage, 10 * MINUTE)
        stage.declare()
        namespace = await stage.provisioned()
        await stage.until("it runs", lambda: stage.status().get("run", {}).get("jobUid"), SOON)
        faults.in_force = True
        strip(stage)
        await stage.until("it is noticed", lambda: faults.refused, SOON)
        policy = (NETWORK_POLICY, namespace, names.NETWORK_POLICY_DEFAULT_DENY)
        assert stage.world.remove(*policy)
        await stage.until("it is repaired", lambda: stage.there(*policy), MINUTE)
        await stage.until("it is sealed", lambda: stage.status().get("seal"), HOUR)
        assert stage.status()["run"]["outcome"] == "Succeeded"
        told = [str(each) for each in stage.status()["conditions"]]
        assert any("simulated" in each for each in told), told

    play(scene, faults=faults)
