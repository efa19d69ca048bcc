"""The bucket of artifacts: created with a lock on request, refused when it has none."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final, Literal

from glovebox.api import reasons
from glovebox.errors import GloveboxError, InvalidInput, Unavailable
from glovebox.store.answers import NOT_FOUND_STATUS, PRECONDITION_STATUS, answer_of
from glovebox.store.encryption import Encryption, named, shown
from glovebox.store.errors import translated
from glovebox.store.putting import checksum

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CreateBucketConfigurationTypeDef, DefaultRetentionTypeDef

    from glovebox.store.connection import Store

# Where small objects of our own are written to see what a store does.
PROBE_ROOT: Final = ".glovebox/probe/"


@dataclasses.dataclass(frozen=True, slots=True)
class DefaultRetention:
    """What locks each object version on arrival, without the writer's doing.

    Args:
        mode: COMPLIANCE holds against everybody, GOVERNANCE only against those without a certain
            right.
        days: 1 or more.
    """

    mode: Literal["COMPLIANCE", "GOVERNANCE"]
    days: int


async def ensure_bucket(
    store: Store, bucket: str, *, create: bool, lock_required: bool, retention: DefaultRetention
) -> bool:
    """Ensure that the bucket exists, versioned, and locked where required.

    Returns whether it was created.

    Safe to repeat at any point: a bucket that was created, but not yet given its default retention,
    is completed.

    Args:
        store: Opened with the operator's credentials.
        bucket: Its name.
        create: Create it when it is missing, and set its default retention when it has none, and
            its default encryption when it has none but the store's own and the settings of the
            store ask for another. An existing rule is left alone.
        lock_required: Refuse a bucket without object lock.
        retention: The default retention of a bucket that we create.

    Raises:
        InvalidInput: `LockRequired` or `VersioningRequired`.
        GloveboxError: `BucketNotFound` and not told to create it; the store does not answer or
            denies it.
    """
    return await store.run(_ensure, store, bucket, create, lock_required, retention)


async def default_retention(store: Store, bucket: str) -> DefaultRetention | None:
    """Return the bucket's default retention; None without a lock, or without a default."""
    return (await store.run(read_lock, store, bucket))[1]


def _ensure(
    store: Store,
    bucket: str,
    create: bool,  # noqa: FBT001 - called with names, by `ensure_bucket` alone
    lock_required: bool,  # noqa: FBT001 - as above
    retention: DefaultRetention,
) -> bool:
    created = False
    if not _exists(store, bucket):
        if not create:
            raise Unavailable(
                reasons.BUCKET_NOT_FOUND,
                f"bucket {bucket} does not exist; create it with object lock, or set"
                " artifacts.create to true",
            )
        _create(store, bucket)
        created = True
    locked, rule = read_lock(store, bucket)
    if lock_required and not locked:
        raise InvalidInput(
            reasons.LOCK_REQUIRED,
            f"bucket {bucket} exists without object lock, so nothing in it can be protected; name"
            " another bucket and let it be created (artifacts.create: true), enable object lock on"
            " this one, or set artifacts.worm to BestEffort",
        )
    _require_versioning(store, bucket, created=created)
    if create and locked and rule is None:
        _set_default(store, bucket, retention)
    if create and store.settings.encryption is not None:
        _encrypt_by_default(store, bucket, store.settings.encryption)
    return created


def read_encryption(store: Store, bucket: str) -> tuple[str, str]:
    """Return algorithm and key of the bucket's default; two empty texts without one. Blocks."""
    try:
        with translated(f"read the default encryption of bucket {bucket}, for `spec.encryption`"):
            answer = store.s3.get_bucket_encryption(Bucket=bucket)
    except GloveboxError as error:
        if error.reason == reasons.ENCRYPTION_REQUIRED:
            return "", ""
        raise
    # A store may leave out whatever it does not know: what is not said is not so.
    for rule in answer.get("ServerSideEncryptionConfiguration", {}).get("Rules", ()):
        default = rule.get("ApplyServerSideEncryptionByDefault")
        if default is not None:
            return default.get("SSEAlgorithm", ""), default.get("KMSMasterKeyID", "")
    return "", ""


def read_lock(store: Store, bucket: str) -> tuple[bool, DefaultRetention | None]:
    """Return whether the bucket has object lock, and its default retention. Blocks."""
    try:
        with translated(f"read the object lock of bucket {bucket}"):
            answer = store.s3.get_object_lock_configuration(Bucket=bucket)
    except GloveboxError as error:
        if error.reason == reasons.LOCK_REQUIRED:
            return False, None
        raise
    configuration = answer.get("ObjectLockConfiguration", {})
    if configuration.get("ObjectLockEnabled") != "Enabled":
        return False, None
    rule = configuration.get("Rule", {}).get("DefaultRetention", {})
    mode, days = rule.get("Mode"), rule.get("Days") or (rule.get("Years") or 0) * 365
    return True, DefaultRetention(mode, days) if mode and days else None


def _exists(store: Store, bucket: str) -> bool:
    doing = f"look for bucket {bucket}"
    try:
        # A HEAD would be answered without a word on why not; this tells wrong keys from missing
        # rights.
        store.s3.list_objects_v2(Bucket=bucket, MaxKeys=1)
    except Exception as error:
        answer = answer_of(error)
        if answer is not None and answer.status == NOT_FOUND_STATUS and answer.code:
            return False
        with translated(doing):
            raise
    return True


def _create(store: Store, bucket: str) -> None:
    region = store.settings.region
    # us-east-1 is the one region that must not be named.
    where: CreateBucketConfigurationTypeDef = {}
    if region != "us-east-1":
        where["LocationConstraint"] = region  # type: ignore[typeddict-item]  # any text, to us
    with translated(f"create bucket {bucket} with object lock"):
        if where:
            store.s3.create_bucket(
                Bucket=bucket, ObjectLockEnabledForBucket=True, CreateBucketConfiguration=where
            )
        else:
            store.s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)


def _require_versioning(store: Store, bucket: str, *, created: bool) -> None:
    with translated(f"read the versioning of bucket {bucket}"):
        status = store.s3.get_bucket_versioning(Bucket=bucket).get("Status")
    if status == "Enabled":
        return
    if not created:
        raise InvalidInput(
            reasons.VERSIONING_REQUIRED,
            f"bucket {bucket} does not keep versions (versioning is {status or 'off'}), so nothing"
            " in it can be pinned or protected; enable versioning on it",
        )
    with translated(f"enable versioning on bucket {bucket}"):
        store.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


def _encrypt_by_default(store: Store, bucket: str, wanted: Encryption) -> None:
    """Set the default where nobody chose one; a key that somebody chose is not replaced."""
    algorithm, key = read_encryption(store, bucket)
    if wanted.is_same(algorithm, key):
        return
    if algorithm not in ("", Encryption().algorithm):
        raise InvalidInput(
            reasons.ENCRYPTION_REQUIRED,
            f"bucket {bucket} encrypts by default as {named(algorithm, key)}, and"
            f" `spec.encryption` says {wanted}; set its default encryption to that"
            " (put-bucket-encryption), or say what the bucket does",
        )
    _require_encrypts(store, bucket, wanted)
    with translated(f"set the default encryption of bucket {bucket} to {wanted}"):
        store.s3.put_bucket_encryption(
            Bucket=bucket,
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": wanted.rule}]
            },
        )


def _require_encrypts(store: Store, bucket: str, wanted: Encryption) -> None:
    """Refuse a default that the store cannot do: with one nobody could write there any more.

    Tried with an object that is written once for each encryption.
    """
    key, body = (
        f"{PROBE_ROOT}encrypted-{wanted.trial}",
        b"Written with the request to be encrypted.\n",
    )
    with translated(f"write s3://{bucket}/{key} with {wanted}, as `spec.encryption` says"):
        try:
            store.s3.put_object(
                Bucket=bucket, Key=key, Body=body, ChecksumSHA256=checksum(body), IfNoneMatch="*"
            )
        except Exception as error:
            answer = answer_of(error)
            if answer is None or answer.status != PRECONDITION_STATUS:
                raise
        found = store.wire.head(bucket, key, {})
    if not wanted.is_shown(found):
        raise InvalidInput(
            reasons.ENCRYPTION_REQUIRED,
            f"s3://{bucket}/{key} was written with the request for {wanted}, and shows"
            f" {shown(found)}: the store does something else. Set up its KMS, use a store that"
            " encrypts, or take `spec.encryption` out",
        )


def _set_default(store: Store, bucket: str, retention: DefaultRetention) -> None:
    rule: DefaultRetentionTypeDef = {"Mode": retention.mode, "Days": retention.days}
    with translated(f"set the default retention of bucket {bucket}"):
        store.s3.put_object_lock_configuration(
            Bucket=bucket,
            ObjectLockConfiguration={
                "ObjectLockEnabled": "Enabled",
                "Rule": {"DefaultRetention": rule},
            },
        )
