"""What inputs of different roles share, each with its count, an example and where it is. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations

from glovebox.api import reasons
from glovebox.api.experiment_inputs import ORDER_OF_USE, SharedKind
from glovebox.data.near_texts import RULE
from glovebox.data.overlap import Kind, Overlap, Shared
from glovebox.data.printable import printable
from glovebox.desired.covered import Covered, columns_text, comparable_in_time, in_order, shown
from glovebox.desired.parts_apart import had_read, origin_shared
from glovebox.errors import Refused


@dataclass(frozen=True, slots=True)
class Leak:
    """Something that two inputs must not share."""

    first: str
    second: str
    kind: SharedKind
    what: str
    number: int = 1


@dataclass(frozen=True, slots=True)
class Used:
    """The two inputs of a leak, in the order of their use."""

    earlier: Covered
    later: Covered


def used_later(leak: Leak, inputs: tuple[Covered, ...]) -> Used:
    """Return which of the two inputs of a leak is used later."""
    both = [each for each in inputs if each.name in {leak.first, leak.second}]
    earlier, later = sorted(both, key=lambda each: ORDER_OF_USE.index(each.role))
    return Used(earlier, later)


def check_coverage(inputs: tuple[Covered, ...], overlap: Overlap) -> None:
    """Return when the pins say nothing wrong of their paths and tables.

    Raises:
        Refused: `CoverageWrong`.
    """
    for each in inputs:
        stray = overlap.ungrouped.get(each.name)
        if stray is None:
            continue
        number, path = stray
        raise Refused(
            reasons.COVERAGE_WRONG,
            f"DatasetPin '{each.pin}' (input `{each.name}`) says that its groups are in its paths,"
            f" and {number:,} of its objects lie in no folder `{each.column}=<value>/`, such as"
            f" `{shown(path)}`: create a pin whose `spec.coverage.groups` lists the `values`, or"
            " one of the objects in such folders alone",
        )
    for each in inputs:
        _check_read(each, "rows", f"{columns_text(each.key)} identify its rows", overlap.unreadable)
    for each in inputs:
        _check_read(each, "texts", f"{columns_text(each.texts)} hold its texts", overlap.textless)


def _check_read(
    each: Covered, field: str, said: str, unreadable: Mapping[str, tuple[str, str]]
) -> None:
    """Return when the tables of an input could be read as its pin says.

    Raises:
        Refused: `CoverageWrong`.
    """
    if each.name not in unreadable:
        return
    path, why = unreadable[each.name]
    raise Refused(
        reasons.COVERAGE_WRONG,
        f"DatasetPin '{each.pin}' (input `{each.name}`) says in `spec.coverage.{field}` that"
        f" {said}, which cannot be read from `{shown(path)}`: {printable(why)}. Create a pin of"
        f" tables with these columns alone, or one without `spec.coverage.{field}`",
    )


def _of_objects(inputs: tuple[Covered, ...], overlap: Overlap) -> Iterator[Leak]:
    for shared in _shared(overlap, "Objects"):
        one, other = shared.examples[0]
        name = f", such as `{shown(one)}`"
        if one != other:
            name += f" (in `{shared.second}`: `{shown(other)}`)"
        number = max(shared.first_count, shared.second_count)
        same = "object" if number == 1 else "objects"
        what = f"{_both(inputs, shared)} share {number:,} {same} byte by byte{name}"
        yield Leak(shared.first, shared.second, "Objects", what, number)


def _of_rows(inputs: tuple[Covered, ...], overlap: Overlap) -> Iterator[Leak]:
    keys = {each.name: each.key for each in inputs}
    for shared in _shared(overlap, "Rows"):
        one, other = shared.examples[0]
        number = max(shared.first_count, shared.second_count)
        rows = "row" if number == 1 else "rows"
        columns = columns_text(keys[shared.first])
        what = (
            f"{_both(inputs, shared)} share {number:,} {rows} by {columns},"
            f" such as `{shown(one)}` (in `{shared.second}`: `{shown(other)}`)"
        )
        yield Leak(shared.first, shared.second, "Rows", what, number)


def _of_texts(inputs: tuple[Covered, ...], overlap: Overlap) -> Iterator[Leak]:
    columns = {each.name: each.texts for each in inputs}
    for shared in _shared(overlap, "Texts"):
        one, other = shared.examples[0]
        what = (
            f"{_both(inputs, shared)} hold texts in {columns_text(columns[shared.first])} that are"
            f" nearly the same ({RULE}): {shared.first_count:,} of `{shared.first}` and"
            f" {shared.second_count:,} of `{shared.second}`, such as `{shown(one)}` (in"
            f" `{shared.second}`: `{shown(other)}`)"
        )
        number = max(shared.first_count, shared.second_count)
        yield Leak(shared.first, shared.second, "Texts", what, number)


def _of_origin(inputs: tuple[Covered, ...]) -> Iterator[Leak]:
    """Yield the pairs that share rows because of what they were made from."""
    for one, other in combinations(inputs, 2):
        why = origin_shared(one, other) if one.role != other.role else ""
        if why:
            both = f"inputs `{one.name}` ({one.role}) and `{other.name}` ({other.role})"
            yield Leak(one.name, other.name, "Rows", f"{both} share rows: {why}")


def _of_derivation(inputs: tuple[Covered, ...]) -> Iterator[Leak]:
    """Yield what is trained on and was made by a run that read what is tested on."""
    for earlier, later in in_order(inputs):
        if any(had_read(each, later) for each in earlier.made_from):
            what = (
                f"input `{earlier.name}` ({earlier.role}) holds what was written by Experiment"
                f" '{earlier.made_by}', which had read what `{later.name}` ({later.role}) holds"
            )
            yield Leak(earlier.name, later.name, "Rows", what)


def _of_groups(inputs: tuple[Covered, ...], overlap: Overlap) -> Iterator[Leak]:
    columns = {each.name: each.column for each in inputs}
    for shared in _shared(overlap, "Groups"):
        number = shared.first_count
        values = "value" if number == 1 else "values"
        what = (
            f"{_both(inputs, shared)} share {number:,} {values} of `{columns[shared.first]}`, such"
            f" as `{shown(shared.examples[0][0])}`"
        )
        yield Leak(shared.first, shared.second, "Groups", what, number)


def _of_time(inputs: tuple[Covered, ...]) -> Iterator[Leak]:
    for earlier, later in in_order(inputs):
        if not comparable_in_time(earlier, later):
            continue
        first, second = earlier.window, later.window
        if first is None or second is None or first.until_time <= second.from_time:
            continue
        if second.until_time <= first.from_time:
            after = f"after `{later.name}` ({later.role}) has ended at {_time(second.until_time)}"
            what = f"begins at {_time(first.from_time)}, {after}"
        else:
            after = f"after `{later.name}` ({later.role}) begins at {_time(second.from_time)}"
            what = f"ends at {_time(first.until_time)}, {after}"
        yield Leak(
            earlier.name,
            later.name,
            "Time",
            f"input `{earlier.name}` ({earlier.role}) {what} by `{first.column}`",
        )


def _shared(overlap: Overlap, kind: Kind) -> Iterator[Shared]:
    return (shared for shared in overlap.shared if shared.kind == kind)


def _both(inputs: tuple[Covered, ...], shared: Shared) -> str:
    roles = {each.name: each.role for each in inputs}
    return (
        f"inputs `{shared.first}` ({roles[shared.first]}) and `{shared.second}`"
        f" ({roles[shared.second]})"
    )


def _time(moment: datetime) -> str:
    """Return a moment with whatever of a second it has: two that differ never look the same."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def find_leaks(inputs: tuple[Covered, ...], overlap: Overlap) -> list[Leak]:
    """Return everything that is shared and should not be."""
    return [
        *_of_objects(inputs, overlap),
        *_of_rows(inputs, overlap),
        *_of_texts(inputs, overlap),
        *_of_origin(inputs),
        *_of_derivation(inputs),
        *_of_groups(inputs, overlap),
        *_of_time(inputs),
    ]
