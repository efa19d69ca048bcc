"""Whether data leak from what is tested on into what is trained on, and how that is known. Pure.

The types of leaks are those of Kapoor and Narayanan, "Leakage and the reproducibility crisis in
machine-learning-based science" (Patterns 4, 2023). Of each the sheet says how it is known; what
nobody looked at is `Unknown` and never left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from typing import Final

from glovebox.api import reasons
from glovebox.api.coverage import Coverage, TimeWindow
from glovebox.api.experiment_inputs import AllowedOverlap, SharedKind
from glovebox.api.leakage_status import MAX_MESSAGE, LeakLevel, LeakStatus, LeakType
from glovebox.data.digest import canonical_json
from glovebox.data.overlap import Kind, Overlap, Shared
from glovebox.data.printable import printable
from glovebox.errors import Refused

# What is used first must be older; `reference` data are looked up and neither trained nor tested.
_ORDER: Final = {"train": 0, "validation": 1, "test": 2, "holdout": 2}
_TESTS: Final = frozenset({"test", "holdout"})
_MAX_NAME: Final = 120
_TYPES: Final[Mapping[SharedKind, LeakType]] = {
    "Objects": "SharedObjects",
    "Groups": "SharedGroups",
    "Time": "TimeOrder",
}
# How something is known, and what is.
_Known = tuple[LeakLevel, str]


@dataclass(frozen=True, slots=True)
class Covered:
    """A dataset input with what its pin says of its coverage.

    Attributes:
        name: Of the input.
        role: What it is for.
        pin: Name of the DatasetPin.
        coverage: As the pin says it; None where it says nothing.
        is_empty: Whether none of its objects holds a byte.
    """

    name: str
    role: str
    pin: str
    coverage: Coverage | None = None
    is_empty: bool = False

    @property
    def window(self) -> TimeWindow | None:
        """The times that it covers."""
        return self.coverage.time if self.coverage is not None else None

    @property
    def column(self) -> str:
        """The column of its groups, where they are to be compared; else empty."""
        groups = self.coverage.groups if self.coverage is not None else None
        return groups.column if groups is not None and self.role in _ORDER else ""

    @property
    def values(self) -> tuple[str, ...]:
        """Its groups, where the pin lists them."""
        groups = self.coverage.groups if self.coverage is not None else None
        return groups.values if groups is not None else ()


@dataclass(frozen=True, slots=True)
class _Leak:
    """Something that two inputs must not share."""

    first: str
    second: str
    kind: SharedKind
    what: str
    number: int = 1


def needs_comparison(inputs: Iterable[Covered]) -> bool:
    """Return whether there are inputs of different roles at all."""
    return len({each.role for each in inputs}) > 1


def leakage_sheet(
    inputs: tuple[Covered, ...],
    allowed: tuple[AllowedOverlap, ...],
    overlap: Overlap,
    *,
    has_run: bool,
) -> tuple[LeakStatus, ...]:
    """Return what is known of each type of leak.

    Args:
        inputs: The datasets.
        allowed: What they may share, with reasons.
        overlap: What their manifests have in common; empty where `needs_comparison` says no.
        has_run: Whether one program reads all of them.

    Raises:
        Refused: `LeakageFound`: something leaks that nobody gave a reason for. `CoverageWrong`: a
            pin says of its paths what is not so.
    """
    _check_coverage(inputs, overlap)
    leaks = [*_of_objects(inputs, overlap), *_of_groups(inputs, overlap), *_of_time(inputs)]
    refused = [leak for leak in leaks if _reason(leak, allowed) is None]
    if refused:
        raise _refusal(refused)

    def row(kind: SharedKind, level: LeakLevel, message: str) -> LeakStatus:
        found = [leak for leak in leaks if leak.kind == kind]
        because = dict.fromkeys(_reason(leak, allowed) or "" for leak in found)
        # Windows of time are not counted: where none is wrong there is no number.
        is_counted = bool(found) or (kind != "Time" and level in {"Measured", "Declared"})
        number = sum(leak.number for leak in found) if is_counted else None
        said = "; ".join(leak.what for leak in found) or message
        return _row(_TYPES[kind], level, said, number, "; ".join(because))

    return (
        _test_set(inputs),
        _apart(inputs, has_run=has_run),
        row("Objects", *_objects_known(inputs, overlap)),
        _row("SharedRows", "Unknown", "rows are not compared, only whole objects"),
        row("Groups", *_groups_known(inputs, overlap)),
        row("Time", *_time_known(inputs)),
        _row("TargetInFeatures", "Unknown", "whether a feature tells the answer is not looked at"),
        _row("OtherPopulation", "Unknown", "whom the test data stand for is not looked at"),
    )


def sheet_text(rows: Iterable[LeakStatus]) -> str:
    """Return a sheet as canonical JSON, as it lies in the snapshot; empty without rows."""
    recorded = recorded_sheet(rows)
    return canonical_json(recorded).decode() if recorded else ""


def recorded_sheet(rows: Iterable[LeakStatus]) -> list[dict[str, object]]:
    """Return a sheet as it is recorded in the status."""
    return [row.model_dump(by_alias=True, mode="json", exclude_defaults=True) for row in rows]


def _check_coverage(inputs: tuple[Covered, ...], overlap: Overlap) -> None:
    for each in inputs:
        stray = overlap.ungrouped.get(each.name)
        if stray is None:
            continue
        number, path = stray
        raise Refused(
            reasons.COVERAGE_WRONG,
            f"DatasetPin '{each.pin}' (input `{each.name}`) says that its groups are in its paths,"
            f" and {number:,} of its objects lie in no folder `{each.column}=<value>/`, such as"
            f" `{_shown(path)}`: create a pin whose `spec.coverage.groups` lists the `values`, or"
            " one of the objects in such folders alone",
        )


def _of_objects(inputs: tuple[Covered, ...], overlap: Overlap) -> Iterator[_Leak]:
    for shared in _shared(overlap, "Objects"):
        one, other = shared.examples[0]
        name = f", such as `{_shown(one)}`"
        if one != other:
            name += f" (in `{shared.second}`: `{_shown(other)}`)"
        number = max(shared.first_count, shared.second_count)
        same = "object" if number == 1 else "objects"
        what = f"{_both(inputs, shared)} share {number:,} {same} byte by byte{name}"
        yield _Leak(shared.first, shared.second, "Objects", what, number)


def _of_groups(inputs: tuple[Covered, ...], overlap: Overlap) -> Iterator[_Leak]:
    columns = {each.name: each.column for each in inputs}
    for shared in _shared(overlap, "Groups"):
        number = shared.first_count
        values = "value" if number == 1 else "values"
        what = (
            f"{_both(inputs, shared)} share {number:,} {values} of `{columns[shared.first]}`, such"
            f" as `{_shown(shared.examples[0][0])}`"
        )
        yield _Leak(shared.first, shared.second, "Groups", what, number)


def _of_time(inputs: tuple[Covered, ...]) -> Iterator[_Leak]:
    for earlier, later in _in_order(inputs):
        if not _comparable_in_time(earlier, later):
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
        yield _Leak(
            earlier.name,
            later.name,
            "Time",
            f"input `{earlier.name}` ({earlier.role}) {what} by `{first.column}`",
        )


def _refusal(leaks: list[_Leak]) -> Refused:
    first, more = leaks[0], len(leaks) - 1
    others = f" (and {more} more of this kind or another)" if more else ""
    return Refused(
        reasons.LEAKAGE_FOUND,
        f"{first.what}{others}: pin data that are apart, or give the reason in"
        f" `spec.inputs.allowOverlap` (`inputs: [{first.first}, {first.second}]`,"
        f" `of: [{first.kind}]`)",
    )


def _reason(leak: _Leak, allowed: tuple[AllowedOverlap, ...]) -> str | None:
    """Return why a leak may be; None where nobody gave a reason."""
    given = [
        each.reason
        for each in allowed
        if leak.kind in each.of and {leak.first, leak.second} == set(each.inputs)
    ]
    return "; ".join(dict.fromkeys(given)) if given else None


def _test_set(inputs: tuple[Covered, ...]) -> LeakStatus:
    tests = [each for each in inputs if each.role in _TESTS]
    named = [f"`{each.name}` ({each.role})" for each in tests if not each.is_empty]
    if named:
        return _row("NoTestSet", "Proved", f"there is {', '.join(named)}")
    if tests:
        return _row("NoTestSet", "Unknown", f"`{tests[0].name}` ({tests[0].role}) holds no byte")
    return _row("NoTestSet", "Unknown", "no input has the role `test` or `holdout`")


def _apart(inputs: tuple[Covered, ...], *, has_run: bool) -> LeakStatus:
    tests = [each.name for each in inputs if each.role in _TESTS]
    trains = [each.name for each in inputs if each.role not in _TESTS]
    if not tests or not trains:
        which = "no test data" if not tests else "nothing but test data"
        return _row("TestDataInTraining", "Proved", f"{which} are among the inputs")
    reader = "one run reads all inputs" if has_run else "every pod may read all inputs"
    return _row(
        "TestDataInTraining", "Unknown", f"{reader}: nothing keeps it from training on `{tests[0]}`"
    )


def _objects_known(inputs: tuple[Covered, ...], overlap: Overlap) -> _Known:
    if not needs_comparison(inputs):
        return "Proved", "no two inputs have different roles"
    unread = [each.name for each in inputs if each.name not in overlap.objects]
    if unread:
        return "Unknown", f"`{unread[0]}` was not compared"
    looked = ", ".join(f"{overlap.objects[each.name]:,} of `{each.name}`" for each in inputs)
    return "Measured", f"none is shared ({looked})"


def _groups_known(inputs: tuple[Covered, ...], overlap: Overlap) -> _Known:
    pairs = _pairs(inputs)
    if not pairs:
        return _nothing_to_compare(inputs)
    unknown = [pair for pair in pairs if not pair[0].column or pair[0].column != pair[1].column]
    if unknown:
        return "Unknown", _not_covered(unknown[0], "groups")
    unread = [each.name for each in inputs if each.column and each.name not in overlap.groups]
    if unread:
        return "Unknown", f"`{unread[0]}` was not compared"
    declared = any(each.values for pair in pairs for each in pair)
    looked = ", ".join(
        f"{overlap.groups[each.name]:,} of `{each.name}`" for each in inputs if each.column
    )
    message = f"none is shared ({looked}){_left_out(inputs)}"
    return "Declared" if declared else "Measured", message


def _time_known(inputs: tuple[Covered, ...]) -> _Known:
    pairs = list(_in_order(inputs))
    if not pairs:
        return _nothing_to_compare(inputs)
    unknown = [pair for pair in pairs if not _comparable_in_time(*pair)]
    if unknown:
        return "Unknown", _not_covered(unknown[0], "time")
    message = "each input ends before those begin that are used after it"
    return "Declared", message + _left_out(inputs)


def _nothing_to_compare(inputs: tuple[Covered, ...]) -> _Known:
    # What is looked up can hold those who are tested on, and nobody compares that.
    if _left_out(inputs) and any(_ORDER.get(each.role, 0) for each in inputs):
        return "Unknown", f"nothing is trained on{_left_out(inputs)}"
    return "Proved", "nothing is both trained and tested on"


def _left_out(inputs: tuple[Covered, ...]) -> str:
    """Return what is not compared beyond its objects, to be said after something else."""
    named = [f"`{each.name}`" for each in inputs if each.role not in _ORDER]
    return f"; reference data are not compared: {', '.join(named)}" if named else ""


def _not_covered(pair: tuple[Covered, Covered], what: str) -> str:
    one, other = pair
    return (
        f"the pins of `{one.name}` and `{other.name}` do not both say `spec.coverage.{what}` of the"
        " same column"
    )


def _in_order(inputs: tuple[Covered, ...]) -> Iterator[tuple[Covered, Covered]]:
    """Yield the pairs of which one has to be older, that one first."""
    ranked = sorted(
        (each for each in inputs if each.role in _ORDER), key=lambda each: _ORDER[each.role]
    )
    for one, other in combinations(ranked, 2):
        if _ORDER[one.role] < _ORDER[other.role]:
            yield one, other


def _pairs(inputs: tuple[Covered, ...]) -> list[tuple[Covered, Covered]]:
    """Return the pairs whose groups have to be apart."""
    used = [each for each in inputs if each.role in _ORDER]
    return [pair for pair in combinations(used, 2) if pair[0].role != pair[1].role]


def _comparable_in_time(one: Covered, other: Covered) -> bool:
    return (
        one.window is not None
        and other.window is not None
        and one.window.column == other.window.column
    )


def _shared(overlap: Overlap, kind: Kind) -> Iterator[Shared]:
    return (shared for shared in overlap.shared if shared.kind == kind)


def _both(inputs: tuple[Covered, ...], shared: Shared) -> str:
    roles = {each.name: each.role for each in inputs}
    return (
        f"inputs `{shared.first}` ({roles[shared.first]}) and `{shared.second}`"
        f" ({roles[shared.second]})"
    )


def _row(
    leak: LeakType, level: LeakLevel, message: str, found: int | None = None, because: str = ""
) -> LeakStatus:
    return LeakStatus(
        type=leak,
        level=level,
        message=_cut(message, MAX_MESSAGE),
        found=found,
        allowed_because=_cut(because, 4096),
    )


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."


def _shown(name: str) -> str:
    """Return a path or value as it may stand in a message."""
    return _cut(printable(name), _MAX_NAME)


def _time(moment: datetime) -> str:
    """Return a moment with whatever of a second it has: two that differ never look the same."""
    try:
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError:  # before the year 1 or after the year 9999 in UTC
        return moment.isoformat()
