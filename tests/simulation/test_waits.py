"""What waits for a moment, for a person or for a store goes on by itself, and not too often."""

from __future__ import annotations

import asyncio
import base64
import itertools
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from glovebox import names
from glovebox.controllers.experiment import artifact_credentials
from glovebox.data.probing import Outcome
from glovebox.errors import Unavailable
from glovebox.kube.kinds import (
    DATASET_PIN,
    EXPERIMENT,
    FEATURE_SET_PIN,
    ISOLATION_PROFILE,
    JOB,
    LIMIT_RANGE,
    NAMESPACE,
    NETWORK_POLICY,
    OBJECT_STORE,
    SECRET,
)
from glovebox.status.text import format_time
from glovebox.store.credentials import SessionCredentials
from simulation.api_server import ADMINISTRATOR, Asked, Change
from simulation.api_transport import Fault, NoFaults
from simulation.faults import Rule
from simulation.object_store import Identity, NoAnswerError, S3Error
from simulation.process import OPERATOR, RESYNC_SECONDS
from simulation.stage import Stage, play
from simulation.world import (
    BUCKET,
    OPERATOR_KEY,
    SOURCE,
    TEAM,
    in_use,
    is_true,
    pin_spec,
    store_spec,
)

Json = dict[str, Any]
MINUTE = 60.0
HOUR = 3_600.0
# One look and its writes.
AT_ONCE = 2.0
# A store that is Ready is looked at once a minute, and its Secret is read so often at most.
NOTICED = 130.0


# -- the validity of a pin


def features_spec(**changes: Any) -> Json:
    feature = {
        "name": "late",
        "recipe": {"expression": "delay > 15"},
        "dtype": "bool",
        "inputs": ["rows"],
    }
    return {
        "schemaVersion": "1.0.0",
        "owner": TEAM,
        "inputs": [{"name": "rows", "pinRef": {"name": "set"}}],
        "features": [feature],
        **changes,
    }


@pytest.mark.parametrize("kind", ["DatasetPin", "FeatureSetPin"])
def test_a_pin_whose_validity_has_not_begun_is_waited_for_to_the_second(kind: str) -> None:
    async def scene(stage: Stage) -> None:
        world = stage.world
        begins = stage.now + 1_000.0
        moment = format_time(world.clock.now() + timedelta(seconds=1_000))
        window = {"validity": {"notBeforeTime": moment}}
        early = window if kind == "DatasetPin" else {}
        world.declare(DATASET_PIN, "set", {**pin_spec(), **early})
        inputs: Json = {"datasets": [{"name": "a", "pinRef": {"name": "set"}, "role": "train"}]}
        if kind == "FeatureSetPin":
            world.declare(FEATURE_SET_PIN, "made", features_spec(**window))
            inputs["features"] = [{"name": "b", "pinRef": {"name": "made"}}]
        stage.declare(run=False, inputs=inputs)
        await stage.sleep(900.0)
        assert stage.condition("Reconciling")["status"] == "True"
        assert stage.condition("Stalled") == {}
        assert moment in stage.condition("Ready")["message"]
        assert "namespace" not in stage.status()
        if kind == "FeatureSetPin":
            assert stage.condition("Ready", "made", FEATURE_SET_PIN)["reason"] == "NotYetValid"
            assert stage.condition("Stalled", "made", FEATURE_SET_PIN) == {}
        await stage.provisioned()
        assert begins <= stage.now < begins + AT_ONCE

    play(scene, sweeps=False)


# -- what refers to something that cannot be read


@pytest.mark.parametrize("broken", ["store", "pin"])
def test_what_refers_to_a_resource_that_cannot_be_read_waits_for_it_and_names_it(
    broken: str,
) -> None:
    """It may be of a newer version, or of an older one: nobody who refers to it can correct it."""
    kind, name = {"store": (OBJECT_STORE, "other"), "pin": (DATASET_PIN, "set")}[broken]
    spec = {"store": store_spec(), "pin": pin_spec()}[broken]
    field = {"store": "region", "pin": "description"}[broken]

    async def scene(stage: Stage) -> None:
        world = stage.world
        world.declare(kind, name, {**spec, field: {"of": "a newer version"}})
        if broken == "store":
            world.declare(DATASET_PIN, "set", {**pin_spec(), "storeRef": {"name": "other"}})
            stage.declare("y", run=False, artifacts={"storeRef": {"name": "other"}})
        world.declare(FEATURE_SET_PIN, "made", features_spec())
        inputs = {"datasets": [{"name": "a", "pinRef": {"name": "set"}, "role": "train"}]}
        stage.declare(run=False, inputs=inputs)
        await stage.sleep(MINUTE)
        what = "ObjectStore 'other'" if broken == "store" else "DatasetPin 'set'"
        users = [
            stage.condition("Ready"),
            *([stage.condition("Ready", "made", FEATURE_SET_PIN)] if broken == "pin" else []),
            *([stage.condition("Ready", "set", DATASET_PIN)] if broken == "store" else []),
            *([stage.condition("Ready", "y")] if broken == "store" else []),
        ]
        for each in users:
            assert each["status"] == "False", each
            assert f"{what} is not valid; its own status says" in each["message"], each
        assert stage.condition("Stalled", name, kind)["reason"] == "InvalidSpec"
        if broken == "store":  # a pin is never corrected: another one takes its place
            world.edit(kind, None, name, {"spec": {field: spec[field]}})
            await stage.provisioned()

    play(scene)


@pytest.mark.parametrize("broken", ["profile", "store"])
def test_what_is_bound_goes_on_although_its_profile_or_store_cannot_be_read(broken: str) -> None:
    """It says that it does not know how that differs; who is not bound waits, and names it."""
    kind, name, field = {
        "profile": (ISOLATION_PROFILE, "standard", "podSecurity"),
        "store": (OBJECT_STORE, "primary", "region"),
    }[broken]
    reason = {"profile": "ProfileInvalid", "store": "StoreNotReady"}[broken]

    async def scene(stage: Stage) -> None:
        world = stage.world
        stage.declare(run=False)
        namespace = await stage.provisioned()
        world.edit(kind, None, name, {"spec": {field: {"of": "a newer version"}}})
        await stage.until(
            "it is said",
            lambda: stage.condition("PlatformChanged").get("status") == "Unknown",
        )
        assert stage.condition("PlatformChanged")["reason"] == reason
        assert "is not valid; its own status says" in stage.condition("PlatformChanged")["message"]
        assert world.remove(NETWORK_POLICY, namespace, names.NETWORK_POLICY_DEFAULT_DENY)
        await stage.until(
            "it is restored",
            lambda: stage.there(NETWORK_POLICY, namespace, names.NETWORK_POLICY_DEFAULT_DENY),
        )
        # Of a store nobody knows whether it locks any more; the profile is as it was bound.
        ready = {"profile": "True", "store": "Unknown"}[broken]
        await stage.until("it is Ready", lambda: stage.condition("Ready")["status"] == ready)
        stage.declare("y", run=False)
        await stage.until(
            "the next one waits for it",
            lambda: stage.condition("Ready", "y").get("reason") == reason,
        )
        assert f"'{name}' is not valid" in stage.condition("Ready", "y")["message"]
        assert "namespace" not in stage.status("y")

    play(scene)


# -- what is refused again and again, or hangs


def test_an_answer_that_does_not_change_is_written_once() -> None:
    """A pin over an empty prefix is tried again every ten minutes, and says the same."""

    async def scene(stage: Stage) -> None:
        writes: list[str] = []

        def see(change: Change) -> None:
            if change.served.kind == DATASET_PIN and change.user == OPERATOR:
                writes.append(str((change.new or {}).get("status")))

        stage.world.server.on_change.append(see)
        source = {"prefix": {"bucket": "data", "prefix": "nothing/"}}
        stage.world.declare(DATASET_PIN, "set", {**pin_spec(), "source": source})
        await stage.until(
            "it says so",
            lambda: stage.condition("Ready", "set", DATASET_PIN).get("reason") == "SourceEmpty",
        )
        said = len(writes)
        await stage.sleep(3 * HOUR)
        assert writes[said:] == []

    play(scene)


def test_while_the_store_hangs_a_new_experiment_says_what_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def hangs(*_: Any, **__: Any) -> SessionCredentials:
        await asyncio.sleep(75.0)
        raise Unavailable("StoreUnreachable", "the store does not answer")

    async def scene(stage: Stage) -> None:
        await stage.until(
            "the store is proven",
            lambda: stage.condition("Ready", "primary", OBJECT_STORE).get("status") == "True",
        )
        monkeypatch.setattr(artifact_credentials, "issue_credentials", hangs)
        stage.declare(run=False)
        await stage.sleep(AT_ONCE)
        told = stage.condition("Ready")
        assert (told["status"], told["reason"]) == ("False", "Provisioning")
        assert stage.condition("Reconciling")["status"] == "True"
        await stage.sleep(2 * 75.0)
        assert "the store does not answer" in stage.condition("Ready")["message"]

    play(scene, sweeps=False)


# -- the keys of a store


def put_keys(stage: Stage, access_key_id: str) -> None:
    """Write other keys into the Secret of the store."""
    data = {"accessKeyId": base64.b64encode(access_key_id.encode()).decode()}
    stage.world.edit(SECRET, "glovebox-system", "store-keys", {"data": data})


def rotate_keys(stage: Stage) -> None:
    """Give the operator new keys, and end the old ones, as the people of a store do."""
    stage.world.store.users.discard(OPERATOR_KEY)
    stage.world.store.users.add("AKIANEW")
    put_keys(stage, "AKIANEW")


def expiry(stage: Stage) -> datetime:
    return datetime.fromisoformat(stage.status()["artifacts"]["credentialsExpireTime"])


def test_rotated_keys_are_read_again_by_the_first_renewal_that_is_refused() -> None:
    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        await stage.provisioned()
        first = expiry(stage)
        rotate_keys(stage)
        await stage.until("credentials are renewed", lambda: expiry(stage) > first, 1_800.0)
        # Due when two thirds of their life are over; one try with the old keys, and one more.
        assert first - stage.world.clock.now() > timedelta(seconds=600 - 20)
        store = stage.world.server.peek(OBJECT_STORE, None, "primary")
        assert store is not None
        checked = datetime.fromisoformat(store["status"]["lastVerifiedTime"])
        assert checked < first - timedelta(seconds=1_700), "no conformance check was waited for"

    play(scene, sweeps=False)


def test_rotated_keys_are_read_again_by_the_check_of_a_pin() -> None:
    async def scene(stage: Stage) -> None:
        spec = {**pin_spec(), "verification": {"listIntervalSeconds": 120}}
        stage.world.declare(DATASET_PIN, "set", spec)

        def listed() -> str:
            pin = stage.world.server.peek(DATASET_PIN, TEAM, "set") or {}
            return str((pin.get("status") or {}).get("listedTime", ""))

        await stage.until("it is pinned", listed)
        before = listed()
        rotate_keys(stage)
        await stage.until("it is listed again", lambda: listed() > before, 120 + MINUTE)
        assert stage.condition("Verified", "set", DATASET_PIN)["status"] == "True"

    play(scene, sweeps=False)


def store_says(stage: Stage) -> tuple[str, str]:
    """Return answer and reason of the store's Ready."""
    ready = stage.condition("Ready", "primary", OBJECT_STORE)
    return ready.get("status", ""), ready.get("reason", "")


def checked_time(stage: Stage) -> str:
    """Return when the store was checked last with success."""
    store = stage.world.server.peek(OBJECT_STORE, None, "primary") or {}
    return str((store.get("status") or {}).get("lastVerifiedTime", ""))


async def is_proven(stage: Stage) -> str:
    """Wait until the store is Ready, and a look later; return when it was checked."""
    await stage.until("the store is Ready", lambda: store_says(stage)[0] == "True")
    await stage.sleep(2 * RESYNC_SECONDS)
    return checked_time(stage)


def test_other_keys_in_the_secret_are_used_and_checked_although_the_old_ones_are_good() -> None:
    async def scene(stage: Stage) -> None:
        before = await is_proven(stage)
        stage.world.store.users.add("AKIANEW")
        put_keys(stage, "AKIANEW")
        await stage.until("it is checked", lambda: checked_time(stage) > before, NOTICED)
        # Whatever is done from now on is done with the new ones: the old ones are not missed.
        used: set[str] = set()
        issue = stage.world.store.assume_role

        def watched(
            who: Identity, role: str, policy: str | None, seconds: int
        ) -> tuple[Identity, datetime]:
            used.add(who.access_key_id)
            return issue(who, role, policy, seconds)

        stage.world.store.assume_role = watched  # type: ignore[method-assign]
        stage.declare(run=False)
        await stage.provisioned()
        assert used == {"AKIANEW"}

    play(scene)


def test_wrong_keys_in_the_secret_are_said_and_right_ones_are_taken_again() -> None:
    async def scene(stage: Stage) -> None:
        await is_proven(stage)
        put_keys(stage, "AKIAWRONG")
        refused = ("False", "StoreCredentialsRefused")
        await stage.until("it is refused", lambda: store_says(stage) == refused, NOTICED)
        put_keys(stage, OPERATOR_KEY)
        await stage.until("it is Ready", lambda: store_says(stage)[0] == "True", NOTICED)

    play(scene)


def test_a_secret_that_is_away_for_a_while_says_nothing_of_the_store() -> None:
    async def scene(stage: Stage) -> None:
        before = await is_proven(stage)
        secret = stage.world.server.peek(SECRET, "glovebox-system", "store-keys")
        assert secret is not None
        stage.world.remove(SECRET, "glovebox-system", "store-keys")
        await stage.sleep(3 * RESYNC_SECONDS)
        assert store_says(stage)[0] == "True"
        asked = Asked(ADMINISTRATOR, "create", SECRET, "glovebox-system", "store-keys")
        body = {"metadata": {"name": "store-keys"}, "data": secret["data"]}
        stage.world.server.create(asked, body)
        await stage.sleep(3 * RESYNC_SECONDS)
        assert checked_time(stage) == before, "the same keys are no news"

    play(scene)


class _Read(NoFaults):
    """Remembers when the Secret of the store was read."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def request(self, asked: Asked) -> Fault:
        if (asked.verb, asked.name) == ("get", "store-keys"):
            self.times.append(asyncio.get_running_loop().time())
        return super().request(asked)


def test_the_secret_of_a_store_is_read_once_a_minute_at_most_whoever_asks() -> None:
    read = _Read()

    async def scene(stage: Stage) -> None:
        await is_proven(stage)
        before = len(read.times)
        for number in range(40):  # each of them wakes its store
            stage.declare(f"x{number}", run=False)
            await stage.sleep(15.0)
        gaps = [later - one for one, later in itertools.pairwise(read.times[before:])]
        assert 5 <= len(gaps) <= 10
        assert min(gaps) >= MINUTE

    play(scene, faults=read)


# -- the conformance checks of a store


def test_a_check_that_cannot_be_made_is_made_again_each_minute_whoever_asks() -> None:
    async def scene(stage: Stage) -> None:
        checks: list[float] = []

        def away(*_: str) -> None:
            if not checks or stage.now > checks[-1] + 1.0:  # a check has many requests
                checks.append(stage.now)
            raise S3Error(503, "ServiceUnavailable")

        stage.world.store.fault = away
        for number in range(20):  # each of them wakes its store
            stage.declare(f"x{number}", run=False)
            await stage.sleep(30.0)
        assert stage.condition("Ready", "primary", OBJECT_STORE)["status"] != "True"
        gaps = [round(later - before) for before, later in itertools.pairwise(checks)]
        assert gaps[:2] == [5, 15]
        assert set(gaps[2:]) == {60}
        assert len(gaps) >= 10

    play(scene, sweeps=False)


def test_a_check_that_rests_is_made_at_once_for_another_spec() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.edit(
            OBJECT_STORE, None, "primary", {"spec": {"credentialsSecretRef": {"name": "none"}}}
        )
        await stage.until(
            "its keys are missed",
            lambda: stage.condition("Ready", "primary", OBJECT_STORE).get("status") == "False",
        )
        stage.world.edit(
            OBJECT_STORE,
            None,
            "primary",
            {"spec": {"credentialsSecretRef": {"name": "store-keys"}}},
        )
        await stage.until(
            "it is Ready",
            lambda: stage.condition("Ready", "primary", OBJECT_STORE)["status"] == "True",
            AT_ONCE,
        )

    play(scene, sweeps=False)


# -- the isolation check


def replace_check(stage: Stage, namespace: str) -> str:
    """Put another Job in the place of the isolation check's, and return its UID."""
    server = stage.world.server
    found = server.peek(JOB, namespace, names.PROBE_JOB)
    assert found is not None
    stage.world.remove(JOB, namespace, names.PROBE_JOB)
    asked = Asked(ADMINISTRATOR, "create", JOB, namespace, names.PROBE_JOB)
    body = {"metadata": {"name": names.PROBE_JOB}, "spec": found["spec"]}
    made = server.create(asked, body)
    return str(made["metadata"]["uid"])


def test_a_check_whose_job_is_replaced_before_its_verdict_is_made_again() -> None:
    async def scene(stage: Stage) -> None:
        stage.declare()
        namespace = ""
        foreign: list[str] = []

        def see(change: Change) -> None:
            nonlocal namespace
            is_check = change.served.kind == JOB and change.key[1] == names.PROBE_JOB
            if is_check and change.old is None and change.new is not None and not foreign:
                namespace = change.key[0]
                foreign.append("")
                stage.world.loop.call_later(0.05, swap)

        def swap() -> None:
            foreign[0] = replace_check(stage, namespace)

        stage.world.server.on_change.append(see)
        await stage.until(
            "isolation is proven", lambda: stage.condition("Isolated").get("status") == "True"
        )
        await stage.sleep(AT_ONCE)
        assert foreign[0]
        assert stage.status()["isolation"]["outcome"] == "Passed"
        assert not stage.there(JOB, namespace, names.PROBE_JOB)

    play(scene, sweeps=False, profile={"probe": {"schedule": "Once", "requiredForRuns": True}})


def test_a_check_whose_job_is_replaced_after_its_verdict_is_recorded_and_made_again_when_due() -> (
    None
):
    async def scene(stage: Stage) -> None:
        # Nothing is proven by the first one, so that another is due after five minutes.
        stage.world.actors.probe_outcome = lambda _: Outcome.UNKNOWN
        stage.declare()
        replaced: list[str] = []

        def see(change: Change) -> None:
            """Swap the Job between the record of its verdict and its removal."""
            if change.served.kind != EXPERIMENT or change.new is None or replaced:
                return
            status = change.new.get("status") or {}
            if (status.get("isolation") or {}).get("jobUid"):
                replaced.append(replace_check(stage, status["namespace"]))

        stage.world.server.on_change.append(see)
        await stage.until(
            "the verdict is recorded",
            lambda: replaced and stage.status()["isolation"].get("verifiedTime"),
        )
        assert stage.condition("Isolated")["reason"] == "NotProven"
        stage.world.actors.probe_outcome = lambda _: Outcome.PASSED
        namespace = stage.status()["namespace"]
        first = stage.status()["isolation"]["verifiedTime"]
        # It belongs to somebody else, and stays until its name is needed.
        job = stage.world.server.peek(JOB, namespace, names.PROBE_JOB)
        assert job is not None
        assert job["metadata"]["uid"] == replaced[0]
        await stage.until(
            "it is checked again",
            lambda: stage.status()["isolation"]["verifiedTime"] > first,
            6 * MINUTE,
        )
        assert stage.status()["isolation"]["outcome"] == "Passed"
        await stage.sleep(AT_ONCE)
        assert not stage.there(JOB, namespace, names.PROBE_JOB)

    play(scene, sweeps=False, profile={"probe": {"schedule": "Once", "requiredForRuns": True}})


# -- a store that is no longer proven


def test_a_run_does_not_begin_on_a_store_that_was_refused_since_it_was_bound() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.edit(OBJECT_STORE, None, "primary", {"spec": {"verifyIntervalSeconds": 60}})
        # Until isolation is proven the run waits; what was bound is bound.
        stage.world.actors.probe_outcome = lambda _: Outcome.UNKNOWN
        stage.declare()
        namespace = await stage.provisioned()
        bucket = stage.world.store.buckets[BUCKET]
        bucket.versioned = False
        await stage.until(
            "the store's next check refuses it",
            lambda: stage.condition("Ready", "primary", OBJECT_STORE)["status"] == "False",
            5 * MINUTE,
        )
        stage.world.actors.probe_outcome = lambda _: Outcome.PASSED
        await stage.until(
            "isolation is proven", lambda: stage.condition("Isolated").get("status") == "True"
        )
        await stage.sleep(10 * MINUTE)
        waits = stage.condition("Succeeded")
        assert (waits["status"], waits["reason"]) == ("Unknown", "RunPending")
        assert "starts when ObjectStore 'primary' is Ready again" in waits["message"]
        assert "does not keep versions" in waits["message"]
        assert not stage.there(JOB, namespace, names.RUN_JOB)
        bucket.versioned = True
        await stage.until(
            "the run starts once the store is proven again",
            lambda: stage.there(JOB, namespace, names.RUN_JOB),
            10 * MINUTE,
        )

    play(scene, sweeps=False, profile={"probe": {"schedule": "Once", "requiredForRuns": True}})


def test_a_run_begins_although_its_store_is_to_go_and_waits_for_its_experiment() -> None:
    """Somebody deleted the store behind the broken glass: it is never Ready again."""

    async def scene(stage: Stage) -> None:
        stage.world.actors.probe_outcome = lambda _: Outcome.UNKNOWN
        stage.declare()
        namespace = await stage.provisioned()
        stage.world.server.admission.remove(in_use)
        assert stage.world.remove(OBJECT_STORE, None, "primary")
        await stage.until(
            "it is held",
            lambda: stage.condition("Ready", "primary", OBJECT_STORE)["reason"] == "InUse",
        )
        stage.world.actors.probe_outcome = lambda _: Outcome.PASSED
        await stage.until(
            "the run starts", lambda: stage.there(JOB, namespace, names.RUN_JOB), 10 * MINUTE
        )

    play(scene, sweeps=False, profile={"probe": {"schedule": "Once", "requiredForRuns": True}})


def test_a_run_begins_on_what_was_bound_although_another_store_of_the_name_is_refused() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.actors.probe_outcome = lambda _: Outcome.UNKNOWN
        stage.declare()
        namespace = await stage.provisioned()
        # Without versions, which every store has to keep.
        buckets = stage.world.store.buckets
        buckets["elsewhere"] = replace(buckets[BUCKET], name="elsewhere", versioned=False, keys={})
        change = {"spec": {"artifacts": {"bucket": "elsewhere"}}}
        stage.world.edit(OBJECT_STORE, None, "primary", change)
        await stage.until(
            "the other store is refused",
            lambda: stage.condition("Ready", "primary", OBJECT_STORE)["status"] == "False",
            5 * MINUTE,
        )
        stage.world.actors.probe_outcome = lambda _: Outcome.PASSED
        await stage.until(
            "the run starts all the same",
            lambda: stage.there(JOB, namespace, names.RUN_JOB),
            10 * MINUTE,
        )

    play(scene, sweeps=False, profile={"probe": {"schedule": "Once", "requiredForRuns": True}})


def test_a_run_begins_although_its_proven_store_was_not_reached_by_its_last_check() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.edit(OBJECT_STORE, None, "primary", {"spec": {"verifyIntervalSeconds": 60}})
        stage.world.actors.probe_outcome = lambda _: Outcome.UNKNOWN
        stage.declare()
        namespace = await stage.provisioned()

        def away(action: str, bucket: str, key: str) -> None:
            del action, bucket
            if key.startswith(".glovebox/probe/"):
                raise NoAnswerError

        stage.world.store.fault = away
        await stage.until(
            "the store's next check learns nothing",
            lambda: stage.condition("Ready", "primary", OBJECT_STORE)["status"] == "Unknown",
            HOUR,
        )
        stage.world.actors.probe_outcome = lambda _: Outcome.PASSED
        await stage.until(
            "the run starts", lambda: stage.there(JOB, namespace, names.RUN_JOB), 10 * MINUTE
        )

    play(scene, sweeps=False, profile={"probe": {"schedule": "Once", "requiredForRuns": True}})


# -- an object that disappears while it is reconciled


class _Gone(NoFaults):
    """Answers one request as if its object were not there."""

    def __init__(self, number: int) -> None:
        self.number, self.met = number, ""
        self._asked = 0

    def request(self, asked: Asked) -> Fault:
        platforms_own = asked.kind == SECRET and asked.namespace == "glovebox-system"
        if asked.verb in ("list", "watch") or platforms_own:
            return Fault()
        self._asked += 1
        if self._asked != self.number:
            return Fault()
        self.met = asked.verb
        return Fault("refused", 404)


def test_an_object_that_disappears_while_it_is_reconciled_costs_a_retry_and_no_timer() -> None:
    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        await stage.provisioned()
        first = expiry(stage)
        await stage.until("the timer rings", lambda: expiry(stage) > first, 1_800.0)
        # Due 600 seconds before they expire; a try that fails is repeated within 15.
        assert first - stage.world.clock.now() > timedelta(seconds=600 - 20)

    met: Counter[str] = Counter()
    for number in itertools.count(1):
        faults = _Gone(number)
        play(scene, sweeps=False, faults=faults)
        if not faults.met:
            break
        met[faults.met] += 1
    assert set(met) == {"get", "create", "update", "patch", "delete"}
    assert met.total() > 30


# -- the time of a repair


class _Refusals(NoFaults):
    """Refuses by rules that come while it is played."""

    def __init__(self, rules: list[Rule]) -> None:
        self._rules = rules

    def request(self, asked: Asked) -> Fault:
        now = asyncio.get_running_loop().time()
        for rule in self._rules:
            is_its = asked.kind.plural == rule.plural and asked.verb in rule.verbs
            if is_its and rule.begins <= now < rule.ends:
                return Fault("refused", rule.code)
        return Fault()


def test_a_repair_is_measured_from_its_own_drift_and_not_from_an_earlier_one() -> None:
    refusals: list[Rule] = []

    async def scene(stage: Stage) -> None:
        def repaired(kind: str) -> tuple[float, float]:
            name = "glovebox_drift_repair_duration_seconds"
            found = (stage.metric(f"{name}_{part}", managed_kind=kind) for part in ("count", "sum"))
            count, seconds = found
            return count, seconds

        world = stage.world
        stage.declare(run=False)
        namespace = await stage.provisioned()
        # Repairs are refused for a while, and somebody takes a part of the drift back.
        refusals.append(
            Rule("namespaces", ("patch", "update"), 500, stage.now, stage.now + 20 * MINUTE)
        )
        refusals.append(
            Rule("limitranges", ("patch", "update"), 500, stage.now, stage.now + 20 * MINUTE)
        )
        label = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}
        world.edit(NAMESPACE, None, namespace, label)
        limits = world.server.peek(LIMIT_RANGE, namespace, names.LIMIT_RANGE)
        assert limits is not None
        world.edit(LIMIT_RANGE, namespace, names.LIMIT_RANGE, {"spec": {"limits": []}})
        await stage.sleep(10 * MINUTE)
        world.edit(LIMIT_RANGE, namespace, names.LIMIT_RANGE, {"spec": limits["spec"]})
        await stage.sleep(10 * MINUTE)
        await stage.until("repaired", lambda: repaired("Namespace")[0] == 1)
        # The labels were other than declared for twenty minutes, and that is what is told.
        count, seconds = repaired("Namespace")
        assert count == 1
        assert 1_200.0 <= seconds < 1_200.0 + MINUTE
        assert repaired("LimitRange") == (0.0, 0.0)
        # The limits were right again: what counts is the drift of now.
        world.remove(LIMIT_RANGE, namespace, names.LIMIT_RANGE)
        await stage.until("repaired", lambda: repaired("LimitRange")[0] == 1)
        assert repaired("LimitRange")[1] < AT_ONCE
        # A repair that is refused for a while is measured whole, and counted once.
        refusals.append(Rule("limitranges", ("create",), 500, stage.now, stage.now + 3 * MINUTE))
        world.remove(LIMIT_RANGE, namespace, names.LIMIT_RANGE)
        await stage.sleep(4 * MINUTE)
        count, seconds = repaired("LimitRange")
        assert count == 2
        assert 3 * MINUTE <= seconds < 4 * MINUTE

    play(scene, sweeps=False, faults=_Refusals(refusals))


# -- what is read again although nothing changed


class _Counting(NoFaults):
    """Lets all pass, and counts what is read."""

    def __init__(self) -> None:
        self.read: Counter[str] = Counter()

    def request(self, asked: Asked) -> Fault:
        if asked.verb == "get":
            self.read[f"{asked.kind.kind} {asked.namespace}/{asked.name}"] += 1
        return Fault()


def test_whoever_wakes_a_store_has_its_keys_read_once_a_minute_at_most() -> None:
    faults = _Counting()

    async def scene(stage: Stage) -> None:
        store = (OBJECT_STORE, None, "primary")
        await stage.until("it is Ready", lambda: is_true(stage.world.server.peek(*store), "Ready"))
        await stage.sleep(MINUTE)
        faults.read.clear()
        for number in range(40):  # the count of users is no news of the keys
            stage.world.declare(DATASET_PIN, f"set-{number}", pin_spec())
            await stage.sleep(3.0)
        secret = f"Secret glovebox-system/{names.SIGNING_KEY_SECRET}"
        assert 1 <= faults.read[secret] <= 3

    play(scene, sweeps=False, faults=faults)


def test_a_grant_that_is_withdrawn_has_the_labels_of_its_namespace_read_once() -> None:
    faults = _Counting()

    def access(*sources: Json) -> Json:
        selector = {"matchLabels": {"team": "x"}}
        entry = {"namespaceSelector": selector, "artifacts": True, "sources": list(sources)}
        return {"spec": {"access": [entry]}}

    async def scene(stage: Stage) -> None:
        world = stage.world
        world.edit(NAMESPACE, None, TEAM, {"metadata": {"labels": {"team": "x"}}})
        world.edit(OBJECT_STORE, None, "primary", access({"bucket": SOURCE, "prefix": ""}))
        await stage.sleep(5.0)
        world.declare(DATASET_PIN, "set", pin_spec())
        await stage.until("it is pinned", lambda: pin_reason(stage) == "Verified")
        await stage.sleep(MINUTE)
        faults.read.clear()
        until_told: list[int] = []

        def see(change: Change) -> None:
            if change.served.kind == DATASET_PIN and change.user == OPERATOR:
                until_told.append(faults.read[f"Namespace /{TEAM}"])

        world.server.on_change.append(see)
        world.edit(OBJECT_STORE, None, "primary", access({"bucket": "another", "prefix": ""}))
        await stage.until("it is told", lambda: pin_reason(stage) == "NotGranted")
        assert until_told == [2], "one for each look: at the edit, and at the store's status"

    play(scene, sweeps=False, faults=faults)


def pin_reason(stage: Stage) -> str:
    return str(stage.condition("Ready", "set", DATASET_PIN).get("reason"))
