"""Runs an attempt of a task as a Job in the operator's namespace, and takes it away afterwards.

The runner of tasks decides when an attempt begins, how often, and whose turn it is; here one
attempt is a Job, from its request to its result. A Job is found again by its name, which the task
and its basis give: a process that starts goes on waiting for the one that runs. What may go wrong
with it is a failed attempt, and the next one goes on from the last check-point.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, TypeVar

from glovebox import names, traces
from glovebox.api import reasons
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.job_pods import pods_of
from glovebox.controllers.job_waits import look_at_job
from glovebox.controllers.ports import Ports
from glovebox.desired.task_job import TaskJob, asks_the_same, is_ours, task_job
from glovebox.engine.tasks import TaskContext, TaskKey
from glovebox.errors import Conflict, Forbidden, GloveboxError, Unavailable
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import EXPERIMENT, JOB
from glovebox.kube.objects import ObjectKey
from glovebox.status.runs import job_end
from glovebox.status.task_jobs import attempt_failed, attempt_silent
from glovebox.store.connection import Store
from glovebox.tasks.area import TaskAddress, TaskArea
from glovebox.tasks.document import document_of, parse_result, render_request
from glovebox.tasks.questions import Asked, Request, address_of, stores_of

T = TypeVar("T")
_FIRST_LOOK_SECONDS: Final = 1.0
_SLOWEST_LOOK_SECONDS: Final = 10.0
# A pod that waits for a node or an image so long, or does not report, is given up.
SILENT_SECONDS: Final = 600.0
# A refusal is an answer when it is one again: an API server that has just started denies what it
# allows a moment later.
_REFUSED_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Bucket:
    """The bucket of artifacts of a task's first store."""

    name: str
    locked: bool


def secrets_of(stores: Iterable[tuple[ObjectStore, Store]]) -> dict[Store, str] | None:
    """Return the Secret with the keys of each store.

    None where one has none: its credentials are those of the operator's own pod, and no other pod
    has them, so that what needs them is done in the operator's process.
    """
    found = {}
    for store, connection in stores:
        reference = store.spec.credentials_secret_ref
        if reference is None:
            return None
        found[connection] = reference.name
    return found


class JobWork(Generic[T]):
    """A task whose attempts are Jobs.

    Args:
        ports: The operator's ports.
        key: Which task.
        basis: What its result depends on.
        question: What is asked.
        answer: Reads the answer to it.
        request: What the question was made of, with its stores.
        bucket: Where the request and the result lie.
        secrets: The Secret with the keys of each store of the request.
    """

    def __init__(
        self,
        ports: Ports,
        key: TaskKey,
        basis: str,
        question: Asked,
        answer: Callable[[Mapping[str, Any]], T],
        request: Request,
        bucket: Bucket,
        secrets: Mapping[Store, str],
    ) -> None:
        stores = stores_of(request)
        self._ports = ports
        self._answer = answer
        self._digest, self._body = render_request(
            document_of(question, request, uid=key.uid, basis=basis)
        )
        self._store = stores[0]
        self._area = TaskArea(stores[0], bucket.name, key.uid, key.name, locked=bucket.locked)
        address = TaskAddress(
            uid=key.uid,
            task=key.name,
            store=address_of(stores[0], 0),
            bucket=bucket.name,
            locked=bucket.locked,
            request=self._digest,
        )
        owner = str(key.owner)
        self._job = TaskJob(
            name=names.task(owner, key.uid, key.name, basis),
            namespace=ports.settings.namespace,
            image=ports.settings.image,
            owner=owner,
            owner_uid=key.uid,
            task=key.name,
            address=address.render(),
            secrets=tuple(secrets[store] for store in stores),
            shared=ports.settings.task_pod,
            traces=ports.settings.traces.endpoint,
        )

    async def start(self, context: TaskContext) -> T:
        """Have the Job, wait until it has ended, and return what came of it.

        Raises:
            GloveboxError: The attempt came to nothing.
        """
        await self._store.run(self._area.put_request, self._digest, self._body)
        job = await self._ensure()
        uid = job["metadata"]["uid"]
        await self._store.run(self._area.clear_others, self._digest, uid)
        job = await self._ended(job, context)
        end = job_end(job)
        if end is not None and end["type"] == "Complete":
            return await self._result(job)
        raise await self._failure(job)

    async def discard(self) -> None:
        """Delete the Job, and what it left in the store.

        Raises:
            GloveboxError: The Job could not be deleted; the sweep does it.
        """
        job = await self._read()
        uid = None
        if job is not None and is_ours(job, self._job):
            await self._delete(job)
            uid = job["metadata"]["uid"]
        # Nothing else: the same task may have begun again, on another basis.
        await self._store.run(self._area.discard, self._digest, uid)

    async def _ensure(self) -> dict[str, Any]:
        """Return the Job of this very request, which is there or is made now."""
        job = await self._read()
        if job is not None:
            self._require_ours(job)
            end = job_end(job)
            # One that failed is of a former attempt, and its failure was that one's.
            has_failed = end is not None and end["type"] == "Failed"
            if has_failed or not asks_the_same(job, self._job):
                await self._delete(job)
                job = None
        if job is None:
            wanted = task_job(replace(self._job, traceparent=self._traceparent()))
            job = await self._ports.writer.create_once(JOB, wanted)
            self._require_ours(job)
        if job["metadata"].get("deletionTimestamp") or not asks_the_same(job, self._job):
            raise self._lost("the Job before it is still being deleted")
        return job

    def _traceparent(self) -> str:
        """Return what the spans of a Job that is made now are below."""
        is_experiment = self._job.owner.split("/")[0] == EXPERIMENT.kind
        return traces.context_for(self._job.owner_uid, is_experiment=is_experiment)

    async def _ended(self, job: dict[str, Any], context: TaskContext) -> dict[str, Any]:
        """Return the Job once it has ended, or has given no sign of life for too long.

        Raises:
            Unavailable: It could not be looked at for too long. It is left as it is, and the next
                attempt goes on with it.
        """
        ports, uid = self._ports, job["metadata"]["uid"]
        wait, beat, since = _FIRST_LOOK_SECONDS, 0, ports.clock()
        blind: float | None = None
        while job_end(job) is None:
            await asyncio.sleep(wait)
            wait = min(_SLOWEST_LOOK_SECONDS, wait * 1.5)
            try:
                now = await self._read()
                if now is None or now["metadata"]["uid"] != uid:
                    raise self._lost("it was deleted")
                job = now
                said = (
                    await self._store.run(self._area.beat, uid)
                    if wait >= _SLOWEST_LOOK_SECONDS and job_end(job) is None
                    else None
                )
            except Unavailable as error:
                if error.reason == reasons.TASK_FAILED:
                    raise
                # Who does not answer us says nothing about the Job, and does not stay untold.
                since = ports.clock()
                blind = since if blind is None else blind
                patience = _REFUSED_SECONDS if isinstance(error, Forbidden) else SILENT_SECONDS
                if since - blind >= patience:
                    raise
                continue
            blind = None
            if said is not None and said.number != beat:
                beat, since = said.number, ports.clock()
                if said.progress is not None:
                    context.report(said.progress)
            if ports.clock() - since > SILENT_SECONDS:
                break
        return job

    async def _result(self, job: dict[str, Any]) -> T:
        uid = job["metadata"]["uid"]
        body = await self._store.run(self._area.result, uid)
        try:
            if body is None:
                # Its mark may be of the store's new keys, of which nobody has told the operator.
                self._ports.store_credentials.clear()
                raise self._lost("it ended and left no result of its own")
            return parse_result(body, request=self._digest, job=uid, answer=self._answer)
        except Unavailable:
            with contextlib.suppress(GloveboxError):
                await self._delete(job)
            raise

    async def _failure(self, job: dict[str, Any]) -> GloveboxError:
        """Return why a Job came to nothing, and take it away: the next attempt has its name."""
        pods = await pods_of(self._ports, self._job.namespace, job["metadata"]["uid"])
        end = job_end(job)
        if end is not None:
            error = attempt_failed(job, end, pods)
        else:
            waits = await look_at_job(self._ports, job, pods)
            error = attempt_silent(job, waits.message, SILENT_SECONDS)
        with contextlib.suppress(GloveboxError):
            await self._delete(job)
        return error

    async def _read(self) -> dict[str, Any] | None:
        try:
            return await self._ports.reader.get(JOB, self._job.namespace, self._job.name)
        except NotFound:
            return None

    async def _delete(self, job: Mapping[str, Any]) -> None:
        metadata = job["metadata"]
        key = ObjectKey(JOB.kind, metadata["namespace"], metadata["name"])
        with contextlib.suppress(Conflict):  # another Job has the name by now; this one is gone
            await self._ports.writer.delete(JOB, key, uid=metadata["uid"])

    def _require_ours(self, job: Mapping[str, Any]) -> None:
        if not is_ours(job, self._job):
            raise Unavailable(
                reasons.TASK_NAME_TAKEN,
                f"Job '{self._job.name}' in '{self._job.namespace}' was not created by the"
                " operator; delete it, and the task continues",
            )

    def _lost(self, why: str) -> Unavailable:
        return Unavailable(
            reasons.TASK_FAILED,
            f"Job '{self._job.name}' in '{self._job.namespace}': {why}; it is tried again from its"
            " last checkpoint",
        )


def job_for(
    ports: Ports,
    key: TaskKey,
    request: Request,
    ask: Callable[[], Asked],
    bucket: Bucket,
    stores: Iterable[tuple[ObjectStore, Store]],
) -> JobWork[Any] | None:
    """Return the Job that does a task, or None where the process does it.

    Args:
        ports: The operator's ports.
        key: Which task.
        request: What it is about, with its stores.
        ask: Returns the question that the request makes; asked for a Job alone.
        bucket: Where the request and the result lie.
        stores: The stores of the request: as they are declared, and open.
    """
    secrets = secrets_of(stores) if ports.settings.tasks == "Jobs" else None
    if secrets is None:
        return None
    question = ask()
    return JobWork(ports, key, request.basis, question, question.answer, request, bucket, secrets)
