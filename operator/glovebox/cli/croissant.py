"""`glovebox croissant`: a pin as a Croissant 1.1 dataset, for catalogues and loaders of data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from glovebox.cli.failing import Failing


def croissant(
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

    namespace, _, name = pin.partition("/")
    if not namespace or not name:
        raise typer.BadParameter("name the pin as NAMESPACE/NAME")
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
