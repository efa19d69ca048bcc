"""The seal of an experiment in the store: its statement is signed over a list, and written once.

The signed statement is the seal. It is written last and only if none of ours is there; the oldest
version that a trusted key signed counts, so that a crash between any two requests, or a second
operator, gives one seal, and whatever somebody else writes under its name, before or after, none.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from glovebox.api import reasons
from glovebox.errors import InvalidInput, Unavailable
from glovebox.evidence.artifacts import Artifact, read_artifact_list
from glovebox.evidence.statement import SNAPSHOT_NAME, STATEMENT_NAME
from glovebox.evidence.verification import stated_list_digest
from glovebox.store.evidence_objects import (
    Trusted,
    find_by_digest,
    find_statement,
    list_key,
    put_signed,
    readable_versions,
)
from glovebox.store.list_summary import (
    Summary,
    checked_lines,
    lines_of,
    require_digest,
    summary_of,
)
from glovebox.store.manifests import SPOOL_BYTES, object_chunks, spooled_chunks
from glovebox.store.retention import retain

if TYPE_CHECKING:
    from glovebox.store.connection import Stop, Store

PREFIX: Final = ".glovebox/seals/"
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


def seal_folder(uid: str) -> str:
    """Return the key prefix of an experiment's evidence; a run's credentials never cover it."""
    return f"{PREFIX}{uid}/"


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
        summary = summary_of(found, stop)
        require_digest(summary.digest, digest, bucket, key)
        # Before it is signed: what keeps the evidence from being locked is said in it.
        snapshot = folder + SNAPSHOT_NAME
        named = [
            (key, version),
            *((snapshot, each) for each in readable_versions(store, bucket, snapshot, stop)),
        ]
        for other, other_digest in others:
            found_version = find_by_digest(store, bucket, other, other_digest, stop)
            named += [(other, found_version)] if found_version is not None else []
        short = retain(store, bucket, named, summary.lock, stop, final=final)
        findings = (*summary.findings, *((short,) if short else ()))
        envelope = signing(read_artifact_list(lines_of(found, stop)), summary.digest, findings)
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
    summary.read(checked_lines(spooled_chunks(store, bucket, key, listed, stop), stop))
    require_digest(summary.digest, digest, bucket, key)
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
