"""How commands show what they found: aligned for people, as documents for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows as lines whose columns begin below each other.

    Args:
        rows: Of one length; what may act on a terminal is taken out before.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "   ".join(cells).rstrip()


def as_json(told: Any) -> str:
    """Return plain values as JSON, in ASCII: a terminal that shows it obeys none of it."""
    return json.dumps(told, indent=2)


def as_document(told: Any, output: str) -> str:
    """Return plain values as JSON or as YAML, whichever `-o` names."""
    return as_json(told) if output == "json" else as_yaml(told)


def as_yaml(told: Any) -> str:
    """Return plain values as YAML, in the order given and likewise in ASCII; no end of line."""
    import yaml

    return str(yaml.safe_dump(told, sort_keys=False)).rstrip("\n")
