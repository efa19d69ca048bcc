"""The attempts of a run's session: what it can do in its prefix, and all it must be denied."""

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
    from glovebox.store.probe_bench import Bench

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


def may_use_own_prefix(bench: Bench) -> str:
    """The session writes and reads below its own prefix; else every denial says nothing."""
    session = bench.session
    refusal = attempt(lambda: bench.write(session, OWN, _BODY, IfNoneMatch="*"))
    # 412: written by an earlier proof. The right was checked before the condition.
    if refusal is not None and refusal.status != PRECONDITION_STATUS:
        if refusal.status not in _DENIALS:
            # Not the role's doing: how it was asked.
            raise NotProvableError(
                f"a session's write below its own prefix got {refusal.told}, which is no denial"
            )
        raise DisprovenError(
            f"a session may not write below its own prefix (the store said {refusal.told});"
            f" {_CHECK_ROLE}"
        )
    read = attempt(lambda: session.s3.get_object(Bucket=bench.bucket, Key=OWN))
    if read is not None:
        raise DisprovenError(
            f"a session may not read below its own prefix (the store said {read.told});"
            f" {_CHECK_ROLE}"
        )
    return "a session writes and reads below its own prefix"


def denied_other_prefix(bench: Bench) -> str:
    """The session cannot write below another prefix."""
    return _denied(bench, "write below another prefix", lambda: _put(bench, OTHER))


def denied_sibling_prefix(bench: Bench) -> str:
    """The session of `x/` cannot write below `x0/`."""
    return _denied(
        bench,
        "write below a prefix that only begins alike (x0/ beside x/)",
        lambda: _put(bench, SIBLING),
    )


def denied_foreign_read(bench: Bench) -> str:
    """The session cannot read what lies outside its prefix."""
    return _denied(
        bench,
        "read outside its prefix",
        lambda: bench.session.s3.get_object(Bucket=bench.bucket, Key=CANARY),
    )


def denied_foreign_list(bench: Bench) -> str:
    """The session cannot list what lies outside its prefix."""
    return _denied(
        bench,
        "list outside its prefix",
        lambda: bench.session.s3.list_objects_v2(
            Bucket=bench.bucket, Prefix=f"{ROOT}x0/", MaxKeys=1
        ),
    )


def denied_foreign_copy(bench: Bench) -> str:
    """The session cannot copy into its prefix what lies outside it.

    The condition never holds, so nothing would be written.
    """
    _ = bench.session  # when no session can be had at all, that is the finding
    with translated(f"look at the canary in bucket {bench.bucket}"):
        etag = bench.store.s3.head_object(Bucket=bench.bucket, Key=CANARY)["ETag"]
    source: CopySourceTypeDef = {"Bucket": bench.bucket, "Key": CANARY}
    return _denied(
        bench,
        "copy from outside its prefix",
        lambda: bench.session.s3.copy_object(
            Bucket=bench.bucket, Key=OWN, CopySource=source, CopySourceIfNoneMatch=etag
        ),
    )


def denied_weaker_lock(bench: Bench) -> str:
    """The session cannot ask for a weaker lock than the bucket's default.

    It is judged by the lock that is there, if the write was let through.
    """
    _ = bench.session  # as above
    until = bench.now + _WEAK_LOCK
    refusal = attempt(
        lambda: bench.write(
            bench.session,
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
    if not bench.lock[0]:
        raise NotProvableError(
            f"bucket {bench.bucket} has no object lock, so there is none to be weakened"
        )
    with translated(f"look at s3://{bench.bucket}/{WEAK}"):
        head = bench.store.s3.head_object(Bucket=bench.bucket, Key=WEAK)
    lock = bench.retained(WEAK, bench.current(WEAK))
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


def denied_folder_key(bench: Bench) -> str:
    """The session cannot write a key that ends in `/`, or it is sealed as any other.

    There are stores that give such a key neither version nor lock.
    """
    return _denied_or_sealed(bench, "write a key that ends in '/'", FOLDER)


def denied_hidden_key(bench: Bench) -> str:
    """The session cannot write where a store keeps versions, or any list shows it."""
    what = "write where no listing would show it (canary.versions/)"
    return _denied_or_sealed(bench, what, HIDDEN)


def denied_delete(bench: Bench) -> str:
    """The session cannot delete what it wrote, not even by a marker, which no lock prevents."""
    marker: list[str] = []

    def attack() -> None:
        marker.append(
            bench.session.s3.delete_object(Bucket=bench.bucket, Key=OWN).get("VersionId", "")
        )

    try:
        return _denied(bench, "delete what it wrote", attack)
    finally:
        # Taken away again, so that later proofs find what the session wrote.
        for version_id in filter(None, marker):
            remove = functools.partial(bench.store.s3.delete_object, Bucket=bench.bucket, Key=OWN)
            attempt(functools.partial(remove, VersionId=version_id))


def denied_retention(bench: Bench) -> str:
    """The session cannot change a retention; tried with an extension, which no lock prevents."""
    _ = bench.session  # when no session can be had at all, that is the finding
    until = bench.now + timedelta(days=1)
    now_until = bench.retained(OWN, bench.current(OWN)).until
    if now_until is not None:
        until = now_until + timedelta(seconds=1)
    return _denied(
        bench,
        "change a retention",
        lambda: bench.session.s3.put_object_retention(
            Bucket=bench.bucket, Key=OWN, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until}
        ),
    )


def denied_hold(bench: Bench) -> str:
    """The session cannot change a legal hold."""
    return _denied(
        bench,
        "remove a legal hold",
        lambda: bench.session.s3.put_object_legal_hold(
            Bucket=bench.bucket, Key=OWN, LegalHold={"Status": "OFF"}
        ),
    )


def denied_growth(bench: Bench) -> str:
    """The session cannot assume the role again, which would free it of its policy."""
    role = bench.role_arn
    if role is None:
        raise NotProvableError(NO_ROLE)
    refusal = attempt(
        lambda: bench.session.sts.assume_role(
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


def _put(bench: Bench, key: str) -> object:
    return bench.write(bench.session, key, _BODY, IfNoneMatch="*")


def _denied(bench: Bench, what: str, attack: Callable[[], object]) -> str:
    _ = bench.session  # when no session can be had at all, that is the finding
    refusal = attempt(attack)
    # 412 and the store's own 404 come from behind the gate: the right was there.
    is_behind = refusal is not None and refusal.status == NOT_FOUND_STATUS and refusal.code
    if refusal is None or is_behind or refusal.status == PRECONDITION_STATUS:
        raise DisprovenError(
            f"a session could {what}; the store does not honour session policies, so do not issue"
            " credentials with it"
        )
    return _judged(what, refusal)


def _denied_or_sealed(bench: Bench, what: str, key: str) -> str:
    """Judge an odd key by what is left: one that is versioned, locked and listed hides nothing.

    A store may honour the policy, and read its patterns in another way.
    """
    _ = bench.session  # when no session can be had at all, that is the finding
    refusal = attempt(lambda: _put(bench, key))
    if refusal is not None and refusal.status != PRECONDITION_STATUS:
        return _judged(what, refusal)
    lost = _lost(bench, key)
    if lost:
        raise DisprovenError(
            f"a session could {what}, and {lost}; the store does not honour session policies, so do"
            " not issue credentials with it"
        )
    return f"a session could {what}, and what it wrote is versioned, locked and listed"


def _lost(bench: Bench, key: str) -> str:
    """Return what no seal could hold of a key that a session wrote; empty where it is as others."""
    with translated(f"look at the versions of s3://{bench.bucket}/{key}"):
        first = head_current(bench.store.wire, bench.bucket, key)
    if first is None:
        return "it is not there"
    if first.version_id == "null":
        return "it has no version"
    if bench.lock[1] is not None and bench.retained(key, first.version_id).mode is None:
        return "no lock is on it"
    # Below the session's prefix, as a seal lists: asked for alone, a hidden key may be shown.
    rows = list_versions(bench.store.wire, bench.bucket, f"{ROOT}x/", bench.stop)
    if all(row.key != key or row.version_id != first.version_id for row in rows):
        return "no listing shows it"
    return ""


def _judged(what: str, refusal: AnswerError) -> str:
    if refusal.status not in _DENIALS:
        raise NotProvableError(
            f"the attempt to {what} got {refusal.told}, which is neither success nor a denial"
        )
    return f"a session was denied to {what}"
