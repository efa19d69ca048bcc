"""kopf's part of the process: it logs in as the operator does, and watches our own kinds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import kopf
import structlog

from glovebox.controllers.operator import Operator
from glovebox.errors import GloveboxError
from glovebox.handlers.login import session
from glovebox.handlers.resources import register, settings
from glovebox.kube.login import ApiCredentials

# CRDs that are applied are offered within seconds.
_LOOK_SECONDS: Final = 1.0
log = structlog.get_logger(__name__)


async def watch(
    operator: Operator, watches: asyncio.Event, log_in: Callable[[], Awaitable[ApiCredentials]]
) -> None:
    """Tell the operator of each event of our own kinds; ends only when kopf gives up.

    Args:
        operator: Who is told.
        watches: Set when kopf has begun: from then on it has the signals.
        log_in: Gives credentials; called again when they expire or are refused.
    """
    await _until_offered(operator)
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


async def _until_offered(operator: Operator) -> None:
    """Wait until the API server offers all of our kinds.

    kopf looks once, when it begins, and watches for good what it finds then: of a kind whose CRD
    came later, or that an API server which has just started did not offer yet, nothing would be
    heard, and nobody told. When the CRD of one that is watched goes, kopf ends, and the process.
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
