"""`glovebox plan`: what the objects of a file would become, before anybody applies them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glovebox.cli.failing import Failing
from glovebox.cli.planned_shown import Shown, show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from glovebox.cli.experiments import KubeconfigCluster
    from glovebox.cli.planning import Planned


def plan(
    file: Annotated[
        Path,
        typer.Option(
            "--file", "-f", help="YAML or JSON, or a folder of it; `-` reads what is piped in."
        ),
    ],
    output: Annotated[
        Shown, typer.Option("--output", "-o", help="table, wide, or json or yaml for programs.")
    ] = Shown.TABLE,
) -> None:
    """Show what the objects of a file would become, without making anything.

    The API server is asked with your own rights (a dry run: schema, guards, quotas), then the
    operator's own rules are gone through: what an Experiment would get, or why it would be refused
    or wait. Only objects of glovebox.dev are planned. What data share is known by the operator
    alone.

    Exit code 0: all would be accepted. 1: something would be refused. 2: wrong usage, or the
    cluster could not be asked. 3: nothing would be refused, and something would wait.
    """
    from glovebox.cli.experiments import KubeconfigCluster
    from glovebox.cli.planning import Verdict, read_objects

    with Failing(""):
        text = typer.get_text_stream("stdin").read() if str(file) == "-" else None
        objects = read_objects(file, text)
        planned = planned_of(KubeconfigCluster(), objects)
    show(planned, output)
    verdicts = {each.verdict for each in planned}
    for worst in (Verdict.REFUSED, Verdict.WAITS):
        if worst in verdicts:
            raise typer.Exit(worst)


def planned_of(cluster: KubeconfigCluster, objects: list[dict[str, Any]]) -> list[Planned]:
    """Return what would become of each object of ours, in the order of the file.

    Raises:
        InvalidInput: None of them is ours, or one is of no kind or namespace that there can be.
        Unavailable: The cluster could not be asked.
    """
    from glovebox.api import reasons
    from glovebox.cli.planning import Planned, Verdict, judged, of_ours
    from glovebox.errors import InvalidInput, Refused
    from glovebox.kube.resources import Key

    ours = of_ours(objects)
    if not ours:
        raise InvalidInput(reasons.INVALID_SPEC, "the file holds no object of glovebox.dev")
    found: dict[int, Planned] = {}
    taken: dict[int, dict[str, Any]] = {}
    for at, each in enumerate(ours):
        try:
            taken[at] = cluster.dry_run(each)
        except Refused as error:
            said = ("API server", error.reason, error.message)
            found[at] = Planned(Key.of(each), Verdict.REFUSED, *said)
    new = {Key.of(each): each for each in taken.values()}
    # What one Experiment was looked up for serves the others of the file.
    listed = cache(cluster.listed)
    for at, each in taken.items():
        if each["kind"] != "Experiment":
            found[at] = Planned(Key.of(each), Verdict.ACCEPTED)
            continue
        known, namespaces, hidden = _gathered(cluster, listed, each)
        others, remarks = _of_the_team(listed, each, [*known, *new.values()])
        # What is in the file and in the cluster is as the file would make it.
        merged = {**{Key.of(one): one for one in (*others, *known)}, **new}
        judgement = judged(each, list(merged.values()), namespaces, hidden)
        if judgement.verdict is not Verdict.REFUSED:
            judgement = replace(judgement, remarks=(*judgement.remarks, *remarks))
        found[at] = judgement
    return [found[at] for at in sorted(found)]


def _of_the_team(
    listed: Callable[[str, str], list[dict[str, Any]]],
    experiment: dict[str, Any],
    known: Iterable[Mapping[str, Any]],
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Return the Experiments that share a budget with this one, and what is to be said of that."""
    from glovebox.api import reasons
    from glovebox.errors import Unavailable

    if (experiment.get("status") or {}).get("digest"):
        return [], ()  # bound, it has its room
    profile = ("IsolationProfile", experiment["spec"]["profile"])
    specs = [one["spec"] for one in known if (one["kind"], one["metadata"]["name"]) == profile]
    if not any(spec.get("teamBudget") for spec in specs):
        return [], ()
    own = experiment["metadata"]["namespace"]
    try:
        others = listed("Experiment", own)
    except Unavailable as error:
        if error.reason != reasons.REJECTED:
            raise
        unread = f"whether `teamBudget` has room: the Experiments of {own} may not be read"
        return [], (f"{unread} with your rights",)
    room = "room in `teamBudget` is counted as it is now, without others of the file"
    return others, (room,)


def _gathered(
    cluster: KubeconfigCluster,
    listed: Callable[[str, str], list[dict[str, Any]]],
    experiment: dict[str, Any],
) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]], list[str]]:
    """Return what an Experiment may depend on, and what of it the caller may not read."""
    from glovebox.api import reasons
    from glovebox.errors import Unavailable

    own = experiment["metadata"]["namespace"]
    inputs = experiment["spec"].get("inputs") or {}
    named = [*(inputs.get("datasets") or ()), *(inputs.get("features") or ())]
    others = {each["pinRef"]["namespace"] for each in named if each["pinRef"].get("namespace")}
    wanted = [("IsolationProfile", ""), ("ObjectStore", "")]
    wanted += [
        (kind, each)
        for each in (own, *sorted(others - {own}))
        for kind in ("DatasetPin", "FeatureSetPin", "AccessGrant")
    ]
    known: list[dict[str, Any]] = []
    hidden: list[str] = []
    for kind, namespace in wanted:
        try:
            known += listed(kind, namespace)
        except Unavailable as error:
            if error.reason != reasons.REJECTED:
                raise
            hidden.append(f"{kind}s" + (f" of namespace {namespace}" if namespace else ""))
    try:
        return known, {own: cluster.namespace(own)}, hidden
    except Unavailable as error:
        if error.reason != reasons.REJECTED:
            raise
        return known, {}, hidden  # needed only where a store is granted by labels
