"""What documents say otherwise: by path, entries of lists by their names."""

from __future__ import annotations

import math
from typing import Any

import pytest

from glovebox.report.leaves import different, leaves, numbers


def stage(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "command": ["python", "train.py"], **more}


@pytest.mark.parametrize(
    ("document", "found"),
    [
        pytest.param({"a": {"b": 1}}, {"a.b": 1}, id="a path has all names"),
        pytest.param({"a": {}, "b": [], "c": "", "d": None}, {}, id="what is empty says nothing"),
        pytest.param({"a": 0, "b": False}, {"a": 0, "b": False}, id="zero and false say something"),
        pytest.param(
            {"stages": [stage("fit")]},
            {"stages.fit.command": ["python", "train.py"]},
            id="an entry is called by its name, and a command is one value",
        ),
        pytest.param(
            {"ports": [{"port": 443, "protocol": "TCP"}]},
            {"ports.443.protocol": "TCP"},
            id="or by its port",
        ),
        pytest.param({"a": [{"name": "x"}]}, {"a.x.name": "x"}, id="one that is only its name"),
        pytest.param(
            {"a": [{"name": "x", "v": 1}, {"name": "x", "v": 2}]},
            {"a.0.name": "x", "a.0.v": 1, "a.1.name": "x", "a.1.v": 2},
            id="names that are not unique are none",
        ),
        pytest.param({"a": [{"v": 1}, 2]}, {"a.0.v": 1, "a.1": 2}, id="else by its place"),
    ],
)
def test_each_plain_value_has_a_path(document: dict[str, Any], found: dict[str, Any]) -> None:
    assert dict(leaves(document)) == found


def test_the_order_of_named_entries_is_no_difference() -> None:
    one, other = {"s": [stage("a"), stage("b")]}, {"s": [stage("b"), stage("a")]}
    assert different([one, other]) == {}


def test_a_value_that_one_of_three_says_otherwise_is_told_of_all() -> None:
    documents = [{"a": "1", "b": "same"}, {"a": "2", "b": "same"}, {"b": "same"}]
    assert different(documents) == {"a": ["1", "2", None]}


def test_figures_are_finite_numbers_and_nothing_else() -> None:
    document = {
        "auc": 0.74,
        "rows": 9,
        "by": {"carrier": {"auc": 0.7}},
        "curve": [0.1, 0.2],
        "done": True,
        "name": "7",
        "lost": math.nan,
        "far": math.inf,
    }
    assert numbers(document) == {"auc": 0.74, "rows": 9, "by.carrier.auc": 0.7}
