"""The page that says how many doors there are and which of them nobody watches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mutation.plugin import Verdict

PAGE: Final = Path(__file__).parents[2] / "docs" / "reference" / "mutation.md"
_HEAD: Final = """# Doors that tests watch

<!-- Made by `make mutate`. Do not edit. -->

A door is a place where the API server refuses: a validation or a match condition of a guard (a
ValidatingAdmissionPolicy of the chart), or a CEL rule of a definition. `make mutate` takes each
door away in turn, on a real API server: a validation or condition becomes `true`, a rule goes. It
then runs the tests that watch it. The door counts as watched when a test that passes fails without
it, and passes again once it is back.

"""


def page(verdicts: Sequence[Verdict]) -> str:
    """Return the page."""
    survivors = [verdict for verdict in verdicts if verdict.noticed_by is None]
    lines = [_HEAD, f"Doors: {len(verdicts)}. Watched by nobody: {len(survivors)}.", ""]
    lines += [f"- {verdict.door}" for verdict in survivors]
    lines += [""] if survivors else []
    lines += ["| guard or definition | validations | conditions | rules | unwatched |"]
    lines += ["|---|---|---|---|---|"]
    for owner in sorted({verdict.door.owner for verdict in verdicts}):
        own = [verdict for verdict in verdicts if verdict.door.owner == owner]
        parts = Counter(verdict.door.part for verdict in own)
        lost = sum(verdict.noticed_by is None for verdict in own)
        counts = " | ".join(str(parts[part]) for part in ("validation", "condition", "rule"))
        lines.append(f"| `{owner}` | {counts} | {lost} |")
    lines += ["", "## Which test notices", ""]
    lines += ["The first that does; there may be more.", "", "| door | test |", "|---|---|"]
    lines += [
        f"| {_cell(str(verdict.door))} | `{_cell(verdict.noticed_by.partition('[')[0])}` |"
        for verdict in sorted(verdicts, key=lambda verdict: str(verdict.door))
        if verdict.noticed_by
    ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
