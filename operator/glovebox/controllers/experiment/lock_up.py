"""Phase `lock_up`: what is frozen or closed loses pods, access and credentials, whatever fails.

It needs no plan and no repair: the state label goes on first, so that no pod comes back, and then
all is taken away by live reads, each thing whatever becomes of the others. It is done again on
every look until the state is recorded, which happens only when all of it was done; the seal waits
for that record. Opening is recorded before anything is opened.

The Job of the run goes last, and only once the status holds what it and its pods say: a run that
ended, or began, while nobody looked would else be sealed as one that was stopped, or that never
was.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from glovebox import names
from glovebox.api import reasons
from glovebox.api.attempt_status import MAX_PODS
from glovebox.api.experiment_status import RunStatus
from glovebox.controllers.absent import read_or_absent
from glovebox.controllers.experiment.freeze import close_namespace
from glovebox.controllers.experiment.given_secrets import is_given_known
from glovebox.controllers.experiment.known_secrets import known_secrets
from glovebox.controllers.experiment.namespace import check_own
from glovebox.controllers.experiment.run import run_kind
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.controllers.job_pods import pods_in
from glovebox.controllers.run_work import RunWork, find_run, pods_of_run
from glovebox.errors import GloveboxError
from glovebox.kube.kinds import JOB_SET, NAMESPACE, SECRET
from glovebox.kube.objects import ObjectKey
from glovebox.status.attempts import with_tenant_pods
from glovebox.status.experiment_facts import ClosingFacts
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
    live = await read_or_absent(ports, NAMESPACE, None, namespace)
    if live is None:
        return done()
    check_own(scope.experiment, live)  # one that is being deleted may be so for long
    facts = await _in_it(scope)
    failure: GloveboxError | None = None
    try:
        is_news = await _is_news(scope, live)
    except GloveboxError as error:
        is_news, failure = True, error
    run = status.run
    ended = run is not None and run.completion_time is not None
    await close_namespace(
        ports,
        live,
        scope.state,
        keep_access=scope.state != names.STATE_FROZEN,
        keep_own=is_news,
        # A run that ended by itself is kept for its logs.
        keep_ended=ended and scope.state == names.STATE_SEALED,
        may_have_job_set=run_kind(scope) == JOB_SET,
    )
    if failure is not None:
        raise failure
    if is_news:
        message = "what the run's Job and its log say is recorded before they are removed"
        return waiting(reasons.PENDING, message, facts=facts, retry_seconds=0.0)
    return done(facts)


async def _in_it(scope: Scope) -> ClosingFacts:
    """Return what is in the namespace and goes with its closing; what cannot be read is left out.

    The secrets are noted before they go: no log that is read later may show them.
    """
    ports, namespace = scope.ports, scope.namespace
    await known_secrets(ports, scope.key, namespace)
    with suppress(GloveboxError):  # it stays until the logs are read
        await is_given_known(scope)
    try:
        pods = await pods_in(ports, namespace)
    except GloveboxError:
        pods = []
    return ClosingFacts(with_tenant_pods(None, pods))


async def _is_news(scope: Scope, live: Mapping[str, Any]) -> bool:
    """Whether the run's Job, a pod or a log says something that the status does not hold yet."""
    recorded = scope.experiment.status.run
    if not scope.experiment.spec.has_run or (recorded is not None and recorded.completion_time):
        return False
    work = await find_run(scope.ports, scope.namespace, (run_kind(scope),))
    if work is None:
        return False
    if recorded is None or recorded.job_uid != work.uid:
        return True
    # Of its pods the logs go with them.
    unread = any(each.log is None for pod in recorded.pods for each in pod.containers)
    return unread or work.is_over or await _has_new_pods(scope, live, work, recorded)


async def _has_new_pods(
    scope: Scope, live: Mapping[str, Any], work: RunWork, recorded: RunStatus
) -> bool:
    """Whether a pod of the run may be there, or come, that is in no attempt."""
    if len(recorded.pods) >= MAX_PODS or scope.ports.failures.is_failing(scope.key, "lock_up"):
        # Work that cannot be taken away must not be recorded again and again instead.
        return False
    if (live["metadata"].get("labels") or {}).get(names.LABEL_STATE) != scope.state:
        return True  # until the label is on, pods come in
    known = {pod.uid for pod in recorded.pods}
    return any(pod["metadata"]["uid"] not in known for pod in await pods_of_run(scope.ports, work))
