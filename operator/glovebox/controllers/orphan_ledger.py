"""What the ledger is told of a namespace that lost its Experiment: that it is gone, and its seal.

That an Experiment went past its finalizer is told as soon as its namespace is closed, and before
people are: the guards let nobody but the operator and break-glass groups take that finalizer off.

The Experiment cannot say it any more. What it would say is made of its snapshot and its seal, so
the events have the ids that its own would have, and what it told by itself is not told again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import structlog

from glovebox import names
from glovebox.api import reasons
from glovebox.api.experiment_status import RunStatus
from glovebox.controllers.absent import read_or_absent
from glovebox.controllers.bound_seal import BoundSeal
from glovebox.controllers.experiment.record import LEDGER_WAIT, TASK, ensure_recorded
from glovebox.controllers.ledgers import ensure_told, ledger_of
from glovebox.controllers.orphans import Orphan, is_in_doubt
from glovebox.controllers.patience import deadline
from glovebox.controllers.ports import Ports
from glovebox.desired.bound_snapshot import read_snapshot
from glovebox.engine.tasks import TaskKey
from glovebox.errors import GloveboxError, InvalidInput
from glovebox.kube.kinds import CONFIG_MAP
from glovebox.ledger.events import experiment_lost
from glovebox.status.experiment_facts import SealFacts
from glovebox.status.experiment_work import plain
from glovebox.status.outcome import Outcome
from glovebox.status.text import format_time

log = structlog.get_logger(__name__)
_LOSS: Final = "ledger loss"


async def is_loss_told(ports: Ports, orphan: Orphan, since: datetime) -> bool:
    """Whether the ledger of its store tells that it lost its Experiment; waits for no store.

    A namespace without a snapshot names no store: there is no ledger to tell.

    Args:
        ports: The outside world.
        orphan: The namespace, closed.
        since: Since when it is closed.
    """
    try:
        config_map = await read_or_absent(ports, CONFIG_MAP, orphan.name, names.SNAPSHOT_CONFIG_MAP)
        snapshot = read_snapshot(config_map) if config_map is not None else None
    except InvalidInput:
        return True
    except GloveboxError:
        return False  # whoever goes on to seal it asks for the same, and says why
    if snapshot is None:
        return True
    store = ledger_of(ports, snapshot.platform.store.name)
    key = TaskKey(orphan.key, orphan.owner_uid, _LOSS)
    if store is None:
        ports.tasks.drop(key)
        return True
    event = experiment_lost(orphan.owner_uid, snapshot.digest, since)
    # What an earlier process told is found by the entry's id, and not told again.
    task = ensure_told(ports, key, store, (event,), orphan.owner_key.namespace)
    return task.result is not None


def is_told(
    ports: Ports,
    orphan: Orphan,
    bound: BoundSeal,
    run: RunStatus | None,
    sealed: Outcome,
    since: datetime,
) -> bool:
    """Whether the ledger was told, or that was tried for long enough; never blocks.

    Args:
        ports: The outside world.
        orphan: The namespace.
        bound: What was sealed of it.
        run: The run as far as its Job tells.
        sealed: The seal (`SealFacts`).
        since: Since when it is closed.
    """
    outcome = ensure_recorded(
        ports, orphan.key, _as_it_was(ports, orphan, bound, run, sealed, since)
    )
    if outcome.is_done:
        ports.failures.clear(orphan.key, TASK)
        return True
    if ports.now() <= deadline(ports, orphan.key, TASK, since, LEDGER_WAIT):
        return False
    message = f"the ledger misses entries of Experiment `{orphan.owner}`: {outcome.message}"
    ports.events.warning(orphan.about, reasons.DELETED_UNRECORDED, message, action="Record")
    log.warning("an orphan is let go without an entry in the ledger", namespace=orphan.name)
    return True


def _as_it_was(
    ports: Ports,
    orphan: Orphan,
    bound: BoundSeal,
    run: RunStatus | None,
    sealed: Outcome,
    since: datetime,
) -> Mapping[str, Any]:
    """Return the Experiment as far as its events follow from it."""
    created = orphan.namespace["metadata"]["creationTimestamp"]
    metadata = {"uid": orphan.owner_uid, "creationTimestamp": created}
    if not is_in_doubt(ports, orphan):
        # Where so many are lost at once, they may come back.
        metadata["deletionTimestamp"] = format_time(since)
    record = sealed.facts.record if isinstance(sealed.facts, SealFacts) else None
    policy = orphan.annotation(names.ANNOTATION_DELETION_POLICY)
    return {
        "metadata": metadata,
        "spec": {
            "artifacts": {"storeRef": {"name": bound.platform.store.name}},
            "lifecycle": {"deletionPolicy": policy},
        },
        "status": {
            "digest": bound.digest,
            "inputs": [plain(each) for each in bound.inputs],
            "leakage": [plain(each) for each in bound.leakage],
            "run": plain(run) if run is not None else None,
            "seal": dict(record) if record is not None else None,
        },
    }
