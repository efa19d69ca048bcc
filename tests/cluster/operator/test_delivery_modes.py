"""Datasets that a driver or an image brings, with the real operator and API server.

No driver runs, and a kubelet's part is played.
"""

from __future__ import annotations

import pytest

from cluster.operator.delivering import RUN, declare, pin, volumes_of
from support.api import path_of
from support.kubelet import run_pod
from support.operator_process import CSI_DRIVER, Team, experiment_spec, profile_spec

DATA_IMAGE = "registry.example/trainer/data@sha256:" + "d" * 64


def test_a_driver_s_volume_leads_to_the_pin_s_prefix(team: Team, profiles: Team) -> None:
    del profiles
    pin(team)
    declare(team, "driven", "driven")
    made = team.expect("Experiment", "driven")
    pod = run_pod(team.api, made["status"]["namespace"])
    (volume,) = volumes_of(team, "driven")
    assert volume["spec"]["csi"] == {
        "driver": CSI_DRIVER,
        "volumeHandle": volume["metadata"]["name"],
        "readOnly": True,
        "volumeAttributes": {"bucketName": f"{team.name}-data"},
    }
    assert volume["spec"]["mountOptions"] == ["prefix train/"]
    assert {
        "name": "glovebox-input-train",
        "persistentVolumeClaim": {"claimName": "glovebox-input-train", "readOnly": True},
    } in pod["spec"]["volumes"]


def test_a_driver_that_the_chart_does_not_name_is_refused_by_the_fence_and_said(
    team: Team, profiles: Team
) -> None:
    profiles.declare(
        "IsolationProfile",
        f"other-{team.name}",
        profile_spec(delivery={"mode": "CSI", "csi": {"driver": "other.csi.example"}}),
    )
    pin(team)
    declare(team, "unlisted", f"other-{team.name}")
    team.expect("Experiment", "unlisted", status="False", reason="Forbidden")
    assert (
        "the chart's `guards.inputVolumes`"
        in team.condition("Experiment", "unlisted", "Ready")["message"]
    )
    assert volumes_of(team, "unlisted") == []


def test_a_driver_shows_prefixes_only(team: Team, profiles: Team) -> None:
    del profiles
    pin(team)
    s3 = team.cluster.store.client()
    version = s3.list_object_versions(Bucket=f"{team.name}-data")["Versions"][0]
    listed = {
        "bucket": f"{team.name}-data",
        "key": "train/a.csv",
        "versionId": version["VersionId"],
        "path": "a.csv",
    }
    team.declare(
        "DatasetPin", "listed", {"storeRef": {"name": "primary"}, "source": {"objects": [listed]}}
    )
    team.expect("DatasetPin", "listed")
    inputs = {"datasets": [{"name": "train", "pinRef": {"name": "listed"}, "role": "train"}]}
    team.declare(
        "Experiment", "listed", experiment_spec("driven", "primary", run=RUN, inputs=inputs)
    )
    refused = team.expect("Experiment", "listed", status="False", reason="DeliveryUnavailable")
    assert "mounts a whole prefix" in team.condition("Experiment", "listed", "Ready")["message"]
    assert "namespace" not in refused["status"]


def test_an_image_is_mounted_by_its_digest_and_listed_for_the_guards(
    team: Team, profiles: Team
) -> None:
    del profiles
    pin(team, image=DATA_IMAGE)
    declare(team, "imaged", "imaged")
    made = team.expect("Experiment", "imaged")
    pod = run_pod(team.api, made["status"]["namespace"])
    (volume,) = (
        volume for volume in pod["spec"]["volumes"] if volume["name"] == "glovebox-input-train"
    )
    assert volume["image"] == {"reference": DATA_IMAGE, "pullPolicy": "IfNotPresent"}
    assert made["status"]["inputs"][0]["image"] == DATA_IMAGE
    snapshot = team.api.get(
        path_of("v1", "configmaps", namespace=made["status"]["namespace"], name="glovebox-snapshot")
    )
    assert snapshot["data"]["inputImages"] == DATA_IMAGE
    # What the experiment is does not depend on the way its bytes came.
    declare(team, "fetched", "standard")
    same = team.expect("Experiment", "fetched")
    assert same["status"]["inputs"][0]["digest"] == made["status"]["inputs"][0]["digest"]
    # Bound: what is asked of the pin from now on changes nothing. It is held for its users.
    team.api.delete(team.path("DatasetPin", "rows"))
    team.expect("DatasetPin", "rows", "Ready", "False", "InUse")
    assert team.condition("Experiment", "imaged", "InputsVerified")["status"] == "True"
    assert team.condition("Experiment", "imaged", "DriftDetected")["status"] == "False"


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (None, "DeliveryUnavailable"),
        ("elsewhere.example/data@sha256:" + "d" * 64, "ImageNotApproved"),
    ],
)
def test_a_pin_without_an_approved_image_is_refused_before_anything_is_made(
    team: Team, profiles: Team, image: str | None, reason: str
) -> None:
    del profiles
    pin(team, **({"image": image} if image else {}))
    declare(team, "unimaged", "imaged")
    refused = team.expect("Experiment", "unimaged", status="False", reason=reason)
    assert "namespace" not in refused["status"]
