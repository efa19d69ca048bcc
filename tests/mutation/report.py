"""The page that says how many doors there are and what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mutation.results import Result

PAGE: Final = Path(__file__).parents[2] / "docs" / "reference" / "mutation.md"
_HEAD: Final = """# Doors that tests watch

<!-- Made by `make mutate`. Do not edit. -->

A door is a place where something is refused, done or waited for, so that a promise holds.
`make mutate` takes each door away in turn and runs the tests that watch it. It counts as noticed
when a test that passes fails without it, and passes again once it is back.

- **Of the API server**: a validation or a match condition of a guard (a ValidatingAdmissionPolicy
  of the chart) becomes `true`, or a CEL rule of a definition goes, on a real API server.
- **Of the phases of an Experiment** (`controllers/experiment/`): a *check*, after which one goes
  no further, lets everything pass; an *effect*, whose answer nobody uses, is not done; a *need* of
  another phase is dropped. The tests are those that need no server: the operator's real code in the
  [simulation](simulation.md), and the tables of its parts.

"""
_IN_PARTS: Final = """The page is put together from runs in parts. Of a door that was taken away
more than once, the last run counts."""
_COLUMNS: Final = ("doors", "noticed", "equivalent", "survivors", "not run")


def page(results: Sequence[Result], *, in_parts: bool = False) -> str:
    """Return the page; in parts means that it comes of several runs, as `--kept` keeps them."""
    counts = _counts(results)
    summary = ", ".join(f"{name}: {counts[name]}" for name in _COLUMNS).capitalize()
    lines = [f"{_HEAD}{summary}.", ""]
    lines += [_IN_PARTS, ""] if in_parts else []
    lines += _listed("Survivors", "Nobody noticed:", [r for r in results if r.survives])
    left = [result for result in results if not result.was_run and not result.equivalent]
    lines += _listed("Not run", "These were not taken away yet:", left)
    lines += ["## Each guard, definition and phase", ""]
    lines += [
        f"| guard, definition or module | {' | '.join(_COLUMNS)} |",
        f"|---|{'---|' * len(_COLUMNS)}",
    ]
    for owner in sorted({result.owner for result in results}):
        own = _counts([result for result in results if result.owner == owner])
        lines.append(f"| `{owner}` | {' | '.join(str(own[name]) for name in _COLUMNS)} |")
    lines += ["", "## Equivalent", ""]
    lines += ["Taken away alone they change no answer, so no test can notice.", ""]
    lines += ["| door | reason |", "|---|---|"]
    lines += [
        f"| {_cell(result.door)} | {_cell(result.equivalent)} |"
        for result in _sorted(results)
        if result.equivalent
    ]
    lines += ["", "## Which test notices", ""]
    lines += ["The first that does; there may be more.", "", "| door | test |", "|---|---|"]
    lines += [
        f"| {_cell(result.door)} | `{_cell(result.noticed_by.partition('[')[0])}` |"
        for result in _sorted(results)
        if result.noticed_by
    ]
    return "\n".join(lines) + "\n"


def _counts(results: Sequence[Result]) -> dict[str, int]:
    return {
        "doors": len(results),
        "noticed": sum(result.noticed_by is not None for result in results),
        "equivalent": sum(result.equivalent is not None for result in results),
        "survivors": sum(result.survives for result in results),
        "not run": sum(not result.was_run and not result.equivalent for result in results),
    }


def _listed(title: str, said: str, results: Sequence[Result]) -> list[str]:
    if not results:
        return []
    return [f"## {title}", "", said, "", *(f"- {_cell(r.door)}" for r in _sorted(results)), ""]


def _sorted(results: Sequence[Result]) -> list[Result]:
    return sorted(results, key=lambda result: result.door)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
