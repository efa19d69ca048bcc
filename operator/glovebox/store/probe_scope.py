"""The checks of a run's session: what it can do in its prefix, and all it must be denied."""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from glovebox.store.answers import NOT_FOUND_STATUS, PRECONDITION_STATUS
from glovebox.store.errors import translated
from glovebox.store.listing import head_current, list_versions
from glovebox.store.probe_bench import (
    CANARY,
    NO_ROLE,
    ROOT,
    DisprovenError,
    NotProvableError,
    attempt,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3.type_defs import CopySourceTypeDef

    from glovebox.store.answers import AnswerError
    from glovebox.store.probe_bench import CheckedBucket

OWN: Final = f"{ROOT}x/canary"
SIBLING: Final = f"{ROOT}x0/canary"
OTHER: Final = f"{ROOT}other/canary"
FOLDER: Final = f"{ROOT}x/folder/"
HIDDEN: Final = f"{ROOT}x/canary.versions/hidden"
WEAK: Final = f"{ROOT}x/weak-lock"
_BODY: Final = b"Written by the session of a run.\n"
_DENIALS: Final = (401, 403)
_WEAK_LOCK: Final = timedelta(minutes=5)
_NO_DEFAULT: Final = timedelta(hours=12)


def may_use_own_prefix(checked: CheckedBucket) -> str:
    """The session writes and reads below its own prefix; else every denial says nothing."""
    session = checked.session
    refusal = attempt(lambda: checked.write(session, OWN, _BODY, IfNoneMatch="*"))
    # 412: written by an earlier proof. The right was checked before the condition.
    if refusal is not None and refusal.status != PRECONDITION_STATUS:
        if refusal.status not in _DENIALS:
            # Not the role's doing: how it was asked.
            raise NotProvableError(
                f"a session's write below its own prefix got {refusal.shown}, which is not a denial"
            )
        raise DisprovenError(
            f"a session may not write below its own prefix (the store said {refusal.shown});"
            f" {_CHECK_ROLE}"
        )
    read = attempt(lambda: session.s3.get_object(Bucket=checked.bucket, Key=OWN))
    if read is not None:
        raise DisprovenError(
            f"a session may not read below its own prefix (the store said {read.shown});"
            f" {_CHECK_ROLE}"
        )
    return "a session writes and reads below its own prefix"


def denied_other_prefix(checked: CheckedBucket) -> str:
    """The session cannot write below another prefix."""
    return _denied(checked, "write below another prefix", lambda: _put(checked, OTHER))


def denied_sibling_prefix(checked: CheckedBucket) -> str:
    """The session of `x/` cannot write below `x0/`."""
    return _denied(
        checked,
        "write below a prefix that only begins alike (x0/ beside x/)",
        lambda: _put(checked, SIBLING),
    )


def denied_foreign_read(checked: CheckedBucket) -> str:
    """The session cannot read what lies outside its prefix."""
    return _denied(
        checked,
        "read outside its prefix",
        lambda: checked.session.s3.get_object(Bucket=checked.bucket, Key=CANARY),
    )


def denied_foreign_list(checked: CheckedBucket) -> str:
    """The session cannot list what lies outside its prefix."""
    return _denied(
        checked,
        "list outside its prefix",
        lambda: checked.session.s3.list_objects_v2(
            Bucket=checked.bucket, Prefix=f"{ROOT}x0/", MaxKeys=1
        ),
    )


def denied_foreign_copy(checked: CheckedBucket) -> str:
    """The session cannot copy into its prefix what lies outside it.

    The condition never holds, so nothing would be written.
    """
    _ = checked.session  # when no session can be had at all, that is the finding
    with translated(f"look at the canary in bucket {checked.bucket}"):
        etag = checked.store.s3.head_object(Bucket=checked.bucket, Key=CANARY)["ETag"]
    source: CopySourceTypeDef = {"Bucket": checked.bucket, "Key": CANARY}
    return _denied(
        checked,
        "copy from outside its prefix",
        lambda: checked.session.s3.copy_object(
            Bucket=checked.bucket, Key=OWN, CopySource=source, CopySourceIfNoneMatch=etag
        ),
    )


def denied_weaker_lock(checked: CheckedBucket) -> str:
    """The session cannot ask for a weaker lock than the bucket's default.

    It is judged by the lock that is there, if the write was let through.
    """
    _ = checked.session  # as above
    until = checked.now + _WEAK_LOCK
    refusal = attempt(
        lambda: checked.write(
            checked.session,
            WEAK,
            _BODY,
            IfNoneMatch="*",
            ObjectLockMode="GOVERNANCE",
            ObjectLockRetainUntilDate=until,
        )
    )
    # 412: it was let write by an earlier proof.
    if refusal is not None and refusal.status != PRECONDITION_STATUS:
        return _judged("ask for a weaker lock than the default", refusal)
    if not checked.lock[0]:
        raise NotProvableError(
            f"bucket {checked.bucket} has no object lock, so there is none to be weakened"
        )
    with translated(f"look at s3://{checked.bucket}/{WEAK}"):
        head = checked.store.s3.head_object(Bucket=checked.bucket, Key=WEAK)
    lock = checked.retained(WEAK, checked.current(WEAK))
    mode, end = lock.mode, lock.until
    # From the store's own clock alone; a default is a day at least.
    if mode is None or end is None or end - head["LastModified"] < _NO_DEFAULT:
        raise DisprovenError(
            f"a session could write with a lock of its own choice: mode {mode} until {end},"
            " weaker than the bucket's default; deny s3:PutObjectRetention to the role of"
            " spec.sts.roleArn. Where that changes nothing (the session's own policy denies it"
            " already), the store asks for no right to it: do not issue credentials with it"
        )
    return (
        f"a session asked for a weaker lock than the default and got {mode} until"
        f" {end:%Y-%m-%dT%H:%M:%SZ}"
    )


def denied_folder_key(checked: CheckedBucket) -> str:
    """The session cannot write a key that ends in `/`, or it is sealed as any other.

    There are stores that give such a key neither version nor lock.
    """
    return _denied_or_sealed(checked, "write a key that ends in '/'", FOLDER)


def denied_hidden_key(checked: CheckedBucket) -> str:
    """The session cannot write where a store keeps versions, or any list shows it."""
    what = "write where no listing would show it (canary.versions/)"
    return _denied_or_sealed(checked, what, HIDDEN)


def denied_delete(checked: CheckedBucket) -> str:
    """The session cannot delete what it wrote, not even by a marker, which no lock prevents."""
    marker: list[str] = []

    def request() -> None:
        marker.append(
            checked.session.s3.delete_object(Bucket=checked.bucket, Key=OWN).get("VersionId", "")
        )

    try:
        return _denied(checked, "delete what it wrote", request)
    finally:
        # Taken away again, so that later proofs find what the session wrote.
        for version_id in filter(None, marker):
            remove = functools.partial(
                checked.store.s3.delete_object, Bucket=checked.bucket, Key=OWN
            )
            attempt(functools.partial(remove, VersionId=version_id))


def denied_retention(checked: CheckedBucket) -> str:
    """The session cannot change a retention; tried with an extension, which no lock prevents."""
    _ = checked.session  # when no session can be had at all, that is the finding
    until = checked.now + timedelta(days=1)
    now_until = checked.retained(OWN, checked.current(OWN)).until
    if now_until is not None:
        until = now_until + timedelta(seconds=1)
    return _denied(
        checked,
        "change a retention",
        lambda: checked.session.s3.put_object_retention(
            Bucket=checked.bucket,
            Key=OWN,
            Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until},
        ),
    )


def denied_hold(checked: CheckedBucket) -> str:
    """The session cannot change a legal hold."""
    return _denied(
        checked,
        "remove a legal hold",
        lambda: checked.session.s3.put_object_legal_hold(
            Bucket=checked.bucket, Key=OWN, LegalHold={"Status": "OFF"}
        ),
    )


def denied_growth(checked: CheckedBucket) -> str:
    """The session cannot assume the role again, which would free it of its policy."""
    role = checked.role_arn
    if role is None:
        raise NotProvableError(NO_ROLE)
    refusal = attempt(
        lambda: checked.session.sts.assume_role(
            RoleArn=role, RoleSessionName="glovebox-growth", DurationSeconds=900
        )
    )
    if refusal is None:
        raise DisprovenError(
            f"a session assumed {role} again, without its limits, so that it reaches what others"
            " keep there; let the role's trust policy name the operator's user alone, never '*'."
            " Where it does, the store takes a session for its user: issue no credentials with it"
            " (take out spec.sts), or use another store"
        )
    return _judged("assume the role again", refusal)


_CHECK_ROLE: Final = "check what the role of spec.sts.roleArn allows"


def _put(checked: CheckedBucket, key: str) -> object:
    return checked.write(checked.session, key, _BODY, IfNoneMatch="*")


def _denied(checked: CheckedBucket, what: str, request: Callable[[], object]) -> str:
    _ = checked.session  # when no session can be had at all, that is the finding
    refusal = attempt(request)
    # 412 and the store's own 404 come from behind the gate: the right was there.
    is_behind = refusal is not None and refusal.status == NOT_FOUND_STATUS and refusal.code
    if refusal is None or is_behind or refusal.status == PRECONDITION_STATUS:
        raise DisprovenError(
            f"a session could {what}; the store does not honour session policies, so do not issue"
            " credentials with it"
        )
    return _judged(what, refusal)


def _denied_or_sealed(checked: CheckedBucket, what: str, key: str) -> str:
    """Judge an odd key by what is left: one that is versioned, locked and listed hides nothing.

    A store may honour the policy, and read its patterns in another way.
    """
    _ = checked.session  # when no session can be had at all, that is the finding
    refusal = attempt(lambda: _put(checked, key))
    if refusal is not None and refusal.status != PRECONDITION_STATUS:
        return _judged(what, refusal)
    lost = _lost(checked, key)
    if lost:
        raise DisprovenError(
            f"a session could {what}, and {lost}; the store does not honour session policies, so do"
            " not issue credentials with it"
        )
    return f"a session could {what}, and what it wrote is versioned, locked and listed"


def _lost(checked: CheckedBucket, key: str) -> str:
    """Return what no seal could hold of a key that a session wrote; empty where it is as others."""
    with translated(f"look at the versions of s3://{checked.bucket}/{key}"):
        first = head_current(checked.store.wire, checked.bucket, key)
    if first is None:
        return "it is not there"
    if first.version_id == "null":
        return "it has no version"
    if checked.lock[1] is not None and checked.retained(key, first.version_id).mode is None:
        return "no lock is on it"
    # Below the session's prefix, as a seal lists: asked for alone, a hidden key may be shown.
    rows = list_versions(checked.store.wire, checked.bucket, f"{ROOT}x/", checked.stop)
    if all(row.key != key or row.version_id != first.version_id for row in rows):
        return "no listing shows it"
    return ""


def _judged(what: str, refusal: AnswerError) -> str:
    if refusal.status not in _DENIALS:
        raise NotProvableError(
            f"the attempt to {what} got {refusal.shown}, which is neither success nor a denial"
        )
    return f"a session was denied to {what}"
