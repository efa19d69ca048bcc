"""Proofs of findings: each fails as long as what it says is not so."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from glovebox import names
from glovebox.controllers.experiment import artifact_credentials
from glovebox.kube.kinds import (
    EVENT,
    EXPERIMENT,
    JOB,
    LIMIT_RANGE,
    NAMESPACE,
    NETWORK_POLICY,
    ROLE_BINDING,
)
from simulation.api_server import ADMINISTRATOR, ApiServer, Asked
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE, ends_after, running
from simulation.test_seal_order import Refusing, without_rules
from simulation.world import TEAM

Json = dict[str, Any]


def requests_of(stage, since):
    return [line for line in stage.world.story.lines if line[0] >= since and line[1] == "operator"]


def test_a_probe_job_that_is_held_costs_no_hot_loop() -> None:
    counted = []

    class Counting(Refusing):
        def request(self, asked):
            counted.append((asyncio.get_running_loop().time(), str(asked)))
            return super().request(asked)

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.until("probe", lambda: stage.there(JOB, namespace, names.PROBE_JOB), 60)
        stage.world.edit(
            JOB, namespace, names.PROBE_JOB, {"metadata": {"finalizers": ["example.com/held"]}}
        )
        await stage.sleep(24 * HOUR + 10)
        before = len(counted)
        await stage.sleep(MINUTE)
        print("requests in one minute:", len(counted) - before, counted[-5:])
        assert len(counted) - before < 300

    play(
        scene,
        profile={"probe": {"schedule": "Daily"}},
        faults=Counting(lambda a: False),
        sweeps=False,
    )


def test_a_deletion_whose_job_stays_costs_no_hot_loop() -> None:
    counted = []

    class Counting(Refusing):
        def request(self, asked):
            counted.append((asyncio.get_running_loop().time(), str(asked)))
            return super().request(asked)

    faults = Counting(lambda asked: asked.kind == JOB and asked.verb == "delete")

    async def scene(stage: Stage) -> None:
        await running(stage)
        faults.in_force = True
        stage.world.remove(EXPERIMENT, TEAM, "x")
        worst = 0
        for _ in range(60):
            before = len(counted)
            await stage.sleep(10)
            worst = max(worst, len(counted) - before)
        print("worst in ten seconds", worst, stage.status().get("run"))
        assert worst < 200

    play(scene, faults=faults, sweeps=False)


@pytest.mark.parametrize("drift", ["Alert", "Repair"])
def test_what_the_cluster_adds_is_no_drift_after_a_restart(drift, monkeypatch) -> None:
    original = ApiServer._prepared

    def prepared(self, served, new):
        new = original(self, served, new)
        if served.kind == NETWORK_POLICY:
            labels = {**(new["metadata"].get("labels") or {}), "cost-centre": "42"}
            return {**new, "metadata": {**new["metadata"], "labels": labels}}
        return new

    monkeypatch.setattr(ApiServer, "_prepared", prepared)
    profile = {"drift": [{"kind": "NetworkPolicy", "policy": "Alert"}]} if drift == "Alert" else {}

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        await stage.provisioned()
        await stage.sleep(MINUTE)
        assert stage.condition("NamespaceReady")["status"] == "True"
        await stage.process.kill()
        stage.process.start()
        await stage.sleep(10 * MINUTE)
        told = [(each["reason"], each["note"]) for each in stage.world.server.everything(EVENT)]
        print(told)
        print(
            stage.condition("NamespaceReady"),
            stage.condition("DriftDetected"),
            stage.status().get("drift"),
        )
        assert stage.condition("NamespaceReady")["status"] == "True"
        assert not [each for each in told if "Drift" in each[0]]

    play(scene, profile=profile, drift=drift)


def test_access_does_not_open_while_a_policy_is_known_to_be_missing(monkeypatch) -> None:
    original = artifact_credentials.issue_credentials

    async def slowly(*a, **k):
        await asyncio.sleep(30.0)
        return await original(*a, **k)

    monkeypatch.setattr(artifact_credentials, "issue_credentials", slowly)
    seen = []

    async def scene(stage: Stage) -> None:
        await stage.sleep(5)
        stage.declare(run=False)
        await stage.sleep(15)
        namespace = stage.status()["namespace"]

        def see(change):
            if change.served.kind == ROLE_BINDING and change.old is None:
                seen.append(
                    stage.there(NETWORK_POLICY, namespace, names.NETWORK_POLICY_DEFAULT_DENY)
                )

        stage.world.server.on_change.append(see)
        stage.world.remove(NETWORK_POLICY, namespace, names.NETWORK_POLICY_DEFAULT_DENY)
        await stage.sleep(5 * MINUTE)
        assert seen == [True]

    play(scene)


def test_an_orphan_is_closed_although_one_list_is_lost() -> None:
    lost = []

    def once(asked):
        if asked.kind == NAMESPACE and asked.verb == "list" and len(lost) < 1:
            lost.append(asked)
            return True
        return False

    faults = Refusing(once, 500)

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(MINUTE)
        faults.in_force = True
        stage.world.edit(EXPERIMENT, TEAM, "x", {"metadata": {"finalizers": None}})
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.sleep(HOUR)
        assert lost
        assert not stage.there(ROLE_BINDING, namespace, names.TENANT_ROLE_BINDING)

    play(scene, faults=faults, sweeps=False)


@pytest.mark.parametrize("how", ["unreadable", "differs"])
def test_isolation_of_what_cannot_be_read_is_repaired(how, monkeypatch) -> None:
    without_rules(monkeypatch)

    async def scene(stage: Stage) -> None:
        await stage.sleep(5)
        stage.declare(run=False) if how == "unreadable" else stage.declare()
        if how == "differs":
            ends_after(stage, 24 * HOUR)
        namespace = await stage.provisioned()
        await stage.sleep(MINUTE)
        if how == "unreadable":
            stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"purpose": {"description": ""}}})
        else:
            stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"run": {"command": ["other"]}}})
        await stage.sleep(5)
        stage.world.remove(NETWORK_POLICY, namespace, names.NETWORK_POLICY_DEFAULT_DENY)
        await stage.sleep(HOUR)
        for each in ("Ready", "NamespaceReady", "Isolated", "CredentialsFresh"):
            print(each, stage.condition(each))
        assert stage.there(
            NETWORK_POLICY, namespace, names.NETWORK_POLICY_DEFAULT_DENY
        ) or not stage.there(ROLE_BINDING, namespace, names.TENANT_ROLE_BINDING)

    play(scene)


def test_access_does_not_open_beside_a_foreign_policy_that_is_held() -> None:
    faults = Refusing(lambda asked: asked.kind == LIMIT_RANGE and asked.verb == "create")
    faults.in_force = True

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        await stage.until("ns", lambda: stage.status().get("namespaceUid"))
        namespace = stage.status()["namespace"]
        body = {
            "metadata": {"name": "allow-all", "finalizers": ["example.com/held"]},
            "spec": {"podSelector": {}, "ingress": [{}], "policyTypes": ["Ingress"]},
        }
        stage.world.server.create(
            Asked(ADMINISTRATOR, "create", NETWORK_POLICY, namespace, "allow-all"), body
        )
        await stage.sleep(MINUTE)
        faults.in_force = False
        await stage.sleep(10 * MINUTE)
        assert stage.there(NETWORK_POLICY, namespace, "allow-all")
        assert not stage.there(ROLE_BINDING, namespace, names.TENANT_ROLE_BINDING)

    play(scene, faults=faults)


def test_a_list_shows_what_a_wrong_404_hid() -> None:
    lost = []

    def once(asked):
        if asked.kind == NETWORK_POLICY and asked.verb == "delete" and len(lost) < 1:
            lost.append(asked)
            return True
        return False

    faults = Refusing(once, 404)

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(MINUTE)
        faults.in_force = True
        body = {
            "metadata": {"name": "allow-all"},
            "spec": {"podSelector": {}, "ingress": [{}], "policyTypes": ["Ingress"]},
        }
        stage.world.server.create(
            Asked(ADMINISTRATOR, "create", NETWORK_POLICY, namespace, "allow-all"), body
        )
        await stage.sleep(5 * HOUR)
        print(stage.condition("NamespaceReady"))
        assert not stage.there(NETWORK_POLICY, namespace, "allow-all")

    play(scene, faults=faults)
