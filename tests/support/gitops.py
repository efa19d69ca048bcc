"""What the tests of GitOps tools put into Git, and what they look at in the cluster."""

from __future__ import annotations

import json
from typing import Any

from support.api import path_of
from support.cluster import Cluster
from support.operator_process import GLOVEBOX, Team, experiment_spec
from support.waiting import eventually

TRACKING = (
    "argocd.argoproj.io/",
    "app.kubernetes.io/instance",
    "kustomize.toolkit.fluxcd.io/",
    "helm.toolkit.fluxcd.io/",
    "meta.helm.sh/",
    "kubectl.kubernetes.io/",
)
# Metadata of what Argo CD is to sync before the rest.
FIRST: dict[str, Any] = {"annotations": {"argocd.argoproj.io/sync-wave": "-1"}}
RUN = {"image": "trainer", "command": ["python", "-m", "train"]}


def team_bucket(team: Team) -> str:
    """Make a versioned bucket with two files under `train/` and one under `more/`."""
    files = {f"train/{month:02}.parquet": f"month {month}".encode() for month in range(2)}
    return team.bucket({**files, "more/03.parquet": b"month 3"})


def pin(
    team: Team, name: str, bucket: str, *, meta: dict[str, Any] | None = None, **changes: Any
) -> dict[str, Any]:
    """Return a DatasetPin of `train/`."""
    source = {"prefix": {"bucket": bucket, "prefix": "train/"}}
    spec = {"storeRef": {"name": "primary"}, "source": source, **changes}
    return _manifest(team, "DatasetPin", name, spec, **(meta or {}))


def experiment(
    team: Team, name: str, *pins: str, meta: dict[str, Any] | None = None, **changes: Any
) -> dict[str, Any]:
    """Return an Experiment that uses these pins."""
    datasets = [{"name": each, "role": "train", "pinRef": {"name": each}} for each in pins]
    spec = experiment_spec("standard", "primary", inputs={"datasets": datasets}, **changes)
    return _manifest(team, "Experiment", name, spec, **(meta or {}))


def expect_gone(team: Team, kind: str, name: str, *, timeout: float = 40) -> None:
    """Wait until an object is gone."""
    eventually(
        lambda: team.api.find(team.path(kind, name)) is None or None,
        what=f"{kind} {name} is gone",
        timeout=timeout,
    )


def versions(team: Team) -> dict[str, str]:
    """Return the resourceVersion of each of the team's objects."""
    kinds = ("Experiment", "DatasetPin")
    found = [each for kind in kinds for each in team.api.list(team.path(kind))]
    return {each["metadata"]["uid"]: each["metadata"]["resourceVersion"] for each in found}


def expect_untracked(cluster: Cluster, namespace: str) -> None:
    """Look at everything in an experiment's namespace, which has a run: no tool tracks it."""
    resources = cluster.kubectl("api-resources", "--namespaced", "--verbs=list", "-o", "name")
    kinds = ",".join(resources.stdout.split())
    listed = json.loads(
        cluster.kubectl("get", kinds, f"--namespace={namespace}", "-o", "json").stdout
    )
    children = [*listed["items"], cluster.api.get(path_of("v1", "namespaces", name=namespace))]
    assert {"Namespace", "NetworkPolicy", "ResourceQuota", "RoleBinding", "Job", "Pod"} <= {
        child["kind"] for child in children
    }
    tracked = [
        (child["kind"], child["metadata"]["name"], key)
        for child in children
        for field in ("labels", "annotations")
        for key in child["metadata"].get(field) or ()
        if key.startswith(TRACKING)
    ]
    assert tracked == []


def _manifest(
    team: Team, kind: str, name: str, spec: dict[str, Any], **meta: Any
) -> dict[str, Any]:
    metadata = {"name": name, "namespace": team.name, **meta}
    return {"apiVersion": GLOVEBOX, "kind": kind, "metadata": metadata, "spec": spec}
