"""Datasets that come as volumes: the real operator, API server, Job controller and binder; a kubelet's part is played."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox import names
from glovebox.__main__ import log_in
from glovebox.engine.caches import free_caches
from glovebox.engine.operator import operator as open_operator
from glovebox.local.operator_process import OPERATOR_USER
from glovebox.settings import Settings
from support.api import path_of
from support.cluster import Cluster
from support.kubelet import end_pod, run_pod
from support.operator_process import CACHE_FOLDER, CSI_DRIVER, PLATFORM_IMAGE, Operator, Team, experiment_spec, profile_spec
from support.waiting import eventually

RUN = {"image": "trainer", "command": ["python", "-m", "train"]}
INPUTS = {"datasets": [{"name": "train", "pinRef": {"name": "rows"}, "role": "train"}]}
DATA_IMAGE = "registry.example/trainer/data@sha256:" + "d" * 64
OWN = "glovebox-system"


@pytest.fixture(scope="module")
def profiles(platform: Team) -> Team:
    """One profile for each mode. The cache's is of volumes that an administrator makes, without a class."""
    csi = {"driver": CSI_DRIVER, "volumeAttributes": {"bucketName": "$(bucket)"}, "mountOptions": ["prefix $(prefix)"]}
    for name, delivery in (
        ("cached", {"mode": "Cache", "cache": {"storageClassName": "by-hand", "minimumSize": "1Mi"}}),
        ("driven", {"mode": "CSI", "csi": csi}),
        ("imaged", {"mode": "Image"}),
    ):
        platform.declare("IsolationProfile", name, profile_spec(delivery=delivery))
        platform.expect("IsolationProfile", name)
    return platform


def pin(team: Team, name: str = "rows", **changes: Any) -> dict[str, Any]:
    """Pin one object of a bucket of the team's own."""
    s3 = team.cluster.store.client()
    bucket = f"data-{team.name}"
    if bucket not in {entry["Name"] for entry in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        s3.put_object(Bucket=bucket, Key="train/a.csv", Body=b"1,2\n")
    source = {"prefix": {"bucket": bucket, "prefix": "train/"}}
    team.declare("DatasetPin", name, {"storeRef": {"name": "primary"}, "source": source, **changes})
    return team.expect("DatasetPin", name)


def declare(team: Team, name: str, profile: str, **changes: Any) -> None:
    team.declare("Experiment", name, experiment_spec(profile, "primary", run=RUN, inputs=INPUTS, **changes))


def cache_of(team: Team) -> str:
    """Return the name of the cache of the team's pin, once its claim is there."""

    def look() -> str | None:
        claims = team.api.list(path_of("v1", "persistentvolumeclaims", namespace=OWN))
        return next(
            (c["metadata"]["name"] for c in claims if c["metadata"]["annotations"][names.ANNOTATION_PIN_NAMESPACE] == team.name), None
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


def jobs(team: Team, cache: str) -> list[dict[str, Any]]:
    return [job for job in team.api.list(path_of("batch/v1", "jobs", namespace=OWN)) if job["metadata"]["name"] == cache]


def filler(team: Team, cache: str) -> dict[str, Any]:
    """Return the pod that fills a cache, once it has all that it mounts."""

    def look() -> dict[str, Any] | None:
        pods = team.api.list(path_of("v1", "pods", namespace=OWN), labelSelector=f"{names.LABEL_CACHE}={cache}")
        pod = next((pod for pod in pods if pod["status"].get("phase") == "Pending"), None)
        there = all(team.api.find(path_of("v1", plural, namespace=OWN, name=cache)) for plural in ("secrets", "configmaps"))
        return pod if there else None

    return dict(eventually(look, what="the cache is being filled"))


def fill(team: Team, cache: str) -> None:
    end_pod(team.api, filler(team, cache), 0, container="fetch")


def claim(team: Team, namespace: str) -> dict[str, Any] | None:
    return team.api.find(path_of("v1", "persistentvolumeclaims", namespace=namespace, name="glovebox-input-train"))


def volumes_of(team: Team, name: str) -> list[dict[str, Any]]:
    uid = team.read("Experiment", name)["metadata"]["uid"]
    return team.api.list(path_of("v1", "persistentvolumes"), labelSelector=f"{names.LABEL_EXPERIMENT_UID}={uid}")


def test_a_cache_is_filled_once_and_read_by_many(team: Team, profiles: Team) -> None:
    del profiles
    pin(team)
    declare(team, "one", "cached")
    declare(team, "two", "cached")
    cache = cache_of(team)
    give_volume(team, cache)
    made = [team.expect("Experiment", name, "Succeeded", "Unknown", "RunPending") for name in ("one", "two")]
    pod = filler(team, cache)
    # Neither is served half of it.
    assert [volumes_of(team, name) for name in ("one", "two")] == [[], []]
    assert team.api.list(path_of("batch/v1", "jobs", namespace=made[0]["status"]["namespace"])) == []
    (container,) = pod["spec"]["containers"]
    assert container["image"] == PLATFORM_IMAGE

    end_pod(team.api, pod, 0, container="fetch")
    runs = [run_pod(team.api, each["status"]["namespace"]) for each in made]
    assert len(jobs(team, cache)) == 1
    assert team.api.find(path_of("v1", "secrets", namespace=OWN, name=cache)) is None, "credentials go when the volume is full"
    for name, each, run in zip(("one", "two"), made, runs, strict=True):
        namespace = each["status"]["namespace"]
        (volume,) = volumes_of(team, name)
        assert volume["spec"]["hostPath"]["path"] == f"{CACHE_FOLDER}/{cache}"
        assert volume["spec"]["accessModes"] == ["ReadOnlyMany"]
        assert volume["spec"]["claimRef"]["namespace"] == namespace

        def bound(namespace: str = namespace) -> bool:
            return bool((claim(team, namespace) or {}).get("status", {}).get("phase") == "Bound")

        eventually(bound, what="the claim is bound to it")
        for part in (*run["spec"]["initContainers"], *run["spec"]["containers"]):
            (mount,) = (mount for mount in part["volumeMounts"] if mount["name"] == "glovebox-input-train")
            assert (mount["readOnly"], mount["recursiveReadOnly"], mount["subPath"]) == (True, "IfPossible", "data")
        mounted = [volume for volume in run["spec"]["volumes"] if "secret" in volume]
        assert [volume["secret"]["secretName"] for volume in mounted] == ["glovebox-artifacts-credentials"]
        assert team.api.find(path_of("v1", "secrets", namespace=namespace, name="glovebox-inputs-credentials")) is None
        assert team.read("Experiment", name)["status"]["deliveryMode"] == "Cache"


def test_a_run_over_a_changed_cache_is_refused_with_the_words_of_the_check(team: Team, profiles: Team) -> None:
    del profiles
    pin(team)
    declare(team, "misled", "cached")
    cache = cache_of(team)
    give_volume(team, cache)
    fill(team, cache)
    run = run_pod(team.api, team.expect("Experiment", "misled")["status"]["namespace"])
    said = '{"reason":"DigestMismatch","message":"the mounted files have another root","input":"train"}'
    end_pod(team.api, run, 42, container="fetch", init=True, message=said)
    ended = team.expect("Experiment", "misled", "Sealed")["status"]["run"]
    assert (ended["reason"], ended["attempts"]) == ("InputsRefused", 1)
    assert "input `train`: DigestMismatch" in ended["message"]


def test_the_volumes_go_with_the_experiment_and_the_cache_stays_for_the_next(team: Team, profiles: Team) -> None:
    del profiles
    pin(team)
    declare(team, "first", "cached")
    cache = cache_of(team)
    give_volume(team, cache)
    fill(team, cache)
    run_pod(team.api, team.expect("Experiment", "first")["status"]["namespace"])
    (volume,) = volumes_of(team, "first")
    team.api.delete(team.path("Experiment", "first"))
    eventually(lambda: team.api.find(team.path("Experiment", "first")) is None, what="the experiment is gone", timeout=60)
    assert team.api.find(path_of("v1", "persistentvolumes", name=volume["metadata"]["name"])) is None
    assert len(jobs(team, cache)) == 1
    # The next one needs no filling.
    declare(team, "next", "cached")
    run_pod(team.api, team.expect("Experiment", "next")["status"]["namespace"])
    assert len(jobs(team, cache)) == 1


def test_the_operator_s_death_while_a_cache_is_filled_leaves_one_filling(team: Team, profiles: Team, operator: Operator) -> None:
    del profiles
    pin(team)
    declare(team, "survivor", "cached")
    cache = cache_of(team)
    operator.kill()
    give_volume(team, cache)
    operator.start()
    pod = filler(team, cache)
    operator.kill()
    end_pod(team.api, pod, 0, container="fetch")
    operator.start()
    run_pod(team.api, team.expect("Experiment", "survivor")["status"]["namespace"])
    assert [job["status"].get("succeeded") for job in jobs(team, cache)] == [1]


def test_a_fetcher_that_is_killed_is_followed_by_another(team: Team, profiles: Team) -> None:
    del profiles
    pin(team)
    declare(team, "stubborn", "cached")
    cache = cache_of(team)
    give_volume(team, cache)
    first = filler(team, cache)
    end_pod(team.api, first, 143, container="fetch")

    def second() -> dict[str, Any] | None:
        pod = filler(team, cache)
        return pod if pod["metadata"]["uid"] != first["metadata"]["uid"] else None

    end_pod(team.api, eventually(second, what="the Job tries again", timeout=60), 0, container="fetch")
    run_pod(team.api, team.expect("Experiment", "stubborn")["status"]["namespace"])


def test_a_cache_that_cannot_be_had_says_why_and_is_tried_again_on_request(team: Team, profiles: Team) -> None:
    del profiles
    pin(team)
    declare(team, "lied", "cached")
    cache = cache_of(team)
    give_volume(team, cache)
    said = '{"reason":"DigestMismatch","message":"the data changed under the pin","input":"data"}'
    end_pod(team.api, filler(team, cache), 42, container="fetch", message=said)
    stalled = team.expect("Experiment", "lied", "Succeeded", "False", "InputsRefused")
    assert team.condition("Experiment", "lied", "Stalled")["status"] == "True"
    message = team.condition("Experiment", "lied", "Succeeded")["message"]
    assert "DigestMismatch: the data changed under the pin" in message
    assert f"delete the Job '{cache}'" in message
    assert volumes_of(team, "lied") == []
    assert "run" not in stalled["status"]


def test_a_claim_without_a_volume_says_so(team: Team, profiles: Team) -> None:
    del profiles
    pin(team)
    declare(team, "waiting", "cached")
    team.expect("Experiment", "waiting", "Succeeded", "Unknown", "RunPending")
    eventually(
        lambda: "no volume is bound to it yet (class 'by-hand')" in team.condition("Experiment", "waiting", "Succeeded")["message"],
        what="the condition names the class",
    )


def test_two_teams_never_share_a_cache(cluster: Cluster, team: Team, profiles: Team) -> None:
    """A pin may be declared over bytes that nobody read: the same digest is no proof of having them."""
    del profiles
    pinned = pin(team)
    other = Team(cluster, f"{team.name}-b")
    source = pinned["spec"]["source"]
    other.declare("DatasetPin", "rows", {"storeRef": {"name": "primary"}, "source": source})
    assert other.expect("DatasetPin", "rows")["status"]["pinDigest"] == pinned["status"]["pinDigest"]
    for each in (team, other):
        declare(each, "mine", "cached")
    assert cache_of(team) != cache_of(other)


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
        "volumeAttributes": {"bucketName": f"data-{team.name}"},
    }
    assert volume["spec"]["mountOptions"] == ["prefix train/"]
    assert {"name": "glovebox-input-train", "persistentVolumeClaim": {"claimName": "glovebox-input-train", "readOnly": True}} in pod[
        "spec"
    ]["volumes"]


def test_a_driver_that_the_chart_does_not_name_is_refused_by_the_fence_and_said(team: Team, profiles: Team) -> None:
    profiles.declare(
        "IsolationProfile", f"other-{team.name}", profile_spec(delivery={"mode": "CSI", "csi": {"driver": "other.csi.example"}})
    )
    pin(team)
    declare(team, "unlisted", f"other-{team.name}")
    team.expect("Experiment", "unlisted", status="False", reason="Forbidden")
    assert "the chart's `guards.inputVolumes`" in team.condition("Experiment", "unlisted", "Ready")["message"]
    assert volumes_of(team, "unlisted") == []


def test_a_driver_shows_prefixes_only(team: Team, profiles: Team) -> None:
    del profiles
    pin(team)
    s3 = team.cluster.store.client()
    version = s3.list_object_versions(Bucket=f"data-{team.name}")["Versions"][0]
    listed = {"bucket": f"data-{team.name}", "key": "train/a.csv", "versionId": version["VersionId"], "path": "a.csv"}
    team.declare("DatasetPin", "listed", {"storeRef": {"name": "primary"}, "source": {"objects": [listed]}})
    team.expect("DatasetPin", "listed")
    inputs = {"datasets": [{"name": "train", "pinRef": {"name": "listed"}, "role": "train"}]}
    team.declare("Experiment", "listed", experiment_spec("driven", "primary", run=RUN, inputs=inputs))
    refused = team.expect("Experiment", "listed", status="False", reason="DeliveryUnavailable")
    assert "shows a whole prefix" in team.condition("Experiment", "listed", "Ready")["message"]
    assert "namespace" not in refused["status"]


def test_an_image_is_mounted_by_its_digest_and_listed_for_the_guards(team: Team, profiles: Team) -> None:
    del profiles
    pin(team, image=DATA_IMAGE)
    declare(team, "imaged", "imaged")
    made = team.expect("Experiment", "imaged")
    pod = run_pod(team.api, made["status"]["namespace"])
    (volume,) = (volume for volume in pod["spec"]["volumes"] if volume["name"] == "glovebox-input-train")
    assert volume["image"] == {"reference": DATA_IMAGE, "pullPolicy": "IfNotPresent"}
    assert made["status"]["inputs"][0]["image"] == DATA_IMAGE
    snapshot = team.api.get(path_of("v1", "configmaps", namespace=made["status"]["namespace"], name="glovebox-snapshot"))
    assert snapshot["data"]["inputImages"] == DATA_IMAGE
    # What the experiment is does not depend on the way its bytes came.
    declare(team, "fetched", "standard")
    same = team.expect("Experiment", "fetched")
    assert same["status"]["inputs"][0]["digest"] == made["status"]["inputs"][0]["digest"]
    # Bound: the pin may go.
    team.api.delete(team.path("DatasetPin", "rows"))
    team.expect("Experiment", "imaged", "InputsVerified", "False", "PinNotFound")
    assert team.condition("Experiment", "imaged", "DriftDetected")["status"] == "False"


@pytest.mark.parametrize(
    ("image", "reason"), [(None, "DeliveryUnavailable"), ("elsewhere.example/data@sha256:" + "d" * 64, "ImageNotApproved")]
)
def test_a_pin_without_an_approved_image_is_refused_before_anything_is_made(
    team: Team, profiles: Team, image: str | None, reason: str
) -> None:
    del profiles
    pin(team, **({"image": image} if image else {}))
    declare(team, "unimaged", "imaged")
    refused = team.expect("Experiment", "unimaged", status="False", reason=reason)
    assert "namespace" not in refused["status"]


async def test_a_cache_is_freed_when_its_pin_and_its_last_reader_are_gone(
    cluster: Cluster, team: Team, profiles: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    del profiles
    pin(team)
    declare(team, "reader", "cached")
    cache = cache_of(team)
    give_volume(team, cache)
    fill(team, cache)
    run_pod(team.api, team.expect("Experiment", "reader")["status"]["namespace"])
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig_for(OPERATOR_USER)))

    async def swept() -> dict[str, Any] | None:
        async with open_operator(Settings(), log_in) as parts:
            await parts.resync.prime()
            await free_caches(parts.world)
        found = team.api.find(path_of("v1", "persistentvolumeclaims", namespace=OWN, name=cache))
        return None if found is None or found["metadata"].get("deletionTimestamp") else found

    assert await swept(), "an experiment reads it, and its pin is there"
    team.api.delete(team.path("DatasetPin", "rows"))
    assert await swept(), "an experiment still reads it"
    team.api.delete(team.path("Experiment", "reader"))
    eventually(lambda: team.api.find(team.path("Experiment", "reader")) is None, what="the experiment is gone", timeout=60)
    assert await swept() is None
    # What belongs to the claim goes with it, by the garbage collector.
    eventually(lambda: jobs(team, cache) == [], what="the Job is gone with it", timeout=60)


async def test_a_cache_without_a_reader_stays_while_its_pin_is_there(
    cluster: Cluster, team: Team, profiles: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    del profiles
    pin(team)
    declare(team, "reader", "cached")
    cache = cache_of(team)
    team.api.delete(team.path("Experiment", "reader"))
    eventually(lambda: team.api.find(team.path("Experiment", "reader")) is None, what="the experiment is gone", timeout=60)
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig_for(OPERATOR_USER)))
    async with open_operator(Settings(), log_in) as parts:
        await parts.resync.prime()
        await free_caches(parts.world)
    found = team.api.get(path_of("v1", "persistentvolumeclaims", namespace=OWN, name=cache))
    assert "deletionTimestamp" not in found["metadata"]
