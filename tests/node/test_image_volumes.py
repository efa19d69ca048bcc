"""Datasets from images on a real node.

Mounted read-only to the bottom, hashed before the run, and never believed.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from glovebox_local.images import write_image
from node.test_runs import ATTEMPTS, OTHER, ROWS, Run
from support.operator_process import Team, profile_spec

if TYPE_CHECKING:
    from pathlib import Path

    from support.node import NodeCluster

DATA = "registry.example/data"


@pytest.fixture
def run(node_cluster: NodeCluster, platform: Team, team: Team) -> Run:
    """Experiments of a profile that delivers from images."""
    images = [{"repository": node_cluster.image.reference.partition("@")[0]}, {"repository": DATA}]
    platform.declare(
        "IsolationProfile", team.name, profile_spec(images=images, delivery={"mode": "Image"})
    )
    platform.expect("IsolationProfile", team.name)
    return Run(node_cluster, team, profile=team.name)


def image_of(node_cluster: NodeCluster, folder: Path, rows: bytes) -> str:
    """Bring an image that holds these rows to the node, and return its name."""
    file = folder / "rows.csv"
    file.write_bytes(rows)
    image = write_image(
        folder / "data.tar", DATA, {"rows.csv": file}, entrypoint=["/none"], scratch=False
    )
    node_cluster.cluster.environment.driver.load_image(image.archive, image.reference)
    return image.reference


@pytest.mark.slow
def test_a_dataset_is_mounted_from_its_image_and_no_pod_can_write_it(
    node_cluster: NodeCluster, run: Run, tmp_path: Path
) -> None:
    run.pin("rows", ROWS, image=image_of(node_cluster, tmp_path, ROWS))
    sealed = run.ended("reader", ATTEMPTS, inputs=run.inputs)
    said = run.said(sealed)
    assert sealed["status"]["run"]["outcome"] == "Succeeded", said
    assert said.split()[0] == hashlib.sha256(ROWS).hexdigest()
    assert sealed["status"]["deliveryMode"] == "Image"
    mounts = {
        mount["mountPath"]: mount
        for mount in run.pod(sealed)["status"]["containerStatuses"][0]["volumeMounts"]
    }
    assert (
        mounts["/inputs"]["recursiveReadOnly"]
        == mounts["/inputs/train"]["recursiveReadOnly"]
        == "Enabled"
    )


def test_an_image_with_other_bytes_than_the_pinned_ones_stops_the_run_before_user_code(
    node_cluster: NodeCluster, run: Run, tmp_path: Path
) -> None:
    run.pin("rows", ROWS, image=image_of(node_cluster, tmp_path, OTHER))
    sealed = run.ended("misled", "echo user code started", inputs=run.inputs)
    assert sealed["status"]["run"]["reason"] == "InputsRefused"
    assert "input `train`: DigestMismatch" in sealed["status"]["run"]["message"]
    assert not run.pod(sealed)["status"]["containerStatuses"][0].get("containerID"), (
        "user code was never started"
    )
