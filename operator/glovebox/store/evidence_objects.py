"""The three objects of a seal, found among all versions that lie under their names.

Whoever else may write to the bucket can put a version of their own there, before ours or after. So
none is believed for its name or its age: a statement counts when a trusted key signed it, in its
time (`evidence/standing.py`), the list and the snapshot when they have the digest that it names. Of
several such versions the oldest counts, and what the present key signed before all others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import IO, TYPE_CHECKING, Final

from glovebox.api import reasons
from glovebox.data.digest import DIGEST_PREFIX
from glovebox.errors import GloveboxError, InvalidInput, Unavailable
from glovebox.evidence.after_seal import CONCLUSION_NAME, LAST_LIST_NAME, SUPPLEMENT_NAME
from glovebox.evidence.standing import Judge, Rule, Standing, Stored, judge_of_seal
from glovebox.evidence.stated import moment_of, read_stated
from glovebox.evidence.statement import LIST_NAME, SNAPSHOT_NAME, STATEMENT_NAME
from glovebox.evidence.verification import stated_list_digest, stated_snapshot_digest
from glovebox.store.errors import translated
from glovebox.store.listing import list_versions
from glovebox.store.manifests import object_chunks
from glovebox.store.putting import measured, put
from glovebox.store.unreadable import Read, may_pass, read_or_why, why_of
from glovebox.store.version_lock import Lock, LockHiddenError, read_version_lock
from glovebox.store.waits import gives_keys

if TYPE_CHECKING:
    from glovebox.data.compare import ListedVersion
    from glovebox.store.connection import Stop, Store

# A statement names at most 10,000 artifacts of at most a kilobyte each; what is longer is none.
_STATEMENT_BYTES: Final = 64 << 20
# So many versions behind the oldest that counts are looked at, and so many bytes of them: anybody
# may have written them.
_LATER_MAX: Final = 1_000
_LATER_BYTES: Final = 16 * _STATEMENT_BYTES
# Some stores list what is encrypted a little longer than it is read.
_SLACK: Final = 64 << 10
# What a document that is found is worth: a `Judge`.
Trusted = Callable[[Stored], Standing]


@dataclass(frozen=True, slots=True)
class EvidenceObject:
    """One object of a seal as it lies in the store.

    Attributes:
        key: The whole key.
        version_id: The version that counts.
        body: Its bytes.
        lock_mode: `Compliance`, `Governance`, or empty.
        retain_until_time: End of its lock, RFC 3339; empty without one.
        is_held: Whether a legal hold is on it.
        written: When the store took it in, by the store's clock; None when it does not say.
        is_lock_hidden: Whether the store does not show how it is locked; it is told as if it were
            not.
    """

    key: str
    version_id: str
    body: bytes
    lock_mode: str
    retain_until_time: str
    is_held: bool
    written: datetime | None
    is_lock_hidden: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement, and what it is worth."""

    version_id: str
    envelope: bytes
    standing: Standing

    @property
    def is_trusted(self) -> bool:
        """Whether it counts."""
        return self.standing >= Standing.FORMER


def list_key(folder: str, digest: str) -> str:
    """Return the key of the list with that digest."""
    return f"{folder}artifacts.{digest.removeprefix(DIGEST_PREFIX)}.jsonl"


def rows_of(store: Store, bucket: str, key: str, stop: Stop) -> list[ListedVersion]:
    """Return the versions of exactly this key as they are listed, the oldest first. Blocks."""
    rows = list_versions(store.wire, bucket, key, stop)
    return [row for row in rows if row.key == key and not row.is_delete_marker][::-1]


def readable_versions(store: Store, bucket: str, key: str, stop: Stop) -> list[str]:
    """Return the ids of those versions of a key that can be read, the oldest first. Blocks.

    Raises:
        GloveboxError: The store does not answer, or denies all of them.
    """
    found: list[str] = []
    denied: GloveboxError | None = None
    for row in rows_of(store, bucket, key, stop):
        if row.size > _STATEMENT_BYTES:
            continue
        read = read_or_why(store, bucket, key, row.version_id, 0, stop)
        if not read.why:
            found.append(row.version_id)
        elif may_pass(read.why):
            denied = denied or read.error
    if denied is not None and not found:
        raise denied
    return found


def versions_of(store: Store, bucket: str, key: str, stop: Stop) -> list[str]:
    """Return the ids of the versions of exactly this key, the oldest first. Blocks."""
    return [row.version_id for row in rows_of(store, bucket, key, stop)]


def find_statement(
    store: Store, bucket: str, folder: str, trusted: Trusted, stop: Stop
) -> Statement | None:
    """Return the statement that is the seal: the oldest that counts, see `find_signed`. Blocks.

    Or a later one that the present key signed as well, and that says that it was made because the
    oldest could not be read: that one is on record, and what came after names it. A process had
    died between the two.
    """
    key = folder + STATEMENT_NAME
    found = find_signed(store, bucket, key, trusted, stop)
    is_recorded = isinstance(trusted, Judge) and bool(trusted.rule.recorded)
    if found is None or found.standing is not Standing.COUNTS or is_recorded:
        return found
    rows = rows_of(store, bucket, key, stop)
    behind = [row.version_id for row in rows].index(found.version_id) + 1
    for later in _signed_behind(store, bucket, key, rows[behind:], trusted, stop):
        if found.version_id in read_stated(later.envelope).passed_over:
            if isinstance(trusted, Judge):
                trusted.passed[found.version_id] = (
                    f"version {found.version_id} is signed as well, and could not be read when"
                    f" version {later.version_id} was made, which is on record as the seal"
                )
            found = later
    return found


def _signed_behind(
    store: Store,
    bucket: str,
    key: str,
    rows: Sequence[ListedVersion],
    trusted: Trusted,
    stop: Stop,
) -> Iterator[Statement]:
    """Yield what the present key signed as well, the oldest first.

    The shortest are read first, and no more than somebody who laid them there may cost.
    """
    counted: set[str] = set()
    found: dict[str, Statement] = {}
    left = _LATER_BYTES
    for row in sorted(rows, key=lambda each: each.size)[:_LATER_MAX]:
        left -= row.size
        if row.size > _STATEMENT_BYTES or left < 0:
            break
        counted.add(row.version_id)
        read = read_or_why(store, bucket, key, row.version_id, _STATEMENT_BYTES, stop)
        later = stored(store, bucket, key, row.version_id, read)
        if not read.why and trusted(later) is Standing.COUNTS:
            found[row.version_id] = Statement(row.version_id, read.body, Standing.COUNTS)
    more = sum(row.size <= _STATEMENT_BYTES for row in rows) - len(counted)
    if more > 0 and isinstance(trusted, Judge):
        trusted.unlooked = (
            f"{more:,} versions behind it were not looked at, because {len(counted):,} others were:"
            " where one is on record as the seal, name it by its Experiment"
        )
    yield from (found[row.version_id] for row in rows if row.version_id in found)


def find_seal(
    store: Store,
    bucket: str,
    folder: str,
    experiment: str,
    uid: str,
    rule: Rule,
    stop: Stop,
) -> Statement | None:
    """Return the statement that is on record as the seal of an Experiment. Blocks.

    Where none is on record, as `find_signed` has it.

    Args:
        store: Of the bucket.
        bucket: The bucket.
        folder: Of the evidence.
        experiment: `namespace/name`.
        uid: The Experiment's UID.
        rule: What counts, with the version that is on record.
        stop: Looked at between requests.

    Raises:
        Unavailable: `SealNotFound`: the version that is on record is not there.
        InvalidInput: `SealInvalid`: it is there, and does not verify.
        GloveboxError: The store does not answer.
    """
    judge, recorded = judge_of_seal(rule, experiment, uid), rule.recorded
    found = find_statement(store, bucket, folder, judge, stop)
    if not recorded or (found is not None and found.is_trusted):
        return found
    what = (
        f"version {recorded} of s3://{bucket}/{folder}{STATEMENT_NAME}, which is on record as the"
        f" seal of Experiment '{experiment}' (UID {uid}),"
    )
    instead = "nothing else is taken in its place: restore that version"
    if found is not None and found.version_id == recorded:
        raise InvalidInput(reasons.SEAL_INVALID, f"{what} does not verify; {instead}")
    raise Unavailable(reasons.SEAL_NOT_FOUND, f"{what} is not there; {instead}")


def find_signed(
    store: Store, bucket: str, key: str, trusted: Trusted, stop: Stop
) -> Statement | None:
    """Return the oldest statement under a key that counts. Blocks.

    One that the present key signed counts before those of former keys. Where there are only others,
    the oldest of those that a published key signed, else of all; None where nothing is there. What
    is longer than any statement is somebody else's, and not read: it could be as long as a store
    takes. Nor is it ours what only its writer can read.

    Raises:
        GloveboxError: The store does not answer; or none counts, and one that cannot be read may.
    """
    other: Statement | None = None
    unknown: GloveboxError | None = None
    for row in rows_of(store, bucket, key, stop):
        if row.size > _STATEMENT_BYTES:
            continue
        version = row.version_id
        read = read_or_why(store, bucket, key, version, _STATEMENT_BYTES, stop)
        found_there = stored(store, bucket, key, version, read)
        if read.why:  # its bytes are asked for by no request, but the list says since when it is
            found_there = replace(found_there, written=partial(moment_of, row.modified))
        standing = trusted(found_there)
        if standing is Standing.UNKNOWN:
            unknown = unknown or read.error
        if read.why:
            continue
        found = Statement(version, read.body, standing)
        if standing is Standing.COUNTS:
            return found
        if other is None or other.standing < found.standing:
            other = found
    if unknown is not None and (other is None or not other.is_trusted):
        raise unknown
    return other


def stored(store: Store, bucket: str, key: str, version: str, read: Read) -> Stored:
    """Return a document with the way to ask the store since when it has it."""
    return Stored(version, read.body, lambda: written_at(store, bucket, key, version), read.why)


def find_by_digest(
    store: Store, bucket: str, key: str, digest: str, stop: Stop, *, size: int | None = None
) -> str | None:
    """Return the oldest version of a key whose bytes have that digest. Blocks.

    Args:
        store: Of the bucket.
        bucket: The bucket.
        key: The whole key.
        digest: `sha256:<hex>` of the bytes.
        stop: Looked at between requests.
        size: How many bytes those are, where that is known.

    Raises:
        GloveboxError: The store does not answer; or none has that digest, and one that may have it
            cannot be read.
    """
    version, unread = _by_digest(store, bucket, key, digest, stop, size)
    if unread is not None:
        raise unread
    return version


def _by_digest(
    store: Store, bucket: str, key: str, digest: str, stop: Stop, size: int | None
) -> tuple[str | None, GloveboxError | None]:
    """Return the version; where there is none, the error about one that may be it."""
    rows = rows_of(store, bucket, key, stop)
    unread: GloveboxError | None = None
    # The same bytes are of one size, so the oldest of them still comes first; and what somebody
    # else put there, as long as a store takes, is not read before them.
    for row in sorted(rows, key=lambda each: each.size):
        if size is not None and row.size > 2 * size + _SLACK:
            break
        found = hashlib.sha256()
        try:
            for chunk in object_chunks(store, bucket, key, row.version_id, stop):
                found.update(chunk)
        except GloveboxError as error:
            why = why_of(error)
            if not why:
                raise
            if may_pass(why) or (why == "Archived" and unread is None):
                unread = error
            continue
        if DIGEST_PREFIX + found.hexdigest() == digest:
            return row.version_id, None
    return None, unread


def put_signed(
    store: Store, bucket: str, key: str, envelope: bytes, trusted: Trusted, stop: Stop
) -> None:
    """Write a statement unless one of ours is there. Blocks.

    A foreign one in front of it keeps none from being made: ours becomes a later version.
    """
    if put(store, bucket, key, envelope, only_new=True):
        return
    found = find_signed(store, bucket, key, trusted, stop)
    if found is None or not found.is_trusted:
        put(store, bucket, key, envelope, only_new=False)


def put_document(
    store: Store,
    bucket: str,
    key: str,
    body: bytes | IO[bytes],
    stop: Stop,
    *,
    passes: bool = False,
) -> str:
    """Write a document unless a version with these bytes is there; return its digest. Blocks.

    What is there and cannot be read for good keeps it from nothing: the same bytes twice do no
    harm. Where a right is missing they would be written with each try, so that is an error.

    Args:
        store: Of the bucket.
        bucket: The bucket.
        key: The whole key.
        body: The document.
        stop: Looked at between requests.
        passes: Whether a version that is denied was waited for long enough: it is passed over as
            long as the store gives something else that the operator wrote.
    """
    hashed, size = measured(body)
    digest = DIGEST_PREFIX + hashed.hex()
    if put(store, bucket, key, body, only_new=True):
        return digest
    version, unread = _by_digest(store, bucket, key, digest, stop, size)
    if version is not None:
        return digest
    if (
        unread is not None
        and may_pass(why_of(unread))
        and not (passes and gives_keys(store, bucket, stop))
    ):
        raise unread
    put(store, bucket, key, body, only_new=False)
    return digest


def log_key(folder: str, digest: str) -> str:
    """Return the key of the log with that digest."""
    return f"{folder}log.{digest.removeprefix(DIGEST_PREFIX)}.txt"


def put_log(store: Store, bucket: str, folder: str, body: bytes, stop: Stop) -> tuple[str, str]:
    """Keep a log beside the evidence; return its key and its digest. Blocks.

    It is named by its digest, so that writing it again, after a crash, changes nothing, and nobody
    else's bytes can stand for it.
    """
    digest = DIGEST_PREFIX + hashlib.sha256(body).hexdigest()
    key = log_key(folder, digest)
    put_document(store, bucket, key, body, stop)
    return key, digest


def read_evidence(
    store: Store, bucket: str, folder: str, stop: Stop, trusted: Trusted
) -> dict[str, EvidenceObject]:
    """Return the objects of a seal that are there, by name. Blocks.

    Where no version has the stated digest the oldest one is returned, so that it can be said how it
    differs.
    """
    statement = find_statement(store, bucket, folder, trusted, stop)
    if statement is None:
        return {}
    places = {STATEMENT_NAME: (folder + STATEMENT_NAME, statement.version_id)}
    wanted = {
        LIST_NAME: (
            list_key(folder, stated_list_digest(statement.envelope)),
            stated_list_digest(statement.envelope),
        ),
        SNAPSHOT_NAME: (
            folder + SNAPSHOT_NAME,
            stated_snapshot_digest(statement.envelope),
        ),
    }
    for name, (key, digest) in wanted.items():
        version = find_by_digest(store, bucket, key, digest, stop)
        version = version or _oldest(store, bucket, key, stop)
        if version is not None:
            places[name] = (key, version)
    return {
        name: _read(store, bucket, key, version, stop) for name, (key, version) in places.items()
    }


def read_beside(
    store: Store,
    bucket: str,
    folder: str,
    stop: Stop,
    *,
    logs: Iterable[str],
    supplement: Trusted,
    conclusion: Trusted,
) -> dict[str, EvidenceObject]:
    """Return what lies beside a seal, by name: logs, supplement with its list, conclusion. Blocks.

    Args:
        store: Of the bucket.
        bucket: The bucket.
        folder: Of the evidence.
        stop: Looked at between requests.
        logs: Digests of the logs that the seal names.
        supplement: What an envelope is worth as its supplement.
        conclusion: What an envelope is worth as its conclusion.
    """
    places: dict[str, tuple[str, str]] = {}
    for digest in logs:
        key = log_key(folder, digest)
        found = find_by_digest(store, bucket, key, digest, stop)
        found = found or _oldest(store, bucket, key, stop)
        if found is not None:
            places[key.removeprefix(folder)] = (key, found)
    for name, trusted in ((SUPPLEMENT_NAME, supplement), (CONCLUSION_NAME, conclusion)):
        signed = find_signed(store, bucket, folder + name, trusted, stop)
        if signed is None:
            continue
        places[name] = (folder + name, signed.version_id)
        if name == SUPPLEMENT_NAME and signed.standing is not Standing.FOREIGN:
            digest = stated_list_digest(signed.envelope)
            last = find_by_digest(store, bucket, list_key(folder, digest), digest, stop)
            if last is not None:
                places[LAST_LIST_NAME] = (list_key(folder, digest), last)
    return {
        name: _read(store, bucket, key, version, stop) for name, (key, version) in places.items()
    }


def _oldest(store: Store, bucket: str, key: str, stop: Stop) -> str | None:
    """Return the oldest version that is to be shown in the place of one that is not there."""
    rows = rows_of(store, bucket, key, stop)
    return next((row.version_id for row in rows if row.size <= _STATEMENT_BYTES), None)


def written_at(store: Store, bucket: str, key: str, version: str) -> datetime | None:
    """Return when the store took a version in, by its clock; None when it does not say. Blocks."""
    with translated(f"look at s3://{bucket}/{key} version {version}"):
        return _moment(
            store.wire.head(bucket, key, {"versionId": version}).get("Last-Modified", "")
        )


def _read(store: Store, bucket: str, key: str, version: str, stop: Stop) -> EvidenceObject:
    with translated(f"look at s3://{bucket}/{key} version {version}"):
        headers = store.wire.head(bucket, key, {"versionId": version})
    try:
        lock, is_hidden = read_version_lock(store, bucket, key, version, headers), False
    except LockHiddenError:
        lock, is_hidden = Lock(), True
    return EvidenceObject(
        key=key,
        version_id=version,
        body=b"".join(object_chunks(store, bucket, key, version, stop)),
        lock_mode=lock.mode,
        retain_until_time=lock.until,
        is_lock_hidden=is_hidden,
        is_held=headers.get("x-amz-object-lock-legal-hold", "").upper() == "ON",
        written=_moment(headers.get("Last-Modified", "")),
    )


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    # One that does not say its zone (`-0000`) is in UTC.
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
