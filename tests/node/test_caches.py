"""A cache on a real node.

Filled once, read by many, writable by nobody, and never trusted without looking.

The volume is a folder of the node, which an administrator made: the one kind of volume that a node
without a driver has.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from glovebox import names
from node.test_runs import ATTEMPTS, ROWS, Run
from support.api import path_of
from support.operator_process import Team, profile_spec

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from support.node import NodeCluster

OWN = "glovebox-system"
FETCH_USER = 65532


@pytest.fixture
def disk(node_cluster: NodeCluster, platform: Team, team: Team, cache_folder: Path) -> Path:
    """The folder behind the one volume of this team's class.

    Its profile `<team>` delivers from there.
    """
    folder = cache_folder / team.name
    folder.mkdir()
    # The kubelet hands no folder of the node over to a pod's group: whoever makes the volume has
    # to.
    os.chown(folder, FETCH_USER, FETCH_USER)
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "1Gi"},
        "hostPath": {"path": str(folder), "type": "Directory"},
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": team.name,
    }
    node_cluster.api.create(
        path_of("v1", "persistentvolumes"),
        {"metadata": {"name": f"disk-{team.name}"}, "spec": spec},
    )
    repository = node_cluster.image.reference.partition("@")[0]
    delivery = {"mode": "Cache", "cache": {"storageClassName": team.name}}
    platform.declare(
        "IsolationProfile",
        team.name,
        profile_spec(images=[{"repository": repository}], delivery=delivery),
    )
    platform.expect("IsolationProfile", team.name)
    return folder


def caches(node: NodeCluster, team: Team) -> set[str]:
    """Return the caches of this team."""
    claims = node.api.list(path_of("v1", "persistentvolumeclaims", namespace=OWN))
    return {
        claim["metadata"]["name"]
        for claim in claims
        if claim["metadata"]["annotations"][names.ANNOTATION_PIN_NAMESPACE] == team.name
    }


def fillers(node: NodeCluster, team: Team) -> list[str]:
    """Return the pods that have filled caches of this team."""
    found = caches(node, team)
    pods = node.api.list(path_of("v1", "pods", namespace=OWN))
    return [
        pod["metadata"]["name"]
        for pod in pods
        if pod["metadata"]["labels"].get(names.LABEL_CACHE) in found
    ]


def test_a_cache_is_filled_once_and_no_pod_can_write_it(
    node_cluster: NodeCluster, team: Team, disk: Path
) -> None:
    run = Run(node_cluster, team, profile=team.name)
    run.pin("rows", ROWS)
    first = run.ended("first", ATTEMPTS, inputs=run.inputs)
    assert first["status"]["run"]["outcome"] == "Succeeded", (
        first["status"]["run"],
        run.said(first),
    )
    assert run.said(first).split()[0] == hashlib.sha256(ROWS).hexdigest()
    filled = (disk / "data" / "rows.csv").stat()
    assert filled.st_mode & 0o777 == 0o444

    second = run.ended("second", ATTEMPTS, inputs=run.inputs)
    assert second["status"]["run"]["outcome"] == "Succeeded", (
        second["status"]["run"],
        run.said(second),
    )
    assert '"kept":1' in run.said(second, "fetch"), (
        "the pod hashed what is there and fetched nothing"
    )
    assert len(fillers(node_cluster, team)) == 1
    again = (disk / "data" / "rows.csv").stat()
    assert (again.st_ino, again.st_mtime_ns, again.st_ctime_ns) == (
        filled.st_ino,
        filled.st_mtime_ns,
        filled.st_ctime_ns,
    )


def test_a_file_changed_behind_the_cache_stops_the_run_before_user_code(
    node_cluster: NodeCluster, team: Team, disk: Path
) -> None:
    run = Run(node_cluster, team, profile=team.name)
    run.pin("rows", ROWS)
    first = run.ended("honest", "sha256sum /inputs/train/rows.csv", inputs=run.inputs)
    assert first["status"]["run"]["outcome"] == "Succeeded", first["status"]["run"]
    cached = disk / "data" / "rows.csv"
    before = cached.stat()
    # As long, as old, and with the same rights: only the bytes tell.
    cached.chmod(0o644)
    cached.write_bytes(ROWS[::-1])
    cached.chmod(0o444)
    os.utime(cached, ns=(before.st_atime_ns, before.st_mtime_ns))

    sealed = run.ended("misled", "echo user code started", inputs=run.inputs)
    assert sealed["status"]["run"]["reason"] == "InputsRefused"
    assert "input `train`: DigestMismatch" in sealed["status"]["run"]["message"]
    assert sealed["status"]["run"]["attempts"] == 1
    pod = run.pod(sealed)
    fetch, code = pod["status"]["initContainerStatuses"][0], pod["status"]["containerStatuses"][0]
    assert fetch["state"]["terminated"]["exitCode"] == 42
    assert not code.get("containerID"), "user code was never started"

    # Once the mark of a full cache is gone, the next one hashes it again and fetches what is wrong.
    (cache,) = caches(node_cluster, team)
    node_cluster.api.delete(
        path_of("batch/v1", "jobs", namespace=OWN, name=cache) + "?propagationPolicy=Background"
    )
    repaired = run.ended("repaired", "sha256sum /inputs/train/rows.csv", inputs=run.inputs)
    assert repaired["status"]["run"]["outcome"] == "Succeeded", repaired["status"]["run"]
    assert run.said(repaired).split()[0] == hashlib.sha256(ROWS).hexdigest()
