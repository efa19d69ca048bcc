"""One object made as intended: created, repaired, recreated if it must be, never fought over."""

from __future__ import annotations

import time
from typing import Any

import pytest

from cluster.engine.conftest import Login
from glovebox.apply.applier import Applier
from glovebox.apply.children import Children
from glovebox.desired.drift import Drift
from glovebox.errors import Conflict
from glovebox.kube.client import Client
from glovebox.kube.kinds import NETWORK_POLICY, RESOURCE_QUOTA
from glovebox.kube.objects import ObjectKey
from support.api import Api
from support.cluster import Cluster
from support.waiting import eventually


def quota(namespace: str, **hard: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {
            "name": "glovebox-quota",
            "namespace": namespace,
            "labels": {"app.kubernetes.io/managed-by": "glovebox"},
        },
        "spec": {"hard": {"pods": "3", **hard}},
    }


def snapshot(namespace: str, text: str) -> dict[str, Any]:
    metadata = {"name": "glovebox-snapshot", "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "immutable": True,
        "data": {"text": text},
    }


def path(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/resourcequotas/glovebox-quota"


def counted(api: Api, namespace: str) -> dict[str, Any]:
    """Return the quota after the quota controller's own first write to it: its count."""
    eventually(
        lambda: "used" in api.get(path(namespace)).get("status", {}), what="the quota is counted"
    )
    return api.get(path(namespace))


async def test_a_right_object_is_not_even_asked_about(
    login: Login, children: Children, namespace: str
) -> None:
    asked: list[str] = []
    async with Client(login, lambda verb, *_: asked.append(verb)) as client:
        applier = Applier(client, children, time.monotonic)
        assert (await applier.ensure(quota(namespace), established=False)).result == "created"
        assert asked, "requests are counted"
        asked.clear()
        assert (await applier.ensure(quota(namespace), established=True)).result == "unchanged"
    assert asked == []


async def test_a_changed_intent_is_an_update_and_no_drift(
    applier: Applier, namespace: str, api: Api
) -> None:
    await applier.ensure(quota(namespace), established=False)
    applied = await applier.ensure(quota(namespace, services="2"), established=True)
    assert (applied.result, applied.drift) == ("updated", None)
    assert api.get(path(namespace))["spec"]["hard"] == {"pods": "3", "services": "2"}


async def test_a_field_taken_out_of_the_intent_goes_although_the_object_was_made_by_post(
    applier: Applier, namespace: str, api: Api
) -> None:
    await applier.ensure(quota(namespace, services="2"), established=False)
    await applier.ensure(quota(namespace), established=True)
    assert api.get(path(namespace))["spec"]["hard"] == {"pods": "3"}


async def test_what_an_earlier_process_made_is_taken_over_without_a_write(
    client: Client, applier: Applier, namespace: str, api: Api
) -> None:
    await applier.ensure(quota(namespace), established=False)
    before = counted(api, namespace)["metadata"]["resourceVersion"]
    fresh = Applier(client, Children(lambda _: None, time.monotonic), time.monotonic)
    assert (await fresh.ensure(quota(namespace), established=True)).result == "unchanged"
    assert (await fresh.ensure(quota(namespace), established=False)).result == "unchanged"
    assert api.get(path(namespace))["metadata"]["resourceVersion"] == before


def policy(namespace: str) -> dict[str, Any]:
    """Return a policy as no intent is: what the API server fills in is left out."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "glovebox-some", "namespace": namespace},
        "spec": {"podSelector": {}},
    }


@pytest.mark.parametrize(
    ("choice", "result"), [("Repair", "repaired"), ("Alert", "alerted"), ("Ignore", "ignored")]
)
async def test_what_the_api_server_fills_in_is_no_drift_for_a_process_that_has_just_started(
    client: Client, applier: Applier, namespace: str, api: Api, choice: str, result: str
) -> None:
    where = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies/glovebox-some"
    intent = policy(namespace)
    await applier.ensure(intent, established=False)
    before = api.get(where)
    assert before["spec"]["policyTypes"] == ["Ingress"]

    def started() -> Applier:
        children = Children(lambda _: None, time.monotonic)
        children.table(NETWORK_POLICY).seen(api.get(where))
        return Applier(client, children, time.monotonic)

    applied = await started().ensure(intent, established=True, policy=choice)
    assert (applied.result, applied.drift) == ("unchanged", None)
    assert api.get(where) == before
    api.patch(where, {"metadata": {"labels": {"some": "label"}}}, fieldManager="rival")
    applied = await started().ensure(intent, established=True, policy=choice)
    assert applied.result == result


async def test_an_immutable_object_is_recreated_by_its_uid(
    applier: Applier, namespace: str, api: Api
) -> None:
    await applier.ensure(snapshot(namespace, "one"), established=False)
    where = f"/api/v1/namespaces/{namespace}/configmaps/glovebox-snapshot"
    before = api.get(where)["metadata"]["uid"]
    assert (await applier.ensure(snapshot(namespace, "two"), established=True)).result == "updated"
    after = api.get(where)
    assert after["data"] == {"text": "two"}
    assert after["metadata"]["uid"] != before


async def test_a_rival_is_named_and_what_isolates_waits_no_longer_than_a_second(
    client: Client, children: Children, namespace: str, api: Api
) -> None:
    now = 1000.0
    applier = Applier(client, children, lambda: now)
    await applier.ensure(quota(namespace), established=False)
    outcomes = []
    for _ in range(8):
        live = api.patch(path(namespace), {"spec": {"hard": {"pods": "99"}}}, fieldManager="rival")
        children.table(RESOURCE_QUOTA).seen(live)
        applied = await applier.ensure(quota(namespace), established=True)
        outcomes.append(applied.result)
        assert applied.drift is not None
        assert applied.drift.field == "spec.hard.pods"
        assert applied.drift.manager.startswith("rival")
    assert outcomes == ["repaired"] * 5 + ["contended"] * 3
    assert applied.retry_seconds is not None
    assert 0 < applied.retry_seconds <= 1
    now += applied.retry_seconds
    assert (await applier.ensure(quota(namespace), established=True)).result == "repaired"


async def test_alert_changes_nothing(
    applier: Applier, children: Children, namespace: str, api: Api
) -> None:
    await applier.ensure(quota(namespace), established=False)
    live = api.patch(path(namespace), {"spec": {"hard": {"pods": "99"}}}, fieldManager="rival")
    children.table(RESOURCE_QUOTA).seen(live)
    applied = await applier.ensure(quota(namespace), established=True, policy="Alert")
    assert applied.result == "alerted"
    assert api.get(path(namespace))["spec"]["hard"]["pods"] == "99"


async def test_removing_spares_an_object_that_took_the_place_of_the_one_that_was_seen(
    applier: Applier, namespace: str, api: Api
) -> None:
    await applier.ensure(quota(namespace), established=False)
    api.delete(path(namespace))
    eventually(lambda: api.find(path(namespace)) is None or None, what="it is gone")
    api.create(f"/api/v1/namespaces/{namespace}/resourcequotas", quota(namespace))
    with pytest.raises(Conflict):  # whether that one is to go, the next look says
        await applier.remove(
            RESOURCE_QUOTA, ObjectKey("ResourceQuota", namespace, "glovebox-quota")
        )
    assert api.find(path(namespace)) is not None


async def test_a_foreign_object_that_comes_back_again_and_again_is_removed_at_a_bounded_rate(
    client: Client, children: Children, namespace: str, api: Api
) -> None:
    now = 1000.0
    applier = Applier(client, children, lambda: now)
    key = ObjectKey("ResourceQuota", namespace, "glovebox-quota")
    results = []
    for _ in range(8):
        if api.find(path(namespace)) is None:
            made = api.create(f"/api/v1/namespaces/{namespace}/resourcequotas", quota(namespace))
            children.table(RESOURCE_QUOTA).seen(made)
        applied = await applier.remove(RESOURCE_QUOTA, key, drift=Drift(key, "unexpected"))
        results.append(applied.result)
    assert results == ["removed"] * 5 + ["contended"] * 3
    assert applied.retry_seconds is not None
    now += applied.retry_seconds
    applied = await applier.remove(RESOURCE_QUOTA, key, drift=Drift(key, "unexpected"))
    assert applied.result == "removed"


@pytest.fixture
def mutating_policy(cluster: Cluster, namespace: str) -> None:
    """A policy of the platform that adds a key to every quota in this namespace, at each write."""
    root = "/apis/admissionregistration.k8s.io/v1"
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "resources": ["resourcequotas"],
        "operations": ["CREATE", "UPDATE"],
    }
    expression = "Object{metadata: Object.metadata{labels: {'platform': 'was-here'}}}"
    cluster.api.create(
        f"{root}/mutatingadmissionpolicies",
        {
            "metadata": {"name": namespace},
            "spec": {
                "failurePolicy": "Fail",
                "reinvocationPolicy": "Never",
                "matchConstraints": {"namespaceSelector": selector, "resourceRules": [rule]},
                "mutations": [
                    {
                        "patchType": "ApplyConfiguration",
                        "applyConfiguration": {"expression": expression},
                    }
                ],
            },
        },
    )
    cluster.api.create(
        f"{root}/mutatingadmissionpolicybindings",
        {"metadata": {"name": namespace}, "spec": {"policyName": namespace}},
    )

    def active() -> bool | None:
        answer = cluster.api.create(
            f"/api/v1/namespaces/{namespace}/resourcequotas", quota(namespace), dryRun="All"
        )
        return answer["metadata"]["labels"].get("platform") == "was-here" or None

    eventually(active, what="the policy is active", timeout=20)


@pytest.mark.usefixtures("mutating_policy")
async def test_what_the_platform_adds_to_every_write_is_accepted_and_never_fought(
    applier: Applier, children: Children, namespace: str, api: Api
) -> None:
    assert (await applier.ensure(quota(namespace), established=False)).result == "created"
    live = counted(api, namespace)
    assert live["metadata"]["labels"]["platform"] == "was-here"
    children.table(RESOURCE_QUOTA).seen(live)
    assert (await applier.ensure(quota(namespace), established=True)).result == "unchanged"
    assert (
        api.get(path(namespace))["metadata"]["resourceVersion"]
        == live["metadata"]["resourceVersion"]
    )


async def test_a_namespace_on_its_way_out_is_waited_for(
    applier: Applier, namespace: str, api: Api
) -> None:
    api.create(
        f"/api/v1/namespaces/{namespace}/configmaps",
        {"metadata": {"name": "held", "finalizers": ["example.com/hold"]}},
    )
    api.delete(f"/api/v1/namespaces/{namespace}")
    with pytest.raises(Exception, match="is being deleted") as waiting:
        await applier.ensure(quota(namespace), established=False)
    assert type(waiting.value).__name__ == "NotReady"
    api.patch(f"/api/v1/namespaces/{namespace}/configmaps/held", {"metadata": {"finalizers": None}})
