"""An Experiment: from a declaration to a sealed namespace, in the order that lets nothing in before the walls stand.

    finalizer -> gather (profile, store, pins) -> refusals, before anything exists -> plan (pure) ->
    namespace -> walls and credentials -> access -> foreign objects out -> run -> seal -> conditions

After the snapshot is taken (`status.digest`) the inputs are the ones that were bound then, whatever
happens to the pins: a pin that changes later is reported, it never changes the experiment.
"""

from __future__ import annotations

import asyncio
from typing import Any

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.experiment import Experiment
from glovebox.controllers.experiment import provision
from glovebox.controllers.experiment.artifact_credentials import (
    Asked,
    Issued,
    asked_ahead,
    ensure_credentials,
)
from glovebox.controllers.experiment.drift_report import report_drift
from glovebox.controllers.experiment.freeze import freeze
from glovebox.controllers.experiment.gather import Surroundings, gather
from glovebox.controllers.experiment.retire import retire
from glovebox.controllers.experiment.work import carry_out
from glovebox.controllers.world import DONE, Result, World
from glovebox.desired import refusals
from glovebox.desired.delivery_modes import check_deliverable
from glovebox.desired.inputs import ExperimentInputs
from glovebox.desired.plan import Plan, desired_objects
from glovebox.errors import GloveboxError, InvalidInput
from glovebox.kube.kinds import EXPERIMENT
from glovebox.kube.resources import Key
from glovebox.status.draft import Draft

KIND = EXPERIMENT.kind
LASTING = (
    types.READY,
    types.INPUTS_VERIFIED,
    types.NAMESPACE_READY,
    types.ISOLATED,
    types.QUOTA_APPLIED,
    types.ARTIFACTS_PROTECTED,
    types.CREDENTIALS_FRESH,
    types.DRIFT_DETECTED,
    types.SUCCEEDED,
    types.SEALED,
)
REQUIRED = (
    types.INPUTS_VERIFIED,
    types.NAMESPACE_READY,
    types.QUOTA_APPLIED,
    types.ARTIFACTS_PROTECTED,
    types.CREDENTIALS_FRESH,
)
READY = (reasons.PROVISIONED, "the sealed namespace stands")

# Which condition tells of a refusal; every other error is told by Ready alone.
_TOLD_BY = {
    reasons.QUOTA_OUT_OF_RANGE: types.QUOTA_APPLIED,
    reasons.NAMESPACE_TAKEN: types.NAMESPACE_READY,
    reasons.RETENTION_OUT_OF_RANGE: types.ARTIFACTS_PROTECTED,
    reasons.RUN_OUT_OF_RANGE: types.SUCCEEDED,
    reasons.DELIVERY_UNAVAILABLE: types.SUCCEEDED,
    reasons.INPUTS_REFUSED: types.SUCCEEDED,
}


async def arrange(world: World, obj: dict[str, Any], draft: Draft) -> Result:
    """Provision, keep and repair one experiment's namespace, or retire it."""
    experiment = Experiment.model_validate(obj)
    _claim(world, experiment)
    if experiment.is_deleting:
        return await retire(world, experiment, obj, draft)
    if experiment.spec.suspend:
        draft.no(
            types.READY,
            reasons.SUSPENDED,
            "`spec.suspend` is true: nothing is provisioned or repaired until it is false",
        )
        return DONE
    if names.FINALIZER not in experiment.metadata.finalizers:
        await world.write_finalizers(obj, [*experiment.metadata.finalizers, names.FINALIZER])
    try:
        return await _provision(world, experiment, obj, draft)
    except GloveboxError as error:
        if error.reason in _TOLD_BY:
            draft.no(_TOLD_BY[error.reason], error.reason, error.message)
        raise


async def _provision(
    world: World, experiment: Experiment, obj: dict[str, Any], draft: Draft
) -> Result:
    surroundings = gather(world, experiment, draft)
    bound = bool(experiment.status.digest)
    # Bound like everything else that the run depends on.
    image = experiment.status.platform_image if bound else world.settings.image
    datasets = tuple(item for item in surroundings.inputs if item.kind == "DatasetPin")
    mode = (
        (experiment.status.delivery_mode or "Fetch")
        if bound
        else surroundings.profile.spec.delivery.mode
    )
    if not bound:
        refusals.check(experiment, surroundings.profile, surroundings.store, world.now(), image)
        check_deliverable(mode, surroundings.profile, datasets, world.now())
    state = state_of(experiment)
    plan = desired_objects(
        ExperimentInputs(
            experiment=experiment,
            profile=surroundings.profile,
            store=surroundings.store,
            inputs=surroundings.inputs,
            namespace=namespace_of(experiment),
            state=state,
            platform_image=image,
            input_stores=surroundings.input_stores,
            delivery_mode=mode,
            operator_namespace=world.settings.namespace,
        )
    )
    if bound and plan.digest != experiment.status.digest:
        raise InvalidInput(
            reasons.SNAPSHOT_DIFFERS,
            f"what is declared has the digest {plan.digest}, the snapshot"
            f" {experiment.status.digest}: a fixed field was changed past the API server's rules;"
            " restore it, or create a new Experiment",
        )
    # Freezing, going on and sealing change objects on purpose: what differs then is no drift.
    established = bound and (state != names.STATE_OPEN) == _was_closed(experiment)
    async with asked_ahead(world, experiment, surroundings) as asked:
        found = await provision.namespace_stands(world, experiment, plan, established=established)
        _conclude(experiment, draft, surroundings, plan, found.uid)
        draft.set(platformImage=image or None, deliveryMode=mode if datasets else None)
        return await _fill(world, experiment, obj, draft, surroundings, plan, found, asked, state)


async def _fill(
    world: World,
    experiment: Experiment,
    obj: dict[str, Any],
    draft: Draft,
    surroundings: Surroundings,
    plan: Plan,
    found: provision.Found,
    asked: Asked | None,
    state: str,
) -> Result:
    """Walls and credentials side by side, then access, then whatever does not belong there goes, then what runs."""
    namespace = namespace_of(experiment)
    is_open = state == names.STATE_OPEN
    walls, issued = await asyncio.gather(
        provision.walls_stand(world, surroundings.profile, plan, found),
        (
            ensure_credentials(world, experiment, surroundings, namespace, draft, asked)
            if is_open
            else _lock_up(world, experiment, namespace, draft, state)
        ),
        return_exceptions=True,
    )
    if isinstance(walls, BaseException):
        raise walls
    failure = walls.failure or (issued if isinstance(issued, BaseException) else None)
    if failure is not None and not walls.established:
        raise failure  # nobody gets in before everything stands
    found = await provision.access_opens(
        world, surroundings.profile, plan, walls, frozen=state == names.STATE_FROZEN
    )
    if isinstance(issued, Issued):
        found = found.plus([issued.applied])
    report_drift(world, obj, draft, found)
    failure = failure or found.failure
    if failure is not None:
        raise failure
    working = await carry_out(world, experiment, surroundings, plan, draft, state)
    if state == names.STATE_FROZEN:
        draft.no(
            types.READY,
            reasons.FROZEN,
            "frozen on request: no pod may start, nothing was deleted but workloads and"
            " credentials",
        )
    rotation = issued.retry_seconds if isinstance(issued, Issued) else None
    waits = [seconds for seconds in (rotation, found.retry_seconds, working) if seconds is not None]
    return Result(retry_seconds=min(waits)) if waits else DONE


async def _lock_up(
    world: World, experiment: Experiment, namespace: str, draft: Draft, state: str
) -> None:
    # Once sealed nothing can come back: admission sees to it.
    if experiment.status.seal is None:
        await freeze(
            world,
            namespace,
            keep_own=state == names.STATE_SEALED and not experiment.spec.lifecycle.is_to_be_sealed,
        )
    artifacts = experiment.status.artifacts
    if artifacts is not None:
        draft.set(artifacts={"uri": artifacts.uri, "storeRef": artifacts.store_ref})
    if state == names.STATE_SEALED:
        # What is closed for good needs none: that is as it should be.
        draft.yes(
            types.CREDENTIALS_FRESH,
            reasons.SEALED,
            "the experiment is closed: its credentials were taken away",
        )
    else:
        draft.no(
            types.CREDENTIALS_FRESH,
            reasons.FROZEN,
            "`spec.lifecycle.desired` is Frozen: no credentials are issued",
        )


def _conclude(
    experiment: Experiment, draft: Draft, surroundings: Surroundings, plan: Plan, namespace_uid: str
) -> None:
    namespace = namespace_of(experiment)
    draft.set(namespace=namespace, namespaceUid=namespace_uid, digest=plan.digest)
    draft.set(
        inputs=[
            entry.model_dump(by_alias=True, mode="json", exclude_defaults=True)
            for entry in surroundings.bound
        ]
    )
    walls = len(plan.walls)
    draft.yes(
        types.NAMESPACE_READY,
        reasons.PROVISIONED,
        f"namespace `{namespace}` with {walls + len(plan.access)} objects is as declared",
    )
    draft.yes(types.QUOTA_APPLIED, reasons.PROVISIONED, "ResourceQuota and LimitRange are in force")


def state_of(experiment: Experiment) -> str:
    """Return whether the namespace is open, frozen, or closed for good: by its run's end, on request, or by the seal itself."""
    status = experiment.status
    over = status.run is not None and status.run.completion_time is not None
    lifecycle = experiment.spec.lifecycle
    if status.seal is not None or lifecycle.is_to_be_sealed or (over and not lifecycle.is_frozen):
        return names.STATE_SEALED
    return names.STATE_FROZEN if lifecycle.is_frozen else names.STATE_OPEN


def _was_closed(experiment: Experiment) -> bool:
    # Only freezing and sealing take the expiry away.
    artifacts = experiment.status.artifacts
    return artifacts is not None and artifacts.credentials_expire_time is None


def namespace_of(experiment: Experiment) -> str:
    """Return the namespace of an experiment: the recorded one, else the one that its UID gives."""
    metadata = experiment.metadata
    return experiment.status.namespace or names.experiment_namespace(
        metadata.namespace, metadata.name, metadata.uid
    )


def _claim(world: World, experiment: Experiment) -> None:
    world.children.claim(
        namespace_of(experiment),
        str(Key(KIND, experiment.metadata.namespace, experiment.metadata.name)),
    )


def forget(world: World, key: Key) -> None:
    """Drop what is remembered of an experiment that is gone; its namespace was released when it was retired."""
    world.drifting.pop(key, None)
    world.woken.pop(key, None)
