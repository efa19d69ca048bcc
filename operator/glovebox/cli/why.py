"""`glovebox why`: why something is not Ready, down to what it waits for, with the next step."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from glovebox.cli.failing import Failing
from glovebox.cli.named import kind_named, namespaced

if TYPE_CHECKING:
    from glovebox.cli.experiments import KubeconfigCluster
    from glovebox.kube.resources import Key
    from glovebox.report.why import Why

_NOT_READY: Final = 1
# So many objects are followed below each other: a chain of pins made of pins is longer than anybody
# reads.
_DEEPEST: Final = 8


class Shown(StrEnum):
    """How the answer is shown."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"


def why(
    kind: Annotated[
        str,
        typer.Argument(help="As kubectl takes it: experiment, gexp, datasetpins, objectstore, ..."),
    ],
    name: Annotated[
        str,
        typer.Argument(help="NAMESPACE/NAME, or NAME of an IsolationProfile or ObjectStore."),
    ],
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", help="The namespace, where NAME does not say it.")
    ] = "",
    output: Annotated[
        Shown, typer.Option("--output", "-o", help="text, or json or yaml for programs.")
    ] = Shown.TEXT,
) -> None:
    """Say why something is not Ready, what that means, and what to do next.

    It follows what the object refers to: an Experiment waits for a pin, the pin for its store. Exit
    code 0: it is Ready. 1: it is not, or not there. 2: the cluster could not be asked. The cluster
    is found as kubectl finds it. That no operator works is said to whoever may read its Lease.
    """
    from glovebox.cli.experiments import KubeconfigCluster
    from glovebox.cli.shown import as_document
    from glovebox.data.printable import printable
    from glovebox.report.why import document, lines

    key = _key(kind, name, namespace)
    with Failing(""):
        found = explained(KubeconfigCluster(), key)
    if output is not Shown.TEXT:
        typer.echo(as_document(document(found), output))
    else:
        for line in lines(found):
            typer.echo(printable(line))
    if not found.is_ready:
        raise typer.Exit(_NOT_READY)


def _key(kind: str, name: str, given: str) -> Key:
    from glovebox.kube.resources import Key

    found = kind_named(kind)
    if found.namespaced:
        return Key(found.kind, *namespaced(name, given))
    if given or "/" in name:
        raise typer.BadParameter(
            f"write the {found.kind} as NAME, without a namespace", param_hint="NAME"
        )
    return Key(found.kind, "", name)


def explained(cluster: KubeconfigCluster, key: Key) -> Why:
    """Return what is the matter with an object, down to what it waits for.

    Raises:
        Unavailable: The API server does not answer, or refuses it.
    """
    return _explained(cluster, key, set())


def _explained(
    cluster: KubeconfigCluster,
    key: Key,
    told: set[Key],
    depth: int = 0,
    idle: str | None = None,
) -> Why:
    from datetime import UTC, datetime

    from glovebox.api import reasons
    from glovebox.errors import Unavailable
    from glovebox.kube.resources import references
    from glovebox.report.why import explain, without
    from glovebox.report.working import why_idle

    what = f"{key.kind} {key.namespace}/{key.name}" if key.namespace else f"{key.kind} {key.name}"
    told.add(key)
    try:
        obj = cluster.find(key)
    except Unavailable as error:
        if error.reason != reasons.REJECTED or not depth:
            raise
        return without(what, f"It may not be read with your rights: {error}", is_known=False)
    if obj is None:
        return without(what, "It is not there. Create it, or name another one.")
    if not depth:
        idle = why_idle(cluster.operator_lease(), datetime.now(UTC))
    # It is told once, of what was asked for.
    passed_on = None if idle is None else ""
    below = []
    for each in references(key, obj.get("spec") or {}) if depth < _DEEPEST else ():
        # Once is enough, also where two refer to it, or it refers to itself.
        if each not in told:
            found = _explained(cluster, each, told, depth + 1, passed_on)
            below += [] if found.is_ready else [found]
    return explain(what, obj, below, idle=idle)
