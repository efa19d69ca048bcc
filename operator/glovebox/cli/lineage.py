"""`glovebox lineage`: which experiments used these bytes, and what a result is made of.

Names in what it prints come from tenants: none of them reaches the terminal as it is.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

_NOTHING = 1
_CANNOT = 2


class Shown(StrEnum):
    """How the answer is shown."""

    TREE = "tree"
    JSON = "json"
    YAML = "yaml"
    DOT = "dot"
    SVG = "svg"


def lineage(
    what: Annotated[
        str,
        typer.Argument(
            help=(
                "Name of a pin or an Experiment (NAMESPACE/NAME, or NAME), a UID, or a digest: of"
                " content, of a pin, of an experiment, of sealed results. Eight digits are enough."
            )
        ),
    ],
    bucket: Annotated[
        str,
        typer.Option(
            help="Read the locked events of this bucket of artifacts too: of what is gone."
        ),
    ] = "",
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask the store alone, and no cluster.")
    ] = False,
    output: Annotated[
        Shown,
        typer.Option(
            "--output",
            "-o",
            help="tree, json or yaml for programs, dot for Graphviz, or svg: a picture.",
        ),
    ] = Shown.TREE,
) -> None:
    """Show what something is made of, and what came of it. By content, whatever it is called.

    Exit code 0: found. 1: nobody knows it. 2: cluster or store could not be asked. The cluster is
    found as kubectl finds it, the store as every S3 tool finds it (AWS_ENDPOINT_URL, ...).
    """
    from glovebox.cli import lineage_sources as sources
    from glovebox.cli.shown import as_document
    from glovebox.data.printable import printable
    from glovebox.errors import GloveboxError
    from glovebox.lineage.graph import graph_of
    from glovebox.lineage.picture import picture
    from glovebox.lineage.tree import answer, document, dot, lines

    if offline and not bucket:
        raise typer.BadParameter("--offline asks the store alone: name its --bucket")
    try:
        experiments, pins = ([], []) if offline else sources.read_cluster()
        events = sources.read_events(bucket) if bucket else []
    except GloveboxError as error:
        typer.secho(printable(str(error)), fg=typer.colors.RED, err=True)
        raise typer.Exit(_CANNOT) from None
    found = answer(graph_of(experiments, pins, events), what)
    match output:
        case Shown.JSON | Shown.YAML:
            typer.echo(as_document([document(node) for node in found], output))
        case Shown.DOT:
            typer.echo(dot(found))
        case Shown.SVG:
            typer.echo(picture(found))
        case Shown.TREE:
            for node in found:
                for line in lines(node):
                    typer.echo(printable(line))
    if not found:
        typer.secho(f"nobody knows {printable(what)}", fg=typer.colors.RED, err=True)
        raise typer.Exit(_NOTHING)
