"""The operator: read settings, set up logs, log in, run until told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys

import kopf
import structlog
from pydantic import ValidationError

from glovebox.engine.operator import operator
from glovebox.handlers.resources import register, settings
from glovebox.handlers.web import serve
from glovebox.kube.client import Credentials
from glovebox.settings import PREFIX, Settings
from glovebox.telemetry import set_up_logs

log = structlog.get_logger("glovebox")


def log_in() -> Credentials:
    """Return fresh credentials: of the pod's service account in a cluster, else of the kubeconfig.

    Raises:
        kopf.LoginError: There are neither.
    """
    quiet = logging.getLogger("kopf.login")
    how = settings()
    found = kopf.login_with_service_account(settings=how, logger=quiet) or kopf.login_with_kubeconfig(settings=how, logger=quiet)
    if found is None:
        raise kopf.LoginError("there is neither a service account nor a kubeconfig: set KUBECONFIG, or run in a cluster")
    return found


async def run(chosen: Settings) -> None:
    """Run one operator until it is told to stop or its watch of our own kinds ends for good."""
    registry = kopf.OperatorRegistry()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    @kopf.on.login(registry=registry)
    async def login(**_: object) -> kopf.ConnectionInfo | None:
        found = log_in()
        return found if isinstance(found, kopf.ConnectionInfo) else None

    async with operator(chosen, log_in) as parts, serve(parts, chosen.http_host, chosen.http_port) as port:
        register(registry, parts)
        log.info("the operator starts", port=port, namespace=chosen.namespace)
        engine = asyncio.create_task(parts.run())
        watching = asyncio.create_task(
            kopf.operator(registry=registry, settings=settings(), standalone=True, clusterwide=True, stop_flag=stop)
        )
        stopping = asyncio.create_task(stop.wait())
        ended, rest = await asyncio.wait((engine, watching, stopping), return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        for task in rest:
            task.cancel()
        await asyncio.wait(rest, timeout=10)
        for task in ended:
            task.result()
        log.info("the operator stops")


def main() -> None:
    """Run the operator as a program; exits 2 on bad settings, 1 when it cannot go on."""
    try:
        chosen = Settings.from_environment(os.environ)
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            print(f"{PREFIX}{str(problem['loc'][0]).upper()}: {problem['msg']}", file=sys.stderr)  # noqa: T201 - logs are not set up yet
        raise SystemExit(2) from None
    set_up_logs(chosen.log_level)
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        asyncio.run(run(chosen))
    else:
        uvloop.run(run(chosen))


if __name__ == "__main__":
    main()
