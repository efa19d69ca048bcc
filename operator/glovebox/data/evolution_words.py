"""What two contracts say by one rule, in words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from glovebox.api.contract import Contract, ContractColumn

# All rows of a file, in ten-thousandths.
ALL: Final = 10_000
_NAMED: Final = 3


def null_share(column: ContractColumn) -> int:
    """Return how many rows of a file may hold nothing, in ten-thousandths."""
    return ALL if column.max_null_share is None else column.max_null_share


def difference(rule: str, column: str, old: Contract, new: Contract) -> str:
    """Return what was promised by a rule, and what is.

    Args:
        rule: The rule.
        column: The column; of keys all of them, by name with commas; empty of whole tables.
        old: The contract before.
        new: The one that follows.
    """
    said = f"was {_told(rule, column, old)}, is {_told(rule, column, new)}"
    before, after = _listed(column, old), _listed(column, new)
    if rule != "Allowed" or before is None or after is None:
        return said
    if not before.allowed or not after.allowed:
        return said
    more = [each for each in after.allowed if each not in before.allowed]
    fewer = [each for each in before.allowed if each not in after.allowed]
    return f"{said}: {len(more)} more{_some(more)}, {len(fewer)} fewer{_some(fewer)}"


def _some(values: list[str]) -> str:
    named = ", ".join(f"'{each}'" for each in values[:_NAMED])
    return f" ({named}{', ...' if len(values) > _NAMED else ''})" if values else ""


def _told(rule: str, column: str, contract: Contract) -> str:
    of_tables = _OF_TABLES.get(rule)
    if of_tables is not None:
        return of_tables(contract, column)
    others = "allowed" if contract.other_columns == "Allowed" else "refused"
    if not column:
        return f"with other columns {others}"
    known = _listed(column, contract)
    if known is None:
        return f"not listed, with other columns {others}"
    return _OF_COLUMNS.get(rule, _presence)(known)


def _listed(column: str, contract: Contract) -> ContractColumn | None:
    return next((each for each in contract.columns if each.name == column), None)


def _presence(column: ContractColumn) -> str:
    return "optional" if column.optional else "in every file"


_OF_COLUMNS: Final[dict[str, Callable[[ContractColumn], str]]] = {
    "Columns": _presence,
    "Type": lambda column: column.type or "of any type",
    "NullShare": lambda column: f"null in at most {null_share(column) / 100:.2f} % of a file",
    "Minimum": lambda column: f"at least {column.minimum}" if column.minimum else "of any size",
    "Maximum": lambda column: f"at most {column.maximum}" if column.maximum else "of any size",
    "Allowed": lambda column: f"one of {len(column.allowed)} values" if column.allowed else "any",
    "Pattern": lambda column: f"like {column.pattern}" if column.pattern else "of any form",
}


def _keyed(columns: Iterable[str], column: str) -> bool:
    return ", ".join(sorted(columns)) == column


def _unique(contract: Contract, column: str) -> str:
    return "unique" if any(_keyed(each.columns, column) for each in contract.unique) else "no key"


def _looked_up(contract: Contract, column: str) -> str:
    pins = sorted(
        f"{each.pin_ref.name} ({', '.join(each.target_columns or each.columns)})"
        for each in contract.references
        if _keyed(each.columns, column)
    )
    return f"looked up in {', '.join(pins)}" if pins else "not looked up"


def _age(contract: Contract, column: str) -> str:
    fresh = contract.freshness
    if fresh is None or fresh.column != column:
        return "of any age"
    return f"at most {fresh.max_age_seconds:,} s old"


def _gaps(contract: Contract, column: str) -> str:
    gaps = contract.gaps
    if gaps is None or gaps.column != column:
        return "with any gap"
    return f"without a gap above {gaps.max_seconds:,} s"


def _rows(contract: Contract, _: str) -> str:
    limits = contract.rows
    said = limits.model_dump(by_alias=True, exclude_none=True) if limits is not None else {}
    return ", ".join(f"{name} {value:,}" for name, value in said.items()) or "any number"


_OF_TABLES: Final[dict[str, Callable[[Contract, str], str]]] = {
    "Format": lambda contract, _: contract.format or "of any format",
    "RowCount": _rows,
    "Unique": _unique,
    "Reference": _looked_up,
    "Freshness": _age,
    "Gap": _gaps,
}
