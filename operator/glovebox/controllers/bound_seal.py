"""A seal made from what was bound, whoever asks: an Experiment, or a namespace that lost its own.

The work on data is a task beside the reconciles: it reports progress, goes on where it was after a
restart, and delays no repair. What the store holds decides: a seal that is there already is
recorded as it is, whoever made it. An input that cannot be verified again is a finding in the
statement, and never a reason to wait.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import glovebox
from glovebox import names
from glovebox.api import reasons
from glovebox.api.attempt_status import TenantPods
from glovebox.api.experiment_status import BoundPurpose, RunStatus
from glovebox.api.input_status import InputGrant, InputStatus
from glovebox.api.leakage_status import LeakStatus
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.job_pods import pods_in
from glovebox.controllers.last_listings import leave_note
from glovebox.controllers.ledger_keys import keys_for_signing
from glovebox.controllers.patience import deadline
from glovebox.controllers.ports import Ports
from glovebox.controllers.signing_keys import KeyPlace
from glovebox.controllers.store_connections import open_store
from glovebox.controllers.task_jobs import Bucket, job_for
from glovebox.desired.bound_snapshot import BoundSnapshot
from glovebox.desired.leakage import recorded_sheet
from glovebox.desired.platform import Platform, render_platform
from glovebox.desired.snapshot import recorded_purpose
from glovebox.engine.tasks import TaskKey
from glovebox.errors import GloveboxError
from glovebox.evidence.standing import NONE_READ_WAIT, UNREAD_WAIT
from glovebox.evidence.statement import SealedInput, SealedManifest, SealInputs
from glovebox.kube.resources import Key
from glovebox.status.experiment_facts import SealFacts
from glovebox.status.outcome import Outcome, done, of_error, waiting
from glovebox.status.text import format_time, how_far, seal_not_counted
from glovebox.store.connection import Store
from glovebox.store.pins import ManifestLocation
from glovebox.store.sealing import seal_folder
from glovebox.store.sources import ManifestSource, PrefixSource
from glovebox.store.waits import Waits
from glovebox.tasks.context import Progress, TaskContext
from glovebox.tasks.questions import EvidenceQuestion
from glovebox.tasks.seal import SEAL, seal_experiment
from glovebox.tasks.seal_request import (
    EvidenceRequest,
    SealedDataset,
    SealRequest,
    SealResult,
)

_NOT_ENDED: Final = "status.phase!=Succeeded,status.phase!=Failed"
# A pod on a node that died never says that it ended. The seal is made all the same, and says so.
PODS_WAIT: Final = timedelta(minutes=10)
# So long a store of inputs may be away before that is a finding of the seal.
INPUTS_WAIT: Final = timedelta(minutes=15)
# What cannot be read is waited for no longer where the Experiment goes: well within the hour after
# which it would go without a seal.
UNREAD_WAIT_OF_DELETION: Final = timedelta(minutes=30)
_UNREAD: Final = "unread"
WORK_CLASS: Final = "seal"
MAKING: Final = "the results are being listed, hashed and signed"


@dataclass(frozen=True, slots=True)
class BoundSeal:
    """Everything a seal is made of, as it was bound.

    Attributes:
        owner: Whose reconcile is enqueued when the seal was made.
        uid: Of the Experiment.
        team: Its namespace.
        name: Its name.
        digest: Its identity.
        snapshot: What the digest was computed from, as canonical JSON.
        platform: The platform's settings.
        inputs: Its inputs.
        images: References of the images that may have run.
        run: How far its run is known to have come; None without one.
        outcome: How the run ended: `Succeeded`, `Failed`, or empty without one.
        reason: Why, in one word.
        doubts: What the seal cannot vouch for, as far as it is known beforehand.
        ended: Since when the results wait for their seal; None when that is not known.
        closed: Since when all is closed, as it is on record; None when that is not known.
        goes: Since when it is to go, and does not wait longer than that allows; None where it
            stays.
        purpose: Why, as it was said before the run.
        leakage: The leakage sheet, as it was recorded before the run.
        tenant_pods: Who else had pods in the namespace; None when nobody was seen.
        sessions_end: When the last session ends that is known to have been issued.
        stays: Whether its Experiment asks for the last listing: by its status while it is there,
            by a note when it goes (`last_listings.leave_note_of`).
        not_before: No seal of it was made before, as it is on record; None when that is not known.
        recorded_outcome: How its run ended, empty without one, as it is on record; None when its
            run is not known to be over.
    """

    owner: Key
    uid: str
    team: str
    name: str
    digest: str
    snapshot: str
    platform: Platform
    inputs: tuple[InputStatus, ...]
    images: tuple[str, ...]
    run: RunStatus | None
    outcome: str
    reason: str
    doubts: tuple[str, ...]
    ended: datetime | None
    purpose: BoundPurpose | None = None
    leakage: tuple[LeakStatus, ...] = ()
    tenant_pods: TenantPods | None = None
    sessions_end: datetime | None = None
    stays: bool = False
    not_before: datetime | None = None
    recorded_outcome: str | None = None
    closed: datetime | None = None
    goes: datetime | None = None

    @classmethod
    def of_snapshot(
        cls,
        owner: Key,
        experiment: Key,
        uid: str,
        snapshot: BoundSnapshot,
        run: RunStatus | None,
        *,
        otherwise: str,
        doubts: tuple[str, ...],
        since: datetime,
        stays: bool = False,
        not_before: datetime | None = None,
        goes: datetime | None = None,
    ) -> BoundSeal:
        """Return what is to be sealed of an Experiment that does not say it itself any more.

        Args:
            owner: Whose reconcile is enqueued when the seal was made.
            experiment: Whose results they are.
            uid: Of the Experiment.
            snapshot: As it lies in the namespace.
            run: How far its run is known to have come; None without one.
            otherwise: The reason that counts where the run was not seen to end.
            doubts: As in the attributes.
            since: Since when the results wait for their seal.
            stays: As in the attributes.
            not_before: As in the attributes.
            goes: As in the attributes.
        """
        has_run = run is not None or snapshot.has_run
        outcome, reason = "Failed" if has_run else "", otherwise
        if run is not None and run.outcome:
            outcome, reason = run.outcome, run.reason
        return cls(
            owner=owner,
            uid=uid,
            team=experiment.namespace,
            name=experiment.name,
            digest=snapshot.digest,
            snapshot=snapshot.text,
            platform=snapshot.platform,
            inputs=snapshot.inputs,
            images=snapshot.images,
            run=run,
            outcome=outcome,
            reason=reason,
            doubts=doubts,
            ended=since,
            purpose=snapshot.purpose,
            leakage=snapshot.leakage,
            stays=stays,
            not_before=not_before,
            recorded_outcome=recorded_outcome(run, has_run=has_run),
            goes=goes,
        )


def recorded_outcome(run: RunStatus | None, *, has_run: bool) -> str | None:
    """Return how a run ended, empty without one; None where it is not known to be over.

    A Job says it as long as it is there, so whoever sealed before has seen the same.
    """
    if run is not None and run.outcome:
        return run.outcome
    return None if has_run else ""


async def ensure_bound_seal(ports: Ports, bound: BoundSeal) -> Outcome:
    """Have the seal made; return what it says once it is there (`SealFacts`).

    Raises:
        GloveboxError: The signing key or the credentials of the store cannot be read.
    """
    store = bound.platform.store
    bucket = store.spec.artifacts.bucket
    prefix = names.artifact_prefix(bound.team, bound.name, bound.uid)
    connections = [(store, await open_store(ports, store))]
    keys = functools.partial(
        keys_for_signing,
        ports,
        KeyPlace(connections[0][1], bucket, store.spec.artifacts.worm == "Required"),
        store.name,
    )
    # A lost key is told at once, and not after hours of hashing.
    await keys()
    inputs = await _datasets(ports, bound, connections)
    evidence = EvidenceRequest(
        uid=bound.uid,
        store=connections[0][1],
        bucket=bucket,
        prefix=prefix,
        folder=seal_folder(bound.uid),
        snapshot=bound.snapshot.encode(),
        inputs=inputs,
        locked=store.spec.artifacts.worm == "Required",
        patient_until=_patient_until(ports, bound),
        waits=_waits(ports, bound),
    )
    request = SealRequest(
        evidence,
        about=_statement_facts(
            bound, f"s3://{bucket}/{prefix}", ports.now(), ports.settings.builder_id
        ),
        keys=keys,
        session_seconds=bound.platform.profile.spec.credentials.duration_seconds,
        not_before=bound.not_before,
        recorded_outcome=bound.recorded_outcome,
    )
    task_key = TaskKey(bound.owner, bound.uid, SEAL)
    ask = functools.partial(EvidenceQuestion.of, evidence)
    place = Bucket(bucket, evidence.locked)
    job = job_for(ports, task_key, evidence, ask, place, connections)

    async def start(context: TaskContext) -> SealResult:
        gather = job.start if job else None
        try:
            async with ports.metrics.on_store("seal"):
                made = await seal_experiment(context, request, gather=gather, now=ports.now)
        except GloveboxError:
            ports.metrics.seals.labels("error").inc()
            raise
        ports.metrics.seals.labels("success").inc()
        return made

    task = ports.tasks.ensure(
        task_key,
        evidence.basis,
        start,
        tenant=bound.team,
        work_class=WORK_CLASS,
        discard=job.discard if job else None,
    )
    if task.standing_error is not None:
        return of_error(task.standing_error)
    if task.result is None:
        return waiting(reasons.SEALING, _making(task.progress))
    if not bound.stays:
        # Nobody else would ask for the last listing: before anybody is told that it is sealed.
        platform = bound.platform
        await leave_note(
            ports,
            bound.team,
            bound.name,
            bound.uid,
            render_platform(platform.profile, platform.store, platform.input_stores),
            datetime.fromisoformat(task.result.sessions_end),
            task.result.attestation_version,
        )
    return _sealed(task.result, ports.now())


def _making(progress: Progress) -> str:
    """Return what is said while a seal is made: it may read for hours."""
    far = how_far(
        (progress.objects_done, progress.bytes_done),
        (progress.objects_total, progress.bytes_total),
        progress.rate_bytes,
    )
    return f"{MAKING}: {far}" if far else MAKING


def patient_until(ports: Ports, owner: Key, uid: str, until: datetime, wait: timedelta) -> datetime:
    """Return until when a seal is waited for: longer where it still comes further.

    Args:
        ports: The outside world.
        owner: Who has it made.
        uid: UID of the Experiment that is sealed.
        until: Until when in any case.
        wait: How long after it last came further.
    """
    task = ports.tasks.get(TaskKey(owner, uid, SEAL))
    if task is None or task.advanced_time is None:
        return until
    return max(until, task.advanced_time + wait)


def waits_for(sessions_end: datetime) -> str:
    """Return what a seal says before its last listing."""
    ends = format_time(sessions_end)
    return f"a session may write until {ends}; then the prefix is listed once more"


def _patient_until(ports: Ports, bound: BoundSeal) -> datetime | None:
    """Return until when a store of inputs may be away; it is part of what a Job is asked."""
    if bound.ended is None:
        return None
    until = deadline(ports, bound.owner, "inputs", bound.ended, INPUTS_WAIT)
    # The same after a restart, as long as that leaves the better part of the wait.
    if until < bound.ended + INPUTS_WAIT * 1.5:
        return bound.ended + INPUTS_WAIT
    return until.replace(microsecond=0)


def _waits(ports: Ports, bound: BoundSeal) -> Waits:
    """Return until when versions are waited for that cannot be read; also asked of a Job.

    It counts from what is on record, so a restart begins no new wait; but each process asks for a
    while before it takes for final what it has never asked for.
    """
    since = bound.ended or bound.goes
    if since is None:
        one = deadline(ports, bound.owner, _UNREAD, None, UNREAD_WAIT).replace(microsecond=0)
        return Waits(one, one + (NONE_READ_WAIT - UNREAD_WAIT))
    one, none = since + UNREAD_WAIT, since + NONE_READ_WAIT
    if bound.goes is not None:
        one, none = (min(until, bound.goes + UNREAD_WAIT_OF_DELETION) for until in (one, none))
    asked = deadline(ports, bound.owner, _UNREAD, since, INPUTS_WAIT).replace(microsecond=0)
    return Waits(max(one, asked), max(none, asked))


async def unended_pods(ports: Ports, namespace: str) -> list[dict[str, Any]]:
    """Return the pods that have not ended: what still runs may still write."""
    return await pods_in(ports, namespace, field_selector=_NOT_ENDED)


def doubts_of(running: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """Return what a seal says of pods that are not waited for any longer."""
    names_of = (pod["metadata"]["name"] for pod in running)
    return tuple(f"pod `{name}` had not ended when the seal was made" for name in names_of)


def _sealed(result: SealResult, now: datetime) -> Outcome:
    record: dict[str, Any] = {
        "uri": result.uri,
        "attestationVersion": result.attestation_version,
        "manifestDigest": result.list_digest,
        "objects": result.versions,
        "bytes": result.bytes,
        "retainUntilTime": result.retain_until_time or None,
        "keyId": result.key_id,
        "sealedTime": result.sealed_time,
        "sessionsEndTime": result.sessions_end,
        "findings": list(result.findings),
    }
    record = {name: value for name, value in record.items() if value not in (None, [])}
    ends = datetime.fromisoformat(result.sessions_end)
    told = seal_not_counted(result.uri, result.not_counted) if result.not_counted else ""
    facts = SealFacts(
        record,
        result.versions,
        result.bytes,
        result.findings,
        waits=waits_for(ends),
        not_counted=told,
    )
    return done(facts, retry_seconds=max(0.0, (ends - now).total_seconds()))


async def _datasets(
    ports: Ports, bound: BoundSeal, connections: list[tuple[ObjectStore, Store]]
) -> tuple[SealedDataset, ...]:
    """Return the datasets that are verified once more, from what was bound; note their stores."""
    stores = {store.name: store for store in bound.platform.input_stores}
    found = []
    for item in bound.inputs:
        if item.kind != "DatasetPin":
            continue
        store = stores.get(item.store_ref)
        if item.manifest is None or store is None:
            found.append(SealedDataset(item.name, lost="its store was not bound"))
            continue
        manifest = ManifestLocation(**item.manifest.model_dump(), bytes=0)
        source: PrefixSource | ManifestSource = (
            PrefixSource(item.bucket, item.prefix)
            if item.bucket
            else ManifestSource(manifest.bucket, manifest.key, manifest.version_id)
        )
        try:
            connection = await open_store(ports, store)
        except GloveboxError as error:
            found.append(SealedDataset(item.name, lost=error.message))
            continue
        connections.append((store, connection))
        shows = bound.platform.profile.spec.delivery.mode == "CSI"
        found.append(SealedDataset(item.name, connection, source, manifest, shows_newest=shows))
    return tuple(found)


def _stated(entry: InputStatus) -> Mapping[str, str]:
    """Return what the pin of an input said of its data, as the seal has it."""
    if entry.stated is None:
        return {}
    dumped: Mapping[str, str] = entry.stated.model_dump(by_alias=True, exclude_defaults=True)
    return dumped


def _origin(entry: InputStatus) -> Mapping[str, Any]:
    """Return the seal that an input came from, as the seal of its user has it."""
    if entry.derived is None:
        return {}
    dumped: Mapping[str, Any] = entry.derived.model_dump(
        by_alias=True, mode="json", exclude_defaults=True
    )
    return dumped


def _granted(grant: InputGrant) -> Mapping[str, Any]:
    """Return a grant as the seal has it: whose yes it was, to what, and which use was taken."""
    return {
        "grant": grant.grant_ref,
        "uid": grant.uid,
        "digest": grant.digest,
        "use": grant.use,
        "uses": grant.uses,
        **({"overlapWith": list(grant.overlap_with)} if grant.overlap_with else {}),
    }


def _statement_facts(bound: BoundSeal, prefix: str, now: datetime, builder: str) -> SealInputs:
    def told(moment: datetime | None) -> str:
        return format_time(moment) if moment is not None else ""

    run = bound.run
    inputs = tuple(
        SealedInput(
            entry.name,
            entry.kind,
            entry.digest,
            entry.pin_digest,
            SealedManifest(**entry.manifest.model_dump()) if entry.manifest else None,
            _stated(entry),
            tuple(_granted(each) for each in entry.grants),
            _origin(entry),
            tuple(each.model_dump(by_alias=True, mode="json") for each in entry.part_of),
        )
        for entry in bound.inputs
    )
    return SealInputs(
        experiment=f"{bound.team}/{bound.name}",
        uid=bound.uid,
        digest=bound.digest,
        snapshot=bound.snapshot,
        inputs=inputs,
        images=tuple(sorted(set(bound.images))),
        prefix=prefix,
        outcome=bound.outcome,
        reason=bound.reason,
        attempts=run.attempts if run is not None else 0,
        started=told(run.start_time) if run is not None else "",
        # Without a run it ends when nobody can do anything there any more.
        finished=told(run.completion_time if run is not None else bound.closed),
        sealed=format_time(now),
        version=glovebox.__version__,
        findings=bound.doubts,
        purpose=recorded_purpose(bound.purpose) if bound.purpose is not None else {},
        leakage=tuple(recorded_sheet(bound.leakage)),
        run=run,
        tenant_pods=bound.tenant_pods,
        sessions_end=told(bound.sessions_end),
        builder=builder,
    )
