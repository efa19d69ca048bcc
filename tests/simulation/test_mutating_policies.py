"""What the cluster itself adds to objects is no drift, also for an operator that has just started.

A mutating policy adds a label to all that is written, or to what is created. The process that wrote
has seen it in the answer; the next one has to find out without writing.
"""

from __future__ import annotations

from typing import Any

import pytest

from glovebox import names
from glovebox.kube.kinds import (
    CONFIG_MAP,
    EVENT,
    LIMIT_RANGE,
    NAMESPACE,
    NETWORK_POLICY,
    RESOURCE_QUOTA,
    ROLE_BINDING,
    SERVICE_ACCOUNT,
    Kind,
)
from simulation.api_kinds import Served
from simulation.api_server import ApiServer, Asked
from simulation.stage import Stage, play
from simulation.test_ends import MINUTE

Json = dict[str, Any]
KEPT = (
    CONFIG_MAP,
    LIMIT_RANGE,
    NAMESPACE,
    NETWORK_POLICY,
    RESOURCE_QUOTA,
    ROLE_BINDING,
    SERVICE_ACCOUNT,
)
CHOICE = ("NetworkPolicy", "ResourceQuota", "LimitRange", "RoleBinding", "ServiceAccount")


def profile_of(policy: str) -> Json:
    return {"drift": [{"kind": kind, "policy": policy} for kind in CHOICE]}


def labelled(kind: Kind, obj: Json) -> Json:
    if kind not in KEPT:
        return obj
    metadata = obj.get("metadata") or {}
    labels = {**(metadata.get("labels") or {}), "cost-centre": "42"}
    return {**obj, "metadata": {**metadata, "labels": labels}}


def add_on_every_write(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = ApiServer._prepared

    def adding(server: ApiServer, served: Served, new: Json) -> Json:
        return labelled(served.kind, prepared(server, served, new))

    monkeypatch.setattr(ApiServer, "_prepared", adding)


def add_on_creation(monkeypatch: pytest.MonkeyPatch) -> None:
    create = ApiServer.create

    def adding(server: ApiServer, asked: Asked, obj: Json, *, dry_run: bool = False) -> Json:
        return create(server, asked, labelled(asked.kind, obj), dry_run=dry_run)

    monkeypatch.setattr(ApiServer, "create", adding)


async def restarted(stage: Stage) -> None:
    await stage.process.kill()
    stage.process.start()
    await stage.sleep(10 * MINUTE)


def drift_events(stage: Stage) -> list[str]:
    reasons = [str(each["reason"]) for each in stage.world.server.everything(EVENT)]
    return [each for each in reasons if "Drift" in each or "Fight" in each]


@pytest.mark.parametrize("policy", ["Repair", "Alert", "Ignore"])
@pytest.mark.parametrize("adds", [add_on_every_write, add_on_creation])
def test_what_the_cluster_adds_is_no_drift_after_a_restart(
    adds: Any, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    adds(monkeypatch)

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(MINUTE)
        written: list[str] = []
        stage.world.server.on_change.append(
            lambda change: (
                written.append(change.served.kind.kind) if change.served.kind in KEPT else None
            )
        )
        await restarted(stage)
        for condition in ("NamespaceReady", "QuotaApplied", "Ready"):
            assert stage.condition(condition)["status"] == "True", condition
        assert stage.condition("DriftDetected")["status"] == "False"
        assert drift_events(stage) == []
        assert written == []
        live = stage.world.server.peek(NETWORK_POLICY, namespace, names.NETWORK_POLICY_DEFAULT_DENY)
        assert live is not None
        assert live["metadata"]["labels"]["cost-centre"] == "42"

    play(scene, profile=profile_of(policy), drift=policy)


@pytest.mark.parametrize(
    ("policy", "answer"), [("Repair", "True"), ("Alert", "False"), ("Ignore", "Unknown")]
)
def test_what_somebody_changed_beside_it_while_no_operator_ran_is_drift(
    policy: str, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_on_every_write(monkeypatch)

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(MINUTE)
        await stage.process.kill()
        where = (NETWORK_POLICY, namespace, names.NETWORK_POLICY_DEFAULT_DENY)
        stage.world.edit(*where, {"spec": {"policyTypes": ["Ingress"]}})
        stage.process.start()
        await stage.sleep(10 * MINUTE)
        assert stage.condition("NamespaceReady")["status"] == answer
        live = stage.world.server.peek(*where)
        assert live is not None
        assert (live["spec"]["policyTypes"] != ["Ingress"]) is (policy == "Repair")

    play(scene, profile=profile_of(policy), drift=policy)
