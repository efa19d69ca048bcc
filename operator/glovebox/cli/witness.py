"""`glovebox witness`: a small process of its own that signs a ledger's heads when it only grew.

It belongs to somebody else than the operator: another team, another cluster, another machine.
"""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glovebox.cli.failing import in_one_line

if TYPE_CHECKING:
    from glovebox.ledger.witness import Witness

_CANNOT = 2


def witness(
    name: Annotated[
        str, typer.Option(help="What it signs as, a URL without scheme: witness.example.com/w1.")
    ],
    key: Annotated[
        Path,
        typer.Option(
            exists=True, dir_okay=False, help="Its private key (PEM), for this witness alone."
        ),
    ],
    policy: Annotated[
        Path,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="A policy; its `log` lines are the logs that are known, its quorum is not asked.",
        ),
    ],
    state: Annotated[Path, typer.Option(help="A folder that it has alone; keep it.")],
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, help="0: any that is free.")] = 8417,
) -> None:
    """Witness ledgers (c2sp.org/tlog-witness): POST /add-checkpoint. Ends on SIGTERM or SIGINT."""
    from datetime import UTC, datetime

    from glovebox.errors import GloveboxError
    from glovebox.evidence.signer import LocalSigner
    from glovebox.ledger.note import COSIGNATURE, vkey_of
    from glovebox.ledger.policy import parse_policy
    from glovebox.ledger.witness import Witness

    try:
        signer = LocalSigner.of(key.read_text())
        logs = parse_policy(policy.read_bytes()).logs
        made = Witness(name, signer, logs, lambda: datetime.now(UTC))
        typer.echo(f"witness w1 {vkey_of(name, signer.public, COSIGNATURE).text}")
        asyncio.run(_serve(made, state, host, port))
    except (GloveboxError, OSError, UnicodeDecodeError) as error:
        typer.secho(in_one_line(error), fg=typer.colors.RED, err=True)
        raise typer.Exit(_CANNOT) from None


async def _serve(made: Witness, state: Path, host: str, port: int) -> None:
    from glovebox.cli.witness_server import serve

    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, ended.set)
    async with serve(made, state, host, port) as bound:
        typer.echo(f"listening on http://{host}:{bound}/add-checkpoint")
        await ended.wait()
