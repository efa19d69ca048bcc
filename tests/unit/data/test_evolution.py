"""What becomes of those who use a dataset when its contract changes."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from glovebox.api.contract import Contract
from glovebox.data.evolution import Change, compare_contracts, satisfies
from support.contracts import as_csv, as_parquet, check, contract_of, one

Json = dict[str, Any]
MOMENT = "2013-10-01T04:00:00Z"
OPPOSITE = {"Full": "Full", "Forward": "Backward", "Backward": "Forward", "Breaking": "Breaking"}
TURNED = {"Forward": "Backward", "Backward": "Forward", "Both": "Both"}


def of(*columns: Json, **more: Any) -> Contract:
    """Return a contract of these columns beside one that nothing is asked of."""
    return contract_of({"name": "k", "type": "Text"}, *columns, **more)


def key(*columns: str) -> Json:
    return {"unique": [{"columns": list(columns)}]}


def lookup(pin: str, **more: Any) -> Json:
    return {"references": [{"columns": ["k"], "pinRef": {"name": pin}, **more}]}


def fresh(seconds: int, moment: str = MOMENT) -> Json:
    return {"freshness": {"column": "a", "maxAgeSeconds": seconds, "atTime": moment}}


def gap(seconds: int, column: str = "a") -> Json:
    return {"gaps": {"column": column, "maxSeconds": seconds}}


TIME = one("Timestamp")
# The older contract, the newer one, what that comes to, and which column by which rule. Each is
# read backwards as well.
TABLE: list[tuple[str, Contract, Contract, str, list[str]]] = [
    ("the-same", of(one("Integer")), of(one("Integer")), "Full", []),
    ("shown-is-no-promise", of(one("Text")), of(one("Text", shown=True)), "Full", []),
    ("footers-are-no-promise", of(), of(statistics="Ignored"), "Full", []),
    ("added-required", of(), of(one("Integer")), "Forward", ["a Columns Backward"]),
    ("added-required-of-any-type", of(), of(one()), "Forward", ["a Columns Backward"]),
    ("added-optional-of-any-type", of(), of(one(optional=True)), "Full", []),
    (
        "added-optional-where-it-may-have-been-anything",
        of(),
        of(one("Integer", optional=True)),
        "Forward",
        ["a Columns Backward"],
    ),
    (
        "added-optional-where-it-cannot-have-been",
        of(otherColumns="Refused"),
        of(one("Integer", optional=True), otherColumns="Refused"),
        "Backward",
        ["a Columns Forward"],
    ),
    (
        "added-optional-that-has-to-be-filled",
        of(otherColumns="Refused"),
        of(one("Integer", optional=True, maxNullShare=0), otherColumns="Refused"),
        "Breaking",
        ["a Columns Forward", "a NullShare Backward"],
    ),
    (
        "added-required-where-others-were-refused",
        of(otherColumns="Refused"),
        of(one("Integer"), otherColumns="Refused"),
        "Breaking",
        ["a Columns Both"],
    ),
    ("others-refused", of(), of(otherColumns="Refused"), "Forward", [" Columns Backward"]),
    ("required", of(one(optional=True)), of(one()), "Forward", ["a Columns Backward"]),
    ("narrowed-to-a-type", of(one()), of(one("Text")), "Forward", ["a Type Backward"]),
    ("widened-to-number", of(one("Integer")), of(one("Number")), "Backward", ["a Type Forward"]),
    ("widened-to-decimal", of(one("Integer")), of(one("Decimal")), "Backward", ["a Type Forward"]),
    (
        "decimal-and-number-in-a-format-that-says-them-alike",
        of(one("Decimal"), format="Parquet"),
        of(one("Number"), format="Parquet"),
        "Backward",
        ["a Type Forward"],
    ),
    (
        "decimal-and-number-where-json-may-say-it-as-text",
        of(one("Decimal")),
        of(one("Number")),
        "Breaking",
        ["a Type Both"],
    ),
    ("another-type", of(one("Integer")), of(one("Text")), "Breaking", ["a Type Both"]),
    ("a-day-is-no-moment", of(one("Date")), of(one("Timestamp")), "Breaking", ["a Type Both"]),
    (
        "fewer-nulls",
        of(one("Text", maxNullShare=500)),
        of(one("Text", maxNullShare=0)),
        "Forward",
        ["a NullShare Backward"],
    ),
    (
        "nulls-were-no-matter",
        of(one("Text")),
        of(one("Text", maxNullShare=9999)),
        "Forward",
        ["a NullShare Backward"],
    ),
    ("all-may-be-null", of(one("Text")), of(one("Text", maxNullShare=10000)), "Full", []),
    (
        "a-minimum",
        of(one("Integer")),
        of(one("Integer", minimum="0")),
        "Forward",
        ["a Minimum Backward"],
    ),
    (
        "numbers-are-no-text",
        of(one("Integer", minimum="9")),
        of(one("Integer", minimum="10")),
        "Forward",
        ["a Minimum Backward"],
    ),
    (
        "one-bound-in-two-ways-of-writing",
        of(one("Number", minimum="0.50", maximum="1")),
        of(one("Number", minimum="0.5", maximum="1.0")),
        "Full",
        [],
    ),
    (
        "moved-bounds",
        of(one("Date", minimum="2013-01-01", maximum="2013-01-31")),
        of(one("Date", minimum="2013-02-01", maximum="2013-02-28")),
        "Breaking",
        ["a Minimum Backward", "a Maximum Forward"],
    ),
    (
        "bounds-of-a-wider-type",
        of(one("Integer", minimum="0")),
        of(one("Number", minimum="-0.5")),
        "Backward",
        ["a Type Forward"],
    ),
    (
        "fewer-values",
        of(one("Text", allowed=["EWR", "JFK", "LGA"])),
        of(one("Text", allowed=["JFK", "EWR"])),
        "Forward",
        ["a Allowed Backward"],
    ),
    (
        "other-values",
        of(one("Text", allowed=["EWR", "JFK"])),
        of(one("Text", allowed=["EWR", "LGA"])),
        "Breaking",
        ["a Allowed Both"],
    ),
    (
        "values-within-bounds",
        of(one("Integer", minimum="1", maximum="3")),
        of(one("Integer", allowed=["1", "2"])),
        "Forward",
        ["a Allowed Backward"],
    ),
    (
        "a-pattern",
        of(one("Text")),
        of(one("Text", pattern="[A-Z]+")),
        "Forward",
        ["a Pattern Backward"],
    ),
    (
        "of-two-patterns-nothing-is-known",
        of(one("Text", pattern="[A-Z]{3}")),
        of(one("Text", pattern="[A-Z]+")),
        "Breaking",
        ["a Pattern Both"],
    ),
    ("a-format", of(), of(format="Parquet"), "Forward", [" Format Backward"]),
    ("another-format", of(format="CSV"), of(format="Parquet"), "Breaking", [" Format Both"]),
    (
        "more-rows",
        of(rows={"minimum": 10}),
        of(rows={"minimum": 20, "minimumPerFile": 1}),
        "Forward",
        [" RowCount Backward"],
    ),
    ("no-fewer-than-none", of(), of(rows={"minimum": 0}), "Full", []),
    (
        "none-at-most",
        of(rows={"maximum": 5}),
        of(rows={"maximum": 0}),
        "Forward",
        [" RowCount Backward"],
    ),
    (
        "a-limit-above",
        of(),
        of(rows={"maximum": 5}),
        "Forward",
        [" RowCount Backward"],
    ),
    (
        "more-rows-in-each-file",
        of(rows={"minimum": 10}),
        of(rows={"minimum": 10, "minimumPerFile": 10}),
        "Forward",
        [" RowCount Backward"],
    ),
    (
        "fewer-rows-in-each-file",
        of(rows={"maximumPerFile": 10}),
        of(rows={"maximumPerFile": 9}),
        "Forward",
        [" RowCount Backward"],
    ),
    ("a-key", of(), of(**key("k")), "Forward", ["k Unique Backward"]),
    (
        "what-occurs-once-does-so-with-more",
        of(one("Text"), **key("k", "a")),
        of(one("Text"), **key("k")),
        "Forward",
        ["k Unique Backward"],
    ),
    (
        "another-key",
        of(one("Text"), **key("a")),
        of(one("Text"), **key("k")),
        "Breaking",
        ["a Unique Forward", "k Unique Backward"],
    ),
    ("a-lookup", of(), of(**lookup("planes")), "Forward", ["k Reference Backward"]),
    (
        "the-same-lookup",
        of(**lookup("planes")),
        of(**lookup("planes", targetColumns=["k"])),
        "Full",
        [],
    ),
    (
        "in-another-pin",
        of(**lookup("planes")),
        of(**lookup("planes-2014")),
        "Breaking",
        ["k Reference Both"],
    ),
    (
        "in-another-column-of-it",
        of(**lookup("planes")),
        of(**lookup("planes", targetColumns=["tail"])),
        "Breaking",
        ["k Reference Both"],
    ),
    (
        "fresh-by-another-column",
        of(TIME, {**TIME, "name": "k2"}, **fresh(60)),
        of(TIME, {**TIME, "name": "k2"}, freshness={**fresh(60)["freshness"], "column": "k2"}),
        "Breaking",
        ["a Freshness Forward", "k2 Freshness Backward"],
    ),
    (
        "fresher",
        of(TIME, **fresh(86400)),
        of(TIME, **fresh(3600)),
        "Forward",
        ["a Freshness Backward"],
    ),
    (
        "the-moment-moves-with-the-data",
        of(TIME, **fresh(3600)),
        of(TIME, **fresh(3600, "2014-10-01T04:00:00Z")),
        "Full",
        [],
    ),
    ("shorter-gaps", of(TIME, **gap(60)), of(TIME, **gap(30)), "Forward", ["a Gap Backward"]),
    (
        "gaps-of-another-column",
        of(TIME, {**TIME, "name": "b"}, **gap(60)),
        of(TIME, {**TIME, "name": "b"}, **gap(60, "b")),
        "Breaking",
        ["a Gap Forward", "b Gap Backward"],
    ),
]
CASES = [pytest.param(*case[1:], id=case[0]) for case in TABLE]


def said(changes: tuple[Change, ...]) -> list[str]:
    return [f"{each.column} {each.rule} {each.breaks}" for each in changes]


@pytest.mark.parametrize(("old", "new", "wanted", "changes"), CASES)
def test_each_change_is_of_its_class_and_named_by_column(
    old: Contract, new: Contract, wanted: str, changes: list[str]
) -> None:
    found = compare_contracts(old, new)
    assert (found.compatibility, said(found.changes)) == (wanted, changes)
    back = compare_contracts(new, old)
    assert back.compatibility == OPPOSITE[wanted]
    turned = [" ".join([*each.split(" ")[:-1], TURNED[each.split(" ")[-1]]]) for each in changes]
    assert sorted(said(back.changes)) == sorted(turned)
    for change in (*found.changes, *back.changes):
        assert change.message.startswith("was ")
        before, _, after = change.message[4:].partition(", is ")
        assert before != after


def test_words_say_what_was_and_what_is() -> None:
    names = {"name": "n", "type": "Text"}
    old = of(
        one("Integer", maxNullShare=0),
        {**names, "allowed": ["EWR", "JFK"]},
        rows={"minimum": 1000},
    )
    new = of(one("Number", maxNullShare=500), {**names, "allowed": ["LGA", "EWR"]}, format="CSV")
    assert [f"{each.column}: {each.message}" for each in compare_contracts(old, new).changes] == [
        ": was of any format, is CSV",
        ": was minimum 1,000, is any number",
        "a: was Integer, is Number",
        "a: was null in at most 0.00 % of a file, is null in at most 5.00 % of a file",
        "n: was one of 2 values, is one of 2 values: 1 more ('LGA'), 1 fewer ('JFK')",
    ]


def test_a_contract_that_is_gone_breaks() -> None:
    found = compare_contracts(of(), None)
    assert (found.compatibility, said(found.changes)) == ("Breaking", [" Contract Both"])


@pytest.mark.parametrize("bound", ["many", "NaN", "sNaN", "Infinity"])
def test_a_bound_that_is_no_number_is_within_nothing(bound: str) -> None:
    odd = of(one("Integer", minimum=bound))
    assert compare_contracts(odd, of(one("Integer", minimum="1"))).compatibility == "Breaking"


@pytest.mark.parametrize("value", ["many", "NaN", "sNaN", "Infinity"])
def test_a_value_that_is_no_number_is_itself_and_no_other(value: str) -> None:
    odd, same = (of(one("Integer", allowed=["1", value])) for _ in range(2))
    assert compare_contracts(odd, same).compatibility == "Full"
    other = of(one("Integer", allowed=["1", f"-{value}"]))
    assert compare_contracts(odd, other).compatibility == "Breaking"


@pytest.mark.parametrize(
    ("found", "enough"),
    [
        ("Full", {"None", "Backward", "Forward", "Full"}),
        ("Forward", {"None", "Forward"}),
        ("Backward", {"None", "Backward"}),
        ("Breaking", {"None"}),
        ("Unknown", {"None"}),
        ("", {"None"}),
    ],
)
def test_what_is_demanded_is_that_or_more(found: str, enough: set[str]) -> None:
    demands = ("None", "Backward", "Forward", "Full")
    assert {each for each in demands if satisfies(found, each)} == enough


_NUMBERS = st.sampled_from(["-1", "0", "1", "2"])
_TEXTS = st.sampled_from(["", "x", "y", "xy"])


@st.composite
def columns(draw: st.DrawFn) -> Json:
    kind = draw(st.sampled_from([None, "Text", "Integer", "Number", "Decimal"]))
    made = one(
        kind,
        optional=draw(st.booleans()),
        maxNullShare=draw(st.sampled_from([None, 0, 5000, 10000])),
    )
    if kind in {"Integer", "Number", "Decimal"}:
        made["minimum"] = draw(st.none() | _NUMBERS)
        made["maximum"] = draw(st.none() | _NUMBERS)
    if kind == "Text":
        made["pattern"] = draw(st.sampled_from([None, "x*", "[xy]*"]))
        made["allowed"] = draw(st.lists(_TEXTS, max_size=2, unique=True))
    if kind == "Integer":
        made["allowed"] = draw(st.lists(_NUMBERS, max_size=3, unique=True))
    return made


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    listed = draw(st.none() | columns())
    return of(
        *([listed] if listed is not None else []),
        otherColumns=draw(st.sampled_from(["Allowed", "Refused"])),
        format=draw(st.sampled_from([None, "Parquet", "CSV"])),
        rows={
            "minimum": draw(st.sampled_from([None, 0, 1, 2])),
            "maximum": draw(st.sampled_from([None, 1, 2])),
        },
        **draw(st.sampled_from([{}, key("k")])),
    )


@st.composite
def tables(draw: st.DrawFn, name: str) -> dict[str, bytes]:
    rows = draw(st.integers(0, 3))

    def some(values: list[Any], kind: pa.DataType) -> pa.Array:
        each = st.sampled_from([None, *values])
        return pa.array(draw(st.lists(each, min_size=rows, max_size=rows)), kind)

    held: dict[str, pa.Array] = {"k": some(["x", "y", "z"], pa.string())}
    other = draw(st.sampled_from([None, pa.int64(), pa.float64(), pa.string()]))
    if other is not None:
        values = ["x", "y", "xy", ""] if other == pa.string() else [-1, 0, 1, 2]
        held["a"] = some(values, other)
    table = pa.table(held)
    if draw(st.booleans()):
        return {f"{name}.parquet": as_parquet(table)}
    return {f"{name}.csv": as_csv(table)}


def _meets(contract: Contract, tables: dict[str, bytes]) -> bool:
    return not check(contract, tables).by_rule.keys() - {"SameType"}


@settings(max_examples=120, deadline=None)
@given(old=contracts(), new=contracts(), one_file=tables("a"), other=st.just({}) | tables("b"))
def test_no_data_contradict_a_class(
    old: Contract, new: Contract, one_file: dict[str, bytes], other: dict[str, bytes]
) -> None:
    found = compare_contracts(old, new).compatibility
    assume(found != "Breaking")
    event(found)
    files = {**one_file, **other}
    meets_new, meets_old = _meets(new, files), _meets(old, files)
    if found in {"Forward", "Full"} and meets_new:
        assert meets_old
    if found in {"Backward", "Full"} and meets_old:
        assert meets_new


@pytest.mark.parametrize("kind", [None, "Number", "Decimal"])
def test_a_column_that_one_contract_lists_may_differ_from_file_to_file(kind: str | None) -> None:
    """What the pages leave out of the comparison; were it compared, adding a number would break."""
    old, new = of(), of(one(kind))
    whole = pa.table({"k": ["x"], "a": pa.array([1], pa.int64())})
    parts = pa.array([1], pa.decimal128(4, 2) if kind == "Decimal" else pa.float64())
    files = {
        "a.parquet": as_parquet(whole),
        "b.parquet": as_parquet(whole.set_column(1, "a", parts)),
    }
    assert check(new, files).violations == 0
    assert check(old, files).by_rule == {"SameType": 1}
    assert compare_contracts(old, new).compatibility == "Forward"
