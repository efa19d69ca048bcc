"""Seals an Experiment that is deleted and cannot be read: from the snapshot in its namespace.

Its spec may be older or newer than this version of the operator. What was bound lies in the
namespace, as for one that was lost; what became of the run is told by its Job, or by the status.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from glovebox import names
from glovebox.api import reasons
from glovebox.api.experiment_status import RunStatus
from glovebox.controllers.bound_seal import (
    PODS_WAIT,
    BoundSeal,
    doubts_of,
    ensure_bound_seal,
    unended_pods,
)
from glovebox.controllers.experiment.freeze import close_namespace
from glovebox.controllers.experiment.retire import Retiring, own_namespace, shut_out
from glovebox.controllers.job_pods import pods_of
from glovebox.controllers.patience import deadline
from glovebox.controllers.ports import Ports
from glovebox.desired.bound_snapshot import BoundSnapshot, read_snapshot
from glovebox.errors import GloveboxError
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import CONFIG_MAP, JOB
from glovebox.status.outcome import Outcome, waiting
from glovebox.status.runs import job_ended

_LOOK_AGAIN_SECONDS: Final = 5.0
_DOUBT: Final = (
    "the Experiment could not be read when it was deleted; this is sealed from the snapshot in its"
    " namespace"
)


async def seal_unread(ports: Ports, retiring: Retiring, obj: Mapping[str, Any]) -> Outcome | None:
    """Have what its run wrote sealed; None where there is none to seal.

    Raises:
        InvalidInput: The snapshot is not as it was written.
        GloveboxError: Something failed; calling again is safe.
    """
    live = await own_namespace(ports, retiring)
    if live is None:
        return None
    try:
        config_map, run = await _snapshot(ports, retiring), await _run(ports, retiring, obj)
    except GloveboxError:
        await shut_out(ports, retiring, live)  # only the seal waits
        raise
    if config_map is None or run is None:
        return None  # it was never begun
    ended = run.completion_time is not None
    await close_namespace(ports, live, names.STATE_SEALED, keep_own=ended)
    running = await unended_pods(ports, retiring.namespace)
    until = deadline(ports, retiring.key, "pods", retiring.deleted, PODS_WAIT)
    if running and ports.now() <= until:
        message = f"pod `{running[0]['metadata']['name']}` is still to end"
        return waiting(reasons.SEALING, message, retry_seconds=_LOOK_AGAIN_SECONDS)
    snapshot = read_snapshot(config_map)
    return await ensure_bound_seal(ports, _bound(retiring, snapshot, run, doubts_of(running)))


async def _snapshot(ports: Ports, retiring: Retiring) -> dict[str, Any] | None:
    try:
        return await ports.reader.get(CONFIG_MAP, retiring.namespace, names.SNAPSHOT_CONFIG_MAP)
    except NotFound:
        return None


async def _run(ports: Ports, retiring: Retiring, obj: Mapping[str, Any]) -> RunStatus | None:
    try:
        job = await ports.reader.get(JOB, retiring.namespace, names.RUN_JOB)
    except NotFound:
        try:
            recorded = (obj.get("status") or {}).get("run")
            return RunStatus.model_validate(recorded) if recorded else None
        except ValidationError:
            return RunStatus()  # there was one, and that is all that is known
    return job_ended(job, await pods_of(ports, retiring.namespace, job["metadata"]["uid"]))


def _bound(
    retiring: Retiring, snapshot: BoundSnapshot, run: RunStatus, doubts: tuple[str, ...]
) -> BoundSeal:
    has_ended = bool(run.outcome)
    return BoundSeal(
        owner=retiring.key,
        uid=retiring.uid,
        team=retiring.key.namespace,
        name=retiring.key.name,
        digest=snapshot.digest,
        snapshot=snapshot.text,
        platform=snapshot.platform,
        inputs=snapshot.inputs,
        images=snapshot.images,
        run=run,
        outcome=run.outcome if has_ended else "Failed",
        reason=run.reason if has_ended else reasons.ABANDONED,
        doubts=(_DOUBT, *doubts),
        ended=run.completion_time or retiring.deleted,
    )
