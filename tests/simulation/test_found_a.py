"""Proofs of findings: each fails as long as what it says is not so."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.kube.kinds import (
    CONFIG_MAP,
    EVENT,
    EXPERIMENT,
    LIMIT_RANGE,
    NAMESPACE,
    NETWORK_POLICY,
    POD,
    ROLE_BINDING,
)
from simulation.api_server import ADMINISTRATOR, Asked
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE, SOON, running, statements, store_is_away
from simulation.test_seal_order import Refusing, wants, without_rules
from simulation.world import IMAGE, TEAM

Json = dict[str, Any]


def add_policy(stage: Stage, namespace: str, *, kind=NETWORK_POLICY, name="allow-all") -> None:
    body = {"metadata": {"name": name, "finalizers": ["example.com/held"]}}
    if kind == NETWORK_POLICY:
        body["spec"] = {"podSelector": {}, "ingress": [{}], "policyTypes": ["Ingress"]}
    else:
        body |= {
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "edit",
            },
            "subjects": [],
        }
    stage.world.server.create(Asked(ADMINISTRATOR, "create", kind, namespace, name), body)


@pytest.mark.parametrize("kind", [NETWORK_POLICY, ROLE_BINDING])
def test_a_foreign_policy_that_a_finalizer_holds_is_told(kind) -> None:
    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(5)
        add_policy(stage, namespace, kind=kind)
        await stage.sleep(2 * HOUR)
        assert stage.there(kind, namespace, "allow-all")
        for each in ("NamespaceReady", "DriftDetected", "Ready", "Isolated"):
            print(each, stage.condition(each))
        assert stage.condition("NamespaceReady")["status"] != "True"

    play(scene)


def test_a_pod_that_came_in_goes_although_a_repair_is_refused() -> None:
    faults = Refusing(lambda asked: asked.kind == LIMIT_RANGE and asked.verb == "create")

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(5)
        faults.in_force = True
        stage.world.remove(LIMIT_RANGE, namespace, names.LIMIT_RANGE)
        await stage.sleep(5)
        stage.world.edit(
            NAMESPACE,
            None,
            namespace,
            {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": None}}},
        )
        body = {
            "metadata": {"name": "intruder"},
            "spec": {"hostNetwork": True, "containers": [{"name": "main", "image": "any"}]},
        }
        stage.world.actors.run_ends = lambda _: (24 * HOUR, True)
        stage.world.server.create(Asked(ADMINISTRATOR, "create", POD, namespace, "intruder"), body)
        await stage.sleep(HOUR)
        live = stage.world.server.peek(NAMESPACE, None, namespace)
        assert "pod-security.kubernetes.io/enforce" in live["metadata"]["labels"]
        assert not stage.there(POD, namespace, "intruder")

    play(scene, faults=faults)


@pytest.mark.parametrize("desired", ["Frozen", "Sealed"])
def test_no_pod_runs_in_what_is_closed(desired) -> None:
    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        wants(stage, desired)
        await stage.sleep(MINUTE)
        print(stage.status().get("state"), stage.status().get("seal"))
        stage.world.edit(
            NAMESPACE, None, namespace, {"metadata": {"labels": {names.LABEL_STATE: "Open"}}}
        )
        body = {
            "metadata": {"name": "theirs"},
            "spec": {"containers": [{"name": "main", "image": IMAGE}]},
        }
        stage.world.actors.run_ends = lambda _: (24 * HOUR, True)
        stage.world.server.create(Asked(ADMINISTRATOR, "create", POD, namespace, "theirs"), body)
        await stage.sleep(2 * HOUR)
        live = stage.world.server.peek(NAMESPACE, None, namespace)
        assert live["metadata"]["labels"][names.LABEL_STATE] == desired
        assert not stage.there(POD, namespace, "theirs"), stage.condition("Ready")

    play(scene)


@pytest.mark.parametrize("has_run", [False, True])
def test_what_was_to_be_sealed_on_request_is_sealed_before_it_goes(has_run) -> None:
    async def scene(stage: Stage) -> None:
        await stage.sleep(5.0)
        if has_run:
            stage.declare(lifecycle={"deletionPolicy": "Delete"}, suspend=False)
            store = store_is_away
        stage.declare(run=False, lifecycle={"deletionPolicy": "Delete"}) if not has_run else None
        namespace = await stage.provisioned()
        prefix = stage.status()["artifacts"]["uri"].split("/", 3)[3]
        bucket = stage.world.store.buckets["gbx-artifacts"]
        stage.world.store._store(bucket, f"{prefix}model.bin", b"weights", "", None, "")
        before = stage.world.store.fault
        store_is_away(stage)
        wants(stage, "Sealed")
        await stage.until("closed", lambda: stage.status().get("state") == "Sealed", SOON)
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.sleep(5 * MINUTE)
        stage.world.store.fault = before
        await stage.until("it is gone", lambda: stage.world.experiment() is None, HOUR)
        told = [each["reason"] for each in stage.world.server.everything(EVENT)]
        assert statements(stage) or reasons.DELETED_UNSEALED in told

    play(scene)


@pytest.mark.parametrize("how", ["snapshot", "namespace", "once404"])
def test_an_unreadable_one_that_goes_unsealed_is_told(how) -> None:
    lost = []

    async def scene(stage: Stage) -> None:
        namespace = await running(stage, deletionPolicy="Delete")
        stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"purpose": {"description": ""}}})
        await stage.sleep(5.0)
        if how == "snapshot":
            stage.world.remove(CONFIG_MAP, namespace, names.SNAPSHOT_CONFIG_MAP)
        elif how == "namespace":
            stage.world.remove(NAMESPACE, None, namespace)
            await stage.until("gone", lambda: not stage.there(NAMESPACE, "", namespace))
        else:
            faults.in_force = True
        await stage.sleep(5.0)
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it is gone", lambda: stage.world.experiment() is None, HOUR + SOON)
        await stage.sleep(MINUTE)
        told = [each["reason"] for each in stage.world.server.everything(EVENT)]
        assert statements(stage) or reasons.DELETED_UNSEALED in told

    def once(asked):
        if asked.kind == CONFIG_MAP and asked.verb == "get" and not lost:
            lost.append(asked)
            return True
        return False

    faults = Refusing(once, 404)
    play(scene, faults=faults)


def test_a_bound_spec_that_was_changed_past_the_rules_is_sealed(monkeypatch) -> None:
    without_rules(monkeypatch)

    async def scene(stage: Stage) -> None:
        await running(stage, deletionPolicy="Delete")
        stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"run": {"command": ["other"]}}})
        await stage.sleep(20.0)
        print(stage.condition("Ready"))
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it is gone", lambda: stage.world.experiment() is None, 2 * HOUR + SOON)
        assert statements(stage)

    play(scene)
