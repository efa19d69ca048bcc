"""The end of an Experiment: what its deletion policy says happens to the namespace, fenced by its UID; then the finalizer goes.

    Retain   the namespace stays with its workloads, no longer kept; credentials go
    Freeze   the namespace stays; workloads, access and credentials go
    Delete   the namespace is deleted, and the Experiment waits until it is gone, naming what holds it up

A namespace that stays is marked Retained: the API server admits no pod there any more, and the
    platform team may delete it.
Artifacts stay in the store in every case. A namespace that is not this Experiment's own is never
touched.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.experiment import Experiment
from glovebox.controllers.experiment.deliver import delete_volumes
from glovebox.controllers.experiment.freeze import drop_credentials, freeze
from glovebox.controllers.world import DONE, Result, World
from glovebox.errors import Conflict
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import NAMESPACE, ROLE_BINDING
from glovebox.kube.objects import ObjectKey
from glovebox.kube.resources import Key
from glovebox.status.draft import Draft

_LOOK_AGAIN_SECONDS = 10.0


async def retire(world: World, experiment: Experiment, obj: dict[str, Any], draft: Draft) -> Result:
    """Carry out the deletion policy and let the Experiment go."""
    if names.FINALIZER not in experiment.metadata.finalizers:
        return DONE
    metadata = experiment.metadata
    namespace = experiment.status.namespace or names.experiment_namespace(
        metadata.namespace, metadata.name, metadata.uid
    )
    live = await world.applier.read(NAMESPACE, ObjectKey(NAMESPACE.kind, namespace, namespace))
    if live is not None and _owns(experiment, live):
        waits = await _carry_out(world, experiment, live, draft)
        if waits:
            return Result(retry_seconds=_LOOK_AGAIN_SECONDS)
    if experiment.status.delivery_mode not in {"", "Fetch"}:
        await delete_volumes(world, experiment)
    world.children.release(namespace)
    world.applier.forget(namespace)
    await _let_go(world, experiment, obj)
    return DONE


async def _carry_out(
    world: World, experiment: Experiment, live: dict[str, Any], draft: Draft
) -> bool:
    """Do what the policy says; return whether the namespace is still on its way out."""
    namespace = live["metadata"]["name"]
    policy = experiment.spec.lifecycle.deletion_policy
    if policy == "Delete":
        if not live["metadata"].get("deletionTimestamp"):
            try:
                await world.client.delete(NAMESPACE, None, namespace, uid=live["metadata"]["uid"])
            except Conflict:
                return True  # changed between reading and deleting: look again
        blockers = _blockers(live)
        reason = reasons.DELETION_BLOCKED if blockers else reasons.DELETING
        draft.no(
            types.READY,
            reason,
            f"namespace `{namespace}` is being deleted"
            + (f"; held up by: {blockers}" if blockers else ""),
        )
        draft.yes(types.RECONCILING, reason, "")
        return True
    # Closed to new pods, and from now on for the platform team to delete: nobody else is left who
    # could.
    patch = {
        "metadata": {
            "labels": {names.LABEL_STATE: names.STATE_RETAINED},
            "resourceVersion": live["metadata"]["resourceVersion"],
        }
    }
    await world.client.merge(NAMESPACE, None, namespace, patch)
    if policy == "Retain":
        await drop_credentials(world, namespace)
        return False
    await world.applier.remove(
        ROLE_BINDING, ObjectKey(ROLE_BINDING.kind, namespace, names.TENANT_ROLE_BINDING)
    )
    await freeze(world, namespace)
    return False


async def _let_go(world: World, experiment: Experiment, obj: dict[str, Any]) -> None:
    rest = [
        finalizer for finalizer in experiment.metadata.finalizers if finalizer != names.FINALIZER
    ]
    with suppress(NotFound):
        await world.write_finalizers(obj, rest)
    if not rest:
        world.resources.gone(Key.of(obj))
    deleted = experiment.metadata.deletion_timestamp
    if deleted is not None:
        world.metrics.deletion.observe((world.now() - deleted).total_seconds())


def _owns(experiment: Experiment, live: dict[str, Any]) -> bool:
    """The UID that was recorded decides; before it was recorded, the label that only the operator may set."""
    metadata = live["metadata"]
    if experiment.status.namespace_uid:
        return bool(metadata["uid"] == experiment.status.namespace_uid)
    return bool((metadata.get("labels") or {}).get(names.LABEL_EXPERIMENT_UID) == experiment.uid)


def _blockers(live: dict[str, Any]) -> str:
    conditions = (live.get("status") or {}).get("conditions") or ()
    return "; ".join(
        entry.get("message", entry["type"]) for entry in conditions if entry.get("status") == "True"
    )
