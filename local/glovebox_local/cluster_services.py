"""What every cluster with nodes holds from the start.

Its nodes, the rights of their programs, and names by DNS.
"""

from __future__ import annotations

from typing import Any

import yaml

from glovebox_local.gateway import pod_cidr
from glovebox_local.node_config import DNS_IP

_DNS_LABELS = {"k8s-app": "kube-dns"}
_RBAC = "rbac.authorization.k8s.io"
_COREFILE = """.:53 {
    errors
    health
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        ttl 5
    }
    cache 5
}
"""


def render_services(nodes: int, dns_image: str) -> str:
    """Return the manifests, for `kubectl apply`."""
    documents = [
        *(_node(number) for number in range(1, nodes + 1)),
        *_agent_rights(),
        *_dns_rights(),
        *_dns(dns_image),
    ]
    return yaml.safe_dump_all(documents, sort_keys=False)


def _node(number: int) -> dict[str, Any]:
    # Made by us and not by its kubelet, so that its pods' range follows from its number: the
    # gateway's routes do too.
    name = f"n{number}"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "spec": {"podCIDR": pod_cidr(number), "podCIDRs": [pod_cidr(number)]},
    }


def _agent_rights() -> list[dict[str, Any]]:
    look = ["get", "list", "watch"]
    rules = [
        {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": look},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": look},
        {
            "apiGroups": [""],
            "resources": ["namespaces", "services", "pods", "endpoints", "nodes"],
            "verbs": look,
        },
        {"apiGroups": [""], "resources": ["nodes", "nodes/status"], "verbs": ["patch"]},
        {
            "apiGroups": ["apiextensions.k8s.io"],
            "resources": ["customresourcedefinitions"],
            "verbs": look,
        },
        {"apiGroups": ["cilium.io"], "resources": ["*"], "verbs": ["*"]},
    ]
    return _bound_role(
        "glovebox-local:cilium", rules, {"apiGroup": _RBAC, "kind": "User", "name": "cilium"}
    )


def _dns_rights() -> list[dict[str, Any]]:
    rules = [
        {
            "apiGroups": [""],
            "resources": ["services", "endpoints", "pods", "namespaces"],
            "verbs": ["list", "watch"],
        },
        {
            "apiGroups": ["discovery.k8s.io"],
            "resources": ["endpointslices"],
            "verbs": ["list", "watch"],
        },
    ]
    return _bound_role(
        "glovebox-local:coredns",
        rules,
        {"kind": "ServiceAccount", "name": "coredns", "namespace": "kube-system"},
    )


def _dns(image: str) -> list[dict[str, Any]]:
    metadata = {"name": "coredns", "namespace": "kube-system", "labels": dict(_DNS_LABELS)}
    container = {
        "name": "coredns",
        "image": image,
        "imagePullPolicy": "Never",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
        },
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns", "readOnly": True}],
    }
    pod = {
        "serviceAccountName": "coredns",
        "priorityClassName": "system-cluster-critical",
        "dnsPolicy": "Default",
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": "coredns"}}],
    }
    template = {"metadata": {"labels": dict(_DNS_LABELS)}, "spec": pod}
    deployment = {"selector": {"matchLabels": dict(_DNS_LABELS)}, "template": template}
    ports = [
        {"name": f"dns-{protocol.lower()}", "port": 53, "targetPort": 53, "protocol": protocol}
        for protocol in ("UDP", "TCP")
    ]
    service = {"clusterIP": DNS_IP, "selector": dict(_DNS_LABELS), "ports": ports}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata,
            "data": {"Corefile": _COREFILE},
        },
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": deployment},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {**metadata, "name": "kube-dns"},
            "spec": service,
        },
    ]


def _bound_role(
    name: str, rules: list[dict[str, Any]], subject: dict[str, str]
) -> list[dict[str, Any]]:
    metadata = {"name": name}
    reference = {"apiGroup": _RBAC, "kind": "ClusterRole", "name": name}
    return [
        {"apiVersion": f"{_RBAC}/v1", "kind": "ClusterRole", "metadata": metadata, "rules": rules},
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": metadata,
            "roleRef": reference,
            "subjects": [subject],
        },
    ]
