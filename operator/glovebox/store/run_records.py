"""Records of the runs that were started: one for each team, name and declaration, ever.

A cluster that was restored from a backup knows less than it did, and one that was filled again from
manifests knows nothing. What tells that a run was started lies here, where no restore of a cluster
reaches: written under a name that only one writer can take, before the run's Job is created, and
locked as everything in the bucket is.

    <declaration>.json          begun: who is about to start it, and all that a seal is made of
    <declaration>.started.json  started: the Job that was created then

The first version of each counts: what somebody else writes over it later is none. A record says
everything by which its results can be sealed although nothing of the cluster is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import orjson

from glovebox.api import reasons
from glovebox.data.digest import DIGEST_PREFIX, canonical_json
from glovebox.errors import Unavailable
from glovebox.store.evidence_objects import versions_of
from glovebox.store.listing import list_versions
from glovebox.store.manifests import object_chunks
from glovebox.store.putting import put, put_first

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from glovebox.store.connection import Stop, Store

PREFIX: Final = ".glovebox/runs/"
FORMAT: Final = "glovebox.dev/run/v1"
_STARTED: Final = ".started.json"
_BEGUN: Final = ".json"
# A snapshot has at most a megabyte, as the ConfigMap that holds it; what is longer is no record.
_RECORD_BYTES: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run that was begun.

    Attributes:
        team: Namespace of the Experiment.
        name: Its name.
        uid: Its UID.
        digest: Its identity.
        declared: Digest of what was declared, without the platform's settings.
        version: `metadata.resourceVersion` that the Experiment had then.
        begun: When it was written, RFC 3339.
        snapshot: The data of the ConfigMap with the snapshot.
        job_uid: UID of the Job; empty until the record of the start is there.
        started: When the Job was created, RFC 3339; empty likewise.
    """

    team: str
    name: str
    uid: str
    digest: str
    declared: str
    version: int
    begun: str
    snapshot: Mapping[str, str]
    job_uid: str = ""
    started: str = ""

    @property
    def key(self) -> str:
        """Where it lies."""
        return run_key(self.team, self.name, self.declared)

    @property
    def prefix(self) -> str:
        """The prefix below which its results lie."""
        return f"{self.team}/{self.name}/{self.uid}/"


def run_key(team: str, name: str, declared: str) -> str:
    """Return the key of the record of a run."""
    return f"{PREFIX}{team}/{name}/{declared.removeprefix(DIGEST_PREFIX)}{_BEGUN}"


def started_key(key: str) -> str:
    """Return the key beside a record that says that the Job was created."""
    return key.removesuffix(_BEGUN) + _STARTED


def begin_run(store: Store, bucket: str, record: RunRecord, stop: Stop) -> RunRecord | None:
    """Write the record of a run that is about to start; None when it is the first. Blocks.

    Returns:
        The record that is there already, of whomever.

    Raises:
        GloveboxError: The store does not answer or denies it; calling again is safe.
    """
    body = canonical_json(_begun_document(record))
    if put_first(store, bucket, record.key, body, stop):
        return None
    found = read_run(store, bucket, record.key, stop)
    if found is None:
        raise Unavailable(
            reasons.STORE_FAILED,
            f"s3://{bucket}/{record.key} is there and cannot be read as the record of a run; look"
            " at its versions, and who wrote them",
        )
    return found


def note_start(store: Store, bucket: str, key: str, *, uid: str, job_uid: str, time: str) -> None:
    """Write that the Job of a run was created, unless that is written. Blocks."""
    document = {"format": FORMAT, "uid": uid, "jobUid": job_uid, "startTime": time}
    put(store, bucket, started_key(key), canonical_json(document), only_new=True)


def read_run(store: Store, bucket: str, key: str, stop: Stop) -> RunRecord | None:
    """Return the record with that key, or None where none can be read. Blocks."""
    for document in _documents(store, bucket, key, stop):
        found = _record(document, key)
        if found is not None:
            return _with_start(store, bucket, found, stop)
    return None


def read_runs(store: Store, bucket: str, team: str, name: str, stop: Stop) -> list[RunRecord]:
    """Return every run that was begun under a name, by key. Blocks."""
    keys = _run_keys(store, bucket, f"{PREFIX}{team}/{name}/", stop)
    found = (read_run(store, bucket, key, stop) for key in keys)
    return [record for record in found if record is not None]


def list_run_keys(store: Store, bucket: str, stop: Stop) -> Iterator[str]:
    """Yield the keys of all records of runs that were begun. Blocks."""
    return _run_keys(store, bucket, PREFIX, stop)


def _run_keys(store: Store, bucket: str, prefix: str, stop: Stop) -> Iterator[str]:
    last = ""
    for row in list_versions(store.wire, bucket, prefix, stop):
        is_record = row.key.endswith(_BEGUN) and not row.key.endswith(_STARTED)
        if is_record and row.key != last and not row.is_delete_marker:
            last = row.key
            yield row.key


def _documents(store: Store, bucket: str, key: str, stop: Stop) -> Iterator[dict[str, Any]]:
    """Yield what lies under a key and can be read, the oldest version first."""
    for version in versions_of(store, bucket, key, stop):
        body = _bounded(object_chunks(store, bucket, key, version, stop))
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            continue
        if isinstance(document, dict) and document.get("format") == FORMAT:
            yield document


def _with_start(store: Store, bucket: str, record: RunRecord, stop: Stop) -> RunRecord:
    for document in _documents(store, bucket, started_key(record.key), stop):
        if document.get("uid") == record.uid:
            return replace(
                record,
                job_uid=str(document.get("jobUid", "")),
                started=str(document.get("startTime", "")),
            )
    return record


def _begun_document(record: RunRecord) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "team": record.team,
        "name": record.name,
        "uid": record.uid,
        "digest": record.digest,
        "declared": record.declared,
        "resourceVersion": record.version,
        "begunTime": record.begun,
        "snapshot": dict(record.snapshot),
    }


def _record(document: Mapping[str, Any], key: str) -> RunRecord | None:
    """Return what a document says, or None when it says nothing of this key."""
    try:
        found = RunRecord(
            team=str(document["team"]),
            name=str(document["name"]),
            uid=str(document["uid"]),
            digest=str(document["digest"]),
            declared=str(document["declared"]),
            version=int(document["resourceVersion"]),
            begun=str(document["begunTime"]),
            snapshot={str(name): str(text) for name, text in document["snapshot"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return found if found.key == key else None


def _bounded(chunks: Iterable[bytes]) -> bytes:
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > _RECORD_BYTES:
            return b""
    return bytes(body)
