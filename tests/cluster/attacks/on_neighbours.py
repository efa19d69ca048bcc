"""Attacks by what a pod asks for that belongs to others.

Where their pods are placed, a volume that somebody made, a network that no NetworkPolicy knows. The
tenant may create pods and Jobs, so nothing but the guards stands here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cluster.attacks.attempt import Attempt, Json, creation
from cluster.attacks.identities import TENANT
from cluster.guards import objects

_PODS: Final = "guard glovebox-pods"
_JOBS: Final = "guard glovebox-jobs"
_CLAIM: Final = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
_CLASSED: Final = _CLAIM | {"storageClassName": "scratch"}
_REPELS: Final = {
    "labelSelector": {"matchLabels": {"app.kubernetes.io/managed-by": "glovebox"}},
    "topologyKey": "kubernetes.io/os",
}
_AFFINITY_WORDS: Final = "must name no `namespaces` and no `namespaceSelector`"
_CLAIM_WORDS: Final = "must name a `storageClassName`"
_NETWORK_WORDS: Final = "a network plugin would obey them"


def attempts(namespace: str) -> Iterator[Attempt]:
    """Return all attacks in the namespace of the tenant's experiment."""
    apart = _required(_REPELS)
    for name, asked in (
        (
            "a pod that repels the runs of every team",
            _required(_REPELS | {"namespaceSelector": {}}),
        ),
        ("a pod that rather repels them", _preferred(_REPELS | {"namespaceSelector": {}})),
        ("a pod that repels those of one team", _required(_REPELS | {"namespaces": ["gbx-ships"]})),
    ):
        yield from _both(namespace, "T37", name, asked, apart, _AFFINITY_WORDS)
    claimed = _volume({"spec": _CLASSED})
    older = {"annotations": {"volume.beta.kubernetes.io/storage-class": ""}}
    for name, template in (
        ("a claim on a volume that somebody made by hand", {"spec": _CLAIM}),
        ("the same, by the older annotation", {"metadata": older, "spec": _CLASSED}),
        ("the same, by an empty class", {"spec": _CLAIM | {"storageClassName": ""}}),
    ):
        yield from _both(namespace, "T18", name, _volume(template), claimed, _CLAIM_WORDS)
    yield from _networked(namespace)


def _both(
    namespace: str, threat: str, name: str, asked: Json, harmless: Json, words: str
) -> Iterator[Attempt]:
    """Return the attack as a pod and as the template of a Job."""
    for make, by, ending in ((objects.pod, _PODS, ""), (objects.job, _JOBS, ", in a Job")):
        attack, twin = (creation(make(namespace, **changes)) for changes in (asked, harmless))
        yield Attempt(threat, name + ending, TENANT, attack, by, words, twin)


def _networked(namespace: str) -> Iterator[Attempt]:
    for asked, name in (
        ({"k8s.v1.cni.cncf.io/networks": "kube-system/flat@eth1"}, "a second network"),
        ({"cni.projectcalico.org/ipAddrs": '["192.0.2.9"]'}, "an address of one's choice"),
    ):
        pod, twin = objects.pod(namespace), objects.pod(namespace)
        pod["metadata"]["annotations"] = asked
        twin["metadata"]["annotations"] = {"team.example/note": "x"}
        yield Attempt("T38", name, TENANT, creation(pod), _PODS, _NETWORK_WORDS, creation(twin))
        job, twin = objects.job(namespace), objects.job(namespace)
        job["spec"]["template"]["metadata"] = {"annotations": asked}
        yield Attempt(
            "T38",
            f"{name}, in a Job",
            TENANT,
            creation(job),
            _JOBS,
            _NETWORK_WORDS,
            creation(twin),
        )


def _required(term: Json) -> Json:
    terms = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
    return {"affinity": {"podAntiAffinity": terms}}


def _preferred(term: Json) -> Json:
    weighted = [{"weight": 100, "podAffinityTerm": term}]
    terms = {"preferredDuringSchedulingIgnoredDuringExecution": weighted}
    return {"affinity": {"podAntiAffinity": terms}}


def _volume(template: Json) -> Json:
    return {"volumes": [{"name": "v", "ephemeral": {"volumeClaimTemplate": template}}]}
