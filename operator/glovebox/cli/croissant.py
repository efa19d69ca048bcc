"""`glovebox croissant`: a pin as a Croissant 1.1 dataset, and a pin out of one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from glovebox.cli.commands import Commands
from glovebox.cli.failing import Failing, in_one_line
from glovebox.cli.named import qualified

_LEFT_OUT = 1
_CANNOT = 2
# A list of a million objects has some 400 bytes for each.
_MOST_BYTES = 512 << 20


class _Exporting(TyperGroup):
    """Takes the name of a pin for `export`: `glovebox croissant team/pin`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command in front where there is none."""
        if args and args[0] not in {*self.commands, "--help"}:
            args = ["export", *args]
        return super().parse_args(ctx, args)


app = Commands(
    cls=_Exporting,
    no_args_is_help=True,
    help="Pins as Croissant 1.1, and out of Croissant: `glovebox croissant NAMESPACE/NAME`.",
)


@app.callback()
def croissant() -> None:
    """Pins as Croissant 1.1, and out of Croissant: `glovebox croissant NAMESPACE/NAME`."""


@app.command("import")
def import_croissant(
    file: Annotated[Path, typer.Argument(help="A Croissant file, version 1.0 or 1.1.")],
    store: Annotated[str, typer.Option(help="The ObjectStore that holds the objects.")],
    name: Annotated[
        str, typer.Option(help="Name of the pin; that of the dataset when absent.")
    ] = "",
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Of the pin.")] = "",
) -> None:
    """Print the DatasetPin that a Croissant file describes.

    Its objects have to lie in the store under a version, and have a SHA-256: the pin is Ready only
    where the store holds just these bytes.

    Exit code 0: it says all of the file. 1: it is printed, and what it cannot say is listed on
    standard error. 2: nothing could be made of the file.
    """
    import json

    import yaml
    from pydantic import ValidationError

    from glovebox.api import reasons
    from glovebox.api.dataset_pin import DatasetPin
    from glovebox.api.invalid import what_is_wrong
    from glovebox.data import croissant_import
    from glovebox.data.printable import printable
    from glovebox.errors import GloveboxError, InvalidInput

    try:
        with file.open("rb") as opened:
            # One that is larger is cut, and no JSON any more.
            body = opened.read(_MOST_BYTES)
        try:
            document = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise InvalidInput(
                reasons.INVALID_SPEC,
                f"{file}: no JSON that can be read ({type(error).__name__}); Croissant is JSON in"
                " UTF-8",
            ) from error
        found = croissant_import.import_croissant(document)
        metadata = {"name": name or found.name} | ({"namespace": namespace} if namespace else {})
        manifest = {
            "apiVersion": "glovebox.dev/v1alpha1",
            "kind": "DatasetPin",
            "metadata": metadata,
            "spec": {"storeRef": {"name": store}, **found.spec},
        }
        try:
            DatasetPin.model_validate(manifest)
        except ValidationError as error:
            raise InvalidInput(
                reasons.INVALID_SPEC,
                f"what {file} says is not a pin: {what_is_wrong(error)}; correct the file",
            ) from error
    except (GloveboxError, OSError) as error:
        typer.secho(printable(in_one_line(error)), fg=typer.colors.RED, err=True)
        raise typer.Exit(_CANNOT) from None
    typer.echo(yaml.safe_dump(manifest, sort_keys=False), nl=False)
    for each in found.left_out:
        typer.secho(f"left out: {printable(each)}", fg=typer.colors.YELLOW, err=True)
    if found.left_out:
        raise typer.Exit(_LEFT_OUT)


@app.command("export")
def export_croissant(
    pin: Annotated[str, typer.Argument(help="The DatasetPin: NAMESPACE/NAME.")],
    save: Annotated[
        Path | None, typer.Option(help="Write it into this file, and not to the terminal.")
    ] = None,
) -> None:
    """Print a DatasetPin as Croissant 1.1: what it says, and each object with its SHA-256.

    Exit code 0: done. 2: store or cluster could not be asked, or the pin was not read yet. The
    store is found as every S3 tool finds it (AWS_ENDPOINT_URL, AWS_REGION, ...), the cluster as
    kubectl finds it. What is read is the manifest, and no data. Equal pins give equal text.
    """
    from glovebox.cli import experiments, pinned

    namespace, name = qualified(pin, "PIN")
    with Failing(""):
        found = pinned.read_pin(experiments.KubeconfigCluster().dataset_pin(namespace, name))
        pieces = pinned.described(found)
        if save is None:
            typer.echo("".join(pieces), nl=False)
            return
        # Whole, or not at all: half a list of objects looks like a list.
        part = save.with_name(f"{save.name}.part")
        with part.open("w", encoding="utf-8") as file:
            file.writelines(pieces)
        part.replace(save)
