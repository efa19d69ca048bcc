"""Pins a dataset (a source to roots and a locked manifest) and verifies it (to findings).

Both run as one job with bounded memory: listing, reading, hashing and writing are streams in the
    order of the paths, and
at most 64 objects are under way at once. A pin is only ever made of bytes that were read, unless a
lower source of digests is allowed; a loss is only ever reported after that very version was asked
for.
"""

from __future__ import annotations

import asyncio
import functools
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from glovebox.api import reasons
from glovebox.data.compare import Findings, Match, Tally, merge
from glovebox.data.manifest import DigestSource, Entry, ManifestWriter
from glovebox.errors import GloveboxError, InvalidInput, Unavailable
from glovebox.store.errors import translated
from glovebox.store.listing import head_current, head_version, list_versions
from glovebox.store.manifests import (
    SPOOL_BYTES,
    ManifestLocation,
    ManifestLock,
    fetch_manifest,
    store_manifest,
)
from glovebox.store.reading import digest_version, in_order
from glovebox.store.sources import (
    Candidate,
    ManifestSource,
    ObjectRef,
    ObjectsSource,
    PrefixSource,
    Source,
    candidates,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from glovebox.data.roots import Roots
    from glovebox.store.connection import Stop, Store

__all__ = [
    "BuiltPin",
    "ManifestLocation",
    "ManifestLock",
    "ManifestSource",
    "ObjectRef",
    "ObjectsSource",
    "PrefixSource",
    "Progress",
    "Source",
    "build_pin",
    "verify_pin",
]

_PROGRESS_OBJECTS: Final = 100
_PROGRESS_BYTES: Final = 64 << 20
# The store as a whole, not one object, is the trouble: a verification ends instead of counting
# every object as lost.
_STORE_WIDE: Final = frozenset(
    {
        reasons.STORE_UNREACHABLE,
        reasons.STORE_BUSY,
        reasons.STORE_CREDENTIALS_REFUSED,
        reasons.CLOCK_SKEWED,
    }
)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job has come."""

    objects: int
    bytes: int


@dataclass(frozen=True, slots=True)
class BuiltPin:
    """What a pin's status needs: both roots with counts, and where the manifest lies."""

    roots: Roots
    manifest: ManifestLocation


async def build_pin(
    store: Store,
    source: Source,
    *,
    artifacts_bucket: str,
    lock: ManifestLock | None,
    expected: str | None = None,
    minimum: DigestSource = DigestSource.COMPUTED,
    on_progress: Callable[[Progress], None] | None = None,
    artifacts_store: Store | None = None,
) -> BuiltPin:
    """Resolve a source to exact versions, hash every object, and store the manifest. Repeating it gives the same pin.

    Args:
        store: Where the data are.
        source: What to pin.
        artifacts_bucket: Where the manifest goes.
        lock: How the manifest is protected; None on a bucket without object lock.
        expected: Content root that the data must have.
        minimum: The weakest source of a digest to accept; by default all bytes are read.
        on_progress: Called on the event loop, about every 100 objects or 64 MiB.
        artifacts_store: Where the manifest goes, when that is another store.

    Raises:
        InvalidInput: The data cannot be pinned as they are: `VersioningRequired`,
            `VersioningRequired`, `KeyRefused`, `BadPrefix`, `Unordered`, `SourceEmpty`,
            `TooManyObjects`, `ObjectNotFound`, `ManifestInvalid`, `DigestMismatch`.
        GloveboxError: The store does not answer, denies it, or changed under our feet.
    """
    told = _Telling(on_progress)

    def job(stop: Stop) -> BuiltPin:
        with tempfile.SpooledTemporaryFile(SPOOL_BYTES, prefix="glovebox-manifest-") as file:
            writer = ManifestWriter(file.write)
            for entry in _entries(store, source, minimum, stop):
                writer.add(entry)
                told.add(entry.size)
            roots = writer.finish()
            _require(roots, expected, source)
            file.seek(0)
            return BuiltPin(
                roots,
                store_manifest(
                    artifacts_store or store, artifacts_bucket, file, writer.digest, lock, stop
                ),
            )

    return await store.run_job(job)


async def verify_pin(
    store: Store,
    source: Source,
    manifest: ManifestLocation,
    *,
    full: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
    artifacts_store: Store | None = None,
) -> Findings:
    """Compare a pin with what the store holds now.

    A prefix is compared with one listing, and each loss that it shows is confirmed by asking for
    that version; the versions of other sources are asked for one by one, and they know no `extra`.

    Args:
        store: Where the data are.
        source: As the pin was made.
        manifest: As the pin was made.
        full: Read and hash every byte as well.
        on_progress: As in `build_pin`; bytes count those that are pinned.
        artifacts_store: Where the manifest is, when that is another store.

    Raises:
        GloveboxError: The manifest is gone or differs from its digest, or the store as a whole does
            not answer. An object that cannot be read is a finding, no error.
    """
    told = _Telling(on_progress)

    def job(stop: Stop) -> Findings:
        tally = Tally()
        entries = fetch_manifest(artifacts_store or store, manifest, stop)
        judge = functools.partial(_judge, store, full, stop)
        for match, kind in in_order(store, judge, _matches(store, source, entries, stop), stop):
            if kind:
                tally.note(kind, match.entry.path if match.entry else match.key)
            if match.entry:
                told.add(match.entry.size)
        return tally.findings()

    return await store.run_job(job)


def _entries(store: Store, source: Source, minimum: DigestSource, stop: Stop) -> Iterator[Entry]:
    """Yield the hashed entries of a source in the order of their paths."""
    known: set[str] = set()

    def versioned() -> Iterator[Candidate]:
        if isinstance(source, PrefixSource):
            _require_versioning(store, source.bucket, known)
        for candidate in candidates(store, source, stop):
            _require_versioning(store, candidate.bucket, known)
            yield candidate

    work = functools.partial(_entry, store, minimum, stop)
    try:
        for _, entry in in_order(store, work, versioned(), stop):
            yield entry
    except InvalidInput as error:
        if error.reason == reasons.OBJECT_NOT_FOUND and isinstance(source, PrefixSource):
            raise Unavailable(
                "SourceChanged",
                "an object was deleted between its listing and its reading; the operator retries:"
                f" {error.message}",
            ) from error
        raise


def _entry(store: Store, minimum: DigestSource, stop: Stop, candidate: Candidate) -> Entry:
    where = f"s3://{candidate.bucket}/{candidate.key} version {candidate.version_id}"
    if candidate.declared is not None and minimum is DigestSource.DECLARED:
        with translated(f"look for {where}"):
            found = head_version(store.wire, candidate.bucket, candidate.key, candidate.version_id)
        if found is None:
            raise InvalidInput(
                reasons.OBJECT_NOT_FOUND, f"{where} does not exist; it was deleted or never written"
            )
        sha256, size, origin = candidate.declared, found.size, DigestSource.DECLARED
    else:
        hashed = digest_version(
            store.wire,
            candidate.bucket,
            candidate.key,
            candidate.version_id,
            minimum=minimum,
            stop=stop,
        )
        sha256, size, origin = hashed.sha256, hashed.size, hashed.source
    if candidate.declared is not None and candidate.declared != sha256:
        raise InvalidInput(
            reasons.DIGEST_MISMATCH,
            f"{where} has the digest sha256:{sha256}, its manifest says"
            f" sha256:{candidate.declared}",
        )
    if candidate.size is not None and candidate.size != size:
        raise InvalidInput(
            reasons.SIZE_MISMATCH, f"{where} has {size} bytes, it was listed with {candidate.size}"
        )
    return Entry(
        candidate.path, size, sha256, candidate.bucket, candidate.key, candidate.version_id, origin
    )


def _matches(store: Store, source: Source, entries: Iterable[Entry], stop: Stop) -> Iterator[Match]:
    """Pair each entry with what the listing says of it; without a listing, every entry awaits confirmation."""
    if isinstance(source, PrefixSource):
        return merge(
            _below(entries, source), list_versions(store.wire, source.bucket, source.prefix, stop)
        )
    return (Match(entry, entry.key, ()) for entry in entries)


def _below(entries: Iterable[Entry], source: PrefixSource) -> Iterator[Entry]:
    for entry in entries:
        if entry.bucket != source.bucket or entry.key != source.prefix + entry.path:
            raise InvalidInput(
                reasons.MANIFEST_DIFFERS,
                f"the manifest has s3://{entry.bucket}/{entry.key}, which the pin's prefix does"
                " not cover",
            )
        yield entry


def _judge(store: Store, full: bool, stop: Stop, match: Match) -> str | None:  # noqa: FBT001 - bound by `partial` alone
    """Return the kind of difference of one pinned object, or None; asks the store only where the listing does not settle it."""
    kind = match.finding
    entry = match.entry
    if entry is None:
        return kind
    try:
        if kind == "missing":
            kind = _confirmed(store, entry)
        if full and kind in (None, "hidden"):
            hashed = digest_version(
                store.wire,
                entry.bucket,
                entry.key,
                entry.version_id,
                minimum=DigestSource.COMPUTED,
                stop=stop,
            )
            if (hashed.sha256, hashed.size) != (entry.sha256, entry.size):
                return "changed"
    except GloveboxError as error:
        if error.reason in _STORE_WIDE:
            raise
        return "missing" if error.reason == reasons.OBJECT_NOT_FOUND else "unreadable"
    return kind


def _confirmed(store: Store, entry: Entry) -> str | None:
    """Ask for the pinned version itself, and for what is current over it."""
    with translated(f"look for s3://{entry.bucket}/{entry.key} version {entry.version_id}"):
        found = head_version(store.wire, entry.bucket, entry.key, entry.version_id)
        if found is None:
            return "missing"
        if found.size != entry.size:
            return "changed"
        current = head_current(store.wire, entry.bucket, entry.key)
    return None if current is not None and current.version_id == entry.version_id else "hidden"


def _require_versioning(store: Store, bucket: str, known: set[str]) -> None:
    if bucket in known:
        return
    with translated(f"read the versioning of bucket {bucket}"):
        status = store.s3.get_bucket_versioning(Bucket=bucket).get("Status")
    if status != "Enabled":
        raise InvalidInput(
            reasons.VERSIONING_REQUIRED,
            f"bucket {bucket} does not keep versions (versioning is {status or 'off'}), so its"
            " objects can be overwritten in place; enable versioning on it and write them again",
        )
    known.add(bucket)


def _require(roots: Roots, expected: str | None, source: Source) -> None:
    if roots.objects == 0:
        where = (
            f"s3://{source.bucket}/{source.prefix} has no object"
            if isinstance(source, PrefixSource)
            else "the source names no object"
        )
        raise InvalidInput(reasons.SOURCE_EMPTY, f"{where}; there is nothing to pin")
    if expected is not None and roots.content != expected:
        raise InvalidInput(
            reasons.DIGEST_MISMATCH,
            f"the data have the content digest {roots.content}, spec.digest says {expected}",
        )


class _Telling:
    """Hands progress from the job's thread to the event loop, now and then."""

    def __init__(self, on_progress: Callable[[Progress], None] | None) -> None:
        self._tell = on_progress
        self._loop = asyncio.get_running_loop()
        self._objects = self._bytes = self._told_objects = self._told_bytes = 0

    def add(self, size: int) -> None:
        self._objects += 1
        self._bytes += size
        far = (
            self._objects - self._told_objects >= _PROGRESS_OBJECTS
            or self._bytes - self._told_bytes >= _PROGRESS_BYTES
        )
        if self._tell is not None and far and not self._loop.is_closed():
            self._told_objects, self._told_bytes = self._objects, self._bytes
            self._loop.call_soon_threadsafe(self._tell, Progress(self._objects, self._bytes))
