"""What becomes of a namespace that lost its Experiment: closed at once, reported, sealed, let go.

    close    no pod may start any more; pods, access and credentials go; told once
    seal     what was written is sealed from the snapshot in the namespace, as `Orphaned`, unless it
             was sealed before: what the store holds decides
    let go   Delete: the namespace goes; else it stays, Retained, for the platform team to delete

What was let go before stays as it is, but for access and credentials that came in since: a request
of a process that died may be that late.

An orphan whose Experiment is being looked at is left alone: that look may go on to open what was
closed just now. Nothing is deleted that was not sealed, because the snapshot is all that is left to
seal from. After an hour without a seal the platform team may delete the namespace; the seal is
tried for as long as it is there.

How far it came is written on the namespace itself, so that a restart goes on where it was: the
state label, and since when the seal is waited for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import structlog

from glovebox import names
from glovebox.api import reasons
from glovebox.api.experiment_status import RunStatus
from glovebox.controllers.absent import read_or_absent
from glovebox.controllers.bound_seal import (
    PODS_WAIT,
    BoundSeal,
    doubts_of,
    ensure_bound_seal,
    patient_until,
    unended_pods,
)
from glovebox.controllers.experiment.deliver import delete_volumes
from glovebox.controllers.experiment.freeze import (
    Step,
    drop_credentials,
    freeze,
    take_access,
    try_all,
)
from glovebox.controllers.experiment.record import LEDGER_WAIT, TASK
from glovebox.controllers.experiment.retire import SEAL_WAIT
from glovebox.controllers.experiment.seal import tell_not_counted
from glovebox.controllers.orphan_ledger import is_loss_told, is_told
from glovebox.controllers.orphan_lineage import is_traced
from glovebox.controllers.orphan_logs import forget_run, keep_logs, note_secrets, with_seen
from glovebox.controllers.orphans import Orphan, is_in_doubt
from glovebox.controllers.patience import deadline
from glovebox.controllers.ports import Ports
from glovebox.controllers.run_work import find_run, pods_of_run
from glovebox.desired.bound_snapshot import read_snapshot
from glovebox.engine.result import DONE, Result
from glovebox.errors import Conflict, Fenced, GloveboxError, InvalidInput
from glovebox.kube.kinds import CONFIG_MAP, EXPERIMENT, NAMESPACE
from glovebox.kube.objects import ObjectKey
from glovebox.kube.resources import Key
from glovebox.status.outcome import Outcome, of_error
from glovebox.status.text import format_time

log = structlog.get_logger(__name__)
_LOOK_AGAIN_SECONDS: Final = 1.0
_LOOK_SELDOM_SECONDS: Final = 15.0
_SOON: Final = timedelta(minutes=1)
# The clocks of two replicas, and of the API server, differ by less.
_CLOCKS: Final = timedelta(minutes=5)
# So long the report of a loss waits for its entry in the ledger: it is a call for help.
_REPORT_WAIT: Final = timedelta(minutes=5)


async def reconcile_orphan(ports: Ports, key: Key) -> Result:
    """Look once at a namespace that may have lost its Experiment.

    Raises:
        Conflict: Somebody wrote in between: look again soon.
    """
    try:
        return await _look(ports, key)
    except Conflict:
        raise
    except GloveboxError as error:
        return Result(error=error)


async def _look(ports: Ports, key: Key) -> Result:
    live = await read_or_absent(ports, NAMESPACE, None, key.name)
    orphan = Orphan.of(live) if live is not None else None
    if orphan is None or not await _is_gone(ports, orphan):
        ports.tasks.forget_owner(key)
        forget_run(ports, key)
        return DONE
    if ports.is_worked_on(orphan.owner_key):
        return Result(retry_seconds=_LOOK_AGAIN_SECONDS)
    if orphan.is_let_go:
        await _close_again(ports, orphan)
        return DONE
    run, pods = await _run(ports, orphan)
    since = await _close(ports, orphan, run, pods)
    is_in_ledger = await is_loss_told(ports, orphan, since)
    if is_in_ledger or ports.now() > since + _REPORT_WAIT:
        _tell_closed(ports, orphan)
    if ports.is_worked_on(orphan.owner_key):
        # By a look that has not heard of the deletion, and may open it again.
        return Result(retry_seconds=_LOOK_AGAIN_SECONDS)
    running = await unended_pods(ports, orphan.name)
    if running and ports.now() <= since + PODS_WAIT:
        long = ports.now() > since + _SOON
        return Result(retry_seconds=_LOOK_SELDOM_SECONDS if long else _LOOK_AGAIN_SECONDS)
    doubts = doubts_of(running)
    return await _end(ports, orphan, run, since, doubts, is_in_ledger=is_in_ledger)


async def _end(
    ports: Ports,
    orphan: Orphan,
    run: RunStatus | None,
    since: datetime,
    doubts: tuple[str, ...],
    *,
    is_in_ledger: bool,
) -> Result:
    """Have what it wrote sealed, and let it go once the ledger tells that it was lost."""
    try:
        bound = await _bound(ports, orphan, with_seen(ports, orphan, run), since, doubts)
    except InvalidInput as error:
        _tell_unsealed(ports, orphan, error.message)
        if not is_in_ledger and not _is_loss_given_up(ports, orphan, since):
            return Result(retry_seconds=_LOOK_SELDOM_SECONDS)
        await _let_go(ports, orphan, sealed=False)
        return DONE
    outcome = await _seal(ports, bound)
    if outcome.is_done and not (
        (is_in_ledger or _is_loss_given_up(ports, orphan, since))
        and is_told(ports, orphan, bound, run, outcome, since)
        and is_traced(ports, orphan, replace(bound, run=run), outcome, since)
    ):
        return Result(retry_seconds=_LOOK_SELDOM_SECONDS)
    if outcome.is_done:
        tell_not_counted(ports, orphan.about, outcome)
        _tell_sealed(ports, orphan, bound)
        await _let_go(ports, orphan, sealed=True)
        return DONE
    until = patient_until(ports, orphan.key, orphan.owner_uid, since + SEAL_WAIT, SEAL_WAIT)
    if ports.now() > until and not orphan.is_retained:
        _tell_unsealed(ports, orphan, f"{outcome.message}; it is tried for as long as it is there")
        await _mark(ports, orphan, names.STATE_RETAINED, since=format_time(since))
    # The task wakes us, and errors have a pause of their own; this is for what nobody tells.
    return Result(
        retry_seconds=None if outcome.is_failed else _LOOK_SELDOM_SECONDS, error=outcome.error
    )


def _is_loss_given_up(ports: Ports, orphan: Orphan, since: datetime) -> bool:
    """Whether the ledger was to be told of the loss for as long as of everything else."""
    return ports.now() > deadline(ports, orphan.key, TASK, since, LEDGER_WAIT)


async def _is_gone(ports: Ports, orphan: Orphan) -> bool:
    """Ask once more, by name: only a definite answer counts."""
    key = orphan.owner_key
    if not key.name:
        return True
    live = await read_or_absent(ports, EXPERIMENT, key.namespace, key.name)
    return live is None or bool(live["metadata"]["uid"] != orphan.owner_uid)


async def _is_created_again(ports: Ports, orphan: Orphan) -> bool:
    """Whether an Experiment of that name is there, by now of another UID."""
    key = orphan.owner_key
    return await read_or_absent(ports, EXPERIMENT, key.namespace, key.name) is not None


async def _run(
    ports: Ports, orphan: Orphan
) -> tuple[RunStatus | None, Sequence[Mapping[str, Any]]]:
    """Return the run as far as its Job tells, None without one, and its pods."""
    work = await find_run(ports, orphan.name)
    if work is None:
        return None, ()
    pods = await pods_of_run(ports, work)
    return work.ended(pods), pods


async def _close(
    ports: Ports, orphan: Orphan, run: RunStatus | None, pods: Sequence[Mapping[str, Any]]
) -> datetime:
    """Take away what opens the namespace, and nothing else; return since when it is closed so.

    What is refused keeps nothing else from being taken.

    Looking again does it again: whatever was on its way may have come in meanwhile.
    """
    noted = _noted_time(ports, orphan)
    since = format_time(noted or _by_both_clocks(ports, orphan))
    # A run that ended by itself is kept: its Job says how, until that is in the seal.
    ended = run is not None and run.completion_time is not None
    steps: list[Step] = [
        partial(take_access, ports, orphan.name),
        partial(freeze, ports, orphan.name, keep_ended=ended),
    ]
    if run is not None:
        await note_secrets(ports, orphan)
    if run is not None and run.pods:
        # Between the two: what a program says goes with its pod.
        steps.insert(1, partial(keep_logs, ports, orphan, run, pods))
    state = names.STATE_RETAINED if orphan.is_retained else names.STATE_SEALED
    if noted is None or not orphan.is_retained:
        steps.insert(0, partial(_mark, ports, orphan, state, since=since))
    try:
        await try_all(steps)
    except (Conflict, Fenced):
        raise  # closed a moment later, or by the replica that leads
    except GloveboxError as error:
        _tell_open(ports, orphan, error.message)
        raise
    if noted is None:
        ports.metrics.orphans_closed.inc()
        log.warning(
            "closed an orphan",
            namespace=orphan.name,
            owner=orphan.owner,
            owner_uid=orphan.owner_uid,
        )
    return datetime.fromisoformat(since)


def _noted_time(ports: Ports, orphan: Orphan) -> datetime | None:
    """Return since when it is closed, as far as that is noted and can be.

    Whoever took the finalizer off may write a note as well. What is no time, is still to come, or
    was before the namespace would have everything wait for it.
    """
    try:
        noted = datetime.fromisoformat(orphan.annotation(names.ANNOTATION_ORPHANED_TIME))
    except ValueError:
        return None
    if noted.tzinfo is None:
        return None
    latest = _by_both_clocks(ports, orphan) + _CLOCKS
    return noted if orphan.created - _CLOCKS <= noted <= latest else None


def _by_both_clocks(ports: Ports, orphan: Orphan) -> datetime:
    """Return the time of day; where the clock went back, no moment before the namespace was there.

    Such a moment would count for none with the next look, and be noted again with each.
    """
    return max(ports.now(), orphan.created)


def _tell_closed(ports: Ports, orphan: Orphan) -> None:
    message = (
        f"its Experiment `{orphan.owner}` is gone, although its finalizer was to hold it: the"
        " namespace was closed, and what it wrote is being sealed"
    )
    ports.events.warning(orphan.about, reasons.ORPHAN_FOUND, message, action="Close")


async def _close_again(ports: Ports, orphan: Orphan) -> None:
    """Take away what came in after it was let go: a request of a process that had died."""
    take = drop_credentials if orphan.keeps_access else take_access
    await take(ports, orphan.name)
    log.warning("closed what was let go and opened again", namespace=orphan.name)


async def _bound(
    ports: Ports, orphan: Orphan, run: RunStatus | None, since: datetime, doubts: tuple[str, ...]
) -> BoundSeal:
    """Return what is to be sealed, from the namespace alone.

    Raises:
        InvalidInput: `SnapshotDiffers`: it does not say, and nobody else does.
    """
    key = orphan.owner_key
    if names.experiment_namespace(key.namespace, key.name, orphan.owner_uid) != orphan.name:
        raise InvalidInput(
            reasons.SNAPSHOT_DIFFERS,
            f"annotation `{names.ANNOTATION_EXPERIMENT}` is not of the Experiment that the"
            " namespace was created for",
        )
    config_map = await read_or_absent(ports, CONFIG_MAP, orphan.name, names.SNAPSHOT_CONFIG_MAP)
    if config_map is None:
        raise InvalidInput(
            reasons.SNAPSHOT_DIFFERS,
            f"there is no ConfigMap `{names.SNAPSHOT_CONFIG_MAP}`, so nobody knows what was bound",
        )
    snapshot = read_snapshot(config_map)
    lost = (
        f"Experiment `{orphan.owner}` was lost without passing by its deletion; this is sealed from"
        f" the snapshot in namespace `{orphan.name}`"
    )
    return BoundSeal.of_snapshot(
        orphan.key,
        key,
        orphan.owner_uid,
        snapshot,
        run,
        otherwise=reasons.ORPHANED,
        doubts=(lost, *doubts),
        since=since,
        goes=since,
    )


async def _seal(ports: Ports, bound: BoundSeal) -> Outcome:
    try:
        return await ensure_bound_seal(ports, bound)
    except GloveboxError as error:
        # The keys of a store may have been rotated: the next look reads them again.
        ports.store_credentials.clear()
        return of_error(error)


async def _let_go(ports: Ports, orphan: Orphan, *, sealed: bool) -> None:
    """Do what the deletion policy says; without a seal nothing is deleted.

    Nor is it where the Experiment was created again: what a restore has made an orphan nobody
    wanted to be deleted.
    """
    policy = orphan.annotation(names.ANNOTATION_DELETION_POLICY)
    if is_in_doubt(ports, orphan):
        policy = ""  # closing can be undone: where so many are lost, nothing of them is deleted
    else:
        await delete_volumes(ports, orphan.owner_uid)
    if sealed and policy == "Delete" and not await _is_created_again(ports, orphan):
        name = ObjectKey(NAMESPACE.kind, orphan.name, orphan.name)
        await ports.writer.delete(NAMESPACE, name, uid=orphan.uid)
    else:
        await _mark(ports, orphan, names.STATE_RETAINED, since=None)
    ports.writer.forget(orphan.name)
    ports.tasks.forget_owner(orphan.key)
    forget_run(ports, orphan.key)
    ports.suspect_orphans()  # so that the metric says how many are left


async def _mark(ports: Ports, orphan: Orphan, state: str, *, since: str | None) -> None:
    """Write how far it came on the very namespace that was looked at.

    Raises:
        Conflict: Another one has its name, or it changed meanwhile.
    """
    live = await ports.reader.get(NAMESPACE, None, orphan.name)
    version = live if live["metadata"]["uid"] == orphan.uid else orphan.namespace
    notes = {names.ANNOTATION_ORPHANED_TIME: since}
    if is_in_doubt(ports, orphan):
        # For the next process as well, and when the others are let go.
        notes[names.ANNOTATION_DOUBTED] = "true"
    await ports.writer.set_state_label(version, state, annotations=notes)


def _tell_open(ports: Ports, orphan: Orphan, why: str) -> None:
    message = (
        f"its Experiment `{orphan.owner}` is gone, and the namespace could not be closed yet:"
        f" {why}; it is tried again, or delete the namespace"
    )
    ports.events.warning(orphan.about, reasons.ORPHAN_FOUND, message, action="Close")
    log.warning("an orphan could not be closed yet", namespace=orphan.name, why=why)


def _tell_sealed(ports: Ports, orphan: Orphan, bound: BoundSeal) -> None:
    bucket = bound.platform.store.spec.artifacts.bucket
    message = f"what Experiment `{orphan.owner}` wrote is sealed in s3://{bucket}/"
    ports.events.normal(orphan.about, reasons.SEALED, message, action="Seal")
    log.info("sealed what an orphan wrote", namespace=orphan.name, owner_uid=orphan.owner_uid)


def _tell_unsealed(ports: Ports, orphan: Orphan, why: str) -> None:
    message = f"what Experiment `{orphan.owner}` wrote could not be sealed: {why}"
    ports.events.warning(orphan.about, reasons.ORPHAN_UNSEALED, message, action="Seal")
    log.warning("an orphan could not be sealed", namespace=orphan.name, why=why)
