"""The last list of what lies below a prefix, made when no session may write there any more.

Everything that the sealed list holds is taken from it: only what came since is read. When nothing
came, the last list is the sealed one, byte for byte, and nothing is written for it.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from glovebox.api import reasons
from glovebox.data.digest import DIGEST_PREFIX
from glovebox.errors import InvalidInput
from glovebox.evidence.artifacts import Artifact, artifact_order, read_artifact_list
from glovebox.store.artifact_lists import Watching, settled_list
from glovebox.store.artifact_reading import Reading
from glovebox.store.evidence_objects import find_by_digest, list_key, put_document
from glovebox.store.list_summary import finding_of, lines_of, require_digest, summary_of
from glovebox.store.manifests import SPOOL_BYTES, object_chunks
from glovebox.store.retention import retain
from glovebox.store.uploads import end_uploads
from glovebox.store.version_lock import Lock
from glovebox.store.waits import NO_WAIT, Waits

if TYPE_CHECKING:
    from glovebox.store.connection import Stop, Store

_FINDINGS_MAX = 16


@dataclass(frozen=True, slots=True)
class LastList:
    """The last list, compared with the sealed one.

    Attributes:
        digest: Of the last list.
        added: How many versions are in it that are not sealed.
        missing: How many sealed versions are not in it.
        uploads_ended: How many open uploads were ended before.
        lock: How long evidence over it has to be kept.
        findings: Why it may not be the last word, and what cannot be vouched for of what was added,
            in words.
    """

    digest: str
    added: int
    missing: int
    uploads_ended: int
    lock: Lock
    findings: tuple[str, ...]


def write_last_list(
    store: Store,
    *,
    bucket: str,
    prefix: str,
    folder: str,
    sealed: str,
    stop: Stop,
    watching: Watching | None = None,
    waits: Waits = NO_WAIT,
) -> LastList:
    """List what lies below a prefix once more, and keep the list. Blocks.

    Args:
        store: Of the bucket.
        bucket: The bucket of artifacts.
        prefix: The experiment's own, ending in `/`.
        folder: Of the evidence, ending in `/`.
        sealed: Digest of the sealed list.
        stop: Looked at between requests.
        watching: What is recalled and told.
        waits: Until when a version that cannot be read is waited for.

    Raises:
        InvalidInput: The sealed list is gone.
        NotReady: `ArtifactUnread`: a version is waited for.
        GloveboxError: The store does not answer or denies it; calling again is safe.
    """
    key = list_key(folder, sealed)
    version = find_by_digest(store, bucket, key, sealed, stop)
    if version is None:
        raise InvalidInput(
            reasons.MANIFEST_INVALID, f"the sealed list s3://{bucket}/{key} is not there"
        )
    ended = end_uploads(store, bucket, prefix, stop)
    previous = _fetched(store, bucket, key, version, sealed, stop)
    reading = Reading(store, bucket, (key, version), stop, final=True, waits=waits)
    found, doubts = settled_list(
        reading, prefix, watching or Watching(), previous=previous, digest=sealed
    )
    with found:
        summary = summary_of(found, stop)
        added = missing = 0
        findings: list[str] = []
        if summary.digest != sealed:
            with _fetched(store, bucket, key, version, sealed, stop) as again:
                before = read_artifact_list(lines_of(again, stop))
                now = read_artifact_list(lines_of(found, stop))
                for artifact, is_new in _differing(before, now):
                    added, missing = added + is_new, missing + (not is_new)
                    said = finding_of(artifact) if is_new else ""
                    if said and len(findings) < _FINDINGS_MAX:
                        findings.append(said)
            found.seek(0)
        last_key = list_key(folder, summary.digest)
        put_document(store, bucket, last_key, found, stop, passes=waits.are_over)
    last = find_by_digest(store, bucket, last_key, summary.digest, stop)
    named = [(last_key, last)] if last is not None else []
    short = retain(store, bucket, named, summary.lock, stop, final=True)
    return LastList(
        summary.digest,
        added,
        missing,
        ended.count,
        summary.lock,
        (*doubts, *reading.findings, *ended.findings, *findings, *((short,) if short else ())),
    )


def _fetched(
    store: Store, bucket: str, key: str, version: str, digest: str, stop: Stop
) -> IO[bytes]:
    """Return the sealed list as a file, held to its digest with every read.

    What is taken from it is signed once more, so a store must not give other bytes this time.
    """
    hashed = hashlib.sha256()
    file: IO[bytes] = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - handed to the caller
        SPOOL_BYTES, prefix="glovebox-seal-"
    )
    try:
        for chunk in object_chunks(store, bucket, key, version, stop):
            file.write(chunk)
            hashed.update(chunk)
        require_digest(DIGEST_PREFIX + hashed.hexdigest(), digest, bucket, key)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def _differing(
    before: Iterator[Artifact], now: Iterator[Artifact]
) -> Iterator[tuple[Artifact, bool]]:
    """Yield what is in one list alone, with whether that is the later one; both are in order."""
    old, new = next(before, None), next(now, None)
    while old is not None or new is not None:
        if new is None or (old is not None and artifact_order(old) < artifact_order(new)):
            assert old is not None  # noqa: S101 - one of them is there
            yield old, False
            old = next(before, None)
        elif old is None or artifact_order(new) < artifact_order(old):
            yield new, True
            new = next(now, None)
        else:
            old, new = next(before, None), next(now, None)
