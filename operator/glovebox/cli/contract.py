"""`glovebox contract`: contracts in other formats, as `spec.contract` of a DatasetPin."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from glovebox.cli.commands import Commands

_LEFT_OUT = 1
_CANNOT = 2

app = Commands(no_args_is_help=True, help="Contracts of data in other formats.")


@app.callback()
def contract() -> None:
    """Contracts of data in other formats."""


@app.command("import")
def import_contract(
    file: Annotated[Path, typer.Argument(help="A contract of ODCS 3, in YAML.")],
    table: Annotated[str, typer.Option(help="Which table of it, where it has more than one.")] = "",
) -> None:
    """Print a contract of the Open Data Contract Standard as `spec.contract` of a DatasetPin.

    Exit code 0: it says all that was asked of the table. 1: it is printed, and what it cannot say
    is listed on standard error. 2: nothing could be made of the file.
    """
    import yaml
    from pydantic import ValidationError

    from glovebox.api.contract import Contract
    from glovebox.data.odcs import import_odcs
    from glovebox.data.printable import printable
    from glovebox.errors import GloveboxError

    try:
        found = import_odcs(yaml.safe_load(file.read_text(encoding="utf-8")), table)
        Contract.model_validate(found.contract)
    except (GloveboxError, OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        typer.secho(printable(str(error)), fg=typer.colors.RED, err=True)
        raise typer.Exit(_CANNOT) from None
    typer.echo(yaml.safe_dump({"contract": found.contract}, sort_keys=False), nl=False)
    for each in found.left_out:
        typer.secho(f"left out: {printable(each)}", fg=typer.colors.YELLOW, err=True)
    if found.left_out:
        raise typer.Exit(_LEFT_OUT)
