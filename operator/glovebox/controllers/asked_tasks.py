"""Tasks that read pinned data and answer one question: in the process, or by a Job.

Each says what it asks and what does it; all the rest is the same for all of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from glovebox.api.object_store import ObjectStore
from glovebox.controllers.pin_sources import is_locked
from glovebox.controllers.ports import Ports
from glovebox.controllers.task_jobs import Bucket, job_for
from glovebox.engine.tasks import TaskContext, TaskKey, TaskState
from glovebox.store.connection import Store
from glovebox.tasks.questions import Asked, Request

RequestT = TypeVar("RequestT", bound=Request)
Found = TypeVar("Found")


def ensure_answer(
    ports: Ports,
    key: TaskKey,
    request: RequestT,
    *,
    ask: Callable[[RequestT], Asked],
    do: Callable[[TaskContext, RequestT], Awaitable[Found]],
    stores: Iterable[tuple[ObjectStore, Store]],
    operation: str,
    tenant: str,
    work_class: str,
) -> TaskState[Found]:
    """Have a question about pinned data answered; return how far that is.

    Args:
        ports: The operator's ports.
        key: Which task.
        request: What is asked.
        ask: Returns the question that the request makes; asked for a Job alone.
        do: Answers it in this process.
        stores: The stores of the request, as they are declared, and open. The artifact bucket of
            the first one takes what a Job and the operator tell each other.
        operation: What it is called where requests to stores are counted.
        tenant: Between whom places are shared fairly.
        work_class: Whose places it takes.
    """
    opened = list(stores)
    first, _ = opened[0]
    place = Bucket(first.spec.artifacts.bucket, is_locked(first))
    job = job_for(ports, key, request, lambda: ask(request), place, opened)

    async def start(context: TaskContext) -> Found:
        async with ports.metrics.on_store(operation):
            work = job.start(context) if job else do(context, request)
            found: Found = await work
            return found

    return ports.tasks.ensure(
        key,
        request.basis,
        start,
        tenant=tenant,
        work_class=work_class,
        discard=job.discard if job else None,
    )
