"""Credentials of runs, and the bucket that they write to, on a real store."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from glovebox.data.proofs import Outcome
from glovebox.errors import Forbidden, InvalidInput, Unavailable
from glovebox.store.buckets import DefaultRetention, default_retention, ensure_bucket
from glovebox.store.connection import Stop
from glovebox.store.credentials import MAX_POLICY, issue_credentials, session_policy
from glovebox.store.listing import list_versions
from glovebox.store.probes import prove_store
from support.lying_store import Answered, Asked, Liar, lying
from support.own_store import OPEN_ROLE, READER, ROLE

if TYPE_CHECKING:
    from glovebox.store.connection import Store, Stores, StoreSettings
    from glovebox.store.credentials import SessionCredentials

MONTH = DefaultRetention("COMPLIANCE", 30)
PREFIX = "team-a/run7/uid-1/"


async def credentials_of_a_run(store: Store, bucket: str) -> SessionCredentials:
    return await issue_credentials(
        store,
        role_arn=ROLE,
        bucket=bucket,
        prefix=PREFIX,
        session_name="run7",
        duration_seconds=900,
    )


async def test_a_run_writes_reads_and_lists_its_prefix_in_one_or_many_parts(
    store: Store, locked_bucket: str
) -> None:
    keys = await credentials_of_a_run(store, locked_bucket)
    run = store.with_credentials(keys.as_credentials()).s3
    run.put_object(Bucket=locked_bucket, Key=f"{PREFIX}model", Body=b"weights")
    assert run.get_object(Bucket=locked_bucket, Key=f"{PREFIX}model")["Body"].read() == b"weights"
    upload = run.create_multipart_upload(Bucket=locked_bucket, Key=f"{PREFIX}big")["UploadId"]
    part = run.upload_part(
        Bucket=locked_bucket, Key=f"{PREFIX}big", UploadId=upload, PartNumber=1, Body=b"x" * 100
    )
    parts: Any = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    run.complete_multipart_upload(
        Bucket=locked_bucket, Key=f"{PREFIX}big", UploadId=upload, MultipartUpload=parts
    )
    assert [
        found["Key"]
        for found in run.list_objects_v2(Bucket=locked_bucket, Prefix=PREFIX)["Contents"]
    ] == [
        f"{PREFIX}big",
        f"{PREFIX}model",
    ]
    for name in ("big", "model"):
        head = store.s3.head_object(Bucket=locked_bucket, Key=f"{PREFIX}{name}")
        assert head["ObjectLockMode"] == "COMPLIANCE"


@pytest.mark.parametrize("key", ["folder/", "any.versions/key", ".uploads/key", "a/.uploads/key"])
async def test_a_run_is_denied_the_keys_that_no_seal_could_hold(
    store: Store, locked_bucket: str, key: str
) -> None:
    keys = await credentials_of_a_run(store, locked_bucket)
    run = store.with_credentials(keys.as_credentials()).s3
    with pytest.raises(ClientError, match="AccessDenied"):
        run.put_object(Bucket=locked_bucket, Key=f"{PREFIX}{key}", Body=b"hidden")
    # Why: whoever is let write such a key leaves something without a lock, or something that no
    # list tells of.
    store.s3.put_object(Bucket=locked_bucket, Key=f"{PREFIX}{key}", Body=b"hidden")
    head = store.s3.head_object(Bucket=locked_bucket, Key=f"{PREFIX}{key}")
    listed = [each.key for each in list_versions(store.wire, locked_bucket, PREFIX, Stop())]
    if key.endswith("/"):
        assert {"ObjectLockMode", "VersionId"}.isdisjoint(head)
        assert head["ContentLength"] == 0
        return
    assert listed == []


async def test_a_run_may_write_keys_that_only_look_like_those(
    store: Store, locked_bucket: str
) -> None:
    keys = await credentials_of_a_run(store, locked_bucket)
    run = store.with_credentials(keys.as_credentials()).s3
    names = [
        f"{PREFIX}{name}"
        for name in (".hidden", "a.versions", "uploads/key", "versions/key", "x.uploads/key")
    ]
    for name in names:
        run.put_object(Bucket=locked_bucket, Key=name, Body=b"seen")
        assert (
            store.s3.head_object(Bucket=locked_bucket, Key=name)["ObjectLockMode"] == "COMPLIANCE"
        )
    assert sorted(
        each.key for each in list_versions(store.wire, locked_bucket, PREFIX, Stop())
    ) == sorted(names)


async def test_credentials_end_and_do_not_print_their_secrets(
    store: Store, locked_bucket: str
) -> None:
    keys = await credentials_of_a_run(store, locked_bucket)
    left = keys.expire_time - dt.datetime.now(dt.UTC)
    assert dt.timedelta(minutes=14) < left <= dt.timedelta(minutes=15, seconds=5)
    shown = repr(keys) + repr(keys.as_credentials()) + str(store.settings)
    assert keys.secret_access_key not in shown
    assert keys.session_token not in shown
    assert "glovebox-admin-secret" not in shown


def takes_no_action_of_sts(asked: Asked, _: Liar) -> Answered | None:
    """Refuse a policy as MinIO does: it knows the actions of S3 alone."""
    if b"Action=AssumeRole" not in asked.body or b"sts%3AAssumeRole" not in asked.body:
        return None
    body = (
        b"<ErrorResponse><Error><Code>InvalidParameterValue</Code><Message>unsupported action"
        b" 'sts:AssumeRole'</Message></Error></ErrorResponse>"
    )
    return Answered(400, body, {"Content-Type": "text/xml"})


@pytest.mark.parametrize(("role", "grows"), [(ROLE, False), (OPEN_ROLE, True)])
async def test_a_policy_without_sts_is_asked_for_and_whether_a_session_can_grow_is_tried(
    role: str,
    grows: bool,  # noqa: FBT001 - a column of the table
    stores: Stores,
    settings: StoreSettings,
    locked_bucket: str,
) -> None:
    assert settings.credentials is not None
    with lying(settings.endpoint, settings.credentials, takes_no_action_of_sts) as endpoint:
        like_minio = stores.open(type(settings)(endpoint, credentials=settings.credentials))
        keys = await issue_credentials(
            like_minio, role_arn=role, bucket=locked_bucket, prefix=PREFIX, session_name="run7"
        )
        now = dt.datetime.now(dt.UTC)
        proofs = await prove_store(like_minio, bucket=locked_bucket, role_arn=role, now=now)
    assert keys.session_token
    failed = [proof.name for proof in proofs if proof.outcome is Outcome.FAILED]
    assert failed == (["SessionDeniedGrowth"] if grows else [])


async def test_another_refusal_of_a_policy_is_told_in_the_words_of_the_store(
    stores: Stores, settings: StoreSettings, locked_bucket: str
) -> None:
    asked_for: list[Asked] = []

    def takes_no_policy(asked: Asked, _: Liar) -> Answered | None:
        if b"Action=AssumeRole" not in asked.body:
            return None
        asked_for.append(asked)
        body = (
            b"<ErrorResponse><Error><Code>MalformedPolicyDocument</Code><Message>no policies here"
            b"</Message></Error></ErrorResponse>"
        )
        return Answered(400, body, {"Content-Type": "text/xml"})

    assert settings.credentials is not None
    with lying(settings.endpoint, settings.credentials, takes_no_policy) as endpoint:
        picky = stores.open(type(settings)(endpoint, credentials=settings.credentials))
        with pytest.raises(InvalidInput, match="400 MalformedPolicyDocument: no policies here"):
            await credentials_of_a_run(picky, locked_bucket)
    assert len(asked_for) == 1


async def test_only_the_user_that_the_role_trusts_gets_credentials(
    stores: Stores, settings: StoreSettings, locked_bucket: str
) -> None:
    reader = stores.open(type(settings)(settings.endpoint, credentials=READER))
    with pytest.raises(Forbidden, match="assume role"):
        await issue_credentials(
            reader, role_arn=ROLE, bucket=locked_bucket, prefix=PREFIX, session_name="run7"
        )


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"duration_seconds": 899}, "InternalError"),
        ({"duration_seconds": 3601}, "InternalError"),
        ({"session_name": "a b"}, "InternalError"),
        ({"prefix": "team/run7"}, "BadPrefix"),
        ({"prefix": "team/*/"}, "BadPrefix"),
        ({"prefix": "team/${aws:username}/"}, "BadPrefix"),
        ({"prefix": "/team/"}, "BadPrefix"),
        ({"prefix": ""}, "BadPrefix"),
        ({"prefix": "x" * 900 + "/"}, "PolicyTooLong"),
    ],
)
async def test_what_could_grant_too_much_is_refused_before_anything_is_asked(
    options: dict[str, object], reason: str, store: Store
) -> None:
    arguments: dict[str, object] = {"prefix": PREFIX, "session_name": "run7"} | options
    with pytest.raises(InvalidInput) as refused:
        await issue_credentials(store, role_arn=ROLE, bucket="any", **arguments)  # type: ignore[arg-type]
    assert refused.value.reason == reason


def test_the_longest_names_of_an_experiment_fit_the_policy() -> None:
    policy = session_policy("b" * 63, f"{'t' * 63}/{'e' * 253}/{'0' * 36}/")
    assert len(policy) <= MAX_POLICY
    actions = [
        action
        for statement in json.loads(policy)["Statement"]
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
    ]
    assert sorted(actions) == [
        "s3:AbortMultipartUpload",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:ListBucket",
        "s3:ListMultipartUploadParts",
        "s3:PutObject",
    ]


async def test_a_bucket_is_created_with_lock_versions_and_default_retention_once(
    store: Store,
) -> None:
    assert await ensure_bucket(store, "made-once", create=True, lock_required=True, retention=MONTH)
    assert not await ensure_bucket(
        store,
        "made-once",
        create=True,
        lock_required=True,
        retention=DefaultRetention("COMPLIANCE", 60),
    )
    assert await default_retention(store, "made-once") == MONTH
    assert store.s3.get_bucket_versioning(Bucket="made-once")["Status"] == "Enabled"


async def test_a_bucket_whose_making_was_interrupted_is_completed(store: Store) -> None:
    store.s3.create_bucket(Bucket="half-made", ObjectLockEnabledForBucket=True)
    assert not await ensure_bucket(
        store, "half-made", create=True, lock_required=True, retention=MONTH
    )
    assert await default_retention(store, "half-made") == MONTH


async def test_a_bucket_without_lock_is_refused_unless_best_effort_is_enough(
    store: Store, data_bucket: str
) -> None:
    with pytest.raises(InvalidInput, match="enable object lock on this one") as refused:
        await ensure_bucket(store, data_bucket, create=True, lock_required=True, retention=MONTH)
    assert refused.value.reason == "LockRequired"
    assert not await ensure_bucket(
        store, data_bucket, create=True, lock_required=False, retention=MONTH
    )
    assert await default_retention(store, data_bucket) is None


async def test_a_bucket_that_is_not_there_is_named_and_waited_for(store: Store) -> None:
    with pytest.raises(Unavailable, match=r"set artifacts\.create to true") as missing:
        await ensure_bucket(store, "not-there", create=False, lock_required=True, retention=MONTH)
    assert missing.value.reason == "BucketNotFound"


async def test_a_user_who_may_not_create_is_told_so(
    stores: Stores, settings: StoreSettings
) -> None:
    reader = stores.open(type(settings)(settings.endpoint, credentials=READER))
    with pytest.raises(Forbidden, match="create bucket for-nobody"):
        await ensure_bucket(reader, "for-nobody", create=True, lock_required=True, retention=MONTH)
