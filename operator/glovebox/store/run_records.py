"""Records of the runs that were started: one for each team, name and declaration, ever.

A cluster that was restored from a backup knows less than it did, and one that was filled again from
manifests knows nothing. What tells that a run was started lies here, where no restore of a cluster
reaches: written under a name that only one writer can take, before the run's Job is created, and
locked as everything in the bucket is.

    <declaration>.json          begun: who is about to start it, and all that a seal is made of
    <declaration>.started.json  started: the Job that was created then

Both are signed with the key of seals, for what they say decides whether a run starts, is over, and
what is sealed of it. The first version of each that a published key signed in its time counts
(`evidence/standing.py`): what somebody else wrote before it or over it is none. Where there is
nothing else nobody knows whether the run was started, so it is not. A record says everything by
which its results can be sealed although nothing of the cluster is left.

Where no key can sign, a run begins all the same, and that it is about to is not signed: it keeps
others of the name from beginning, and nothing more is believed of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from glovebox.api import reasons
from glovebox.data.digest import DIGEST_PREFIX, canonical_json
from glovebox.errors import GloveboxError, Refused
from glovebox.evidence.after_seal import payload_of
from glovebox.evidence.envelope import sign, unsigned
from glovebox.evidence.standing import Judge, Rule, Standing
from glovebox.evidence.stated import moment_of
from glovebox.store.evidence_objects import stored, versions_of
from glovebox.store.listing import list_versions
from glovebox.store.putting import put, put_first
from glovebox.store.unreadable import may_pass, read_or_why, why_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from glovebox.evidence.keys import TrustBundle
    from glovebox.evidence.signer import Signer
    from glovebox.store.connection import Stop, Store

PREFIX: Final = ".glovebox/runs/"
FORMAT: Final = "glovebox.dev/run/v1"
PAYLOAD_TYPE: Final = "application/vnd.glovebox.run+json"
_STARTED: Final = ".started.json"
_BEGUN: Final = ".json"
# A snapshot has at most a megabyte, as the ConfigMap that holds it, and an envelope is a third
# longer than what it holds; what is longer is no record.
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
        namespace_uid: UID of the namespace in which the Job was about to be created.
        job_uid: UID of the Job; empty until the record of the start is there.
        started: When the Job was created, RFC 3339; empty likewise.
        is_signed: Whether a published key signed it, where that was asked.
    """

    team: str
    name: str
    uid: str
    digest: str
    declared: str
    version: int
    begun: str
    snapshot: Mapping[str, str]
    namespace_uid: str
    job_uid: str = ""
    started: str = ""
    is_signed: bool = True

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


def begin_run(
    store: Store,
    bucket: str,
    record: RunRecord,
    signer: Signer | None,
    trust: TrustBundle,
    stop: Stop,
) -> RunRecord | None:
    """Write the record of a run that is about to start; None when it is the first. Blocks.

    Args:
        store: Of the bucket.
        bucket: The bucket of artifacts.
        record: What to write.
        signer: Signs it; None where no key can.
        trust: The keys whose records count.
        stop: Looked at between requests.

    Returns:
        The record that is there already, of whomever; one that is not signed only of the same UID.

    Raises:
        Refused: `AlreadyRan`: something else is there alone.
        GloveboxError: The store does not answer or denies it, or the service does not sign; calling
            again is safe.
    """
    if put_first(store, bucket, record.key, _signed(_begun_document(record), signer), stop):
        return None
    found = read_run(store, bucket, record.key, trust, stop)
    if found is not None:
        return found
    found = read_run(store, bucket, record.key, None, stop)
    if found is None or found.uid != record.uid:
        raise not_known(store, bucket, record.key, trust, stop)
    return replace(found, is_signed=False)


def not_known(store: Store, bucket: str, key: str, trust: TrustBundle, stop: Stop) -> Refused:
    """Return the error that something else lies in the place of the record of a run. Blocks."""
    judge = Judge(Rule(trust, PAYLOAD_TYPE))
    for _ in _documents(store, bucket, key, judge, stop):
        pass
    doubt = next(iter(judge.doubts.values()), "")
    said = f" while it was valid ({doubt}; who wrote it may have that key)" if doubt else ""
    return Refused(
        reasons.ALREADY_RAN,
        f"s3://{bucket}/{key} is there, and no published key signed it as the record of a run"
        f"{said}: whether the run was started is not known, so it is not; look at its versions and"
        " who wrote them, and to run it, give the Experiment another name",
    )


def note_start(
    store: Store,
    bucket: str,
    begun: RunRecord,
    job_uid: str,
    time: str,
    signer: Signer,
    trust: TrustBundle,
    stop: Stop,
) -> None:
    """Write that the Job of a run was created, unless that is written. Blocks.

    What somebody else put there before keeps it from nothing: ours becomes a later version.
    """
    document = {
        "format": FORMAT,
        "key": begun.key,
        "uid": begun.uid,
        "jobUid": job_uid,
        "startTime": time,
    }
    key, body = started_key(begun.key), _signed(document, signer)
    if put(store, bucket, key, body, only_new=True):
        return
    judge = Judge(Rule(trust, PAYLOAD_TYPE))
    try:
        noted = _with_start(store, bucket, begun, judge, stop)
    except GloveboxError as error:
        why = why_of(error)
        if not why or may_pass(why):
            raise
        noted = begun  # what is archived there may say so as well: twice does no harm
    if not noted.job_uid:
        put(store, bucket, key, body, only_new=False)


def read_run(
    store: Store, bucket: str, key: str, trust: TrustBundle | None, stop: Stop
) -> RunRecord | None:
    """Return the record with that key, or None where none can be read. Blocks.

    Args:
        store: Of the bucket.
        bucket: The bucket of artifacts.
        key: As `run_key` makes it.
        trust: The keys whose records count. None takes whatever is there: for who only looks.
        stop: Looked at between requests.
    """
    judge = Judge(Rule(trust, PAYLOAD_TYPE)) if trust is not None else None
    for document in _documents(store, bucket, key, judge, stop):
        found = _record(document, key)
        if found is not None:
            return _with_start(store, bucket, found, judge, stop)
    return None


def read_runs(
    store: Store, bucket: str, keys: Iterable[str], trust: TrustBundle, stop: Stop
) -> list[RunRecord]:
    """Return the records of these keys that can be read. Blocks."""
    found = (read_run(store, bucket, key, trust, stop) for key in keys)
    return [record for record in found if record is not None]


def run_keys(store: Store, bucket: str, team: str, name: str, stop: Stop) -> tuple[str, ...]:
    """Return the keys of all runs that were begun under a name. Blocks."""
    return tuple(_run_keys(store, bucket, f"{PREFIX}{team}/{name}/", stop))


def has_artifacts(store: Store, bucket: str, record: RunRecord, stop: Stop) -> bool:
    """Return whether anything lies below the prefix of a run. Blocks."""
    return any(True for _ in list_versions(store.wire, bucket, record.prefix, stop))


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


def _signed(document: Mapping[str, Any], signer: Signer | None) -> bytes:
    body = canonical_json(document)
    return sign(body, signer, PAYLOAD_TYPE) if signer is not None else unsigned(body, PAYLOAD_TYPE)


def _documents(
    store: Store, bucket: str, key: str, judge: Judge | None, stop: Stop
) -> Iterator[dict[str, Any]]:
    """Yield what lies under a key and counts, the oldest version first; all of it for no judge.

    Raises:
        GloveboxError: The store does not answer; or, behind all others, one cannot be read that may
            count.
    """
    unknown: GloveboxError | None = None
    for version in versions_of(store, bucket, key, stop):
        read = read_or_why(store, bucket, key, version, _RECORD_BYTES, stop)
        if judge is not None:
            standing = judge(stored(store, bucket, key, version, read))
            if standing is Standing.UNKNOWN:
                unknown = unknown or read.error
            if standing < Standing.FORMER:
                continue
        document = payload_of(read.body)
        if isinstance(document, dict) and document.get("format") == FORMAT:
            yield document
    if unknown is not None:
        raise unknown


def _with_start(
    store: Store, bucket: str, record: RunRecord, judge: Judge | None, stop: Stop
) -> RunRecord:
    for document in _documents(store, bucket, started_key(record.key), judge, stop):
        # That of another run is as well signed, and can be copied.
        is_its = (document.get("key"), document.get("uid")) == (record.key, record.uid)
        if is_its and moment_of(document.get("startTime")) is not None:
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
        "namespaceUid": record.namespace_uid,
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
            namespace_uid=str(document["namespaceUid"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    is_readable = moment_of(found.begun) is not None
    return found if found.key == key and is_readable else None
