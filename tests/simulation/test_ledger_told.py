"""What becomes of an Experiment is in the ledger, each of it once, before anybody is told."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.api.object_store import ObjectStore
from glovebox.controllers import ledgers
from glovebox.controllers.ports import Ports
from glovebox.controllers.signing_keys import PRIVATE
from glovebox.kube.kinds import (
    EVENT,
    EXPERIMENT,
    LIMIT_RANGE,
    NAMESPACE,
    OBJECT_STORE,
    ROLE_BINDING,
    SECRET,
)
from glovebox.ledger.entry import Event
from glovebox.ledger.stated import SEAL, SEALS, compare_objects, compare_seals
from glovebox.store.connection import Stop
from glovebox.store.ledger_init import begin_epoch
from glovebox.store.ledger_stated import find_object, seals_in
from simulation.api_server import ADMINISTRATOR, Asked, Change
from simulation.object_store import S3Error
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE, SOON, ends_after
from simulation.test_evidence import conclude
from simulation.test_leakage import ALLOWED, roles, two_pins
from simulation.test_orphans import let_pods_end, lose, six_lost_of_which_one_is_let_go
from simulation.world import BUCKET, TEAM
from support.ledger_logs import OTHER, pem_of
from support.told_ledgers import (
    LIFE,
    SECRET_NAME,
    SIGNER,
    Reports,
    entries,
    make_key,
    make_ledger,
    place_of,
    told,
    turn_on,
    verify,
    with_ledger,
    written,
)

Json = dict[str, Any]


def events(stage: Stage) -> list[str]:
    """Return the reasons of the Events that were posted."""
    return [each["reason"] for each in stage.world.server.everything(EVENT)]


async def sealed(stage: Stage) -> Json:
    await stage.until("it is sealed", lambda: is_true(stage, "Sealed"), HOUR)
    return stage.status()


def is_true(stage: Stage, condition: str) -> bool:
    return stage.condition(condition).get("status") == "True"


async def delete(stage: Stage) -> None:
    assert stage.world.remove(EXPERIMENT, TEAM, "x")
    await stage.until("it is gone", lambda: stage.world.experiment() is None, 2 * HOUR)


def test_a_life_is_told_from_binding_to_deletion_and_the_ledger_verifies() -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        ends_after(stage, MINUTE)
        made = stage.declare()
        status = await sealed(stage)
        recorded = status["ledger"]["entries"]
        assert [each["kind"] for each in recorded] == list(LIFE[:-1])
        await delete(stage)
        assert told(stage, made["metadata"]["uid"]) == list(LIFE)
        for each in recorded:
            assert entries(stage)[each["index"]].id == each["id"]
        await stage.sleep(MINUTE)
        report = verify(stage)
        place = place_of(stage)
        compare_objects(report, lambda stated: find_object(place, stated, Stop()))
        compare_seals(report, seals_in(place, Stop()))
        assert report.findings == []
        assert report.newest is not None
        assert report.newest.opened.head.size == len(entries(stage))
        for reason in (reasons.RUN_STARTED, reasons.RUN_SUCCEEDED, reasons.SEALED):
            assert events(stage).count(reason) == 1, reason

    play(scene)


def test_what_isolation_lost_is_told_and_holds_nothing_back() -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        ends_after(stage, 5 * MINUTE)
        uid = stage.declare()["metadata"]["uid"]
        await stage.until("it runs", lambda: told(stage, uid) == ["bind", "run-started"])
        namespace = stage.status()["namespace"]
        for _ in range(3):
            assert stage.world.remove(LIMIT_RANGE, namespace, names.LIMIT_RANGE)
            await stage.sleep(MINUTE)
            assert is_true(stage, "Ready")
        drifts = [each for each in entries(stage) if each.kind == "isolation-drift"]
        assert [each.details["repairs"] for each in drifts] == ["1", "2", "3"]
        assert {each.details["kind"] for each in drifts} == {"LimitRange"}
        status = await sealed(stage)
        recorded = [each["kind"] for each in status["ledger"]["entries"]]
        assert recorded == ["bind", "run-started", "isolation-drift", "run-ended", "sealed"]
        await delete(stage)
        await stage.sleep(MINUTE)
        assert verify(stage).findings == []

    play(scene)


def test_a_fight_makes_few_entries() -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        stage.declare()
        await stage.until("it is Ready", lambda: is_true(stage, "Ready"))
        namespace = stage.status()["namespace"]
        for _ in range(200):
            stage.world.remove(LIMIT_RANGE, namespace, names.LIMIT_RANGE)
            await stage.sleep(2.0)
        await stage.sleep(2 * MINUTE)
        assert stage.status()["drift"]["repairs"] > 10
        drifts = [each for each in entries(stage) if each.kind == "isolation-drift"]
        assert 1 <= len(drifts) <= 12

    play(scene)


def test_nothing_is_asked_for_and_nothing_told_without_a_ledger() -> None:
    async def scene(stage: Stage) -> None:
        asked: list[str] = []
        stage.world.store.fault = lambda action, _, key: asked.append(f"{action} {key}")
        ends_after(stage, MINUTE)
        stage.declare()
        status = await sealed(stage)
        await stage.sleep(2 * HOUR)
        assert "ledger" not in status
        assert written(stage) == {}
        assert len(asked) > 10
        assert [each for each in asked if "ledger" in each] == []

    play(scene)


def test_no_step_is_reported_while_the_ledger_cannot_be_written_and_the_run_goes_on() -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        reports = Reports(stage)
        ends_after(stage, 5 * MINUTE)
        made = stage.declare()
        await stage.until("it runs", lambda: told(stage) == ["bind", "run-started"])
        await stage.until(
            "that is told", lambda: stage.condition("Succeeded")["reason"] == reasons.RUNNING
        )
        ledger_is_away(stage)
        await stage.until("the seal is made", lambda: stage.status().get("seal"), HOUR)
        await stage.sleep(MINUTE)
        for condition in ("Succeeded", "Sealed"):
            shown = stage.condition(condition)
            assert shown["status"] != "True", condition
            assert shown["reason"] == reasons.LEDGER_UNAVAILABLE, condition
        assert stage.condition("Reconciling")["reason"] == reasons.LEDGER_UNAVAILABLE
        assert reasons.RUN_SUCCEEDED not in events(stage)
        assert reasons.SEALED not in events(stage)
        stage.world.store.fault = lambda *_: None
        await stage.until("it is told", lambda: is_true(stage, "Sealed"), 5 * MINUTE)
        assert stage.condition("Succeeded")["status"] == "True"
        assert stage.condition("Reconciling") == {}
        await stage.sleep(MINUTE)
        assert events(stage).count(reasons.SEALED) == 1
        assert reports.too_early == []
        assert told(stage, made["metadata"]["uid"]) == list(LIFE[:-1])
        assert verify(stage).findings == []

    play(scene)


def ledger_is_away(stage: Stage) -> None:
    """Let no entry be written; the rest of the store answers."""

    def away(action: str, bucket: str, key: str) -> None:
        del action, bucket
        if "/ledger/" in key:
            raise S3Error(503, "ServiceUnavailable")

    stage.world.store.fault = away


def test_a_failed_run_is_no_failure_before_the_ledger_tells_of_it() -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        ends_after(stage, 2 * MINUTE, succeeds=False)
        stage.declare()
        await stage.until("it runs", lambda: told(stage) == ["bind", "run-started"])
        await stage.sleep(SOON / 2)
        ledger_is_away(stage)
        await stage.until("the seal is made", lambda: stage.status().get("seal"), HOUR)
        assert stage.condition("Stalled") == {}
        assert stage.condition("Succeeded")["status"] == "Unknown"
        stage.world.store.fault = lambda *_: None
        await stage.until(
            "it is told", lambda: stage.condition("Succeeded")["status"] == "False", 5 * MINUTE
        )
        await stage.until("it is stalled", lambda: stage.condition("Stalled"))
        assert stage.condition("Ready")["status"] == "False"

    play(scene)


def test_a_deletion_waits_for_its_entry_for_an_hour_and_then_it_is_told() -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        ends_after(stage, MINUTE)
        stage.declare(lifecycle={"deletionPolicy": "Freeze"})
        await sealed(stage)
        ledger_is_away(stage)
        assert stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.sleep(HOUR - MINUTE)
        assert stage.condition("Ready")["reason"] == reasons.LEDGER_UNAVAILABLE
        assert reasons.DELETED_UNRECORDED not in events(stage)
        await stage.until("it is gone", lambda: stage.world.experiment() is None, 2 * MINUTE)
        assert events(stage).count(reasons.DELETED_UNRECORDED) == 1
        assert told(stage) == list(LIFE[:-1])

    play(scene)


def test_a_deletion_goes_on_as_soon_as_it_is_written() -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        stage.declare(run=False)
        await stage.provisioned()
        ledger_is_away(stage)
        assert stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.sleep(10 * MINUTE)
        assert stage.world.experiment() is not None
        stage.world.store.fault = lambda *_: None
        await stage.until("it is gone", lambda: stage.world.experiment() is None, 2 * MINUTE)
        assert told(stage)[-1] == "deleted"
        assert reasons.DELETED_UNRECORDED not in events(stage)

    play(scene)


def test_a_statement_that_cannot_be_read_holds_up_no_later_entry() -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        ends_after(stage, MINUTE)
        stage.declare()
        await stage.until("it runs", lambda: told(stage) == list(LIFE[:2]))
        ledger_is_away(stage)
        await stage.until("the seal is made", lambda: stage.status().get("seal"), HOUR)
        statement_is_unreadable(stage)
        assert stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it is told", lambda: told(stage) == [*LIFE[:3], "deleted"], 5 * MINUTE)
        assert stage.world.experiment() is not None, "its seal is still to be told"
        assert not is_true(stage, "Sealed")
        stage.world.store.fault = lambda *_: None
        await stage.until("it is gone", lambda: stage.world.experiment() is None, HOUR)
        assert told(stage) == [*LIFE[:3], "deleted", "sealed"]
        assert reasons.DELETED_UNRECORDED not in events(stage)
        assert verify(stage).findings == []

    play(scene)


def statement_is_unreadable(stage: Stage) -> None:
    """Let nobody read the statement of a seal; it can be written."""

    def denied(action: str, bucket: str, key: str) -> None:
        del bucket
        if action == "s3:GetObject" and key.startswith(SEALS) and key.endswith(SEAL):
            raise S3Error(403, "AccessDenied")

    stage.world.store.fault = denied


@pytest.mark.parametrize("away", [False, True], ids=["at once", "after the ledger was away"])
def test_the_seal_of_a_namespace_that_lost_its_experiment_is_told(*, away: bool) -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        ends_after(stage, 24 * HOUR)
        uid = stage.declare(lifecycle={"deletionPolicy": "Delete"})["metadata"]["uid"]
        await stage.until("it runs", lambda: told(stage) == ["bind", "run-started"])
        namespace = stage.status()["namespace"]
        await stage.sleep(MINUTE)
        if away:
            ledger_is_away(stage)
        lose(stage, "x")
        if away:
            await stage.until("it is sealed", lambda: uid in stage.world.seals(), HOUR)
            await stage.sleep(10 * MINUTE)
            assert stage.there(NAMESPACE, "", namespace)
            stage.world.store.fault = lambda *_: None
        await stage.until("it is let go", lambda: not stage.there(NAMESPACE, "", namespace), HOUR)
        await stage.sleep(MINUTE)
        assert told(stage, uid) == ["bind", "run-started", "break-glass", "sealed", "deleted"]
        report = verify(stage)
        place = place_of(stage)
        compare_objects(report, lambda stated: find_object(place, stated, Stop()))
        compare_seals(report, seals_in(place, Stop()))
        assert report.findings == []

    play(scene)


def broken_glass(stage: Stage) -> list[Json]:
    """Return what the entries say of broken glass."""
    return [dict(each.details) for each in entries(stage) if each.kind == "break-glass"]


def test_a_loss_is_told_once_before_anybody_hears_of_it_however_often_the_process_dies() -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        uid = stage.declare(run=False)["metadata"]["uid"]
        await stage.provisioned()
        await stage.sleep(MINUTE)
        reported: list[bool] = []

        def see(change: Change) -> None:
            if change.served.kind == EVENT and change.last["reason"] == reasons.ORPHAN_FOUND:
                reported.append(bool(broken_glass(stage)))

        stage.world.server.on_change.append(see)
        lose(stage, "x")
        await stage.until("it is told", lambda: broken_glass(stage), HOUR)
        for _ in range(3):
            await stage.process.kill()
            stage.process.start()
            await stage.sleep(20.0)
        await stage.sleep(HOUR)
        assert broken_glass(stage) == [{"what": "ExperimentLost", "writer": "unknown"}]
        assert told(stage, uid).index("break-glass") < told(stage, uid).index("sealed")
        assert reported
        assert all(reported)
        assert verify(stage).findings == []

    play(scene)


def test_a_loss_is_reported_after_five_minutes_although_no_entry_tells_of_it() -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(MINUTE)
        ledger_is_away(stage)
        lose(stage, "x")
        binding = names.TENANT_ROLE_BINDING
        await stage.until(
            "it is closed", lambda: not stage.there(ROLE_BINDING, namespace, binding), HOUR
        )
        await stage.sleep(4 * MINUTE)
        assert reasons.ORPHAN_FOUND not in events(stage)
        await stage.until("that is told", lambda: reasons.ORPHAN_FOUND in events(stage), HOUR)
        assert broken_glass(stage) == []
        stage.world.store.fault = lambda *_: None
        await stage.until("it is in the ledger", lambda: broken_glass(stage), HOUR)

    play(scene)


@pytest.mark.parametrize("away", [False, True], ids=["written", "cannot be written"])
def test_a_loss_that_cannot_be_sealed_is_told_before_its_namespace_is_let_go(*, away: bool) -> None:
    """Somebody calls the namespace another's, so that nobody knows what to seal."""

    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(MINUTE)
        await stage.process.kill()
        notes = {names.ANNOTATION_EXPERIMENT: f"{TEAM}/another"}
        stage.world.edit(NAMESPACE, None, namespace, {"metadata": {"annotations": notes}})
        lose(stage, "x")
        if away:
            ledger_is_away(stage)
        stage.process.start()
        await stage.sleep(10 * MINUTE)
        assert reasons.ORPHAN_FOUND in events(stage)
        if not away:
            assert broken_glass(stage) == [{"what": "ExperimentLost", "writer": "unknown"}]
        await stage.sleep(HOUR)
        live = stage.world.server.peek(NAMESPACE, None, namespace)
        assert live is not None
        assert live["metadata"]["labels"][names.LABEL_STATE] == names.STATE_RETAINED
        assert names.ANNOTATION_ORPHANED_TIME not in live["metadata"]["annotations"]

    play(scene)


@pytest.mark.parametrize(
    "note",
    ["", "soon", "2026-01-02T03:04:05", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"],
    ids=["empty", "no time", "no zone", "still to come", "long ago"],
)
@pytest.mark.parametrize("state", ["", names.STATE_RETAINED], ids=["open", "retained"])
def test_a_loss_is_told_whatever_somebody_noted_on_its_namespace(note: str, state: str) -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        uid = stage.declare(run=False)["metadata"]["uid"]
        namespace = await stage.provisioned()
        await stage.sleep(MINUTE)
        await stage.process.kill()
        patch: Json = {"annotations": {names.ANNOTATION_ORPHANED_TIME: note}}
        if state and note:
            patch["labels"] = {names.LABEL_STATE: state}
        stage.world.edit(NAMESPACE, None, namespace, {"metadata": patch})
        lose(stage, "x")
        stage.process.start()
        await stage.sleep(2 * HOUR)
        assert "sealed" in told(stage, uid)
        assert broken_glass(stage) == [{"what": "ExperimentLost", "writer": "unknown"}]
        assert reasons.ORPHAN_FOUND in events(stage)

    play(scene)


def test_each_namespace_that_somebody_deletes_is_told_once() -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        stage.declare(run=False)
        namespace = await stage.provisioned()
        lost = []
        for _ in range(2):
            found = stage.world.server.peek(NAMESPACE, None, namespace)
            assert found is not None
            lost.append(found["metadata"]["uid"])
            assert stage.world.remove(NAMESPACE, None, namespace)
            await stage.until("it is seen", lambda: stage.status().get("lostNamespace"), HOUR)
            await stage.sleep(5 * MINUTE)
            await stage.until("it is Ready again", lambda: is_true(stage, "Ready"), HOUR)
        told_of = [each["namespaceUid"] for each in broken_glass(stage)]
        assert told_of == lost
        assert stage.status()["lostNamespace"]["uid"] == lost[-1]
        assert verify(stage).findings == []

    play(scene)


def test_a_conclusion_is_told_and_the_entry_vouches_for_what_was_signed() -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        ends_after(stage, MINUTE)
        uid = stage.declare()["metadata"]["uid"]
        await sealed(stage)
        assert conclude(stage, "Refuted")
        await stage.until("it is told", lambda: told(stage, uid)[-1] == "approval", HOUR)
        told_of = next(each for each in entries(stage) if each.kind == "approval")
        assert told_of.details["verdict"] == "Refuted"
        assert told_of.objects[0].version_id == stage.status()["conclusion"]["attestationVersion"]
        await delete(stage)
        await stage.sleep(MINUTE)
        assert told(stage, uid) == [*LIFE[:-1], "approval", "deleted"]
        report, place = verify(stage), place_of(stage)
        compare_objects(report, lambda stated: find_object(place, stated, Stop()))
        assert report.findings == []

    play(scene)


def test_that_data_may_overlap_is_told_before_the_experiment_is_ready() -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        await two_pins(stage, shared=True)
        ledger_is_away(stage)
        uid = stage.declare(run=False, inputs=roles(ALLOWED))["metadata"]["uid"]
        await stage.until("it is bound", lambda: stage.status().get("digest"), HOUR)
        await stage.sleep(2 * MINUTE)
        assert not is_true(stage, "Ready")
        stage.world.store.fault = lambda *_: None
        await stage.until("it is Ready", lambda: is_true(stage, "Ready"), HOUR)
        assert told(stage, uid) == ["approval", "bind"]
        told_of = next(each for each in entries(stage) if each.kind == "approval")
        assert told_of.details == {"what": "Overlap", "types": "SharedObjects"}
        assert told_of.document == stage.status()["digest"]

    play(scene)


def test_an_orphan_is_let_go_after_an_hour_although_the_ledger_is_away() -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        ends_after(stage, 24 * HOUR)
        stage.declare(lifecycle={"deletionPolicy": "Delete"})
        await stage.until("it runs", lambda: told(stage) == ["bind", "run-started"])
        namespace = stage.status()["namespace"]
        await stage.sleep(MINUTE)
        ledger_is_away(stage)
        lose(stage, "x")
        await stage.sleep(HOUR - MINUTE)
        assert stage.there(NAMESPACE, "", namespace)
        await stage.until(
            "it is let go", lambda: not stage.there(NAMESPACE, "", namespace), 10 * MINUTE
        )
        assert reasons.DELETED_UNRECORDED in events(stage)

    play(scene)


def test_what_is_lost_with_many_others_is_not_told_as_deleted_whoever_lets_it_go() -> None:
    """A pod ends late in five of six: another process seals them, and the sixth is gone by then."""

    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        found = await six_lost_of_which_one_is_let_go(stage)
        await stage.process.kill()
        assert stage.world.remove(NAMESPACE, None, found[0])
        stage.process.start()
        let_pods_end(stage, found)
        await stage.sleep(HOUR)
        assert all(stage.there(NAMESPACE, "", each) for each in found[1:])
        kinds = [each.kind for each in entries(stage)]
        assert kinds.count("sealed") == 6
        assert "deleted" not in kinds

    play(scene, sweeps=False)


def test_a_ledger_that_was_never_made_is_told_with_the_cure_and_none_is_made() -> None:
    async def scene(stage: Stage) -> None:
        await stage.sleep(5.0)
        make_key(stage)
        turn_on(stage)
        stage.declare(run=False)
        await stage.until(
            "that is told", lambda: written(stage).get("reason") == reasons.LEDGER_ABSENT
        )
        assert "glovebox ledger init" in written(stage)["message"]
        await stage.until(
            "Ready says so",
            lambda: stage.condition("Ready").get("reason") == reasons.LEDGER_UNAVAILABLE,
        )
        assert stage.condition("Ready", "primary", OBJECT_STORE)["status"] == "True"
        await stage.sleep(HOUR)
        assert entries(stage) == []
        make_ledger(stage)
        await stage.until("it is Ready", lambda: is_true(stage, "Ready"), 3 * MINUTE)
        await stage.until("it is written", lambda: written(stage)["status"] == "True", 3 * MINUTE)
        assert told(stage) == ["bind"]

    play(scene)


def test_a_bucket_that_went_back_is_refused_by_a_process_that_begins() -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        stage.declare(run=False)
        await stage.until("it is Ready", lambda: is_true(stage, "Ready"))
        await stage.sleep(MINUTE)
        assert head(stage)["size"] == 2
        await stage.process.kill()
        for key in list(keys := stage.world.store.buckets[BUCKET].keys):
            if "/ledger/" in key and not key.endswith("/genesis"):
                del keys[key]
        stage.process.start()
        await stage.until(
            "that is told", lambda: written(stage)["reason"] == reasons.LEDGER_WENT_BACK
        )
        stage.declare("y", run=False)
        await stage.until(
            "Ready says so",
            lambda: stage.condition("Ready", "y").get("reason") == reasons.LEDGER_UNAVAILABLE,
        )
        assert "bind" not in [each.kind for each in entries(stage)]
        assert head(stage)["size"] == 2, "what was seen is not forgotten"

    play(scene)


@pytest.mark.parametrize("writes", [False, True], ids=["silent", "writing"])
def test_a_bucket_that_is_emptied_under_a_living_process_is_refused(*, writes: bool) -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        stage.declare(run=False)
        await stage.until("it is Ready", lambda: is_true(stage, "Ready"))
        await stage.sleep(MINUTE)
        for key in list(keys := stage.world.store.buckets[BUCKET].keys):
            if "/ledger/" in key and not key.endswith("/genesis"):
                del keys[key]
        if writes:
            stage.declare("y", run=False)
        await stage.until(
            "that is told",
            lambda: written(stage)["reason"] == reasons.LEDGER_WENT_BACK,
            MINUTE if writes else HOUR + MINUTE,
        )
        stage.declare("z", run=False)
        await stage.sleep(10 * MINUTE)
        assert written(stage)["reason"] == reasons.LEDGER_WENT_BACK
        assert stage.condition("Ready", "z")["reason"] == reasons.LEDGER_UNAVAILABLE
        assert len(entries(stage)) == writes, "written before the first head was to be signed"
        assert head(stage)["size"] == 2

    play(scene)


def head(stage: Stage) -> Json:
    store = stage.world.server.peek(OBJECT_STORE, None, "primary")
    assert store is not None
    found: Json = store["status"]["ledger"]
    return found


def test_heads_are_signed_soon_after_an_entry_and_silence_every_hour() -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        stage.declare(run=False)
        await stage.until("it is told", lambda: told(stage) == ["bind"])
        await stage.until("it is signed", lambda: head(stage)["size"] == 2, 20.0)
        anchors = {each["kind"]: each["lastSize"] for each in head(stage)["anchors"]}
        assert anchors == {"Bucket": 2, "Status": 2}
        assert stage.metric("glovebox_ledger_size", store="primary") == 2
        await stage.sleep(3 * HOUR + MINUTE)
        kinds = [each.kind for each in entries(stage)]
        assert kinds == ["key-changed", "bind", "idle", "idle", "idle"]
        assert head(stage)["size"] == 5
        assert verify(stage).findings == []

    play(scene)


def test_a_ledger_costs_four_status_writes_and_one_object_for_each_entry() -> None:
    costs: dict[bool, int] = {}

    async def scene(stage: Stage, *, ledger: bool) -> None:
        written: list[str] = []
        if ledger:
            await with_ledger(stage)
        await stage.sleep(10.0)  # by now the store is Ready, and nothing has to wait for it

        def fault(action: str, bucket: str, key: str) -> None:
            del bucket
            if action == "s3:PutObject" and "/entries/" in key:
                written.append(key)

        stage.world.store.fault = fault
        ends_after(stage, MINUTE)
        uid = stage.declare()["metadata"]["uid"]
        await sealed(stage)
        await stage.sleep(MINUTE)
        costs[ledger] = stage.promises.status_writes[uid]
        assert len(written) == (4 if ledger else 0)

    play(lambda stage: scene(stage, ledger=False))
    play(lambda stage: scene(stage, ledger=True))
    assert costs[False] == 8
    assert costs[True] <= costs[False] + 4


def test_turning_the_ledger_on_takes_back_no_report_and_tells_what_was_before() -> None:
    async def scene(stage: Stage) -> None:
        ends_after(stage, MINUTE)
        stage.declare()
        await sealed(stage)
        taken_back: list[str] = []

        def see(change: Any) -> None:
            if change.served.kind == EXPERIMENT and change.key[-1] == "x":
                taken_back.extend(
                    entry["type"]
                    for entry in change.last["status"]["conditions"]
                    if entry["reason"] in (reasons.LEDGER_PENDING, reasons.LEDGER_UNAVAILABLE)
                )

        stage.world.server.on_change.append(see)
        await with_ledger(stage)
        await stage.until("it is told", lambda: told(stage) == list(LIFE[:-1]), 5 * MINUTE)
        await stage.sleep(MINUTE)
        assert taken_back == []
        assert events(stage).count(reasons.SEALED) == 1

    play(scene)


@pytest.mark.parametrize("name", ["glovebox-signing-key", "a-copy-of-it", "nowhere"])
def test_a_key_that_cannot_be_the_ledger_s_is_told(name: str) -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        own = stage.world.server.peek(SECRET, "glovebox-system", "glovebox-signing-key")
        assert own is not None
        if name == "a-copy-of-it":
            asked = Asked(ADMINISTRATOR, "create", SECRET, "glovebox-system", name)
            stage.world.server.create(asked, {"metadata": {"name": name}, "data": own["data"]})
        spec = {"organisation": "acme", "keySecretRef": {"name": name}}
        stage.world.edit(OBJECT_STORE, None, "primary", {"spec": {"ledger": spec}})
        stage.declare(run=False)
        await stage.until(
            "Ready says so",
            lambda: stage.condition("Ready").get("reason") == reasons.LEDGER_UNAVAILABLE,
        )
        message = stage.condition("Ready")["message"]
        assert name in message
        assert ("key of seals" in message) == (name != "nowhere")
        assert told(stage) == []

    play(scene)


def test_it_goes_on_in_the_next_epoch_once_the_secret_has_its_key() -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        stage.declare(run=False)
        await stage.until("it is told", lambda: told(stage) == ["bind"])
        await stage.sleep(MINUTE)
        begin_epoch(place_of(stage), "acme", SIGNER, OTHER, stage.world.clock.now, Stop())
        stage.declare("y", run=False)
        await stage.until(
            "Ready says so",
            lambda: stage.condition("Ready", "y").get("reason") == reasons.LEDGER_UNAVAILABLE,
        )
        key = base64.b64encode(pem_of(2).encode()).decode()
        stage.world.edit(SECRET, "glovebox-system", SECRET_NAME, {"data": {PRIVATE: key}})
        await stage.until(
            "it is told", lambda: stage.condition("Ready", "y")["status"] == "True", 3 * MINUTE
        )
        assert [each["epoch"] for each in stage.status("y")["ledger"]["entries"]] == [2]
        await stage.until("it is signed", lambda: head(stage)["epoch"] == 2, 3 * MINUTE)
        assert head(stage)["size"] == 1

    play(scene)


def test_a_bucket_that_lost_the_newest_epoch_is_refused() -> None:
    """The former epoch is whole, and its key may be at hand: nothing is written there any more."""

    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        stage.declare(run=False)
        await stage.until("it is told", lambda: told(stage) == ["bind"])
        await stage.sleep(MINUTE)
        former = stage.world.server.peek(SECRET, "glovebox-system", SECRET_NAME)
        assert former is not None
        begin_epoch(place_of(stage), "acme", SIGNER, OTHER, stage.world.clock.now, Stop())
        key = base64.b64encode(pem_of(2).encode()).decode()
        stage.world.edit(SECRET, "glovebox-system", SECRET_NAME, {"data": {PRIVATE: key}})
        stage.declare("y", run=False)
        await stage.until("the next epoch is seen", lambda: head(stage)["epoch"] == 2, 10 * MINUTE)
        await stage.process.kill()
        for name in list(keys := stage.world.store.buckets[BUCKET].keys):
            if "/ledger/acme/2/" in name or name.endswith("/ledger/acme/2/genesis"):
                del keys[name]
        stage.world.edit(SECRET, "glovebox-system", SECRET_NAME, {"data": former["data"]})
        stage.process.start()
        stage.declare("z", run=False)
        await stage.until(
            "that is told",
            lambda: written(stage)["reason"] == reasons.LEDGER_WENT_BACK,
            10 * MINUTE,
        )
        await stage.sleep(10 * MINUTE)
        assert stage.condition("Ready", "z")["reason"] == reasons.LEDGER_UNAVAILABLE
        assert head(stage)["epoch"] == 2, "what was seen is not forgotten"

    play(scene)


def test_the_ledger_is_not_asked_by_whom_it_was_told_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An operator that begins looks at thousands of them."""
    asked: list[int] = []
    tell = ledgers.tell

    async def counted(
        ports: Ports, store: ObjectStore, stop: Stop, events: Iterable[Event]
    ) -> tuple[Mapping[str, Any], ...]:
        asked.append(len(tuple(events)))
        return await tell(ports, store, stop, events)

    monkeypatch.setattr(ledgers, "tell", counted)

    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        ends_after(stage, MINUTE)
        stage.declare()
        await sealed(stage)
        await stage.process.kill()
        stage.process.start()
        await stage.sleep(10 * MINUTE)
        assert asked
        assert 0 not in asked

    play(scene)
