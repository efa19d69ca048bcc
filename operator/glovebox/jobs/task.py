"""Does one task on data in a pod of its own: `python -m glovebox.jobs.task`.

The request lies in the store, under the digest that the Job's own spec names; the keys of the
stores are mounted. The work is that of `tasks/`, which goes on where an earlier attempt was. While
it lasts, a sign of life with the progress is written to the store; in the end the result is.

It ends in one of these ways; an error is its termination message, as one line of JSON:

    0   the result is in the store
    42  the data themselves refuse it; a retry cannot help
    75  something did not answer, or denied it; a retry resumes where this ended
    143 it was asked to stop

It holds the keys of stores, and shows none of them. It signs nothing.

Where its Job names a collector of traces, what it does is sent there as spans, below the one that
the Job names; that a collector does not take them changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from glovebox import __version__, traces
from glovebox.api import reasons
from glovebox.data.delivery import TaskStore
from glovebox.data.task_ends import EXIT_DONE, EXIT_TERMINATED, exit_code, render_error
from glovebox.errors import Forbidden, GloveboxError, Unavailable
from glovebox.jobs.termination import write_termination_message
from glovebox.settings import Traces
from glovebox.store.connection import Credentials, Store, Stores, StoreSettings
from glovebox.store.encryption import Encryption
from glovebox.tasks.area import Beat, TaskAddress, TaskArea
from glovebox.tasks.context import Progress, TaskContext
from glovebox.tasks.disk import full_disk
from glovebox.tasks.document import parse_request, render_result

# How often a sign of life is given; the operator waits twenty times as long.
BEAT_SECONDS: Final = 30.0
# What was done must not be lost to an outage that comes right after it.
_RESULT_TRIES: Final = 10
_RESULT_SLOWEST_SECONDS: Final = 30.0
_THREADS: Final = 16
_KEYS: Final = ("accessKeyId", "secretAccessKey")
_TRACEPARENT: Final = "TRACEPARENT"
# For how long a collector that does not answer holds the end of the pod.
_TRACES_SECONDS: Final = 3.0


class TaskSettings(BaseModel):
    """What can be set from outside, by the environment variable that is the field's alias."""

    model_config = ConfigDict(frozen=True)

    address: str = Field(alias="GLOVEBOX_TASK")
    job: str = Field(min_length=1, alias="GLOVEBOX_JOB_UID")
    stores: Path = Field(default=Path("/var/run/glovebox/stores"), alias="GLOVEBOX_TASK_STORES")
    checkpoint_seconds: float = Field(default=60.0, ge=0, alias="GLOVEBOX_CHECKPOINT_SECONDS")
    traces: str = Field(default="", alias="GLOVEBOX_TRACES_ENDPOINT")
    traceparent: str = Field(default="", alias=_TRACEPARENT)


def main() -> int:
    """Do the task, and say how it ended."""
    try:
        asyncio.run(_until_stopped(os.environ))
    except asyncio.CancelledError:
        return EXIT_TERMINATED
    except GloveboxError as error:
        message = render_error(error)
        sys.stdout.write(message.decode() + "\n")
        write_termination_message(message)
        return exit_code(error)
    except Exception as error:
        full = full_disk(error, "the task's pod")
        if full is not None:
            write_termination_message(render_error(full))
            return exit_code(full)
        said = f"the program of the task failed ({type(error).__name__}); see the log of its pod"
        write_termination_message(render_error(Unavailable(reasons.INTERNAL_ERROR, said)))
        raise
    return EXIT_DONE


async def _until_stopped(environment: Mapping[str, str]) -> None:
    task = asyncio.current_task()
    if task is not None:
        # A container's first process gets no default action for SIGTERM.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    settings, address = _declared(environment)
    stores = Stores(threads=_THREADS, jobs=4)

    def open_store(where: TaskStore) -> Store:
        keys = read_keys(settings.stores / where.name)
        return stores.open(settings_of(where, keys))

    with _traced(settings):
        try:
            await perform(
                address, settings.job, open_store, checkpoint_seconds=settings.checkpoint_seconds
            )
        finally:
            await stores.close()


@contextlib.contextmanager
def _traced(settings: TaskSettings) -> Iterator[None]:
    """Have what is done inside sent as spans, where the Job names a collector."""
    if not settings.traces or not settings.traceparent:
        yield
        return
    try:
        # Nobody who wants no traces has these libraries in memory.
        from glovebox.trace_export import Export  # noqa: PLC0415
    except ImportError:
        # The work is worth more than who watches it.
        sys.stdout.write("no traces: this image lacks glovebox[traces]\n")
        yield
        return
    export = Export(
        Traces(endpoint=settings.traces),
        instance=socket.gethostname(),
        version=__version__,
        seconds=_TRACES_SECONDS,
    )
    traces.send_to(export)
    try:
        with export.below(settings.traceparent):
            yield
    finally:
        traces.send_to(None)
        export.close()


async def perform(
    address: TaskAddress,
    job: str,
    open_store: Callable[[TaskStore], Store],
    *,
    checkpoint_seconds: float = 60.0,
) -> None:
    """Do the task that lies at an address, and leave its result there.

    Args:
        address: Where the request is.
        job: UID of the Job that this is.
        open_store: Opens a store of the request.
        checkpoint_seconds: How much work may be lost.

    Raises:
        GloveboxError: The task failed, or its result could not be kept.
    """
    about: dict[str, traces.Attribute] = {
        "glovebox.uid": address.uid,
        "glovebox.request": address.request,
        "k8s.job.uid": job,
    }
    with traces.span(f"job {address.task}", about):
        await _perform(address, job, open_store, checkpoint_seconds)


async def _perform(
    address: TaskAddress,
    job: str,
    open_store: Callable[[TaskStore], Store],
    checkpoint_seconds: float,
) -> None:
    store = open_store(address.store)
    area = TaskArea(store, address.bucket, address.uid, address.task, locked=address.locked)
    with traces.span("read the request"):
        document = parse_request(await store.run(area.request, address.request), address.request)
    opened = {each.name: open_store(each) for each in document.stores}
    latest: list[Progress] = []

    def report(progress: Progress) -> None:
        latest[:] = [progress]

    context = TaskContext(report=report, checkpoint_seconds=checkpoint_seconds)
    beating = asyncio.create_task(_beat(store, area, job, latest))
    try:
        with traces.span("do the work"):
            answer = await document.ask.perform(context, document.uid, opened)
        with traces.span("keep the result"):
            await _keep(store, area, job, render_result(address.request, job, answer))
    finally:
        context.stop.set()
        beating.cancel()
        await asyncio.wait((beating,))


async def _beat(store: Store, area: TaskArea, job: str, latest: list[Progress]) -> None:
    number = 0
    while True:
        # A short task leaves nothing but its result.
        await asyncio.sleep(BEAT_SECONDS)
        number += 1
        beat = Beat(number, latest[0] if latest else None)
        # A store that does not answer is the work's own trouble.
        with contextlib.suppress(GloveboxError):
            await store.run(area.put_beat, job, beat)


async def _keep(store: Store, area: TaskArea, job: str, result: bytes) -> None:
    wait = 1.0
    for left in reversed(range(_RESULT_TRIES)):
        try:
            await store.run(area.put_result, job, result)
        except Unavailable:
            if not left:
                raise
            await asyncio.sleep(wait)
            wait = min(_RESULT_SLOWEST_SECONDS, wait * 2)
        else:
            return


def settings_of(where: TaskStore, keys: Credentials) -> StoreSettings:
    """Return how a store is opened that the request describes."""
    key = where.encryption_key
    return StoreSettings(
        where.endpoint,
        where.region,
        where.path_style,
        keys,
        ca_bundle=where.ca_bundle,
        encryption=Encryption(key) if key is not None else None,
        proxy=where.proxy,
    )


def read_keys(folder: Path) -> Credentials:
    """Return the keys of a store out of its mounted Secret.

    Raises:
        Forbidden: They are not there. Their content is never shown.
    """
    try:
        access, secret = ((folder / key).read_text(encoding="utf-8").strip() for key in _KEYS)
    except (OSError, UnicodeDecodeError) as error:
        raise Forbidden(
            reasons.STORE_CREDENTIALS_NOT_FOUND,
            f"the Secret of {folder.name} lacks the keys {' and '.join(_KEYS)}"
            f" ({type(error).__name__})",
        ) from None
    return Credentials(access, secret)


def _declared(environment: Mapping[str, str]) -> tuple[TaskSettings, TaskAddress]:
    """Return settings and address.

    Raises:
        Unavailable: They are not valid: this is no Job of this version of Glovebox.
    """
    try:
        settings = TaskSettings.model_validate(
            {
                name: value
                for name, value in environment.items()
                if name.startswith("GLOVEBOX_") or name == _TRACEPARENT
            }
        )
        return settings, TaskAddress.model_validate(orjson.loads(settings.address))
    except (ValidationError, ValueError) as error:
        where = (
            ", ".join(str(each["loc"][0]) for each in error.errors(include_input=False))
            if isinstance(error, ValidationError)
            else "GLOVEBOX_TASK"
        )
        raise Unavailable(
            reasons.TASK_FAILED, f"the value of {where} is not what the operator writes"
        ) from None


if __name__ == "__main__":
    sys.exit(main())
