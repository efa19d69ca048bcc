"""The Job of a task: one pod of the Glovebox image in the operator's namespace, tried once.

It is there, and not beside what it works for, because nothing can be created in a namespace that is
being deleted, and a deletion has to be able to seal. What it shall do stands in its own spec, which
nobody can change, as the digest of a request in the store. Its pod has no token of the cluster; it
mounts the Secrets of the stores that the task reads and writes, and no other: the key that seals
are signed with stays with the operator. Retries are the operator's business, so a lost pod is a
failed Job.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from glovebox import names
from glovebox.desired.metadata import KubernetesObject
from glovebox.desired.pods import FETCH_USER, container_security
from glovebox.settings import TaskPod

TASK_CONTAINER: Final = "task"
TASK_COMMAND: Final = ("python", "-m", "glovebox.jobs.task")
# The environment of the program: where its request lies, and which Job it is.
ENV_TASK: Final = "GLOVEBOX_TASK"
ENV_JOB: Final = "GLOVEBOX_JOB_UID"
# Where it sends spans, and what those are below. Only where somebody wants to see them.
ENV_TRACES: Final = "GLOVEBOX_TRACES_ENDPOINT"
ENV_TRACEPARENT: Final = "TRACEPARENT"
STORES_FOLDER: Final = "/var/run/glovebox/stores"
_JOB_UID: Final = "metadata.labels['batch.kubernetes.io/controller-uid']"
# What a task needs is bounded whatever its input: 200 MiB for 1,000,000 objects, and /tmp for a
# manifest of 1 GiB that is read, beside the one that is written, or for lists that are sorted.
_RESOURCES: Final = {
    "requests": {"cpu": "250m", "memory": "256Mi", "ephemeral-storage": "256Mi"},
    "limits": {"cpu": "2", "memory": "512Mi", "ephemeral-storage": "3Gi"},
}
_TMP: Final = "2Gi"
# The operator takes a Job away when its result is recorded. This is for one that nobody takes away
# any more, because Glovebox is.
TTL_SECONDS: Final = 86_400
_GRACE_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class TaskJob:
    """The Job of one task.

    Attributes:
        name: See `names.task`.
        namespace: The operator's.
        image: The Glovebox image, by digest.
        owner: The key of whose task it is.
        owner_uid: The owner's UID.
        task: Which of the owner's tasks.
        address: Where the request lies, as the program reads it.
        secrets: The Secret of each store of the request, in its order.
        shared: What its pod takes over from the operator's: where that runs, and reaches its
            registry and its stores, this one does too.
        traces: What its spans are posted to.
        traceparent: What they are below; when empty, it makes none.
    """

    name: str
    namespace: str
    image: str
    owner: str
    owner_uid: str
    task: str
    address: str
    secrets: tuple[str, ...]
    shared: TaskPod = field(default_factory=TaskPod)
    traces: str = ""
    traceparent: str = ""


def task_job(task: TaskJob) -> KubernetesObject:
    """Return the Job."""
    labels = {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_TASK: task.name,
        # Behind the owner's kind: its namespace, or of a kind without one its name.
        names.LABEL_SHARD: names.shard_of(task.owner.split("/")[1]),
    }
    stores = [f"store-{place}" for place in range(len(task.secrets))]
    container = {
        "name": TASK_CONTAINER,
        "image": task.image,
        "imagePullPolicy": "IfNotPresent",
        "command": list(TASK_COMMAND),
        "env": [
            *task.shared.env,
            {"name": ENV_TASK, "value": task.address},
            {"name": ENV_JOB, "valueFrom": {"fieldRef": {"fieldPath": _JOB_UID}}},
            *_traced(task),
        ],
        "resources": _RESOURCES,
        "securityContext": container_security(FETCH_USER),
        "volumeMounts": [
            *(
                {"name": name, "mountPath": f"{STORES_FOLDER}/{name}", "readOnly": True}
                for name in stores
            ),
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a path in the pod
        ],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": task.name,
            "namespace": task.namespace,
            "labels": labels,
            "annotations": _owner(task),
        },
        "spec": {
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": TTL_SECONDS,
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    **_placement(task.shared),
                    "restartPolicy": "Never",
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "terminationGracePeriodSeconds": _GRACE_SECONDS,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "seccompProfile": {"type": "RuntimeDefault"},
                        # Secrets are mounted for root and this group.
                        "fsGroup": FETCH_USER,
                    },
                    "containers": [container],
                    "volumes": [
                        *(
                            {"name": name, "secret": {"secretName": secret, "defaultMode": 0o440}}
                            for name, secret in zip(stores, task.secrets, strict=True)
                        ),
                        {"name": "tmp", "emptyDir": {"sizeLimit": _TMP}},
                    ],
                },
            },
        },
    }


def _traced(task: TaskJob) -> list[dict[str, Any]]:
    if not task.traces or not task.traceparent:
        return []
    return [
        # The kubelet would expand `$(...)`.
        {"name": ENV_TRACES, "value": task.traces.replace("$(", "$$(")},
        {"name": ENV_TRACEPARENT, "value": task.traceparent},
    ]


def _placement(shared: TaskPod) -> dict[str, Any]:
    """Return where a pod may run and what opens its registry; nothing that is empty."""
    given = shared.model_dump(by_alias=True, exclude={"env"}, mode="json")
    return {name: value for name, value in given.items() if value}


def is_ours(live: Mapping[str, Any], task: TaskJob) -> bool:
    """Return whether a Job is one that the operator made for this task, whatever it asked."""
    metadata = live["metadata"]
    labels, notes = metadata.get("labels") or {}, metadata.get("annotations") or {}
    return (
        labels.get(names.LABEL_MANAGED_BY) == names.MANAGED_BY
        and labels.get(names.LABEL_TASK) == task.name
        and all(notes.get(key) == value for key, value in _owner(task).items())
    )


def asks_the_same(live: Mapping[str, Any], task: TaskJob) -> bool:
    """Return whether a Job of ours runs the very pod that we would make now: image and request.

    Who watches it, and from where, is another matter: each attempt to have it is a span of its own.
    """
    wanted = task_job(replace(task, traceparent=""))["spec"]["template"]["spec"]
    return _covers(_untraced(live["spec"]["template"]["spec"]), wanted) and _alone(live)


def _untraced(pod: Mapping[str, Any]) -> dict[str, Any]:
    """Return the pod's spec without the variables of traces."""
    containers = [
        {
            **each,
            "env": [
                entry
                for entry in each.get("env") or ()
                if entry["name"] not in {ENV_TRACES, ENV_TRACEPARENT}
            ],
        }
        for each in pod["containers"]
    ]
    return {**pod, "containers": containers}


def _owner(task: TaskJob) -> dict[str, str]:
    return {
        names.ANNOTATION_OWNER: task.owner,
        names.ANNOTATION_OWNER_UID: task.owner_uid,
        names.ANNOTATION_TASK: task.task,
    }


def _alone(live: Mapping[str, Any]) -> bool:
    """Return whether nothing else runs in the pod."""
    spec = live["spec"]["template"]["spec"]
    return not spec.get("initContainers") and not spec["containers"][0].get("args")


def _covers(live: Any, wanted: Any) -> bool:
    """Return whether the live value has all that is wanted; the API server adds its defaults."""
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(
            key in live and _covers(live[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(live, list) and len(live) == len(wanted) and all(map(_covers, live, wanted))
        )
    return bool(live == wanted)
