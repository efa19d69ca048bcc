"""What stages are given: one Secret of the keys that they name, and each pod its own of them."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from glovebox import names
from glovebox.api.stage_secrets import OfferedSecret
from glovebox.api.stages import Stage
from glovebox.desired.run import INPUTS_VOLUME, pod_spec
from glovebox.desired.stage_secrets import (
    asked_secrets,
    check_versions,
    is_as_bound,
    secret_mounts,
    secret_variables,
    secret_volumes,
    stage_secrets,
    version_of,
)
from glovebox.errors import InvalidInput, NotReady
from golden.cases import inputs_from

LABELS = {names.LABEL_MANAGED_BY: names.MANAGED_BY}
METADATA: dict[str, Any] = {"namespace": "gbx-a", "labels": LABELS}
TRACKING = OfferedSecret(name="tracking", namespace="ml", secret_name="mlflow")
CLOUD = OfferedSecret(name="cloud", namespace="$(team)", secret_name="gcp")
OFFERED = (CLOUD, TRACKING)


def source(uid: str = "u", version: str = "7", kind: str = "Opaque", **data: bytes) -> Any:
    encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
    metadata = {"name": "s", "uid": uid, "resourceVersion": version}
    return {"metadata": metadata, "type": kind, "data": encoded}


SOURCES = {
    "tracking": source(token=b"hunter2", url=b"https://a"),
    "cloud": source("v", key=b"{}", other=b"\xff"),
}
VERSIONS = {"tracking": "u/7", "cloud": "v/7"}


def stage(*given: dict[str, Any], name: str = "train", **more: Any) -> Stage:
    return Stage.model_validate(
        {"name": name, "image": "trainer", "command": ["a"], "secrets": given, **more}
    )


BY_VARIABLE = {"name": "tracking", "key": "token", "env": "TRACKING_TOKEN"}
BY_FILE = {"name": "cloud", "key": "key"}
STAGES = (stage(BY_VARIABLE, BY_FILE), stage(BY_FILE, name="score"), stage(name="other"))


def made(stages: tuple[Stage, ...] = STAGES, **sources: Any) -> dict[str, Any]:
    return stage_secrets(METADATA, stages, OFFERED, SOURCES | sources)


def test_the_copy_holds_the_keys_that_stages_name_and_no_others() -> None:
    secret = made()
    assert (secret["metadata"]["name"], secret["type"]) == ("glovebox-stage-secrets", "Opaque")
    assert secret["immutable"] is True
    assert {key: base64.b64decode(value) for key, value in secret["data"].items()} == {
        "tracking.token": b"hunter2",
        "cloud.key": b"{}",
    }


def test_a_stage_has_its_own_and_no_other_has_any() -> None:
    train, score, other = STAGES
    variable = {
        "name": "TRACKING_TOKEN",
        "valueFrom": {"secretKeyRef": {"name": "glovebox-stage-secrets", "key": "tracking.token"}},
    }
    folder = {"name": "GLOVEBOX_SECRETS", "value": "/var/run/glovebox/secrets"}
    assert secret_variables(train) == [variable, folder]
    assert secret_variables(score) == [folder]
    items = [{"key": "cloud.key", "path": "cloud/key"}]
    for each in (train, score):
        (volume,) = secret_volumes(each)
        assert volume["secret"] == {"secretName": "glovebox-stage-secrets", "items": items}
        assert secret_mounts(each) == [
            {
                "name": volume["name"],
                "mountPath": "/var/run/glovebox/secrets",
                "readOnly": True,
            }
        ]
    assert (secret_variables(other), secret_mounts(other), secret_volumes(other)) == ([], [], [])
    alone = stage(BY_VARIABLE)
    assert (secret_mounts(alone), secret_volumes(alone)) == ([], []), "a variable is no file"


def test_in_a_pod_the_program_alone_has_them() -> None:
    image = {"kind": "Resolved", "platformImage": "registry.example/glovebox@sha256:" + "2" * 64}
    pod = pod_spec(inputs_from(image), STAGES[0])
    (program,) = pod["containers"]
    assert "TRACKING_TOKEN" in {each["name"] for each in program["env"]}
    assert "stage-secrets" in {each["name"] for each in program["volumeMounts"]}
    assert {each["name"] for each in pod["initContainers"]} == {"fetch", "session"}
    for each in pod["initContainers"]:
        assert "env" not in each
        mounted = {mount["name"] for mount in each["volumeMounts"]}
        assert "stage-secrets" not in mounted
    assert INPUTS_VOLUME in {each["name"] for each in pod["volumes"]}


def test_a_variable_has_one_value_and_a_secret_goes_before_a_default() -> None:
    given = stage({"name": "tracking", "key": "token", "env": "HOME"})
    (program,) = pod_spec(inputs_from(), given)["containers"]
    (found,) = (each for each in program["env"] if each["name"] == "HOME")
    assert found["valueFrom"]["secretKeyRef"]["key"] == "tracking.token"


def test_asked_for_are_the_secrets_of_all_stages() -> None:
    spec = {"stages": [each.model_dump(by_alias=True, exclude_none=True) for each in STAGES]}
    asks = inputs_from({"kind": "Experiment", "spec": spec}).experiment
    assert asked_secrets(asks) == ("cloud", "tracking")
    assert asked_secrets(inputs_from().experiment) == ()


@pytest.mark.parametrize(
    ("stages", "sources", "says"),
    [
        (
            (stage({"name": "tracking", "key": "password"}),),
            {},
            "the Secret that the profile calls 'tracking' has no key 'password'",
        ),
        (
            STAGES,
            {"tracking": source(kind="kubernetes.io/service-account-token", token=b"a")},
            "is of type 'kubernetes.io/service-account-token', which opens the API server",
        ),
        (STAGES, {"tracking": source(kind="bootstrap.kubernetes.io/token", token=b"a")}, "type"),
        ((stage({"name": "cloud", "key": "other", "env": "X"}),), {}, "'other' of the Secret"),
        (STAGES, {"tracking": source(token=b"a\0b")}, "is no text, and no environment variable"),
        (STAGES, {"cloud": source(key=b"x" * (1 << 20))}, "more than the 1048576 of one Secret"),
        (
            STAGES,
            {"cloud": source(key=b"\n".join(b"line %d" % number for number in range(1000)))},
            "has 1003 lines and texts, more than the 1000 that are looked for in a log",
        ),
        (STAGES, {"tracking": {"metadata": source()["metadata"]}}, "has no key 'token'"),
    ],
)
def test_what_cannot_be_given_is_told_without_what_it_holds(
    stages: tuple[Stage, ...], sources: dict[str, Any], says: str
) -> None:
    with pytest.raises(NotReady) as refused:
        made(stages, **sources)
    assert refused.value.reason == "SecretInvalid"
    assert says in refused.value.message
    assert refused.value.retry_seconds, "nothing tells when it is corrected"
    assert "hunter2" not in refused.value.message


def test_what_is_no_text_is_given_as_a_file() -> None:
    secret = made((stage({"name": "cloud", "key": "other"}),))
    assert base64.b64decode(secret["data"]["cloud.other"]) == b"\xff"


def test_only_a_whole_copy_of_the_very_versions_is_what_was_bound() -> None:
    secret = made()
    assert is_as_bound(secret, LABELS, VERSIONS)
    assert not is_as_bound(secret, LABELS, VERSIONS | {"cloud": "v/8"})
    assert not is_as_bound(secret, LABELS, {})
    for touched in (
        secret | {"data": {"tracking.token": "eA=="}},
        secret | {"data": None},
        secret | {"type": "other"},
        secret | {"immutable": False},
        secret | {"metadata": secret["metadata"] | {"annotations": None}},
        secret | {"metadata": secret["metadata"] | {"labels": {}}},
        secret | {"metadata": secret["metadata"] | {"labels": None}},
    ):
        assert not is_as_bound(touched, LABELS, VERSIONS)


@pytest.mark.parametrize("now", [source("u", "8"), source("other", "7")])
def test_a_source_that_was_written_or_created_again_is_another_version(now: Any) -> None:
    check_versions("team", OFFERED, SOURCES, VERSIONS)
    with pytest.raises(InvalidInput) as refused:
        check_versions("team", OFFERED, SOURCES | {"tracking": now}, VERSIONS)
    assert refused.value.reason == "SecretChanged"
    assert "Secret 'mlflow' in namespace 'ml' (`tracking` of the profile)" in str(refused.value)
    with pytest.raises(InvalidInput):
        check_versions("team", OFFERED, SOURCES, {"cloud": "v/7"})


def test_a_version_tells_nothing_of_what_is_in_it() -> None:
    other = source("u", "7", token=b"another")
    assert version_of(SOURCES["tracking"]) == version_of(other) == "u/7"


@pytest.mark.parametrize(
    ("namespace", "teams", "team", "offered"),
    [
        ("ml", (), "flights", False),
        ("ml", ("flights",), "flights", True),
        ("ml", ("flights",), "trains", False),
        ("ml", ("*",), "trains", True),
        ("$(team)", (), "trains", True),
        ("vault-$(team)", ("flights",), "trains", False),
    ],
)
def test_a_secret_is_offered_to_those_whom_the_profile_names(
    namespace: str,
    teams: tuple[str, ...],
    team: str,
    offered: bool,  # noqa: FBT001
) -> None:
    entry = OfferedSecret(name="a", namespace=namespace, secret_name="s", teams=teams)
    assert entry.is_for(team) is offered


def test_the_namespace_of_the_team_stands_for_its_placeholder() -> None:
    entry = OfferedSecret(name="a", namespace="vault-$(team)", secret_name="s")
    assert entry.place("flights") == ("vault-flights", "s")
