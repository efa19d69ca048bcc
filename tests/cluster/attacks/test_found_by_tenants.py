"""Found: what a tenant's pod may ask for, and should not. Each is expected to fail until cured."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.attacks.attempt import Json
from cluster.attacks.found import RUN, PromiseBroken, run_pod, stand_in_node
from cluster.attacks.identities import EXPERIMENTER, OTHER_TEAM, TEAM, TENANT
from cluster.attacks.stage import Stage
from cluster.guards import objects
from support.api import Api, ApiError, path_of
from support.operator_process import Team, experiment_spec, profile_spec
from support.waiting import eventually

_CLAIM: Json = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}


def admitted(api: Api, pod: Json, *, dry_run: bool = True) -> str:
    """Try to create a pod; return its path, or an empty text when it is refused."""
    path = path_of("v1", "pods", namespace=pod["metadata"]["namespace"])
    try:
        api.create(path, pod, **({"dryRun": "All"} if dry_run else {}))
    except ApiError as error:
        if error.code not in (403, 422):
            raise
        return ""
    return f"{path}/{pod['metadata']['name']}"


@pytest.mark.xfail(raises=PromiseBroken, strict=True, reason="affinity over all namespaces")
def test_a_pod_of_one_team_keeps_no_run_of_another_from_being_placed(stage: Stage) -> None:
    """One pod repels whatever the operator makes, in every namespace, on every node."""
    tenant = TENANT.of(stage.api)
    stand_in_node(stage.api, "found-node")
    repels = {
        "labelSelector": {"matchLabels": {"app.kubernetes.io/managed-by": "glovebox"}},
        "namespaceSelector": {},
        "topologyKey": "kubernetes.io/os",
    }
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [repels]}}
    warden = admitted(tenant, objects.pod(stage.own, "warden", affinity=affinity), dry_run=False)
    if not warden:
        return
    try:
        eventually(lambda: tenant.get(warden)["spec"].get("nodeName"), what="the warden's node")
        ships = Team(stage.cluster, OTHER_TEAM)
        ships.declare("Experiment", "repelled", experiment_spec("standard", "primary", run=RUN))
        made = ships.expect("Experiment", "repelled")
        namespace = made["status"]["namespace"]
        pods = path_of("v1", "pods", namespace=namespace)

        def placed_or_not() -> Any:
            pod = stage.api.get(f"{pods}/{run_pod(stage.api, namespace)['metadata']['name']}")
            conditions = pod["status"].get("conditions") or ()
            return pod["spec"].get("nodeName") or " ".join(c.get("message", "") for c in conditions)

        said = str(eventually(placed_or_not, what="what the scheduler says"))
        if "didn't satisfy existing pods anti-affinity rules" in said:
            raise PromiseBroken(said)
        assert said == "found-node", said
    finally:
        tenant.delete(warden, gracePeriodSeconds=1)
        stage.api.delete("/api/v1/nodes/found-node")


@pytest.mark.xfail(raises=PromiseBroken, strict=True, reason="the class by its older annotation")
def test_a_claim_of_a_pod_is_given_no_volume_that_somebody_made_by_hand(stage: Stage) -> None:
    """The guard refuses an empty `storageClassName`; the annotation that comes before it is not."""
    tenant = TENANT.of(stage.api)
    stage.api.create(
        "/apis/storage.k8s.io/v1/storageclasses",
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {
                "name": "found-default",
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": "example.com/none",
        },
    )
    stage.api.create(
        "/api/v1/persistentvolumes",
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": "data-of-ships"},
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "nfs": {"server": "192.0.2.9", "path": "/ships"},
            },
        },
    )
    empty = _ephemeral({"spec": _CLAIM | {"storageClassName": ""}})
    assert not admitted(tenant, objects.pod(stage.own, "by-field", volumes=empty))
    annotations = {"volume.beta.kubernetes.io/storage-class": ""}
    older = _ephemeral({"metadata": {"annotations": annotations}, "spec": _CLAIM})
    pod = admitted(tenant, objects.pod(stage.own, "by-note", volumes=older), dry_run=False)
    try:
        if not pod:
            return
        claim = path_of("v1", "persistentvolumeclaims", namespace=stage.own, name="by-note-v")
        eventually(lambda: stage.api.find(claim), what="the claim")
        volume = eventually(
            lambda: stage.api.get(claim)["spec"].get("volumeName"), what="the claim's volume"
        )
        raise PromiseBroken(f"the tenant's pod mounts {volume}")
    finally:
        if pod:
            tenant.delete(pod)
        stage.api.delete("/apis/storage.k8s.io/v1/storageclasses/found-default")
        stage.api.delete("/api/v1/persistentvolumes/data-of-ships")


@pytest.mark.parametrize(
    ("what", "resources", "volumes"),
    [
        ("accelerators", {"limits": {"nvidia.com/gpu": "8"}}, []),
        ("memory", {"requests": {"memory": "1Mi"}, "limits": {"memory": "64Ti"}}, []),
        ("storage", {}, [{"requests": {"storage": "500Ti"}}]),
    ],
)
@pytest.mark.xfail(raises=PromiseBroken, strict=True, reason="no quota counts what is not offered")
def test_a_pod_gets_nothing_that_the_profile_does_not_offer(
    stage: Stage, what: str, resources: Json, volumes: list[Json]
) -> None:
    """`spec.resources.quota` of an Experiment may not ask for it either."""
    claims = [
        spec for each in volumes for spec in _ephemeral({"spec": _CLAIM | {"resources": each}})
    ]
    container = objects.container() | {"resources": resources}
    pod = objects.pod(stage.own, "greedy", containers=[container], volumes=claims)
    if admitted(TENANT.of(stage.api), pod):
        raise PromiseBroken(f"{what} without a bound")


@pytest.mark.xfail(
    raises=PromiseBroken, strict=True, reason="annotations of pods are not looked at"
)
def test_a_pod_may_not_ask_a_network_plugin_for_another_network(stage: Stage) -> None:
    """Multus attaches an interface that no NetworkPolicy knows."""
    pod = objects.pod(stage.own, "two-homed")
    pod["metadata"]["annotations"] = {"k8s.v1.cni.cncf.io/networks": "kube-system/flat@eth1"}
    if admitted(TENANT.of(stage.api), pod):
        raise PromiseBroken("a second interface")


@pytest.mark.xfail(raises=PromiseBroken, strict=True, reason="only link-local addresses are known")
def test_no_route_reaches_a_metadata_service_whatever_a_profile_allows(stage: Stage) -> None:
    access = {"subjects": [{"kind": "Group", "name": "glovebox:team:$(team)"}]}
    routes = [{"name": "web", "cidr": "0.0.0.0/0", "ports": [{"port": 80}]}]
    spec = profile_spec(access=access, network={"routes": routes})
    Team(stage.cluster, "platform").declare("IsolationProfile", "wide", spec)
    egress = [
        {"name": cloud, "cidr": cidr, "ports": [{"port": 80}]}
        for cloud, cidr in {
            "alibaba": "100.100.100.200/32",
            "azure": "168.63.129.16/32",
            "oracle": "192.0.0.192/32",
        }.items()
    ]
    team = Team(stage.cluster, TEAM)
    body = {
        "apiVersion": "glovebox.dev/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": "cloud", "namespace": TEAM},
        "spec": experiment_spec("wide", "primary", network={"egress": egress}),
    }
    EXPERIMENTER.of(stage.api).create(team.path("Experiment"), body)

    def answer() -> str:
        ready = team.condition("Experiment", "cloud", "Ready")
        return str(ready.get("reason", "")) if ready.get("status") in ("True", "False") else ""

    def settled() -> str | None:
        reason = answer()
        return reason if reason in ("Provisioned", "RouteNotAllowed") else None

    if eventually(settled, what="the Experiment's answer") == "Provisioned":
        raise PromiseBroken("routes to three metadata services")


def _ephemeral(template: Json) -> list[Json]:
    return [{"name": "v", "ephemeral": {"volumeClaimTemplate": template}}]
