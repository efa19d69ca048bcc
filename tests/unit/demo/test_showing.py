"""How objects and figures are put into words."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox_local.demo.showing import describe, parse_metrics

DNS = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
    "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
}
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "a policy without rules closes": (
        {
            "kind": "NetworkPolicy",
            "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
        },
        "all ingress and egress closed",
    ),
    "a peer of another namespace is named with it": (
        {
            "kind": "NetworkPolicy",
            "spec": {
                "egress": [{"to": [DNS], "ports": [{"protocol": "UDP", "port": 53}, {"port": 53}]}]
            },
        },
        "to kube-dns in kube-system: UDP 53, TCP 53",
    ),
    "all pods of the own namespace": (
        {"kind": "NetworkPolicy", "spec": {"ingress": [{"from": [{"podSelector": {}}]}]}},
        "from its own pods",
    ),
    "a network with its port": (
        {
            "kind": "NetworkPolicy",
            "spec": {
                "egress": [
                    {"to": [{"ipBlock": {"cidr": "203.0.113.7/32"}}], "ports": [{"port": 443}]}
                ]
            },
        },
        "to 203.0.113.7/32: TCP 443",
    ),
    "a rule without peers is open to all": (
        {"kind": "NetworkPolicy", "spec": {"egress": [{}]}},
        "to anywhere",
    ),
    "a quota says its numbers": (
        {"kind": "ResourceQuota", "spec": {"hard": {"pods": "10", "limits.cpu": "4"}}},
        "limits.cpu 4, pods 10",
    ),
    "a ConfigMap that can change is said to": ({"kind": "ConfigMap", "data": {}}, "can be edited"),
    "a Secret shows its keys and never a value": (
        {"kind": "Secret", "data": {"b": "cHJpdmF0ZQ==", "a": ""}},
        "a, b",
    ),
    "nothing is made up for other kinds": ({"kind": "Pod"}, ""),
}


@pytest.mark.parametrize(("obj", "words"), CASES.values(), ids=CASES.keys())
def test_objects_in_words(obj: dict[str, Any], words: str) -> None:
    assert describe(obj) == words


def test_metrics_are_summed_over_their_labels() -> None:
    page = (
        '# HELP a_total words\na_total{verb="GET",x="} 1"} 2.0\na_total{verb="PUT"} 3\nb'
        " 1e-3\n\nnonsense\n"
    )
    assert parse_metrics(page) == {"a_total": 5.0, "b": 0.001}
