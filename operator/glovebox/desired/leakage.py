"""Whether data leak from what is tested on into what is trained on, and how that is known. Pure.

The types of leaks are those of Kapoor and Narayanan, "Leakage and the reproducibility crisis in
machine-learning-based science" (Patterns 4, 2023). Of each the sheet says how it is known; what
nobody looked at is `Unknown` and never left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from glovebox.api import reasons
from glovebox.api.experiment_inputs import AllowedOverlap, SharedKind
from glovebox.api.leakage_rules import OverlapRule
from glovebox.api.leakage_status import MAX_MESSAGE, LeakLevel, LeakStatus, LeakType
from glovebox.api.stages import TESTS, Stage
from glovebox.data.digest import canonical_json
from glovebox.data.near_texts import RULE, SURE_BANDS
from glovebox.data.overlap import Overlap
from glovebox.desired.covered import (
    ORDER,
    Covered,
    columns_text,
    comparable_in_time,
    cut,
    in_order,
    left_out,
    needs_comparison,
    pairs_apart,
)
from glovebox.desired.leaks import Leak, check_coverage, find_leaks, used_later
from glovebox.desired.parts_apart import (
    has_no_common_key,
    has_no_common_row,
    has_no_common_time,
    separating,
    splits_text,
)
from glovebox.desired.stages_apart import kept_apart
from glovebox.errors import Refused

_TYPES: Final[Mapping[SharedKind, LeakType]] = {
    "Objects": "SharedObjects",
    "Groups": "SharedGroups",
    "Time": "TimeOrder",
    "Rows": "SharedRows",
    "Texts": "NearTexts",
}
# What gives whoever holds it data of the other input.
_DATA: Final[frozenset[SharedKind]] = frozenset({"Objects", "Rows", "Texts"})
# How something is known, and what is.
_Known = tuple[LeakLevel, str]


def leakage_sheet(
    inputs: tuple[Covered, ...],
    allowed: tuple[AllowedOverlap, ...],
    overlap: Overlap,
    *,
    stages: Sequence[Stage],
    rule: OverlapRule = "WithReason",
) -> tuple[LeakStatus, ...]:
    """Return what is known of each type of leak.

    Args:
        inputs: The datasets.
        allowed: What they may share, with reasons: of the Experiment, and of AccessGrants.
        overlap: What they have in common; empty where `needs_comparison` says no.
        stages: The programs that read them; none where every pod may.
        rule: Who may say that they share something.

    Raises:
        Refused: `LeakageFound`: something leaks that nobody gave a reason for. `CoverageWrong`: a
            pin says of its paths or of its tables what is not so.
    """
    check_coverage(inputs, overlap)
    leaks = find_leaks(inputs, overlap)
    refused = without_reason(leaks, allowed)
    if refused:
        raise _refusal(refused, inputs, rule)

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
        _apart(inputs, stages, leaks, _uncompared(inputs, allowed, overlap)),
        row("Objects", *_objects_known(inputs, overlap)),
        row("Rows", *_rows_known(inputs, overlap)),
        row("Texts", *_texts_known(inputs, overlap)),
        row("Groups", *_groups_known(inputs, overlap)),
        row("Time", *_time_known(inputs)),
        _row(
            "TargetInFeatures", "Unknown", "whether a feature gives the answer away is not checked"
        ),
        _row("OtherPopulation", "Unknown", "whom the test data stand for is not checked"),
    )


def sheet_text(rows: Iterable[LeakStatus]) -> str:
    """Return a sheet as canonical JSON, as it lies in the snapshot; empty without rows."""
    recorded = recorded_sheet(rows)
    return canonical_json(recorded).decode() if recorded else ""


def recorded_sheet(rows: Iterable[LeakStatus]) -> list[dict[str, object]]:
    """Return a sheet as it is recorded in the status."""
    return [row.model_dump(by_alias=True, mode="json", exclude_defaults=True) for row in rows]


def without_reason(leaks: Iterable[Leak], allowed: tuple[AllowedOverlap, ...]) -> list[Leak]:
    """Return the leaks for which nobody gave a reason."""
    return [leak for leak in leaks if _reason(leak, allowed) is None]


def _refusal(leaks: list[Leak], inputs: tuple[Covered, ...], rule: OverlapRule) -> Refused:
    first, more = leaks[0], len(leaks) - 1
    others = f" (and {more} more of this kind or another)" if more else ""
    used = used_later(first, inputs)
    cures: Mapping[OverlapRule, str] = {
        "WithReason": (
            f", or give the reason in `spec.inputs.allowOverlap` (`inputs: [{first.first},"
            f" {first.second}]`, `of: [{first.kind}]`)"
        ),
        "WithGrant": (
            f", or ask the owner of DatasetPin '{used.later.pin}' (input `{used.later.name}`) for"
            f" an AccessGrant with `spec.overlap` (`withRoles: [{used.earlier.role}]`, `of:"
            f" [{first.kind}]`)"
        ),
        "Never": "",
    }
    return Refused(
        reasons.LEAKAGE_FOUND, f"{first.what}{others}: pin data that are apart{cures[rule]}"
    )


def _reason(leak: Leak, allowed: tuple[AllowedOverlap, ...]) -> str | None:
    """Return why a leak may be; None where nobody gave a reason."""
    given = [
        each.reason
        for each in allowed
        if leak.kind in each.of and {leak.first, leak.second} == set(each.inputs)
    ]
    return "; ".join(dict.fromkeys(given)) if given else None


def _test_set(inputs: tuple[Covered, ...]) -> LeakStatus:
    tests = [each for each in inputs if each.role in TESTS]
    named = [f"`{each.name}` ({each.role})" for each in tests if not each.is_empty]
    if named:
        return _row("NoTestSet", "Proved", f"there is {', '.join(named)}")
    if tests:
        return _row("NoTestSet", "Unknown", f"`{tests[0].name}` ({tests[0].role}) holds no byte")
    return _row("NoTestSet", "Unknown", "no input has the role `test` or `holdout`")


def _apart(
    inputs: tuple[Covered, ...], stages: Sequence[Stage], leaks: Sequence[Leak], uncompared: str
) -> LeakStatus:
    tests = [each.name for each in inputs if each.role in TESTS]
    trains = [each.name for each in inputs if each.role not in TESTS]
    if not tests or not trains:
        which = "no test data" if not tests else "nothing but test data"
        return _row("TestDataInTraining", "Proved", f"{which} are among the inputs")
    if not stages:
        message = "every pod may read all inputs: nothing keeps it from training on"
        return _row("TestDataInTraining", "Unknown", f"{message} `{tests[0]}`")
    kept = kept_apart(stages, inputs)
    if not kept.is_proved:
        return _row("TestDataInTraining", "Unknown", kept.message)
    # A reason lets it pass, and keeps nobody from training on it.
    shared = next((leak for leak in leaks if _gives_tests(leak, frozenset(tests))), None)
    if shared is not None:
        message = f"{shared.what}: who is given one of them is given what both hold"
        return _row("TestDataInTraining", "Unknown", message)
    if uncompared:
        return _row("TestDataInTraining", "Unknown", uncompared)
    return _row("TestDataInTraining", "Proved", kept.message)


def _uncompared(
    inputs: tuple[Covered, ...], allowed: tuple[AllowedOverlap, ...], overlap: Overlap
) -> str:
    """Return what may hold data to test with by `allowOverlap`, as nobody has compared it yet."""
    tests = {each.name for each in inputs if each.role in TESTS}
    for entry in allowed:
        is_across = len(tests.intersection(entry.inputs)) == 1
        unread = [name for name in entry.inputs if name not in overlap.objects]
        if is_across and unread and not _DATA.isdisjoint(entry.of):
            return (
                f"`{entry.inputs[0]}` and `{entry.inputs[1]}` may share data, and were not compared"
            )
    return ""


def _gives_tests(leak: Leak, tests: frozenset[str]) -> bool:
    """Return whether what two inputs share is data to test with, in one that is none of these."""
    is_across = (leak.first in tests) != (leak.second in tests)
    return is_across and leak.kind in _DATA


def _objects_known(inputs: tuple[Covered, ...], overlap: Overlap) -> _Known:
    if not needs_comparison(inputs):
        return "Proved", "no two inputs have different roles"
    unread = [each.name for each in inputs if each.name not in overlap.objects]
    if unread:
        return "Unknown", f"`{unread[0]}` was not compared"
    looked = ", ".join(f"{overlap.objects[each.name]:,} of `{each.name}`" for each in inputs)
    return "Measured", f"none is shared ({looked})"


def _groups_known(inputs: tuple[Covered, ...], overlap: Overlap) -> _Known:
    pairs = pairs_apart(inputs)
    if not pairs:
        return _nothing_to_compare(inputs)
    apart = [pair for pair in pairs if _grouped_apart(*pair)]
    if len(apart) == len(pairs):
        column = pairs[0][0].grouped_by
        message = f"no value of `{column}` is in two parts of {splits_text(pairs)}"
        return "Proved", message + left_out(inputs)
    unknown = [
        pair
        for pair in pairs
        if pair not in apart and (not pair[0].column or pair[0].column != pair[1].column)
    ]
    if unknown:
        return "Unknown", _not_covered(unknown[0], "groups")
    unread = [each.name for each in inputs if each.column and each.name not in overlap.groups]
    if unread:
        return "Unknown", f"`{unread[0]}` was not compared"
    declared = any(each.values for pair in pairs for each in pair)
    looked = ", ".join(
        f"{overlap.groups[each.name]:,} of `{each.name}`" for each in inputs if each.column
    )
    message = f"none is shared ({looked}){left_out(inputs)}"
    return "Declared" if declared else "Measured", message


def _grouped_apart(one: Covered, other: Covered) -> bool:
    """Return whether a split keeps the groups apart that both pins declare."""
    column = one.grouped_by
    same = column != "" and column == other.grouped_by
    return same and has_no_common_key(one, other, (column,))


def _rows_known(inputs: tuple[Covered, ...], overlap: Overlap) -> _Known:
    pairs = pairs_apart(inputs)
    if not pairs:
        return _nothing_to_compare(inputs)
    unnamed = _made_of_unnamed(inputs)
    if unnamed:
        return "Unknown", unnamed
    apart = [pair for pair in pairs if has_no_common_row(*pair)]
    if len(apart) == len(pairs):
        message = f"no row is in two parts of {splits_text(pairs)}"
        return "Proved", message + left_out(inputs)
    read = [each for each in inputs if each.key]
    why = _why_not_measured([pair for pair in pairs if pair not in apart], read, overlap)
    if why:
        return "Unknown", why
    looked = ", ".join(f"{overlap.rows[each.name]:,} of `{each.name}`" for each in read)
    message = f"none is shared by {columns_text(read[0].key)} ({looked}){left_out(inputs)}"
    return "Measured", message


def _made_of_unnamed(inputs: tuple[Covered, ...]) -> str:
    """Return what may have been made from what is tested on, as its seals do not name all of it."""
    for earlier, later in in_order(inputs):
        if earlier.made_of_more and separating(earlier, later) is None:
            return (
                f"more went into `{earlier.name}` ({earlier.role}) than its seals name, so nobody"
                f" knows whether `{later.name}` ({later.role}) did"
            )
    return ""


def _why_not_measured(
    pairs: list[tuple[Covered, Covered]], read: list[Covered], overlap: Overlap
) -> str:
    """Return why nothing is known of the rows of these pairs; nothing where they were compared."""
    why = _why_not_compared(pairs, read, "rows", lambda each: each.key, overlap.rows)
    if why:
        return why
    keyless = next((each.name for each in read if overlap.keyless.get(each.name)), "")
    if keyless:
        # Nobody knows whether they are the same.
        number, columns = overlap.keyless[keyless], columns_text(read[0].key)
        return f"{number:,} rows of `{keyless}` hold nothing in {columns}"
    # A table of which nothing was found to compare shows nothing.
    empty = next((each.name for each in read if not overlap.rows[each.name]), "")
    return f"no table of `{empty}` has a row" if empty else ""


def _why_not_compared(
    pairs: list[tuple[Covered, Covered]],
    read: list[Covered],
    field: str,
    columns: Callable[[Covered], tuple[str, ...]],
    numbers: Mapping[str, int],
) -> str:
    """Return why inputs were not compared by the columns that a field of their pins names."""
    for one, other in pairs:
        if not columns(one) or columns(one) != columns(other):
            return (
                f"the pins of `{one.name}` and `{other.name}` do not both say"
                f" `spec.coverage.{field}` of the same columns"
            )
    unread = next((each.name for each in read if each.name not in numbers), "")
    return f"`{unread}` was not compared" if unread else ""


def _texts_known(inputs: tuple[Covered, ...], overlap: Overlap) -> _Known:
    pairs = pairs_apart(inputs)
    if not pairs:
        return _nothing_to_compare(inputs)
    read = [each for each in inputs if each.texts]
    why = _why_no_texts(pairs, read, overlap)
    if why:
        return "Unknown", why
    looked = ", ".join(_texts_read(each, overlap) for each in read)
    columns = columns_text(read[0].texts)
    message = f"none in {columns} are nearly the same by {RULE} ({looked}){left_out(inputs)}"
    return "Measured", message


def _why_no_texts(
    pairs: list[tuple[Covered, Covered]], read: list[Covered], overlap: Overlap
) -> str:
    """Return why nothing is known of the texts of these pairs; nothing where they were compared."""
    why = _why_not_compared(pairs, read, "texts", lambda each: each.texts, overlap.texts)
    if why:
        return why
    # Tables of which nothing was found to compare show nothing.
    empty = next((each for each in read if not _with_words(each, overlap)), None)
    if empty is not None:
        return f"no row of `{empty.name}` has a word in {columns_text(empty.texts)}"
    if overlap.crowded >= SURE_BANDS:
        return (
            f"{overlap.crowded:,} sets of texts in {columns_text(read[0].texts)} have so much in"
            " common that not all of each were compared (a hundred of each input are)"
        )
    return ""


def _with_words(each: Covered, overlap: Overlap) -> int:
    return overlap.texts[each.name] - overlap.wordless.get(each.name, 0)


def _texts_read(each: Covered, overlap: Overlap) -> str:
    wordless = overlap.wordless.get(each.name, 0)
    without = f", {wordless:,} of them without a word" if wordless else ""
    return f"{overlap.texts[each.name]:,} of `{each.name}`{without}"


def _time_known(inputs: tuple[Covered, ...]) -> _Known:
    pairs = list(in_order(inputs))
    if not pairs:
        return _nothing_to_compare(inputs)
    apart = [pair for pair in pairs if has_no_common_time(*pair)]
    if len(apart) == len(pairs):
        message = f"parts by time follow each other in {splits_text(pairs)}"
        return "Proved", message + left_out(inputs)
    unknown = [pair for pair in pairs if pair not in apart and not comparable_in_time(*pair)]
    if unknown:
        return "Unknown", _not_covered(unknown[0], "time")
    message = "each input ends before those begin that are used after it"
    return "Declared", message + left_out(inputs)


def _nothing_to_compare(inputs: tuple[Covered, ...]) -> _Known:
    # What is looked up can hold those who are tested on, and nobody compares that.
    if left_out(inputs) and any(ORDER.get(each.role, 0) for each in inputs):
        return "Unknown", f"nothing is trained on{left_out(inputs)}"
    return "Proved", "nothing is both trained and tested on"


def _not_covered(pair: tuple[Covered, Covered], what: str) -> str:
    one, other = pair
    return (
        f"the pins of `{one.name}` and `{other.name}` do not both say `spec.coverage.{what}` of the"
        " same column"
    )


def _row(
    leak: LeakType, level: LeakLevel, message: str, found: int | None = None, because: str = ""
) -> LeakStatus:
    return LeakStatus(
        type=leak,
        level=level,
        message=cut(message, MAX_MESSAGE),
        found=found,
        allowed_because=cut(because, 4096),
    )
