"""`glovebox report`: a page about a pin or an Experiment, to read, print or attach to a ticket."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glovebox.cli.failing import Failing
from glovebox.cli.named import kind_named, namespaced

if TYPE_CHECKING:
    from datetime import datetime

    from glovebox.api.dataset_pin import DatasetPin
    from glovebox.cli.experiments import KubeconfigCluster
    from glovebox.report.page import Page
    from glovebox.report.readings import Reading


def report(
    kind: Annotated[
        str,
        typer.Argument(
            help="As kubectl takes it: datasetpin, gdpin, or pin; featuresetpin, gfpin; experiment,"
            " gexp."
        ),
    ],
    name: Annotated[str, typer.Argument(help="NAMESPACE/NAME, or NAME and -n.")],
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Its namespace.")] = "",
    save: Annotated[
        Path | None, typer.Option(help="Write it into this file, and not to the terminal.")
    ] = None,
) -> None:
    """Print a page of HTML about a DatasetPin, a FeatureSetPin or an Experiment.

    Of a DatasetPin: what it is, where it came from, whether it is still what was pinned, what was
    promised of it, who uses it and who can. Of a FeatureSetPin: what is defined, of what data,
    whether its values are as defined, who uses it and who can. Of an Experiment: what it is for,
    what went in, whether data leaked, what ran, what came out, and whether it was alone.

    Exit code 0: done. 2: wrong usage, it is not there, or the cluster could not be asked. The
    cluster is found as kubectl finds it.
    """
    from glovebox.api.kinds import DATASET_PIN, EXPERIMENT, FEATURE_SET_PIN
    from glovebox.cli.experiments import KubeconfigCluster
    from glovebox.report.html import render

    pages = {
        DATASET_PIN.kind: _of_pin,
        FEATURE_SET_PIN.kind: _of_feature_set,
        EXPERIMENT.kind: _of_experiment,
    }
    made = pages[kind_named(kind, (DATASET_PIN, FEATURE_SET_PIN, EXPERIMENT)).kind]
    namespace, name = namespaced(name, namespace)
    with Failing(""):
        text = render(made(KubeconfigCluster(), namespace, name))
        if save is None:
            typer.echo(text)
        else:
            save.write_text(text, encoding="utf-8")


def _now() -> datetime:
    from datetime import UTC, datetime

    return datetime.now(UTC)


def _of_pin(cluster: KubeconfigCluster, namespace: str, name: str) -> Page:
    from glovebox.api.dataset_pin import DatasetPin
    from glovebox.cli.experiments import parsed
    from glovebox.report.pin import pin_page

    found = parsed(DatasetPin, cluster.dataset_pin(namespace, name))
    readings = _readings(cluster, DatasetPin.KIND, found.status.digest)
    return pin_page(found, readings, _now())


def _of_feature_set(cluster: KubeconfigCluster, namespace: str, name: str) -> Page:
    from glovebox.api.feature_set_pin import FeatureSetPin
    from glovebox.cli.experiments import parsed
    from glovebox.report.feature_set import feature_set_page

    found = parsed(FeatureSetPin, cluster.feature_set_pin(namespace, name))
    readings = _readings(cluster, FeatureSetPin.KIND, found.status.digest)
    return feature_set_page(found, readings, _now())


def _of_experiment(cluster: KubeconfigCluster, namespace: str, name: str) -> Page:
    from glovebox.api.experiment import Experiment
    from glovebox.cli.experiments import parsed
    from glovebox.report.experiment import experiment_page

    found = parsed(Experiment, cluster.experiment(namespace, name))
    return experiment_page(found, _now(), _pins(cluster, namespace))


def listed_pins(cluster: KubeconfigCluster, namespace: str) -> list[DatasetPin]:
    """Return the pins of a namespace that are valid.

    Raises:
        Unavailable: The API server does not answer, or the caller may not list them.
    """
    from pydantic import ValidationError

    from glovebox.api.dataset_pin import DatasetPin

    pins = []
    for each in cluster.dataset_pins(namespace):
        with suppress(ValidationError):
            pins.append(DatasetPin.model_validate(each))
    return pins


def _pins(cluster: KubeconfigCluster, namespace: str) -> list[DatasetPin]:
    """Return the pins of a namespace; none where the caller may not list them."""
    from glovebox.api import reasons
    from glovebox.errors import Unavailable

    try:
        return listed_pins(cluster, namespace)
    except Unavailable as error:
        if error.reason != reasons.REJECTED:
            raise
        return []


def _readings(cluster: KubeconfigCluster, kind: str, root: str) -> list[Reading] | None:
    """Return who can read a content; None where the caller may not list what says so.

    Args:
        cluster: Where.
        kind: Of the pins that have such a content.
        root: The content root, or the digest of definitions.
    """
    from glovebox.api import reasons
    from glovebox.errors import Unavailable
    from glovebox.report.readings import review

    try:
        found = review(cluster.listed(kind), cluster.grants(), cluster.experiments())
    except Unavailable as error:
        if error.reason != reasons.REJECTED:
            raise
        return None
    return [each for each in found if root and each.content == root]
