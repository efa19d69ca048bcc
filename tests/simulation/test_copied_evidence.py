"""Evidence of another Experiment is a good signature and about something else: it is not ours.

Whoever may write to the bucket can copy it into the folder of any other.
"""

from __future__ import annotations

import base64
from typing import Any

import orjson

from glovebox.evidence.after_seal import CONCLUSION_NAME, SUPPLEMENT_NAME
from glovebox.evidence.statement import STATEMENT_NAME
from glovebox.kube.kinds import EXPERIMENT
from glovebox.store.sealing import seal_folder
from simulation.object_store import Version
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE
from simulation.world import BUCKET, TEAM

Json = dict[str, Any]
CONCLUSION = {"verdict": "Confirmed", "text": "it did what it should", "by": "alice"}


def versions_of(stage: Stage, uid: str, name: str) -> list[Version]:
    found: list[Version] = stage.world.store.buckets[BUCKET].keys.get(seal_folder(uid) + name, [])
    return found


def copy_evidence(stage: Stage, of: str, to: str, *parts: str) -> None:
    """Copy evidence of one Experiment into the folder of another."""
    bucket = stage.world.store.buckets[BUCKET]
    for key in [key for key in bucket.keys if key.startswith(seal_folder(of))]:
        name = key.removeprefix(seal_folder(of))
        if not parts or name in parts:
            body = bucket.keys[key][-1].body
            stage.world.store._store(bucket, seal_folder(to) + name, body, "", None, "")


def stated(stage: Stage, uid: str, name: str, version_id: str) -> str:
    """Return which Experiment the recorded version of a statement is about."""
    (version,) = [each for each in versions_of(stage, uid, name) if each.version_id == version_id]
    payload = orjson.loads(base64.b64decode(orjson.loads(version.body)["payload"]))
    predicate: Json = payload["predicate"]
    if "experiment" in predicate:
        return str(predicate["experiment"])
    return str(predicate["buildDefinition"]["externalParameters"]["experiment"])


async def sealed(stage: Stage, name: str) -> str:
    stage.world.actors.run_ends = lambda _: (MINUTE, True)
    uid: str = stage.declare(name)["metadata"]["uid"]
    await stage.until(f"{name} is sealed", lambda: stage.status(name).get("seal"), HOUR)
    return uid


def test_the_seal_of_another_experiment_is_not_taken_for_the_own_one() -> None:
    async def scene(stage: Stage) -> None:
        other = await sealed(stage, "y")
        uid = stage.declare()["metadata"]["uid"]
        copy_evidence(stage, other, uid)
        await stage.until("x is sealed", lambda: stage.status().get("seal"), HOUR)
        seal = stage.status()["seal"]
        assert stated(stage, uid, STATEMENT_NAME, seal["attestationVersion"]) == f"{TEAM}/x"
        assert stage.status()["run"]["outcome"] == "Succeeded"

    play(scene)


def test_a_run_is_not_over_because_the_seal_of_another_one_says_so() -> None:
    """An operator that begins asks the store whether what it finds running was sealed before."""

    async def scene(stage: Stage) -> None:
        other = await sealed(stage, "y")
        stage.world.actors.run_ends = lambda _: (HOUR, False)
        uid = stage.declare()["metadata"]["uid"]
        await stage.until("x runs", lambda: (stage.status().get("run") or {}).get("startTime"))
        await stage.process.kill()
        copy_evidence(stage, other, uid)
        stage.process.start()
        await stage.sleep(5 * MINUTE)
        assert not (stage.status().get("run") or {}).get("outcome"), stage.status()["run"]
        await stage.until("x is sealed", lambda: stage.status().get("seal"), 3 * HOUR)
        assert stage.status()["run"]["outcome"] == "Failed"
        seal = stage.status()["seal"]
        assert stated(stage, uid, STATEMENT_NAME, seal["attestationVersion"]) == f"{TEAM}/x"

    play(scene)


def test_a_last_listing_of_another_seal_is_not_taken_for_the_own_one() -> None:
    async def scene(stage: Stage) -> None:
        other = await sealed(stage, "y")
        await stage.until("y is listed", lambda: stage.status("y").get("sealSupplement"), HOUR)
        uid = await sealed(stage, "x")
        copy_evidence(stage, other, uid, SUPPLEMENT_NAME)
        await stage.until("x is listed", lambda: stage.status().get("sealSupplement"), HOUR)
        version = stage.status()["sealSupplement"]["attestationVersion"]
        assert stated(stage, uid, SUPPLEMENT_NAME, version) == f"{TEAM}/x"

    play(scene)


def test_what_comes_after_a_seal_is_locked_as_long_as_the_seal() -> None:
    """Also where the bucket locks nothing by itself any more."""

    async def scene(stage: Stage) -> None:
        uid = await sealed(stage, "x")
        stage.world.store.buckets[BUCKET].default = None
        assert stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"conclusion": CONCLUSION}})
        await stage.until("it is concluded", lambda: stage.status().get("conclusion"), HOUR)
        await stage.until("it is listed", lambda: stage.status().get("sealSupplement"), HOUR)
        (seal,) = versions_of(stage, uid, STATEMENT_NAME)
        assert seal.until is not None
        for name in (SUPPLEMENT_NAME, CONCLUSION_NAME):
            (made,) = versions_of(stage, uid, name)
            assert made.until is not None
            assert made.until >= seal.until.replace(microsecond=0), name

    play(scene)
