"""The run of an experiment that waits in a queue, and what Kueue keeps of it, written by hand."""

from __future__ import annotations

from typing import Any, Final

from cluster.guards import objects
from cluster.guards.actors import Actor
from cluster.guards.jobsets import SPACE, job_of_jobset, jobset
from support.kueue import CONTROLLER, VERSION

Json = dict[str, Any]
# As its account, with more rights than it has: what is refused, a guard refuses.
KUEUE: Final = Actor(CONTROLLER, ("system:masters",))
QUEUES: Final = f"/apis/{VERSION}/namespaces/{SPACE}/localqueues"
ENTRIES: Final = f"/apis/{VERSION}/namespaces/{SPACE}/workloads"
OWN: Final = {"app.kubernetes.io/managed-by": "glovebox"}
ADMITTED: Final = {
    "metadata": {
        "labels": {"kueue.x-k8s.io/podset": "main"},
        "annotations": {"kueue.x-k8s.io/workload": "job-glovebox-run-a1"},
    },
    "spec": {
        "nodeSelector": {"pool": "gpus"},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
    },
}


def queue(space: str, name: str = "glovebox") -> Json:
    """Return a LocalQueue."""
    metadata = {"name": name, "namespace": space}
    spec = {"clusterQueue": "gpus"}
    return {"apiVersion": VERSION, "kind": "LocalQueue", "metadata": metadata, "spec": spec}


def entry(space: str, name: str = "job-glovebox-run-a1") -> Json:
    """Return Kueue's record of a run."""
    metadata = {"name": name, "namespace": space}
    spec = {"queueName": "glovebox"}
    return {"apiVersion": VERSION, "kind": "Workload", "metadata": metadata, "spec": spec}


def queued_job(space: str) -> Json:
    """Return a run of one stage, as the operator creates it."""
    job = objects.job(space, "glovebox-run")
    job["metadata"]["labels"] = {**OWN, "kueue.x-k8s.io/queue-name": "glovebox"}
    job["spec"]["suspend"] = True
    job["spec"]["template"]["metadata"] = {"labels": dict(OWN)}
    return job


def queued_jobset(space: str) -> Json:
    """Return a run of two stages, as the operator creates it."""
    made = jobset(space)
    made["metadata"]["labels"] = {**OWN, "kueue.x-k8s.io/queue-name": "glovebox"}
    stages = []
    for name in ("fit", "score"):
        spec = {**job_of_jobset(space)["spec"], "completions": 2}
        template = {"metadata": {"labels": dict(OWN)}, "spec": spec}
        stages.append({"name": name, "replicas": 1, "template": template})
    made["spec"] = {"suspend": True, "failurePolicy": {"maxRestarts": 0}, "replicatedJobs": stages}
    return made
