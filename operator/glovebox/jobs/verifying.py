"""Verifies a seal with what an auditor has: a folder or a store, and public keys.

It changes nothing, and asks no cluster. What it looked at is told in words, and what it did not
look at as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from glovebox.api import reasons
from glovebox.errors import InvalidInput
from glovebox.evidence.after_seal import (
    CONCLUSION_NAME,
    CONCLUSION_TYPE,
    LAST_LIST_NAME,
    SUPPLEMENT_NAME,
    SUPPLEMENT_TYPE,
    envelope_digest,
    is_about,
    payload_of,
)
from glovebox.evidence.keys import TrustBundle
from glovebox.evidence.standing import Judge, Rule, Standing, Stored
from glovebox.evidence.stated import defect_of_seal
from glovebox.evidence.statement import LIST_NAME, SNAPSHOT_NAME, STATEMENT_NAME
from glovebox.evidence.verification import (
    Expected,
    Report,
    check_bytes,
    check_versions,
    check_written,
    is_statement_of,
    stated_uid,
    verify_evidence,
)
from glovebox.evidence.verify_after import (
    check_conclusion,
    check_logs,
    check_supplement,
    stated_logs,
)
from glovebox.jobs.in_store import in_store, seal_place
from glovebox.jobs.verifying_locks import (
    check_evidence_locks,
    check_locks,
    id_of,
    locked_as_sealed,
    tell_hidden,
)
from glovebox.store.artifact_reading import read_artifacts
from glovebox.store.evidence_objects import EvidenceObject, read_beside, read_evidence

if TYPE_CHECKING:
    from glovebox.jobs.verifying_ledger import InLedger
    from glovebox.store.connection import Stop, Store

_DOCUMENTS_CHECKED: Final = "the signature, the list of artifacts and the snapshot"
_BESIDE_CHECKED: Final = "the logs, the last listing and the conclusion, as far as there are any"
DOCUMENTS: Final = (STATEMENT_NAME, LIST_NAME, SNAPSHOT_NAME)


@dataclass(frozen=True, slots=True)
class Demand:
    """What a verification asks for.

    Attributes:
        trust: The keys that may have signed.
        expected: What the seal has to be of.
        locks: Whether a version that nothing protects is a finding.
    """

    trust: TrustBundle
    expected: Expected = field(default_factory=Expected)
    locks: bool = True


@dataclass(frozen=True, slots=True)
class Verified:
    """A report, how many bytes of artifacts were read for it, and in words what was checked.

    And what was not; and where a ledger tells of the seal, when one was asked.
    """

    report: Report
    bytes_read: int
    checked: tuple[str, ...]
    unchecked: tuple[str, ...] = ()
    ledger: InLedger | None = None


class Watcher:
    """Is told how far a verification is; this one does nothing with it."""

    def begin(self, versions: int, size: int) -> None:
        """Learn how much there is to look at; a size of 0 where no bytes are read."""

    def looked_at(self) -> None:
        """Learn that one more version was looked at."""

    def read(self, size: int) -> None:
        """Learn that so many more bytes were read; called by several threads."""


def verify_folder(folder: Path, demand: Demand, now: datetime | None = None) -> Verified:
    """Verify the evidence in a folder, without any store.

    Raises:
        InvalidInput: A document is missing.
    """
    documents = {
        name: (folder / name).read_bytes() for name in DOCUMENTS if (folder / name).is_file()
    }
    report = _verify(documents, demand, str(folder))
    if report.findings:
        return Verified(report, 0, (_DOCUMENTS_CHECKED,), ("what is stored beside the seal",))
    check_written(report, None)
    beside = {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()}
    _check_beside(report, documents[STATEMENT_NAME], beside, demand, now or _now())
    if not report.findings:
        sealed = report.sealed or now or _now()
        check_locks(report, report.artifacts, sealed, demanded=demand.locks, sealed_only=True)
    unchecked = (
        "the artifacts themselves, and whether they are still locked: that needs the store",
    )
    return Verified(report, 0, (_DOCUMENTS_CHECKED, _BESIDE_CHECKED), unchecked)


def verify_store(
    uri: str,
    demand: Demand,
    *,
    read_bytes: bool,
    save: Path | None,
    watcher: Watcher | None = None,
) -> Verified:
    """Verify a seal in a store, with every version that it lists.

    Args:
        uri: `s3://bucket/.glovebox/seals/<uid>/`.
        demand: What is asked for.
        read_bytes: Read and hash every version; else only look whether it is there and locked.
        save: Folder in which the evidence is kept.
        watcher: Is told how far it is.

    Raises:
        InvalidInput: There is no seal.
        GloveboxError: The store does not answer, or denies it.
    """
    bucket, folder = seal_place(uri)

    def job(store: Store, stop: Stop) -> Verified:
        return verify_seal(
            store, bucket, folder, demand, stop, read_bytes=read_bytes, save=save, watcher=watcher
        )

    return in_store(job)


def _now() -> datetime:
    return datetime.now(UTC)


def verify_seal(
    store: Store,
    bucket: str,
    folder: str,
    demand: Demand,
    stop: Stop,
    *,
    read_bytes: bool = True,
    save: Path | None = None,
    now: datetime | None = None,
    watcher: Watcher | None = None,
) -> Verified:
    """Verify the seal in a folder of a store. Blocks.

    Raises:
        InvalidInput: There is no seal.
        GloveboxError: The store does not answer, or denies it.
    """
    now = now or _now()
    objects, report, judge = read_seal(store, bucket, folder, demand, stop, save=save)
    if report.findings:
        return Verified(report, 0, (_DOCUMENTS_CHECKED,), ("the artifacts",))
    check_written(report, objects[STATEMENT_NAME].written)
    report.remarks += [
        *(
            f"not counted as the seal: {each}"
            for each in judge.doubts_beside(objects[STATEMENT_NAME].version_id)
        ),
        *(f"cannot be read, and is not the seal: {each}" for each in judge.unread.values()),
        *(f"not the seal: {each}" for each in judge.passed.values()),
        *([judge.unlooked] if judge.unlooked else []),
    ]
    seal = objects[STATEMENT_NAME].body

    def beside_it(predicate_type: str) -> Judge:
        digest = envelope_digest(seal)
        return Judge(
            Rule(demand.trust), lambda each: is_about(payload_of(each), predicate_type, digest)
        )

    beside = read_beside(
        store,
        bucket,
        folder,
        stop,
        logs=stated_logs(report),
        supplement=beside_it(SUPPLEMENT_TYPE),
        conclusion=beside_it(CONCLUSION_TYPE),
    )
    found = {name: each.body for name, each in beside.items()}
    _save(save, found)
    written = {name: each.written for name, each in beside.items()}
    _check_beside(report, seal, found, demand, now, written)
    check_evidence_locks(report, objects | beside, now, demanded=demand.locks)
    control = (objects[SNAPSHOT_NAME].key, objects[SNAPSHOT_NAME].version_id)
    return _compare(
        store,
        bucket,
        control,
        report,
        demand,
        stop,
        read_bytes=read_bytes,
        now=now,
        watcher=watcher,
    )


def read_seal(
    store: Store,
    bucket: str,
    folder: str,
    demand: Demand,
    stop: Stop,
    *,
    save: Path | None = None,
) -> tuple[dict[str, EvidenceObject], Report, Judge]:
    """Read the three documents of a seal and verify them; nothing else is looked at. Blocks.

    Returns:
        The documents by name, what was found, and what judged the statements.

    Raises:
        InvalidInput: There is no seal.
        GloveboxError: The store does not answer, or denies it.
    """
    # The folder is of one Experiment: the seal of another one has no business there.
    uid = demand.expected.uid or folder.rstrip("/").rpartition("/")[2]
    experiment = demand.expected.experiment

    def is_its(envelope: bytes) -> bool:
        if experiment and not is_statement_of(envelope, experiment, uid):
            return False
        return stated_uid(envelope) == uid

    # As the operator looks for it; it knows besides when the run ended.
    judge = Judge(Rule(demand.trust), is_its, defect_of_seal)
    objects = read_evidence(store, bucket, folder, stop, judge)
    if STATEMENT_NAME in objects and judge(_stored(objects)) is Standing.FOREIGN:
        # There is none: what there is instead is told.
        objects = read_evidence(store, bucket, folder, stop, Judge(Rule(demand.trust)))
    documents = {name: found.body for name, found in objects.items()}
    _save(save, documents)
    demand = replace(demand, expected=replace(demand.expected, uid=uid))
    return objects, _verify(documents, demand, f"s3://{bucket}/{folder}"), judge


def _stored(objects: Mapping[str, EvidenceObject]) -> Stored:
    statement = objects[STATEMENT_NAME]
    return Stored(statement.version_id, statement.body, lambda: statement.written)


def _save(folder: Path | None, documents: Mapping[str, bytes]) -> None:
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, body in documents.items():
        (folder / name).write_bytes(body)


def _check_beside(
    report: Report,
    seal: bytes,
    found: Mapping[str, bytes],
    demand: Demand,
    now: datetime,
    written: Mapping[str, datetime | None] | None = None,
) -> None:
    """Check what is stored beside the seal, by name; `written` is when the store took it in."""
    times = written or {}
    try:
        check_logs(report, found)
        supplement = found.get(SUPPLEMENT_NAME)
        last = found.get(LAST_LIST_NAME)
        trust, conclusion = demand.trust, found.get(CONCLUSION_NAME)
        taken_in = times.get(SUPPLEMENT_NAME)
        check_supplement(report, seal, supplement, last, trust, now, taken_in)
        check_conclusion(report, seal, conclusion, trust, times.get(CONCLUSION_NAME))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        report.note(
            "StatementInvalid",
            STATEMENT_NAME,
            f"what it says of the run cannot be read: {type(error).__name__}",
        )


def _compare(
    store: Store,
    bucket: str,
    control: tuple[str, str],
    report: Report,
    demand: Demand,
    stop: Stop,
    *,
    read_bytes: bool,
    now: datetime,
    watcher: Watcher | None,
) -> Verified:
    place = str(report.definition["internalParameters"]["artifacts"]).removeprefix("s3://")
    stated, _, prefix = place.partition("/")
    if stated != bucket:
        report.remarks.append(f"it was sealed in bucket {stated}; the copy in {bucket} was checked")
    unreadable: set[tuple[str, str]] = set()
    hidden: set[tuple[str, str]] = set()
    watcher = watcher or Watcher()
    expected = (*report.artifacts, *report.later)
    watcher.begin(len(expected), sum(each.size for each in expected) if read_bytes else 0)
    found = []
    for each in read_artifacts(
        store,
        bucket,
        prefix,
        stop,
        control=control,
        unreadable=unreadable,
        hidden=hidden,
        hashed=read_bytes,
        on_bytes=watcher.read,
    ):
        watcher.looked_at()
        found.append(each)
    # What came after the seal is signed as well: its last listing has hashes and locks.
    later = {id_of(artifact) for artifact in report.later}
    sealed = {id_of(artifact): artifact for artifact in expected}
    readable = [each for each in found if id_of(each) not in unreadable]
    # What cannot be read is there, and nothing more can be said of it; nor of a hidden lock.
    check_versions(
        report,
        [
            *(
                locked_as_sealed(each, sealed) if id_of(each) in hidden else each
                for each in readable
            ),
            *(sealed[each] for each in unreadable if each in sealed),
        ],
    )
    size = 0
    for live in readable if read_bytes else ():
        artifact = sealed.get((live.key, live.version_id))
        if artifact is not None and not artifact.delete_marker and not artifact.is_unreadable:
            check_bytes(report, artifact, live.sha256, live.size)
            size += live.size
    for key, version in sorted(unreadable & sealed.keys()):
        if not sealed[key, version].is_unreadable:
            report.note("Unreadable", key, f"version {version} is listed and cannot be read")
    report.remarks += [
        f"{live.key}: version {live.version_id} can be read by now, and was not when it was sealed:"
        " what its bytes were, nothing says that is signed"
        for live in (readable if read_bytes else ())
        if (one := sealed.get(id_of(live))) is not None and one.is_unreadable
    ]
    added = [each for each in found if id_of(each) in later]
    check_locks(report, added, now, demanded=demand.locks, unreadable=unreadable | hidden)
    # The count that is kept is of what was sealed.
    known = [each for each in found if id_of(each) in sealed and id_of(each) not in later]
    check_locks(report, known, now, demanded=demand.locks, unreadable=unreadable | hidden)
    if hidden:
        tell_hidden(report, prefix, f"{len(hidden):,} versions", demanded=demand.locks)
    checked = (
        _DOCUMENTS_CHECKED,
        _BESIDE_CHECKED,
        "the locks of all evidence",
        f"every version below {prefix} in bucket {bucket}, and its lock",
    )
    if not read_bytes:
        return Verified(report, 0, checked, ("the artifacts' bytes",))
    return Verified(report, size, (*checked, f"{size:,} bytes of the artifacts, read and hashed"))


def _verify(documents: Mapping[str, bytes], demand: Demand, where: str) -> Report:
    missing = [name for name in DOCUMENTS if name not in documents]
    if missing:
        raise InvalidInput(
            reasons.MANIFEST_INVALID,
            f"{where} holds no {missing[0]}: is it the evidence of a seal?",
        )
    statement, artifacts, snapshot = (documents[name] for name in DOCUMENTS)
    return verify_evidence(statement, artifacts, snapshot, demand.trust, demand.expected)
