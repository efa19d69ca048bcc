"""Phase `seal`: once the run is over and the namespace closed, results are listed, signed and locked, once.

The work on data is a task beside the reconciles: it reports progress, goes on where it was after a
restart, and delays no repair. What the store holds decides: a seal that is there already is recorded
as it is, whoever made it. Everything comes from what was bound; an input that cannot be verified
again is a finding in the statement, and never a reason to wait.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import glovebox
from glovebox import names
from glovebox.api import reasons
from glovebox.api.experiment_status import RunStatus
from glovebox.controllers.experiment.resolve import Resolved
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.controllers.signing_key import signing_key
from glovebox.controllers.store_connections import open_store
from glovebox.data.digest import canonical_json
from glovebox.desired.inputs import ResolvedInput
from glovebox.desired.plan import Plan
from glovebox.engine.tasks import TaskKey
from glovebox.errors import GloveboxError
from glovebox.evidence.artifacts import Artifact, list_digest
from glovebox.evidence.envelope import key_id, sign
from glovebox.evidence.statement import SealedInput, SealInputs, statement
from glovebox.kube.kinds import DATASET_PIN, POD
from glovebox.status.builder import counted, format_time
from glovebox.status.experiment_facts import RunFacts, SealFacts
from glovebox.status.findings import describe
from glovebox.status.outcome import Outcome, done, of_error, waiting
from glovebox.store.connection import Store
from glovebox.store.pins import ManifestLocation, verify_pin
from glovebox.store.sealing import Sealed, seal_artifacts, seal_folder
from glovebox.store.sources import ManifestSource, PrefixSource
from glovebox.tasks.context import TaskContext

_NOT_ENDED: Final = "status.phase!=Succeeded,status.phase!=Failed"
_LOOK_AGAIN_SECONDS: Final = 1.0
# A pod on a node that died never says that it ended. The seal is made all the same, and says so.
PODS_WAIT: Final = timedelta(minutes=10)
WORK_CLASS: Final = "seal"


async def ensure_seal(scope: Scope, outcomes: Outcomes) -> Outcome:
    """Seal the results unless they are sealed.

    Raises:
        GloveboxError: Something failed; the next look goes on.
    """
    recorded = scope.experiment.status.seal
    if recorded is not None:
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
    if running and not _waited_long_enough(scope, run):
        return waiting(
            reasons.SEALING,
            f"{counted(len(running), 'pod')} still to end ({running[0]}); then the results are"
            " sealed",
            retry_seconds=_LOOK_AGAIN_SECONDS,
        )
    return await _seal(scope, outcomes, run, running)


async def _seal(
    scope: Scope, outcomes: Outcomes, run: RunStatus | None, running: list[str]
) -> Outcome:
    ports, experiment = scope.ports, scope.experiment
    doubts = tuple(f"pod `{name}` had not ended when the seal was made" for name in running)
    key = await signing_key(ports)
    resolved, plan = outcomes.need("resolve", Resolved), outcomes.need("bind", Plan)
    connection = await open_store(ports, resolved.platform.store)
    inputs = [
        (item, await open_store(ports, store))
        for item in resolved.datasets
        for store in resolved.platform.input_stores
        if store.name == item.store
    ]
    bucket = resolved.platform.store.spec.artifacts.bucket
    prefix = names.artifact_prefix(experiment.namespace, experiment.name, experiment.uid)
    facts = _statement_facts(scope, resolved, plan, run, f"s3://{bucket}/{prefix}")

    def signing(artifacts: list[Artifact], raw: bytes) -> bytes:
        return sign(canonical_json(statement(facts, artifacts, list_digest(raw))), key)

    async def start(context: TaskContext) -> tuple[Sealed, tuple[str, ...]]:
        del context
        found = [await _verified_again(item, store) for item, store in inputs]
        async with ports.metrics.on_store("seal"):
            sealed = await seal_artifacts(
                connection,
                bucket=bucket,
                prefix=prefix,
                folder=seal_folder(experiment.uid),
                snapshot=plan.snapshot.encode(),
                signing=signing,
            )
        return sealed, (*(finding for finding in found if finding), *doubts)

    task = ports.tasks.ensure(
        TaskKey(scope.key, experiment.uid, "seal"),
        plan.digest,
        start,
        tenant=experiment.namespace,
        work_class=WORK_CLASS,
    )
    if task.phase == "Failed" and task.error is not None:
        ports.metrics.seals.labels("error").inc()
        return of_error(task.error)
    if task.result is None:
        return waiting(
            reasons.SEALING, "the results are being listed, hashed and signed", retry_seconds=10.0
        )
    ports.metrics.seals.labels("success").inc()
    ports.tasks.forget(experiment.uid)
    sealed, found = task.result
    findings = (*found, *sealed.findings)
    record: dict[str, Any] = {
        "uri": sealed.uri,
        "attestationVersion": sealed.version_id,
        "manifestDigest": sealed.list_digest,
        "objects": sealed.versions,
        "bytes": sealed.bytes,
        "retainUntilTime": sealed.retain_until_time or None,
        "keyId": key_id(key.public_key()),
        "sealedTime": format_time(scope.now),
        "findings": [finding[:1024] for finding in findings[:16]],
    }
    record = {name: value for name, value in record.items() if value not in (None, [])}
    return done(SealFacts(record, sealed.versions, sealed.bytes, findings))


def _waited_long_enough(scope: Scope, run: RunStatus | None) -> bool:
    ended = run.completion_time if run is not None else None
    since = ended or scope.experiment.metadata.deletion_timestamp
    return since is not None and scope.now > since + PODS_WAIT


async def _running(scope: Scope) -> list[str]:
    """Return the names of the pods that have not ended."""
    found: list[str] = []
    async for page in scope.ports.reader.pages(
        POD, namespace=scope.namespace, field_selector=_NOT_ENDED
    ):
        found += [item["metadata"]["name"] for item in page.get("items") or ()]
    return found


async def _verified_again(item: ResolvedInput, store: Store) -> str:
    """Ask the store for every pinned version of an input once more; return what is wrong with it."""
    if item.kind != DATASET_PIN.kind or item.manifest is None:
        return ""
    manifest = ManifestLocation(**item.manifest.model_dump(), bytes=0)
    source: PrefixSource | ManifestSource = (
        PrefixSource(item.bucket, item.prefix)
        if item.bucket
        else ManifestSource(manifest.bucket, manifest.key, manifest.version_id)
    )
    try:
        findings = await verify_pin(store, source, manifest)
    except GloveboxError as error:
        return f"input `{item.name}`: it could not be verified again: {error.message}"
    return "" if findings.intact else f"input `{item.name}`: {describe(findings)[1]}"


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
    if not outcome and experiment.is_deleting:
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
