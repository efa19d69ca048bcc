"""What a SplitPin comes to as values: its rule, its identity, and what its parts record. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.dataset_pin_status import PinnedPart
from glovebox.api.split_pin import SplitPin, SplitPinSpec
from glovebox.api.split_pin_status import PartOfSplit
from glovebox.data.digest import digest_of
from glovebox.data.splits import Rule, nanoseconds

FORMAT = "glovebox.dev/split/v1"


class Counted(Protocol):
    """A part, as it was found or as a status records it."""

    @property
    def name(self) -> str:
        """As it is declared."""

    @property
    def objects(self) -> int:
        """How many objects it has."""

    @property
    def rows(self) -> int | None:
        """How many rows it has; None where objects were not opened."""


def counts_of(spec: SplitPinSpec, parts: Iterable[Counted]) -> dict[str, int]:
    """Return how much each part has, by name: rows, or objects where these are divided."""
    is_rows = spec.granularity == "Rows"
    return {part.name: (part.rows or 0) if is_rows else part.objects for part in parts}


def rule_of(spec: SplitPinSpec) -> Rule:
    """Return the rule as the data know it."""
    rule, time, listed = spec.rule, spec.rule.time, spec.rule.assignment
    columns = sorted(rule.columns, key=lambda column: column.name)
    return Rule(
        granularity=spec.granularity,
        by=rule.by,
        columns=(time.column,) if time is not None else tuple(each.name for each in columns),
        kinds=(None,) if time is not None else tuple(each.type for each in columns),
        salt=rule.salt or "",
        shares=tuple(part.share or 0 for part in spec.parts) if rule.by == "Key" else (),
        boundaries=(
            tuple(str(nanoseconds(each)) for each in time.boundaries) if time is not None else ()
        ),
        embargo_seconds=time.embargo_seconds if time is not None else 0,
        path=listed.path if listed is not None else "",
        part_column=listed.part_column if listed is not None else "",
    )


def split_digest(spec: SplitPinSpec, source: str) -> str:
    """Return the identity of a split.

    Args:
        spec: Of the SplitPin.
        source: Content root of what is split.
    """
    rule = rule_of(spec)
    return digest_of(
        {
            "format": FORMAT,
            "source": source,
            "granularity": rule.granularity,
            "by": rule.by,
            "columns": [
                {"name": name, "type": kind or ""}
                for name, kind in zip(rule.columns, rule.kinds, strict=True)
            ],
            "salt": rule.salt,
            "boundaries": list(rule.boundaries),
            "embargoSeconds": rule.embargo_seconds,
            "path": rule.path,
            "partColumn": rule.part_column,
            "parts": [
                {"name": part.name, "role": part.role, "share": part.share or 0}
                for part in spec.parts
            ],
        }
    )


def part_of(split: SplitPin, name: str) -> PinnedPart:
    """Return what the pin of a part records of it; there is such a part."""
    rule, status = rule_of(split.spec), split.status
    role = next(part.role for part in split.spec.parts if part.name == name)
    own = PartOfSplit(
        split_digest=status.digest,
        part=name,
        source_digest=status.source_digest,
        granularity=rule.granularity,
        by=rule.by,
        columns=rule.columns,
    )
    return PinnedPart(split=split.name, name=name, role=role, splits=(own, *status.within))


def within(pin: DatasetPin) -> tuple[PartOfSplit, ...]:
    """Return of which splits a pin is a part, the innermost first."""
    return pin.status.part.splits if pin.status.part is not None else ()
