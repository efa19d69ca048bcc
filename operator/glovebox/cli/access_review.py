"""`glovebox access-review`: who can read which content, through what, since when, last used when.

It reads pins, grants and Experiments with the rights of whoever calls, and says what follows from
them. What a namespace could pin by its store's `spec.access` and did not is no part of it.

Names in what it prints come from tenants: none of them reaches the terminal as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from glovebox.report.readings import Reading

_NOTHING: Final = 1
_CANNOT: Final = 2
_SHORT: Final = len("sha256:") + 12
_HEADINGS: Final = (
    "CONTENT",
    "NAMESPACE",
    "THROUGH",
    "ROLES",
    "STATE",
    "SINCE",
    "UNTIL",
    "LAST USED",
    "LAST READ",
    "UNUSUAL",
)


class Shown(StrEnum):
    """How the answer is shown."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"


def access_review(
    content: Annotated[
        str,
        typer.Argument(help="Only content whose root begins so; eight digits are enough."),
    ] = "",
    namespace: Annotated[
        str,
        typer.Option(
            "--namespace",
            "-n",
            help="Only what is declared in this namespace; needs no rights elsewhere.",
        ),
    ] = "",
    output: Annotated[
        Shown,
        typer.Option(
            "--output", "-o", help="table, wide (whole digests), or json or yaml for programs."
        ),
    ] = Shown.TABLE,
) -> None:
    """Show who can read which data, through which pin or grant, and when that was last used.

    LAST READ and UNUSUAL are what the store's access log has of a pin, where one is read.

    Exit code 0: shown. 1: there is no such content, or no such namespace. 2: the cluster could not
    be asked, or refuses to list what is needed. The cluster is found as kubectl finds it.
    """
    from glovebox.cli.experiments import KubeconfigCluster
    from glovebox.cli.shown import as_document
    from glovebox.data.printable import printable
    from glovebox.errors import GloveboxError
    from glovebox.report.readings import review

    try:
        cluster = KubeconfigCluster()
        pins = cluster.pins(namespace)
        found = review(pins, cluster.grants(namespace), cluster.experiments(namespace))
        is_nowhere = bool(namespace) and not found and cluster.lacks_namespace(namespace)
    except GloveboxError as error:
        typer.secho(printable(str(error)), fg=typer.colors.RED, err=True)
        raise typer.Exit(_CANNOT) from None
    root = content if content.startswith("sha256:") else f"sha256:{content}"
    shown = [each for each in found if each.content.startswith(root)]
    if output in {Shown.JSON, Shown.YAML}:
        typer.echo(as_document([asdict(each) for each in shown], output))
    else:
        for line in _table(shown, is_wide=output is Shown.WIDE):
            typer.echo(printable(line))
    if is_nowhere or (content and not shown):
        said = f"there is no namespace {namespace}" if is_nowhere else _unknown(root, namespace)
        typer.secho(printable(said), fg=typer.colors.RED, err=True)
        raise typer.Exit(_NOTHING)


def _unknown(root: str, namespace: str) -> str:
    where = f" in namespace {namespace}" if namespace else ""
    return (
        f"no pin, grant or Experiment{where} has a content that begins with {root}: the content of"
        " a pin is its `status.digest`"
    )


def _table(readings: Iterable[Reading], *, is_wide: bool) -> list[str]:
    from glovebox.cli.shown import aligned

    rows = [_HEADINGS] + [
        (
            each.content if is_wide else each.content[:_SHORT],
            each.namespace,
            each.through,
            ",".join(each.roles) or "any",
            each.state,
            each.since,
            each.until or "-",
            each.last_used or "never",
            each.last_read or "-",
            str(each.unusual or "-"),
        )
        for each in readings
    ]
    return list(aligned(rows))
