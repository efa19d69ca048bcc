"""An experiment's results in the store: listed and hashed as a stream; evidence written once.

The signed statement is the seal. It is written last and only if none of ours is there; the oldest
version that a trusted key signed counts, so that a crash between any two requests, or a second
operator, gives one seal, and whatever somebody else writes under its name, before or after, none.
What arrives while the bytes are read is not lost: the listing is repeated until two in a row give
the same list. Uploads in parts that are still open are ended, so that none of them can complete
behind the seal.

Nothing that a run wrote keeps its seal from being made: a version that is listed and cannot be read
(a key that no list can spell, bytes under a key of the run's own) is listed as just that.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

from glovebox.api import reasons
from glovebox.data.digest import DIGEST_PREFIX
from glovebox.data.manifest import DigestSource, Entry, split_lines
from glovebox.errors import GloveboxError, InvalidInput, Unavailable
from glovebox.evidence.artifacts import (
    Artifact,
    ArtifactListWriter,
    artifact_order,
    read_artifact_list,
)
from glovebox.evidence.statement import SNAPSHOT_NAME, STATEMENT_NAME
from glovebox.evidence.verification import stated_list_digest
from glovebox.store.errors import translated
from glovebox.store.evidence_objects import (
    Trusted,
    find_by_digest,
    find_statement,
    list_key,
    put_document,
    put_signed,
    versions_of,
)
from glovebox.store.listing import list_versions
from glovebox.store.manifests import SPOOL_BYTES, object_chunks, spooled_chunks
from glovebox.store.reading import CHUNK, digest_version, in_order
from glovebox.store.recalling import nothing, recalled
from glovebox.store.retention import Lock, retain
from glovebox.store.sorting import externally_sorted
from glovebox.store.uploads import end_uploads

if TYPE_CHECKING:
    from glovebox.data.compare import ListedVersion
    from glovebox.store.connection import Stop, Store
    from glovebox.store.recalling import Recall

PREFIX: Final = ".glovebox/seals/"
_ROUNDS: Final = 10
_FINDINGS_MAX: Final = 16
# What a store may say of one object although it works: it is believed when another object can be
# read.
_OF_ONE_OBJECT: Final = frozenset(
    {reasons.STORE_FORBIDDEN, reasons.STORE_FAILED, reasons.STORE_UNREACHABLE}
)
# Makes the signed statement out of the artifacts, the digest of their list, and what is wrong with
# them.
Signing = Callable[[Iterable[Artifact], str, tuple[str, ...]], bytes]


@dataclass(frozen=True, slots=True)
class Sealed:
    """A seal as it lies in the store.

    Attributes:
        uri: Folder of the evidence, ending in `/`.
        version_id: Of the signed statement.
        envelope: The signed statement itself.
        list_digest: Digest of the list of artifacts.
        versions: How many versions it holds.
        bytes: Their size.
        retain_until_time: The earliest end of a lock among them, RFC 3339; empty when nothing is
            locked.
        findings: What the artifacts themselves do not hold: no lock, not readable.
    """

    uri: str
    version_id: str
    envelope: bytes
    list_digest: str
    versions: int
    bytes: int
    retain_until_time: str
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """A list of artifacts that is kept: its digest, and how many uploads were ended before it."""

    digest: str
    uploads_ended: int


@dataclass(frozen=True, slots=True)
class Watching:
    """What a seal recalls from earlier attempts, and whom it tells; all called in the job's thread.

    Attributes:
        recall: Yields what earlier attempts hashed.
        on_hashed: Called with each version that was hashed just now.
        on_page: Called with each page of the first listing.
        on_artifact: Called with each artifact of the first listing.
    """

    recall: Recall = nothing
    on_hashed: Callable[[Entry], None] = lambda entry: None  # noqa: ARG005 - nobody listens
    on_page: Callable[[list[ListedVersion]], None] | None = None
    on_artifact: Callable[[Artifact], None] = lambda artifact: None  # noqa: ARG005 - nobody listens


def seal_folder(uid: str) -> str:
    """Return the key prefix of an experiment's evidence; a run's credentials never cover it."""
    return f"{PREFIX}{uid}/"


def write_artifact_list(
    store: Store,
    *,
    bucket: str,
    prefix: str,
    folder: str,
    snapshot: bytes,
    stop: Stop,
    watching: Watching | None = None,
    final: bool = True,
) -> Written:
    """List and hash what lies below a prefix, and keep the list. Blocks.

    Args:
        store: Of the bucket.
        bucket: The bucket of artifacts.
        prefix: The experiment's own, ending in `/`.
        folder: Where the evidence goes, ending in `/`.
        snapshot: What the experiment's digest was computed from.
        stop: Looked at between requests.
        watching: See there.
        final: Whether an object that the store denies or fails to give, while it gives others, is
            listed as unreadable; else it is an error, for a later attempt.

    Raises:
        GloveboxError: The store does not answer or denies it; calling again is safe.
    """
    ended = end_uploads(store, bucket, prefix, stop)
    # The snapshot is the same for every attempt, and the list has its digest in its name: what is
    # there already is as good. Being written first, the snapshot shows whether this bucket can be
    # read at all.
    put_document(store, bucket, folder + SNAPSHOT_NAME, snapshot, stop)
    reading = Reading(store, bucket, folder + SNAPSHOT_NAME, stop, final=final)
    with settled_list(reading, prefix, watching or Watching()) as found:
        digest = summary_of(found).digest
        put_document(store, bucket, list_key(folder, digest), found, stop)
    return Written(digest, ended)


def sign_artifact_list(
    store: Store,
    *,
    bucket: str,
    folder: str,
    digest: str,
    signing: Signing,
    trusted: Trusted,
    stop: Stop,
    others: tuple[tuple[str, str], ...] = (),
    final: bool = True,
) -> Sealed:
    """Write the signed statement over a list that is kept, unless one is there. Blocks.

    The list is read back from the store, and it is the one of that digest or it is not signed.

    Args:
        store: Of the bucket.
        bucket: The bucket of artifacts.
        folder: Where the evidence goes, ending in `/`.
        digest: Of the list.
        signing: Makes the statement.
        trusted: Whether an envelope is a seal of ours.
        stop: Looked at between requests.
        others: Key and digest of further evidence that the statement names: logs.
        final: Whether a lock that the store does not let be prolonged is a finding; else an error.

    Raises:
        InvalidInput: The list is gone, or not the one of that digest.
        GloveboxError: The store does not answer or denies it; calling again is safe.
    """
    key = list_key(folder, digest)
    version = find_by_digest(store, bucket, key, digest, stop)
    if version is None:
        raise InvalidInput(
            reasons.MANIFEST_INVALID, f"the list of artifacts s3://{bucket}/{key} is not there"
        )
    with tempfile.SpooledTemporaryFile(SPOOL_BYTES, prefix="glovebox-seal-") as found:
        for chunk in object_chunks(store, bucket, key, version, stop):
            found.write(chunk)
        summary = summary_of(found)
        _require_digest(summary.digest, digest, bucket, key)
        # Before it is signed: what keeps the evidence from being locked is said in it.
        snapshot = folder + SNAPSHOT_NAME
        named = [
            (key, version),
            *((snapshot, each) for each in versions_of(store, bucket, snapshot, stop)),
        ]
        for other, other_digest in others:
            found_version = find_by_digest(store, bucket, other, other_digest, stop)
            named += [(other, found_version)] if found_version is not None else []
        short = retain(store, bucket, named, summary.lock, stop, final=final)
        findings = (*summary.findings, *((short,) if short else ()))
        envelope = signing(read_artifact_list(lines_of(found)), summary.digest, findings)
    put_signed(store, bucket, folder + STATEMENT_NAME, envelope, trusted, stop)
    made = read_seal(store, bucket, folder, trusted, stop)
    if made is None:
        raise Unavailable(
            reasons.STORE_FAILED,
            f"the seal s3://{bucket}/{folder} was written and cannot be read back",
        )
    return made


def read_seal(
    store: Store, bucket: str, folder: str, trusted: Trusted, stop: Stop
) -> Sealed | None:
    """Return the seal that lies in a folder, or None. Blocks.

    Only a statement that a trusted key signed is one, whoever made it: an earlier attempt, or
    another replica. It is locked as long as what it lists, if that was not done yet.

    Raises:
        InvalidInput: The list that it names is gone.
    """
    statement = find_statement(store, bucket, folder, trusted, stop)
    if statement is None or not statement.is_trusted:
        return None
    envelope = statement.envelope
    digest = stated_list_digest(envelope)
    key = list_key(folder, digest)
    listed = find_by_digest(store, bucket, key, digest, stop)
    if listed is None:
        raise InvalidInput(
            reasons.MANIFEST_INVALID,
            f"the seal s3://{bucket}/{folder} names a list of artifacts that is not there:"
            f" {digest}",
        )
    summary = Summary()
    summary.read(split_lines(spooled_chunks(store, bucket, key, listed, stop)))
    _require_digest(summary.digest, digest, bucket, key)
    # Whether it can be is said in the statement: it was tried with the list before.
    signed = (folder + STATEMENT_NAME, statement.version_id)
    retain(store, bucket, [signed], summary.lock, stop, final=True)
    return Sealed(
        uri=f"s3://{bucket}/{folder}",
        version_id=statement.version_id,
        envelope=envelope,
        list_digest=digest,
        versions=summary.versions,
        bytes=summary.bytes,
        retain_until_time=summary.retain_until_time,
        findings=summary.findings,
    )


def read_artifacts(
    store: Store,
    bucket: str,
    prefix: str,
    stop: Stop,
    *,
    control: str,
    unreadable: set[tuple[str, str]],
    hashed: bool = True,
) -> Iterator[Artifact]:
    """Yield every version below a prefix as it is now, with its lock. Blocks.

    Args:
        store: Of the bucket.
        bucket: To list.
        prefix: Of the artifacts.
        stop: Looked at between requests.
        control: A key that can be read, so that an error is known to be of one version.
        unreadable: Gets key and version of what is listed and cannot be read.
        hashed: Read and hash the bytes as well.
    """
    reading = Reading(store, bucket, control, stop, final=True, hashed=hashed)
    reading.unreadable = unreadable

    def work(row: ListedVersion) -> Artifact:
        return reading.artifact(row, ())[0]

    for _, artifact in in_order(store, work, list_versions(store.wire, bucket, prefix, stop), stop):
        yield artifact


class Reading:
    """Reads single versions; decides what an object that cannot be read means."""

    def __init__(
        self,
        store: Store,
        bucket: str,
        control: str,
        stop: Stop,
        *,
        final: bool,
        hashed: bool = True,
    ) -> None:
        self.store = store
        self.bucket = bucket
        self.stop = stop
        self._control = control
        self._final = final
        self._hashed = hashed
        self.unreadable: set[tuple[str, str]] = set()

    def artifact(self, row: ListedVersion, known: tuple[Entry, ...]) -> tuple[Artifact, bool]:
        """Return what a listed version is, and whether its bytes were hashed just now."""
        plain = Artifact(
            key=row.key,
            version_id=row.version_id,
            size=0 if row.is_delete_marker else row.size,
            sha256="",
            is_latest=row.is_latest,
            delete_marker=row.is_delete_marker,
        )
        if row.is_delete_marker:
            return plain, False
        try:
            return self._read(row, plain, known)
        except GloveboxError as error:
            if not self._is_of_this_object(error):
                raise
            self.unreadable.add((row.key, row.version_id))
            return plain, False

    def _read(
        self, row: ListedVersion, plain: Artifact, known: tuple[Entry, ...]
    ) -> tuple[Artifact, bool]:
        wire, bucket = self.store.wire, self.bucket
        with translated(f"look at s3://{bucket}/{row.key} version {row.version_id}"):
            headers = wire.head(bucket, row.key, {"versionId": row.version_id})
        mode = headers.get("x-amz-object-lock-mode", "").capitalize()
        until = headers.get("x-amz-object-lock-retain-until-date", "") if mode else ""
        found = plain.model_copy(
            update={
                "lock_mode": mode if mode in ("Compliance", "Governance") else "",
                "retain_until_time": until,
            }
        )
        if not self._hashed:
            return found, False
        earlier = next(
            (
                each
                for each in known
                if (each.bucket, each.key, each.version_id) == (bucket, row.key, row.version_id)
            ),
            None,
        )
        if earlier is not None:
            return found.model_copy(update={"sha256": earlier.sha256, "size": earlier.size}), False
        read = digest_version(
            wire,
            bucket,
            row.key,
            row.version_id,
            minimum=DigestSource.COMPUTED,
            stop=self.stop,
        )
        return found.model_copy(update={"sha256": read.sha256, "size": read.size}), True

    def _is_of_this_object(self, error: GloveboxError) -> bool:
        """Return whether the error speaks of this one version.

        A run must not be able to keep its own seal from being made with it.

        An answer to a HEAD has no words: a refusal of the operator looks like one of the object. So
        another object has to be readable at that moment.
        """
        definite = isinstance(error, InvalidInput)
        return (definite or (self._final and error.reason in _OF_ONE_OBJECT)) and self._can_read()

    def _can_read(self) -> bool:
        if not self._control:
            return True
        try:
            with translated(f"read s3://{self.bucket}/{self._control}"):
                self.store.wire.get(self.bucket, self._control, {}).drain_conn()
        except GloveboxError:
            return False
        return True


def settled_list(
    reading: Reading,
    prefix: str,
    watching: Watching,
    *,
    previous: IO[bytes] | None = None,
    digest: str = "",
) -> IO[bytes]:
    """Return the list of artifacts as a file, once two listings in a row gave the same one.

    Args:
        reading: Reads what is new.
        prefix: Of the artifacts.
        watching: See there.
        previous: An earlier list, from which everything is taken that is in it; it is closed.
        digest: Of that one.
    """
    try:
        for number in range(_ROUNDS + 1):
            now: IO[bytes] = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - handed to the caller
                SPOOL_BYTES, prefix="glovebox-seal-"
            )
            try:
                found = _write_list(now, reading, prefix, previous, watching, first=number == 0)
            except BaseException:
                now.close()
                raise
            if previous is not None:
                previous.close()
            previous = now
            if found == digest:
                previous = None
                return now
            digest = found
    finally:
        if previous is not None:
            previous.close()
    raise Unavailable(
        reasons.SEALING,
        f"s3://{reading.bucket}/{prefix} is still being written to; it is sealed once that has"
        " ended",
    )


def _write_list(
    file: IO[bytes],
    reading: Reading,
    prefix: str,
    previous: IO[bytes] | None,
    watching: Watching,
    *,
    first: bool,
) -> str:
    """List once, taking from the list before what is in it; return the digest of the list."""
    store, stop = reading.store, reading.stop
    listed = list_versions(
        store.wire, reading.bucket, prefix, stop, watching.on_page if first else None
    )
    rows = externally_sorted(listed, key=lambda row: (row.key.encode(), row.version_id))
    if previous is not None:
        previous.seek(0)
    before = read_artifact_list(lines_of(previous)) if previous is not None else iter(())
    known = watching.recall(stop) if first else iter(())
    items = recalled(_beside(rows, before), known, lambda item: item[0].key)

    def work(
        item: tuple[tuple[ListedVersion, Artifact | None], tuple[Entry, ...]],
    ) -> tuple[Artifact, bool]:
        (row, earlier), entries = item
        if earlier is not None and earlier.delete_marker == row.is_delete_marker:
            return earlier.model_copy(update={"is_latest": row.is_latest}), False
        return reading.artifact(row, entries)

    writer = ArtifactListWriter(file.write, prefix)
    for _, (artifact, fresh) in in_order(store, work, items, stop):
        writer.add(artifact)
        if fresh:
            watching.on_hashed(_entry(reading.bucket, artifact))
        if first:
            watching.on_artifact(artifact)
    return writer.finish()


def _beside(
    rows: Iterator[ListedVersion], before: Iterator[Artifact]
) -> Iterator[tuple[ListedVersion, Artifact | None]]:
    """Yield each listed version once, with what the earlier list says of it; both in order."""
    earlier = next(before, None)
    last: tuple[bytes, str] | None = None
    for row in rows:
        place = (row.key.encode(), row.version_id)
        if place == last:
            continue
        last = place
        while earlier is not None and artifact_order(earlier) < place:
            earlier = next(before, None)
        same = earlier is not None and artifact_order(earlier) == place
        yield row, earlier if same else None


def _entry(bucket: str, artifact: Artifact) -> Entry:
    return Entry(
        path=artifact.key,
        size=artifact.size,
        sha256=artifact.sha256,
        bucket=bucket,
        key=artifact.key,
        version_id=artifact.version_id,
        source=DigestSource.COMPUTED,
    )


class Summary:
    """What is told of a list, gathered line by line."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._found: list[str] = []
        self._more = 0
        self.versions = self.bytes = 0
        self.retain_until_time = ""
        self.lock = Lock()

    def read(self, lines: Iterable[bytes]) -> None:
        """Take a whole list."""

        def hashing() -> Iterator[bytes]:
            for line in lines:
                self._hash.update(line)
                yield line

        for artifact in read_artifact_list(hashing()):
            self.versions += 1
            self.bytes += artifact.size
            until = artifact.retain_until_time
            if until and (not self.retain_until_time or until < self.retain_until_time):
                self.retain_until_time = until
            self.lock = self.lock.longest(artifact.lock_mode, until)
            finding = finding_of(artifact)
            if finding and len(self._found) < _FINDINGS_MAX - 1:
                self._found.append(finding)
            elif finding:
                self._more += 1

    @property
    def digest(self) -> str:
        """Of all that was read."""
        return DIGEST_PREFIX + self._hash.hexdigest()

    @property
    def findings(self) -> tuple[str, ...]:
        """What the artifacts themselves do not hold, the first 15 in words."""
        more = (f"and {self._more:,} more versions like these",) if self._more else ()
        return (*self._found, *more)


def _require_digest(found: str, wanted: str, bucket: str, key: str) -> None:
    if found != wanted:
        raise InvalidInput(
            reasons.MANIFEST_DIFFERS, f"s3://{bucket}/{key} has the digest {found}: it was edited"
        )


def summary_of(file: IO[bytes]) -> Summary:
    """Return what is told of the list in a file; the file is at its start again."""
    file.seek(0)
    summary = Summary()
    summary.read(lines_of(file))
    file.seek(0)
    return summary


def lines_of(file: IO[bytes]) -> Iterator[bytes]:
    """Return the lines of a file from where it is."""
    return split_lines(iter(lambda: file.read(CHUNK), b""))


def finding_of(artifact: Artifact) -> str:
    """Return what an artifact itself does not hold, or an empty text."""
    if artifact.is_unreadable:
        return (
            f"`{artifact.key}`: version {artifact.version_id} is listed and cannot be read under"
            " that name"
        )
    if not artifact.delete_marker and not artifact.lock_mode:
        return (
            f"`{artifact.key}`: no lock protects version {artifact.version_id}; it can be deleted"
        )
    return ""
