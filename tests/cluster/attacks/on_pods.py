"""Attacks by what a pod asks for.

Every control of the Pod Security Standards in every kind of container, and ways around them.

The tenant may create pods, so nothing but admission stands here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Final

from cluster.attacks.attempt import POD_SECURITY, RBAC, Attempt, Json, Request, change, creation
from cluster.attacks.identities import CLUSTER_ADMIN, TENANT, account
from cluster.guards import objects
from support.api import path_of

# Stands in the tenant's namespace, and waits for a node for ever.
STANDING: Final = "standing"
# Stands there too, on a node that there is not: Kubernetes cleans it up after a minute.
PLACED: Final = "placed"
PODS: Final = "guard glovebox-pods"
POD_ENDS: Final = "guard glovebox-pod-ends"
POD_CHANGES: Final = "guard glovebox-pod-changes"
JOBS: Final = "guard glovebox-jobs"
IMAGES: Final = "guard glovebox-images"
_VOLUMES: Final = "`volumes` may be of the kinds"
_MADE_BY_HAND: Final = (
    "a pod made by hand may not carry the labels or the owner by which a Job knows its pods"
)

# By this the operator knows what it made: it leaves such pods alone when it stops an experiment,
# and nobody else may delete them.
_MARK: Final = {"app.kubernetes.io/managed-by": "glovebox"}
_RUN_UID: Final = "0b6d4f3e-0000-4000-8000-000000000001"
_SAFE: Final = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
# Controls that concern a container: the change of the compliant container, and the name of the
# control in the refusal.
_OF_CONTAINERS: Final[dict[str, tuple[Json, str]]] = {
    "privilege escalation": (
        {"securityContext": {"capabilities": {"drop": ["ALL"]}}},
        "allowPrivilegeEscalation != false",
    ),
    "an added capability": (
        {
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]},
            }
        },
        'must not include "SYS_ADMIN"',
    ),
    "capabilities kept": (
        {"securityContext": {"allowPrivilegeEscalation": False}},
        "unrestricted capabilities",
    ),
    "root": (
        {"securityContext": _SAFE | {"runAsUser": 0}},
        "runAsUser=0",
    ),
    "root not excluded": (
        {"securityContext": _SAFE | {"runAsNonRoot": False}},
        "runAsNonRoot != true",
    ),
    "seccomp unconfined": (
        {"securityContext": _SAFE | {"seccompProfile": {"type": "Unconfined"}}},
        "seccompProfile",
    ),
    "AppArmor unconfined": (
        {"securityContext": _SAFE | {"appArmorProfile": {"type": "Unconfined"}}},
        "forbidden AppArmor profile",
    ),
    "an SELinux user": (
        {"securityContext": _SAFE | {"seLinuxOptions": {"user": "system_u"}}},
        "seLinuxOptions",
    ),
    "a port of the host": ({"ports": [{"containerPort": 80, "hostPort": 80}]}, "hostPort"),
}
# Kubernetes' own validation refuses these before Pod Security is asked.
_INVALID: Final[dict[str, tuple[Json, str]]] = {
    "privileged": (
        {"securityContext": {"privileged": True, "capabilities": {"drop": ["ALL"]}}},
        "privileged: Forbidden: disallowed by cluster policy",
    ),
    "an unmasked /proc": (
        {"securityContext": _SAFE | {"procMount": "Unmasked"}},
        "`hostUsers` must be false",
    ),
}
_NFS: Final = "an NFS server as a volume"
# Controls that concern the pod.
_OF_PODS: Final[dict[str, tuple[Json, str]]] = {
    "the host's network": ({"hostNetwork": True}, "host namespaces"),
    "the host's processes": ({"hostPID": True}, "host namespaces"),
    "the host's memory": ({"hostIPC": True}, "host namespaces"),
    "the host's files": ({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, "hostPath"),
    "an unsafe sysctl": (
        {
            "securityContext": {
                **objects.pod_spec()["securityContext"],
                "sysctls": [{"name": "kernel.msgmax", "value": "1"}],
            }
        },
        "forbidden sysctls",
    ),
    "seccomp not set": (
        {"securityContext": {"runAsNonRoot": True, "runAsUser": 1000}},
        "seccompProfile",
    ),
    _NFS: (
        {"volumes": [{"name": "v", "nfs": {"server": "203.0.113.9", "path": "/"}}]},
        "restricted volume types",
    ),
    # The kubelet connects from the node, where no NetworkPolicy holds.
    "a probe of another host": (
        {
            "containers": [
                objects.container()
                | {"livenessProbe": {"httpGet": {"host": "169.254.169.254", "port": 80}}}
            ]
        },
        "host",
    ),
    "a hook that calls another host": (
        {
            "containers": [
                objects.container()
                | {"lifecycle": {"preStop": {"httpGet": {"host": "169.254.169.254", "port": 80}}}}
            ]
        },
        "host",
    ),
}
# What Pod Security admits.
_CSI: Final = {
    "name": "v",
    "csi": {
        "driver": "nfs.csi.example",
        "volumeAttributes": {"server": "203.0.113.9", "share": "/"},
    },
}
_CLAIM: Final = {
    "accessModes": ["ReadWriteOnce"],
    "resources": {"requests": {"storage": "1Gi"}},
    "storageClassName": "scratch",
}
_BEYOND: Final[dict[str, tuple[str, Json, str, str]]] = {
    "a volume of an image that nobody froze": (
        "T09",
        {"volumes": [{"name": "v", "image": {"reference": "registry.example/tools:latest"}}]},
        IMAGES,
        "an image may be mounted only where it is an input of the experiment",
    ),
    "a volume that a driver mounts over the node's network": (
        "T21",
        {"volumes": [_CSI]},
        PODS,
        _VOLUMES,
    ),
    "a claim on somebody's volume by its name": (
        "T18",
        {
            "volumes": [
                {
                    "name": "v",
                    "ephemeral": {
                        "volumeClaimTemplate": {"spec": {**_CLAIM, "volumeName": "somebodys"}}
                    },
                }
            ]
        },
        PODS,
        _VOLUMES,
    ),
    "a claim that copies another one": (
        "T18",
        {
            "volumes": [
                {
                    "name": "v",
                    "ephemeral": {
                        "volumeClaimTemplate": {
                            "spec": {
                                **_CLAIM,
                                "dataSource": {
                                    "kind": "PersistentVolumeClaim",
                                    "name": "somebodys",
                                },
                            }
                        }
                    },
                }
            ]
        },
        PODS,
        _VOLUMES,
    ),
    "a claim that is filled from any object": (
        "T18",
        {
            "volumes": [
                {
                    "name": "v",
                    "ephemeral": {
                        "volumeClaimTemplate": {
                            "spec": {
                                **_CLAIM,
                                "dataSourceRef": {
                                    "apiGroup": "snapshot.storage.k8s.io",
                                    "kind": "VolumeSnapshot",
                                    "name": "somebodys",
                                },
                            }
                        }
                    },
                }
            ]
        },
        PODS,
        _VOLUMES,
    ),
    "root, in users of its own": (
        "T07",
        {
            "hostUsers": False,
            "containers": [objects.container() | {"securityContext": _SAFE | {"runAsUser": 0}}],
        },
        PODS,
        "with `hostUsers: false` as without it",
    ),
    "a claim on volumes by their labels": (
        "T18",
        {
            "volumes": [
                {
                    "name": "v",
                    "ephemeral": {
                        "volumeClaimTemplate": {
                            "spec": {**_CLAIM, "selector": {"matchLabels": {"a": "b"}}}
                        }
                    },
                }
            ]
        },
        PODS,
        _VOLUMES,
    ),
}


def attempts(namespace: str) -> Iterator[Attempt]:
    """Return all attacks in the namespace of the tenant's experiment."""
    yield from _endless(namespace)
    yield from _held(namespace)
    yield from _misled(namespace)
    yield from _greedy(namespace)
    twin = creation(objects.pod(namespace))
    for (name, (changes, words)), kind in itertools.product(
        _OF_CONTAINERS.items(), ("containers", "initContainers")
    ):
        container = _with(changes)
        spec: Json = (
            {"containers": [container]}
            if kind == "containers"
            else {"initContainers": [container | {"name": "first"}]}
        )
        yield Attempt(
            "T07",
            f"{name} in {kind}",
            TENANT,
            creation(objects.pod(namespace, **spec)),
            POD_SECURITY,
            words,
            twin,
        )
    for name, (changes, words) in _INVALID.items():
        yield Attempt(
            "T07",
            name,
            TENANT,
            creation(objects.pod(namespace, containers=[objects.container() | changes])),
            "Invalid",
            words,
            twin,
        )
    for name, (changes, words) in _OF_PODS.items():
        yield Attempt(
            "T07",
            name,
            TENANT,
            creation(objects.pod(namespace, **changes)),
            POD_SECURITY,
            words,
            twin,
        )
    yield from _debugging(namespace)
    harmless = creation(objects.pod(namespace, volumes=_harmless_volumes()))
    nfs = creation(objects.job(namespace, **_OF_PODS[_NFS][0]))
    # Pod Security looks at pods alone, and admits this one at the level `baseline`.
    yield Attempt("T21", f"{_NFS}, in a Job", TENANT, nfs, JOBS, _VOLUMES, harmless)
    for name, (threat, changes, by, words) in _BEYOND.items():
        yield Attempt(
            threat, name, TENANT, creation(objects.pod(namespace, **changes)), by, words, harmless
        )
        job_by = {IMAGES: "guard glovebox-job-images", PODS: JOBS}[by]
        yield Attempt(
            threat,
            f"{name}, in a Job",
            TENANT,
            creation(objects.job(namespace, **changes)),
            job_by,
            words,
            harmless,
        )
    manual = objects.job(namespace)
    manual["spec"] |= {"manualSelector": True, "selector": {"matchLabels": {"a": "b"}}}
    manual["spec"]["template"]["metadata"] = {"labels": {"a": "b", "controller-uid": _RUN_UID}}
    job_twin = creation(objects.job(namespace))
    yield Attempt(
        "T31",
        "a Job whose pods carry the run's labels",
        TENANT,
        creation(manual),
        JOBS,
        "`manualSelector` must be left out",
        job_twin,
    )
    for thing in (objects.job(namespace, "glovebox-run"), objects.pod(namespace, "glovebox-run")):
        kind = thing["kind"]
        words = f"only the Glovebox operator may create {kind.lower()}s"
        yield Attempt(
            "T31",
            f"a {kind} with the run's name",
            TENANT,
            creation(thing),
            "guard glovebox-owned-objects",
            words,
            twin,
        )
    labelled = objects.job(namespace)
    labelled["spec"]["template"]["metadata"] = {
        "labels": {"batch.kubernetes.io/controller-uid": _RUN_UID}
    }
    words = "batch.kubernetes.io/controller-uid"
    yield Attempt(
        "T31",
        "a Job whose pods carry the run's label beside its own",
        TENANT,
        creation(labelled),
        "Invalid",
        words,
        job_twin,
    )
    yield from _marked(namespace)
    for name, metadata in _adopted().items():
        forged = objects.pod(namespace)
        forged["metadata"] |= metadata
        yield Attempt(
            "T31", name, TENANT, creation(forged), "guard glovebox-pod-owners", _MADE_BY_HAND, twin
        )


def _marked(namespace: str) -> Iterator[Attempt]:
    """Return the ways to have a pod that passes for the operator's own."""

    def marked_job(labels: Json) -> Request:
        job = objects.job(namespace)
        # Without labels of its own it would get those of its pods.
        job["metadata"]["labels"] = {"a": "b"}
        job["spec"]["template"]["metadata"] = {"labels": labels}
        return creation(job)

    def made_by_job(name: str) -> Request:
        pod = objects.pod(namespace)
        owner = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": name,
            "uid": _RUN_UID,
            "controller": True,
        }
        pod["metadata"] |= {"labels": _MARK, "ownerReferences": [owner]}
        return creation(pod)

    name = "a Job whose pods carry the operator's mark"
    yield Attempt(
        "T31",
        name,
        TENANT,
        marked_job(_MARK),
        JOBS,
        "it marks what the operator makes",
        marked_job({"a": "b"}),
    )
    by_hand = objects.pod(namespace)
    by_hand["metadata"]["labels"] = _MARK
    name = "a pod that carries the operator's mark"
    yield Attempt(
        "T31",
        name,
        TENANT,
        creation(by_hand),
        "guard glovebox-owned-objects",
        "may create pods",
        creation(objects.pod(namespace)),
    )
    controller = account("kube-system", "job-controller")
    name = "a pod that carries the operator's mark, from somebody else's Job"
    yield Attempt(
        "T31",
        name,
        controller,
        made_by_job("train"),
        PODS,
        "it marks what the operator makes",
        made_by_job("glovebox-run"),
    )
    standing = path_of("v1", "pods", namespace=namespace, name=STANDING)
    mark, note = (
        change(standing, {"metadata": {"labels": labels}}) for labels in (_MARK, {"a": "b"})
    )
    name = "the operator's mark for a pod that runs"
    yield Attempt(
        "T31", name, CLUSTER_ADMIN, mark, POD_CHANGES, "it marks what the operator makes", note
    )


def _endless(namespace: str) -> Iterator[Attempt]:
    """Return the ways to have containers that run on when their pod was stopped or deleted."""
    words = "`terminationGracePeriodSeconds` of a pod and of its probes must be from 1 to 120"
    for seconds, what in ((864000, "takes ten days"), (0, "nobody waits for")):
        for make, by in ((objects.pod, PODS), (objects.job, JOBS)):
            yield Attempt(
                "T36",
                f"a {'Job' if by == JOBS else 'pod'} whose end {what}",
                TENANT,
                creation(make(namespace, terminationGracePeriodSeconds=seconds)),
                by,
                words,
                creation(make(namespace, terminationGracePeriodSeconds=120)),
            )
    pods = path_of("v1", "pods", namespace=namespace)
    for name, actor, path in (
        ("a pod", TENANT, f"{pods}/{PLACED}"),
        ("all pods at once", CLUSTER_ADMIN, pods),
    ):
        forgotten, ended = (
            Request("DELETE", path, query={"dryRun": "All", "gracePeriodSeconds": seconds})
            for seconds in ("0", "1")
        )
        yield Attempt(
            "T36",
            f"having {name} forgotten, while the containers run on",
            actor,
            forgotten,
            POD_ENDS,
            "with 0 its containers would run on unseen",
            ended,
        )


def _held(namespace: str) -> Iterator[Attempt]:
    """Return the ways to have what was stopped stay, and with it the namespace."""
    pod, job, template = objects.pod(namespace), objects.job(namespace), objects.job(namespace)
    for thing in (pod, job):
        thing["metadata"]["finalizers"] = ["example.com/held"]
    template["spec"]["template"]["metadata"] = {"finalizers": ["example.com/held"]}
    for thing, what, twin in (
        (pod, "a pod that somebody has to let go", objects.pod(namespace)),
        (job, "a Job that somebody has to let go", objects.job(namespace)),
        (template, "a Job whose pods somebody has to let go", objects.job(namespace)),
    ):
        yield Attempt(
            "T56",
            what,
            TENANT,
            creation(thing),
            "guard glovebox-workload-finalizers",
            "finalizer 'example.com/held' must be left out",
            creation(twin),
        )


def _misled(namespace: str) -> Iterator[Attempt]:
    """Return the ways to have a name of the store mean a server of one's own."""
    names = "`hostAliases`, and `nameservers` and `searches` of `dnsConfig`"
    options = "`options` of `dnsConfig` must be words"
    for fields, what, words in (
        ({"hostAliases": [{"ip": "192.0.2.7", "hostnames": ["s3.example"]}]}, "by an alias", names),
        ({"dnsConfig": {"nameservers": ["192.0.2.7"]}}, "by a resolver of its own", names),
        (
            {"dnsConfig": {"nameservers": ["192.0.2.7"]}, "dnsPolicy": "None"},
            "by a resolver of its own alone",
            names,
        ),
        ({"dnsConfig": {"searches": ["evil.example"]}}, "by a domain of its own", names),
        (
            {"dnsConfig": {"options": [{"name": "ndots", "value": "9\nsearch evil.example"}]}},
            "by a domain behind an option",
            options,
        ),
        ({"hostnameOverride": "s3.example"}, "by its own name", "`hostnameOverride` must be left"),
    ):
        for make, by in ((objects.pod, PODS), (objects.job, JOBS)):
            yield Attempt(
                "T46",
                f"a {'Job' if by == JOBS else 'pod'} that leads its fetcher astray {what}",
                TENANT,
                creation(make(namespace, **fields)),
                by,
                words,
                creation(make(namespace, dnsConfig={"options": [{"name": "ndots", "value": "2"}]})),
            )


def _greedy(namespace: str) -> Iterator[Attempt]:
    """Return the ways to have more than a profile offers, or more than a node has."""

    def pod(limits: Json, requests: Json | None = None) -> Request:
        resources = {"limits": limits, "requests": requests or limits}
        return creation(objects.pod(namespace, containers=[_with({"resources": resources})]))

    yield Attempt(
        "T27",
        "a pod that asks for all of a node's disk",
        TENANT,
        pod({"ephemeral-storage": "10Ti"}),
        "Forbidden",
        "maximum ephemeral-storage usage per Container",
        pod({"ephemeral-storage": "2Gi"}),
    )
    yield Attempt(
        "T27",
        "a pod that asks for little memory and may use all of it",
        TENANT,
        pod({"memory": "64Ti"}, {"memory": "1Mi"}),
        "Forbidden",
        "maximum memory usage per Container",
        pod({"memory": "1Gi"}, {"memory": "1Mi"}),
    )
    whole = {"limits": {"memory": "64Ti"}, "requests": {"memory": "1Gi"}}
    for make, by, what in ((objects.pod, PODS, "a pod"), (objects.job, JOBS, "a Job's pod")):
        yield Attempt(
            "T27",
            f"{what} that says itself how much memory its containers may leave behind",
            TENANT,
            creation(make(namespace, resources=whole)),
            by,
            "`resources` of the pod as a whole must be left out",
            creation(make(namespace)),
        )
    yield Attempt(
        "T27",
        "accelerators that no quota counts",
        TENANT,
        pod({"nvidia.com/gpu": "8"}),
        "guard glovebox-extended-resources",
        "is not in the quota of this experiment",
        pod({"cpu": "100m"}),
    )


def _with(changes: Json) -> Json:
    return objects.container() | changes


def _debugging(namespace: str) -> Iterator[Attempt]:
    """Return the same controls in a debug container, by a cluster admin.

    A tenant has no right to one at all.
    """
    path = f"{path_of('v1', 'pods', namespace=namespace, name=STANDING)}/ephemeralcontainers"
    safe = objects.container(name="debug")
    twin = change(path, {"spec": {"ephemeralContainers": [safe]}})
    yield Attempt(
        "T08",
        "a debug container",
        TENANT,
        twin,
        RBAC,
        "pods/ephemeralcontainers",
        twin,
        CLUSTER_ADMIN,
    )
    for name, (changes, words) in _OF_CONTAINERS.items():
        if "ports" not in changes:
            weak = change(path, {"spec": {"ephemeralContainers": [safe | changes]}})
            yield Attempt(
                "T07",
                f"{name} in ephemeralContainers",
                CLUSTER_ADMIN,
                weak,
                POD_SECURITY,
                words,
                twin,
            )


def _harmless_volumes() -> list[Json]:
    return [
        {"name": "a", "emptyDir": {}},
        {"name": "b", "configMap": {"name": "glovebox-snapshot"}},
        {"name": "c", "secret": {"secretName": "glovebox-artifacts-credentials"}},
        {
            "name": "d",
            "downwardAPI": {"items": [{"path": "n", "fieldRef": {"fieldPath": "metadata.name"}}]},
        },
        {"name": "e", "persistentVolumeClaim": {"claimName": "scratch"}},
        {"name": "f", "ephemeral": {"volumeClaimTemplate": {"spec": _CLAIM}}},
        {"name": "g", "projected": {"sources": [{"configMap": {"name": "glovebox-snapshot"}}]}},
    ]


def _adopted() -> dict[str, dict[str, Any]]:
    """Return what makes the Job controller take a pod for one of the run's.

    Its end would be the run's end.
    """
    owner = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": "glovebox-run",
        "uid": _RUN_UID,
        "controller": True,
    }
    return {
        "a pod that the run's Job would adopt": {
            "labels": {"batch.kubernetes.io/controller-uid": _RUN_UID}
        },
        "a pod that the run's Job would adopt, by the older label": {
            "labels": {"controller-uid": _RUN_UID}
        },
        "a pod that claims the run's name": {
            "labels": {"batch.kubernetes.io/job-name": "glovebox-run"}
        },
        "a pod that says whose it is": {"ownerReferences": [owner]},
    }
