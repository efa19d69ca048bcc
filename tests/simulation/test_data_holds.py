"""Pins that ask for it have their versions held, from before they are Ready to after they go."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.data.hold_states import TAKING_OFF
from glovebox.kube.kinds import DATASET_PIN, EVENT, EXPERIMENT, OBJECT_STORE
from glovebox.store.hold_records import PREFIX
from simulation.object_store import Identity, NoAnswerError, S3Error
from simulation.stage import Stage, play
from simulation.test_holds import DAY, WINDOW, sweep, unpinned
from simulation.test_holds import held as manifests_held
from simulation.world import BUCKET, SOURCE, TEAM, pin_spec

Json = dict[str, Any]
OWNER = Identity("AKIALOADER")
DEMANDS_IT = {"data": {"requireHold": True}}


def asking(prefix: str = "set/") -> Json:
    return pin_spec(prefix) | {"hold": "WhileUsed"}


def leave(stage: Stage, *, given: bool = True) -> None:
    """Let holds be put on the data, or no longer."""
    entry = {"namespaces": [TEAM], "sources": [{"bucket": SOURCE}], "artifacts": True}
    changed = {"spec": {"access": [entry | {"hold": given}]}}
    assert stage.world.edit(OBJECT_STORE, None, "primary", changed)


def held(stage: Stage, bucket: str = SOURCE) -> list[str]:
    """Return the versions under a legal hold, by key."""
    keys = stage.world.store.buckets[bucket].keys
    return sorted(key for key, versions in keys.items() if any(each.hold for each in versions))


def pin_status(stage: Stage, name: str = "set") -> Json:
    found = stage.world.server.peek(DATASET_PIN, TEAM, name) or {}
    return found.get("status") or {}


def said(stage: Stage, condition: str = "Held", name: str = "set") -> tuple[str, str]:
    found = stage.condition(condition, name, DATASET_PIN)
    return str(found.get("status", "")), str(found.get("reason", ""))


async def pinned(stage: Stage, name: str = "set", prefix: str = "set/") -> None:
    stage.world.declare(DATASET_PIN, name, asking(prefix))
    await stage.until(
        f"{name} is held", lambda: said(stage, name=name) == ("True", reasons.HELD), 1_800
    )
    await stage.until(f"{name} is Ready", lambda: said(stage, "Ready", name)[0] == "True")


def requests_for_holds(stage: Stage) -> list[tuple[str, str]]:
    """Return, growing, the requests that see or set holds on the data."""
    seen: list[tuple[str, str]] = []

    def fault(action: str, bucket: str, key: str) -> None:
        if "LegalHold" in action and bucket == SOURCE:
            seen.append((action, key))

    stage.world.store.fault = fault
    return seen


ALL = ["set/part-0", "set/part-1", "set/part-2"]


def test_a_pin_is_ready_once_its_versions_are_held_and_says_until_when() -> None:
    async def body(stage: Stage) -> None:
        leave(stage)
        early: list[str] = []

        def fault(action: str, bucket: str, key: str) -> None:
            del key
            if action == "s3:PutObjectLegalHold" and bucket == SOURCE:
                early.append(said(stage, "Ready")[0])

        stage.world.store.fault = fault
        await pinned(stage)
        assert held(stage) == ALL
        assert len(early) == 3
        assert "True" not in early, "nobody begins with what is not held yet"
        status = pin_status(stage)
        assert (status["hold"]["state"], status["hold"]["objects"]) == ("Held", 3)
        assert (
            "3 versions under a legal hold since"
            in stage.condition("Held", "set", DATASET_PIN)["message"]
        )
        await stage.until(
            "it says why",
            lambda: (
                pin_status(stage)["whyRetained"]
                == "its manifest and the versions in it are under a legal hold while the pin is"
                " there, and for 30 days after that"
            ),
            900,
        )
        notes = [
            each for each in stage.world.server.everything(EVENT) if each["reason"] == reasons.HELD
        ]
        assert len(notes) == 1

    play(body)


def test_a_pin_that_does_not_ask_costs_no_request() -> None:
    async def body(stage: Stage) -> None:
        leave(stage)
        seen = requests_for_holds(stage)
        stage.world.declare(DATASET_PIN, "set", pin_spec())
        await stage.until("it is pinned", lambda: said(stage, "Ready")[0] == "True")
        await stage.sleep(1_200)
        assert (seen, held(stage), said(stage)) == ([], [], ("", ""))

    play(body)


def test_a_pin_that_asks_without_leave_is_refused_until_there_is_some() -> None:
    async def body(stage: Stage) -> None:
        read: list[str] = []

        def fault(action: str, bucket: str, key: str) -> None:
            if bucket == SOURCE:
                read.append(f"{action} {key}")

        stage.world.store.fault = fault
        stage.world.declare(DATASET_PIN, "set", asking())
        await stage.until("it is refused", lambda: said(stage, "Stalled")[0] == "True")
        message = stage.condition("Ready", "set", DATASET_PIN)["message"]
        assert "`spec.hold`" in message
        assert "ask the platform's owner for `hold: true`" in message
        assert said(stage) == ("False", reasons.HOLD_NOT_GRANTED)
        assert read == [], "before any request about the data"
        leave(stage)
        await stage.until("it is held", lambda: said(stage)[0] == "True")
        assert held(stage) == ALL

    play(body)


def test_what_experiments_wrote_is_held_where_there_is_leave_for_anything() -> None:
    async def body(stage: Stage) -> None:
        await stage.until("the store is there", lambda: BUCKET in stage.world.store.buckets)
        stage.world.store.put(OWNER, BUCKET, f"{TEAM}/x/model", b"weights")
        of_artifacts = asking() | {"source": {"prefix": {"bucket": BUCKET, "prefix": f"{TEAM}/"}}}
        stage.world.declare(DATASET_PIN, "set", of_artifacts)
        await stage.until("it is refused", lambda: said(stage, "Stalled")[0] == "True")
        assert said(stage) == ("False", reasons.HOLD_NOT_GRANTED)
        leave(stage)
        await stage.until("it is held", lambda: said(stage)[0] == "True")
        assert f"{TEAM}/x/model" in held(stage, BUCKET)

    play(body)


def test_who_waits_for_what_was_begun_to_be_let_go_does_not_wait_for_ever() -> None:
    async def body(stage: Stage) -> None:
        leave(stage)
        await pinned(stage)
        await unpinned(stage)
        await sweep(stage)

        def fault(action: str, bucket: str, key: str) -> None:
            del bucket
            if action == "s3:PutObject" and key.endswith(TAKING_OFF):
                raise NoAnswerError

        stage.world.store.fault = fault
        await sweep(stage, after=2 * WINDOW)
        assert held(stage) == ALL, "it said so, and came no further"
        stage.world.declare(DATASET_PIN, "set", asking())
        await stage.until("it waits", lambda: said(stage)[1] == reasons.HOLD_RELEASING)
        assert pin_status(stage)["hold"]["state"] == "Releasing"
        stage.world.store.fault = lambda *_: None
        await sweep(stage)
        await stage.until("it is held", lambda: said(stage)[0] == "True", 1_800)
        assert held(stage) == ALL

    play(body)


def test_leave_that_is_taken_back_lets_nothing_go() -> None:
    async def body(stage: Stage) -> None:
        leave(stage)
        await pinned(stage)
        leave(stage, given=False)
        await stage.sleep(1_200)
        assert (said(stage)[0], said(stage, "Ready")[0], held(stage)) == ("True", "True", ALL)
        await unpinned(stage)
        await sweep(stage)
        await sweep(stage, after=2 * WINDOW)
        assert held(stage) == [], "it is the operator's to let go"

    play(body)


def test_versions_are_let_go_when_their_last_pin_is_gone_and_the_window_has_passed() -> None:
    async def body(stage: Stage) -> None:
        leave(stage)
        await pinned(stage)
        await sweep(stage, after=2 * WINDOW)
        assert held(stage) == ALL, "its pin is there"
        await unpinned(stage)
        await sweep(stage)
        await sweep(stage, after=WINDOW - DAY)
        assert held(stage) == ALL, "the window is not over"
        await sweep(stage, after=2 * DAY)
        assert held(stage) == []
        assert manifests_held(stage) == [False]
        assert [key for key in held(stage, BUCKET) if key.startswith(PREFIX)] == []
        await pinned(stage)
        assert held(stage) == ALL, "and are held again when they are pinned again"

    play(body)


@pytest.mark.parametrize("blocked", ["set", "later"])
def test_a_manifest_that_cannot_be_let_go_keeps_no_other_one(blocked: str) -> None:
    async def body(stage: Stage) -> None:
        leave(stage)
        for name in ("set", "later"):
            await pinned(stage, name, f"{name}/")
        for name in ("set", "later"):
            await unpinned(stage, name)
        await sweep(stage)
        await sweep(stage)  # of few users one is called gone in each round

        def fault(action: str, bucket: str, key: str) -> None:
            del bucket
            if action == "s3:PutObjectLegalHold" and key.startswith(f"{blocked}/"):
                raise S3Error(403, "AccessDenied")

        stage.world.store.fault = fault
        await sweep(stage, after=2 * WINDOW)
        assert {key.partition("/")[0] for key in held(stage)} == {blocked}
        stage.world.store.fault = lambda *_: None
        await sweep(stage)
        assert held(stage) == []

    play(body)


def test_versions_are_held_while_an_experiment_is_bound_to_them() -> None:
    async def body(stage: Stage) -> None:
        leave(stage)
        await pinned(stage)
        stage.declare(pin="set")
        await stage.until("x is sealed", lambda: stage.status().get("seal"), 3_600)
        stage.world.edit(DATASET_PIN, TEAM, "set", {"metadata": {"finalizers": None}})
        await unpinned(stage)
        await sweep(stage)
        await sweep(stage, after=2 * WINDOW)
        assert held(stage) == ALL
        assert stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("x is gone", lambda: stage.world.experiment() is None)
        await sweep(stage)
        assert held(stage) == []

    play(body)


def test_what_two_pins_share_is_held_until_the_second_one_is_gone() -> None:
    async def body(stage: Stage) -> None:
        leave(stage)
        await pinned(stage)
        await pinned(stage, "all", "")
        assert "later/part-0" in held(stage)
        await unpinned(stage, "all")
        await sweep(stage)
        await sweep(stage, after=2 * WINDOW)
        assert held(stage) == ALL
        await unpinned(stage)
        await sweep(stage)
        await sweep(stage, after=2 * WINDOW)
        assert held(stage) == []

    play(body)


def test_what_somebody_else_held_before_is_said_and_left_to_them() -> None:
    async def body(stage: Stage) -> None:
        leave(stage)
        (version,) = stage.world.store.buckets[SOURCE].keys["set/part-1"]
        stage.world.store.hold(OWNER, SOURCE, "set/part-1", version.version_id, on=True)
        await pinned(stage)
        assert pin_status(stage)["hold"]["others"] == 1
        assert (
            "1 of them by somebody else before"
            in stage.condition("Held", "set", DATASET_PIN)["message"]
        )
        await unpinned(stage)
        await sweep(stage)
        await sweep(stage, after=2 * WINDOW)
        assert held(stage) == ["set/part-1"]

    play(body)


def test_a_bucket_without_object_lock_is_refused_with_the_cure() -> None:
    async def body(stage: Stage) -> None:
        leave(stage)
        stage.world.store.buckets[SOURCE].can_lock = False
        stage.world.declare(DATASET_PIN, "set", asking())
        await stage.until(
            "it is refused", lambda: said(stage, "Ready") == ("False", reasons.HOLD_REFUSED)
        )
        assert said(stage) == ("False", reasons.HOLD_REFUSED)
        assert said(stage, "Stalled")[0] == "True"
        assert said(stage, "Verified")[0] == "True", "the data are what they are"

    play(body)


def test_a_profile_that_demands_it_refuses_what_is_not_held_before_anything_exists() -> None:
    async def body(stage: Stage) -> None:
        leave(stage)
        stage.world.declare(DATASET_PIN, "plain", pin_spec())
        stage.declare(pin="plain")
        await stage.until(
            "x is refused",
            lambda: stage.condition("Ready").get("reason") == reasons.HOLD_REQUIRED,
        )
        assert "create a pin with `spec.hold: WhileUsed`" in stage.condition("Ready")["message"]
        assert stage.condition("InputsVerified")["reason"] == reasons.HOLD_REQUIRED
        assert not stage.status().get("namespace")
        await pinned(stage)
        stage.declare("y", pin="set")
        await stage.provisioned("y")

    play(body, profile=DEMANDS_IT)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_process_that_dies_while_it_holds_leaves_the_rest_to_the_next(number: int) -> None:
    async def body(stage: Stage) -> None:
        leave(stage)
        count = 0

        def fault(action: str, bucket: str, key: str) -> None:
            nonlocal count
            del key
            if action == "s3:PutObjectLegalHold" and bucket == SOURCE:
                count += 1
                if count >= number:
                    raise NoAnswerError

        stage.world.store.fault = fault
        stage.world.declare(DATASET_PIN, "set", asking())
        await stage.until("it tries", lambda: count >= number)
        await stage.sleep(30)
        assert said(stage)[0] != "True"
        assert said(stage, "Ready")[0] != "True"
        await stage.process.kill()
        stage.world.store.fault = lambda *_: None
        stage.process.start()
        await stage.until("it is held", lambda: said(stage)[0] == "True", 1_800)
        assert held(stage) == ALL
        assert pin_status(stage)["hold"].get("others", 0) == 0, "what it held was its own"

    play(body)


def test_a_restored_cluster_holds_again_what_was_let_go_since() -> None:
    async def body(stage: Stage) -> None:
        leave(stage)
        await pinned(stage)
        backup = stage.world.server.backup()
        await unpinned(stage)
        await sweep(stage)
        await sweep(stage, after=2 * WINDOW)
        assert held(stage) == []
        await stage.process.kill()
        stage.world.server.restore(backup)
        stage.world.actors.resume()
        stage.process.start()
        await stage.until("they are held again", lambda: held(stage) == ALL, 3_600)
        await stage.until("and it says so", lambda: said(stage)[0] == "True")
        await sweep(stage, after=2 * WINDOW)
        assert held(stage) == ALL, "whatever the store has on record of that pin"

    play(body)


def test_a_hold_that_somebody_took_off_is_found_by_the_next_check_and_told() -> None:
    async def body(stage: Stage) -> None:
        leave(stage)
        await pinned(stage)
        versions = stage.world.store.buckets[SOURCE].keys
        for key in ALL:
            versions[key][0].hold = False
        # It is listed each five minutes.
        await stage.until("they are held again", lambda: held(stage) == ALL, 330)
        await stage.sleep(5)
        notes = [
            each["note"]
            for each in stage.world.server.everything(EVENT)
            if each["reason"] == reasons.HOLD_TAKEN_OFF
        ]
        assert len(notes) == 1
        assert "took the legal hold off 3 of the versions" in notes[0]
        assert said(stage) == ("True", reasons.HELD)

    play(body)


def test_a_pin_that_is_created_again_without_status_asks_for_no_version_again() -> None:
    async def body(stage: Stage) -> None:
        leave(stage)
        await pinned(stage)
        await unpinned(stage)
        seen = requests_for_holds(stage)
        await pinned(stage)
        assert {action for action, _ in seen} <= {"s3:GetObjectLegalHold"}
        assert held(stage) == ALL

    play(body)


def test_versions_are_held_by_a_job_where_tasks_are_jobs() -> None:
    async def body(stage: Stage) -> None:
        await stage.process.kill()
        stage.world.tasks = "Jobs"
        stage.world.process("operator-1").start()
        leave(stage)
        await pinned(stage)
        assert held(stage) == ALL
        assert len(stage.world.task_pods.begun) == 2, "one hashes, and one holds"

    play(body)
