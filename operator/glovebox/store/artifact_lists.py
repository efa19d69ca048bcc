"""The list of an experiment's artifacts: listed and hashed as a stream, and kept in the store.

What arrives while the bytes are read is not lost: the listing is repeated until two in a row give
the same list, a few times at most: whoever writes on with a session that was copied keeps no seal
from being made, and the signed statement says that it was so. Uploads in parts that are still open
are ended, so that none of them can complete behind the seal.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

from glovebox.api import reasons
from glovebox.data.manifest import DigestSource, Entry
from glovebox.errors import Unavailable
from glovebox.evidence.artifacts import (
    Artifact,
    ArtifactListWriter,
    artifact_order,
    read_artifact_list,
)
from glovebox.evidence.statement import SNAPSHOT_NAME
from glovebox.store.artifact_reading import Reading
from glovebox.store.evidence_objects import find_by_digest, list_key, put_document
from glovebox.store.list_summary import lines_of, summary_of
from glovebox.store.listing import list_versions
from glovebox.store.manifests import SPOOL_BYTES
from glovebox.store.reading import in_order
from glovebox.store.recalling import nothing, recalled
from glovebox.store.sorting import externally_sorted
from glovebox.store.uploads import end_uploads
from glovebox.store.waits import NO_WAIT, Waits

if TYPE_CHECKING:
    from glovebox.data.compare import ListedVersion
    from glovebox.store.connection import Stop, Store
    from glovebox.store.recalling import Recall

# How often it is listed. Each time what came meanwhile is read, which may be as much again.
_LISTINGS: Final = 4
STILL_WRITTEN: Final = (
    "the prefix was still being written to after the last of several listings: what came later is"
    " not in the list"
)


@dataclass(frozen=True, slots=True)
class Written:
    """A list of artifacts that is kept.

    Attributes:
        digest: Of the list.
        uploads_ended: How many open uploads were ended before it.
        findings: Why more may have been written than it says, in words.
    """

    digest: str
    uploads_ended: int
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Watching:
    """What a seal recalls from earlier attempts, and whom it tells.

    All but `on_bytes` are called in the job's thread.

    Attributes:
        recall: Yields what earlier attempts hashed.
        on_hashed: Called with each version that was hashed just now.
        on_page: Called with each page of the first listing.
        on_artifact: Called with each artifact of the first listing, and with each that a later one
            had to read.
        on_bytes: Called with the size of each piece that is read, in whichever thread reads it.
    """

    recall: Recall = nothing
    on_hashed: Callable[[Entry], None] = lambda entry: None  # noqa: ARG005 - nobody listens
    on_page: Callable[[list[ListedVersion]], None] | None = None
    on_artifact: Callable[[Artifact], None] = lambda artifact: None  # noqa: ARG005 - nobody listens
    on_bytes: Callable[[int], None] = lambda size: None  # noqa: ARG005 - nobody listens


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
    waits: Waits = NO_WAIT,
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
        final: Whether an upload that the store does not end, or a lock that it does not show, is a
            finding; else it is an error, for a later attempt.
        waits: Until when a version that cannot be read is an error (`ArtifactUnread`), for a later
            attempt; afterwards it is listed as unreadable.

    Raises:
        GloveboxError: The store does not answer or denies it; calling again is safe.
    """
    watching = watching or Watching()
    ended = end_uploads(store, bucket, prefix, stop, final=final)
    # The snapshot is the same for every attempt, and the list has its digest in its name: what is
    # there already is as good. Being written first, the snapshot shows whether this bucket can be
    # read at all.
    key, passes = folder + SNAPSHOT_NAME, waits.are_over
    said = put_document(store, bucket, key, snapshot, stop, passes=passes)
    version = find_by_digest(store, bucket, key, said, stop, size=len(snapshot))
    if version is None:
        raise Unavailable(
            reasons.STORE_FAILED, f"s3://{bucket}/{key} was written and cannot be read back"
        )
    reading = Reading(
        store,
        bucket,
        (key, version),
        stop,
        final=final,
        waits=waits,
        on_bytes=watching.on_bytes,
    )
    found, doubts = settled_list(reading, prefix, watching)
    with found:
        digest = summary_of(found, stop).digest
        put_document(store, bucket, list_key(folder, digest), found, stop, passes=passes)
    return Written(digest, ended.count, (*doubts, *reading.findings, *ended.findings))


def settled_list(
    reading: Reading,
    prefix: str,
    watching: Watching,
    *,
    previous: IO[bytes] | None = None,
    digest: str = "",
) -> tuple[IO[bytes], tuple[str, ...]]:
    """Return the list of artifacts as a file, once two listings in a row gave the same one.

    Where somebody writes on it is the latest list, and the second value says so in words.

    Args:
        reading: Reads what is new.
        prefix: Of the artifacts.
        watching: See there.
        previous: An earlier list, from which everything is taken that is in it; it is closed.
        digest: Of that one.
    """
    try:
        for number in range(_LISTINGS):
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
                return now, ()
            digest = found
        latest, previous = previous, None
        assert latest is not None  # noqa: S101 - it was listed at least once
        return latest, (STILL_WRITTEN,)
    finally:
        if previous is not None:
            previous.close()


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
    before = read_artifact_list(lines_of(previous, stop)) if previous is not None else iter(())
    known = watching.recall(stop) if first else iter(())
    items = recalled(_beside(rows, before), known, lambda item: item[0].key)

    def work(
        item: tuple[tuple[ListedVersion, Artifact | None], tuple[Entry, ...]],
    ) -> tuple[Artifact, bool]:
        (row, earlier), entries = item
        if earlier is not None and earlier.delete_marker == row.is_delete_marker:
            reading.note_read(earlier)
            return earlier.model_copy(update={"is_latest": row.is_latest}), False
        return reading.artifact(row, entries)

    writer = ArtifactListWriter(file.write, prefix)
    for _, (artifact, fresh) in in_order(store, work, items, stop):
        writer.add(artifact)
        if fresh:
            watching.on_hashed(_entry(reading.bucket, artifact))
        # What had to be read is told whenever it is: a deletion waits for what comes further.
        if first or fresh:
            watching.on_artifact(artifact)
    reading.require_read()
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
