"""Datasets from caches: filled once from its pin, served when full, and left to nobody."""

from __future__ import annotations

from typing import Any, Final

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.kube.kinds import (
    DATASET_PIN,
    EXPERIMENT,
    JOB,
    PERSISTENT_VOLUME,
    PERSISTENT_VOLUME_CLAIM,
    SECRET,
    Kind,
)
from simulation.api_server import ADMINISTRATOR, Asked
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE, SOON, ends_after
from simulation.test_pins_bound import ready_pin
from simulation.world import LOADER, SOURCE, TEAM

Json = dict[str, Any]
OWN: Final = "glovebox-system"
CLASS: Final = "fast"
CACHED: Final[Json] = {"delivery": {"mode": "Cache", "cache": {"storageClassName": CLASS}}}
ROWS: Final = {f"part-{number}": f"rows {number}\n".encode() * 9 for number in range(3)}


def cache(stage: Stage, name: str = "set") -> str:
    """Return the name of the cache of a pin."""
    pin = stage.world.server.peek(DATASET_PIN, TEAM, name)
    assert pin is not None
    return names.cache(TEAM, "primary", pin["status"]["pinDigest"], CLASS)


def found(stage: Stage, kind: Kind, name: str) -> Json:
    live = stage.world.server.peek(kind, OWN if kind.namespaced else None, name)
    assert live is not None, f"{kind.kind} {name}"
    return live


def is_there(stage: Stage, kind: Kind) -> bool:
    """Whether the cache of the pin has an object."""
    return stage.there(kind, OWN, cache(stage))


def volumes(stage: Stage) -> list[Json]:
    """Return the volumes of Experiments."""
    return [
        each
        for each in stage.world.server.everything(PERSISTENT_VOLUME)
        if names.LABEL_EXPERIMENT_UID in each["metadata"]["labels"]
    ]


def mounted(stage: Stage) -> dict[str, bytes]:
    """Return the files that the run is given."""
    (volume,) = volumes(stage)
    return stage.world.cache_pods.disks[volume["spec"]["hostPath"]["path"]]


def jobs(stage: Stage, namespace: str) -> list[str]:
    return [job["metadata"]["name"] for job in stage.world.server.everything(JOB, namespace)]


async def declared(stage: Stage, **changes: Any) -> None:
    """Declare a pin and an Experiment that reads it."""
    ends_after(stage, 5 * HOUR)
    await ready_pin(stage)
    stage.declare(pin="set", **changes)


async def begun(stage: Stage) -> None:
    await stage.until("the run has begun", lambda: stage.status().get("run"), SOON)


def test_a_run_begins_when_its_cache_is_full_and_never_before() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.cache_pods.seconds = MINUTE
        await declared(stage)
        await stage.until("it is being filled", lambda: is_there(stage, JOB), SOON)
        await stage.sleep(30.0)
        assert is_there(stage, SECRET)
        assert volumes(stage) == []
        assert jobs(stage, stage.status()["namespace"]) == []
        assert stage.condition("Succeeded")["reason"] == reasons.RUN_PENDING
        assert (
            f"its cache '{cache(stage)}' is being filled" in stage.condition("Succeeded")["message"]
        )
        await stage.sleep(30.0)
        await begun(stage)
        assert mounted(stage) == ROWS
        assert not is_there(stage, SECRET), "nobody reads with the session of a full cache"

    play(scene, profile=CACHED)


def test_a_cache_that_could_not_be_filled_is_filled_again() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.cache_pods.killed = 7  # so many pods a Job makes
        await declared(stage)
        await stage.until("its Job is made", lambda: is_there(stage, JOB), SOON)
        first = found(stage, JOB, cache(stage))
        await begun(stage)
        assert mounted(stage) == ROWS
        assert found(stage, JOB, cache(stage))["metadata"]["uid"] != first["metadata"]["uid"]
        assert not is_there(stage, SECRET)

    play(scene, profile=CACHED)


def test_data_that_differ_from_their_pin_are_no_cache_and_are_not_tried_again() -> None:
    async def scene(stage: Stage) -> None:
        await ready_pin(stage)
        (version,) = stage.world.store.buckets[SOURCE].keys["set/part-1"]
        stage.world.store.delete(LOADER, SOURCE, version.key, version.version_id)
        stage.declare(pin="set")
        await stage.until(
            "it is refused",
            lambda: stage.condition("Stalled").get("reason") == reasons.INPUTS_REFUSED,
            SOON,
        )
        first = found(stage, JOB, cache(stage))
        assert not is_there(stage, SECRET), "nobody reads with the session of what was refused"
        await stage.sleep(4 * MINUTE)
        said = stage.condition("Stalled")["message"]
        assert "input `train` did not come into its cache" in said
        assert f"delete the Job '{cache(stage)}' in '{OWN}' to have it tried again" in said
        assert found(stage, JOB, cache(stage))["metadata"]["uid"] == first["metadata"]["uid"]
        assert volumes(stage) == []
        assert "run" not in stage.status()

    play(scene, profile=CACHED)


def test_a_claim_that_holds_another_pin_is_given_to_nobody() -> None:
    """It has the name, and a full volume: somebody restored it, or made it by hand."""

    async def scene(stage: Stage) -> None:
        await declared(stage)
        await begun(stage)
        notes = {names.ANNOTATION_PIN_DIGEST: "sha256:" + "b" * 64}
        stage.world.edit(
            PERSISTENT_VOLUME_CLAIM, OWN, cache(stage), {"metadata": {"annotations": notes}}
        )
        stage.declare("second", pin="set")
        await stage.until(
            "it is refused", lambda: stage.condition("Stalled", "second").get("status"), SOON
        )
        assert stage.condition("Stalled", "second")["reason"] == reasons.DELIVERY_UNAVAILABLE
        assert "holds another pin" in stage.condition("Stalled", "second")["message"]
        await stage.sleep(MINUTE)
        assert len(volumes(stage)) == 1
        assert "run" not in stage.status("second")

    play(scene, profile=CACHED)


def test_a_job_that_filled_a_claim_of_former_times_has_not_filled_this_one() -> None:
    """As after a restore: what it says is true of a volume that is gone."""

    async def scene(stage: Stage) -> None:
        await declared(stage)
        await begun(stage)
        former = found(stage, JOB, cache(stage))
        stage.world.remove(PERSISTENT_VOLUME_CLAIM, OWN, cache(stage))
        await stage.until("it is gone", lambda: not is_there(stage, JOB), SOON)
        former["metadata"].pop("uid")
        former["metadata"].pop("resourceVersion")
        asked = Asked(ADMINISTRATOR, "create", JOB, OWN, cache(stage))
        stage.world.server.create(asked, former)
        uid = stage.declare("second", pin="set")["metadata"]["uid"]
        await stage.until("it runs", lambda: stage.status("second").get("run"), SOON)
        (volume,) = (
            each
            for each in volumes(stage)
            if each["metadata"]["labels"][names.LABEL_EXPERIMENT_UID] == uid
        )
        assert stage.world.cache_pods.disks[volume["spec"]["hostPath"]["path"]] == ROWS
        owners = found(stage, JOB, cache(stage))["metadata"]["ownerReferences"]
        claim = found(stage, PERSISTENT_VOLUME_CLAIM, cache(stage))
        assert [each["uid"] for each in owners] == [claim["metadata"]["uid"]]

    play(scene, profile=CACHED)


def test_what_a_run_reads_is_not_filled_again_behind_it() -> None:
    """It has its volume, and nobody waits for the cache."""

    async def scene(stage: Stage) -> None:
        await declared(stage)
        await begun(stage)
        stage.world.remove(PERSISTENT_VOLUME_CLAIM, OWN, cache(stage))
        await stage.until("it is gone", lambda: not is_there(stage, JOB), SOON)
        stage.world.edit(EXPERIMENT, TEAM, "x", {"metadata": {"labels": {"a": "b"}}})
        await stage.sleep(SOON)
        assert not is_there(stage, PERSISTENT_VOLUME_CLAIM)
        assert mounted(stage) == ROWS

    play(scene, profile=CACHED)


def test_pods_that_are_made_by_hand_have_it_when_that_is_said() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.cache_pods.seconds = MINUTE
        await declared(stage, run=False)
        await stage.until("it is being filled", lambda: is_there(stage, JOB), SOON)
        await stage.sleep(30.0)
        told = stage.condition("InputsDelivered")
        assert (told["status"], told["reason"]) == ("False", reasons.INPUTS_PENDING)
        assert f"its cache '{cache(stage)}' is being filled" in told["message"]
        await stage.until(
            "it is delivered",
            lambda: stage.condition("InputsDelivered").get("status") == "True",
            SOON,
        )
        assert mounted(stage) == ROWS

    play(scene, profile=CACHED)


@pytest.mark.parametrize("policy", ["Freeze", "Delete"])
def test_the_volume_goes_with_the_experiment_and_the_cache_stays(policy: str) -> None:
    async def scene(stage: Stage) -> None:
        await declared(stage, lifecycle={"deletionPolicy": policy})
        await begun(stage)
        assert len(volumes(stage)) == 1
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it is gone", lambda: stage.world.experiment() is None, 10 * MINUTE)
        assert volumes(stage) == []
        assert is_there(stage, PERSISTENT_VOLUME_CLAIM)
        assert list(stage.world.cache_pods.disks.values()) == [ROWS]

    play(scene, profile=CACHED)
