"""The checks of versions, locks and conditional writes.

Each judges by what is left, not by what the store says.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from glovebox.data.counting import counted
from glovebox.store.answers import FORBIDDEN_STATUS, PRECONDITION_STATUS
from glovebox.store.errors import translated
from glovebox.store.probe_bench import (
    CANARY,
    CANARY_BODY,
    DEFAULT_LOCKED,
    OVERWRITE_BODY,
    DisprovenError,
    NotProvableError,
    attempt,
)

if TYPE_CHECKING:
    from glovebox.store.probe_bench import CheckedBucket

_SHORT: Final = timedelta(minutes=5)


def versioning_enabled(checked: CheckedBucket) -> str:
    """Versioning is switched on."""
    with translated(f"read the versioning of bucket {checked.bucket}"):
        status = checked.store.s3.get_bucket_versioning(Bucket=checked.bucket).get("Status")
    if status != "Enabled":
        raise DisprovenError(
            f"versioning of bucket {checked.bucket} is {status or 'off'}; enable it"
        )
    return "versioning is enabled"


def overwritten_version_kept(checked: CheckedBucket) -> str:
    """An older version keeps its bytes when its key is written again."""
    canary = checked.canary
    with translated(f"write over the canary in bucket {checked.bucket}"):
        checked.overwrite()
    if checked.read(CANARY, canary) != CANARY_BODY:
        raise DisprovenError(
            f"after its key was written again, an older version in bucket {checked.bucket} lost its"
            f" bytes; {_USE_ANOTHER}"
        )
    return "an older version kept its bytes when its key was written again"


def locked_on_request(checked: CheckedBucket) -> str:
    """A lock that is asked for is there afterwards."""
    _require_lock(checked)
    lock = checked.retained(CANARY, checked.canary)
    if lock.mode != "COMPLIANCE" or lock.until is None or lock.until <= checked.now:
        raise DisprovenError(
            f"an object written with COMPLIANCE retention shows mode {lock.mode} until"
            f" {lock.until}: the lock was ignored; {_USE_ANOTHER}"
        )
    return f"a canary is locked in COMPLIANCE until {lock.until:%Y-%m-%dT%H:%M:%SZ}"


def locked_by_default(checked: CheckedBucket) -> str:
    """What is written without a lock is locked by the bucket: sessions of runs cannot name one."""
    _require_lock(checked)
    rule = checked.lock[1]
    if rule is None:
        raise DisprovenError(
            f"bucket {checked.bucket} has no default retention, so what runs write is not locked;"
            " set one (put-object-lock-configuration)"
        )
    store, bucket = checked.store, checked.bucket
    refusal = attempt(lambda: checked.write(store, DEFAULT_LOCKED, CANARY_BODY, IfNoneMatch="*"))
    if refusal is not None and refusal.status != PRECONDITION_STATUS:
        raise NotProvableError(
            f"could not write an object without a lock of its own (the store said {refusal.shown})"
        )
    lock = checked.retained(DEFAULT_LOCKED, checked.current(DEFAULT_LOCKED))
    if lock.until is not None and lock.until <= checked.now:
        with translated(f"write s3://{bucket}/{DEFAULT_LOCKED} again, whose lock ended"):
            checked.write(store, DEFAULT_LOCKED, CANARY_BODY)
        lock = checked.retained(DEFAULT_LOCKED, checked.current(DEFAULT_LOCKED))
    if lock.mode != rule.mode or lock.until is None or lock.until <= checked.now:
        raise DisprovenError(
            f"an object written without a lock of its own shows mode {lock.mode} until"
            f" {lock.until}, although the bucket's default is {rule.mode} for"
            f" {counted(rule.days, 'day')};"
            f" {_USE_ANOTHER}"
        )
    days = counted(rule.days, "day")
    return f"what is written without a lock of its own is locked: {rule.mode} for {days}"


def survives_delete(checked: CheckedBucket) -> str:
    """A locked version cannot be deleted.

    First shows that the operator may delete versions at all: else a refusal says nothing.
    """
    _require_lock(checked)
    s3, canary = checked.store.s3, checked.canary
    with translated(f"put a delete marker over the canary in bucket {checked.bucket}"):
        marker = s3.delete_object(Bucket=checked.bucket, Key=CANARY).get("VersionId")
    if marker == canary or not marker:
        _require_bytes(checked, "a delete that names no version destroyed a locked version")
        raise NotProvableError(
            "the store gave no version to a delete marker, so it is unknown whether the"
            " operator may delete versions"
        )
    control = attempt(lambda: s3.delete_object(Bucket=checked.bucket, Key=CANARY, VersionId=marker))
    refusal = attempt(lambda: s3.delete_object(Bucket=checked.bucket, Key=CANARY, VersionId=canary))
    _require_bytes(checked, "a locked version was deleted by its version id")
    if control is not None and control.status == FORBIDDEN_STATUS:
        raise NotProvableError(
            "the operator may not delete versions at all, so the refusal says nothing of the lock; "
            "allow it s3:DeleteObjectVersion on .glovebox/probe/*"
        )
    return f"deleting the locked version {_told(refusal)}; its bytes are still there"


def survives_bypass(checked: CheckedBucket) -> str:
    """A version locked in COMPLIANCE cannot be deleted by asking to bypass the lock."""
    _require_lock(checked)
    canary = checked.canary
    refusal = attempt(
        lambda: checked.store.s3.delete_object(
            Bucket=checked.bucket, Key=CANARY, VersionId=canary, BypassGovernanceRetention=True
        )
    )
    _require_bytes(
        checked, "a version locked in COMPLIANCE was deleted by asking to bypass the lock"
    )
    return f"deleting it with a bypass {_told(refusal)}; its bytes are still there"


def keeps_its_end(checked: CheckedBucket) -> str:
    """COMPLIANCE retention cannot be shortened."""
    _require_lock(checked)
    canary = checked.canary
    before = checked.retained(CANARY, canary)
    refusal = attempt(
        lambda: checked.store.s3.put_object_retention(
            Bucket=checked.bucket,
            Key=CANARY,
            VersionId=canary,
            Retention={"Mode": "COMPLIANCE", "RetainUntilDate": checked.now + _SHORT},
            BypassGovernanceRetention=True,
        )
    )
    after = checked.retained(CANARY, canary)
    if after.until is None or before.until is None or after.until < before.until:
        raise DisprovenError(
            f"COMPLIANCE retention was shortened from {before.until} to {after.until};"
            f" {_USE_ANOTHER}"
        )
    return (
        f"shortening the retention {_told(refusal)}; it still ends at"
        f" {after.until:%Y-%m-%dT%H:%M:%SZ}"
    )


def keeps_its_mode(checked: CheckedBucket) -> str:
    """COMPLIANCE cannot be turned into GOVERNANCE, which can be bypassed.

    It finds what a plain delete does not.
    """
    _require_lock(checked)
    canary = checked.canary
    before = checked.retained(CANARY, canary)
    until = before.until or checked.now + _SHORT
    refusal = attempt(
        lambda: checked.store.s3.put_object_retention(
            Bucket=checked.bucket,
            Key=CANARY,
            VersionId=canary,
            Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until + _SHORT},
            BypassGovernanceRetention=True,
        )
    )
    after = checked.retained(CANARY, canary)
    if after.mode != "COMPLIANCE":
        raise DisprovenError(
            f"COMPLIANCE retention was changed to {after.mode}, which can be bypassed;"
            f" {_USE_ANOTHER}"
        )
    return f"downgrading the retention {_told(refusal)}; it is still COMPLIANCE"


def survives_overwrite(checked: CheckedBucket) -> str:
    """A locked version keeps its bytes when its key is written again."""
    _require_lock(checked)
    return overwritten_version_kept(checked)


def second_write_refused(checked: CheckedBucket) -> str:
    """`If-None-Match: *` on a key that exists is refused, so that evidence is written once."""
    canary = checked.canary
    if checked.read(CANARY, canary) is None:
        raise NotProvableError("the canary is gone, so there is no existing key to write to")
    refusal = attempt(lambda: checked.put(CANARY, OVERWRITE_BODY, IfNoneMatch="*"))
    if refusal is None:
        raise DisprovenError(
            "a write with If-None-Match: * replaced an existing object, so nothing can be written"
            " once; use a store that honours it"
        )
    if refusal.status != PRECONDITION_STATUS:
        raise NotProvableError(f"a write with If-None-Match: * got {refusal.shown} instead of 412")
    return "a second write with If-None-Match: * got 412"


_USE_ANOTHER: Final = "do not keep evidence on this store; use one whose lock holds"


def _require_lock(checked: CheckedBucket) -> None:
    if not checked.lock[0]:
        raise DisprovenError(
            f"bucket {checked.bucket} has no object lock; use a bucket that was created with one"
        )


def _require_bytes(checked: CheckedBucket, what: str) -> None:
    if checked.canary_bytes() != CANARY_BODY:
        raise DisprovenError(f"{what}; {_USE_ANOTHER}")


def _told(refusal: object) -> str:
    return (
        f"was refused ({refusal})"
        if refusal is not None
        else "was answered with success, but had no effect"
    )
