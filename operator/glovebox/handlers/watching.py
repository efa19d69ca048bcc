"""kopf's part of the process: it logs in as the operator does, and watches our own kinds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import kopf
import structlog

from glovebox.controllers.operator import Operator
from glovebox.errors import GloveboxError
from glovebox.handlers.login import session
from glovebox.handlers.resources import register, settings
from glovebox.kube.login import ApiCredentials

# For so long kopf's own tasks may take to end.
_END_SECONDS: Final = 5.0
_CANCELS: Final = 5
_KOPF: Final = str(Path(kopf.__file__).parent)
# CRDs that are applied are offered within seconds.
_LOOK_SECONDS: Final = 1.0
log = structlog.get_logger(__name__)


class WatchEndedError(Exception):
    """kopf gave up: the process has to begin again."""


async def watch(
    operator: Operator, watches: asyncio.Event, log_in: Callable[[], Awaitable[ApiCredentials]]
) -> None:
    """Tell the operator of each event of our own kinds until cancelled.

    kopf's own way to run waits for tasks that do not end, and cancels ours meanwhile: the process
    would go on without a watch, and say that it is ready. So its tasks are waited for here.

    Args:
        operator: Who is told.
        watches: Set when kopf has begun: from then on it has the signals.
        log_in: Gives credentials; called again when they expire or are refused.

    Raises:
        WatchEndedError: kopf gave up: a CRD is gone, say, or a watch carried an error.
    """
    await _until_offered(operator)
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**_: object) -> kopf.AiohttpSession:
        return session(await log_in())

    register(registry, operator)
    tasks = await kopf.spawn_tasks(
        registry=registry,
        settings=settings(),
        standalone=True,
        clusterwide=True,
        ready_flag=watches,
    )
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=_END_SECONDS)
    why = "; ".join(str(task.exception() or f"{task.get_name()} ended") for task in ended)
    log.error("watching our own kinds ended, the process begins again", why=why)
    raise WatchEndedError(why)


async def _until_offered(operator: Operator) -> None:
    """Wait until the API server offers all of our kinds.

    kopf looks once, when it begins, and watches for good what it finds then: of a kind whose CRD
    came later, or that an API server which has just started did not offer yet, nothing would be
    heard, and nobody told. When the CRD of one that is watched goes, kopf ends, and the process:
    the next one waits here.
    """
    told = ""
    while True:
        try:
            missing = await operator.missing_kinds()
            why = f"not offered: {', '.join(missing)}" if missing else ""
        except GloveboxError as error:
            why = error.message
        if not why:
            return
        if why != told:
            log.warning("waiting for our own kinds; apply the CRDs of the chart", why=why)
            told = why
        await asyncio.sleep(_LOOK_SECONDS)


async def end_what_is_left() -> None:
    """Cancel what kopf left behind: some of its watches end only when they are cancelled twice.

    The loop would cancel them once at its end, and wait for them for ever.
    """
    for _ in range(_CANCELS):
        left = {task for task in asyncio.all_tasks() if is_of_kopf(task)}
        if not left:
            return
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=1)


def is_of_kopf(task: asyncio.Task[Any]) -> bool:
    """Whether kopf made a task: what it runs is kopf's own, or waits for one of its conditions."""
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and code.co_filename.startswith(_KOPF)
