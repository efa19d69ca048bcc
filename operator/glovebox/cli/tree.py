"""`glovebox tree`: what an Experiment made and what it stands on, each with its state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from glovebox.cli.failing import Failing
from glovebox.cli.named import namespaced

if TYPE_CHECKING:
    from glovebox.cli.experiments import KubeconfigCluster
    from glovebox.errors import Unavailable
    from glovebox.kube.kinds import Kind
    from glovebox.kube.resources import Key
    from glovebox.report.tree import Node

_MISSING: Final = 1
_IN_PART: Final = 3
# A chain of pins made of pins is longer than anybody reads.
_DEEPEST: Final = 8


class Shown(StrEnum):
    """How the answer is shown."""

    TEXT = "text"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"


def tree(
    name: Annotated[str, typer.Argument(help="The Experiment: NAMESPACE/NAME, or NAME and -n.")],
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Its namespace.")] = "",
    output: Annotated[
        Shown,
        typer.Option(
            "--output", "-o", help="text, wide (with UIDs), or json or yaml for programs."
        ),
    ] = Shown.TEXT,
) -> None:
    """Show what an Experiment made and what it stands on, each with its state.

    That is its namespace with policies, quota, access, Jobs and pods; its profile, store and pins;
    its run and its seal. Secrets are left out: to list them is to read them.

    Exit code 0: all of it was read. 1: there is no such Experiment. 2: wrong usage, or the cluster
    could not be asked. 3: some of it may not be read with your rights, or could not be just now;
    the tree says what. The cluster is found as kubectl finds it.
    """
    from glovebox.cli.experiments import KubeconfigCluster
    from glovebox.data.printable import printable
    from glovebox.kube.kinds import EXPERIMENT
    from glovebox.kube.resources import Key
    from glovebox.report.tree import is_whole

    namespace, name = namespaced(name, namespace)
    key = Key(EXPERIMENT.kind, namespace, name)
    with Failing(""):
        cluster = KubeconfigCluster()
        obj = cluster.find(key)
        if obj is None:
            typer.echo(f"Experiment {printable(f'{namespace}/{name}')} is not there.", err=True)
            raise typer.Exit(_MISSING)
        found = read_tree(cluster, obj)
    _show(found, output)
    if not is_whole(found):
        raise typer.Exit(_IN_PART)


def read_tree(cluster: KubeconfigCluster, obj: Mapping[str, Any]) -> Node:
    """Return the tree of an Experiment; what may not be read is marked in it.

    Raises:
        InvalidInput: It is of another version than this program.
    """
    from glovebox.api.experiment import Experiment
    from glovebox.cli.experiments import parsed
    from glovebox.kube.resources import Key
    from glovebox.report.tree import tree as compute_tree

    key, experiment = Key.of({"kind": Experiment.KIND, **obj}), parsed(Experiment, obj)
    inside = _inside(cluster, experiment.status.namespace)
    below = tuple(_referred(cluster, key, obj, {key}, _roles(experiment)))
    return compute_tree(experiment, obj, (inside,), below)


def _show(found: Node, output: Shown) -> None:
    from glovebox.cli.shown import aligned, as_document
    from glovebox.data.printable import sentence
    from glovebox.report.tree import document, rows

    if output in {Shown.JSON, Shown.YAML}:
        typer.echo(as_document(document(found), output))
    else:
        shown = [tuple(map(sentence, row)) for row in rows(found, wide=output is Shown.WIDE)]
        for line in aligned(shown):
            typer.echo(line)


def _inside(cluster: KubeconfigCluster, name: str) -> Node:
    """Return the experiment's namespace, with what is in it."""
    from glovebox.cli.experiments import is_missing
    from glovebox.errors import Unavailable
    from glovebox.report.tree import MISSING, SHOWN_KINDS, Node, namespace, objects

    if not name:
        return namespace("", None, "", ())
    state, found = "", None
    try:
        found = cluster.namespace(name)
    except Unavailable as error:
        state = MISSING if is_missing(error) else _unread(error)
    if state == MISSING:
        return namespace(name, None, state, ())
    read: dict[Kind, list[dict[str, Any]]] = {}
    hidden: list[Node] = []
    for kind in SHOWN_KINDS:
        try:
            read[kind] = cluster.inside(kind, name)
        except Unavailable as error:
            # Of a controller that is not installed there is nothing.
            if not is_missing(error):
                hidden.append(Node(kind.plural, "", _unread(error), is_known=False))
    return namespace(name, found, state, (*objects(read), *hidden))


def _referred(
    cluster: KubeconfigCluster,
    key: Key,
    obj: Mapping[str, Any],
    told: set[Key],
    roles: Mapping[Key, str],
    depth: int = 0,
) -> Iterator[Node]:
    """Yield what an object refers to; each once, where it is met first."""
    from glovebox.errors import Unavailable
    from glovebox.kube.resources import references
    from glovebox.report.tree import MISSING, Node, referred

    for each in dict.fromkeys(references(key, obj.get("spec") or {}, holding=True)):
        if each in told:
            continue
        told.add(each)
        name = f"{each.namespace}/{each.name}" if each.namespace else each.name
        details = roles.get(each, "")
        try:
            found = cluster.find(each)
        except Unavailable as error:
            yield Node(each.kind, name, _unread(error), details, is_known=False)
            continue
        if found is None:
            yield Node(each.kind, name, MISSING, details)
            continue
        below = (
            tuple(_referred(cluster, each, found, told, {}, depth + 1)) if depth < _DEEPEST else ()
        )
        yield referred(each.kind, name, found, details, below)


def _roles(experiment: Any) -> dict[Key, str]:
    """Return what each pin is for, in words."""
    from glovebox.kube.kinds import DATASET_PIN, FEATURE_SET_PIN
    from glovebox.kube.resources import Key

    told: dict[Key, list[str]] = {}
    for each in experiment.spec.inputs.datasets:
        key = Key(
            DATASET_PIN.kind, each.pin_ref.namespace or experiment.namespace, each.pin_ref.name
        )
        told.setdefault(key, []).append(f"input {each.name}, {each.role}")
    for each in experiment.spec.inputs.features:
        key = Key(
            FEATURE_SET_PIN.kind, each.pin_ref.namespace or experiment.namespace, each.pin_ref.name
        )
        told.setdefault(key, []).append(f"features {each.name}")
    return {key: "; ".join(each) for key, each in told.items()}


def _unread(error: Unavailable) -> str:
    from glovebox.api import reasons
    from glovebox.report.tree import HIDDEN, SILENT

    return HIDDEN if error.reason == reasons.REJECTED else SILENT
