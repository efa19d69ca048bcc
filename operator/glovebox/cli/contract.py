"""`glovebox contract`: contracts in other formats, and what became of one."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from glovebox.cli.commands import Commands
from glovebox.cli.failing import in_one_line

if TYPE_CHECKING:
    from glovebox.api.contract import Contract

_LEFT_OUT = 1
_LESS = 1
_CANNOT = 2

app = Commands(no_args_is_help=True, help="Contracts of data: import them, compare them.")


@app.callback()
def contract() -> None:
    """Contracts of data: import them, compare them."""


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
    from glovebox.api.invalid import what_is_wrong
    from glovebox.data.odcs import import_odcs
    from glovebox.data.printable import printable
    from glovebox.errors import GloveboxError

    try:
        found = import_odcs(_document(file), table)
        Contract.model_validate(found.contract)
    except ValidationError as error:
        _fail(f"what {file} says is not a contract: {what_is_wrong(error, 'contract')}")
    except (GloveboxError, OSError, UnicodeDecodeError) as error:
        _fail(in_one_line(error))
    typer.echo(yaml.safe_dump({"contract": found.contract}, sort_keys=False), nl=False)
    for each in found.left_out:
        typer.secho(f"left out: {printable(each)}", fg=typer.colors.YELLOW, err=True)
    if found.left_out:
        raise typer.Exit(_LEFT_OUT)


def _fail(said: str) -> NoReturn:
    from glovebox.data.printable import printable

    typer.secho(printable(said), fg=typer.colors.RED, err=True)
    raise typer.Exit(_CANNOT) from None


class Demand(StrEnum):
    """What `glovebox contract diff` may be asked to hold to."""

    NONE = "None"
    BACKWARD = "Backward"
    FORWARD = "Forward"
    FULL = "Full"


@app.command("diff")
def diff_contracts(
    old: Annotated[Path, typer.Argument(help="The contract before, or its pin, in YAML.")],
    new: Annotated[Path, typer.Argument(help="The contract that follows it, or its pin.")],
    demand: Annotated[
        Demand, typer.Option(help="As `spec.data.compatibility` of a profile.")
    ] = Demand.FORWARD,
) -> None:
    """Say how a contract compares with the one before it, column by column.

    Forward: code for the old contract can use data that meet the new one. Backward: code for the
    new one can use data that meet the old one.

    Exit code 0: it is as compatible as is demanded. 1: it is not. 2: one of the files holds no
    contract.
    """
    from glovebox.data.evolution import compare_contracts, satisfies
    from glovebox.data.printable import printable
    from glovebox.errors import GloveboxError

    try:
        found = compare_contracts(_contract_in(old), _contract_in(new))
    except GloveboxError as error:
        typer.secho(printable(str(error)), fg=typer.colors.RED, err=True)
        raise typer.Exit(_CANNOT) from None
    typer.echo(found.compatibility)
    for each in found.changes:
        where = each.column or "the tables"
        lost = "both directions" if each.breaks == "Both" else each.breaks
        typer.echo(f"{printable(where)} ({each.rule}): {printable(each.message)}; breaks {lost}")
    if not satisfies(found.compatibility, demand):
        raise typer.Exit(_LESS)


def _contract_in(file: Path) -> Contract:
    """Return the contract of a DatasetPin, of a block `contract`, or of the block's content.

    Raises:
        InvalidInput: It holds none, or one that the API server would not take; with the file.
    """
    from pydantic import ValidationError

    from glovebox.api import reasons
    from glovebox.api.contract import Contract
    from glovebox.api.invalid import what_is_wrong
    from glovebox.errors import InvalidInput

    def invalid(why: str) -> InvalidInput:
        return InvalidInput(reasons.INVALID_SPEC, f"{file}: {why}")

    try:
        text = _document(file)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else in_one_line(error)
        raise invalid(f"cannot be read: {why}") from None
    found = text.get("spec", text) if isinstance(text, dict) else None
    found = found.get("contract", found) if isinstance(found, dict) else None
    if not isinstance(found, dict) or "columns" not in found:
        raise invalid(
            "holds no contract: write a DatasetPin with `spec.contract`, or that block alone"
        )
    try:
        contract = Contract.model_validate(found)
    except ValidationError as error:
        raise invalid(f"{what_is_wrong(error, 'contract')}; correct the field") from None
    _require_comparable(contract, invalid)
    return contract


def _document(file: Path) -> object:
    """Return what the one document of a file says, as kubectl reads it; None where it is empty.

    Raises:
        InvalidInput: It is no YAML, holds several documents, or says more than any object may.
        OSError, UnicodeDecodeError: It cannot be read.
    """
    from glovebox.api import reasons
    from glovebox.cli.manifests import read_documents
    from glovebox.errors import InvalidInput

    documents = read_documents(file, file.read_text(encoding="utf-8"))
    if len(documents) > 1:
        raise InvalidInput(
            reasons.INVALID_SPEC, f"{file}: holds {len(documents)} documents of YAML: write one"
        )
    return documents[0] if documents else None


def _require_comparable(contract: Contract, invalid: Callable[[str], Exception]) -> None:
    """Accept a contract whose columns can be told apart and paired, as the API server sees to."""
    names = [each.name for each in contract.columns]
    twice = next((each for each in names if names.count(each) > 1), None)
    if twice is not None:
        raise invalid(f"`contract.columns`: `{twice}` is listed twice; list it once")
    for at, each in enumerate(contract.references):
        if each.target_columns and len(each.target_columns) != len(each.columns):
            raise invalid(
                f"`contract.references[{at}].targetColumns`: must have as many columns as"
                " `columns`, in the same order"
            )
