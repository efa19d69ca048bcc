"""The page that says where things are names files and functions that are there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "operator" / "glovebox"
PAGE = ROOT / "docs" / "explanation" / "where-things-are.md"
_ROW = re.compile(r"^\| (.+?) \| `([\w/]+\.py)` \| `([\w.]+)` \| (.*?) ?\|$", re.MULTILINE)
_BESIDE = re.compile(r"`(\w+)` in `([\w/]+\.py)`")
_OF_CHART = re.compile(r"`((?:helm|guards|templates)/[\w/.-]+)`")
ROWS = _ROW.findall(PAGE.read_text(encoding="utf-8"))


def defined(tree: ast.AST, within: str = "") -> Iterator[str]:
    """Yield the functions, classes and constants of a module, methods with their class."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.ClassDef(name=name):
                yield name
                yield from defined(node, f"{name}.")
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield within + name
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield within + name


def names_in(file: str) -> set[str]:
    return set(defined(ast.parse((SOURCE / file).read_text(encoding="utf-8"))))


@pytest.mark.parametrize(("behaviour", "file", "function", "beside"), ROWS)
def test_what_the_page_names_is_there(
    behaviour: str, file: str, function: str, beside: str
) -> None:
    assert function in names_in(file), behaviour
    for name, other in _BESIDE.findall(beside):
        assert name in names_in(other), behaviour


def test_what_the_page_names_of_the_chart_is_there() -> None:
    files = _OF_CHART.findall(PAGE.read_text(encoding="utf-8"))

    assert files
    assert [file for file in files if not (ROOT / file).is_file()] == []


def test_the_page_has_the_rows_that_were_looked_for() -> None:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    assert len(ROWS) == len(lines) - 1 >= 20, "each row is of the form that is checked"


def test_a_name_that_is_not_there_would_be_noticed() -> None:
    assert "ensure_isolation" in names_in("controllers/experiment/isolation.py")
    assert "Reflector.run" in names_in("kube/reflector.py")
    assert "ensure_walls" not in names_in("controllers/experiment/isolation.py")
