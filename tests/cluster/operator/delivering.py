"""Pins, experiments and caches as tests of delivery speak of them.

What a team declares, and what an administrator and a kubelet add.
"""

from __future__ import annotations

from typing import Any

from glovebox import names
from support.api import path_of
from support.kubelet import end_pod
from support.operator_process import CACHE_FOLDER, Team, experiment_spec
from support.waiting import eventually

RUN = {"image": "trainer", "command": ["python", "-m", "train"]}
INPUTS = {"datasets": [{"name": "train", "pinRef": {"name": "rows"}, "role": "train"}]}
OWN = "glovebox-system"


def pin(team: Team, name: str = "rows", **changes: Any) -> dict[str, Any]:
    """Pin one object of a bucket of the team's own."""
    s3 = team.cluster.store.client()
    bucket = f"{team.name}-data"
    if bucket not in {entry["Name"] for entry in s3.list_buckets()["Buckets"]}:
        team.bucket({"train/a.csv": b"1,2\n"})
    source = {"prefix": {"bucket": bucket, "prefix": "train/"}}
    team.declare("DatasetPin", name, {"storeRef": {"name": "primary"}, "source": source, **changes})
    return team.expect("DatasetPin", name)


def declare(team: Team, name: str, profile: str, **changes: Any) -> None:
    team.declare(
        "Experiment", name, experiment_spec(profile, "primary", run=RUN, inputs=INPUTS, **changes)
    )


def cache_of(team: Team) -> str:
    """Return the name of the cache of the team's pin, once its claim is there."""

    def look() -> str | None:
        claims = team.api.list(path_of("v1", "persistentvolumeclaims", namespace=OWN))
        return next(
            (
                c["metadata"]["name"]
                for c in claims
                if c["metadata"]["annotations"][names.ANNOTATION_PIN_NAMESPACE] == team.name
            ),
            None,
        )

    return str(eventually(look, what="a cache is claimed"))


def give_volume(team: Team, cache: str) -> str:
    """Make the volume of a cache as an administrator does."""
    name = f"disk-{cache}"
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": OWN, "name": cache}
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "1Gi"},
        "claimRef": claim,
        "hostPath": {"path": f"{CACHE_FOLDER}/{cache}"},
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "by-hand",
    }
    team.api.create(path_of("v1", "persistentvolumes"), {"metadata": {"name": name}, "spec": spec})
    return name


def cached(team: Team, experiment: str) -> str:
    """Declare a pin, and an Experiment that reads it from a cache; return the cache's name.

    The cache has a volume.
    """
    pin(team)
    declare(team, experiment, "cached")
    cache = cache_of(team)
    give_volume(team, cache)
    return cache


def jobs(team: Team, cache: str) -> list[dict[str, Any]]:
    return [
        job
        for job in team.api.list(path_of("batch/v1", "jobs", namespace=OWN))
        if job["metadata"]["name"] == cache
    ]


def filler(team: Team, cache: str) -> dict[str, Any]:
    """Return the pod that fills a cache, once it has all that it mounts."""

    def look() -> dict[str, Any] | None:
        pods = team.api.list(
            path_of("v1", "pods", namespace=OWN), labelSelector=f"{names.LABEL_CACHE}={cache}"
        )
        pod = next((pod for pod in pods if pod["status"].get("phase") == "Pending"), None)
        there = all(
            team.api.find(path_of("v1", plural, namespace=OWN, name=cache))
            for plural in ("secrets", "configmaps")
        )
        return pod if there else None

    return dict(eventually(look, what="the cache is being filled"))


def fill(team: Team, cache: str) -> None:
    end_pod(team.api, filler(team, cache), 0, container="fetch")


def claim(team: Team, namespace: str) -> dict[str, Any] | None:
    return team.api.find(
        path_of("v1", "persistentvolumeclaims", namespace=namespace, name="glovebox-input-train")
    )


def volumes_of(team: Team, name: str) -> list[dict[str, Any]]:
    uid = team.read("Experiment", name)["metadata"]["uid"]
    return team.api.list(
        path_of("v1", "persistentvolumes"), labelSelector=f"{names.LABEL_EXPERIMENT_UID}={uid}"
    )
