"""One Secret for the kubelet, made of those that a profile names."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from glovebox import names
from glovebox.desired.pull_secret import KEY, TYPE, is_as_wanted, is_as_written, pull_secret
from glovebox.errors import NotReady

METADATA: dict[str, Any] = {
    "namespace": "gbx-a",
    "labels": {names.LABEL_MANAGED_BY: names.MANAGED_BY},
}
COMPANY = {"registry.example": {"auth": "Y29tcGFueTpzZWNyZXQ="}}
OTHER = {"other.example": {"username": "ann", "password": "secret"}}


def source(name: str, document: object, kind: str = TYPE, key: str = KEY) -> dict[str, Any]:
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    data = {key: base64.b64encode(text).decode()}
    return {"metadata": {"name": name, "resourceVersion": "7"}, "type": kind, "data": data}


def content(secret: dict[str, Any]) -> Any:
    return json.loads(base64.b64decode(secret["data"][KEY]))


def test_all_registries_are_in_one_secret_of_a_fixed_name() -> None:
    made = pull_secret(METADATA, [source("a", {"auths": COMPANY}), source("b", {"auths": OTHER})])
    assert (made["metadata"]["name"], made["type"]) == ("glovebox-image-pull", TYPE)
    assert content(made) == {"auths": COMPANY | OTHER}


def test_of_a_docker_configuration_only_the_registries_are_copied() -> None:
    document = {"auths": COMPANY, "credHelpers": {"x": "y"}, "HttpHeaders": {"X": "z"}}
    assert content(pull_secret(METADATA, [source("a", document)])) == {"auths": COMPANY}


def test_the_order_in_which_registries_are_written_makes_no_other_secret() -> None:
    one = pull_secret(METADATA, [source("a", {"auths": COMPANY | OTHER})])
    assert one == pull_secret(METADATA, [source("a", {"auths": OTHER | COMPANY})])


def test_one_registry_twice_is_taken_when_both_say_the_same_and_refused_otherwise() -> None:
    twice = [source("a", {"auths": COMPANY}), source("b", {"auths": COMPANY})]
    assert content(pull_secret(METADATA, twice)) == {"auths": COMPANY}
    differing = {"registry.example": {"auth": "b3RoZXI="}}
    with pytest.raises(NotReady) as refused:
        pull_secret(METADATA, [source("a", {"auths": COMPANY}), source("b", {"auths": differing})])
    assert refused.value.reason == "PullSecretInvalid"
    assert "Secrets 'a' and 'b' both name the registry 'registry.example'" in refused.value.message
    assert "b3RoZXI=" not in refused.value.message
    assert refused.value.retry_seconds, "nothing tells when it is corrected"


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (source("a", {"auths": COMPANY}, kind="Opaque"), "is of type 'Opaque'"),
        (source("a", {"auths": COMPANY}, kind="kubernetes.io/dockercfg"), "dockercfg"),
        (source("a", COMPANY), "says nothing of registries under `auths`"),
        (source("a", {"auths": []}), "says nothing of registries under `auths`"),
        (source("a", {"auths": {"x": "secret"}}), "says nothing of registries"),
        (source("a", [1]), "says nothing of registries"),
        (source("a", b"{"), "says nothing of registries"),
        (source("a", {"auths": {"x": {"n": 1.5}}}), "says nothing of registries"),
        (source("a", {"auths": COMPANY}, key="config.json"), "says nothing of registries"),
        ({"metadata": {"name": "a"}, "type": TYPE}, "says nothing of registries"),
        (source("a", {"auths": {"x": {"auth": "s" * (1 << 20)}}}), "too large together"),
    ],
)
def test_what_opens_no_registry_is_told_without_what_it_holds(
    bad: dict[str, Any], says: str
) -> None:
    with pytest.raises(NotReady) as refused:
        pull_secret(METADATA, [bad])
    assert refused.value.reason == "PullSecretInvalid"
    assert says in refused.value.message
    assert "secret" not in refused.value.message.replace("kubectl create secret", "")
    assert len(refused.value.message) < 1000


def changed(secret: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**secret, **changes}


def test_a_copy_that_somebody_changed_is_told_from_one_whose_source_changed() -> None:
    wanted = pull_secret(METADATA, [source("a", {"auths": COMPANY})])
    former = pull_secret(METADATA, [source("a", {"auths": OTHER})])
    assert is_as_wanted(wanted, wanted)
    assert is_as_written(former)
    assert not is_as_wanted(former, wanted)
    for touched in (
        changed(wanted, data=former["data"]),
        changed(wanted, type="Opaque"),
        changed(wanted, immutable=True),
        changed(wanted, metadata={**wanted["metadata"], "annotations": {}}),
    ):
        assert not is_as_written(touched)
        assert not is_as_wanted(touched, wanted)
    unmarked = changed(wanted, metadata={**wanted["metadata"], "labels": {}})
    assert not is_as_wanted(unmarked, wanted)
