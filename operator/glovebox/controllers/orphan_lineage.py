"""What lineage tells of a namespace that lost its Experiment: the end of its run, with its seal.

The Experiment cannot say it any more. What is told is made of its snapshot and its seal, and has
the id of its run; its start was told while it was there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog

from glovebox import names
from glovebox.controllers.bound_seal import BoundSeal
from glovebox.controllers.experiment.lineage import LINEAGE_WAIT, TASK, ensure_traced
from glovebox.controllers.orphans import Orphan
from glovebox.controllers.patience import deadline
from glovebox.controllers.ports import Ports
from glovebox.lineage.events import START
from glovebox.status.experiment_facts import SealFacts
from glovebox.status.experiment_work import plain
from glovebox.status.outcome import Outcome

log = structlog.get_logger(__name__)


def is_traced(
    ports: Ports, orphan: Orphan, bound: BoundSeal, sealed: Outcome, since: datetime
) -> bool:
    """Whether the end is written, or that was tried for long enough; never blocks.

    Args:
        ports: The outside world.
        orphan: The namespace.
        bound: What was sealed of it.
        sealed: The seal (`SealFacts`).
        since: Since when it is closed.
    """
    obj = _as_it_was(ports, bound, sealed)
    facts, error = ensure_traced(ports, orphan.key, obj, store=bound.platform.store)
    if not facts.asked or facts.record is not None:
        ports.failures.clear(orphan.key, TASK)
        return True
    if ports.now() <= deadline(ports, orphan.key, TASK, since, LINEAGE_WAIT):
        return False
    log.warning("an orphan is let go whose lineage is not written", name=orphan.name, error=error)
    return True


def _as_it_was(ports: Ports, bound: BoundSeal, sealed: Outcome) -> Mapping[str, Any]:
    """Return the Experiment as far as the end of its run follows from it."""
    record = sealed.facts.record if isinstance(sealed.facts, SealFacts) else None
    bucket = bound.platform.store.spec.artifacts.bucket
    prefix = names.artifact_prefix(bound.team, bound.name, bound.uid)
    status: dict[str, Any] = {
        "digest": bound.digest,
        "inputs": [plain(each) for each in bound.inputs],
        "artifacts": {"uri": f"s3://{bucket}/{prefix}"},
        "seal": dict(record) if record is not None else None,
    }
    if bound.purpose is not None:
        status["purpose"] = plain(bound.purpose)
    if bound.run is not None or bound.outcome:
        run = plain(bound.run) if bound.run is not None else {}
        ended = run.get("completionTime") or (record or {}).get("sealedTime")
        status["run"] = {
            **run,
            "startTime": run.get("startTime") or ended,
            "completionTime": ended,
            "outcome": bound.outcome,
            "reason": bound.reason,
        }
        namespace = ports.settings.lineage.namespace
        status["lineage"] = {"namespace": namespace, "events": [{"type": START}]}
    elif record is not None:
        status["boundTime"] = record.get("sealedTime")
    metadata = {"namespace": bound.team, "name": bound.name, "uid": bound.uid}
    return {"metadata": metadata, "spec": {}, "status": status}
