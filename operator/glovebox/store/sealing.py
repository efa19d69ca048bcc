"""Closes the results of an experiment: lists and hashes every version below its prefix, and writes the evidence under a lock.

The signed statement is written last and only if none is there: it is the seal. Whoever finds one
    takes it as it is,
so that a crash between any two requests, or a second operator, gives one seal. What arrives while
the bytes are read is not lost: the listing is repeated until it holds nothing new. Uploads in parts
that are still open are ended, so that none of them can complete behind the seal.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from glovebox.api import reasons
from glovebox.data.digest import DIGEST_PREFIX
from glovebox.data.manifest import DigestSource
from glovebox.errors import GloveboxError, Unavailable
from glovebox.evidence.artifacts import Artifact, decode_artifacts, encode_artifacts, list_digest
from glovebox.evidence.statement import LIST_NAME, SNAPSHOT_NAME
from glovebox.evidence.verification import stated_list_digest
from glovebox.store.errors import translated
from glovebox.store.listing import list_versions
from glovebox.store.manifests import object_chunks
from glovebox.store.reading import digest_version, in_order

if TYPE_CHECKING:
    from glovebox.data.compare import ListedVersion
    from glovebox.store.connection import Stop, Store

PREFIX: Final = ".glovebox/seals/"
STATEMENT_NAME: Final = "attestation.dsse.json"
_ROUNDS: Final = 10
_FINDINGS_MAX: Final = 16
# Makes the signed statement out of the artifacts and the bytes of their list.
Signing = Callable[[list[Artifact], bytes], bytes]


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
        findings: What the seal cannot vouch for.
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


async def seal_artifacts(
    store: Store, *, bucket: str, prefix: str, folder: str, snapshot: bytes, signing: Signing
) -> Sealed:
    """Seal what lies below a prefix; the seal that is there already is returned unchanged.

    Args:
        store: Of the bucket.
        bucket: The bucket of artifacts.
        prefix: The experiment's own, ending in `/`.
        folder: Where the evidence goes, ending in `/`.
        snapshot: What the experiment's digest was computed from.
        signing: Makes the signed statement.

    Raises:
        GloveboxError: The store does not answer or denies it; calling again is safe.
    """

    def job(stop: Stop) -> Sealed:
        existing = _existing(store, bucket, folder, stop)
        if existing is not None:
            return existing
        _end_uploads(store, bucket, prefix)
        artifacts = _settled_artifacts(store, bucket, prefix, stop)
        raw = encode_artifacts(prefix, artifacts)
        # The list has its digest in its name, and the snapshot is the same for every attempt: what
        # is there already is as good.
        _put_new(store, bucket, list_key(folder, list_digest(raw)), raw)
        _put_new(store, bucket, folder + SNAPSHOT_NAME, snapshot)
        _put_new(store, bucket, folder + STATEMENT_NAME, signing(artifacts, raw))
        made = _existing(store, bucket, folder, stop)
        if made is None:
            raise Unavailable(
                reasons.STORE_FAILED,
                f"the seal s3://{bucket}/{folder} was written and cannot be read back",
            )
        return made

    return await store.run_job(job)


def read_artifacts(
    store: Store, bucket: str, prefix: str, stop: Stop, *, hashed: bool = True
) -> Iterator[Artifact]:
    """Yield every version below a prefix as it is now, with its lock; `hashed` reads and hashes the bytes as well. Blocks."""
    work = functools.partial(_artifact, store, bucket, stop, hashed=hashed)
    for _, artifact in in_order(store, work, list_versions(store.wire, bucket, prefix, stop), stop):
        yield artifact


def read_evidence(store: Store, bucket: str, folder: str, stop: Stop) -> dict[str, bytes]:
    """Return the documents of a seal that are there, by name: the statement, the list that it names by digest, the snapshot. Blocks."""
    found: dict[str, bytes] = {}
    statement = _oldest(store, bucket, folder + STATEMENT_NAME, stop)
    if statement is None:
        return found
    found[STATEMENT_NAME] = statement
    for name, key in (
        (LIST_NAME, list_key(folder, stated_list_digest(statement))),
        (SNAPSHOT_NAME, folder + SNAPSHOT_NAME),
    ):
        body = _oldest(store, bucket, key, stop)
        if body is not None:
            found[name] = body
    return found


def list_key(folder: str, digest: str) -> str:
    """Return the key of the list with that digest."""
    return f"{folder}artifacts.{digest.removeprefix(DIGEST_PREFIX)}.jsonl"


def _existing(store: Store, bucket: str, folder: str, stop: Stop) -> Sealed | None:
    version = _first_version(store, bucket, folder + STATEMENT_NAME, stop)
    if version is None:
        return None
    documents = read_evidence(store, bucket, folder, stop)
    raw = documents[LIST_NAME]
    _, artifacts = decode_artifacts(raw)
    ends = [artifact.retain_until_time for artifact in artifacts if artifact.retain_until_time]
    return Sealed(
        uri=f"s3://{bucket}/{folder}",
        version_id=version,
        envelope=documents[STATEMENT_NAME],
        list_digest=list_digest(raw),
        versions=len(artifacts),
        bytes=sum(artifact.size for artifact in artifacts),
        retain_until_time=min(ends, default=""),
        findings=tuple(_findings(artifacts))[:_FINDINGS_MAX],
    )


def _oldest(store: Store, bucket: str, key: str, stop: Stop) -> bytes | None:
    version = _first_version(store, bucket, key, stop)
    return (
        b"".join(object_chunks(store, bucket, key, version, stop)) if version is not None else None
    )


def _first_version(store: Store, bucket: str, key: str, stop: Stop) -> str | None:
    """Return the oldest version of a key: what was written over a seal later is no seal."""
    versions = [
        row
        for row in list_versions(store.wire, bucket, key, stop)
        if row.key == key and not row.is_delete_marker
    ]
    return versions[-1].version_id if versions else None


def _settled_artifacts(store: Store, bucket: str, prefix: str, stop: Stop) -> list[Artifact]:
    for _ in range(_ROUNDS):
        artifacts = list(read_artifacts(store, bucket, prefix, stop))
        listed = {
            (row.key, row.version_id) for row in list_versions(store.wire, bucket, prefix, stop)
        }
        if listed == {(artifact.key, artifact.version_id) for artifact in artifacts}:
            return artifacts
    raise Unavailable(
        reasons.SEALING,
        f"s3://{bucket}/{prefix} is still being written to; it is sealed once that has ended",
    )


def _artifact(
    store: Store, bucket: str, stop: Stop, row: ListedVersion, *, hashed: bool
) -> Artifact:
    if row.is_delete_marker:
        return Artifact(
            key=row.key,
            version_id=row.version_id,
            size=0,
            sha256="",
            is_latest=row.is_latest,
            delete_marker=True,
        )
    query = {"versionId": row.version_id}
    try:
        with translated(f"look at s3://{bucket}/{row.key} version {row.version_id}"):
            headers = store.wire.head(bucket, row.key, query)
    except GloveboxError as error:
        if error.reason != reasons.OBJECT_NOT_FOUND:
            raise
        # Listed under a name that finds nothing: a run must not be able to keep its own seal from
        # being made with such a key.
        return Artifact(
            key=row.key,
            version_id=row.version_id,
            size=row.size,
            sha256="",
            is_latest=row.is_latest,
        )
    sha256, size = "", row.size
    if hashed:
        read = digest_version(
            store.wire, bucket, row.key, row.version_id, minimum=DigestSource.COMPUTED, stop=stop
        )
        sha256, size = read.sha256, read.size
    mode = headers.get("x-amz-object-lock-mode", "").capitalize()
    return Artifact(
        key=row.key,
        version_id=row.version_id,
        size=size,
        sha256=sha256,
        is_latest=row.is_latest,
        lock_mode=(
            "Compliance" if mode == "Compliance" else "Governance" if mode == "Governance" else ""
        ),
        retain_until_time=headers.get("x-amz-object-lock-retain-until-date", "") if mode else "",
    )


def _findings(artifacts: list[Artifact]) -> Iterator[str]:
    for artifact in artifacts:
        if artifact.is_unreadable:
            yield (
                f"`{artifact.key}`: version {artifact.version_id} is listed and cannot be read"
                " under that name"
            )
        elif not artifact.delete_marker and not artifact.lock_mode:
            yield (
                f"`{artifact.key}`: no lock protects version {artifact.version_id}; it can be"
                " deleted"
            )


def _end_uploads(store: Store, bucket: str, prefix: str) -> None:
    with translated(f"end open uploads below s3://{bucket}/{prefix}"):
        pages = store.s3.get_paginator("list_multipart_uploads").paginate(
            Bucket=bucket, Prefix=prefix
        )
        for page in pages:
            for upload in page.get("Uploads") or ():
                store.s3.abort_multipart_upload(
                    Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                )


def _put_new(store: Store, bucket: str, key: str, body: bytes) -> None:
    """Write an object unless one of that name is there."""
    try:
        with translated(f"write s3://{bucket}/{key}"):
            store.s3.put_object(
                Bucket=bucket, Key=key, Body=body, ChecksumAlgorithm="SHA256", IfNoneMatch="*"
            )
    except GloveboxError as error:
        if error.reason != reasons.PRECONDITION_FAILED:
            raise
