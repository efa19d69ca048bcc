"""`glovebox ui`: pages for a browser, with the rights of whoever started it."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Annotated, Final

import typer

from glovebox.cli.failing import Failing

if TYPE_CHECKING:
    from glovebox.cli.experiments import KubeconfigCluster

# So long one request to the API server lasts at most; a page waits for several.
_PATIENCE_SECONDS: Final = 10.0
_TOKEN_BYTES: Final = 24


def ui(
    namespace: Annotated[
        str,
        typer.Option(
            "--namespace", "-n", help="List those of this namespace; others can be asked for."
        ),
    ] = "",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0: any that is free.")] = 0,
) -> None:
    """Serve pages about Experiments, pins and lineage to a browser on this machine.

    It prints the address to open, and serves until Ctrl+C. It listens on 127.0.0.1 alone, changes
    nothing, and shows what the caller may read: the address has a token in it, so keep it. Over
    SSH: ssh -L PORT:127.0.0.1:PORT MACHINE, and open the same address.

    Exit code 0: it was ended. 2: wrong usage, no kubeconfig, or the port is taken. The cluster is
    found as kubectl finds it.
    """
    from glovebox.cli.experiments import KubeconfigCluster

    with Failing(""):
        cluster = KubeconfigCluster(lambda most: min(most, _PATIENCE_SECONDS))
        asyncio.run(_serve(cluster, namespace, port))


async def _serve(cluster: KubeconfigCluster, namespace: str, port: int) -> None:
    import secrets
    from datetime import UTC, datetime

    from glovebox.cli.ui.pages import Pages
    from glovebox.cli.ui.server import HOST, application, base_of, serve

    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, ended.set)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    pages = Pages(cluster, base_of(token), namespace, lambda: datetime.now(UTC))
    async with serve(application(pages.html, token), port) as bound:
        typer.echo(f"Open http://{HOST}:{bound}{base_of(token)}")
        typer.echo("It shows what you may read. Ctrl+C ends it.")
        await ended.wait()
