"""What an ObjectStore says of encryption and of a proxy is how the operator opens it."""

from __future__ import annotations

import contextlib
from base64 import b64encode
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from glovebox.api import reasons
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.experiment import artifact_credentials, input_credentials
from glovebox.controllers.store_access import source_access
from glovebox.controllers.store_connections import (
    are_keys_due,
    decrypting_keys,
    encrypting_keys,
    note_check,
    note_proven,
    note_refusal,
    notice_other_keys,
    open_store,
)
from glovebox.errors import Forbidden
from glovebox.kube.answers import NotFound
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


async def test_each_session_gets_the_keys_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run's those that the bucket encrypts with; a reader's those of the sources as well."""
    document = obj(
        encryption={"type": "SSE-KMS", "keyId": "own"},
        sourceKeyIds=["data"],
        sts={"roleArn": "arn:aws:iam::000000000000:role/Runner"},
    )
    store, given = ObjectStore.model_validate(document), ports(document)
    issued: dict[str, tuple[str, ...]] = {}

    def issuing(who: str) -> Any:
        async def issue(*_: object, key_ids: tuple[str, ...], **__: object) -> None:
            issued[who] = key_ids

        return issue

    monkeypatch.setattr(artifact_credentials, "issue_credentials", issuing("run"))
    monkeypatch.setattr(input_credentials, "issue_input_credentials", issuing("inputs"))
    given.metrics = SimpleNamespace(on_store=lambda _: contextlib.nullcontext())  # type: ignore[assignment]
    profile = SimpleNamespace(spec=SimpleNamespace(credentials=SimpleNamespace(duration_seconds=1)))
    experiment = SimpleNamespace(
        uid="u", namespace="team", name="exp", spec=SimpleNamespace(stages=())
    )
    scope: Any = SimpleNamespace(ports=given, experiment=experiment)
    resolved: Any = SimpleNamespace(platform=SimpleNamespace(store=store, profile=profile))
    await artifact_credentials._ask(scope, resolved)
    await input_credentials.issue_for(given, store, "team", (), "session", 900)
    assert issued == {"run": ("own",), "inputs": ("own", "data")}
    assert (await source_access(given, store, "team")).key_ids == ("own", "data")


# -- other keys in its Secret


class Platform:
    """The platform's namespace with the Secret of a store, and a clock."""

    def __init__(self) -> None:
        self.keys: str | None = "AKIAOLD"
        self.reads, self.time = 0, 0.0
        self.ports = cast(
            "Ports",
            SimpleNamespace(
                reader=self,
                clock=lambda: self.time,
                settings=SimpleNamespace(namespace="glovebox-system"),
                store_credentials={},
                checked_keys={},
                resources=Resources(),
                stores=SimpleNamespace(open=lambda settings: SimpleNamespace(settings=settings)),
            ),
        )
        self.store = ObjectStore.model_validate(obj(credentialsSecretRef={"name": "keys"}))

    async def get(self, *_: object) -> dict[str, Any]:
        self.reads += 1
        if self.keys is None:
            raise NotFound("NotFound", "it is not there")
        values = {"accessKeyId": self.keys, "secretAccessKey": "s"}
        return {"data": {name: b64encode(one.encode()).decode() for name, one in values.items()}}

    async def look(self, *, seconds: float = 60.0) -> bool:
        self.time += seconds
        return await notice_other_keys(self.ports, self.store)

    async def check(self) -> None:
        connection = await open_store(self.ports, self.store, fresh=True)
        note_check(self.ports, self.store, connection)

    @property
    def is_due(self) -> bool:
        return are_keys_due(self.ports, self.store)

    @property
    def used(self) -> str:
        return self.ports.store_credentials["keys"].access_key_id


async def test_other_keys_are_used_and_due_until_a_check_with_them_ends_well() -> None:
    platform = Platform()
    assert not await platform.look(), "with which ones it was checked before is not known"
    assert not await platform.look()
    platform.keys = "AKIANEW"
    assert await platform.look()
    assert (platform.used, platform.is_due) == ("AKIANEW", True)
    assert not await platform.look(), "they are news once"
    await platform.check()
    assert platform.is_due, "a check that fails may be held back, and is made again"
    await platform.check()
    note_proven(platform.ports, platform.store)
    assert not await platform.look()
    assert not platform.is_due


async def test_the_secret_is_read_once_a_minute_at_most() -> None:
    platform = Platform()
    await platform.check()
    for _ in range(12):
        await platform.look(seconds=10.0)
    assert platform.reads == 1 + 2


async def test_a_secret_that_is_away_says_nothing_and_is_asked_for_no_more_often() -> None:
    platform = Platform()
    await platform.look()
    platform.keys = None
    assert not await platform.look()
    assert not await platform.look(seconds=1.0)
    assert (platform.reads, platform.is_due, platform.used) == (2, False, "AKIAOLD")
    platform.keys = "AKIANEW"
    assert await platform.look()


async def test_keys_that_a_refusal_had_read_again_are_news_to_the_store_all_the_same() -> None:
    platform = Platform()
    await platform.check()
    platform.keys = "AKIANEW"
    note_refusal(platform.ports, Forbidden(reasons.STORE_FORBIDDEN, "it is denied"))
    await open_store(platform.ports, platform.store)
    assert platform.used == "AKIANEW"
    assert await platform.look()
