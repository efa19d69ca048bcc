"""The operator: read settings, set up logs, log in, run until told to stop."""

from __future__ import annotations

import gc

# What is imported stays: to look for garbage in it again and again takes a fifth of the start.
gc.disable()

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterator

from glovebox.hidden import hidden

# For tracebacks in colour, which no log of the operator has: 4 MiB.
with hidden("rich"):
    import structlog

from pydantic import ValidationError

from glovebox import __version__, traces
from glovebox.controllers.process import open_operator
from glovebox.handlers.watching import WatchEndedError, end_what_is_left, watch
from glovebox.handlers.web import serve
from glovebox.kube.lease import LeaseLostError
from glovebox.kube.login import LoginError, log_in, starting_with
from glovebox.settings import PREFIX, Settings
from glovebox.telemetry import set_up_logs

gc.freeze()
# A request leaves no cycles behind: to look for them after each 700 objects, as is the default,
# takes a tenth of a burst.
gc.set_threshold(20_000)
gc.enable()

log = structlog.get_logger("glovebox")


async def run(chosen: Settings) -> None:
    """Run one operator until it is told to stop or its watch of our own kinds ends for good."""
    stop, watches = asyncio.Event(), asyncio.Event()
    _listen(stop)
    # Once for both, ours and kopf's: a credential plugin may be slow, or ask somebody.
    try:
        found = await log_in()
    except LoginError as error:
        log.error("logging in failed", error=error.message)  # noqa: TRY400 - the message says it all
        raise SystemExit(1) from None
    async with (
        open_operator(chosen, starting_with(found)) as parts,
        serve(parts, chosen.http_host, chosen.http_port) as port,
    ):
        log.info("the operator starts", port=port, namespace=chosen.namespace)
        engine = asyncio.create_task(parts.run())
        watching = asyncio.create_task(watch(parts, watches, starting_with(found)))
        listening = asyncio.create_task(_listen_again(watches, stop))
        stopping = asyncio.create_task(_wait(stop))
        ended, _ = await asyncio.wait(
            (engine, watching, stopping), return_when=asyncio.FIRST_COMPLETED
        )
        for task in (listening, engine, stopping, watching):
            task.cancel()
            await asyncio.wait((task,), timeout=10)
        await end_what_is_left()
        for task in ended:
            _raise(task)
        log.info("the operator stops")


def _raise(task: asyncio.Task[None]) -> None:
    """Raise what ended a task; a lost lease, or a watch that ended, is a way to stop and no bug.

    Raises:
        SystemExit: Another replica leads now, or our own kinds are watched no more. This process
            starts again, as a follower.
    """
    try:
        task.result()
    except WatchEndedError:
        raise SystemExit(1) from None
    except BaseExceptionGroup as group:
        if group.split(LeaseLostError)[1] is not None:
            raise
        raise SystemExit(1) from None


def _listen(stop: asyncio.Event) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


async def _listen_again(watches: asyncio.Event, stop: asyncio.Event) -> None:
    """Take the signals back from kopf, which took them at its start.

    Its own way out waits five seconds for tasks of ours.
    """
    await watches.wait()
    _listen(stop)


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


def main() -> None:
    """Run the operator as a program; exits 2 on bad settings, 1 when it cannot go on."""
    try:
        chosen = Settings.from_environment(os.environ)
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            print(f"{PREFIX}{str(problem['loc'][0]).upper()}: {problem['msg']}", file=sys.stderr)  # noqa: T201 - logs are not set up yet
        raise SystemExit(2) from None
    set_up_logs(chosen.log_level)
    with _traced(chosen):
        _run(chosen)


@contextlib.contextmanager
def _traced(chosen: Settings) -> Iterator[None]:
    """Have spans sent while the operator runs, where somebody wants them."""
    if not chosen.traces.endpoint:
        yield
        return
    try:
        # Nobody who wants no traces has these libraries in memory.
        from glovebox.trace_export import Export  # noqa: PLC0415
    except ImportError:
        log.error("traces need more libraries: install glovebox[traces]")  # noqa: TRY400
        raise SystemExit(2) from None
    export = Export(
        chosen.traces, instance=chosen.identity or socket.gethostname(), version=__version__
    )
    traces.send_to(export)
    try:
        yield
    finally:
        traces.send_to(None)
        export.close()


def _run(chosen: Settings) -> None:
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        asyncio.run(run(chosen))
    else:
        uvloop.run(run(chosen))


if __name__ == "__main__":
    main()
