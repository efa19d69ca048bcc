"""An Experiment without a run, with the real operator and API server: what a team finds in it.

No kubelet runs: what such a pod does is in `tests/node/test_by_hand.py`.
"""

from __future__ import annotations

from typing import Any

import pytest

from cluster.operator.delivering import (
    INPUTS,
    RUN,
    cache_of,
    claim,
    fill,
    give_volume,
    pin,
    volumes_of,
)
from support.api import Api, ApiError, path_of
from support.by_hand import documented_pod
from support.operator_process import IMAGE, Team, experiment_spec, profile_spec
from support.run_credentials import session_in
from support.waiting import eventually

Json = dict[str, Any]
DATA_IMAGE = "registry.example/trainer/data@sha256:" + "d" * 64
CREDENTIALS = "glovebox-inputs-credentials"


def tenant(team: Team, name: str = "") -> Api:
    """Return the API server as a member of a team sees it."""
    return team.api.acting_as("tess", f"glovebox:team:{name or team.name}")


def declare(team: Team, name: str, profile: str = "standard", **changes: Any) -> None:
    spec = experiment_spec(profile, "primary", **{"inputs": INPUTS} | changes)
    team.declare("Experiment", name, spec)


def opened(team: Team, name: str, profile: str = "standard", **changes: Any) -> str:
    """Declare one, and return its namespace once it is Ready."""
    declare(team, name, profile, **changes)
    namespace: str = team.expect("Experiment", name)["status"]["namespace"]
    return namespace


def pods_in(namespace: str, name: str | None = None) -> str:
    return path_of("v1", "pods", namespace=namespace, name=name)


def secret_in(namespace: str) -> str:
    return path_of("v1", "secrets", namespace=namespace, name=CREDENTIALS)


def test_the_pod_of_the_page_is_admitted_from_the_team_and_from_nobody_else(team: Team) -> None:
    pin(team)
    namespace = opened(team, "look")
    told = team.condition("Experiment", "look", "InputsDelivered")
    assert (told["status"], told["reason"]) == ("True", "InputsDelivered")
    pod = documented_pod(team, namespace, IMAGE)
    # All that it names is there as soon as the Experiment is Ready.
    volumes = pod["spec"]["volumes"]
    for volume in volumes:
        if "secret" in volume:
            path = path_of(
                "v1", "secrets", namespace=namespace, name=volume["secret"]["secretName"]
            )
            assert team.api.find(path), volume
        if "configMap" in volume:
            path = path_of(
                "v1", "configmaps", namespace=namespace, name=volume["configMap"]["name"]
            )
            assert team.api.find(path), volume
    with pytest.raises(ApiError, match="forbidden"):
        tenant(team, "others").create(pods_in(namespace), pod)
    tenant(team).create(pods_in(namespace), pod)
    # And nobody of the team reads the credentials themselves.
    with pytest.raises(ApiError, match="forbidden"):
        tenant(team).get(secret_in(namespace))


def test_its_session_reads_the_inputs_and_nothing_else(team: Team) -> None:
    pin(team)
    namespace = opened(team, "narrow")
    client, bucket = team.cluster.store.client(), f"{team.name}-data"
    client.put_object(Bucket=bucket, Key="salaries/all.csv", Body=b"no input")
    session = session_in(team, namespace, CREDENTIALS, "primary.credentials")
    reader = team.cluster.store.client(session=session)
    assert reader.get_object(Bucket=bucket, Key="train/a.csv")["Body"].read() == b"1,2\n"
    with pytest.raises(reader.exceptions.ClientError, match="AccessDenied"):
        reader.get_object(Bucket=bucket, Key="salaries/all.csv")
    with pytest.raises(reader.exceptions.ClientError, match="AccessDenied"):
        reader.put_object(Bucket=bucket, Key="train/a.csv", Body=b"x")
    with pytest.raises(reader.exceptions.ClientError, match="AccessDenied"):
        reader.list_objects_v2(Bucket=bucket)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"name": "fetch2"},
            "must mount the volume 'glovebox-inputs' with `readOnly: true`",
        ),
        (
            {"command": ["sh", "-c", "cat /var/run/glovebox/inputs/*"]},
            "must mount the volume 'glovebox-inputs' with `readOnly: true`",
        ),
        (
            {"env": [{"name": "GLOVEBOX_INPUTS_PLAN", "value": "/inputs/own"}]},
            "must mount the volume 'glovebox-inputs' with `readOnly: true`",
        ),
    ],
)
def test_a_fetcher_of_one_s_own_making_is_refused(team: Team, change: Json, words: str) -> None:
    """So a pod fetches what the plan says, and that is what is pinned."""
    pin(team)
    namespace = opened(team, "own")
    pod = documented_pod(team, namespace, IMAGE)
    pod["spec"]["initContainers"][0] |= change
    with pytest.raises(ApiError) as refused:
        tenant(team).create(pods_in(namespace), pod)
    assert words in refused.value.message
    # Nor is the plan anybody's to write.
    plan = path_of("v1", "configmaps", namespace=namespace, name="glovebox-inputs")
    with pytest.raises(ApiError, match="glovebox-owned-objects"):
        team.api.acting_as("nadia", "system:masters").delete(plan)


@pytest.mark.parametrize("desired", ["Frozen", "Sealed"])
def test_what_is_closed_has_neither_session_nor_pods(team: Team, desired: str) -> None:
    pin(team)
    namespace = opened(team, "closing")
    pod = documented_pod(team, namespace, IMAGE)
    tenant(team).create(pods_in(namespace), pod)
    team.api.patch(
        team.path("Experiment", "closing"), {"spec": {"lifecycle": {"desired": desired}}}
    )
    team.expect("Experiment", "closing", "InputsDelivered", "False", desired)
    eventually(lambda: not team.api.find(secret_in(namespace)), what="the session is gone")
    eventually(lambda: not team.api.list(pods_in(namespace)), what="the pod is gone")
    with pytest.raises(ApiError):
        team.api.create(pods_in(namespace), pod)
    if desired == "Sealed":
        sealed = team.expect("Experiment", "closing", "Sealed", timeout=60)
        assert "run" not in sealed["status"]
        assert [each["name"] for each in sealed["status"]["tenantPods"]["pods"]] == ["look"]


@pytest.mark.usefixtures("profiles")
def test_a_cache_is_filled_and_claimed_for_pods_made_by_hand(team: Team) -> None:
    pin(team)
    declare(team, "cached", "cached")
    team.expect("Experiment", "cached", "Ready", "False", "InputsPending")
    cache = cache_of(team)
    give_volume(team, cache)
    told = team.condition("Experiment", "cached", "InputsDelivered")
    assert (told["status"], told["reason"]) == ("False", "InputsPending")
    assert cache in told["message"]
    fill(team, cache)
    namespace = team.expect("Experiment", "cached")["status"]["namespace"]
    eventually(
        lambda: (claim(team, namespace) or {}).get("status", {}).get("phase") == "Bound",
        what="the claim is bound",
    )
    assert len(volumes_of(team, "cached")) == 1
    pod = _mounting(team, namespace)
    for container in (*pod["spec"]["initContainers"], *pod["spec"]["containers"]):
        for mount in container["volumeMounts"]:
            if mount["name"] == "glovebox-input-train":
                mount["subPath"] = "data"
    tenant(team).create(pods_in(namespace), pod)
    writable = _mounting(team, namespace, readOnly=False)
    writable["metadata"]["name"] = "writer"
    with pytest.raises(ApiError, match="must mount the volume of a dataset with `readOnly: true`"):
        tenant(team).create(pods_in(namespace), writable)


@pytest.mark.usefixtures("profiles")
def test_a_driver_s_volume_is_claimed_for_pods_made_by_hand(team: Team) -> None:
    pin(team)
    namespace = opened(team, "driven", "driven")
    assert claim(team, namespace) is not None
    (volume,) = volumes_of(team, "driven")
    assert volume["spec"]["csi"]["volumeHandle"] == volume["metadata"]["name"]
    tenant(team).create(pods_in(namespace), _mounting(team, namespace))


@pytest.mark.usefixtures("profiles")
def test_the_image_of_a_pin_is_mounted_by_pods_made_by_hand(team: Team) -> None:
    pin(team, image=DATA_IMAGE)
    namespace = opened(team, "imaged", "imaged")
    told = team.condition("Experiment", "imaged", "InputsDelivered")
    assert "the images in `status.inputs`" in told["message"]
    reference = team.read("Experiment", "imaged")["status"]["inputs"][0]["image"]
    pod = _mounting(team, namespace)
    pod["spec"]["volumes"][-1] = {
        "name": "glovebox-input-train",
        "image": {"reference": reference, "pullPolicy": "IfNotPresent"},
    }
    tenant(team).create(pods_in(namespace), pod)
    assert team.api.find(secret_in(namespace)) is None


def _mounting(team: Team, namespace: str, *, readOnly: bool = True) -> Json:  # noqa: N803 - the API's word
    """Return the page's pod with the dataset as a volume of its own."""
    pod = documented_pod(team, namespace, IMAGE)
    spec = pod["spec"]
    name = "glovebox-input-train"
    (fetcher,), (main,) = spec["initContainers"], spec["containers"]
    spec["volumes"] = [each for each in spec["volumes"] if each["name"] != "keys"]
    spec["volumes"].append(
        {"name": name, "persistentVolumeClaim": {"claimName": name, "readOnly": True}}
    )
    fetcher["volumeMounts"] = [each for each in fetcher["volumeMounts"] if each["name"] != "keys"]
    for container, folder in ((fetcher, "/datasets/train"), (main, "/inputs/train")):
        container["volumeMounts"].append({"name": name, "mountPath": folder, "readOnly": readOnly})
    return pod


@pytest.mark.parametrize(
    ("entry", "run", "role"),
    [
        (None, False, "glovebox-tenant"),
        ("Refused", False, "glovebox-tenant"),
        ("Allowed", False, "glovebox-tenant-interactive"),
        ("Allowed", True, "glovebox-tenant"),
    ],
)
def test_who_enters_pods_is_said_by_the_profile_and_by_the_run(
    team: Team,
    platform: Team,
    entry: str | None,
    run: bool,  # noqa: FBT001 - a table
    role: str,
) -> None:
    profile = f"entry-{team.name}"
    access = {"access": {"podEntry": entry}} if entry else {}
    platform.declare("IsolationProfile", profile, profile_spec(**access))
    platform.expect("IsolationProfile", profile)
    namespace = opened(team, "entry", profile, inputs={}, **({"run": RUN} if run else {}))
    binding = path_of(
        "rbac.authorization.k8s.io/v1",
        "rolebindings",
        namespace=namespace,
        name="glovebox-tenant",
    )
    assert team.api.get(binding)["roleRef"]["name"] == role
    entered = {
        way: _says_of_entry(tenant(team), namespace, way)
        for way in ("exec", "attach", "portforward", "proxy", "ephemeralcontainers")
    }
    allowed = {way for way, words in entered.items() if "is forbidden" not in words}
    assert allowed == ({"exec", "attach", "portforward"} if role.endswith("active") else set())


def _says_of_entry(person: Api, namespace: str, way: str) -> str:
    """Return what the API server says of a way into a pod that no node has."""
    method = "PATCH" if way == "ephemeralcontainers" else "GET"
    try:
        person.request(method, f"{pods_in(namespace, 'look')}/{way}", command="id")
    except ApiError as error:
        return error.message
    return ""
