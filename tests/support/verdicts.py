"""The table of what reaches what, as people read it.

Taken from the page about isolation, not from the code that it judges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.node import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE = REPOSITORY / "docs" / "explanation" / "isolation.md"
_WORDS = {"open": True, "–": False}  # noqa: RUF001 - as the page is written for people

# Whether it is open, by source and then by destination; what is not asked is left out.
Verdicts = dict[str, dict[str, bool]]


def read_verdicts() -> Verdicts:
    """Return the table of the page."""
    text = PAGE.read_text().partition("<!-- matrix -->")[2].partition("<!-- /matrix -->")[0]
    head, _, *rows = (_cells(line) for line in text.strip().splitlines())
    verdicts: Verdicts = {source: {} for source in head[1:]}
    for destination, *cells in rows:
        for source, cell in zip(head[1:], cells, strict=True):
            if cell:
                verdicts[source][destination] = _WORDS[cell]
    return verdicts


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def differences(
    expected: Verdicts, seen: Mapping[str, Mapping[str, str]], names: Mapping[str, str]
) -> list[str]:
    """Return a sentence for each cell in which packets did something else than the table says.

    Args:
        expected: The table, or a part of it.
        seen: What became of each question, by source and destination: `open`, `open NAME`, `silent`
            or anything else.
        names: The name with which the listener of a destination answers, where it is ours.
    """
    found = []
    for source, cells in expected.items():
        for destination, is_open in cells.items():
            outcome = seen[source][destination]
            wanted = (
                f"open {names[destination]}".strip()
                if is_open and destination in names
                else "open"
                if is_open
                else "silent"
            )
            if outcome != wanted:
                found.append(f"{source} -> {destination}: {outcome}, and not {wanted}")
    return found
