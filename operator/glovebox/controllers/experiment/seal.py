"""The seal: once the run is over and the namespace closed, inputs are verified again and the results are listed, signed and locked.

It is made once. What the store holds decides: a seal that is there already is recorded as it is,
whoever made it.
"""

from __future__ import annotations

from datetime import datetime

import glovebox
from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.experiment import Experiment
from glovebox.api.experiment_status import RunStatus
from glovebox.controllers.dataset_pin import describe, source_of
from glovebox.controllers.experiment.gather import Surroundings
from glovebox.controllers.signing_key import signing_key
from glovebox.controllers.store_connections import open_store
from glovebox.controllers.world import World
from glovebox.data.digest import canonical_json
from glovebox.desired.plan import Plan
from glovebox.errors import GloveboxError
from glovebox.evidence.artifacts import Artifact, list_digest
from glovebox.evidence.envelope import key_id, sign
from glovebox.evidence.statement import SealedInput, SealInputs, statement
from glovebox.kube.kinds import DATASET_PIN, POD
from glovebox.kube.resources import Key
from glovebox.status.draft import Draft, counted, format_time
from glovebox.store.pins import ManifestLocation, verify_pin
from glovebox.store.sealing import seal_artifacts, seal_folder

_NOT_ENDED = "status.phase!=Succeeded,status.phase!=Failed"
_LOOK_AGAIN_SECONDS = 1.0


async def ensure_seal(
    world: World,
    experiment: Experiment,
    surroundings: Surroundings,
    plan: Plan,
    run: RunStatus | None,
    draft: Draft,
) -> float | None:
    """Seal the results unless they are sealed, and answer Sealed; return after how many seconds to look again.

    Raises:
        GloveboxError: Something failed; the next look goes on.
    """
    recorded = experiment.status.seal
    if recorded is not None:
        _answer(draft, recorded.objects, recorded.bytes, recorded.findings)
        return None
    # What still runs may still write: the list would not be the last word.
    running = await _running(world, plan.namespace["metadata"]["name"])
    if running or (run is not None and run.completion_time is None):
        draft.no(
            types.SEALED,
            reasons.SEALING,
            f"{counted(running, 'pod')} still to end; then the results are sealed",
        )
        return _LOOK_AGAIN_SECONDS
    try:
        await _seal(world, experiment, surroundings, plan, run, draft)
    except GloveboxError as error:
        world.metrics.seals.labels("error").inc()
        draft.no(types.SEALED, error.reason, error.message)
        raise
    world.metrics.seals.labels("success").inc()
    return None


async def _running(world: World, namespace: str) -> int:
    """Return how many pods have not ended."""
    found = 0
    async for page in world.client.pages(POD, namespace=namespace, field_selector=_NOT_ENDED):
        found += len(page.get("items") or ())
    return found


async def _seal(
    world: World,
    experiment: Experiment,
    surroundings: Surroundings,
    plan: Plan,
    run: RunStatus | None,
    draft: Draft,
) -> None:
    key = await signing_key(world)
    connection = await open_store(world, surroundings.store)
    doubts = [
        doubt
        for entry in surroundings.bound
        if (doubt := await _verified_again(world, experiment, surroundings, entry.name))
    ]
    bucket = surroundings.store.spec.artifacts.bucket
    prefix = names.artifact_prefix(experiment.namespace, experiment.name, experiment.uid)
    about = _about(world, experiment, surroundings, plan, run, f"s3://{bucket}/{prefix}")

    def signing(artifacts: list[Artifact], raw: bytes) -> bytes:
        return sign(canonical_json(statement(about, artifacts, list_digest(raw))), key)

    async with world.metrics.on_store("seal"):
        sealed = await seal_artifacts(
            connection,
            bucket=bucket,
            prefix=prefix,
            folder=seal_folder(experiment.uid),
            snapshot=plan.snapshot.encode(),
            signing=signing,
        )
    findings = (*doubts, *sealed.findings)
    entry = {
        "uri": sealed.uri,
        "attestationVersion": sealed.version_id,
        "manifestDigest": sealed.list_digest,
        "objects": sealed.versions,
        "bytes": sealed.bytes,
        "retainUntilTime": sealed.retain_until_time or None,
        "keyId": key_id(key.public_key()),
        "sealedTime": format_time(world.now()),
        "findings": [finding[:1024] for finding in findings[:16]],
    }
    draft.set(seal={name: value for name, value in entry.items() if value not in (None, [])})
    _answer(draft, sealed.versions, sealed.bytes, findings)


def _about(
    world: World,
    experiment: Experiment,
    surroundings: Surroundings,
    plan: Plan,
    run: RunStatus | None,
    prefix: str,
) -> SealInputs:
    def told(moment: datetime | None) -> str:
        return format_time(moment) if moment is not None else ""

    inputs = tuple(
        SealedInput(
            entry.name,
            entry.kind,
            entry.digest,
            f"s3://{entry.manifest.bucket}/{entry.manifest.key}" if entry.manifest else "",
        )
        for entry in surroundings.bound
    )
    images = sorted(
        {image.reference for image in experiment.spec.images}
        | ({experiment.status.platform_image} - {""})
    )
    return SealInputs(
        experiment=f"{experiment.namespace}/{experiment.name}",
        uid=experiment.uid,
        digest=plan.digest,
        snapshot=plan.snapshot,
        inputs=inputs,
        images=tuple(images),
        prefix=prefix,
        outcome=run.outcome if run is not None else "",
        reason=run.reason if run is not None else "",
        attempts=run.attempts if run is not None else 0,
        started=told(run.start_time) if run is not None else "",
        finished=told(run.completion_time) if run is not None else "",
        sealed=format_time(world.now()),
        version=glovebox.__version__,
    )


async def _verified_again(
    world: World, experiment: Experiment, surroundings: Surroundings, name: str
) -> str:
    """Ask the store for every pinned version of an input once more; return what is wrong with it, or an empty text."""
    entry = next(entry for entry in surroundings.bound if entry.name == name)
    if entry.kind != DATASET_PIN.kind or entry.manifest is None:
        return ""
    pin = world.resources.parsed(
        Key(DATASET_PIN.kind, experiment.namespace, entry.pin_ref), DatasetPin
    )
    store = next(
        (store for store in surroundings.input_stores if store.name == entry.store_ref), None
    )
    if pin is None or pin.uid != entry.uid or store is None:
        return f"input `{name}`: its pin or store is gone, so it could not be verified again"
    manifest = ManifestLocation(**entry.manifest.model_dump(), bytes=0)
    async with world.metrics.on_store("verify_pin"):
        findings = await verify_pin(
            await open_store(world, store), source_of(pin.spec.source), manifest
        )
    return "" if findings.intact else f"input `{name}`: {describe(findings)[1]}"


def _answer(draft: Draft, versions: int, size: int, findings: tuple[str, ...]) -> None:
    words = (
        f"{counted(versions, 'object version')} with {counted(size, 'byte')} listed, signed and"
        " locked"
    )
    doubts = f"; not vouched for: {'; '.join(findings[:3])}" if findings else ""
    draft.yes(types.SEALED, reasons.SEALED, words + doubts)
