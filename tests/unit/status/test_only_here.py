"""Conditions are decided in `status/` and nowhere else, whatever a module is called."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PRODUCT = Path(__file__).parents[3] / "operator" / "glovebox"
# What makes a condition, or the answer of one.
_MAKERS = {"StatusBuilder", "Finding", "Condition"}
_HOMES = ("glovebox.status", "glovebox.api.conditions")
_MARKS = {"mark", "mark_true", "mark_false", "mark_unknown"}
_KEY = "lastTransitionTime"


def decisions(source: str) -> Iterator[str]:
    """Yield where a module makes a condition."""
    tree = ast.parse(source)
    makers = _MAKERS & {
        name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_HOMES)
        for name in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in makers:
                yield f"line {node.lineno}: {node.func.id}(...)"
            if isinstance(node.func, ast.Attribute) and node.func.attr in _MARKS:
                yield f"line {node.lineno}: .{node.func.attr}(...)"
        if isinstance(node, ast.Dict):
            keys = {key.value for key in node.keys if isinstance(key, ast.Constant)}
            if _KEY in keys:
                yield f"line {node.lineno}: an entry with `{_KEY}`"


def test_no_other_package_makes_a_condition() -> None:
    found = [
        f"{path.relative_to(PRODUCT)} {each}"
        for path in sorted(PRODUCT.rglob("*.py"))
        if path.relative_to(PRODUCT).parts[0] != "status"
        for each in decisions(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "builder.mark_true('Ready', 'Done')",
        "from glovebox.status.experiment_facts import Finding\nfound = Finding('True', 'Done')",
        "entry = {'type': 'Ready', 'lastTransitionTime': now}",
    ],
)
def test_one_that_did_would_be_found(source: str) -> None:
    assert list(decisions(source))


def test_where_they_are_made_they_are_found() -> None:
    assert list(decisions((PRODUCT / "status" / "experiment.py").read_text(encoding="utf-8")))
