"""The tasks of a DatasetPin: hashing and checking, in the process or as a Job of the question.

A task that has ended is kept until what it found is recorded, and answers again until then.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.pin_sources import is_locked
from glovebox.controllers.ports import Ports
from glovebox.controllers.task_jobs import Bucket, job_for
from glovebox.engine.tasks import TaskContext, TaskKey, TaskState
from glovebox.errors import GloveboxError
from glovebox.kube.kinds import DATASET_PIN
from glovebox.kube.resources import Key
from glovebox.store.connection import Store
from glovebox.tasks.pin import HASH, VERIFY, PinRequest, VerifyRequest
from glovebox.tasks.questions import PinQuestion, VerifyQuestion

T = TypeVar("T")
KIND: Final = DATASET_PIN.kind
WORK_CLASS: Final = "data"


def drop_tasks(ports: Ports, pin: DatasetPin) -> None:
    """Drop what is recorded; until then, a task that is done answers again."""
    for name in (HASH, VERIFY):
        ports.tasks.drop(task_key(pin, name))


@dataclass(frozen=True, slots=True)
class PinPlace:
    """The store of a pin: as it is declared, and open."""

    store: ObjectStore
    connection: Store

    def ensure(
        self,
        ports: Ports,
        pin: DatasetPin,
        name: str,
        request: PinRequest | VerifyRequest,
        question: PinQuestion | VerifyQuestion,
        work: Callable[[TaskContext], Awaitable[T]],
        operation: str,
        accept: Callable[[T], None] | None = None,
    ) -> TaskState[T]:
        """Have a task of a pin: as a Job of the question, or as work in the process.

        What `accept` raises of its result is how the attempt ended. A Job that answered so is taken
        away: the next attempt looks again, and is not given the same answer.
        """
        key = task_key(pin, name)
        bucket = Bucket(self.store.spec.artifacts.bucket, is_locked(self.store))
        stores = [(self.store, self.connection)]
        job = job_for(ports, key, request, lambda: question, bucket, stores)

        async def start(context: TaskContext) -> T:
            async with ports.metrics.on_store(operation):
                with _counting_errors(ports):
                    result: T = await (job.start(context) if job else work(context))
                    try:
                        if accept is not None:
                            accept(result)
                    except GloveboxError:
                        if job is not None:
                            with contextlib.suppress(GloveboxError):
                                await job.discard()
                        raise
                    return result

        return ports.tasks.ensure(
            key,
            request.basis,
            start,
            tenant=pin.namespace,
            work_class=WORK_CLASS,
            discard=job.discard if job else None,
        )


def task_key(pin: DatasetPin, name: str) -> TaskKey:
    """Return under which key a task of a pin runs; `name` is HASH or VERIFY."""
    return TaskKey(Key(KIND, pin.namespace, pin.name), pin.uid, name)


@contextlib.contextmanager
def _counting_errors(ports: Ports) -> Iterator[None]:
    """Count a check that ends with an error."""
    try:
        yield
    except GloveboxError as error:
        result = "mismatch" if error.reason == reasons.DIGEST_MISMATCH else "error"
        ports.metrics.digest_checks.labels(KIND, result).inc()
        raise
