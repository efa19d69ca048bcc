"""What the session of the inputs may read: what is granted and lent now, of that store."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from glovebox.api.input_status import InputManifest
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.experiment import artifact_credentials, input_credentials
from glovebox.controllers.experiment.input_credentials import (
    _Granted,
    _granted_now,
    _readables,
    ensure_input_credentials,
    issue_for,
)
from glovebox.desired.inputs import ResolvedInput
from glovebox.errors import InvalidInput, NotReady, Refused
from glovebox.kube.answers import NotFound
from glovebox.store.source_access import Location

GRANTED = (
    Location("data", "set/"),
    Location("artifacts", "team/"),
    Location("artifacts", ".glovebox/splits/team/"),
)


def store(endpoint: str = "http://192.0.2.1:8333", **more: Any) -> ObjectStore:
    sources = [{"bucket": "data", "prefix": "set/"}]
    access = {"namespaces": ["team", "lender"], "sources": sources, "lend": True}
    return ObjectStore.model_validate(
        {
            "metadata": {"name": "primary"},
            "spec": {
                "endpoint": endpoint,
                "artifacts": {"bucket": "artifacts"},
                "access": [access],
                **more,
            },
        }
    )


@pytest.mark.parametrize(
    ("live", "granted", "why"),
    [
        (store(), GRANTED, "as it was bound"),
        (None, (), "it is gone"),
        (store("http://198.51.100.1:8333"), (), "another store by now, that granted something"),
    ],
)
async def test_what_is_granted_counts_for_the_store_that_was_bound_alone(
    live: ObjectStore | None, granted: tuple[Location, ...], why: str
) -> None:
    resources = SimpleNamespace(parsed=lambda *_: live, of_kind=lambda _: (), get=lambda _: None)
    ports: Any = SimpleNamespace(resources=resources)
    item = ResolvedInput("train", "DatasetPin", "flights", "u", "sha256:1", "sha256:2")
    found = await _granted_now(ports, store(), item, "team")
    assert (found.locations, found.lends) == (granted, None), why


async def test_a_store_that_cannot_be_read_keeps_no_run_from_its_own_and_lends_nothing() -> None:
    def parsed(*_: object) -> ObjectStore:
        return ObjectStore.model_validate({"spec": {}})

    ports: Any = SimpleNamespace(resources=SimpleNamespace(parsed=parsed))
    item = ResolvedInput("train", "DatasetPin", "flights", "u", "sha256:1", "sha256:2")
    found = await _granted_now(ports, store(), item, "team")
    assert (found.locations, found.lends) == ((), None)
    with pytest.raises(Refused, match="does not let namespace 'lender' lend"):
        await _granted_now(ports, store(), lent(), "team")


def known(live: ObjectStore | None, status: Any = None) -> Any:
    obj = {"metadata": {"name": "primary"}, "spec": {}, "status": status or {}}
    if live is not None:
        obj["spec"] = live.spec.model_dump(by_alias=True, mode="json")
    resources = SimpleNamespace(
        parsed=lambda *_: live, of_kind=lambda _: (), get=lambda _: obj if live else None
    )
    return SimpleNamespace(resources=resources)


def lent(bucket: str = "", prefix: str = "") -> ResolvedInput:
    manifest = InputManifest(bucket="artifacts", key="m", version_id="v", digest="sha256:3")
    return ResolvedInput(
        "train",
        "DatasetPin",
        "lender/flights",
        "u",
        "sha256:1",
        "sha256:2",
        manifest=manifest,
        bucket=bucket,
        prefix=prefix,
    )


@pytest.mark.parametrize(
    ("live", "why"),
    [(None, "it is gone"), (store("http://198.51.100.1:8333"), "another store of the name lends")],
)
async def test_what_is_lent_is_lent_by_the_store_that_was_bound(
    live: ObjectStore | None, why: str
) -> None:
    with pytest.raises(Refused) as refused:
        await _granted_now(known(live), store(), lent(), "team")
    assert refused.value.reason == "StoreNotLending", why


@pytest.mark.parametrize(
    ("key", "is_lent"),
    [("set/a.csv", True), ("other/a.csv", False), ("settle/a.csv", False)],
)
@pytest.mark.parametrize("how", ["by a prefix", "by a manifest"])
async def test_no_more_is_read_of_another_namespace_than_it_may_lend(
    how: str,
    key: str,
    is_lent: bool,  # noqa: FBT001 - a column of the table
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A manifest may name what lies anywhere, and what may be lent may have changed since."""

    async def run_job(job: Any) -> Any:
        return job(None)

    entries = [SimpleNamespace(bucket="data", key=key)]
    monkeypatch.setattr(input_credentials, "fetch_manifest", lambda *_: iter(entries))
    item = lent("data", f"{key}/") if how == "by a prefix" else lent()
    granted = await _granted_now(known(store()), store(), item, "team")
    connection: Any = SimpleNamespace(run_job=run_job)
    if is_lent:
        assert len(await _readables(connection, item, granted)) == 2
        return
    with pytest.raises(Refused) as refused:
        await _readables(connection, item, granted)
    assert refused.value.reason == "StoreNotLending"


ROLE = {"roleArn": "arn:aws:iam::000000000000:role/Runner"}
TOO_WIDE = {
    "conditions": [{"type": "CredentialScopeProven", "status": "False", "message": "it listed all"}]
}


async def test_a_store_whose_sessions_reach_too_far_is_asked_for_none() -> None:
    """Neither for inputs nor for artifacts."""
    bound = store(sts=ROLE)
    ports = known(bound, TOO_WIDE)
    with pytest.raises(NotReady, match="it listed all"):
        await issue_for(ports, bound, "team", (), "session", 900)
    resolved: Any = SimpleNamespace(platform=SimpleNamespace(store=bound))
    scope: Any = SimpleNamespace(ports=ports)
    with pytest.raises(NotReady, match="it listed all"):
        await artifact_credentials._ask(scope, resolved)


async def test_a_store_without_a_role_gives_no_wider_credentials_instead() -> None:
    bound = store()
    assert bound.spec.sts is None
    with pytest.raises(InvalidInput, match="credentials that only read the inputs") as refused:
        await issue_for(known(bound), bound, "team", (lent(),), "session", 900)
    assert refused.value.reason == "StsNotConfigured"


async def test_of_data_whose_list_was_not_bound_nothing_is_read() -> None:
    """Not their prefix either: nobody could tell which versions of it were meant."""
    item = replace(lent("data", "set/"), manifest=None)
    with pytest.raises(InvalidInput, match="input `train`: no manifest was bound"):
        await _readables(cast("Any", None), item, _Granted())


async def test_what_several_stages_read_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has a session of its own; the list of a dataset may have millions of lines."""
    looked: list[str] = []
    issued: list[list[str]] = []

    async def readables(_: Any, item: ResolvedInput, __: Any) -> list[str]:
        looked.append(item.name)
        return [item.name]

    async def issue(*_: Any, readables: list[str], **__: Any) -> None:
        issued.append(readables)

    async def opened(*_: Any) -> None:
        return None

    monkeypatch.setattr(input_credentials, "_readables", readables)
    monkeypatch.setattr(input_credentials, "issue_input_credentials", issue)
    monkeypatch.setattr(input_credentials, "open_store", opened)
    monkeypatch.setattr(input_credentials, "decrypting_keys", lambda *_: ())
    bound = store(sts=ROLE)
    ports = known(bound)
    ports.metrics = SimpleNamespace(on_store=lambda _: nullcontext())
    train, test = (replace(lent(), name=name, store="primary") for name in ("train", "test"))
    covered: dict[str, list[Any]] = {}
    for given in ((train,), (train, test), (test,)):
        await issue_for(ports, bound, "team", given, "session", 900, covered)
    assert issued == [["train"], ["train", "test"], ["test"]]
    assert looked == ["train", "test"]


async def test_a_grant_that_was_withdrawn_a_moment_ago_issues_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each is asked for by a live read: the watch may not have told of it yet."""
    asked: list[str] = []

    async def require_live(_: Any, grant: Any, now: datetime) -> None:
        del now
        asked.append(grant)
        raise Refused("GrantRevoked", "withdrawn")

    async def get(*_: Any) -> Any:
        raise NotFound("NotFound", "nothing is there yet")

    monkeypatch.setattr(input_credentials, "require_live", require_live)
    inputs = [
        SimpleNamespace(name="other", reading_grants=["of another input"]),
        SimpleNamespace(name="train", reading_grants=["of this one"]),
    ]
    scope: Any = SimpleNamespace(
        ports=SimpleNamespace(reader=SimpleNamespace(get=get)),
        namespace="gbx-team-exp-0123456789",
        experiment=SimpleNamespace(
            status=SimpleNamespace(inputs=inputs), spec=SimpleNamespace(stages=())
        ),
        now=datetime(2026, 1, 1, tzinfo=UTC),
    )
    credentials = SimpleNamespace(duration_seconds=900)
    profile = SimpleNamespace(spec=SimpleNamespace(credentials=credentials))
    platform = SimpleNamespace(profile=profile, input_stores=())
    resolved: Any = SimpleNamespace(datasets=(lent(),), lapsed={}, platform=platform)
    with pytest.raises(Refused, match="withdrawn"):
        await ensure_input_credentials(scope, resolved)
    assert asked == ["of this one"]


async def test_the_session_that_ends_first_is_renewed_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those of several stores lie in one Secret, which is written as a whole."""
    now, ends = datetime(2026, 1, 1, tzinfo=UTC), {"one": 3600, "two": 900, "three": 7200}
    written: list[datetime] = []

    async def issue(_: Any, store: Any, *__: Any) -> Any:
        return SimpleNamespace(expire_time=now + timedelta(seconds=ends[store.name]))

    async def write(_: Any, metadata: Any, files: Any, expire: datetime, **__: Any) -> None:
        del metadata, files
        written.append(expire)

    async def get(*_: Any) -> Any:
        raise NotFound("NotFound", "nothing is there yet")

    monkeypatch.setattr(input_credentials, "issue_for", issue)
    monkeypatch.setattr(input_credentials, "write_session", write)
    monkeypatch.setattr(input_credentials, "authorities_of", lambda *_: "")
    monkeypatch.setattr(input_credentials, "credentials_files", lambda *_: {})
    monkeypatch.setattr(input_credentials, "session_metadata", lambda *_: {})
    status = SimpleNamespace(inputs=())
    scope: Any = SimpleNamespace(
        ports=SimpleNamespace(reader=SimpleNamespace(get=get)),
        namespace="gbx-team-exp-0123456789",
        experiment=SimpleNamespace(
            status=status, namespace="team", uid="u", spec=SimpleNamespace(stages=())
        ),
        key="Experiment/team/exp",
        now=now,
    )
    credentials = SimpleNamespace(duration_seconds=900)
    profile = SimpleNamespace(spec=SimpleNamespace(credentials=credentials))
    stores = tuple(SimpleNamespace(name=name) for name in ends)
    platform = SimpleNamespace(profile=profile, input_stores=stores)
    datasets = tuple(replace(lent(), name=name, store=name) for name in ends)
    resolved: Any = SimpleNamespace(datasets=datasets, lapsed={}, platform=platform)
    again = await ensure_input_credentials(scope, resolved)
    assert written == [now + timedelta(seconds=900)]
    assert again is not None
    assert again < 900
