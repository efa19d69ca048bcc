"""A session for inputs on a real store: it reads the pinned versions, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from glovebox.errors import Forbidden
from glovebox.store.connection import Stop
from glovebox.store.errors import translated
from glovebox.store.input_credentials import (
    issue_input_credentials,
    readable_manifest,
    readable_objects,
    readable_prefix,
)
from glovebox.store.manifests import fetch_manifest
from glovebox.store.pins import ManifestLock, PrefixSource, build_pin
from support.fetching import Pod, dataset
from support.own_store import ROLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from glovebox.store.connection import Store
    from support.own_store import RunningStore


FORBIDDEN: list[tuple[str, Callable[[S3Client, str, str, str], object]]] = [
    (
        "write below the prefix",
        lambda s3, data, _, __: s3.put_object(Bucket=data, Key="set/new", Body=b"x"),
    ),
    (
        "overwrite a pinned object",
        lambda s3, data, _, __: s3.put_object(Bucket=data, Key="set/a", Body=b"x"),
    ),
    ("delete", lambda s3, data, _, __: s3.delete_object(Bucket=data, Key="set/a")),
    (
        "delete a version",
        lambda s3, data, _, version: s3.delete_object(Bucket=data, Key="set/a", VersionId=version),
    ),
    ("read beside the prefix", lambda s3, data, _, __: s3.get_object(Bucket=data, Key="set2/b")),
    ("read elsewhere", lambda s3, data, _, __: s3.get_object(Bucket=data, Key="secret")),
    ("list the prefix", lambda s3, data, _, __: s3.list_objects_v2(Bucket=data, Prefix="set/")),
    ("list versions", lambda s3, data, _, __: s3.list_object_versions(Bucket=data)),
    ("list buckets' content", lambda s3, _, artifacts, __: s3.list_objects_v2(Bucket=artifacts)),
    (
        "write a manifest",
        lambda s3, _, artifacts, __: s3.put_object(
            Bucket=artifacts, Key=".glovebox/manifests/x", Body=b"x"
        ),
    ),
    (
        "read artifacts",
        lambda s3, _, artifacts, __: s3.get_object(Bucket=artifacts, Key="team/run/model"),
    ),
    (
        "take off a hold",
        lambda s3, data, _, version: s3.put_object_legal_hold(
            Bucket=data, Key="set/a", VersionId=version, LegalHold={"Status": "OFF"}
        ),
    ),
]


async def test_a_session_for_inputs_delivers_them_and_reaches_nothing_else(
    store: Store, data_bucket: str, locked_bucket: str, tmp_path: Path, seaweed: RunningStore
) -> None:
    version = store.s3.put_object(Bucket=data_bucket, Key="set/a", Body=b"pinned")["VersionId"]
    for key in ("set2/b", "secret"):
        store.s3.put_object(Bucket=data_bucket, Key=key, Body=b"other")
    store.s3.put_object(Bucket=locked_bucket, Key="team/run/model", Body=b"weights")
    source = PrefixSource(data_bucket, "set/")
    built = await build_pin(store, source, artifacts_bucket=locked_bucket, lock=ManifestLock())
    readables = [readable_prefix(source), readable_manifest(built.manifest)]
    keys = await issue_input_credentials(
        store, role_arn=ROLE, readables=readables, session_name="inputs", duration_seconds=900
    )
    pod = Pod(tmp_path / "pod", seaweed.endpoint, keys.as_credentials())
    pod.plan(dataset(built))
    assert pod.fetch().code == 0
    assert pod.file("train", "a").read_bytes() == b"pinned"
    session = store.with_credentials(keys.as_credentials()).s3
    for name, attempt in FORBIDDEN:
        with pytest.raises(Forbidden), translated(name):
            attempt(session, data_bucket, locked_bucket, version)


async def test_keys_with_odd_letters_can_be_granted_one_by_one(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    names = ("x y+%25&<", "ä/日本")
    for name in (*names, "other"):
        store.s3.put_object(Bucket=data_bucket, Key=name, Body=name.encode())
    built = await build_pin(
        store, PrefixSource(data_bucket, ""), artifacts_bucket=locked_bucket, lock=ManifestLock()
    )
    entries = [
        entry for entry in fetch_manifest(store, built.manifest, Stop()) if entry.path in names
    ]
    readables = readable_objects((entry.bucket, entry.key) for entry in entries)
    keys = await issue_input_credentials(
        store, role_arn=ROLE, readables=readables, session_name="inputs", duration_seconds=900
    )
    session = store.with_credentials(keys.as_credentials())
    for entry in entries:
        response = session.wire.get(entry.bucket, entry.key, {"versionId": entry.version_id})
        assert response.read() == entry.path.encode()
    with pytest.raises(Forbidden), translated("read another key"):
        session.s3.get_object(Bucket=data_bucket, Key="other")
