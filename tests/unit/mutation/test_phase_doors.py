"""Which doors the phases have, and what the code does when one is away."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from mutation import switch
from mutation.phase_doors import PHASES, PhaseDoor, changed

MODULE = '''"""A phase."""

from __future__ import annotations


async def phase(found, write):
    if found is None:
        raise Refused("nothing is there")
    if found == "a bug":
        raise LookupError("another phase left nothing")
    if found == "late":
        told = "waits"
        return waiting(told)
    if found == "no check":
        return found
    await write(found)
    return done(found)


ORDER = (Phase("phase", phase, needs=("first", "second")), Phase("free", phase))
'''


@pytest.fixture(autouse=True)
def nothing_away() -> Iterator[None]:
    switch.reached.clear()
    yield
    switch.reached.clear()
    switch.away.clear()


@pytest.fixture(name="doors")
def _doors() -> dict[str, PhaseDoor]:
    return {door.name: door for door in _module()[1]}


def _module() -> tuple[dict[str, Any], list[PhaseDoor]]:
    module, doors = changed("phase.py", MODULE, itertools.count(1))
    names: dict[str, Any] = {
        "Refused": ValueError,
        "waiting": lambda told: told,
        "done": lambda found: f"done {found}",
        "Phase": lambda name, _, needs=(): (name, needs),
    }
    exec(compile(module, "phase.py", "exec"), names)  # noqa: S102 - what it is made for
    return names, doors


async def _run(found: str | None) -> tuple[str, list[str | None]]:
    written: list[str | None] = []

    async def write(what: str | None) -> None:
        written.append(what)

    return await _module()[0]["phase"](found, write), written


def test_checks_effects_and_needs_are_doors_and_nothing_else(doors: dict[str, PhaseDoor]) -> None:
    assert [str(door) for door in doors.values()] == [
        "phase.py check phase: if found is None",
        "phase.py check phase: if found == 'late'",
        "phase.py effect phase: await write(found)",
        "phase.py need phase waits for first",
        "phase.py need phase waits for second",
    ]


async def test_with_all_doors_a_module_does_what_it_did() -> None:
    with pytest.raises(ValueError, match="nothing is there"):
        await _run(None)
    assert await _run("late") == ("waits", [])
    assert await _run("no check") == ("no check", [])
    assert await _run("it") == ("done it", ["it"])


async def test_a_check_that_is_away_lets_everything_pass(doors: dict[str, PhaseDoor]) -> None:
    switch.away.add(doors["phase: if found == 'late'"].number)
    assert await _run("late") == ("done late", ["late"])
    with pytest.raises(ValueError, match="nothing is there"):
        await _run(None)


async def test_an_effect_that_is_away_is_not_done(doors: dict[str, PhaseDoor]) -> None:
    switch.away.add(doors["phase: await write(found)"].number)
    assert await _run("it") == ("done it", [])


async def test_a_check_is_reached_where_it_stops_something(doors: dict[str, PhaseDoor]) -> None:
    await _run("it")
    assert switch.reached == {doors["phase: await write(found)"].number}
    await _run("late")
    assert doors["phase: if found == 'late'"].number in switch.reached


def test_a_need_is_reached_where_it_keeps_a_phase_from_running(
    doors: dict[str, PhaseDoor],
) -> None:
    (_, needs), (_, free) = _module()[0]["ORDER"]
    assert (list(needs), list(free)) == (["first", "second"], [])
    assert switch.reached == set()

    assert next(need for need in needs if need == "second") == "second"
    assert switch.reached == {doors["phase waits for second"].number}


def test_a_need_that_is_away_is_not_asked_for(doors: dict[str, PhaseDoor]) -> None:
    (_, needs), _ = _module()[0]["ORDER"]
    switch.away.add(doors["phase waits for first"].number)
    assert list(needs) == ["second"]


def test_no_phase_is_without_a_door() -> None:
    reconcile = ast.parse((PHASES / "reconcile.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(reconcile) if isinstance(node, ast.Call)]
    names = [node.args[1].id for node in calls if _is_phase(node)]  # type: ignore[attr-defined]
    modules = {
        alias.name: node.module.rpartition(".")[2]
        for node in ast.walk(reconcile)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    numbers = itertools.count(1)
    for name in names:
        path = PHASES / f"{modules[name]}.py"
        assert changed(path.name, path.read_text(encoding="utf-8"), numbers)[1], name


def _is_phase(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Name) and node.func.id == "Phase"
