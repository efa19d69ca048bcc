"""Whether what meets one contract meets another one: schema compatibility of datasets. Pure.

A contract is the set of all datasets that meet it. *Forward* compatible is a new contract that is
within the old one: code for the old one can use the new data. *Backward* compatible is one that has
the old one within: code for the new one can use the old data. Both directions are one question with
its arguments swapped, so no rule can be strict in one of them and lax in the other.

Rules are compared one by one, and what cannot be decided counts as not compatible: of two patterns
nobody knows which has the other within. Four things are not looked at: `SameType` of a column that
one contract lists and the other does not, or hardly any column could be added or left out; the
moment that `freshness` counts from, which moves with the data; what the pins in `references` hold;
and whole numbers in hexadecimal, which CSV takes for an Integer alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final, Literal

from glovebox.api.contract import RULE_NAMES, Contract, ContractColumn, ForeignKey
from glovebox.api.evolution import Compatibility
from glovebox.data.evolution_words import ALL, difference, null_share

Direction = Literal["Forward", "Backward", "Both"]
# A contract that is gone: no rule of it is left.
NO_CONTRACT: Final = "Contract"
_NUMERIC: Final = frozenset({"Integer", "Number", "Decimal"})
_WIDER: Final = {"Number": {"Integer", "Decimal"}, "Decimal": {"Integer"}}
# What every Decimal is a Number in: JSON may say the one as text, and not the other.
_OF_ONE_SHAPE: Final = frozenset({"Parquet", "CSV"})
# Text that is no number. There is one: no two of them are equal.
_NO_NUMBER: Final = Decimal("NaN")
_Place = tuple[str, str]
_Value = tuple[Decimal, str]


@dataclass(frozen=True, slots=True)
class Change:
    """A difference that is not compatible.

    Attributes:
        rule: Which rule differs.
        column: The column, or columns; empty of whole tables.
        breaks: Which direction is lost by it.
        message: What was promised, and what is.
    """

    rule: str
    column: str
    breaks: Direction
    message: str


@dataclass(frozen=True, slots=True)
class Evolution:
    """How a contract compares with the one before it."""

    compatibility: Compatibility
    changes: tuple[Change, ...] = ()


def compare_contracts(old: Contract, new: Contract | None) -> Evolution:
    """Return how a contract compares with the one before it.

    Args:
        old: The one before.
        new: The one that follows; None where nothing is promised any more. That counts as breaking,
            though anything meets what is not there.
    """
    if new is None:
        gone = Change(NO_CONTRACT, "", "Both", "there was a contract, and there is none any more")
        return Evolution("Breaking", (gone,))
    forward = set(_not_implied(new, old))
    backward = set(_not_implied(old, new))
    order: dict[str, int] = {name: at for at, name in enumerate(RULE_NAMES)}
    places = sorted(forward | backward, key=lambda each: (each[1], order[each[0]]))
    changes = tuple(
        Change(
            rule,
            column,
            "Both"
            if (rule, column) in forward & backward
            else "Forward"
            if (rule, column) in forward
            else "Backward",
            difference(rule, column, old, new),
        )
        for rule, column in places
    )
    return Evolution(_class(is_forward=not forward, is_backward=not backward), changes)


def satisfies(found: str, demanded: str) -> bool:
    """Whether a compatibility is what is demanded, or more."""
    return demanded == "None" or found in {"Full", demanded}


def _class(*, is_forward: bool, is_backward: bool) -> Compatibility:
    if is_forward:
        return "Full" if is_backward else "Forward"
    return "Backward" if is_backward else "Breaking"


def _not_implied(given: Contract, wanted: Contract) -> Iterator[_Place]:
    """Yield which rules of a contract may be broken by data that meet another one."""
    if wanted.format is not None and given.format != wanted.format:
        yield "Format", ""
    yield from _columns(given, wanted)
    yield from _rows(given, wanted)
    yield from _keys(given, wanted)
    yield from _times(given, wanted)


def _columns(given: Contract, wanted: Contract) -> Iterator[_Place]:
    known = {each.name: each for each in given.columns}
    for column in wanted.columns:
        held = known.pop(column.name, None)
        if held is not None:
            yield from _column(held, column, given)
        elif not column.optional:
            yield "Columns", column.name
        elif given.other_columns == "Refused":
            # It is surely not there, and all its rows count as null.
            if null_share(column) < ALL:
                yield "NullShare", column.name
        elif column != ContractColumn(name=column.name, optional=True, shown=column.shown):
            # Whatever is there under this name, nobody said what it holds.
            yield "Columns", column.name
    if wanted.other_columns == "Refused":
        for name in known:
            yield "Columns", name
        if given.other_columns == "Allowed":
            yield "Columns", ""


def _column(held: ContractColumn, wanted: ContractColumn, given: Contract) -> Iterator[_Place]:
    name = wanted.name
    if held.optional and not wanted.optional:
        yield "Columns", name
    if null_share(held) > null_share(wanted):
        yield "NullShare", name
    if not _is_of_type(held.type, wanted.type, given):
        yield "Type", name
        # Values of different types have no order and no form in common.
        return
    values = [_value(each, held) for each in held.allowed]
    lowest = [_value(held.minimum, held)] if held.minimum is not None else values
    if wanted.minimum is not None and not _all_above(_value(wanted.minimum, wanted), lowest):
        yield "Minimum", name
    highest = [_value(held.maximum, held)] if held.maximum is not None else values
    if wanted.maximum is not None and not _all_below(highest, _value(wanted.maximum, wanted)):
        yield "Maximum", name
    if wanted.allowed:
        allowed = {_value(each, wanted) for each in wanted.allowed}
        if not values or not allowed.issuperset(values):
            yield "Allowed", name
    if wanted.pattern is not None and held.pattern != wanted.pattern:
        yield "Pattern", name


def _is_of_type(held: str | None, wanted: str | None, given: Contract) -> bool:
    if wanted is None or held == wanted:
        return True
    if (held, wanted) == ("Decimal", "Number") and given.format not in _OF_ONE_SHAPE:
        return False
    return held in _WIDER.get(wanted, ())


def _value(text: str, column: ContractColumn) -> _Value:
    """Return what has the order of the values; text that stands for none is equal to itself."""
    if column.type not in _NUMERIC:
        # Dates and moments are written so that their text has their order.
        return Decimal(0), text
    try:
        number = Decimal(text)
    except InvalidOperation:
        return _NO_NUMBER, text
    return (number, "") if number.is_finite() else (_NO_NUMBER, text)


def _all_above(bound: _Value, values: list[_Value]) -> bool:
    return bool(values) and all(_is_known(bound, each) and bound <= each for each in values)


def _all_below(values: list[_Value], bound: _Value) -> bool:
    return bool(values) and all(_is_known(bound, each) and each <= bound for each in values)


def _is_known(*values: _Value) -> bool:
    return not any(number.is_nan() for number, _ in values)


def _rows(given: Contract, wanted: Contract) -> Iterator[_Place]:
    if wanted.rows is None:
        return
    held = given.rows
    lower = (
        (held.minimum if held else None, wanted.rows.minimum),
        (held.minimum_per_file if held else None, wanted.rows.minimum_per_file),
    )
    upper = (
        (held.maximum if held else None, wanted.rows.maximum),
        (held.maximum_per_file if held else None, wanted.rows.maximum_per_file),
    )
    # No number is less than none.
    if any(bound and (own is None or own < bound) for own, bound in lower) or any(
        bound is not None and (own is None or own > bound) for own, bound in upper
    ):
        yield "RowCount", ""


def _keys(given: Contract, wanted: Contract) -> Iterator[_Place]:
    unique = [set(each.columns) for each in given.unique]
    for key in wanted.unique:
        # What occurs once occurs once with more beside it.
        if not any(each.issubset(key.columns) for each in unique):
            yield "Unique", ", ".join(sorted(key.columns))
    known = {_looked_up(each) for each in given.references}
    for each in wanted.references:
        if _looked_up(each) not in known:
            yield "Reference", ", ".join(sorted(each.columns))


def _looked_up(reference: ForeignKey) -> tuple[str, frozenset[tuple[str, str]]]:
    targets = reference.target_columns or reference.columns
    return reference.pin_ref.name, frozenset(zip(reference.columns, targets, strict=True))


def _times(given: Contract, wanted: Contract) -> Iterator[_Place]:
    fresh, held = wanted.freshness, given.freshness
    if fresh is not None and (
        held is None or held.column != fresh.column or held.max_age_seconds > fresh.max_age_seconds
    ):
        yield "Freshness", fresh.column
    gaps, known = wanted.gaps, given.gaps
    if gaps is not None and (
        known is None or known.column != gaps.column or known.max_seconds > gaps.max_seconds
    ):
        yield "Gap", gaps.column
