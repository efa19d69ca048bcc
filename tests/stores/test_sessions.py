"""Credentials of runs and for inputs: what they may, and all that they are denied."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, cast

import pytest

from cluster.store.test_input_credentials import FORBIDDEN
from glovebox.errors import Forbidden, GloveboxError, InvalidInput
from glovebox.store.connection import Credentials, Stop
from glovebox.store.credentials import issue_credentials
from glovebox.store.errors import translated
from glovebox.store.input_credentials import (
    issue_input_credentials,
    readable_manifest,
    readable_objects,
    readable_prefix,
)
from glovebox.store.listing import list_key
from glovebox.store.manifests import fetch_manifest
from glovebox.store.pins import ManifestLock, PrefixSource, build_pin
from glovebox.store.putting import checksum

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3 import S3Client

    from glovebox.store.connection import Store
    from stores.expected import Expected
    from support.running_stores import OtherStore

PREFIX = "team-a/run7/uid-1/"
OWN = f"{PREFIX}model"
OTHER = "team-a/run70/uid-2/model"
A_ROLE = "arn:aws:iam::000000000000:role/Runner"

DENIED: list[tuple[str, Callable[[S3Client, str, str], object]]] = [
    ("write for another run", lambda s3, b, _: s3.put_object(Bucket=b, Key=OTHER, Body=b"x")),
    (
        "write beside the prefix",
        lambda s3, b, _: s3.put_object(Bucket=b, Key=PREFIX[:-1], Body=b"x"),
    ),
    (
        "write evidence",
        lambda s3, b, _: s3.put_object(Bucket=b, Key=".glovebox/seals/x", Body=b"x"),
    ),
    ("read of another run", lambda s3, b, _: s3.get_object(Bucket=b, Key=OTHER)),
    (
        "copy from another run",
        lambda s3, b, _: s3.copy_object(
            Bucket=b, Key=f"{PREFIX}copy", CopySource={"Bucket": b, "Key": OTHER}
        ),
    ),
    ("list the bucket", lambda s3, b, _: s3.list_objects_v2(Bucket=b)),
    ("list another run", lambda s3, b, _: s3.list_objects_v2(Bucket=b, Prefix="team-a/run70/")),
    ("list all versions", lambda s3, b, _: s3.list_object_versions(Bucket=b)),
    ("delete", lambda s3, b, _: s3.delete_object(Bucket=b, Key=OWN)),
    ("delete a version", lambda s3, b, v: s3.delete_object(Bucket=b, Key=OWN, VersionId=v)),
    (
        "bypass",
        lambda s3, b, v: s3.delete_object(
            Bucket=b, Key=OWN, VersionId=v, BypassGovernanceRetention=True
        ),
    ),
    (
        "take off a hold",
        lambda s3, b, v: s3.put_object_legal_hold(
            Bucket=b, Key=OWN, VersionId=v, LegalHold={"Status": "OFF"}
        ),
    ),
    (
        "write with a hold",
        lambda s3, b, _: s3.put_object(
            Bucket=b, Key=f"{PREFIX}held", Body=b"x", ObjectLockLegalHoldStatus="ON"
        ),
    ),
    ("a folder key", lambda s3, b, _: s3.put_object(Bucket=b, Key=f"{PREFIX}folder/", Body=b"x")),
    (
        "a folder of versions",
        lambda s3, b, _: s3.put_object(Bucket=b, Key=f"{PREFIX}any.versions/key", Body=b"x"),
    ),
    (
        "a folder of uploads",
        lambda s3, b, _: s3.put_object(Bucket=b, Key=f"{PREFIX}.uploads/key", Body=b"x"),
    ),
]


async def test_a_run_may_use_its_own_prefix_and_nothing_else(
    store: Store, locked_bucket: str, running: OtherStore, expected: Expected
) -> None:
    asked: dict[str, Any] = {
        "role_arn": running.role or A_ROLE,
        "bucket": locked_bucket,
        "prefix": PREFIX,
        "session_name": "run7",
    }
    if expected.issues_nothing:
        with pytest.raises(GloveboxError, match=expected.issues_nothing):
            await issue_credentials(store, **asked)
        return
    store.s3.put_object(Bucket=locked_bucket, Key=OTHER, Body=b"x", **_summed(b"x"))
    keys = await issue_credentials(store, **asked)
    run = store.with_credentials(keys.as_credentials())
    version = _writes_reads_and_lists(run.s3, locked_bucket)
    summing = cast("S3Client", _Summing(run.s3))
    again = functools.partial(
        run.sts.assume_role, RoleArn=asked["role_arn"], RoleSessionName="again"
    )
    let = {
        name for name, attempt in DENIED if _is_let(name, attempt, summing, locked_bucket, version)
    }
    let |= {"assume the role again"} if _is_let("again", lambda *_: again()) else set()
    assert let == expected.lets
    head = store.s3.head_object(Bucket=locked_bucket, Key=OWN)
    assert (head["VersionId"], head["ObjectLockMode"]) == (version, "COMPLIANCE")


def _is_let(name: str, attempt: Callable[..., object], *on: object) -> bool:
    """Whether an attempt is let; if not, it has to be for want of a right."""
    try:
        with translated(name):
            attempt(*on)
    except Forbidden:
        return False
    return True


def _writes_reads_and_lists(s3: S3Client, bucket: str) -> str:
    body = b"weights"
    version = s3.put_object(Bucket=bucket, Key=OWN, Body=body, **_summed(body))["VersionId"]
    assert s3.get_object(Bucket=bucket, Key=OWN)["Body"].read() == body
    big: Any = {"Bucket": bucket, "Key": f"{PREFIX}big"}
    upload = s3.create_multipart_upload(**big, ChecksumAlgorithm="SHA256")["UploadId"]
    part = s3.upload_part(**big, UploadId=upload, PartNumber=1, Body=body, **_summed(body))
    one = {"ETag": part["ETag"], "PartNumber": 1, "ChecksumSHA256": part.get("ChecksumSHA256")}
    parts: Any = {"Parts": [{name: value for name, value in one.items() if value is not None}]}
    s3.complete_multipart_upload(**big, UploadId=upload, MultipartUpload=parts)
    ended = s3.create_multipart_upload(**big)["UploadId"]
    s3.abort_multipart_upload(**big, UploadId=ended)
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=PREFIX)["Contents"]
    assert [each["Key"] for each in listed] == [f"{PREFIX}big", OWN]
    return version


async def test_a_session_that_assumes_the_role_again_reaches_what_is_of_others_where_it_may(
    store: Store, data_bucket: str, running: OtherStore, expected: Expected
) -> None:
    """Why such a store is refused under `BestEffort` too: without a lock others lose their data."""
    if expected.issues_nothing:
        pytest.skip("it issues no sessions: there is none to grow")
    asked: dict[str, Any] = {"bucket": data_bucket, "prefix": PREFIX, "session_name": "run7"}
    issued = await issue_credentials(store, role_arn=running.role or A_ROLE, **asked)
    run = store.with_credentials(issued.as_credentials())
    grow: dict[str, Any] = {"RoleArn": running.role, "RoleSessionName": "again"}
    if not expected.refused_always:
        with pytest.raises(Forbidden), translated("assume the role again"):
            run.sts.assume_role(**grow)
        return
    keys = run.sts.assume_role(**grow)["Credentials"]
    grown = store.with_credentials(
        Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    )
    version = store.s3.put_object(Bucket=data_bucket, Key=OTHER, Body=b"theirs")["VersionId"]
    assert grown.s3.get_object(Bucket=data_bucket, Key=OTHER)["Body"].read() == b"theirs"
    grown.s3.delete_object(Bucket=data_bucket, Key=OTHER, VersionId=version)
    assert list_key(store.wire, data_bucket, OTHER, Stop()) == []


async def test_a_session_for_inputs_reads_them_and_nothing_else(
    store: Store, data_bucket: str, locked_bucket: str, running: OtherStore, expected: Expected
) -> None:
    names = ("set/a", "set/x y+%25&<", "set/ä/日本", "set2/b", "secret")
    versions = {
        name: store.s3.put_object(Bucket=data_bucket, Key=name, Body=name.encode())["VersionId"]
        for name in names
    }
    model = "team/run/model"
    store.s3.put_object(Bucket=locked_bucket, Key=model, Body=b"weights", **_summed(b"weights"))
    source = PrefixSource(data_bucket, "set/")
    built = await build_pin(store, source, artifacts_bucket=locked_bucket, lock=ManifestLock())
    entries = list(fetch_manifest(store, built.manifest, Stop()))
    one_by_one = readable_objects((entry.bucket, entry.key) for entry in entries)
    manifest = readable_manifest(built.manifest)
    for readables in ((readable_prefix(source), manifest), (*one_by_one, manifest)):
        asked: dict[str, Any] = {
            "role_arn": running.role or A_ROLE,
            "readables": readables,
            "session_name": "inputs",
        }
        if expected.issues_nothing:
            with pytest.raises(GloveboxError, match=expected.issues_nothing):
                await issue_input_credentials(store, **asked)
            continue
        keys = await issue_input_credentials(store, **asked)
        session = store.with_credentials(keys.as_credentials())
        assert len(list(fetch_manifest(session, built.manifest, Stop()))) == len(entries) == 3
        for entry in entries:
            found = session.wire.get(entry.bucket, entry.key, {"versionId": entry.version_id})
            assert found.read() == entry.key.encode()
        summing = cast("S3Client", _Summing(session.s3))
        for name, attempt in FORBIDDEN:
            with pytest.raises(Forbidden), translated(name):
                attempt(summing, data_bucket, locked_bucket, versions["set/a"])


async def test_a_colon_in_the_name_of_an_input_is_granted_or_said_to_be_in_the_way(
    store: Store, data_bucket: str, running: OtherStore, expected: Expected
) -> None:
    keys = ("set/10:30", "set/10.30")
    for key in keys:
        store.s3.put_object(Bucket=data_bucket, Key=key, Body=key.encode())
    asked: dict[str, Any] = {
        "role_arn": running.role or A_ROLE,
        "readables": readable_objects([(data_bucket, keys[0])]),
        "session_name": "inputs",
    }
    refusal = expected.issues_nothing or ("MalformedPolicyDocument.*has a ':'")
    if expected.issues_nothing or not expected.takes_colons:
        with pytest.raises(InvalidInput, match=refusal):
            await issue_input_credentials(store, **asked)
        return
    issued = await issue_input_credentials(store, **asked)
    session = store.with_credentials(issued.as_credentials())
    assert session.s3.get_object(Bucket=data_bucket, Key=keys[0])["Body"].read() == b"set/10:30"
    with pytest.raises(Forbidden), translated("read its neighbour"):
        session.s3.get_object(Bucket=data_bucket, Key=keys[1])


def _summed(body: bytes) -> dict[str, Any]:
    """Return the checksum that a program of a run gives where the store demands one."""
    return {"ChecksumSHA256": checksum(body)}


class _Summing:
    """A client that gives a checksum with each object, as programs have to on some stores."""

    def __init__(self, s3: S3Client) -> None:
        self._s3 = s3

    def put_object(self, **asked: Any) -> Any:
        return self._s3.put_object(**asked, **_summed(asked["Body"]))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)
