"""Deleted is what is gone: what a finalizer holds is in force, and one 404 is no proof."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.kube.kinds import (
    DATASET_PIN,
    EXPERIMENT,
    LIMIT_RANGE,
    NETWORK_POLICY,
    OBJECT_STORE,
    ROLE_BINDING,
    SECRET,
    Kind,
)
from simulation.api_server import ADMINISTRATOR, Asked
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE, TEN_MINUTES
from simulation.test_seal_order import Refusing, wants
from simulation.world import BUCKET, TEAM, condition, in_use, pin_spec, store_spec

Json = dict[str, Any]
HELD: Json = {"metadata": {"finalizers": ["example.com/held"]}}
LET_GO: Json = {"metadata": {"finalizers": None}}
FOREIGN = "allow-all"
BODIES: dict[str, Json] = {
    NETWORK_POLICY.kind: {"spec": {"podSelector": {}, "ingress": [{}], "policyTypes": ["Ingress"]}},
    ROLE_BINDING.kind: {
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "edit",
        },
        "subjects": [],
    },
}
BINDING = (ROLE_BINDING, names.TENANT_ROLE_BINDING)
CREDENTIALS = (SECRET, names.CREDENTIALS_SECRET)


def add_foreign(stage: Stage, kind: Kind, namespace: str, *, held: bool = True) -> None:
    metadata = {**(HELD["metadata"] if held else {}), "name": FOREIGN}
    asked = Asked(ADMINISTRATOR, "create", kind, namespace, FOREIGN)
    stage.world.server.create(asked, {"metadata": metadata, **BODIES[kind.kind]})


@pytest.mark.parametrize("kind", [NETWORK_POLICY, ROLE_BINDING], ids=lambda kind: kind.kind)
def test_a_foreign_object_that_a_finalizer_holds_is_told_until_it_is_gone(kind: Kind) -> None:
    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(5)
        add_foreign(stage, kind, namespace)
        await stage.sleep(2 * HOUR)  # with lists of everything
        assert stage.there(kind, namespace, FOREIGN)
        for name, answer in (("NamespaceReady", "False"), ("Ready", "False")):
            assert stage.condition(name)["status"] == answer, name
        told = stage.condition("NamespaceReady")
        assert told["reason"] == reasons.DELETION_BLOCKED
        assert "example.com/held" in told["message"]
        assert stage.condition("DriftDetected")["status"] == "True"
        asked = [
            what
            for _, who, what in stage.world.story.lines
            if who == "operator" and what.startswith("delete") and FOREIGN in what
        ]
        assert len(asked) == 1, asked
        stage.world.edit(kind, namespace, FOREIGN, LET_GO)
        await stage.until("Ready", lambda: stage.condition("Ready")["status"] == "True", MINUTE)

    play(scene)


@pytest.mark.parametrize("kind", [NETWORK_POLICY, ROLE_BINDING], ids=lambda kind: kind.kind)
def test_access_does_not_open_beside_a_foreign_object_that_is_held(kind: Kind) -> None:
    faults = Refusing(lambda asked: asked.kind == LIMIT_RANGE and asked.verb == "create")
    faults.in_force = True

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        await stage.until("the namespace is there", lambda: stage.status().get("namespaceUid"))
        namespace = stage.status()["namespace"]
        add_foreign(stage, kind, namespace)
        await stage.sleep(MINUTE)
        faults.in_force = False
        await stage.sleep(TEN_MINUTES)
        assert not stage.there(ROLE_BINDING, namespace, names.TENANT_ROLE_BINDING)
        assert "example.com/held" in stage.condition("Ready")["message"]
        stage.world.edit(kind, namespace, FOREIGN, LET_GO)
        await stage.provisioned()

    play(scene, faults=faults)


@pytest.mark.parametrize(
    ("opens", "desired"),
    [(BINDING, "Frozen"), (CREDENTIALS, "Frozen"), (CREDENTIALS, "Sealed")],
)
def test_nothing_is_said_to_be_closed_while_a_finalizer_holds_what_opens(
    opens: tuple[Kind, str], desired: str
) -> None:
    kind, name = opens

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(MINUTE)
        # Nothing is known of it but what is read.
        await stage.process.kill()
        stage.world.edit(kind, namespace, name, HELD)
        wants(stage, desired)
        stage.process.start()
        await stage.sleep(TEN_MINUTES)
        assert stage.there(kind, namespace, name)
        assert stage.status().get("state") != desired
        assert "example.com/held" in stage.condition("Ready")["message"]
        stage.world.edit(kind, namespace, name, LET_GO)
        await stage.until("it is closed", lambda: stage.status().get("state") == desired, 120)

    play(scene)


def test_a_deletion_waits_for_the_access_that_a_finalizer_holds_and_names_it() -> None:
    async def scene(stage: Stage) -> None:
        stage.declare(run=False, lifecycle={"deletionPolicy": "Freeze"})
        namespace = await stage.provisioned()
        # Both at once for the operator, which else may repair the one before it sees the other.
        await stage.process.kill()
        stage.world.edit(ROLE_BINDING, namespace, names.TENANT_ROLE_BINDING, HELD)
        stage.world.remove(EXPERIMENT, TEAM, "x")
        stage.process.start()
        await stage.sleep(TEN_MINUTES)
        assert stage.condition("Ready")["reason"] == reasons.DELETION_BLOCKED
        assert "example.com/held" in stage.condition("Ready")["message"]
        stage.world.edit(ROLE_BINDING, namespace, names.TENANT_ROLE_BINDING, LET_GO)
        await stage.until("it is gone", lambda: stage.world.experiment() is None, 2 * MINUTE)

    play(scene)


def test_a_wrong_404_to_a_deletion_hides_nothing() -> None:
    def deletion(asked: Asked) -> bool:
        return asked.kind == NETWORK_POLICY and asked.verb == "delete"

    faults = Refusing(deletion, 404, most=1)
    faults.in_force = True

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(MINUTE)
        add_foreign(stage, NETWORK_POLICY, namespace, held=False)
        await stage.sleep(5)
        assert faults.refused
        assert not stage.there(NETWORK_POLICY, namespace, FOREIGN)

    play(scene, faults=faults, sweeps=False)


@pytest.mark.parametrize("wrong", ["get", "delete"])
def test_a_wrong_404_leaves_no_access_in_what_is_frozen(wrong: str) -> None:
    def of_the_binding(asked: Asked) -> bool:
        return (asked.verb, asked.name) == (wrong, names.TENANT_ROLE_BINDING)

    faults = Refusing(of_the_binding, 404, most=1)

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(MINUTE)
        faults.in_force = True
        wants(stage, "Frozen")
        await stage.until("frozen", lambda: stage.status().get("state") == "Frozen", MINUTE)
        assert faults.refused
        assert not stage.there(ROLE_BINDING, namespace, names.TENANT_ROLE_BINDING)

    play(scene, faults=faults, sweeps=False)


# -- our own kinds, which somebody else holds

HOLD = "team.example/hold"


def hold(stage: Stage, kind: Kind, namespace: str, name: str) -> None:
    found = stage.world.server.peek(kind, namespace, name)
    assert found is not None
    held = [*(found["metadata"].get("finalizers") or ()), HOLD]
    assert stage.world.edit(kind, namespace, name, {"metadata": {"finalizers": held}})


def test_an_experiment_that_was_retired_and_is_held_says_nothing_that_was_so() -> None:
    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        await stage.provisioned()
        await stage.sleep(MINUTE)
        hold(stage, EXPERIMENT, TEAM, "x")
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.sleep(2 * HOUR)
        made = stage.world.experiment()
        assert made is not None
        assert made["metadata"]["finalizers"] == [HOLD]
        ready = stage.condition("Ready")
        assert (ready["status"], ready["reason"]) == ("False", reasons.DELETION_BLOCKED)
        assert HOLD in ready["message"]
        for kept in ("NamespaceReady", "QuotaApplied", "Isolated", "CredentialsFresh"):
            assert stage.condition(kept)["status"] == "Unknown", kept
        version = made["metadata"]["resourceVersion"]
        await stage.sleep(2 * HOUR)
        again = stage.world.experiment()
        assert again is not None
        assert again["metadata"]["resourceVersion"] == version, "it is said once"
        stage.world.edit(EXPERIMENT, TEAM, "x", LET_GO)
        await stage.until("it goes", lambda: stage.world.experiment() is None, MINUTE)

    play(scene)


@pytest.mark.parametrize("kind", [DATASET_PIN, OBJECT_STORE], ids=lambda kind: kind.kind)
def test_what_nobody_uses_and_somebody_holds_is_not_ready_any_more(kind: Kind) -> None:
    async def scene(stage: Stage) -> None:
        stage.world.declare(DATASET_PIN, "set", pin_spec())
        namespace, name = (TEAM, "set") if kind == DATASET_PIN else ("", "store-to-go")
        if kind == OBJECT_STORE:
            stage.world.declare(OBJECT_STORE, name, store_spec(), namespace=None)

        def there() -> Json:
            found = stage.world.server.peek(kind, namespace, name)
            assert found is not None
            return found

        def ready() -> Json:
            return condition(there(), "Ready")

        await stage.until("it is Ready", lambda: ready().get("status") == "True")
        hold(stage, kind, namespace, name)
        stage.world.remove(kind, namespace, name)
        await stage.sleep(MINUTE)
        assert (ready()["status"], ready()["reason"]) == ("False", reasons.DELETION_BLOCKED)
        assert HOLD in ready()["message"]
        version = there()["metadata"]["resourceVersion"]
        await stage.sleep(2 * HOUR)
        assert there()["metadata"]["resourceVersion"] == version, "it is said once"
        stage.world.edit(kind, namespace, name, LET_GO)
        await stage.until("it goes", lambda: not stage.there(kind, namespace, name), MINUTE)

    play(scene)


def test_a_store_that_is_deleted_and_still_used_is_checked_as_before() -> None:
    """Seals go on to be made in it: what it does not do any more has to be seen."""

    def store(stage: Stage) -> Json:
        found = stage.world.server.peek(OBJECT_STORE, None, "primary")
        assert found is not None
        return found

    def checked(stage: Stage) -> str:
        return str(store(stage)["status"]["lastVerifiedTime"])

    def says(stage: Stage, name: str) -> str:
        return str(condition(store(stage), name).get("status", ""))

    async def scene(stage: Stage) -> None:
        stage.world.edit(OBJECT_STORE, "", "primary", {"spec": {"verifyIntervalSeconds": 3600}})
        stage.declare(run=False)
        await stage.provisioned()
        stage.world.server.admission.remove(in_use)  # its glass is broken; the finalizer holds
        stage.world.remove(OBJECT_STORE, "", "primary")
        await stage.sleep(MINUTE)
        assert condition(store(stage), "Ready")["reason"] == reasons.IN_USE
        first = checked(stage)
        await stage.sleep(2 * HOUR)
        assert checked(stage) > first, "at its interval"
        second = checked(stage)
        await stage.sleep(HOUR / 2)
        assert checked(stage) == second, "and not with each look"
        stage.world.store.buckets[BUCKET].versioned = False
        await stage.until(
            "it is told", lambda: says(stage, "VersioningProven") == "False", 2 * HOUR
        )
        assert condition(store(stage), "Ready")["reason"] == reasons.IN_USE, "it goes all the same"
        stage.world.store.buckets[BUCKET].versioned = True
        await stage.until("it is told", lambda: says(stage, "VersioningProven") == "True", HOUR)

    play(scene)
