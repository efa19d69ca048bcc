"""Data of another namespace are used by a grant of it, as often as it says and no more."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.controllers import grant_ledger
from glovebox.kube.kinds import (
    ACCESS_GRANT,
    DATASET_PIN,
    EVENT,
    EXPERIMENT,
    OBJECT_STORE,
    SECRET,
)
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE, ends_after
from simulation.test_ledger_told import ledger_is_away
from simulation.test_seal_order import Refusing
from simulation.world import TEAM, condition, pin_spec
from support.grants import (
    DATA,
    grant,
    grant_spec,
    granted,
    lent,
    ready,
    reason_of,
    records,
    takers,
    with_data,
)
from support.told_ledgers import entries, told, told_twice, verify, with_ledger

Json = dict[str, Any]


def is_bound(stage: Stage, name: str = "x") -> bool:
    return bool(stage.status(name).get("digest"))


def why(stage: Stage, name: str = "x") -> str:
    return str(stage.condition("Ready", name).get("reason", ""))


async def refused(stage: Stage, reason: str, name: str = "x") -> str:
    """Wait until an Experiment is refused; return what it says."""
    await stage.until(f"it is refused ({reason})", lambda: why(stage, name) == reason)
    assert not is_bound(stage, name)
    return str(stage.condition("Ready", name)["message"])


def test_without_a_grant_nothing_is_told_and_nothing_is_made() -> None:
    async def scene(stage: Stage) -> None:
        await with_data(stage)
        stage.declare(inputs=lent())
        there = await refused(stage, reasons.NOT_GRANTED)
        stage.declare("y", inputs=lent(name="not-there"))
        assert await refused(stage, reasons.NOT_GRANTED, "y") == there
        assert "ask the owner of namespace 'data' for an AccessGrant" in there
        assert records(stage) == {}
        # Naming somebody's pin neither holds it nor is counted there.
        pin = stage.world.server.peek(DATASET_PIN, DATA, "set")
        assert pin is not None
        assert not pin["metadata"].get("finalizers")
        assert stage.world.remove(DATASET_PIN, DATA, "set")
        await stage.until("the pin goes", lambda: not stage.there(DATASET_PIN, DATA, "set"))

    play(scene)


def test_a_grant_lets_one_experiment_in_and_the_next_is_refused_by_whom_it_was_used() -> None:
    async def scene(stage: Stage) -> None:
        await with_data(stage)
        stage.declare(inputs=lent())
        await refused(stage, reasons.NOT_GRANTED)
        made = await granted(stage)
        uid = stage.world.experiment("x")["metadata"]["uid"]  # type: ignore[index]
        await stage.provisioned()
        (entry,) = stage.status()["inputs"]
        assert entry["pinRef"] == "data/set"
        (used,) = entry["grants"]
        assert (used["grantRef"], used["uid"]) == ("data/loan", made["metadata"]["uid"])
        assert (used["use"], used["uses"]) == (1, 1)
        assert used["digest"] == grant(stage)["status"]["digest"]
        assert takers(stage) == [uid]
        await stage.until("it is counted", lambda: reason_of(stage) == reasons.GRANT_USED_UP)
        status = grant(stage)["status"]
        assert status["used"] == 1
        assert [each["experiment"] for each in status["uses"]] == ["team-a/x"]
        stage.declare("y", inputs=lent())
        message = await refused(stage, reasons.GRANT_USED_UP, "y")
        assert "by Experiment 'x' at " in message
        # One that is deleted has used it all the same, and so has a grant that is made again.
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("x is gone", lambda: stage.world.experiment("x") is None, HOUR)
        stage.world.remove(ACCESS_GRANT, DATA, "loan")
        await stage.until("the grant is gone", lambda: not stage.there(ACCESS_GRANT, DATA, "loan"))
        stage.world.declare(ACCESS_GRANT, "loan", grant_spec(), namespace=DATA)
        await stage.until("it is read again", lambda: reason_of(stage) == reasons.GRANT_USED_UP)
        assert why(stage, "y") == reasons.GRANT_USED_UP
        assert takers(stage) == [uid]

    # Whoever waits for a grant is woken by it, and by no sweep.
    play(scene, sweeps=False)


@pytest.mark.parametrize(
    ("changes", "why_not"),
    [
        ({"namespaces": ["team-b"]}, "another namespace is let in"),
        ({"roles": ["holdout"]}, "it is for another role"),
        ({"pinRef": None, "contentRoot": "sha256:" + "0" * 64, "storeRef": {"name": "primary"}},
         "it is of other content"),
    ],
)  # fmt: skip
def test_a_grant_lets_in_what_it_names_alone(changes: Json, why_not: str) -> None:
    async def scene(stage: Stage) -> None:
        await with_data(stage)
        wanted = {name: value for name, value in grant_spec(**changes).items() if value is not None}
        stage.world.declare(ACCESS_GRANT, "loan", wanted, namespace=DATA)
        await stage.until("it is Ready", lambda: ready(stage, ACCESS_GRANT, "loan"))
        stage.declare(inputs=lent())
        await refused(stage, reasons.NOT_GRANTED)
        await stage.sleep(MINUTE)
        assert not is_bound(stage), why_not

    play(scene)


def test_what_the_platform_does_not_let_lend_is_not_lent() -> None:
    async def scene(stage: Stage) -> None:
        await with_data(stage, lend=False)
        stage.world.declare(ACCESS_GRANT, "loan", grant_spec(), namespace=DATA)
        await stage.until("it says so", lambda: reason_of(stage) == reasons.STORE_NOT_LENDING)
        stage.declare(inputs=lent())
        await stage.until("it waits", lambda: why(stage) == reasons.GRANT_NOT_READY)
        store = stage.world.server.peek(OBJECT_STORE, None, "primary")
        assert store is not None
        access = [{**each, "lend": True} for each in store["spec"]["access"]]
        stage.world.edit(OBJECT_STORE, None, "primary", {"spec": {"access": access}})
        await stage.sleep(20.0)
        assert is_bound(stage)  # the store wakes its grants: the next look of its own is later

    play(scene)


def test_a_pin_of_the_same_bytes_at_home_does_not_get_around_a_grant() -> None:
    async def scene(stage: Stage) -> None:
        await with_data(stage, pin={"use": {"grantFor": ["train"]}})
        # Younger, under another name, in the team's own namespace, which may read the bucket.
        await stage.sleep(2)
        stage.world.declare(DATASET_PIN, "mine", pin_spec())
        await stage.until("it is Ready", lambda: ready(stage, DATASET_PIN, "mine", TEAM))
        own = {"datasets": [{"name": "a", "pinRef": {"name": "mine"}, "role": "train"}]}
        stage.declare(inputs=own)
        message = await refused(stage, reasons.NOT_GRANTED)
        assert "namespace 'data' asks for a grant for this content" in message
        # In a role for which nobody asks, it is free.
        other = {"datasets": [{"name": "a", "pinRef": {"name": "mine"}, "role": "reference"}]}
        stage.declare("y", run=False, inputs=other)
        await stage.until("y is bound", lambda: is_bound(stage, "y"))
        await granted(stage)
        await stage.until("it is bound", lambda: is_bound(stage))
        assert stage.status()["inputs"][0]["pinRef"] == "mine"

    play(scene)


def test_an_older_pin_is_not_kept_from_its_own_data_by_a_younger_one() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.declare(DATASET_PIN, "mine", pin_spec())
        await stage.until("it is Ready", lambda: ready(stage, DATASET_PIN, "mine", TEAM))
        await stage.sleep(2)
        await with_data(stage, pin={"use": {"grantFor": ["train"]}})
        own = {"datasets": [{"name": "a", "pinRef": {"name": "mine"}, "role": "train"}]}
        stage.declare(run=False, inputs=own)
        await stage.until("it is bound", lambda: is_bound(stage))

    play(scene)


def test_at_home_a_holdout_takes_a_grant_where_pin_or_profile_say_so() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.declare(DATASET_PIN, "set", {**pin_spec(), "use": {"grantFor": ["holdout"]}})
        stage.world.declare(DATASET_PIN, "later", pin_spec("later/"))
        for name in ("set", "later"):
            await stage.until("it is Ready", lambda: ready(stage, DATASET_PIN, name, TEAM))  # noqa: B023
        for name, pin in (("x", "set"), ("y", "later")):
            holdout = {"datasets": [{"name": "a", "pinRef": {"name": pin}, "role": "holdout"}]}
            stage.declare(name, run=False, inputs=holdout)
            await refused(stage, reasons.NOT_GRANTED, name)
            spec = grant_spec(pinRef={"name": pin}, roles=["holdout"])
            stage.world.declare(ACCESS_GRANT, f"loan-{pin}", spec)
        for name in ("x", "y"):
            await stage.until("it is bound", lambda: is_bound(stage, name))  # noqa: B023

    play(scene, profile={"data": {"grantFor": ["holdout"]}})


def test_an_embargo_ends_by_itself() -> None:
    async def scene(stage: Stage) -> None:
        ends = stage.world.clock.now().timestamp() + HOUR
        until = names_of_time(ends)
        embargo = {**pin_spec(), "use": {"embargoUntilTime": until}}
        stage.world.declare(DATASET_PIN, "set", embargo)
        await stage.until("it is Ready", lambda: ready(stage, DATASET_PIN, "set", TEAM))
        own = {"datasets": [{"name": "a", "pinRef": {"name": "set"}, "role": "train"}]}
        stage.declare(run=False, inputs=own)
        message = await refused(stage, reasons.NOT_GRANTED)
        assert f"wait until {until}" in message
        await stage.until("it is bound", lambda: is_bound(stage), 2 * HOUR)
        assert stage.world.clock.now().timestamp() >= ends
        assert not stage.status()["inputs"][0].get("grants")

    play(scene, sweeps=False)


def names_of_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("by", ["revoked", "deleted", "expired"])
def test_what_a_grant_let_in_goes_on_without_new_credentials_once_it_ends(by: str) -> None:
    async def scene(stage: Stage) -> None:
        await with_data(stage)
        ends_after(stage, 4 * HOUR)
        soon = names_of_time(stage.world.clock.now().timestamp() + 30 * MINUTE)
        await granted(stage, **({"expireTime": soon} if by == "expired" else {}))
        stage.declare(inputs=lent())
        namespace = await stage.provisioned()
        await stage.until(
            "it has credentials",
            lambda: stage.there(SECRET, namespace, names.INPUTS_CREDENTIALS_SECRET),
        )
        await stage.until("it runs", lambda: stage.status().get("run"))
        assert stage.condition("InputsGranted")["status"] == "True"
        if by == "revoked":
            stage.world.edit(ACCESS_GRANT, DATA, "loan", {"spec": {"revoked": True}})
        if by == "deleted":
            stage.world.remove(ACCESS_GRANT, DATA, "loan")
        within = 31 * MINUTE if by == "expired" else 60
        await stage.until(
            "its credentials are gone",
            lambda: not stage.there(SECRET, namespace, names.INPUTS_CREDENTIALS_SECRET),
            within,
        )
        reason = reasons.GRANT_EXPIRED if by == "expired" else reasons.GRANT_REVOKED
        await stage.until(
            "it is reported", lambda: stage.condition("InputsGranted")["reason"] == reason, 60
        )
        events = [each["reason"] for each in stage.world.server.everything(EVENT)]
        assert reason in events
        assert stage.condition("Ready")["status"] == "True"
        await stage.sleep(2 * HOUR)
        assert not stage.there(SECRET, namespace, names.INPUTS_CREDENTIALS_SECRET)
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 4 * HOUR)
        (statement,) = stage.world.seals().values()
        sealed = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
        (used,) = next(each for each in sealed if each["name"] == "a")["annotations"]["grants"]
        assert (used["grant"], used["use"], used["uses"]) == ("data/loan", 1, 1)
        assert stage.status()["run"]["outcome"] == "Succeeded"

    play(scene, sweeps=False)


def test_a_run_that_has_not_begun_does_not_begin_on_a_grant_that_is_over() -> None:
    async def scene(stage: Stage) -> None:
        await with_data(stage)
        await granted(stage)
        revoked: list[bool] = []

        def see(change: Any) -> None:
            if change.served.kind == EXPERIMENT and is_bound(stage) and not revoked:
                revoked.append(True)
                stage.world.edit(ACCESS_GRANT, DATA, "loan", {"spec": {"revoked": True}})

        stage.world.server.on_change.append(see)
        stage.declare(inputs=lent())
        await stage.until("it says so", lambda: why(stage) == reasons.GRANT_REVOKED)
        await stage.sleep(10 * MINUTE)
        assert why(stage) == reasons.GRANT_REVOKED
        assert is_bound(stage)
        assert not stage.status().get("run")
        assert not stage.there(SECRET, stage.status()["namespace"], names.INPUTS_CREDENTIALS_SECRET)

    play(scene)


# -- the ledger


def about_grants(stage: Stage) -> list[str]:
    return [each.kind for each in entries(stage) if each.subject.kind == "AccessGrant"]


@pytest.mark.parametrize("by", ["revoked", "deleted", "expired"])
def test_the_ledger_tells_what_was_granted_used_and_ended_once_and_first(by: str) -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        await with_data(stage)
        soon = names_of_time(stage.world.clock.now().timestamp() + 30 * MINUTE)
        early: list[str] = []

        def see(change: Any) -> None:
            is_ready = condition(change.last, "Ready").get("status") == "True"
            if change.served.kind == ACCESS_GRANT and is_ready and not about_grants(stage):
                early.append("a grant is Ready")
            if change.served.kind == EXPERIMENT and is_ready and "grant-used" not in told(stage):
                early.append("an Experiment is Ready")

        stage.world.server.on_change.append(see)
        await granted(stage, **({"expireTime": soon} if by == "expired" else {}))
        uid = stage.declare(run=False, inputs=lent())["metadata"]["uid"]
        await stage.until("it is Ready", lambda: why(stage) == reasons.PROVISIONED)
        assert told(stage, uid) == ["grant-used", "bind"]
        used = next(each for each in entries(stage) if each.kind == "grant-used")
        assert used.details["use"] == used.details["uses"] == "1"
        assert used.details["grant"] == grant(stage)["metadata"]["uid"]
        assert used.details["contentRoot"] == grant(stage)["status"]["contentRoot"]
        ended = {"revoked": "grant-revoked", "deleted": "grant-revoked", "expired": "grant-expired"}
        if by == "revoked":
            stage.world.edit(ACCESS_GRANT, DATA, "loan", {"spec": {"revoked": True}})
        if by == "deleted":
            stage.world.remove(ACCESS_GRANT, DATA, "loan")
            await stage.until("it goes", lambda: not stage.there(ACCESS_GRANT, DATA, "loan"))
        await stage.until("it is told", lambda: about_grants(stage)[1:] == [ended[by]], HOUR)
        await stage.sleep(10 * MINUTE)
        assert about_grants(stage) == ["granted", ended[by]]
        assert early == []
        assert told_twice(stage) == []
        assert verify(stage).findings == []

    play(scene)


def test_a_grant_that_was_deleted_says_that_it_is_over_and_what_it_waits_for() -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        await with_data(stage)
        await granted(stage)
        ledger_is_away(stage)
        stage.world.remove(ACCESS_GRANT, DATA, "loan")
        await stage.sleep(10 * MINUTE)
        said = condition(grant(stage), "Ready")
        assert (said["status"], said["reason"]) == ("False", reasons.LEDGER_UNAVAILABLE)
        assert "it goes once its entry is in the ledger" in said["message"]
        written = grant(stage)["metadata"]["resourceVersion"]
        await stage.sleep(10 * MINUTE)
        assert grant(stage)["metadata"]["resourceVersion"] == written, "said once"
        await stage.until("it goes", lambda: not stage.there(ACCESS_GRANT, DATA, "loan"), HOUR)

    play(scene)


@pytest.mark.parametrize("code", [403, 422])
def test_a_policy_that_keeps_a_grant_from_its_finalizer_is_told(code: int) -> None:
    """It comes too early: the mark cannot be set; or too late: it cannot be taken off."""
    faults = Refusing(lambda asked: (asked.kind, asked.verb) == (ACCESS_GRANT, "patch"), code)

    async def scene(stage: Stage) -> None:
        await with_data(stage)
        faults.in_force = True
        stage.world.declare(ACCESS_GRANT, "loan", grant_spec(), namespace=DATA)
        await stage.sleep(MINUTE)
        assert names.FINALIZER in condition(grant(stage), "Ready")["message"]
        stage.declare(inputs=lent())
        await stage.sleep(MINUTE)
        assert not is_bound(stage)
        faults.in_force = False
        await stage.until("it lets in", lambda: is_bound(stage), 3 * MINUTE)
        faults.in_force = True
        stage.world.remove(ACCESS_GRANT, DATA, "loan")
        await stage.sleep(MINUTE)
        said = condition(grant(stage), "Ready")
        assert said["status"] == "False"
        assert names.FINALIZER in said["message"]
        faults.in_force = False
        await stage.until(
            "it goes", lambda: not stage.there(ACCESS_GRANT, DATA, "loan"), 3 * MINUTE
        )

    play(scene, faults=faults)


def test_a_grant_that_somebody_else_holds_is_not_ready_any_more() -> None:
    async def scene(stage: Stage) -> None:
        await with_data(stage)
        await granted(stage)
        held = {"finalizers": [*grant(stage)["metadata"]["finalizers"], "team.example/hold"]}
        assert stage.world.edit(ACCESS_GRANT, DATA, "loan", {"metadata": held})
        stage.world.remove(ACCESS_GRANT, DATA, "loan")
        await stage.sleep(MINUTE)
        assert grant(stage)["metadata"]["finalizers"] == ["team.example/hold"]
        said = condition(grant(stage), "Ready")
        assert (said["status"], said["reason"]) == ("False", reasons.DELETION_BLOCKED)
        assert "finalizer `team.example/hold`" in said["message"]

    play(scene)


def test_a_grant_that_was_made_again_is_told_again() -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        await with_data(stage)
        for _ in range(2):
            await granted(stage)
            stage.world.remove(ACCESS_GRANT, DATA, "loan")
            await stage.until("it goes", lambda: not stage.there(ACCESS_GRANT, DATA, "loan"))
        assert about_grants(stage) == ["granted", "grant-revoked"] * 2
        assert len({each.subject.uid for each in entries(stage) if each.kind == "granted"}) == 2

    play(scene)


def test_of_grants_that_are_made_again_and_again_the_ledger_is_told_so_many_in_an_hour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its entries are locked for years, and to declare a grant costs nothing."""
    monkeypatch.setattr(grant_ledger, "PER_HOUR", 3)

    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        await with_data(stage)
        began = stage.world.loop.time()
        for _ in range(3):
            await granted(stage)
            stage.world.remove(ACCESS_GRANT, DATA, "loan")
            await stage.until("it goes", lambda: not stage.there(ACCESS_GRANT, DATA, "loan"))
        stage.world.declare(ACCESS_GRANT, "loan", grant_spec(), namespace=DATA)
        stage.declare(run=False, inputs=lent())
        await stage.until(
            "it waits", lambda: reason_of(stage, "loan") == reasons.LEDGER_PENDING, MINUTE
        )
        await stage.sleep(50 * MINUTE)
        assert about_grants(stage) == ["granted", "grant-revoked"] * 3
        assert not is_bound(stage)
        said = condition(grant(stage), "Ready")["message"]
        assert f"grants of namespace {DATA} were written into the ledger within an hour" in said
        assert said in stage.condition("Ready")["message"], "who waits reads the same"
        await stage.until("it is bound", lambda: is_bound(stage), 15 * MINUTE)
        assert stage.world.loop.time() - began < HOUR + 3 * MINUTE, "it is looked at in time"
        assert about_grants(stage) == [*["granted", "grant-revoked"] * 3, "granted"]

    play(scene)


def test_what_ended_of_a_grant_is_told_however_many_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grant_ledger, "PER_HOUR", 1)

    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        await with_data(stage)
        await granted(stage)
        await stage.sleep(61 * MINUTE)
        stage.world.declare(ACCESS_GRANT, "another", grant_spec(), namespace=DATA)
        await stage.until(
            "another one is told", lambda: about_grants(stage) == ["granted"] * 2, 2 * MINUTE
        )
        stage.world.remove(ACCESS_GRANT, DATA, "loan")
        await stage.until("it goes", lambda: not stage.there(ACCESS_GRANT, DATA, "loan"), MINUTE)
        assert about_grants(stage) == ["granted", "granted", "grant-revoked"]

    play(scene)


def test_grants_of_one_namespace_keep_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that was begun to be told is told, whatever came meanwhile."""
    monkeypatch.setattr(grant_ledger, "PER_HOUR", 1)
    now = 0.0
    ports = SimpleNamespace(grants_told={}, clock=lambda: now)
    room = functools.partial(grant_ledger._has_room, ports)  # type: ignore[arg-type]  # all it reads
    assert [room("a", "1"), room("a", "2"), room("a", "1"), room("b", "3")] == [
        *(True, False),
        *(True, True),
    ]
    now = 3_599.0
    assert not room("a", "2")
    now = 3_600.0
    assert room("a", "2")


def test_a_pin_says_who_uses_its_content_by_whatever_pin() -> None:
    async def scene(stage: Stage) -> None:
        await with_data(stage)
        stage.world.declare(DATASET_PIN, "mirror", pin_spec())
        await stage.until("it is Ready", lambda: ready(stage, DATASET_PIN, "mirror", TEAM))
        await granted(stage)

        def users(name: str, namespace: str) -> Json | None:
            pin = stage.world.server.peek(DATASET_PIN, namespace, name)
            assert pin is not None
            found: Json | None = pin["status"].get("usedBy")
            return found

        own = {"datasets": [{"name": "a", "pinRef": {"name": "mirror"}, "role": "train"}]}
        stage.declare("y", run=False, inputs=own)
        await stage.until("y is told", lambda: users("mirror", TEAM))
        assert users("mirror", TEAM) == {"experiments": "1", "names": ["team-a/y"]}
        assert users("set", DATA) == {"experiments": "1", "elsewhere": "1"}
        stage.declare(run=False, inputs=lent())
        await stage.until(
            "both are told", lambda: (users("set", DATA) or {}).get("experiments") == "2"
        )
        assert users("set", DATA) == {"experiments": "2", "elsewhere": "1", "names": ["team-a/x"]}
        for name in "xy":
            assert stage.world.remove(EXPERIMENT, TEAM, name)
        await stage.until("nobody is told", lambda: users("set", DATA) is None, HOUR)

    play(scene, sweeps=False)


def test_pods_that_are_made_by_hand_are_told_that_a_grant_is_over() -> None:
    async def scene(stage: Stage) -> None:
        await with_data(stage)
        await granted(stage)
        stage.declare(run=False, inputs=lent())
        namespace = await stage.provisioned()
        await stage.until(
            "its inputs are there",
            lambda: stage.condition("InputsDelivered").get("status") == "True",
        )
        stage.world.remove(ACCESS_GRANT, DATA, "loan")
        await stage.until(
            "it says so",
            lambda: stage.condition("InputsDelivered")["reason"] == reasons.GRANT_REVOKED,
            60,
        )
        assert not stage.there(SECRET, namespace, names.INPUTS_CREDENTIALS_SECRET)
        assert stage.condition("Ready")["status"] == "True"

    play(scene)
