"""`glovebox drift`: what differed from what Experiments declare, and what differs still.

Names in what it prints come from tenants and from whoever wrote the objects: none of them reaches
the terminal as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from glovebox.cli.failing import Failing
from glovebox.cli.named import namespaced

if TYPE_CHECKING:
    from glovebox.report.drift import Difference

_OPEN: Final = 1
_HEADINGS: Final = (
    "EXPERIMENT",
    "STATE",
    "KIND",
    "NAME",
    "WHAT",
    "SINCE",
    "LAST REPAIR",
    "REPAIRS",
)


class Shown(StrEnum):
    """How the answer is shown."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


def drift(
    name: Annotated[str, typer.Argument(help="Only this Experiment of the namespace.")] = "",
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", help="Experiments of this namespace.")
    ] = "",
    everywhere: Annotated[
        bool, typer.Option("--all-namespaces", "-A", help="Experiments of all namespaces.")
    ] = False,
    output: Annotated[
        Shown, typer.Option("--output", "-o", help="table, or json or yaml for programs.")
    ] = Shown.TABLE,
) -> None:
    """Show what differs from what Experiments declare, and what was repaired last.

    Of each Experiment its status keeps the last repair and their number. An open difference is
    shown in the words of its condition `DriftDetected`.

    Exit code 0: nothing is open. 1: something is, or of an Experiment nobody knows. 2: wrong usage,
    it is not there, or the cluster could not be asked. The cluster is found as kubectl finds it.
    """
    from glovebox.api import reasons
    from glovebox.cli.experiments import KubeconfigCluster
    from glovebox.errors import InvalidInput
    from glovebox.report.drift import State, differences

    if name and everywhere:
        raise typer.BadParameter("the name of one Experiment needs its namespace", param_hint="-n")
    if name:
        namespace, name = namespaced(name, namespace)
    if bool(namespace) == everywhere:
        raise typer.BadParameter(
            "which Experiments? Say -n NAMESPACE, or -A for all", param_hint="-n / -A"
        )
    with Failing(""):
        cluster = KubeconfigCluster()
        found = [cluster.experiment(namespace, name)] if name else cluster.experiments(namespace)
        if namespace and not found and cluster.lacks_namespace(namespace):
            raise InvalidInput(reasons.INVALID_SPEC, f"there is no namespace {namespace}")
    told = [each for one in found for each in differences(one)]
    told.sort(key=lambda each: (each.namespace, each.experiment))
    _show(told, output)
    if any(each.state is not State.REPAIRED for each in told):
        raise typer.Exit(_OPEN)


def _show(told: Sequence[Difference], output: Shown) -> None:
    from glovebox.cli.shown import aligned, as_json, as_yaml
    from glovebox.data.printable import printable

    if output is Shown.JSON:
        typer.echo(as_json([_document(each) for each in told]))
    elif output is Shown.YAML:
        typer.echo(as_yaml([_document(each) for each in told]))
    elif not told:
        typer.echo("No drift is recorded.")
    else:
        for line in aligned([_HEADINGS, *(tuple(map(printable, _row(each))) for each in told)]):
            typer.echo(line)


def _document(each: Difference) -> dict[str, Any]:
    return {**asdict(each), "state": each.state.value}


def _row(each: Difference) -> tuple[str, ...]:
    return (
        f"{each.namespace}/{each.experiment}",
        f"{each.state}: {each.reason}" if each.reason else each.state,
        each.kind or "-",
        each.name or "-",
        each.what or "-",
        each.since or "-",
        each.last or "-",
        str(each.repairs),
    )
