"""kopf's part of the process: it logs in as the operator does, and watches our own kinds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import kopf

from glovebox.controllers.operator import Operator
from glovebox.handlers.login import session
from glovebox.handlers.resources import register, settings
from glovebox.kube.login import ApiCredentials


async def watch(
    operator: Operator, watches: asyncio.Event, log_in: Callable[[], Awaitable[ApiCredentials]]
) -> None:
    """Tell the operator of each event of our own kinds; ends only when kopf gives up.

    Args:
        operator: Who is told.
        watches: Set when kopf has begun: from then on it has the signals.
        log_in: Gives credentials; called again when they expire or are refused.
    """
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**_: object) -> kopf.AiohttpSession:
        return session(await log_in())

    register(registry, operator)
    await kopf.operator(
        registry=registry,
        settings=settings(),
        standalone=True,
        clusterwide=True,
        ready_flag=watches,
    )
