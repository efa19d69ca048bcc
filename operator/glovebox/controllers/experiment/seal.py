"""Phase `seal`: after the run, with the namespace closed, results are listed, signed and locked.

The work on data is a task beside the reconciles: it reports progress, goes on where it was after a
restart, and delays no repair. What the store holds decides: a seal that is there already is
recorded as it is, whoever made it. Everything comes from what was bound; an input that cannot be
verified again is a finding in the statement, and never a reason to wait.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import glovebox
from glovebox import names
from glovebox.api import reasons
from glovebox.api.experiment_status import RunStatus
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.experiment.freeze import freeze
from glovebox.controllers.experiment.resolve import Resolved
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.controllers.signing_key import signing_key
from glovebox.controllers.store_connections import open_store
from glovebox.controllers.task_jobs import Bucket, JobWork, secrets_of
from glovebox.desired.plan import Plan
from glovebox.engine.tasks import TaskKey
from glovebox.errors import GloveboxError
from glovebox.evidence.envelope import sign
from glovebox.evidence.statement import SealedInput, SealInputs
from glovebox.kube.kinds import POD
from glovebox.status.builder import counted, format_time
from glovebox.status.experiment_facts import RunFacts, SealFacts
from glovebox.status.outcome import Outcome, done, of_error, waiting
from glovebox.store.connection import Store
from glovebox.store.pins import ManifestLocation
from glovebox.store.sealing import seal_folder
from glovebox.store.sources import ManifestSource, PrefixSource
from glovebox.tasks.context import TaskContext
from glovebox.tasks.questions import EvidenceQuestion
from glovebox.tasks.seal import (
    SEAL,
    Evidence,
    EvidenceRequest,
    SealedDataset,
    SealRequest,
    SealResult,
    seal_experiment,
)

_NOT_ENDED: Final = "status.phase!=Succeeded,status.phase!=Failed"
_LOOK_AGAIN_SECONDS: Final = 1.0
_LOOK_SELDOM_SECONDS: Final = 15.0
_SOON: Final = timedelta(minutes=1)
# A pod on a node that died never says that it ended. The seal is made all the same, and says so.
PODS_WAIT: Final = timedelta(minutes=10)
# So long a store of inputs may be away before that is a finding of the seal.
INPUTS_WAIT: Final = timedelta(minutes=15)
WORK_CLASS: Final = "seal"


async def ensure_seal(scope: Scope, outcomes: Outcomes) -> Outcome:
    """Seal the results unless they are sealed.

    Raises:
        GloveboxError: Something failed; the next look goes on.
    """
    recorded = scope.experiment.status.seal
    if recorded is not None:
        scope.ports.tasks.forget_owner(scope.key)
        return done(SealFacts(None, recorded.objects, recorded.bytes, recorded.findings))
    if scope.state != names.STATE_SEALED and not scope.experiment.is_deleting:
        return waiting(
            reasons.NOT_SEALED,
            "results are locked as they are written, and sealed when the run is over",
        )
    run_facts = outcomes.facts("run", RunFacts)
    run = run_facts.run if run_facts is not None else scope.experiment.status.run
    # What still runs may still write: the list would not be the last word.
    running = await _running(scope)
    waits_since = _waits_since(scope, run, running)
    names_of = [pod["metadata"]["name"] for pod in running]
    if running and (waits_since is None or scope.now <= waits_since + PODS_WAIT):
        # What is closed admits no pod, so these were there; ending them again does no harm.
        await freeze(scope.ports, scope.namespace, keep_own=run is not None)
        long = waits_since is not None and scope.now > waits_since + _SOON
        return waiting(
            reasons.SEALING,
            f"{counted(len(running), 'pod')} still to end ({names_of[0]}); then the results are"
            " sealed",
            retry_seconds=_LOOK_SELDOM_SECONDS if long else _LOOK_AGAIN_SECONDS,
        )
    return await _seal(scope, outcomes, run, names_of)


async def _seal(
    scope: Scope, outcomes: Outcomes, run: RunStatus | None, running: list[str]
) -> Outcome:
    ports, experiment = scope.ports, scope.experiment
    resolved, plan = outcomes.need("resolve", Resolved), outcomes.need("bind", Plan)
    key = await signing_key(ports)
    store = resolved.platform.store
    bucket = store.spec.artifacts.bucket
    prefix = names.artifact_prefix(experiment.namespace, experiment.name, experiment.uid)
    doubts = tuple(f"pod `{name}` had not ended when the seal was made" for name in running)
    facts = _statement_facts(scope, resolved, plan, run, f"s3://{bucket}/{prefix}")
    ended = _ended(scope, run)
    connections = [(store, await open_store(ports, store))]
    inputs = await _datasets(scope, resolved, connections)
    evidence = EvidenceRequest(
        uid=experiment.uid,
        store=connections[0][1],
        bucket=bucket,
        prefix=prefix,
        folder=seal_folder(experiment.uid),
        snapshot=plan.snapshot.encode(),
        inputs=inputs,
        locked=store.spec.artifacts.worm == "Required",
        patient_until=ended + INPUTS_WAIT if ended is not None else None,
    )
    request = SealRequest(
        evidence, about=replace(facts, findings=doubts), signer=functools.partial(sign, key=key)
    )

    task_key = TaskKey(scope.key, experiment.uid, SEAL)
    secrets = secrets_of(connections) if ports.settings.tasks == "Jobs" else None
    job: JobWork[Evidence] | None = None
    if secrets is not None:
        asked, place = EvidenceQuestion.of(evidence), Bucket(bucket, evidence.locked)
        job = JobWork(
            ports, task_key, evidence.basis, asked, asked.answer, evidence, place, secrets
        )

    async def start(context: TaskContext) -> SealResult:
        async with ports.metrics.on_store("seal"):
            gather = job.start if job else None
            return await seal_experiment(context, request, gather=gather, now=ports.now)

    task = ports.tasks.ensure(
        task_key,
        evidence.basis,
        start,
        tenant=experiment.namespace,
        work_class=WORK_CLASS,
        discard=job.discard if job else None,
    )
    if task.phase == "Failed" and task.error is not None:
        ports.metrics.seals.labels("error").inc()
        return of_error(task.error)
    if task.result is None:
        return waiting(reasons.SEALING, "the results are being listed, hashed and signed")
    ports.metrics.seals.labels("success").inc()
    return _sealed(task.result)


def _sealed(result: SealResult) -> Outcome:
    record: dict[str, Any] = {
        "uri": result.uri,
        "attestationVersion": result.attestation_version,
        "manifestDigest": result.list_digest,
        "objects": result.versions,
        "bytes": result.bytes,
        "retainUntilTime": result.retain_until_time or None,
        "keyId": result.key_id,
        "sealedTime": result.sealed_time,
        "findings": list(result.findings),
    }
    record = {name: value for name, value in record.items() if value not in (None, [])}
    return done(SealFacts(record, result.versions, result.bytes, result.findings))


async def _datasets(
    scope: Scope, resolved: Resolved, connections: list[tuple[ObjectStore, Store]]
) -> tuple[SealedDataset, ...]:
    """Return the datasets that are verified once more, from what was bound; note their stores."""
    stores = {store.name: store for store in resolved.platform.input_stores}
    found = []
    for item in resolved.datasets:
        store = stores.get(item.store)
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
            connection = await open_store(scope.ports, store)
        except GloveboxError as error:
            found.append(SealedDataset(item.name, lost=error.message))
            continue
        connections.append((store, connection))
        found.append(SealedDataset(item.name, connection, source, manifest))
    return tuple(found)


def _ended(scope: Scope, run: RunStatus | None) -> datetime | None:
    """Return since when the results wait for their seal."""
    ended = run.completion_time if run is not None else None
    return ended or scope.experiment.metadata.deletion_timestamp


def _waits_since(
    scope: Scope, run: RunStatus | None, running: list[dict[str, Any]]
) -> datetime | None:
    """Return since when pods are waited for; None while one was not asked to end yet."""
    ended = _ended(scope, run)
    if ended is not None:
        return ended
    asked = [pod["metadata"].get("deletionTimestamp") for pod in running]
    if not asked or None in asked:
        return None
    return max(datetime.fromisoformat(str(moment)) for moment in asked)


async def _running(scope: Scope) -> list[dict[str, Any]]:
    """Return the pods that have not ended."""
    found: list[dict[str, Any]] = []
    async for page in scope.ports.reader.pages(
        POD, namespace=scope.namespace, field_selector=_NOT_ENDED
    ):
        found += page.get("items") or ()
    return found


def _statement_facts(
    scope: Scope, resolved: Resolved, plan: Plan, run: RunStatus | None, prefix: str
) -> SealInputs:
    def told(moment: datetime | None) -> str:
        return format_time(moment) if moment is not None else ""

    experiment = scope.experiment
    inputs = tuple(
        SealedInput(
            entry.name,
            entry.kind,
            entry.digest,
            f"s3://{entry.manifest.bucket}/{entry.manifest.key}" if entry.manifest else "",
        )
        for entry in resolved.bound
    )
    images = {image.reference for image in experiment.spec.images}
    images |= {experiment.status.platform_image} - {""}
    outcome, reason = (run.outcome, run.reason) if run is not None else ("", "")
    stopped = reason in {reasons.RUN_LOST, reasons.RUN_STOPPED}
    if experiment.is_deleting and (not outcome or stopped):
        outcome, reason = "Failed", reasons.ABANDONED
    return SealInputs(
        experiment=f"{experiment.namespace}/{experiment.name}",
        uid=experiment.uid,
        digest=plan.digest,
        snapshot=plan.snapshot,
        inputs=inputs,
        images=tuple(sorted(images)),
        prefix=prefix,
        outcome=outcome,
        reason=reason,
        attempts=run.attempts if run is not None else 0,
        started=told(run.start_time) if run is not None else "",
        finished=told(run.completion_time) if run is not None else "",
        sealed=format_time(scope.now),
        version=glovebox.__version__,
    )
