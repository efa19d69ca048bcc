"""What the store knows of runs that the cluster may have forgotten; see `store/run_records.py`.

    gate    a declaration whose run was started under this name by another UID is refused
    start   the record is written before the Job is created; what is there already decides
    after   that the Job was created is written beside it, and recorded in the status

A cluster restored to an earlier moment has the same Experiment with an older status: the record
names it, so its run is over, and ends as its seal says, or as lost. A process that died between the
record and the Job has begun nothing: it goes on, unless the Experiment is older than its record, or
something says that there was a Job: its namespace is another one by now, or it wrote something.

A seal that a former key signed ends no run that is being followed: the operator would have on
record that it made it. Such a seal is told, and the run goes on; see `evidence/standing.py`.

Records are signed with the key of seals. A lost key, or a service that does not sign for a minute,
keeps no run from beginning; of its record nothing is believed but that it is there.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Final

from glovebox.api import reasons
from glovebox.api.experiment_status import RunStatus
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.experiment.overdue import RECORD, clear_late, note_late
from glovebox.controllers.experiment.scope import Scope
from glovebox.controllers.ports import Ports
from glovebox.controllers.signing_keys import KeyPlace, ensure_keys, read_published
from glovebox.controllers.store_connections import note_refusal, open_store
from glovebox.desired.declared import declared_digest
from glovebox.desired.plan import Plan
from glovebox.errors import Conflict, GloveboxError, NotReady, Refused, Unavailable
from glovebox.evidence.keys import TrustBundle
from glovebox.evidence.signer import Signer
from glovebox.evidence.standing import Judge, Rule, judge_of_seal
from glovebox.evidence.stated import read_stated
from glovebox.kube.kinds import EXPERIMENT
from glovebox.status.runs import NAMESPACE_REPLACED, WROTE, run_restored, run_unknown
from glovebox.status.text import format_time, seal_not_counted
from glovebox.store.connection import Stop, Store
from glovebox.store.evidence_objects import find_statement
from glovebox.store.run_records import (
    RunRecord,
    begin_run,
    has_artifacts,
    not_known,
    note_start,
    read_runs,
    run_key,
    run_keys,
)
from glovebox.store.sealing import seal_folder
from glovebox.tasks.seal_request import SealKeys

# A store that is away is not asked with each look at a run that goes on.
NOTE_AGAIN_SECONDS: Final = 60.0
# So long a service may fail to sign before its key counts as one that cannot.
_SERVICE_SECONDS: Final = 60.0
_SIGNING: Final = "sign the start"


async def refuse_what_ran(scope: Scope, store: ObjectStore, plan: Plan) -> None:
    """Refuse an Experiment that is not bound yet and whose run was started before.

    Raises:
        Refused: `AlreadyRan`.
        GloveboxError: The store does not answer: nobody knows.
    """
    experiment = scope.experiment
    if not experiment.spec.has_run:
        return
    connection = await open_store(scope.ports, store)
    bucket, team, name = store.spec.artifacts.bucket, experiment.namespace, experiment.name
    keys = await connection.run_job(lambda stop: run_keys(connection, bucket, team, name, stop))
    if not keys:
        return
    _, trust = await _record_keys(scope.ports, store, connection)
    records = await connection.run_job(
        lambda stop: read_runs(connection, bucket, keys, trust, stop)
    )
    declared = declared_digest(plan.snapshot)
    own = run_key(team, name, declared)
    if own in keys and own not in {record.key for record in records}:
        raise await _not_known(connection, bucket, own, trust)
    for record in records:
        is_own = record.uid == experiment.uid
        # Its own is not refused: once it is bound it ends as its run did. Of another declaration it
        # was edited after a restore, and would be a second run.
        if is_own != (record.declared == declared):
            raise _already_ran(record, bucket)


async def begin(scope: Scope, plan: Plan, namespace_uid: str) -> RunStatus | None:
    """Write the record of a run that is about to start; return how it ended if it was before.

    Args:
        scope: The look.
        plan: As it was bound.
        namespace_uid: Of the namespace in which it is to start.

    Raises:
        Refused: `AlreadyRan`: another one's record is there.
        GloveboxError: The store does not answer: the run waits.
    """
    try:
        before = await _begin(scope, plan, namespace_uid)
    except (Conflict, Refused):
        raise
    except GloveboxError as error:
        since = scope.refused_since(error.reason)
        note_late(scope.ports, scope.key, RECORD, error, since=since)
        raise
    clear_late(scope.ports, scope.key, RECORD)
    return before


async def _begin(scope: Scope, plan: Plan, namespace_uid: str) -> RunStatus | None:
    store = scope.platform.store
    connection = await open_store(scope.ports, store)
    experiment, bucket = scope.experiment, store.spec.artifacts.bucket
    signer, trust = await _record_keys(scope.ports, store, connection)
    wanted = _record(scope, plan, format_time(scope.ports.now()), namespace_uid)

    async def write(signer: Signer | None) -> RunRecord | None:
        return await connection.run_job(
            lambda stop: begin_run(connection, bucket, wanted, signer, trust, stop)
        )

    try:
        found = await write(signer)
    except Unavailable as error:
        if error.reason != reasons.SIGNING_FAILED:
            raise
        seconds, _ = scope.ports.failures.note(scope.key, _SIGNING)
        if seconds < _SERVICE_SECONDS:
            raise
        found = await write(None)
    else:
        scope.ports.failures.clear(scope.key, _SIGNING)
    if found is None:
        return None
    if found.uid != experiment.uid:
        raise _already_ran(found, bucket)
    ended = await sealed_run(scope.ports, store, connection, found)
    if ended is not None:
        return with_record(ended, found)
    over = await _why_over(scope, connection, bucket, found, namespace_uid)
    if over is not None and not found.is_signed:
        raise await _not_known(connection, bucket, found.key, trust)
    return over


async def _not_known(connection: Store, bucket: str, key: str, trust: TrustBundle) -> Refused:
    return await connection.run_job(lambda stop: not_known(connection, bucket, key, trust, stop))


async def _why_over(
    scope: Scope, connection: Store, bucket: str, found: RunRecord, namespace_uid: str
) -> RunStatus | None:
    """Return how a run ended that was begun before; None where nothing says that there was a Job.

    Then the process died between the record and the Job, or the Job was refused.
    """
    if found.job_uid or await _is_older(scope, found):
        return run_restored(found.job_uid, found.started or found.begun, found.key, scope.now)
    if found.namespace_uid != namespace_uid:
        return run_unknown(found.begun, found.key, NAMESPACE_REPLACED, scope.now)
    if await connection.run_job(lambda stop: has_artifacts(connection, bucket, found, stop)):
        return run_unknown(found.begun, found.key, WROTE, scope.now)
    return None


async def note(scope: Scope, run: RunStatus, plan: Plan | None) -> RunStatus:
    """Write that the Job was created, unless that is recorded; never keeps a run from being seen.

    Returns:
        The run with the key of its record, where it is written.
    """
    recorded = scope.experiment.status.run
    if recorded is not None and recorded.record:
        return run.model_copy(update={"record": recorded.record})
    ports, uid = scope.ports, scope.experiment.uid
    if plan is None or ports.clock() < ports.start_notes.get(uid, 0.0):
        return run
    try:
        store = scope.platform.store
        connection = await open_store(ports, store)
        key = await _note(scope, connection, store, run, plan)
    except GloveboxError as error:
        note_refusal(ports, error)
        note_late(ports, scope.key, RECORD, error, since=run.start_time)
        ports.start_notes[uid] = ports.clock() + NOTE_AGAIN_SECONDS
        return run
    ports.start_notes.pop(uid, None)
    clear_late(ports, scope.key, RECORD)
    return run.model_copy(update={"record": key})


async def _note(
    scope: Scope, connection: Store, store: ObjectStore, run: RunStatus, plan: Plan
) -> str:
    bucket = store.spec.artifacts.bucket
    # Not without a signature: it is written when a key can be used again.
    keys = await _signing(scope.ports, store, connection)
    time = format_time(run.start_time or scope.now)
    # Whoever created the Job wrote the record of that before; all that is needed of it is its key.
    record = _record(scope, plan, time, "")

    def job(stop: Stop) -> None:
        note_start(connection, bucket, record, run.job_uid, time, keys.signer, keys.trust, stop)

    await connection.run_job(job)
    return record.key


async def sealed_before(scope: Scope, *, runs: bool) -> RunStatus | None:
    """Return how a run ended of which the store holds the seal, although the cluster has none.

    Asked once for each run and process: a Job that a restore brought back goes on by itself. A
    store that does not answer says nothing. What runs is ended by no seal of a former key.

    Args:
        scope: The look.
        runs: Whether its Job is there.
    """
    ports, uid = scope.ports, scope.experiment.uid
    if uid in ports.unsealed_runs or not scope.is_bound:
        return None
    with suppress(GloveboxError, ValueError, KeyError):
        store = scope.platform.store
        connection = await open_store(ports, store)
        experiment = scope.experiment
        about = f"{experiment.namespace}/{experiment.name}"
        _, trust = await _record_keys(ports, store, connection)
        run = experiment.status.run
        begun = run.start_time if run is not None else None
        rule = Rule(
            trust,
            not_before=begun,
            with_former=not runs,
            digest=experiment.status.digest,
            now=ports.now(),
        )
        judge = judge_of_seal(rule, about, uid)
        bucket = store.spec.artifacts.bucket
        ended = await _run_of_seal(connection, bucket, uid, judge)
        if ended is None:
            ports.unsealed_runs.add(uid)
            _note_uncounted(scope, bucket, judge)
        return ended
    return None


def _note_uncounted(scope: Scope, bucket: str, judge: Judge) -> None:
    """Tell of a seal that a former key signed, and that ends no run."""
    ports, uid = scope.ports, scope.experiment.uid
    if not judge.doubts:
        ports.uncounted_seals.pop(uid, None)
        return
    message = seal_not_counted(f"s3://{bucket}/{seal_folder(uid)}", tuple(judge.doubts.values()))
    ports.uncounted_seals[uid] = message
    ports.events.warning(scope.obj, reasons.SEAL_NOT_COUNTED, message, action="Follow")


async def sealed_run(
    ports: Ports,
    store: ObjectStore,
    connection: Store,
    record: RunRecord,
    recorded: str = "",
) -> RunStatus | None:
    """Return the run that the seal of an Experiment is about; None without a seal of ours.

    A seal of another Experiment, copied to its place, says nothing of its run; nor does one that a
    former key signed before the run was begun.

    Args:
        ports: The outside world.
        store: Of the artifacts.
        connection: To it.
        record: That its run was begun.
        recorded: Version of the seal, where one was taken already; empty looks for it.

    Raises:
        GloveboxError: The store or the signing key cannot be read.
    """
    # A lost key hides no seal.
    _, trust = await _record_keys(ports, store, connection)
    rule = Rule(
        trust,
        not_before=datetime.fromisoformat(record.begun),
        recorded=recorded,
        digest=record.digest,
        now=ports.now(),
    )
    judge = judge_of_seal(rule, f"{record.team}/{record.name}", record.uid)
    bucket = store.spec.artifacts.bucket
    return await _run_of_seal(connection, bucket, record.uid, judge)


async def _run_of_seal(connection: Store, bucket: str, uid: str, judge: Judge) -> RunStatus | None:
    statement = await connection.run_job(
        lambda stop: find_statement(connection, bucket, seal_folder(uid), judge, stop)
    )
    if statement is None or not statement.is_trusted:
        return None
    return read_stated(statement.envelope).run


def with_record(run: RunStatus, record: RunRecord) -> RunStatus:
    """Return a run with what the record of its start says."""
    return run.model_copy(update={"job_uid": record.job_uid, "record": record.key})


async def read_records(
    ports: Ports, store: ObjectStore, connection: Store, team: str, name: str
) -> list[RunRecord]:
    """Return every run that was begun under a name, as the operator has recorded it.

    Raises:
        GloveboxError: The store or the signing key cannot be read.
    """
    _, trust = await _record_keys(ports, store, connection)
    bucket = store.spec.artifacts.bucket

    def job(stop: Stop) -> list[RunRecord]:
        keys = run_keys(connection, bucket, team, name, stop)
        return read_runs(connection, bucket, keys, trust, stop)

    return await connection.run_job(job)


async def _signing(ports: Ports, store: ObjectStore, connection: Store) -> SealKeys:
    artifacts = store.spec.artifacts
    place = KeyPlace(connection, artifacts.bucket, artifacts.worm == "Required")
    return await ensure_keys(ports, place)


async def _record_keys(
    ports: Ports, store: ObjectStore, connection: Store
) -> tuple[Signer | None, TrustBundle]:
    """Return what signs records, None where no key can, and the keys whose records count."""
    try:
        keys = await _signing(ports, store, connection)
    except NotReady:
        return None, await read_published(ports)
    return keys.signer, keys.trust


def _record(scope: Scope, plan: Plan, begun: str, namespace_uid: str) -> RunRecord:
    experiment = scope.experiment
    return RunRecord(
        team=experiment.namespace,
        name=experiment.name,
        uid=experiment.uid,
        digest=plan.digest,
        declared=declared_digest(plan.snapshot),
        version=int(scope.obj["metadata"]["resourceVersion"]),
        begun=begun,
        snapshot=plan.bound,
        namespace_uid=namespace_uid,
    )


async def _is_older(scope: Scope, record: RunRecord) -> bool:
    """Return whether the cluster is at an earlier moment than the record: it was restored."""
    experiment = scope.experiment
    live = await scope.ports.reader.get(EXPERIMENT, experiment.namespace, experiment.name)
    return int(live["metadata"]["resourceVersion"]) < record.version


def _already_ran(record: RunRecord, bucket: str) -> Refused:
    where = f"{record.team}/{record.name}"
    return Refused(
        reasons.ALREADY_RAN,
        f"the run of `{where}` was started on {record.started or record.begun} by the Experiment"
        f" with the UID {record.uid}, and a run is never started twice; what it wrote is below"
        f" s3://{bucket}/{record.prefix}. `glovebox adopt {where}` lets this Experiment take that"
        " over; to run it once more, give it another name",
    )


__all__ = [
    "begin",
    "note",
    "read_records",
    "refuse_what_ran",
    "sealed_before",
    "sealed_run",
]
