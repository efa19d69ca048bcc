"""A JobSet, and what its controller makes of one, written out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cluster.guards import objects
from cluster.guards.actors import Actor
from support.jobset import CONTROLLER, VERSION

Json = dict[str, Any]
# As its account, with more rights than it has: what is refused, a guard refuses.
JOBSET: Final = Actor(CONTROLLER, ("system:masters",))
# An owner that no cluster has.
ANY_UID: Final = "0b6d4f3e-0000-4000-8000-00000000000a"
SPACE: Final = objects.ALONE_NAMESPACE
JOBSETS: Final = f"/apis/{VERSION}/namespaces/{SPACE}/jobsets"
JOBS: Final = f"/apis/batch/v1/namespaces/{SPACE}/jobs"
SERVICES: Final = f"/api/v1/namespaces/{SPACE}/services"
LABELS: Final = {
    "app.kubernetes.io/managed-by": "glovebox",
    "jobset.sigs.k8s.io/jobset-name": "glovebox-run",
}
SELECTOR: Final = {"jobset.sigs.k8s.io/jobset-name": "glovebox-run"}


def owner(**changes: Any) -> Json:
    """Return the owner by which JobSet's controller knows a Job."""
    fields = {"apiVersion": VERSION, "kind": "JobSet", "name": "glovebox-run", "uid": ANY_UID}
    return {**fields, "controller": True, **changes}


def jobset(space: str, name: str = "glovebox-run") -> Json:
    """Return a JobSet without a stage."""
    metadata = {"name": name, "namespace": space}
    return {"apiVersion": VERSION, "kind": "JobSet", "metadata": metadata, "spec": {}}


def job_of_jobset(
    space: str,
    name: str = "glovebox-run-train-0",
    *,
    owners: tuple[Json, ...] = (owner(),),
    labels: Mapping[str, str] = LABELS,
    pod_labels: Mapping[str, str] = LABELS,
    **changes: Any,
) -> Json:
    """Return a Job as JobSet's controller makes it."""
    job = objects.job(space, name, **changes)
    job["metadata"] |= {"ownerReferences": list(owners), "labels": dict(labels)}
    job["spec"]["template"]["metadata"] = {"labels": dict(pod_labels)}
    return job


def service(
    space: str, name: str = "glovebox-run", *, owners: tuple[Json, ...] = (owner(),), **changes: Any
) -> Json:
    """Return the Service as JobSet's controller makes it, with fields of its spec changed."""
    spec = {"clusterIP": "None", "selector": SELECTOR, "publishNotReadyAddresses": True}
    metadata = {"name": name, "namespace": space, "ownerReferences": list(owners)}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec | changes}


def noted(thing: Json) -> Json:
    """Return it with an annotation, which a network plugin could obey."""
    notes = {"service.cilium.io/global": "true"}
    return {**thing, "metadata": {**thing["metadata"], "annotations": notes}}


def endpoint_slice(name: str, of: str) -> Json:
    """Return what says that a stranger answers to the name of a worker of a Service."""
    labels = {"kubernetes.io/service-name": of}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": SPACE, "labels": labels},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["203.0.113.9"], "hostname": "glovebox-run-train-0-0"}],
        "ports": [],
    }


def let_through(said: str) -> None:
    """No guard refused."""
    assert said == "", said
