"""An experiment's namespace and what stands in it, written out by hand.

The guards are tried without the operator.
"""

from __future__ import annotations

from typing import Any

IMAGE = "registry.example/trainer@sha256:" + "a" * 64
OTHER_DIGEST = "registry.example/trainer@sha256:" + "b" * 64
TEAM = "flights"
NAMESPACE = "gbx-flights-delay-abcdefghij"
FROZEN_NAMESPACE = "gbx-flights-frozen-abcdefghij"
SEALED_NAMESPACE = "gbx-flights-sealed-abcdefghij"
BARE_NAMESPACE = "gbx-flights-bare-abcdefghij"
# Of an Experiment with a run.
ALONE_NAMESPACE = "gbx-flights-alone-abcdefghij"
# What the chart gives to tasks beside their own variables, with these very values.
TASK_ENV = [
    {"name": "HTTPS_PROXY", "value": "http://proxy:3128"},
    {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "proxy", "key": "token"}}},
    {"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "proxy", "key": "mode"}}},
    {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
]
# Where the chart has traces sent to.
TRACES = "http://collector.monitoring:4318/v1/traces"
PLAIN_NAMESPACE = "plain"

Json = dict[str, Any]

WEAK_RUNTIME: Json = {
    "apiVersion": "node.k8s.io/v1",
    "kind": "RuntimeClass",
    "metadata": {"name": "weak"},
    "handler": "weak",
}


def namespace(name: str, *, uid: str | None = "0b6d4f3e-0001", state: str = "Open") -> Json:
    """Return an experiment's Namespace; without a UID it is one of anybody."""
    labels = {
        "app.kubernetes.io/managed-by": "glovebox",
        "pod-security.kubernetes.io/enforce": "restricted",
    }
    if uid is not None:
        labels |= {
            "glovebox.dev/experiment-uid": uid,
            "glovebox.dev/experiment": "delay",
            "glovebox.dev/team": TEAM,
            "glovebox.dev/state": state,
        }
    annotations = {} if uid is None else {"glovebox.dev/experiment": f"{TEAM}/delay"}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": labels, "annotations": annotations},
    }


def _object(api_version: str, kind: str, name: str, space: str, **fields: Any) -> Json:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": space},
        **fields,
    }


def network_policy(space: str, name: str = "glovebox-default-deny") -> Json:
    return _object(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        name,
        space,
        spec={"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    )


def allow_all(space: str) -> Json:
    return _object(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        "allow-all",
        space,
        spec={"podSelector": {}, "egress": [{}], "policyTypes": ["Egress"]},
    )


def quota(space: str, name: str = "glovebox-quota") -> Json:
    return _object(
        "v1", "ResourceQuota", name, space, spec={"hard": {"pods": "20", "count/jobs.batch": "20"}}
    )


def limit_range(space: str, name: str = "glovebox-limits") -> Json:
    limits = [{"type": "Container", "default": {"cpu": "100m"}, "defaultRequest": {"cpu": "100m"}}]
    return _object("v1", "LimitRange", name, space, spec={"limits": limits})


def snapshot(space: str, images: str = f"{IMAGE}\n") -> Json:
    return _object(
        "v1",
        "ConfigMap",
        "glovebox-snapshot",
        space,
        immutable=True,
        data={"images": images, "digest": "sha256:" + "c" * 64},
    )


def credentials(
    space: str, name: str = "glovebox-artifacts-credentials", kind: str = "Opaque"
) -> Json:
    return _object("v1", "Secret", name, space, type=kind, stringData={"accessKeyId": "x"})


def service_account(space: str, name: str = "glovebox-runner") -> Json:
    return _object("v1", "ServiceAccount", name, space, automountServiceAccountToken=False)


def role_binding(space: str, name: str, role: str, subject: str, kind: str = "User") -> Json:
    group = "rbac.authorization.k8s.io"
    return _object(
        f"{group}/v1",
        "RoleBinding",
        name,
        space,
        roleRef={"apiGroup": group, "kind": "ClusterRole", "name": role},
        subjects=[{"apiGroup": group, "kind": kind, "name": subject}],
    )


def role(space: str, name: str = "own-role") -> Json:
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    return _object("rbac.authorization.k8s.io/v1", "Role", name, space, rules=rules)


def walls(space: str) -> list[Json]:
    """Return everything an experiment's namespace holds, in the order in which it is created."""
    policies = ("default-deny", "allow-dns", "allow-store", "allow-own-pods", "allow-routes")
    return [
        *(network_policy(space, f"glovebox-{name}") for name in policies),
        quota(space),
        limit_range(space),
        snapshot(space),
        credentials(space),
        service_account(space),
        role_binding(
            space, "glovebox-tenant", "glovebox-tenant", f"glovebox:team:{TEAM}", kind="Group"
        ),
    ]


def together(*things: Json) -> Json:
    """Return several objects as one that kubectl takes apart again."""
    return {"apiVersion": "v1", "kind": "List", "items": list(things)}


def container(image: str = IMAGE, name: str = "main") -> Json:
    return {
        "name": name,
        "image": image,
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }


def pod_spec(**changes: Any) -> Json:
    """Return a pod's spec that all guards and Pod Security accept, with fields changed."""
    return {
        "serviceAccountName": "glovebox-runner",
        "restartPolicy": "Never",
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container()],
        **changes,
    }


def pod(space: str, name: str = "train", **changes: Any) -> Json:
    return _object("v1", "Pod", name, space, spec=pod_spec(**changes))


def deployment(space: str, name: str = "serve", **changes: Any) -> Json:
    labels = {"app": name}
    template = {
        "metadata": {"labels": labels},
        "spec": pod_spec(**{"restartPolicy": "Always", **changes}),
    }
    return _object(
        "apps/v1",
        "Deployment",
        name,
        space,
        spec={"selector": {"matchLabels": labels}, "template": template},
    )


def job(space: str, name: str = "train", **changes: Any) -> Json:
    return _object(
        "batch/v1",
        "Job",
        name,
        space,
        spec={"backoffLimit": 0, "template": {"spec": pod_spec(**changes)}},
    )
