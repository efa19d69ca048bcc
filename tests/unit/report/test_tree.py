"""What is in a namespace is in the tree once, whoever is said to own it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from glovebox.cli.experiments import KubeconfigCluster
from glovebox.cli.tree import _referred
from glovebox.kube.kinds import JOB, POD, Kind
from glovebox.kube.resources import Key
from glovebox.report.tree import HIDDEN, MISSING, SILENT, Node, is_whole, namespace, objects

Json = dict[str, Any]


def made(name: str, owner: str = "", *, controls: bool = True) -> Json:
    references = [{"uid": owner, "controller": controls}] if owner else []
    return {"metadata": {"name": name, "uid": name, "ownerReferences": references}}


def shown(nodes: Iterator[Node]) -> list[Any]:
    return [[each.name, *shown(iter(each.below))] if each.below else each.name for each in nodes]


@pytest.mark.parametrize(
    ("jobs", "pods", "tree"),
    [
        ([made("run")], [made("p", "run")], [["run", "p"]]),
        ([made("run")], [made("p", "elsewhere")], ["run", "p"]),
        ([made("run")], [made("p", "run", controls=False)], ["run", "p"]),
        ([], [made("p", "p")], ["p"]),
        ([], [made("p", "q"), made("q", "p")], [["p", "q"]]),
        (
            [made("run")],
            [made("p", "q"), made("q", "p"), made("r", "q")],
            ["run", ["p", ["q", "r"]]],
        ),
    ],
    ids=["made by it", "gone owner", "no controller", "itself", "each other", "below a ring"],
)
def test_each_object_is_shown_once_below_the_one_that_made_it(
    jobs: list[Json], pods: list[Json], tree: list[Any]
) -> None:
    found: dict[Kind, list[Json]] = {JOB: jobs, POD: pods}
    assert shown(objects(found)) == tree


@pytest.mark.parametrize(("state", "is_all"), [(HIDDEN, False), (SILENT, False), (MISSING, True)])
def test_a_namespace_that_could_not_be_read_is_not_one_that_is_not_there(
    state: str, *, is_all: bool
) -> None:
    assert is_whole(namespace("gbx-one", None, state, ())) is is_all


def test_a_chain_of_pins_ends_where_nobody_reads_on() -> None:
    class Cluster:
        def find(self, key: Key) -> Json:
            number = int(key.name) + 1
            pins = {"inputs": [{"pinRef": {"name": str(number)}}]}
            split = {"source": {"split": str(number)}}
            spec = {"DatasetPin": split, "SplitPin": {"source": {"pinRef": {"name": str(number)}}}}
            metadata = {"name": key.name, "namespace": "team", "uid": key.name}
            return {"kind": key.kind, "metadata": metadata, "spec": spec.get(key.kind, pins)}

    first = Key("FeatureSetPin", "team", "0")
    obj = Cluster().find(first)
    cluster = cast("KubeconfigCluster", Cluster())
    (node,) = _referred(cluster, first, obj, {first}, {})
    depth = 1
    while node.below:
        (node,) = node.below
        depth += 1
    assert depth == 9
