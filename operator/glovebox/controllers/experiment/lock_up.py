"""Phase `lock_up`: what is frozen or closed loses pods, access and credentials, whatever fails.

It needs no plan and no repair: the state label goes on first, so that no pod comes back, and then
all is taken away by live reads, each thing whatever becomes of the others. It is done again on
every look until the state is recorded, which happens only when everything was seen in place;
opening is recorded before anything is opened.
"""

from __future__ import annotations

from glovebox import names
from glovebox.api import reasons
from glovebox.controllers.experiment.freeze import close_namespace
from glovebox.controllers.experiment.namespace import check_owner
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import JOB, NAMESPACE, SECRET
from glovebox.kube.objects import ObjectKey
from glovebox.status.outcome import Outcome, done, waiting


async def lock_up(scope: Scope, outcomes: Outcomes) -> Outcome:
    """Close the namespace of an experiment that is not to be open.

    Raises:
        GloveboxError: The API server failed; the next look does the rest.
    """
    del outcomes
    if scope.is_open or not scope.is_bound:
        return done()
    ports, namespace = scope.ports, scope.namespace
    status = scope.experiment.status
    secret = ObjectKey(SECRET.kind, namespace, names.CREDENTIALS_SECRET)
    if status.state == scope.state and ports.children.get(secret) is None:
        return done()  # what was closed once stays closed: admission sees to it
    try:
        live = await ports.reader.get(NAMESPACE, None, namespace)
    except NotFound:
        return done()
    if live["metadata"].get("deletionTimestamp"):
        return done()
    check_owner(scope.experiment, live)
    # A run that ended by itself is kept for its logs.
    ended = (
        scope.state == names.STATE_SEALED and not scope.experiment.spec.lifecycle.is_to_be_sealed
    )
    is_recorded = await _is_run_recorded(scope)
    await close_namespace(
        ports,
        live,
        scope.state,
        keep_access=scope.state != names.STATE_FROZEN,
        keep_workloads=not is_recorded,
        keep_own=ended,
    )
    if not is_recorded:
        message = "its run is recorded first: what is only a Job would be forgotten with it"
        return waiting(reasons.PROVISIONING, message, retry_seconds=0.0)
    return done()


async def _is_run_recorded(scope: Scope) -> bool:
    """Return whether no Job of the run is there that the status does not know of.

    The record of a start may have been lost. Without it, and without its Job, the run would be
    started a second time when the namespace is opened again.
    """
    if scope.experiment.spec.run is None or scope.experiment.status.run is not None:
        return True
    try:
        await scope.ports.reader.get(JOB, scope.namespace, names.RUN_JOB)
    except NotFound:
        return True
    return False
