"""`glovebox status`: an Experiment on one screen, and waiting until it is where it should be."""

from __future__ import annotations

import math
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from glovebox.cli.failing import Failing
from glovebox.cli.named import namespaced
from glovebox.report.goals import Goal, Reached

if TYPE_CHECKING:
    from glovebox.cli.experiments import KubeconfigCluster

# So often what it waits for is read again; a pin's progress is written about as often.
_PROGRESS_SECONDS: Final = 10.0
# No watch is longer: one that nothing comes of is read past then, whether or not it is deaf.
_WATCH_SECONDS: Final = 60.0


class Shown(StrEnum):
    """How the answer is shown."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"


# What is between one answer and the next.
_BETWEEN: Final = {Shown.TEXT: "\n", Shown.JSON: "", Shown.YAML: "---\n"}
_SAID: Final = {Reached.YES: "Yes", Reached.NEVER: "Never", Reached.NOT_YET: "NotYet"}


def status(
    name: Annotated[str, typer.Argument(help="The Experiment: NAMESPACE/NAME, or NAME and -n.")],
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Its namespace.")] = "",
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Print it again when it changed, until --for.")
    ] = False,
    goal: Annotated[
        Goal, typer.Option("--for", help="What to wait for. Ended: the run succeeded.")
    ] = Goal.READY,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", min=0.0, help="How long to watch (seconds). Else without end."),
    ] = None,
    output: Annotated[
        Shown, typer.Option("--output", "-o", help="text, or json or yaml for programs.")
    ] = Shown.TEXT,
) -> None:
    """Show where an Experiment is, what is wrong, and what to do next.

    Exit code 0: it is where --for says. 1: it will not come there by itself: it was refused, it
    failed, it is deleted or not there. 2: wrong usage, or the cluster could not be asked. 3: it is
    not there yet, or not within --timeout. The cluster is found as kubectl finds it.
    """
    from glovebox.cli.experiments import KubeconfigCluster
    from glovebox.cli.following import Deadline, follow

    if timeout is not None and (math.isnan(timeout) or not watch):
        raise typer.BadParameter("give seconds, and --watch", param_hint="--timeout")
    namespace, name = namespaced(name, namespace)
    code = int(Reached.NEVER)
    with Failing(""):
        deadline = Deadline(timeout, time.monotonic)
        cluster = KubeconfigCluster(deadline.left if timeout is not None else None)
        shown = ""
        for obj in follow(cluster, namespace, name, deadline, _window):
            if obj is None:
                typer.echo(f"Experiment {_safe(f'{namespace}/{name}')} is not there.", err=True)
                code = int(Reached.NEVER)
                break
            text, found = _looked_at(cluster, obj, goal, output)
            if text != shown:
                typer.echo(f"{_BETWEEN[output]}{text}" if shown else text)
                shown = text
            code = int(found)
            if found is not Reached.NOT_YET or not watch:
                break
    if code:
        raise typer.Exit(code)


def _safe(text: str) -> str:
    from glovebox.data.printable import printable

    return printable(text)


def _looked_at(
    cluster: KubeconfigCluster, obj: dict[str, Any], goal: Goal, output: Shown
) -> tuple[str, Reached]:
    from datetime import UTC, datetime

    from glovebox.api.experiment import Experiment
    from glovebox.cli.experiments import parsed
    from glovebox.cli.shown import as_json, as_yaml
    from glovebox.report.glance import document, screen
    from glovebox.report.goal import reached
    from glovebox.report.working import why_idle

    experiment = parsed(Experiment, obj)
    waited, found = waited_for(cluster, obj), reached(experiment, goal)
    idle = why_idle(cluster.operator_lease(), datetime.now(UTC))
    if output is Shown.TEXT:
        return "\n".join(_safe(line) for line in screen(experiment, obj, waited, idle)), found
    told = document(experiment, obj, waited, idle) | {"for": goal.value, "reached": _SAID[found]}
    return (as_json if output is Shown.JSON else as_yaml)(told), found


def _window(obj: dict[str, Any]) -> float:
    """Return how long to watch an Experiment before it, and what it waits for, is read again."""
    return _WATCH_SECONDS if (obj.get("status") or {}).get("digest") else _PROGRESS_SECONDS


def waited_for(cluster: KubeconfigCluster, obj: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the inputs of an Experiment that is not bound, each with how far it is."""
    from glovebox.api import reasons
    from glovebox.errors import Unavailable
    from glovebox.kube.kinds import EXPERIMENT
    from glovebox.kube.resources import Key, references
    from glovebox.report.glance import progress
    from glovebox.report.why import explain

    if (obj.get("status") or {}).get("digest"):
        return []
    metadata = obj["metadata"]
    key = Key(EXPERIMENT.kind, metadata["namespace"], metadata["name"])
    told: list[tuple[str, str]] = []
    is_silent = False
    for each in dict.fromkeys(references(key, obj.get("spec") or {})):
        if not each.kind.endswith("Pin"):
            continue
        what = f"{each.kind} {each.namespace}/{each.name}"
        if is_silent:
            # Where one answer did not come, nobody waits for each of the others.
            told.append((what, "may not be read just now"))
            continue
        try:
            pin = cluster.find(each)
        except Unavailable as error:
            # What the operator says of the Experiment is known all the same.
            hidden = error.reason == reasons.REJECTED
            is_silent = not hidden
            told.append((what, f"may not be read{' with your rights' if hidden else ' just now'}"))
            continue
        if pin is None:
            state = "is not there"
        elif explain(what, pin, ()).is_ready:
            state = "Ready"
        else:
            state = progress(pin.get("status") or {})
        told.append((what, state))
    return told
