"""What an ObjectStore says of encryption and of a proxy is how the operator opens it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from glovebox.api.object_store import ObjectStore
from glovebox.controllers.store_connections import (
    decrypting_keys,
    encrypting_keys,
    open_store,
)
from glovebox.kube.resources import Resources
from glovebox.names import API_VERSION
from glovebox.store.connection import StoreSettings
from glovebox.store.encryption import Encryption

if TYPE_CHECKING:
    from glovebox.controllers.ports import Ports

ENDPOINT = "https://192.0.2.1:8333"
PROXY = "http://192.0.2.7:3128"
STS = {"roleArn": "arn:aws:iam::000000000000:role/Runner", "endpoint": "https://sts.example"}


def obj(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": "ObjectStore",
        "metadata": {"name": "primary", "uid": "1", "resourceVersion": "1"},
        "spec": {"endpoint": ENDPOINT, "artifacts": {"bucket": "artifacts"}, **spec},
    }


def ports(live: dict[str, Any] | None, opened: list[StoreSettings] | None = None) -> Ports:
    resources = Resources()
    if live is not None:
        resources.seen(live)
    stores = SimpleNamespace(open=(opened if opened is not None else []).append)
    return cast("Ports", SimpleNamespace(resources=resources, stores=stores, store_credentials={}))


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, {}),
        ({"encryption": {"type": "SSE-S3"}}, {"encryption": Encryption()}),
        (
            {"encryption": {"type": "SSE-KMS", "keyId": "team-key"}},
            {"encryption": Encryption("team-key")},
        ),
        ({"proxy": {"url": PROXY}}, {"proxy": PROXY, "sts_proxy": PROXY}),
        # Not None: what the environment says must not count either.
        (
            {"proxy": {"url": PROXY, "noProxy": ["192.0.2.1"]}},
            {"proxy": "", "sts_proxy": ""},
        ),
        (
            {"proxy": {"url": PROXY, "noProxy": ["sts.example"]}, "sts": STS},
            {"proxy": PROXY, "sts_proxy": "", "sts_endpoint": "https://sts.example"},
        ),
    ],
)
async def test_a_store_is_opened_as_it_says(spec: dict[str, Any], expected: dict[str, Any]) -> None:
    opened: list[StoreSettings] = []
    document = obj(**spec)
    await open_store(ports(document, opened), ObjectStore.model_validate(document))
    assert opened == [StoreSettings(ENDPOINT, **expected)]


def test_a_run_may_use_the_key_that_was_bound_and_the_one_of_now() -> None:
    bound = ObjectStore.model_validate(obj(encryption={"type": "SSE-KMS", "keyId": "old"}))
    now = obj(encryption={"type": "SSE-KMS", "keyId": "new"}, sourceKeyIds=["data"])
    assert encrypting_keys(ports(now), bound) == ("old", "new")
    assert decrypting_keys(ports(now), bound) == ("old", "new", "data")
    assert encrypting_keys(ports(None), bound) == decrypting_keys(ports(None), bound) == ("old",)
    assert encrypting_keys(ports(obj()), ObjectStore.model_validate(obj())) == ()
