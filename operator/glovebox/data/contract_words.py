"""What breaks a contract, in words for a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from glovebox.api.contract import ContractColumn, RuleName
from glovebox.data.contract_found import Fault, Violation
from glovebox.data.printable import printable
from glovebox.data.time_spans import NANOSECONDS


def told(violation: Violation) -> str:
    """Return a violation, for a person."""
    column = f"column `{violation.column}`" if violation.column else ""
    file = f"`{violation.file}`" if violation.file else "the dataset"
    where = f"{column} of {file}" if column else file
    return f"{where}: {violation.message} ({violation.rule}, {violation.count:,})"


def told_fault(column: ContractColumn, rule: RuleName, found: str, fault: Fault) -> str:
    """Return what rows of a column break, and the first of them; `found` is what the file holds."""
    value = f": {printable(fault.value)!r}" if fault.value is not None else ""
    first = f"row {fault.row:,}"
    match rule:
        case "Type":
            if fault.row:
                return f"{first} is no {column.type}{value}"
            return f"holds {found}, and has to hold {column.type}"
        case "Minimum":
            return f"{first} is less than {column.minimum}{value}"
        case "Maximum":
            return f"{first} is greater than {column.maximum}{value}"
        case "Allowed":
            return f"{first} is none of the {len(column.allowed)} allowed values{value}"
    return f"{first} does not match the pattern{value}"


def percent(part: int, whole: int) -> str:
    """Return a share, with two digits behind the point; none of nothing is 0 %."""
    return f"{100 * part / max(1, whole):.2f} %"


def files_in_words(number: int) -> str:
    """Return how many files there are."""
    return "1 file" if number == 1 else f"{number:,} files"


def moment(nanoseconds: int) -> str:
    """Return a moment, given in nanoseconds since 1970, to the second."""
    try:
        found = datetime.fromtimestamp(nanoseconds // NANOSECONDS, UTC)
    except (OverflowError, ValueError, OSError):
        return f"{nanoseconds // NANOSECONDS} seconds since 1970"
    return f"{found:%Y-%m-%dT%H:%M:%SZ}"


def span(seconds: int) -> str:
    """Return a length of time in its two largest units."""
    units: Sequence[tuple[int, str]] = ((86_400, "day"), (3_600, "hour"), (60, "minute"))
    parts: list[str] = []
    for size, name in (*units, (1, "second")):
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number:,} {name}{'s' if number > 1 else ''}")
    return " ".join(parts[:2]) or "0 seconds"
