"""The room is pure: nothing in it can look at the clock, throw dice, or reach the outside world."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import pytest

import glovebox.desired

ROOM: Final = sorted(Path(glovebox.desired.__file__).parent.glob("*.py"))
ALLOWED: Final = {
    "__future__",
    "base64",
    "binascii",
    "collections",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "functools",
    "glovebox",
    "hashlib",
    "ipaddress",
    "itertools",
    "orjson",
    "pydantic",
    "re",
    "typing",
    "urllib",
}
CLOCK: Final = {"now", "utcnow", "today"}


@pytest.mark.parametrize("module", ROOM, ids=lambda path: path.stem)
def test_a_module_imports_nothing_that_acts(module: Path) -> None:
    tree = ast.parse(module.read_text())
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= ALLOWED
    assert not {name for name in imported if name.startswith("urllib") and name != "urllib.parse"}
    called = {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not called & CLOCK
