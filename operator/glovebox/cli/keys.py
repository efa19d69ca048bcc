"""`glovebox keys`: the key that seals are signed with, as a Secret for kubectl or GitOps.

It asks no cluster: what it prints is applied by whoever may.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from glovebox import names
from glovebox.cli.commands import Commands
from glovebox.cli.failing import in_one_line

app = Commands(no_args_is_help=True, help="The keys that seals are signed with.")


@app.callback()
def keys() -> None:
    """Manage the keys that seals are signed with."""


@app.command("new")
def new(
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", help="The operator's namespace.")
    ] = names.OPERATOR_NAMESPACE,
    uri: Annotated[
        str,
        typer.Option(help="A key that a service keeps, as securesystemslib has it: awskms:..."),
    ] = "",
    public_key: Annotated[
        Path | None, typer.Option(help="With --uri: the public half of that key (PEM).")
    ] = None,
) -> None:
    """Print a Secret with a new signing key; applied, it signs from then on.

    `glovebox keys new | kubectl apply --server-side --force-conflicts -f -`. The former key counts
    for an hour more. The Secret holds the private key: keep it as you keep others.
    """
    import yaml

    from glovebox.controllers.signing_keys import PRIVATE, PUBLIC, URI, key_secret
    from glovebox.errors import InvalidInput
    from glovebox.evidence.keys import trusted
    from glovebox.evidence.signer import new_key_pair

    try:
        if bool(uri) != bool(public_key):
            raise typer.BadParameter("--uri and --public-key belong together")
        if uri and public_key is not None:
            key = trusted(public_key.read_text())
            files = {URI: uri, PUBLIC: key.public}
        else:
            pair = new_key_pair()
            key, files = trusted(pair.public), {PRIVATE: pair.private}
    except (InvalidInput, OSError, UnicodeDecodeError) as error:
        typer.secho(in_one_line(error), fg=typer.colors.RED, err=True)
        raise typer.Exit(2) from None
    typer.secho(f"key {key.key_id}", err=True)
    typer.echo(yaml.safe_dump(key_secret(namespace, files), sort_keys=False), nl=False)
