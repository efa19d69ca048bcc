"""Pinning a dataset: from a source to roots and a locked manifest.

One job with bounded memory: listing, reading, hashing and writing are streams in the order of the
paths, and at most 64 objects are under way at once. A pin is only ever made of bytes that were
read, unless a lower source of digests is allowed. What an earlier attempt read is not read again.
"""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from glovebox.api import reasons
from glovebox.api.derived import DerivedFrom
from glovebox.data.manifest import DigestSource, Entry, ManifestWriter
from glovebox.data.paths import is_folder_marker
from glovebox.errors import InvalidInput, Unavailable
from glovebox.store.errors import translated
from glovebox.store.listing import head_version
from glovebox.store.manifests import (
    SPOOL_BYTES,
    ManifestLocation,
    ManifestLock,
    store_manifest,
)
from glovebox.store.pin_checks import verify_pin
from glovebox.store.reading import digest_version, in_order
from glovebox.store.recalling import nothing, recalled
from glovebox.store.sources import (
    Candidate,
    ManifestSource,
    ObjectRef,
    ObjectsSource,
    PartSource,
    PrefixSource,
    SealSource,
    Source,
    candidates,
)
from glovebox.store.telling import Progress, Telling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from glovebox.data.compare import ListedVersion
    from glovebox.data.roots import Roots
    from glovebox.store.connection import Stop, Store
    from glovebox.store.recalling import Recall
    from glovebox.store.source_access import SourceAccess

__all__ = [
    "BuiltPin",
    "ManifestLocation",
    "ManifestLock",
    "ManifestSource",
    "ObjectRef",
    "ObjectsSource",
    "PartSource",
    "PrefixSource",
    "Progress",
    "SealSource",
    "Source",
    "build_pin",
    "verify_pin",
]


@dataclass(frozen=True, slots=True)
class BuiltPin:
    """What a pin's status needs: both roots with counts, and where the manifest lies.

    Attributes:
        roots: Its identity.
        manifest: Where its versions are listed.
        recalled: When the store's record says that every object was read, RFC 3339; empty when they
            were read just now.
        origin: The seal that lists the objects, where one does.
        folder_markers: How many empty objects with the name of a folder were left out; None where
            nothing was listed.
    """

    roots: Roots
    manifest: ManifestLocation
    recalled: str = ""
    origin: DerivedFrom | None = None
    folder_markers: int | None = None


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
    access: SourceAccess | None = None,
    recall: Recall = nothing,
    on_hashed: Callable[[Entry], None] | None = None,
    stop: Stop | None = None,
    sealed: Callable[[Stop], Iterator[Candidate]] | None = None,
) -> BuiltPin:
    """Resolve a source to versions, hash every object, store the manifest; safe to repeat.

    Args:
        store: Where the data are.
        source: What to pin.
        artifacts_bucket: Where the manifest goes.
        lock: How the manifest is protected; None on a bucket without object lock.
        expected: Content root that the data must have.
        minimum: The weakest source of a digest to accept; by default all bytes are read.
        on_progress: Called on the event loop, about every 100 objects or 64 MiB.
        artifacts_store: Where the manifest goes, when that is another store.
        access: Which objects may be pinned; None for all.
        recall: Yields what earlier attempts hashed; called in the job's thread.
        on_hashed: Called in the job's thread with each entry that this attempt hashed.
        stop: Ends it; one of its own when absent.
        sealed: Yields what the seal lists, for a `SealSource`.

    Raises:
        InvalidInput: The data cannot be pinned as they are: `VersioningRequired`, `KeyRefused`,
            `BadPrefix`, `Unordered`, `SourceEmpty`, `TooManyObjects`, `ObjectNotFound`,
            `ManifestInvalid`, `DigestMismatch`.
        GloveboxError: The store does not answer, denies it, or changed under our feet.
    """
    told = Telling(on_progress)

    def listed(page: list[ListedVersion]) -> None:
        current = [
            row.size
            for row in page
            if row.is_latest
            and not row.is_delete_marker
            and not is_folder_marker(row.key, row.size)
        ]
        told.list(len(current), sum(current))

    def job(stop: Stop) -> BuiltPin:
        with tempfile.SpooledTemporaryFile(SPOOL_BYTES, prefix="glovebox-manifest-") as file:
            if access is not None:
                access.check_source(source)  # before a request says whether a bucket is there
            writer = ManifestWriter(file.write)
            markers: list[None] = []
            allowed = functools.partial(
                candidates,
                store,
                source,
                stop,
                access,
                listed,
                sealed,
                functools.partial(markers.append, None),
            )
            for entry, fresh in _entries(store, source, minimum, stop, allowed, recall):
                writer.add(entry)
                if fresh and on_hashed is not None:
                    on_hashed(entry)
                told.add(entry.size)
            roots = writer.finish()
            _require(roots, expected, source)
            file.seek(0)
            return BuiltPin(
                roots,
                store_manifest(
                    artifacts_store or store, artifacts_bucket, file, writer.digest, lock, stop
                ),
                folder_markers=len(markers) if isinstance(source, PrefixSource) else None,
            )

    return await store.run_job(job, stop)


def _entries(
    store: Store,
    source: Source,
    minimum: DigestSource,
    stop: Stop,
    found: Callable[[], Iterator[Candidate]],
    recall: Recall,
) -> Iterator[tuple[Entry, bool]]:
    """Yield the hashed entries of a source by path, and whether each was hashed just now."""
    known: set[str] = set()

    def versioned() -> Iterator[Candidate]:
        if isinstance(source, PrefixSource):
            _require_versioning(store, source.bucket, known)
        for candidate in found():
            _require_versioning(store, candidate.bucket, known)
            yield candidate

    def work(item: tuple[Candidate, tuple[Entry, ...]]) -> tuple[Entry, bool]:
        candidate, earlier = item
        known = next((entry for entry in earlier if _is_of(entry, candidate, minimum)), None)
        if known is not None:
            return known, False
        return _entry(store, minimum, stop, candidate), True

    items = recalled(versioned(), recall(stop), lambda candidate: candidate.path)
    try:
        for _, hashed in in_order(store, work, items, stop):
            yield hashed
    except InvalidInput as error:
        if error.reason == reasons.OBJECT_NOT_FOUND and isinstance(source, PrefixSource):
            raise Unavailable(
                "SourceChanged",
                "an object was deleted between its listing and its reading; the operator retries:"
                f" {error.message}",
            ) from error
        raise


def _is_of(entry: Entry, candidate: Candidate, minimum: DigestSource) -> bool:
    """Tell whether an entry from before is of this very version, and known well enough."""
    return (
        (entry.bucket, entry.key, entry.version_id)
        == (candidate.bucket, candidate.key, candidate.version_id)
        and entry.source.strength >= minimum.strength
        and candidate.size in (None, entry.size)
        and candidate.declared in (None, entry.sha256)
    )


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
            hashing=store.hashing,
        )
        sha256, size, origin = hashed.sha256, hashed.size, hashed.source
    if candidate.declared is not None and candidate.declared != sha256:
        raise InvalidInput(
            reasons.DIGEST_MISMATCH,
            f"{where} has the digest sha256:{sha256}, its list says sha256:{candidate.declared}",
        )
    if candidate.size is not None and candidate.size != size:
        raise InvalidInput(
            reasons.SIZE_MISMATCH, f"{where} has {size} bytes, it was listed with {candidate.size}"
        )
    return Entry(
        candidate.path, size, sha256, candidate.bucket, candidate.key, candidate.version_id, origin
    )


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
        where = "the source names no object"
        if isinstance(source, PrefixSource):
            where = f"s3://{source.bucket}/{source.prefix} has no object"
        if isinstance(source, SealSource):
            below = f" below `{source.below}`" if source.below else ""
            where = f"the seal of Experiment '{source.experiment}' lists no object{below}"
        raise InvalidInput(
            reasons.SOURCE_EMPTY,
            f"{where}; there is nothing to pin: write the data first, or delete this pin and create"
            " it again with another `spec.source`",
        )
    if expected is not None and roots.content != expected:
        raise InvalidInput(
            reasons.DIGEST_MISMATCH,
            f"the data have the content digest {roots.content}, spec.digest says {expected}:"
            " create a pin of the data that were meant, or one that says the digest of these",
        )
