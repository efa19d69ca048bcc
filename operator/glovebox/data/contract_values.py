"""Values of columns as the types of a contract, and which of them break its rules, in batches.

Only the process that reads tables imports this: `pyarrow` is no library of the operator's. No value
leaves it but one example of a rule and column, where the contract lets the column be shown.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from glovebox.data.arrow_keys import read_decimals
from glovebox.data.contract_found import NOTHING, Fault
from glovebox.data.table_errors import QuestionError
from glovebox.data.time_spans import NANOSECONDS

OTHER: Final = "Other"
_TIMES: Final = frozenset({"Timestamp", "Date"})
_PER_SECOND: Final = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DAY: Final = 86_400
_MAX_SHOWN: Final = 64
_WIDEST: Final = pa.decimal256(76, 38)
# What text that may stand for a value of each type looks like. Other text is not even tried: to
# find by trying which of some thousand values is none takes a thousand times as long as to read
# them. All that the library takes has to look so, or it would depend on the text beside it.
_SHAPES: Final = {
    "Integer": r"\A[+-]?(?:0[xX])?[0-9A-Fa-f]+\z",
    "Number": r"(?i)\A[+-]?(?:(?:[0-9]+[.]?[0-9]*|[.][0-9]+)(?:e[+-]?[0-9]+)?|nan|inf|infinity)\z",
    "Bool": r"(?i)\A(?:true|false|0|1)\z",
    "Date": r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\z",
    "Timestamp": r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T][0-9:.,]{1,20}(?:Z|[+-][0-9:]{2,6})?)?\z",
    "Decimal": r"(?i)\A[+-]?(?:[0-9]+[.]?[0-9]*|[.][0-9]+)(?:e[+-]?[0-9]{1,3})?\z",
}
# What JSON says itself; everything else is text there.
_OF_JSON: Final[dict[str, tuple[type, ...]]] = {
    "Integer": (int,),
    "Number": (int, float),
    "Decimal": (int, str),
    "Text": (str,),
    "Bool": (bool,),
}


def type_of(held: pa.DataType) -> str:
    """Return what a column of this type holds, as a contract says it."""
    types = pa.types
    if types.is_dictionary(held):
        held = held.value_type
    for is_one, name in (
        (types.is_null, NOTHING),
        (types.is_boolean, "Bool"),
        (types.is_integer, "Integer"),
        (types.is_floating, "Number"),
        (types.is_decimal, "Decimal"),
        (types.is_timestamp, "Timestamp"),
        (types.is_date, "Date"),
    ):
        if is_one(held):
            return name
    if types.is_string(held) or types.is_large_string(held) or types.is_string_view(held):
        return "Text"
    is_bytes = (
        types.is_binary(held)
        or types.is_large_binary(held)
        or types.is_binary_view(held)
        or types.is_fixed_size_binary(held)
    )
    return "Bytes" if is_bytes else OTHER


def fits(declared: str | None, found: str) -> bool:
    """Whether a column that holds this is what the contract says."""
    if declared is None or found in {declared, NOTHING}:
        return True
    wider = {"Number": {"Integer", "Decimal"}, "Decimal": {"Integer"}}
    return found in wider.get(declared, ())


def typed(held: pa.Array, declared: str | None) -> pa.Array:
    """Return the values of a column that fits, in one type for each type of a contract."""
    if pa.types.is_dictionary(held.type):
        held = held.dictionary_decode()
    if declared is None:
        # No number is nothing, whether or not somebody says that these are numbers.
        return _numbers(held) if pa.types.is_floating(held.type) else held
    if pa.types.is_null(held.type):
        return pa.nulls(len(held), _EMPTY[declared])
    return _TYPED.get(declared, _as_it_is)(held)


def _as_it_is(held: pa.Array) -> pa.Array:
    return held


def _numbers(held: pa.Array) -> pa.Array:
    if pa.types.is_decimal(held.type):
        # By its digits, as text is read: divided by its scale it may be the double beside that.
        held = held.cast(pa.string())
    numbers = held.cast(pa.float64(), safe=False)
    # Who writes tables by pandas has no other null of floats.
    return pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)


_TYPED: Final[dict[str, Callable[[pa.Array], pa.Array]]] = {
    "Text": lambda held: held.cast(pa.string()),
    "Bytes": lambda held: held.cast(pa.binary()),
    "Integer": lambda held: held if held.type == pa.uint64() else held.cast(pa.int64()),
    "Number": _numbers,
    "Decimal": lambda held: (
        held.cast(pa.decimal128(20, 0)) if pa.types.is_integer(held.type) else held
    ),
    "Timestamp": lambda held: held.cast(pa.timestamp(held.type.unit, "UTC")),
    "Date": lambda held: held.cast(pa.date32()),
}
_EMPTY: Final[dict[str, pa.DataType]] = {
    "Text": pa.string(),
    "Bytes": pa.binary(),
    "Integer": pa.int64(),
    "Number": pa.float64(),
    "Decimal": pa.decimal128(20, 0),
    "Timestamp": pa.timestamp("ns", "UTC"),
    "Date": pa.date32(),
    "Bool": pa.bool_(),
}


def read_text(text: pa.Array, declared: str | None) -> tuple[pa.Array, pa.Array | None]:
    """Return what text stands for, and where it stands for nothing of the type, if anywhere."""
    if declared in {None, "Text"}:
        return text, None
    found = _cast(text, str(declared), "ns")
    if declared == "Timestamp" and _looks_like_a_moment(text.filter(pc.is_null(found))):
        # Nanoseconds reach from 1678 to 2261, and `9999-12-31` is a moment as well.
        coarse = _cast(text, str(declared), "us")
        found = coarse if coarse.null_count < found.null_count else found
    if found.null_count == text.null_count:
        return typed(found, declared), None
    wrong = pc.and_(pc.is_valid(text), pc.is_null(found))
    return typed(found, declared), wrong


def read_json(values: list[Any], declared: str | None) -> tuple[pa.Array, pa.Array | None]:
    """Return what values of JSON are; as `read_text`. Of no type, only whether they are null."""
    if declared is None:
        return pa.array([None if value is None else True for value in values], pa.bool_()), None
    wanted = _OF_JSON.get(declared, (str,))
    own = [value if _is_of(value, wanted) else None for value in values]
    wrong = None
    if any(value is not None and kept is None for value, kept in zip(values, own, strict=True)):
        wrong = pa.array(
            [value is not None and kept is None for value, kept in zip(values, own, strict=True)]
        )
    if declared in {"Integer", "Bool", "Text"}:
        return pa.array(own, _EMPTY[declared]), wrong
    if declared == "Number":
        numbers = [None if value is None else float(value) for value in own]
        return typed(pa.array(numbers, pa.float64()), declared), wrong
    texts = pa.array([None if value is None else str(value) for value in own], pa.string())
    found, also = read_text(texts, declared)
    if also is not None:
        wrong = also if wrong is None else pc.or_(wrong, also)
    return found, wrong


def _is_of(value: object, wanted: tuple[type, ...]) -> bool:
    if isinstance(value, bool):
        return bool in wanted
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        return float in wanted or str in wanted
    return isinstance(value, wanted)


def _cast(text: pa.Array, declared: str, unit: str) -> pa.Array:
    """Return a cast of each value; null where there is none. Of moments, in this unit."""
    cast: Callable[[pa.Array], pa.Array]
    match declared:
        case "Timestamp":
            cast, target = partial(_moments, unit=unit), pa.timestamp(unit, "UTC")
        case "Decimal":
            cast, target = read_decimals, _WIDEST
        case _:
            target = _EMPTY[declared]
            cast = partial(pa.Array.cast, target_type=target)
    try:
        return cast(text).cast(target)
    except pa.ArrowInvalid:
        pass
    # What is wrong is mostly one word, such as `NA`, again and again.
    coded = text.dictionary_encode()
    words = coded.dictionary
    if (shape := _SHAPES.get(declared)) is not None:
        is_like = pc.match_substring_regex(words, shape)
        words = pc.if_else(is_like, words, pa.scalar(None, words.type))
    return _cast_each(words, cast, target).take(coded.indices)


def _cast_each(
    text: pa.Array, cast: Callable[[pa.Array], pa.Array], target: pa.DataType
) -> pa.Array:
    try:
        return cast(text).cast(target)
    except pa.ArrowInvalid:
        if len(text) == 1:
            return pa.nulls(1, target)
    half = len(text) // 2
    return pa.concat_arrays(
        [_cast_each(text.slice(0, half), cast, target), _cast_each(text.slice(half), cast, target)]
    )


def _looks_like_a_moment(text: pa.Array) -> bool:
    return bool(pc.any(pc.match_substring_regex(text, _SHAPES["Timestamp"])).as_py())


def _moments(text: pa.Array, unit: str) -> pa.Array:
    try:
        return text.cast(pa.timestamp(unit, "UTC"))
    except pa.ArrowInvalid:
        return text.cast(pa.timestamp(unit))


def bound_of(declared: str, text: str) -> Any:
    """Return a bound as a number: of times, seconds since 1970; of dates, days.

    Raises:
        QuestionError: It is no value of the type.
    """
    try:
        match declared:
            case "Integer":
                return int(text)
            case "Number":
                return float(text)
            case "Decimal":
                return Decimal(text)
            case "Date":
                day = dt.date.fromisoformat(text)
                return day.toordinal() - dt.date(1970, 1, 1).toordinal()
            case "Timestamp":
                return int(dt.datetime.fromisoformat(text).timestamp())
    except (ValueError, InvalidOperation) as error:
        raise QuestionError(f"the bound `{text}` is no {declared}") from error
    raise QuestionError(f"there are no bounds of {declared}")


def numbers_of(values: pa.Array, declared: str) -> tuple[pa.Array, int]:
    """Return times as whole numbers, and how many of them are a second; 0 where one is a day."""
    if declared == "Date":
        return values.cast(pa.int32()).cast(pa.int64()), 0
    if declared == "Timestamp":
        return values.cast(pa.int64()), _PER_SECOND[values.type.unit]
    return values, 1


def nanoseconds(number: int, per_second: int) -> int:
    """Return what `numbers_of` returned, as nanoseconds since 1970."""
    return number * (_DAY * NANOSECONDS if not per_second else NANOSECONDS // per_second)


class Rules:
    """The rules of one column that look at its values.

    Args:
        column: As `contracts.file_rules` says it.
    """

    def __init__(self, column: Mapping[str, Any]) -> None:
        self.declared: str | None = column.get("type")
        self._shown = bool(column["shown"]) and self.declared != "Bytes"
        self._bounds = {
            rule: bound_of(str(self.declared), column[field])
            for rule, field in (("Minimum", "minimum"), ("Maximum", "maximum"))
            if field in column
        }
        self._allowed: list[str] = column.get("allowed") or []
        self._pattern: str | None = None
        if "pattern" in column:
            self._pattern = _checked_pattern(column["pattern"])
        self.faults: dict[str, Fault] = {}

    @property
    def bounds(self) -> Mapping[str, Any]:
        """The bounds: see `bound_of`."""
        return self._bounds

    @property
    def reads(self) -> bool:
        """Whether every value has to be looked at: no statistic says what is asked."""
        return bool(self._allowed) or self._pattern is not None

    def check(self, values: pa.Array, held: Any, first_row: int, wrong: pa.Array | None) -> None:
        """Note which values of a batch break a rule.

        Args:
            values: As their type; null where there is none.
            held: As they were read: an array, or a list of JSON.
            first_row: The number of the first row, from 1.
            wrong: Which of them are of another type.
        """

        def note(rule: str, mask: pa.Array) -> None:
            self._note(rule, mask, held, first_row)

        if wrong is not None:
            note("Type", wrong)
        for rule, bound in self._bounds.items():
            mask = _outside(values, str(self.declared), bound, is_less=rule == "Minimum")
            if mask is not None:
                note(rule, mask)
        if self._allowed:
            allowed = pc.is_in(values, value_set=_value_set(self._allowed, values.type))
            note("Allowed", pc.and_(pc.invert(allowed), pc.is_valid(values)))
        if self._pattern is not None:
            note("Pattern", pc.invert(pc.match_substring_regex(values, self._pattern)))

    def _note(self, rule: str, mask: pa.Array, held: Any, first_row: int) -> None:
        count = mask.true_count
        if not count:
            return
        before = self.faults.get(rule)
        if before is not None:
            self.faults[rule] = Fault(before.count + count, before.row, before.value)
            return
        at = pc.index(mask, pa.scalar(True)).as_py()  # noqa: FBT003 - a value of Arrow
        value = _shown(held, at) if self._shown else None
        self.faults[rule] = Fault(count, first_row + at, value)


def _checked_pattern(pattern: str) -> str:
    """Return a pattern that matches from begin to end.

    Raises:
        QuestionError: It is none here: the API server allows larger ones, and an open quotation.
    """
    whole = rf"\A(?:{pattern})\z"
    try:
        pc.match_substring_regex(pa.array([""]), whole)
    except pa.ArrowInvalid as error:
        raise QuestionError(f"the pattern `{pattern}` is too large, or not closed") from error
    return whole


def _value_set(allowed: list[str], held: pa.DataType) -> pa.Array:
    if not pa.types.is_integer(held):
        return pa.array(allowed, held)
    numbers = map(int, allowed)
    return pa.array([one for one in numbers if held != pa.uint64() or one >= 0], held)


def _outside(values: pa.Array, declared: str, bound: Any, *, is_less: bool) -> pa.Array | None:
    """Return which values lie beyond a bound; None for none."""
    if declared == "Decimal":
        # Their scales differ, and what they are cast to may hold neither.
        found = values.to_pylist()
        return pa.array(
            [one is not None and (one < bound if is_less else one > bound) for one in found],
            pa.bool_(),
        )
    compare = pc.less if is_less else pc.greater
    if declared == "Number":
        return compare(values, pa.scalar(bound, pa.float64()))
    numbers, per_second = numbers_of(values, declared)
    bound *= per_second or 1
    least, most = (0, (1 << 64) - 1) if numbers.type == pa.uint64() else (-(1 << 63), (1 << 63) - 1)
    if least <= bound <= most:
        return compare(numbers, pa.scalar(bound, numbers.type))
    # Beyond all that the type can hold: none, or all of them.
    return pc.is_valid(numbers) if is_less == (bound > most) else None


def _shown(held: Any, at: int) -> str | None:
    if isinstance(held, list):
        return str(held[at])[:_MAX_SHOWN]
    with contextlib.suppress(pa.ArrowException):
        return str(held.slice(at, 1).cast(pa.string())[0].as_py())[:_MAX_SHOWN]
    return None
