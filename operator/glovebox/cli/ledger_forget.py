"""`glovebox ledger forget`: nobody can find out any more whom entries of the ledger speak of.

It is told in the ledger first, and cannot be taken back. The name is asked for where it is not
given, so that it stays in no history of a shell.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glovebox.cli.failing import Failing

if TYPE_CHECKING:
    from glovebox.store.connection import Stop
    from glovebox.store.ledger_erasure import Erased
    from glovebox.store.ledger_objects import LedgerPlace

_NOBODY = 1


def forget(
    where: Annotated[str, typer.Argument(help="s3://BUCKET/ORGANISATION")],
    people: Annotated[str, typer.Option(help="The bucket with names and salts.")],
    key: Annotated[
        Path,
        typer.Option(exists=True, dir_okay=False, help="The log's private key (PEM)."),
    ],
    name: Annotated[str, typer.Option(prompt="Whom", help="Who is forgotten.")],
    by: Annotated[str, typer.Option(help="Who does it; known in the ledger as others are.")] = "",
    reason: Annotated[str, typer.Option(help="Why, without blanks: GDPR-17.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Forget a person: record that in the ledger, sign it, and delete what says who it was."""
    from datetime import UTC, datetime

    from glovebox.evidence.signer import LocalSigner
    from glovebox.jobs.ledger_checking import parse_address, with_bucket
    from glovebox.store.ledger_erasure import erase_person
    from glovebox.store.ledger_objects import LedgerPlace
    from glovebox.store.ledger_people import ensure_person, find_person
    from glovebox.store.ledger_writer import open_ledger

    if not yes:
        typer.confirm(
            "Nobody can find out afterwards whom the entries speak of. Go on?", abort=True
        )

    def act(place: LedgerPlace, stop: Stop) -> Erased | None:
        bucket = people.removeprefix("s3://").rstrip("/")
        names = LedgerPlace(place.store, bucket, place.pause)
        if find_person(names, organisation, name, stop) is None:
            return None  # nor is whoever asks for it made known
        writer = open_ledger(place, organisation, signer, lambda: datetime.now(UTC), stop)
        actor = ensure_person(names, organisation, by, stop).commitment if by else "system:command"
        details = {"reason": reason} if reason else {}
        return erase_person(writer, names, name, actor, details, datetime.now(UTC), stop)

    with Failing():
        bucket, organisation = parse_address(where)
        signer = LocalSigner.of(key.read_text())
        erased = with_bucket(bucket, act)
    if erased is None:
        typer.echo("Nobody is known by that name; nothing was written or deleted.", err=True)
        raise typer.Exit(_NOBODY)
    placed = erased.placed
    typer.echo(
        f"{erased.commitment} is nobody any more: entry {placed.index} of epoch {placed.epoch}"
    )
