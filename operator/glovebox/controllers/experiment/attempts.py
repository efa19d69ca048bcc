"""Phase `attempts`: what of a run is evidence and will be gone is recorded while it is there.

Pods are recorded by `run`; here come their nodes, as these describe themselves, and the end of
their logs, which goes into the store without secrets. A pod that is about to be ended, by us or by
anybody, is read before it goes. What could not be read, or not be kept, is recorded as just that,
with the reason, and the seal says so.

A log that the store does not take is held in memory for the next look. A process that dies then
has said already that it is not kept. Where there is no room for it, it stays with its kubelet and
is read again, for as long as the seal waits for the store.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any, Final

from glovebox.api import reasons
from glovebox.api.attempt_status import KeptLog, RunContainer, RunNode, RunPod
from glovebox.api.experiment_status import RunStatus
from glovebox.controllers.absent import read_or_absent
from glovebox.controllers.experiment.given_secrets import UNKNOWN, is_given_known
from glovebox.controllers.experiment.known_secrets import known_secrets
from glovebox.controllers.experiment.log_redaction import redact_beside
from glovebox.controllers.experiment.run import run_kind
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.controllers.held_logs import HeldLog, Place
from glovebox.controllers.job_pods import pods_of
from glovebox.controllers.ports import Ports
from glovebox.controllers.run_work import find_run, pods_of_run
from glovebox.controllers.store_connections import note_refusal, open_store
from glovebox.errors import Forbidden, GloveboxError, InvalidInput, Unavailable
from glovebox.kube.kinds import JOB, JOB_SET, NODE
from glovebox.kube.resources import Key
from glovebox.status.attempts import ENDED, attempt_of, joined, node_of, with_recorded, without_node
from glovebox.status.experiment_facts import AttemptFacts, ClosingFacts, RunFacts
from glovebox.status.outcome import Outcome, done
from glovebox.store.evidence_objects import put_log
from glovebox.store.sealing import seal_folder

# What is kept of the log of each container.
LOG_BYTES: Final = 1 << 20
# A secret that begins in front of what is kept is found as a whole.
_BEFORE: Final = 64 << 10
# So long a kubelet may be away before the log of a pod that has ended is given up.
LOG_WAIT: Final = timedelta(minutes=1)
# So long the log of a pod that has ended is left for its Job, which tells how the run ended.
JOB_WAIT: Final = timedelta(seconds=10)
# So long the seal waits for a store that takes no log.
STORE_WAIT: Final = timedelta(minutes=15)
_LOOK_AGAIN_SECONDS: Final = 5.0
# A log that is not held is read again and redacted again: that costs more.
_READ_AGAIN_SECONDS: Final = 60.0
_NOT_TAKEN: Final = "it was read, and the store had not taken it: "


async def record_attempts(scope: Scope, outcomes: Outcomes) -> Outcome:
    """Record nodes and logs of the run's pods, as far as they are due."""
    found = outcomes.facts("run", RunFacts)
    closing = outcomes.facts("lock_up", ClosingFacts)
    tenants = scope.experiment.status.tenant_pods
    if found is not None and found.tenant_pods is not None:
        tenants = found.tenant_pods
    if closing is not None and closing.tenant_pods is not None:
        tenants = joined(tenants, closing.tenant_pods)
    run = found.run if found is not None else None
    if found is None or run is None or scope.experiment.status.seal is not None:
        return done(AttemptFacts(run, tenants))
    run = await _with_nodes(scope, run)
    if found.ended:
        # That it is over is recorded first, whatever a kubelet or a store does now.
        return done(AttemptFacts(run, tenants, "the logs are being kept"))
    run = await _as_now(scope, run)
    run, pending, seconds = await _Logs(scope, found.leaving).kept(run)
    return done(AttemptFacts(run, tenants, pending), retry_seconds=seconds)


async def read_log(
    ports: Ports,
    key: Key,
    namespace: str,
    pod: RunPod,
    container: RunContainer,
    store: str,
    is_known: Callable[[], Awaitable[bool]],
) -> HeldLog:
    """Return the end of what a container wrote, without the secrets that are known.

    Args:
        ports: The outside world.
        key: By which the secrets in play were noted.
        namespace: Where the pod is.
        pod: The pod.
        container: Which of its containers.
        store: Name of the store that the log is for.
        is_known: Whether all that the stage was given of secrets is known.

    Raises:
        GloveboxError: It cannot be read, or may not be kept.
    """
    if not pod.node:
        # The API server would answer with an empty log.
        raise InvalidInput(reasons.PENDING, "no node had taken the pod")
    raw, more = await ports.reader.log_tail(
        namespace, pod.name, container.name, most=LOG_BYTES + _BEFORE
    )
    if not await is_known():
        raise InvalidInput(reasons.SECRET_NOT_FOUND, UNKNOWN)
    secrets = await known_secrets(ports, key, namespace)
    body, redactions, cut = await redact_beside(ports.redacting, raw, secrets, LOG_BYTES)
    return HeldLog(store, body, redactions, more or cut, container.exit_code is not None)


def kept_log(held: HeldLog, key: str, digest: str) -> KeptLog:
    """Return what is recorded of a log that lies in the store."""
    return KeptLog(
        key=key,
        digest=digest,
        bytes=len(held.body),
        redactions=held.redactions,
        truncated=held.truncated,
        final=held.final,
    )


async def _as_now(scope: Scope, run: RunStatus) -> RunStatus:
    """Return a run that is over with its pods as they are now: some end later than their Job."""
    if run.completion_time is None or all(pod.phase in ENDED for pod in run.pods):
        return run
    try:
        pods = await _pods_of(scope, run.job_uid)
    except GloveboxError:
        return run
    now = run.model_copy(update={"pods": tuple(attempt_of(pod) for pod in pods)})
    return with_recorded(now, run)


async def _pods_of(scope: Scope, uid: str) -> list[dict[str, Any]]:
    if run_kind(scope) == JOB:
        return await pods_of(scope.ports, scope.namespace, uid)
    work = await find_run(scope.ports, scope.namespace, (JOB_SET,))
    return await pods_of_run(scope.ports, work) if work is not None and work.uid == uid else []


async def _with_nodes(scope: Scope, run: RunStatus) -> RunStatus:
    nodes = list(run.nodes)
    for name in without_node(run):
        try:
            node = await read_or_absent(scope.ports, NODE, None, name)
        except Forbidden as error:
            nodes.append(RunNode(name=name, problem=error.message[:512]))
        except GloveboxError:
            continue  # the next look asks again
        else:
            gone = RunNode(name=name, problem="the node was gone when it was looked at")
            nodes.append(node_of(name, node) if node is not None else gone)
    return run.model_copy(update={"nodes": tuple(nodes)})


class _Logs:
    """Keeps the logs that are due in one look."""

    def __init__(self, scope: Scope, leaving: tuple[str, ...]) -> None:
        self._scope, self._leaving = scope, leaving
        # Looked for before any log is: what cannot be read now is no reason to give one up.
        self._store = scope.platform.store
        self._pending = ""
        self._pending_seconds = _LOOK_AGAIN_SECONDS
        # When to look again although nothing is waited for (seconds); None: not at all.
        self._next: float | None = None
        # A store that hangs is asked once a look.
        self._store_failed: GloveboxError | None = None

    async def kept(self, run: RunStatus) -> tuple[RunStatus, str, float | None]:
        """Return a run with its logs, what is still to come, and when to look again."""
        pods = []
        for pod in run.pods:
            containers = [await self._container(run, pod, each) for each in pod.containers]
            pods.append(pod.model_copy(update={"containers": tuple(containers)}))
        seconds = self._pending_seconds if self._pending else self._next or None
        return run.model_copy(update={"pods": tuple(pods)}), self._pending, seconds

    async def _container(
        self, run: RunStatus, pod: RunPod, container: RunContainer
    ) -> RunContainer:
        place = Place(self._scope.key, pod.uid, container.name)
        held = self._scope.ports.held_logs.get(place)
        if not self._is_due(run, pod, container, is_held=held is not None):
            return container
        log = container.log
        try:
            if held is None:
                held = await self._read(pod, container)
        except Unavailable as error:
            ended = pod.completion_time or run.completion_time
            if self._is_going(run, pod) or ended is None or self._scope.now > ended + LOG_WAIT:
                log = log or KeptLog(problem=error.message[:512])
            else:
                self._pending = "the log of the run is to be read"
        except GloveboxError as error:
            log = log or KeptLog(problem=error.message[:512])
        else:
            try:
                log = await self._put(place, held)
            except GloveboxError as error:
                log = self._not_taken(run, pod, place, held, error) or log
        return container.model_copy(update={"log": log})

    def _is_due(
        self, run: RunStatus, pod: RunPod, container: RunContainer, *, is_held: bool
    ) -> bool:
        log, ended = container.log, pod.phase in ENDED
        if is_held:
            return True
        if log is None and ended and not self._is_going(run, pod) and run.completion_time is None:
            # Of the last attempt the Job says in a moment that all is over, and both are one write.
            moment = pod.completion_time or self._scope.now
            self._next = max(0.0, (moment + JOB_WAIT - self._scope.now).total_seconds())
            return pod.completion_time is None or self._next <= 0
        if log is None:
            return self._is_going(run, pod) or run.completion_time is not None
        # It was read while it ran, and has ended since.
        return ended and bool(log.key) and not log.final

    def _is_going(self, run: RunStatus, pod: RunPod) -> bool:
        """Whether a pod is about to be ended, by us or by anybody.

        Those of a run that ended by itself are kept for their logs.
        """
        scope = self._scope
        is_stopped = not scope.is_open and run.completion_time is None
        return pod.uid in self._leaving or is_stopped or scope.experiment.is_deleting

    async def _read(self, pod: RunPod, container: RunContainer) -> HeldLog:
        scope = self._scope
        is_known = partial(is_given_known, scope)
        return await read_log(
            scope.ports, scope.key, scope.namespace, pod, container, self._store.name, is_known
        )

    async def _put(self, place: Place, held: HeldLog) -> KeptLog:
        """Put a log into the store.

        Raises:
            GloveboxError: It is not taken.
        """
        if self._store_failed is not None:
            raise self._store_failed
        scope, store = self._scope, self._store
        bucket, folder = store.spec.artifacts.bucket, seal_folder(scope.experiment.uid)
        try:
            connection = await open_store(scope.ports, store)
            key, digest = await connection.run_job(
                lambda stop: put_log(connection, bucket, folder, held.body, stop)
            )
        except GloveboxError as error:
            self._store_failed = error
            note_refusal(scope.ports, error)
            raise
        scope.ports.held_logs.drop(place)
        return kept_log(held, key, digest)

    def _not_taken(
        self, run: RunStatus, pod: RunPod, place: Place, held: HeldLog, error: GloveboxError
    ) -> KeptLog | None:
        """Return what is recorded of a log that the store does not take; None: it is read again."""
        held_logs, ended = self._scope.ports.held_logs, run.completion_time
        if ended is not None and self._scope.now > ended + STORE_WAIT:
            held_logs.drop(place)
        elif held_logs.hold(place, held):
            self._pending = f"the log of the run is to be kept: {error.message}"
        elif not self._is_going(run, pod):
            self._pending = f"the log of the run is to be read again and kept: {error.message}"
            self._pending_seconds = _READ_AGAIN_SECONDS
            return None
        return KeptLog(problem=(_NOT_TAKEN + error.message)[:512])
