"""The queue of a run: its LocalQueue, and what Kueue says of the run that waits in it.

Kueue may be away, or be taken away: a run waits then, and says so, and nothing else does. What it
records is read only while a run waits, or is at work, in a queue; its changes of the run are told
by the watch of the run itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from glovebox import names
from glovebox.api import reasons
from glovebox.controllers.absent import read_or_absent
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.controllers.ports import Ports
from glovebox.controllers.run_work import RunWork
from glovebox.desired.plan import Plan
from glovebox.errors import Forbidden, GloveboxError, NotReady, Rejected, Unavailable
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import LOCAL_QUEUE, QUEUE_ENTRY
from glovebox.status.job_waits import is_suspended, seconds_since
from glovebox.status.queueing import (
    Queueing,
    entry_of,
    is_queued,
    queueing_of,
    unanswered,
)

QUEUES_MISSING: Final = (
    "the profile says `spec.queue`, and this cluster does not serve"
    f" {LOCAL_QUEUE.api_version}: ask the platform team to install Kueue"
    " (https://kueue.sigs.k8s.io), or choose a profile without a queue"
)
# Nothing tells when it is installed, or back.
QUEUES_SECONDS: Final = 60.0
QUEUE_AWAY_SECONDS: Final = 15.0
# As the API server says it of a webhook that fails closed.
_WEBHOOK_FAILED: Final = "failed calling webhook"


async def require_queues(ports: Ports, plan: Plan) -> None:
    """Accept a run that is to wait in a queue where the cluster has what such a queue is.

    Raises:
        NotReady: `QueueMissing`: looked for again, as nothing tells when it is installed.
        GloveboxError: No answer.
    """
    if plan.queue is None:
        return
    try:
        async for _ in ports.reader.pages(LOCAL_QUEUE):
            break
    except NotFound:
        raise NotReady(
            reasons.QUEUE_MISSING, QUEUES_MISSING, retry_seconds=QUEUES_SECONDS
        ) from None


async def ensure_queue(scope: Scope, plan: Plan) -> None:
    """Create the LocalQueue, where there is to be one and is none.

    Raises:
        NotReady: Another one has its name.
        NotFound: The cluster does not serve them.
        GloveboxError: The API server failed.
    """
    if plan.queue is None:
        return
    live = await read_or_absent(
        scope.ports, LOCAL_QUEUE, scope.namespace, names.LOCAL_QUEUE, is_expected=False
    )
    if live is None:
        live = await scope.ports.writer.create_once(LOCAL_QUEUE, plan.queue)
    leads, wanted = _leads_to(live), _leads_to(plan.queue)
    if leads != wanted:
        raise NotReady(
            reasons.RUN_PENDING,
            f"LocalQueue `{names.LOCAL_QUEUE}` of the namespace leads to ClusterQueue `{leads}`,"
            f" and what was bound says `{wanted}`: somebody made it under break-glass; when it is"
            " deleted, the operator creates its own",
            retry_seconds=QUEUES_SECONDS,
        )


def why_not_taken(plan: Plan, error: Unavailable) -> str | None:
    """Return what to say of a run that the API server could not take because Kueue is away.

    Args:
        plan: Of the Experiment.
        error: How the creation ended.

    Returns:
        None where that was for another reason.
    """
    is_refusal = isinstance(error, Forbidden | Rejected)
    if plan.queue is None or is_refusal or _WEBHOOK_FAILED not in error.message:
        return None
    return f"the run is created as soon as Kueue answers: {error.message}"


async def look_at_queue(scope: Scope, outcomes: Outcomes, work: RunWork) -> Queueing | None:
    """Return where a run that is not over is in its queue; None where it waits in none.

    A LocalQueue that somebody deleted is created again while the run waits in it.
    """
    run = work.live
    if not is_queued(run):
        return None
    plan = outcomes.facts("bind", Plan)
    queue = plan.queue if plan is not None else None
    try:
        if is_suspended(run) and plan is not None and scope.is_open:
            await ensure_queue(scope, plan)
        entry = entry_of(await _entries(scope, work), run)
    except NotFound:
        return unanswered(run, QUEUES_MISSING)
    except GloveboxError as error:
        return unanswered(run, error.message)
    age = seconds_since(run, scope.ports.now())
    return queueing_of(run, entry, _leads_to(queue) if queue is not None else "", age=age)


async def _entries(scope: Scope, work: RunWork) -> list[dict[str, Any]]:
    """Return Kueue's records of a run."""
    found: list[dict[str, Any]] = []
    async for page in scope.ports.reader.pages(
        QUEUE_ENTRY,
        namespace=scope.namespace,
        label_selector=f"{names.LABEL_QUEUED_UID}={work.uid}",
    ):
        found += page.get("items") or ()
    return found


def _leads_to(queue: Mapping[str, Any]) -> str:
    return str((queue.get("spec") or {}).get("clusterQueue", ""))
