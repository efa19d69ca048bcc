"""One door for writes: what everybody else is handed cannot write, and nobody tries to."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

from glovebox.controllers.ports import Reader
from glovebox.kube.client import Client

SOURCE = Path(__file__).parents[3] / "operator" / "glovebox"
# `kube/` has the client itself, and the Lease, which no controller writes.
WRITES = ("apply", "kube")
VERBS = {
    name
    for name, member in vars(Client).items()
    if inspect.iscoroutinefunction(member) and not name.startswith("_")
}


def writing_calls(file: Path) -> Iterator[str]:
    """Yield where a file asks a client or a reader to write."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        holder = ast.unparse(node.func.value).rpartition(".")[2].lstrip("_")
        if node.func.attr in VERBS and holder in {"client", "reader"}:
            yield f"{file.relative_to(SOURCE)}:{node.lineno}"


def test_what_controllers_look_with_has_no_verb_that_writes() -> None:
    assert {"create", "replace", "merge", "delete"} <= VERBS
    assert "get" in dir(Reader)
    assert not VERBS & set(dir(Reader))


def test_nobody_but_the_one_door_asks_a_client_to_write() -> None:
    found = [place for file in sorted(SOURCE.rglob("*.py")) for place in writing_calls(file)]
    assert any(place.startswith("apply/") for place in found), "the search finds what it is for"
    assert [place for place in found if Path(place).parts[0] not in WRITES] == []
