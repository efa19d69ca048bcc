"""Attacks on what is not one's own.

Walls, namespaces, other teams, identities, nodes, and the guards themselves.

The matrix of rights says who may not even try. These requests show that the answer is the same when
they are really made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cluster.attacks.attempt import (
    ESCALATION,
    RBAC,
    Attempt,
    Json,
    Request,
    change,
    creation,
    deletion,
    reading,
)
from cluster.attacks.identities import (
    ANONYMOUS,
    BREAK_GLASS,
    CLUSTER_ADMIN,
    EXPERIMENTER,
    NAMESPACE_ADMIN,
    OTHER_TENANT,
    RUNNER_ACCOUNT,
    TEAM,
    TENANT,
    account,
)
from cluster.guards import objects
from support.api import path_of

OWNED: Final = "guard glovebox-owned-objects"
NAMESPACES: Final = "guard glovebox-namespaces"
STATUS: Final = "guard glovebox-status"
_RBAC: Final = "rbac.authorization.k8s.io/v1"
_ADMISSION: Final = "admissionregistration.k8s.io/v1"
_GLOVEBOX: Final = "glovebox.dev/v1alpha1"


def attempts(own: str, other: str) -> Iterator[Attempt]:
    """Return all attacks; those on RBAC come with the same request by somebody who may."""
    yield from _on_walls(own)
    yield from _on_namespaces(own)
    yield from _on_others(own, other)
    yield from _on_identities(own)
    yield from _on_the_platform()
    yield from _by_the_teams_admin(own)


def _on_walls(own: str) -> Iterator[Attempt]:
    policies = path_of("networking.k8s.io/v1", "networkpolicies", namespace=own)
    deny = f"{policies}/glovebox-default-deny"
    opened = creation(objects.allow_all(own))
    yield Attempt(
        "T06",
        "a policy that opens all routes",
        TENANT,
        opened,
        RBAC,
        "networkpolicies",
        twin_by=BREAK_GLASS,
    )
    yield Attempt(
        "T06",
        "a policy that opens all routes, by a cluster admin",
        CLUSTER_ADMIN,
        opened,
        OWNED,
        twin_by=BREAK_GLASS,
    )
    yield Attempt(
        "T06",
        "taking down the deny",
        TENANT,
        deletion(deny),
        RBAC,
        "networkpolicies",
        twin_by=BREAK_GLASS,
    )
    yield Attempt(
        "T06",
        "taking down all policies at once",
        CLUSTER_ADMIN,
        deletion(policies),
        OWNED,
        twin_by=BREAK_GLASS,
    )
    quota = path_of("v1", "resourcequotas", namespace=own, name="glovebox-quota")
    more = change(quota, {"spec": {"hard": {"pods": "999"}}})
    yield Attempt(
        "T27", "raising the quota", TENANT, more, RBAC, "resourcequotas", twin_by=BREAK_GLASS
    )
    things: dict[str, Json] = {
        "Service": {"spec": {"ports": [{"port": 80}]}},
        "Endpoints": {"subsets": [{"addresses": [{"ip": "203.0.113.9"}], "ports": [{"port": 80}]}]},
        "PersistentVolumeClaim": {
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
            }
        },
    }
    for kind, thing in things.items():
        # The quota of the experiment leaves no storage for claims, whoever makes them.
        where = TEAM if kind == "PersistentVolumeClaim" else own
        made, twin = (
            creation(
                {
                    "apiVersion": "v1",
                    "kind": kind,
                    "metadata": {"name": "door", "namespace": namespace},
                    **thing,
                }
            )
            for namespace in (own, where)
        )
        threat = "T18" if kind == "PersistentVolumeClaim" else "T20"
        yield Attempt(
            threat,
            f"a {kind} of one's own",
            TENANT,
            made,
            RBAC,
            kind.lower().rstrip("s"),
            twin=twin,
            twin_by=CLUSTER_ADMIN,
        )
    for kind, counted in {
        "NodePort": "services.nodeports=1",
        "LoadBalancer": "services.loadbalancers=1",
    }.items():
        door, inner = (_service(own, type_) for type_ in (kind, "ClusterIP"))
        yield Attempt(
            "T20",
            f"a Service of type {kind}",
            CLUSTER_ADMIN,
            door,
            "quota glovebox-quota",
            counted,
            inner,
        )
    deployment = creation(objects.deployment(own))
    yield Attempt(
        "T27",
        "a Deployment, which no quota counts",
        TENANT,
        deployment,
        RBAC,
        "deployments",
        twin_by=CLUSTER_ADMIN,
    )


def _service(namespace: str, type_: str) -> Request:
    spec = {"type": type_, "ports": [{"port": 80}]}
    return creation(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "door", "namespace": namespace},
            "spec": spec,
        }
    )


def _on_namespaces(own: str) -> Iterator[Attempt]:
    path = f"/api/v1/namespaces/{own}"
    unmark = {"metadata": {"labels": {"glovebox.dev/experiment-uid": None}}}
    weaken = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}
    for actor in (TENANT, account(own)):
        for ending in ("", "/status"):
            name = f"taking the mark off the namespace{ending} by {actor.user.rpartition(':')[2]}"
            yield Attempt(
                "T04",
                name,
                actor,
                change(path + ending, unmark),
                RBAC,
                "namespaces",
                twin_by=BREAK_GLASS,
            )
    yield Attempt(
        "T04",
        "a weaker Pod Security level",
        CLUSTER_ADMIN,
        change(path, weaken),
        NAMESPACES,
        twin_by=BREAK_GLASS,
    )
    lookalike = creation(
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": "lookalike", "labels": {"glovebox.dev/team": TEAM}},
        }
    )
    yield Attempt(
        "T05", "a look-alike namespace", TENANT, lookalike, RBAC, "namespaces", twin_by=BREAK_GLASS
    )
    yield Attempt(
        "T05",
        "a look-alike namespace, by a cluster admin",
        CLUSTER_ADMIN,
        lookalike,
        NAMESPACES,
        twin_by=BREAK_GLASS,
    )
    yield Attempt(
        "T04",
        "deleting the namespace",
        TENANT,
        deletion(path),
        RBAC,
        "namespaces",
        twin_by=BREAK_GLASS,
    )


def _on_others(own: str, other: str) -> Iterator[Attempt]:
    snapshot = path_of("v1", "configmaps", namespace=own, name="glovebox-snapshot")
    credentials = path_of("v1", "secrets", namespace=own, name="glovebox-artifacts-credentials")
    pods = reading(path_of("v1", "pods", namespace=own))
    experiment = path_of(_GLOVEBOX, "experiments", namespace=TEAM, name="delay")
    yield Attempt(
        "T32",
        "reading another team's snapshot",
        OTHER_TENANT,
        reading(snapshot),
        RBAC,
        twin_by=TENANT,
    )
    yield Attempt("T32", "looking at another team's pods", OTHER_TENANT, pods, RBAC, twin_by=TENANT)
    yield Attempt(
        "T32",
        "starting a pod at another team's",
        OTHER_TENANT,
        creation(objects.pod(own)),
        RBAC,
        twin_by=TENANT,
    )
    yield Attempt(
        "T32",
        "reading another team's Experiment",
        OTHER_TENANT,
        reading(experiment),
        RBAC,
        twin_by=EXPERIMENTER,
    )
    yield Attempt(
        "T32", "the runner of another experiment", account(other), pods, RBAC, twin_by=TENANT
    )
    for actor in (TENANT, account(own), ANONYMOUS, NAMESPACE_ADMIN):
        name = f"reading the artifacts' credentials by {actor.user.rpartition(':')[2]}"
        yield Attempt(
            "T02", name, actor, reading(credentials), RBAC, "secrets", twin_by=CLUSTER_ADMIN
        )
    yield Attempt(
        "T32",
        "looking at all pods of the cluster",
        TENANT,
        reading("/api/v1/pods"),
        RBAC,
        twin_by=CLUSTER_ADMIN,
    )
    secrets = reading(path_of("v1", "secrets", namespace="glovebox-system"))
    yield Attempt(
        "T02",
        "the operator's own Secrets",
        NAMESPACE_ADMIN,
        secrets,
        RBAC,
        "secrets",
        twin_by=CLUSTER_ADMIN,
    )


def _on_identities(own: str) -> Iterator[Attempt]:
    runner = path_of("v1", "serviceaccounts", namespace=own, name=RUNNER_ACCOUNT)
    token = Request(
        "POST",
        f"{runner}/token",
        {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}},
    )
    default = Request(
        "POST",
        path_of("v1", "serviceaccounts", namespace=TEAM, name="default") + "/token",
        token.body,
    )
    yield Attempt(
        "T11",
        "a token of the runner",
        TENANT,
        token,
        RBAC,
        "serviceaccounts/token",
        twin_by=BREAK_GLASS,
    )
    yield Attempt(
        "T11",
        "a token of the runner, by a cluster admin",
        CLUSTER_ADMIN,
        token,
        "guard glovebox-tokens",
        twin=default,
    )
    role = creation(objects.role(own))
    yield Attempt("T12", "a role of one's own", TENANT, role, RBAC, "roles", twin_by=BREAK_GLASS)
    friend = creation(objects.role_binding(own, "friends", "glovebox-tenant", "eve"))
    yield Attempt(
        "T12", "letting a friend in", TENANT, friend, RBAC, "rolebindings", twin_by=BREAK_GLASS
    )
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "e", "namespace": TEAM},
        "involvedObject": {"kind": "Experiment", "name": "delay", "namespace": TEAM},
        "reason": "Ready",
        "type": "Normal",
    }
    yield Attempt(
        "T14",
        "an event in another's name",
        TENANT,
        creation(event),
        RBAC,
        "events",
        twin_by=CLUSTER_ADMIN,
    )


def _on_the_platform() -> Iterator[Attempt]:
    policy = f"/apis/{_ADMISSION}/validatingadmissionpolicies/glovebox-pods"
    binding = f"/apis/{_ADMISSION}/validatingadmissionpolicybindings/glovebox-pods"
    profile = path_of(_GLOVEBOX, "isolationprofiles", name="standard")
    for actor in (TENANT, NAMESPACE_ADMIN, EXPERIMENTER):
        who = actor.user
        yield Attempt(
            "T12",
            f"taking down a guard by {who}",
            actor,
            deletion(policy),
            RBAC,
            twin_by=CLUSTER_ADMIN,
        )
        yield Attempt(
            "T12",
            f"unbinding a guard by {who}",
            actor,
            deletion(binding),
            RBAC,
            twin_by=CLUSTER_ADMIN,
        )
        more = change(profile, {"spec": {"description": "mine"}})
        yield Attempt(
            "T12",
            f"changing the profile by {who}",
            actor,
            more,
            RBAC,
            "isolationprofiles",
            twin_by=CLUSTER_ADMIN,
        )
        tenants = change(
            f"/apis/{_RBAC}/clusterroles/glovebox-tenant", {"metadata": {"labels": {"a": "b"}}}
        )
        yield Attempt(
            "T12",
            f"changing the tenants' role by {who}",
            actor,
            tenants,
            RBAC,
            "clusterroles",
            twin_by=CLUSTER_ADMIN,
        )
    volume: Json = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "root"},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/"},
        },
    }
    yield Attempt(
        "T18",
        "a volume of the host",
        NAMESPACE_ADMIN,
        creation(volume),
        RBAC,
        "persistentvolumes",
        twin_by=CLUSTER_ADMIN,
    )


def _by_the_teams_admin(own: str) -> Iterator[Attempt]:
    """The admin of the team's namespace.

    Everything there is theirs, but neither the experiment nor what it is made of.
    """
    status = path_of(_GLOVEBOX, "experiments", namespace=TEAM, name="delay") + "/status"
    forged = change(status, {"status": {"observedGeneration": 99}})
    for actor in (NAMESPACE_ADMIN, EXPERIMENTER):
        yield Attempt(
            "T14",
            f"forging the status by {actor.user}",
            actor,
            forged,
            RBAC,
            "experiments/status",
            twin_by=BREAK_GLASS,
        )
    yield Attempt(
        "T14",
        "forging the status by a cluster admin",
        CLUSTER_ADMIN,
        forged,
        STATUS,
        twin_by=BREAK_GLASS,
    )
    yield Attempt(
        "T32",
        "entering the experiment's namespace",
        NAMESPACE_ADMIN,
        reading(path_of("v1", "pods", namespace=own)),
        RBAC,
        twin_by=TENANT,
    )
    experiment = status.removesuffix("/status")
    freed, noted = (
        change(experiment, {"metadata": {"finalizers": []}}),
        change(experiment, {"metadata": {"labels": {"a": "b"}}}),
    )
    for actor in (EXPERIMENTER, CLUSTER_ADMIN):
        name = f"an Experiment that ends without its operator by {actor.user or 'a cluster admin'}"
        yield Attempt(
            "T14",
            name,
            actor,
            freed,
            "guard glovebox-finalizers",
            "keep `metadata.finalizers`",
            noted,
        )
    twin = creation(objects.role_binding(TEAM, "b", "view", "eve"))
    for role in ("glovebox-experimenter", "glovebox-operator", "cluster-admin"):
        itself = creation(objects.role_binding(TEAM, "b", role, NAMESPACE_ADMIN.user))
        yield Attempt(
            "T12", f"binding {role} to oneself", NAMESPACE_ADMIN, itself, ESCALATION, "", twin
        )
    for label in ("glovebox.dev/experiment-uid", "pod-security.kubernetes.io/enforce"):
        relabel = change(
            f"/api/v1/namespaces/{TEAM}", {"metadata": {"labels": {label: "privileged"}}}
        )
        name = f"putting {label} on the team's namespace"
        yield Attempt(
            "T04", name, NAMESPACE_ADMIN, relabel, RBAC, "namespaces", twin_by=BREAK_GLASS
        )
