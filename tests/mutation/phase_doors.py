"""The doors of the phases: what each phase of an Experiment checks, does and waits for.

They are found in the code, so that whoever adds one has it watched. A *check* is a condition after
which a phase goes no further: it raises, or returns an outcome. An *effect* is something that is
done and whose answer nobody uses. A *need* is another phase that must be done before.

The modules are changed while they are imported: each door asks `switch.py` whether it is there. So
one process takes them all away in turn, and nothing on the disk is changed.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from support.importing import Source, import_instead

_PRODUCT: Final = Path(__file__).parents[2] / "operator" / "glovebox"
PHASES: Final = _PRODUCT / "controllers" / "experiment"
_OUTCOMES: Final = frozenset({"Outcome", "done", "of_error", "skipped", "waiting"})
# What `glovebox plan` shows: nothing is promised by it.
_NO_PHASES: Final = frozenset({"preview.py"})
_SWITCH: Final = "_switch"
_LONGEST: Final = 110


@dataclass(frozen=True, slots=True)
class PhaseDoor:
    """One door.

    Attributes:
        number: By which the code asks for it.
        owner: The module.
        part: `check`, `effect` or `need`.
        name: Tells it apart within its module: where it is, and what it says.
    """

    number: int
    owner: str
    part: str
    name: str

    def __str__(self) -> str:
        return f"{self.owner} {self.part} {self.name}"


@dataclass(slots=True)
class _Changer(ast.NodeTransformer):
    """Finds the doors of one module, and lets each ask whether it is there."""

    owner: str
    numbers: Iterator[int]
    doors: list[PhaseDoor] = field(default_factory=list)
    _within: list[str] = field(default_factory=list)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        self._within.append(node.name)
        self.generic_visit(node)
        self._within.pop()
        return node

    def visit_If(self, node: ast.If) -> ast.AST:
        text = ast.unparse(node.test)
        if _is_check(node):
            door = ast.Constant(self._door("check", f"if {text}"))
            node.test = _asked("check", door, node.test)
        self.generic_visit(node)
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        if not isinstance(node.value, ast.Await):
            return self.generic_visit(node)
        door = ast.Constant(self._door("effect", ast.unparse(node.value)))
        self.generic_visit(node)
        return ast.If(_asked("effect", door), [node], [])

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == "Phase":
            phase = node.args[0]
            for keyword in node.keywords:
                if keyword.arg == "needs" and isinstance(keyword.value, ast.Tuple):
                    needs = keyword.value.elts
                    doors: list[ast.expr | None] = [
                        ast.Constant(
                            self._door("need", f"{_value(phase)} waits for {_value(need)}")
                        )
                        for need in needs
                    ]
                    keyword.value = _asked("Needs", ast.Dict(doors, needs))
        self.generic_visit(node)
        return node

    def _door(self, part: str, text: str) -> int:
        place = f"{self._within[-1]}: " if self._within else ""
        short = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
        name = before = f"{place}{short}"
        known = {door.name for door in self.doors if door.part == part}
        count = 1
        while name in known:
            count += 1
            name = f"{before} ({count})"
        door = PhaseDoor(next(self.numbers), self.owner, part, name)
        self.doors.append(door)
        return door.number


def _is_check(node: ast.If) -> bool:
    """Whether a phase goes no further where a condition holds.

    A LookupError says that another phase has a bug: nothing is promised by it.
    """
    last = node.body[-1]
    if isinstance(last, ast.Raise):
        return "LookupError" not in ast.unparse(last)
    value = last.value if isinstance(last, ast.Return) else None
    return (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and value.func.id in _OUTCOMES
    )


def _asked(what: str, *arguments: ast.expr) -> ast.Call:
    function = ast.Attribute(ast.Name(_SWITCH, ast.Load()), what, ast.Load())
    return ast.Call(function, list(arguments), [])


def _value(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ast.unparse(node)


def changed(owner: str, text: str, numbers: Iterator[int]) -> tuple[ast.Module, list[PhaseDoor]]:
    """Return a module that asks for each of its doors, and the doors.

    Args:
        owner: The module's name.
        text: Its source.
        numbers: Of the doors.
    """
    changer = _Changer(owner, numbers)
    module = changer.visit(ast.parse(text))
    after = next(
        number
        for number, line in enumerate(module.body)
        if not _is_docstring(line) and not _is_future(line)
    )
    brought = ast.ImportFrom("mutation", [ast.alias("switch", _SWITCH)], 0)
    module.body.insert(after, brought)
    return ast.fix_missing_locations(module), changer.doors


def _is_docstring(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)


def _is_future(line: ast.stmt) -> bool:
    return isinstance(line, ast.ImportFrom) and line.module == "__future__"


def import_with_doors(folder: Path = PHASES) -> list[PhaseDoor]:
    """Let the modules of a folder be imported so that they ask for their doors; return these.

    Raises:
        RuntimeError: One of them was imported already.
    """
    numbers = itertools.count(1)
    package = ".".join(folder.relative_to(_PRODUCT.parent).parts)
    sources: dict[str, tuple[Path, Source]] = {}
    doors: list[PhaseDoor] = []
    for path in sorted(folder.glob("[!_]*.py")):
        if path.name in _NO_PHASES:
            continue
        owner = f"{folder.name}/{path.name}"
        module, found = changed(owner, path.read_text(encoding="utf-8"), numbers)
        sources[f"{package}.{path.stem}"] = (path, module)
        doors += found
    import_instead(sources)
    return doors
