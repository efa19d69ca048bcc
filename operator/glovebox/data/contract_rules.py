"""What a contract asks of every file: its digest, its keys, and how many rules it has."""

from __future__ import annotations

from typing import Any

from glovebox.api.contract import Contract, ContractColumn
from glovebox.data.digest import digest_of


def contract_digest(contract: Contract) -> str:
    """Return the digest of a contract. Fields that say what their absence says count as absent."""
    return digest_of(
        contract.model_dump(by_alias=True, mode="json", exclude_defaults=True, exclude_none=True)
    )


def keys_of(contract: Contract) -> tuple[tuple[str, ...], ...]:
    """Return the columns of each key: those that are unique, then those that refer to pins."""
    unique = tuple(each.columns for each in contract.unique)
    return unique + tuple(each.columns for each in contract.references)


def file_rules(contract: Contract) -> dict[str, Any]:
    """Return what is asked of every file, as JSON for the process that reads tables."""
    gaps = contract.gaps
    return {
        "columns": [
            each.model_dump(by_alias=True, mode="json", exclude_none=True)
            for each in contract.columns
        ],
        "refuses": contract.other_columns == "Refused",
        "trusts": contract.statistics == "Trusted",
        "keys": [list(columns) for columns in keys_of(contract)],
        "newest": contract.freshness.column if contract.freshness is not None else None,
        "gaps": [gaps.column, gaps.max_seconds] if gaps is not None else None,
    }


def rule_count(contract: Contract) -> int:
    """Return how many rules a contract has."""
    of_columns = sum(_rules_of(column) for column in contract.columns)
    rows = contract.rows
    of_rows = len(rows.model_dump(exclude_none=True)) if rows is not None else 0
    single = (contract.format, contract.freshness, contract.gaps)
    # Every file can be read, and columns that are not listed hold the same in all of them.
    return (
        2
        + of_columns
        + of_rows
        + len(keys_of(contract))
        + sum(each is not None for each in single)
        + (contract.other_columns == "Refused")
    )


def _rules_of(column: ContractColumn) -> int:
    given = (
        not column.optional or None,
        column.type,
        column.max_null_share,
        column.minimum,
        column.maximum,
        column.allowed or None,
        column.pattern,
    )
    return sum(each is not None for each in given)
