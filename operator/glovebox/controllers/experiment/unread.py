"""Seals an Experiment that is deleted and cannot be read, or declares not what was bound.

Its spec may be older or newer than this version of the operator, or was changed past the rules of
the API server. What was bound lies in the namespace, as for one that was lost; what became of the
run is told by its Job, or by the status. Where something may have been written and the snapshot is
not there, it is looked for as long as a seal is tried: one answer is no proof, and a person may put
it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from glovebox import names
from glovebox.api import reasons
from glovebox.api.experiment_status import RunStatus
from glovebox.controllers.absent import read_or_absent
from glovebox.controllers.bound_seal import (
    PODS_WAIT,
    BoundSeal,
    doubts_of,
    ensure_bound_seal,
    unended_pods,
)
from glovebox.controllers.experiment.freeze import close_namespace
from glovebox.controllers.experiment.retire import Retiring, own_namespace, shut_out
from glovebox.controllers.experiment.seal import (
    CLOSE_WAIT,
    CLOSING,
    doubts_of_closing,
    tell_not_counted,
)
from glovebox.controllers.patience import deadline
from glovebox.controllers.ports import Ports
from glovebox.controllers.run_work import find_run, pods_of_run
from glovebox.desired.bound_snapshot import BoundSnapshot, read_snapshot
from glovebox.errors import Conflict, Fenced, GloveboxError, InvalidInput
from glovebox.evidence.stated import moment_of
from glovebox.kube.kinds import CONFIG_MAP
from glovebox.status.outcome import Outcome, waiting

_LOOK_AGAIN_SECONDS: Final = 5.0
_MISSING_SECONDS: Final = 15.0
UNREADABLE: Final = (
    "the Experiment could not be read when it was deleted; this is sealed from the snapshot in its"
    " namespace"
)
NOT_AS_BOUND: Final = (
    "when the Experiment was deleted it declared something else than was bound; this is sealed from"
    " the snapshot in its namespace"
)


class UnsealableError(InvalidInput):
    """Nobody knows what was bound, and no further try will tell."""


async def seal_unread(
    ports: Ports, retiring: Retiring, obj: Mapping[str, Any], doubt: str
) -> Outcome | None:
    """Have what was written sealed; None where nothing was.

    Args:
        ports: The outside world.
        retiring: What deletion needs.
        obj: The Experiment.
        doubt: Why it is sealed from the snapshot alone.

    Raises:
        UnsealableError: The snapshot is not the one that was bound.
        GloveboxError: Something failed; calling again is safe.
    """
    live = await own_namespace(ports, retiring)
    if live is None:
        return _missing(retiring, f"namespace `{retiring.namespace}` with the snapshot is gone")
    try:
        config_map, run = await _snapshot(ports, retiring), await _run(ports, retiring, obj)
    except GloveboxError:
        await shut_out(ports, retiring, live)  # only the seal waits
        raise
    if run is None and not retiring.has_results:
        return None  # nobody could write anything
    if config_map is None:
        await shut_out(ports, retiring, live)
        return _missing(
            retiring,
            f"there is no ConfigMap `{names.SNAPSHOT_CONFIG_MAP}` in `{retiring.namespace}`, so"
            " nobody knows what was bound",
        )
    stays = run is None and retiring.leaves_team
    doubt_of_closing: tuple[str, ...] = ()
    if stays:
        await shut_out(ports, retiring, live)
    else:
        ended = run is not None and run.completion_time is not None
        doubt_of_closing = await _close(ports, retiring, live, keep_ended=ended)
    running = await unended_pods(ports, retiring.namespace)
    until = deadline(ports, retiring.key, "pods", retiring.deleted, PODS_WAIT)
    if running and ports.now() <= until and not stays:
        message = f"pod `{running[0]['metadata']['name']}` is still to end"
        return waiting(reasons.SEALING, message, retry_seconds=_LOOK_AGAIN_SECONDS)
    snapshot = _what_was_bound(config_map, obj)
    never_ran = run is None and not snapshot.has_run
    bound = BoundSeal.of_snapshot(
        retiring.key,
        retiring.key,
        retiring.uid,
        snapshot,
        run,
        otherwise="" if never_ran and retiring.is_closed else reasons.ABANDONED,
        doubts=(doubt, *doubt_of_closing, *doubts_of(running)),
        since=(run.completion_time if run is not None else None) or retiring.deleted,
        stays=True,
        not_before=_run_ended(obj),
        goes=retiring.deleted,
    )
    made = await ensure_bound_seal(ports, bound)
    tell_not_counted(ports, obj, made)
    return made


async def _close(
    ports: Ports, retiring: Retiring, live: Mapping[str, Any], *, keep_ended: bool
) -> tuple[str, ...]:
    """Close the namespace; return the doubt that is left where that was tried for long enough."""
    try:
        await close_namespace(ports, live, names.STATE_SEALED, keep_ended=keep_ended)
    except (Conflict, Fenced):
        raise
    except GloveboxError as error:
        wait = deadline(ports, retiring.key, CLOSING, retiring.deleted, CLOSE_WAIT)
        if ports.now() <= wait:
            raise
        return doubts_of_closing(error.message)
    return ()


def _missing(retiring: Retiring, why: str) -> Outcome | None:
    """Wait for what a seal is made from, unless there is nothing to seal."""
    if not retiring.has_results:
        return None
    return waiting(reasons.SEALING, why, retry_seconds=_MISSING_SECONDS)


async def _snapshot(ports: Ports, retiring: Retiring) -> dict[str, Any] | None:
    return await read_or_absent(ports, CONFIG_MAP, retiring.namespace, names.SNAPSHOT_CONFIG_MAP)


def _what_was_bound(config_map: Mapping[str, Any], obj: Mapping[str, Any]) -> BoundSnapshot:
    """Return what the snapshot says, where it is the one whose digest was recorded.

    Raises:
        UnsealableError: It was edited, or is that of another Experiment.
    """
    try:
        snapshot = read_snapshot(config_map)
    except InvalidInput as error:
        raise UnsealableError(error.reason, error.message) from None
    recorded = (obj.get("status") or {}).get("digest")
    if recorded and snapshot.digest != recorded:
        raise UnsealableError(
            reasons.SNAPSHOT_DIFFERS,
            f"the snapshot of the namespace has the digest {snapshot.digest}, and {recorded} was"
            " bound",
        )
    return snapshot


def _run_ended(obj: Mapping[str, Any]) -> datetime | None:
    """Return when the run ended, as it is on record: no seal was made before."""
    run = (obj.get("status") or {}).get("run")
    return moment_of(run.get("completionTime")) if isinstance(run, dict) else None


async def _run(ports: Ports, retiring: Retiring, obj: Mapping[str, Any]) -> RunStatus | None:
    work = await find_run(ports, retiring.namespace)
    if work is None:
        try:
            recorded = (obj.get("status") or {}).get("run")
            return RunStatus.model_validate(recorded) if recorded else None
        except ValidationError:
            return RunStatus()  # there was one, and that is all that is known
    return work.ended(await pods_of_run(ports, work))
