"""`glovebox report`: a page about a pin or an Experiment, to read, print or attach to a ticket."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glovebox.cli.commands import Commands
from glovebox.cli.failing import Failing

if TYPE_CHECKING:
    from collections.abc import Callable

    from glovebox.api.dataset_pin import DatasetPin
    from glovebox.cli.experiments import KubeconfigCluster
    from glovebox.report.page import Page
    from glovebox.report.readings import Reading

app = Commands(help="Pages about a pin or an Experiment.", no_args_is_help=True)

_Save = Annotated[
    Path | None, typer.Option(help="Write it into this file, and not to the terminal.")
]


@app.command("pin")
def pin(
    name: Annotated[str, typer.Argument(help="The DatasetPin: NAMESPACE/NAME.")],
    save: _Save = None,
) -> None:
    """Print a page of HTML about a DatasetPin.

    What it is, where it came from, whether it is still what was pinned, what was promised of it,
    who uses it and who can. Exit code 0: done. 2: the cluster could not be asked. It is found as
    kubectl finds it.
    """

    def made(cluster: KubeconfigCluster, namespace: str, name: str) -> Page:
        from datetime import UTC, datetime

        from glovebox.api.dataset_pin import DatasetPin
        from glovebox.cli.experiments import parsed
        from glovebox.report.pin import pin_page

        found = parsed(DatasetPin, cluster.dataset_pin(namespace, name))
        readings = _readings(cluster, found.status.digest)
        return pin_page(found, readings, datetime.now(UTC))

    _write(name, save, made)


@app.command("experiment")
def experiment(
    name: Annotated[str, typer.Argument(help="The Experiment: NAMESPACE/NAME.")],
    save: _Save = None,
) -> None:
    """Print a page of HTML about an Experiment.

    What it is for, what went in, whether data leaked, what ran, what came out, and whether it was
    alone. Exit code 0: done. 2: the cluster could not be asked. It is found as kubectl finds it.
    """

    def made(cluster: KubeconfigCluster, namespace: str, name: str) -> Page:
        from datetime import UTC, datetime

        from glovebox.api.experiment import Experiment
        from glovebox.cli.experiments import parsed
        from glovebox.report.experiment import experiment_page

        found = parsed(Experiment, cluster.experiment(namespace, name))
        return experiment_page(found, datetime.now(UTC), _pins(cluster, namespace))

    _write(name, save, made)


def _write(
    name: str, save: Path | None, made: Callable[[KubeconfigCluster, str, str], Page]
) -> None:
    from glovebox.cli.experiments import KubeconfigCluster
    from glovebox.report.html import render

    namespace, _, short = name.partition("/")
    if not namespace or not short:
        raise typer.BadParameter("name it as NAMESPACE/NAME")
    with Failing(""):
        text = render(made(KubeconfigCluster(), namespace, short))
        if save is None:
            typer.echo(text)
        else:
            save.write_text(text, encoding="utf-8")


def _pins(cluster: KubeconfigCluster, namespace: str) -> list[DatasetPin]:
    """Return the pins of a namespace that are valid; none where the caller may not list them."""
    from pydantic import ValidationError

    from glovebox.api import reasons
    from glovebox.api.dataset_pin import DatasetPin
    from glovebox.errors import Unavailable

    try:
        found = cluster.dataset_pins(namespace)
    except Unavailable as error:
        if error.reason != reasons.REJECTED:
            raise
        return []
    pins = []
    for each in found:
        with suppress(ValidationError):
            pins.append(DatasetPin.model_validate(each))
    return pins


def _readings(cluster: KubeconfigCluster, root: str) -> list[Reading] | None:
    """Return who can read a content; None where the caller may not list what says so."""
    from glovebox.api import reasons
    from glovebox.errors import Unavailable
    from glovebox.report.readings import review

    try:
        found = review(cluster.dataset_pins(), cluster.grants(), cluster.experiments())
    except Unavailable as error:
        if error.reason != reasons.REJECTED:
            raise
        return None
    return [each for each in found if root and each.content == root]
