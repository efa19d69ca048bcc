"""`glovebox compare`: Experiments beside each other, and the figures that their seals vouch for.

Names in what it prints come from tenants: none of them reaches the terminal as it is.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from glovebox.cli.failing import Failing
from glovebox.cli.named import namespaced

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from glovebox.api.experiment import Experiment

_LEAST: Final = 2
# More columns than this nobody reads.
_MOST: Final = 8


class Shown(StrEnum):
    """How the answer is shown."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"


def compare(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME", help="Two Experiments or more: NAMESPACE/NAME, or NAME."),
    ],
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", help="Of those that are named without one.")
    ] = "",
    metrics: Annotated[
        str,
        typer.Option(
            help="Compare the numbers in this file of the sealed results, such as metrics.json: an"
            " object of JSON. With --key."
        ),
    ] = "",
    key: Annotated[
        Path | None,
        typer.Option(
            "--key",
            help="With --metrics: public keys of the seals, as `glovebox verify` takes them.",
        ),
    ] = None,
    output: Annotated[
        Shown,
        typer.Option(
            "--output", "-o", help="table, wide: whole digests and values; json, yaml for programs."
        ),
    ] = Shown.TABLE,
) -> None:
    """Compare Experiments: which data they share, what differs, and what came out.

    Data are compared by their content, whatever pins and inputs are called. Differences are shown
    of what decides a result: code, images, configuration, stages, resources, routes, and the
    settings of the platform as they were bound. Differences of figures are to the first Experiment.

    Exit code 0: compared. 2: wrong usage, one is not there, cluster or store could not be asked, or
    the figures of one are not vouched for. The cluster is found as kubectl finds it, with --metrics
    the store as every S3 tool finds it (AWS_ENDPOINT_URL, ...).
    """
    from glovebox.api.experiment import Experiment
    from glovebox.cli.compared_shown import document, lines
    from glovebox.cli.experiments import KubeconfigCluster, parsed
    from glovebox.cli.shown import as_document
    from glovebox.report import comparison

    asked = [namespaced(each, "" if "/" in each else namespace) for each in names]
    if not _LEAST <= len(set(asked)) == len(asked) <= _MOST:
        raise typer.BadParameter(
            f"name from {_LEAST} to {_MOST} Experiments, each once", param_hint="NAME..."
        )
    if bool(metrics) != (key is not None):
        raise typer.BadParameter("give --metrics and --key: figures count when a seal has them")
    with Failing(""):
        cluster = KubeconfigCluster()
        objects = [cluster.experiment(*each) for each in asked]
        experiments = [parsed(Experiment, each) for each in objects]
        figures = _figures(experiments, metrics, key) if key is not None else None
    found = comparison.compare(experiments, [each["spec"] for each in objects], figures)
    if output in {Shown.JSON, Shown.YAML}:
        typer.echo(as_document(document(found), output))
        return
    for line in lines(found, metrics, is_wide=output is Shown.WIDE):
        typer.echo(line)


def _figures(experiments: Sequence[Experiment], name: str, key: Path) -> list[Mapping[str, float]]:
    """Return the numbers of each one's results.

    Raises:
        NotReady: One is not sealed.
        GloveboxError: A seal does not hold, or the store does not answer.
    """
    from glovebox.api import reasons
    from glovebox.errors import NotReady
    from glovebox.evidence.keys import read_bundle
    from glovebox.evidence.verification import Expected
    from glovebox.jobs.in_store import in_store, seal_place
    from glovebox.jobs.sealed_figures import read_figures
    from glovebox.jobs.verifying import Demand
    from glovebox.report.leaves import numbers

    trust = read_bundle(key.read_text())
    asked: list[tuple[str, Demand]] = []
    for each in experiments:
        if each.status.seal is None:
            raise NotReady(
                reasons.NOT_SEALED,
                f"Experiment {each.namespace}/{each.name} is not sealed: leave --metrics out, or"
                " wait",
            )
        # The UID is that of its folder, which an Experiment that took over results has another of.
        expected = Expected(f"{each.namespace}/{each.name}", digest=each.status.digest)
        asked.append((each.status.seal.uri, Demand(trust, expected)))

    def job(store: Any, stop: Any) -> list[Mapping[str, float]]:
        return [
            numbers(read_figures(store, *seal_place(uri), demand, name, stop))
            for uri, demand in asked
        ]

    return in_store(job)
