"""Restores: the cluster is older than the store, or was made anew, or the store lost something."""

from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.evidence.after_seal import payload_of
from glovebox.evidence.envelope import sign
from glovebox.evidence.signer import LocalSigner, new_key_pair
from glovebox.kube.kinds import (
    DATASET_PIN,
    EXPERIMENT,
    JOB,
    NAMESPACE,
    NETWORK_POLICY,
    OBJECT_STORE,
    POD,
)
from glovebox.ledger.entry import Kind as Told
from glovebox.store.run_records import FORMAT, PAYLOAD_TYPE
from glovebox.store.run_records import PREFIX as RUNS
from simulation.api_server import ADMINISTRATOR, Asked, Backup
from simulation.api_transport import NoFaults
from simulation.object_store import S3Error
from simulation.stage import NEVER, Stage, play
from simulation.test_intruders import ENFORCE, OF_THE_HOST, enforced, label, start
from simulation.test_keys import private, ready
from simulation.test_seal_order import Refusing
from simulation.world import BUCKET, SOURCE, TEAM, pin_spec
from support.told_ledgers import told, with_ledger

Json = dict[str, Any]


def job_creations(stage: Stage) -> int:
    """Return how often the Job of a run was created."""
    return sum(
        what.startswith("create jobs") and what.endswith(f"/{names.RUN_JOB} -> 201")
        for _, _, what in stage.world.story.lines
    )


def records(stage: Stage) -> dict[str, Json]:
    """Return the records of runs in the store, by key."""
    keys = stage.world.store.buckets[BUCKET].keys
    return {
        key: payload_of(versions[0].body) for key, versions in keys.items() if key.startswith(RUNS)
    }


async def sealed(stage: Stage) -> Json:
    await stage.until("x is sealed", lambda: stage.status().get("seal"), 3_600)
    return stage.status()


async def taken_over(stage: Stage) -> None:
    """Have an Experiment that took over what a former one of its name has done."""
    former = stage.declare()["metadata"]["uid"]
    await sealed(stage)
    await create_again(stage, EXPERIMENT)
    await stage.until("it is refused", lambda: stage.condition("Stalled"))
    adopt(stage, former)
    await sealed(stage)


async def restore(stage: Stage, backup: Backup) -> None:
    """Put the whole cluster back to an earlier moment, as from a snapshot of etcd."""
    await stage.process.kill()
    stage.world.server.restore(backup)
    stage.world.actors.resume()
    stage.process.start()


async def create_again(stage: Stage, *kinds: Any) -> None:
    """Take objects away with all that was theirs, and create them again without status."""
    await stage.process.kill()
    server = stage.world.server
    for kind in kinds:
        for found in [copy.deepcopy(each) for each in server.everything(kind)]:
            name, team = found["metadata"]["name"], found["metadata"].get("namespace")
            stage.world.edit(kind, team, name, {"metadata": {"finalizers": None}})
            stage.world.remove(kind, team, name)
            asked = Asked(ADMINISTRATOR, "create", kind, team or "", name)
            metadata = {"name": name}
            server.create(asked, {"metadata": metadata, "spec": found["spec"]})
    stage.process.start()


def test_the_start_of_a_run_is_in_the_store_before_its_job_is_created() -> None:
    seen: list[set[str]] = []

    async def body(stage: Stage) -> None:
        def see(change: Any) -> None:
            if change.served.kind == JOB and change.key[-1] == names.RUN_JOB and not change.old:
                seen.append(set(records(stage)))

        stage.world.server.on_change.append(see)
        made = stage.declare()
        status = await sealed(stage)
        begun, started = sorted(records(stage), key=len)
        assert seen == [{begun}]
        assert records(stage)[begun]["uid"] == made["metadata"]["uid"]
        assert records(stage)[begun]["digest"] == status["digest"]
        assert records(stage)[started]["jobUid"] == status["run"]["jobUid"]
        assert status["run"]["record"] == begun

    play(body)


def test_an_experiment_created_again_without_status_starts_no_run_again() -> None:
    async def body(stage: Stage) -> None:
        former = stage.declare()["metadata"]["uid"]
        await sealed(stage)
        await create_again(stage, EXPERIMENT)
        await stage.until("it is refused", lambda: stage.condition("Stalled"))
        stalled = stage.condition("Stalled")
        assert stalled["reason"] == reasons.ALREADY_RAN
        assert former in stalled["message"]
        assert "glovebox adopt team-a/x" in stalled["message"]
        await stage.sleep(300)
        assert job_creations(stage) == 1
        assert not stage.status().get("namespace")

    play(body)


def test_another_declaration_under_the_same_name_runs() -> None:
    async def body(stage: Stage) -> None:
        stage.declare()
        await sealed(stage)
        assert stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it is gone", lambda: stage.world.experiment() is None)
        stage.declare(config={"seeds": {"numpy": 7}})
        await sealed(stage)
        assert job_creations(stage) == 2

    play(body)


def test_a_run_of_which_the_store_holds_the_seal_is_not_started_by_a_restored_cluster() -> None:
    async def body(stage: Stage) -> None:
        stage.declare(suspend=True)
        stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"suspend": False}})
        await stage.until("it is bound", lambda: stage.status().get("digest"))
        backup = stage.world.server.backup()
        before = await sealed(stage)
        await restore(stage, backup)
        assert not stage.status().get("run")
        after = await sealed(stage)
        assert job_creations(stage) == 1
        assert after["seal"] == before["seal"]
        assert after["run"]["outcome"] == before["run"]["outcome"] == "Succeeded"

    play(body)


def test_a_run_that_the_store_knows_and_the_restored_cluster_does_not_is_lost_and_sealed() -> None:
    async def body(stage: Stage) -> None:
        stage.world.actors.run_ends = lambda _: (NEVER, True)
        stage.declare()
        await stage.until("it is bound", lambda: stage.status().get("digest"))
        backup = stage.world.server.backup()
        await stage.until("it runs", lambda: (stage.status().get("run") or {}).get("record"))
        await restore(stage, backup)
        after = await sealed(stage)
        assert job_creations(stage) == 1
        assert after["run"]["reason"] == reasons.RUN_LOST
        assert "restored" in after["run"]["message"]

    play(body)


def test_a_job_that_a_restore_brought_back_ends_when_the_store_holds_its_seal() -> None:
    async def body(stage: Stage) -> None:
        stage.declare()
        await stage.until("it runs", lambda: (stage.status().get("run") or {}).get("jobUid"))
        backup = stage.world.server.backup()
        before = await sealed(stage)
        stage.world.actors.run_ends = lambda _: (NEVER, True)
        await restore(stage, backup)
        after = await sealed(stage)
        assert after["seal"] == before["seal"]
        assert after["run"]["outcome"] == "Succeeded"
        pods = [pod["status"].get("phase") for pod in stage.world.server.everything(POD)]
        assert "Running" not in pods

    play(body)


def test_a_job_that_a_restore_brought_back_ends_although_nothing_can_be_recorded() -> None:
    """Its namespace is closed by what a status says: until then it would write behind its seal."""
    faults = Refusing(lambda asked: asked.kind == EXPERIMENT and asked.subresource == "status")

    async def body(stage: Stage) -> None:
        stage.declare()
        await stage.until("it runs", lambda: (stage.status().get("run") or {}).get("jobUid"))
        backup = stage.world.server.backup()
        await sealed(stage)
        stage.world.actors.run_ends = lambda _: (NEVER, True)
        faults.in_force = True
        await restore(stage, backup)
        await stage.sleep(5 * 60.0)
        assert faults.refused
        pods = [pod["status"].get("phase") for pod in stage.world.server.everything(POD)]
        assert "Running" not in pods

    play(body, faults=faults)


def pin(stage: Stage) -> Json:
    """Return the status of the pin."""
    found = stage.world.server.peek(DATASET_PIN, TEAM, "set") or {}
    status: Json = found.get("status") or {}
    return status


def write(stage: Stage, key: str, body: bytes, *, in_place: bool) -> None:
    """Write another version over an object, or in its place, as a bucket restored by copy has."""
    store = stage.world.store
    if in_place:
        store.buckets[SOURCE].keys.pop(key)
    store._store(store.bucket(SOURCE), key, body, "", None, "")


async def pinned(stage: Stage) -> Json:
    stage.world.declare(DATASET_PIN, "set", pin_spec())
    await stage.until(
        "it is pinned", lambda: stage.condition("Ready", "set", DATASET_PIN).get("status") == "True"
    )
    return pin(stage)


def test_a_pin_created_again_is_the_versions_that_it_was() -> None:
    async def body(stage: Stage) -> None:
        before = await pinned(stage)
        write(stage, "set/part-0", b"other rows\n", in_place=False)
        write(stage, "set/part-9", b"more rows\n", in_place=False)
        await create_again(stage, DATASET_PIN)
        await stage.until("it is checked", lambda: pin(stage).get("listedTime"))
        after = pin(stage)
        for field in ("digest", "pinDigest", "manifest", "objects", "bytes", "verifiedTime"):
            assert after[field] == before[field], field
        assert (after["findings"]["hidden"], after["findings"]["extra"]) == (1, 1)
        assert stage.condition("Ready", "set", DATASET_PIN).get("status") == "True"
        assert stage.condition("DriftDetected", "set", DATASET_PIN).get("status") == "True"

    play(body)


def test_a_pin_created_again_over_the_same_bytes_in_other_versions_has_the_same_digest() -> None:
    async def body(stage: Stage) -> None:
        before = await pinned(stage)
        kept = stage.world.store.buckets[SOURCE].keys["set/part-0"][-1].body
        write(stage, "set/part-0", kept, in_place=True)
        await create_again(stage, DATASET_PIN)
        await stage.until("it is pinned", lambda: pin(stage).get("digest"))
        after = pin(stage)
        assert after["digest"] == before["digest"]
        assert after["pinDigest"] != before["pinDigest"]

    play(body)


def test_a_pin_created_again_over_other_bytes_is_refused_with_the_cure() -> None:
    async def body(stage: Stage) -> None:
        before = await pinned(stage)
        write(stage, "set/part-0", b"other rows\n", in_place=True)
        await create_again(stage, DATASET_PIN)
        await stage.until("it is refused", lambda: stage.condition("Stalled", "set", DATASET_PIN))
        said = stage.condition("Stalled", "set", DATASET_PIN)
        assert said["reason"] == reasons.PINNED_DIFFERENTLY
        assert before["digest"] in said["message"]
        assert "spec.digest" in said["message"]
        assert "digest" not in pin(stage)

    play(body)


def test_a_pin_whose_manifest_was_lost_with_the_store_is_not_resolved_to_what_is_there() -> None:
    async def body(stage: Stage) -> None:
        before = await pinned(stage)
        write(stage, "set/part-0", b"other rows\n", in_place=True)
        keys = stage.world.store.buckets[BUCKET].keys
        for key in [key for key in keys if key.startswith((".glovebox/pins/", ".glovebox/man"))]:
            del keys[key]
        await stage.until(
            "it is told",
            lambda: stage.condition("Ready", "set", DATASET_PIN).get("status") == "False",
            900,
        )
        assert pin(stage)["digest"] == before["digest"]
        assert (
            stage.condition("Ready", "set", DATASET_PIN).get("reason") == reasons.OBJECT_NOT_FOUND
        )

    play(body)


def adopt(stage: Stage, uid: str) -> None:
    assert stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"adopts": uid}})


def test_an_experiment_that_adopts_shows_the_results_of_the_former_one_and_runs_nothing() -> None:
    async def body(stage: Stage) -> None:
        former = stage.declare()["metadata"]["uid"]
        before = await sealed(stage)
        await create_again(stage, EXPERIMENT)
        await stage.until("it is refused", lambda: stage.condition("Stalled"))
        adopt(stage, former)
        after = await sealed(stage)
        assert stage.condition("Ready").get("reason") == reasons.ADOPTED
        assert stage.condition("Stalled") == {}
        for field in ("digest", "seal", "state"):
            assert after[field] == before[field], field
        assert after["run"]["outcome"] == "Succeeded"
        assert "namespace" not in after
        assert job_creations(stage) == 1
        assert stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it goes", lambda: stage.world.experiment() is None)

    play(body)


def test_what_was_started_and_never_sealed_is_sealed_when_it_is_adopted() -> None:
    async def body(stage: Stage) -> None:
        await stage.until(
            "keys are there",
            lambda: (
                stage.condition("KeyPublished", "primary", OBJECT_STORE).get("status") == "True"
            ),
        )
        empty = stage.world.server.backup()
        stage.world.actors.run_ends = lambda _: (NEVER, True)
        former = stage.declare()["metadata"]["uid"]
        await stage.until("it runs", lambda: (stage.status().get("run") or {}).get("record"))
        await restore(stage, empty)
        stage.declare()
        await stage.until("it is refused", lambda: stage.condition("Stalled"))
        adopt(stage, former)
        after = await sealed(stage)
        assert (after["run"]["outcome"], after["run"]["reason"]) == ("Failed", reasons.ORPHANED)
        assert former in after["seal"]["uri"]
        assert "was lost with its cluster" in str(after["seal"]["findings"])
        assert stage.condition("Ready").get("status") == "False"
        assert job_creations(stage) == 1

    play(body)


def test_the_seal_that_an_adoption_makes_is_in_the_ledger_as_the_former_one_s() -> None:
    async def body(stage: Stage) -> None:
        await with_ledger(stage)
        empty = stage.world.server.backup()
        stage.world.actors.run_ends = lambda _: (NEVER, True)
        former = stage.declare()["metadata"]["uid"]
        await stage.until("it runs", lambda: (stage.status().get("run") or {}).get("record"))
        await restore(stage, empty)
        new = stage.declare()["metadata"]["uid"]
        await stage.until("it is refused", lambda: stage.condition("Stalled"))
        adopt(stage, former)
        await sealed(stage)
        await stage.until("it is told", lambda: told(stage, former)[-1:] == [Told.SEALED])
        recorded = stage.status()["ledger"]["entries"]
        assert [each["kind"] for each in recorded] == [Told.SEALED]
        assert told(stage, new) == []

    play(body)


def test_a_seal_that_was_told_is_not_told_again_when_it_is_adopted() -> None:
    async def body(stage: Stage) -> None:
        await with_ledger(stage)
        former = stage.declare()["metadata"]["uid"]
        await sealed(stage)
        before = told(stage, former)
        await create_again(stage, EXPERIMENT)
        await stage.until("it is refused", lambda: stage.condition("Stalled"))
        adopt(stage, former)
        await sealed(stage)
        await stage.until("it knows where it stands", lambda: stage.status().get("ledger"))
        assert before.count(Told.SEALED) == told(stage, former).count(Told.SEALED) == 1

    play(body)


def test_nothing_is_sealed_for_who_adopts_while_the_former_namespace_is_open() -> None:
    """Its run goes on and writes: what came after the list would be in no seal."""

    async def body(stage: Stage) -> None:
        stage.world.actors.run_ends = lambda _: (NEVER, True)
        former = stage.declare()["metadata"]["uid"]
        namespace = await stage.provisioned()
        await stage.until("it runs", lambda: (stage.status().get("run") or {}).get("record"))
        found: list[tuple[str, int]] = []

        def look(action: str, bucket: str, key: str) -> None:
            del bucket
            if action == "s3:PutObject" and key.endswith("attestation.dsse.json"):
                live = stage.world.server.peek(NAMESPACE, None, namespace) or {}
                labels = live.get("metadata", {}).get("labels", {})
                pods = stage.world.server.everything(POD)
                running = [pod for pod in pods if pod["metadata"]["namespace"] == namespace]
                found.append((labels.get(names.LABEL_STATE, ""), len(running)))

        stage.world.store.fault = look
        await stage.process.kill()
        stage.world.edit(EXPERIMENT, TEAM, "x", {"metadata": {"finalizers": None}})
        stage.world.remove(EXPERIMENT, TEAM, "x")
        stage.declare(adopts=former)
        stage.process.start()
        await sealed(stage)
        assert found
        assert all(state not in {"", names.STATE_OPEN} and not pods for state, pods in found), found

    play(body)


def test_nothing_is_adopted_but_a_run_of_this_name_and_declaration() -> None:
    async def body(stage: Stage) -> None:
        other = stage.declare("other")["metadata"]["uid"]
        await stage.until("other is sealed", lambda: stage.status("other").get("seal"))
        former = stage.declare()["metadata"]["uid"]
        await sealed(stage)
        await stage.process.kill()
        stage.world.edit(EXPERIMENT, TEAM, "x", {"metadata": {"finalizers": None}})
        stage.world.remove(EXPERIMENT, TEAM, "x")
        stage.process.start()
        for uid, seeds, said in ((other, 0, "known in"), (former, 7, "declared differently")):
            config = {"seeds": {"numpy": seeds}} if seeds else {}
            stage.declare(adopts=uid, config=config)
            await stage.until("it is refused", lambda: stage.condition("Stalled"))
            assert stage.condition("Stalled").get("reason") == reasons.ADOPTION_REFUSED
            assert said in stage.condition("Stalled")["message"]
            assert not stage.status().get("seal")
            stage.world.remove(EXPERIMENT, TEAM, "x")
            await stage.until("it goes", lambda: stage.world.experiment() is None)

    play(body)


@pytest.mark.parametrize("again", [True, False], ids=["created again", "gone"])
def test_the_namespace_of_an_experiment_that_was_created_again_is_sealed_and_kept(
    again: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    async def body(stage: Stage) -> None:
        stage.declare(run=False, lifecycle={"deletionPolicy": "Delete"})
        former = await stage.provisioned()
        if again:
            await create_again(stage, EXPERIMENT)
        else:
            stage.world.edit(EXPERIMENT, TEAM, "x", {"metadata": {"finalizers": None}})
            stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it is sealed", stage.world.seals)
        await stage.sleep(60)
        assert stage.there(NAMESPACE, "", former) is again
        if again:
            labels = (stage.world.server.peek(NAMESPACE, None, former) or {})["metadata"]["labels"]
            assert labels[names.LABEL_STATE] == names.STATE_RETAINED
            assert await stage.provisioned() != former

    play(body)


def records_condition(stage: Stage) -> Json:
    return stage.condition("RecordsFound", "primary", OBJECT_STORE)


def test_what_only_the_cluster_knows_is_told_and_nothing_is_written_anew() -> None:
    async def body(stage: Stage) -> None:
        stage.declare()
        await sealed(stage)
        keys = stage.world.store.buckets[BUCKET].keys
        for key in [key for key in keys if key.startswith((RUNS, ".glovebox/seals/"))]:
            del keys[key]
        await stage.process.kill()
        stage.process.start()
        await stage.until("it is told", lambda: records_condition(stage).get("status") == "False")
        assert records_condition(stage)["reason"] == reasons.RECORDS_LOST
        assert "team-a/x" in records_condition(stage)["message"]
        assert stage.metric("glovebox_records_lost", store="primary") == 1
        await stage.sleep(300)
        assert job_creations(stage) == 1
        assert records(stage) == {}
        assert stage.condition("Sealed").get("status") == "True"

    play(body)


def test_what_only_the_store_knows_is_counted() -> None:
    async def body(stage: Stage) -> None:
        stage.declare()
        await sealed(stage)
        assert stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it is gone", lambda: stage.world.experiment() is None)
        await stage.process.kill()
        stage.process.start()
        await stage.until("it is told", lambda: "1 run" in records_condition(stage)["message"])
        assert records_condition(stage)["status"] == "True"
        assert stage.metric("glovebox_records_without_experiment", store="primary") == 1

    play(body)


SAID = {"verdict": "Refuted", "text": "no better than the baseline", "by": "erin"}


def concluded(stage: Stage, **said: str) -> None:
    assert stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"conclusion": {**SAID, **said}}})


def test_what_was_taken_over_is_listed_once_more_and_concluded_as_any_other() -> None:
    async def body(stage: Stage) -> None:
        await taken_over(stage)
        concluded(stage)
        await stage.until("it is signed", lambda: stage.status().get("conclusion"))
        await stage.until("it is listed", lambda: stage.status().get("sealSupplement"), 7_200)
        experiment = stage.world.experiment()
        assert experiment is not None
        assert stage.status()["observedGeneration"] == experiment["metadata"]["generation"]
        assert "listed once more" not in stage.condition("Sealed")["message"]
        assert stage.condition("Ready")["reason"] == reasons.ADOPTED

    play(body)


async def concluded_otherwise(stage: Stage) -> None:
    """Have a run concluded, lost and adopted, and then something else concluded of it."""
    former = stage.declare()["metadata"]["uid"]
    await sealed(stage)
    concluded(stage)
    await stage.until("it is signed", lambda: stage.status().get("conclusion"))
    await stage.process.kill()
    stage.world.edit(EXPERIMENT, TEAM, "x", {"metadata": {"finalizers": None}})
    stage.world.remove(EXPERIMENT, TEAM, "x")
    stage.process.start()
    stage.declare()
    await stage.until("it is refused", lambda: stage.condition("Stalled"))
    adopt(stage, former)
    await sealed(stage)
    concluded(stage, verdict="Confirmed")


def test_what_was_concluded_before_a_restore_counts_and_another_conclusion_is_told() -> None:
    async def body(stage: Stage) -> None:
        await concluded_otherwise(stage)
        await stage.until(
            "it is told",
            lambda: stage.condition("Stalled").get("reason") == reasons.CONCLUSION_DIFFERS,
        )
        assert "Refuted" in stage.condition("Stalled")["message"]

    play(body)


@pytest.mark.parametrize("by", ["a key of ours", "another key"])
def test_a_run_whose_record_another_one_wrote_a_moment_before_does_not_start(by: str) -> None:
    """Two clusters that share a bucket: whoever is first under a name runs, and nobody else."""

    async def body(stage: Stage) -> None:
        await ready(stage)
        pem = private(stage) if by == "a key of ours" else new_key_pair().private
        first: list[str] = []

        def writes_first(action: str, _: str, key: str) -> None:
            if action != "s3:PutObject" or not key.startswith(RUNS) or first:
                return
            first.append(key)
            document = {
                "format": FORMAT,
                "team": TEAM,
                "name": "x",
                "uid": "of-another-cluster",
                "digest": "sha256:" + "0" * 64,
                "declared": "sha256:" + key.rpartition("/")[2].removesuffix(".json"),
                "resourceVersion": 1,
                "begunTime": "2026-01-01T00:00:00Z",
                "snapshot": {},
                "namespaceUid": "there",
            }
            envelope = sign(orjson.dumps(document), LocalSigner.of(pem), PAYLOAD_TYPE)
            bucket = stage.world.store.buckets[BUCKET]
            stage.world.store._store(bucket, key, envelope, "", None, "")

        stage.world.store.fault = writes_first
        stage.declare()
        await stage.until("it is refused", lambda: stage.condition("Stalled"))
        stalled = stage.condition("Stalled")
        assert stalled["reason"] == reasons.ALREADY_RAN
        is_ours = by == "a key of ours"
        expected = "of-another-cluster" if is_ours else "no published key signed"
        assert expected in stalled["message"]
        await stage.sleep(300)
        assert first
        assert job_creations(stage) == 0

    play(body)


def test_nothing_is_taken_over_from_a_store_that_is_not_granted_any_more() -> None:
    async def body(stage: Stage) -> None:
        former = stage.declare()["metadata"]["uid"]
        await sealed(stage)
        await create_again(stage, EXPERIMENT)
        await stage.until("it is refused", lambda: stage.condition("Stalled"))
        access = [{"namespaces": ["others"], "artifacts": True}]
        assert stage.world.edit(OBJECT_STORE, None, "primary", {"spec": {"access": access}})
        adopt(stage, former)
        await stage.until(
            "it says so",
            lambda: stage.condition("Stalled").get("reason") == reasons.STORE_NOT_GRANTED,
        )
        assert "seal" not in stage.status()

    play(body)


def test_a_cluster_that_is_older_than_the_record_of_a_start_begins_no_run() -> None:
    """Of that start nothing is known but that it was about to be made: no Job was noted."""
    faults = Refusing(lambda asked: asked.kind == NETWORK_POLICY and asked.verb == "create")
    faults.in_force = True

    async def body(stage: Stage) -> None:
        def no_notes(action: str, _: str, key: str) -> None:
            if action == "s3:PutObject" and key.endswith(".started.json"):
                raise S3Error(503, "ServiceUnavailable")

        stage.world.store.fault = no_notes
        stage.world.actors.run_ends = lambda _: (NEVER, True)
        stage.declare()
        await stage.until("it is bound", lambda: stage.status().get("namespaceUid"))
        backup = stage.world.server.backup()
        for number in range(300):  # time goes by for the whole cluster
            stage.world.edit(NAMESPACE, None, TEAM, {"metadata": {"labels": {"n": str(number)}}})
        faults.in_force = False
        await stage.until("it runs", lambda: stage.status().get("run"))
        assert len(records(stage)) == 1
        await restore(stage, backup)
        await stage.until("it is over", lambda: (stage.status().get("run") or {}).get("outcome"))
        assert stage.status()["run"]["reason"] == reasons.RUN_LOST
        await stage.sleep(300)
        assert job_creations(stage) == 1

    play(body, faults=faults)


def test_an_experiment_that_was_edited_after_a_restore_is_no_second_run() -> None:
    """Its own record is of another declaration than it has by now."""

    async def body(stage: Stage) -> None:
        await ready(stage)  # so that the key is in the backup
        stage.declare()
        backup = stage.world.server.backup()
        await sealed(stage)
        await stage.process.kill()
        stage.world.server.restore(backup)
        edited = {"spec": {"config": {"seeds": {"numpy": 7}}}}
        assert stage.world.edit(EXPERIMENT, TEAM, "x", edited)
        stage.world.actors.resume()
        stage.process.start()
        await stage.until("it is refused", lambda: stage.condition("Stalled"))
        assert stage.condition("Stalled")["reason"] == reasons.ALREADY_RAN
        await stage.sleep(300)
        assert job_creations(stage) == 1

    play(body)


class _Away(NoFaults):
    """The API server answers nobody for as long as it is away."""

    def __init__(self) -> None:
        self.away = False

    def is_away(self) -> bool:
        return self.away


def test_a_pod_that_a_restore_brought_back_goes_again() -> None:
    """The namespace has the version in which that pod was searched for, and removed, before."""
    faults, backups = _Away(), list[Backup]()

    async def body(stage: Stage) -> None:
        await stage.process.kill()
        # What was written before the restore is written again, on what is older.
        stage.process.on_stale = lambda *_: None
        stage.process.start()
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(5)
        level = enforced(stage, namespace)

        def see(change: Any) -> None:
            if change.served.kind == NAMESPACE and enforced(stage, namespace) == level:
                backups.append(stage.world.server.backup())

        label(stage, namespace, ENFORCE, None)
        start(stage, namespace, "theirs", OF_THE_HOST)
        stage.world.server.on_change.append(see)
        await stage.until("it goes", lambda: not stage.there(POD, namespace, "theirs"), 60)
        await stage.sleep(130)  # so that what watches know is newer than the backup
        faults.away = True
        stage.world.server.restore(backups[0])
        await stage.sleep(100)
        faults.away = False
        stage.world.actors.resume()
        assert stage.there(POD, namespace, "theirs")
        await stage.sleep(3_600)
        assert not stage.there(POD, namespace, "theirs")

    play(body, faults=faults)
