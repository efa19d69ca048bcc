"""What files come to under a contract: each rule, in each format, and in any order and form."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glovebox.api.contract import Contract
from glovebox.data.contract_rules import contract_digest
from glovebox.data.contract_words import told
from glovebox.data.time_spans import TimeSpans
from support.contracts import (
    as_csv,
    as_json_lines,
    as_parquet,
    check,
    contract_of,
)

START = datetime(2013, 1, 1, tzinfo=UTC)
HOURS = [START + timedelta(hours=at) for at in range(6)]
TABLE = pa.table(
    {
        "flight": pa.array([1, 2, 3, 4, 5, 6], pa.int32()),
        "delay": [0.5, None, -3.0, 10.0, float("nan"), 2.0],
        "carrier": ["UA", "AA", "B6", None, "UA", "UA"],
        "fare": pa.array(
            [Decimal("1.50"), Decimal(2), None, None, None, None], pa.decimal128(9, 2)
        ),
        "at": pa.array(HOURS, pa.timestamp("us", "UTC")),
        "day": [date(2013, 1, 1 + at) for at in range(6)],
        "late": [True, False, None, True, True, False],
    }
)
FORMATS = {
    "parquet": lambda table: as_parquet(table, row_group_size=4),
    "csv": lambda table: as_csv(
        table.set_column(1, "delay", [_without_nan(table["delay"].to_pylist())])
    ),
    "jsonl": lambda table: as_json_lines(
        table.set_column(1, "delay", [_without_nan(table["delay"].to_pylist())])
    ),
}
TYPES = {
    "flight": "Integer",
    "delay": "Number",
    "carrier": "Text",
    "fare": "Decimal",
    "at": "Timestamp",
    "day": "Date",
    "late": "Bool",
}
ALL = [{"name": name, "type": kind} for name, kind in TYPES.items()]


def _without_nan(values: list[Any]) -> list[Any]:
    return [None if value is None or value != value else value for value in values]  # noqa: PLR0124


def column(name: str, **rules: Any) -> dict[str, Any]:
    return {"name": name, "type": TYPES[name], **rules}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    ("name", "rules", "wanted"),
    [
        ("flight", {"minimum": "3"}, ("Minimum", 2, "row 1 is less than 3")),
        ("flight", {"minimum": "3", "shown": True}, ("Minimum", 2, "row 1 is less than 3: '1'")),
        ("flight", {"maximum": "5"}, ("Maximum", 1, "row 6 is greater than 5")),
        ("flight", {"minimum": "1", "maximum": "6", "maxNullShare": 0}, None),
        ("flight", {"allowed": ["1", "2", "3", "4"]}, ("Allowed", 2, "row 5 is none of the 4")),
        ("delay", {"minimum": "-2.5"}, ("Minimum", 1, "row 3 is less than -2.5")),
        ("delay", {"maxNullShare": 3333}, ("NullShare", 2, "in 2 of 6 rows (33.33 %)")),
        ("delay", {"maxNullShare": 3334}, None),
        ("carrier", {"allowed": ["UA", "AA"]}, ("Allowed", 1, "row 3 is none of the 2")),
        ("carrier", {"pattern": "[A-Z]+"}, ("Pattern", 1, "row 3 does not match")),
        ("carrier", {"pattern": "[A-Z]"}, ("Pattern", 5, "row 1 does not match")),
        ("carrier", {"pattern": "A|UA|AA|B6"}, None),
        ("fare", {"maximum": "1.99"}, ("Maximum", 1, "row 2 is greater than 1.99")),
        ("fare", {"maximum": "2.00"}, None),
        ("at", {"minimum": "2013-01-01T00:00:01Z"}, ("Minimum", 1, "row 1 is less")),
        ("at", {"maximum": "2013-01-01T05:00:00Z"}, None),
        ("day", {"maximum": "2013-01-04"}, ("Maximum", 2, "row 5 is greater")),
        ("late", {"maxNullShare": 0}, ("NullShare", 1, "in 1 of 6 rows (16.67 %)")),
    ],
)
def test_each_rule_counts_the_same_rows_in_each_format(
    kind: str, name: str, rules: dict[str, Any], wanted: tuple[str, int, str] | None
) -> None:
    found = check(contract_of(column(name, **rules)), {f"a.{kind}": FORMATS[kind](TABLE)})
    if wanted is None:
        assert found.violations == 0, [told(each) for each in found.first]
        return
    rule, count, says = wanted
    assert found.by_rule == {rule: 1}
    (violation,) = found.first
    assert (violation.file, violation.column, violation.count) == (f"a.{kind}", name, count)
    assert says in violation.message


@pytest.mark.parametrize("kind", FORMATS)
def test_what_holds_all_that_was_promised_is_well(kind: str) -> None:
    found = check(contract_of(*ALL), {f"a.{kind}": FORMATS[kind](TABLE)})
    assert found.violations == 0, [told(each) for each in found.first]
    assert found.rows == 6
    assert {each.name: each.type for each in found.columns} == TYPES


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_text_that_stands_for_nothing_of_the_type_is_counted(kind: str) -> None:
    values = ["2013-01-01", "x", None, "2013-02-30", "2013-02-28", "", "y"]
    table = pa.table({"day": values, "n": ["1"] * 7})
    found = check(contract_of(column("day")), {f"a.{kind}": FORMATS_OF_TEXT[kind](table)})
    (violation,) = found.first
    # An empty field of CSV is null; an empty text of JSON is a text.
    assert (violation.rule, violation.count) == ("Type", 3 if kind == "csv" else 4)
    assert violation.message == "row 2 is no Date"


FORMATS_OF_TEXT = {"csv": as_csv, "jsonl": as_json_lines}


def test_json_says_its_own_types() -> None:
    body = b'{"flight": 1}\n{"flight": "2"}\n{"flight": true}\n{"flight": 2.5}\n{"flight": [1]}\n'
    found = check(contract_of(column("flight")), {"a.jsonl": body})
    assert (found.first[0].rule, found.first[0].count) == ("Type", 4)


def test_a_column_of_another_type_is_named_with_all_its_rows() -> None:
    other = TABLE.set_column(0, "flight", [list("abcdef")])
    files = {"a.parquet": as_parquet(TABLE), "b.parquet": as_parquet(other)}
    found = check(contract_of(*ALL), files)
    (violation,) = found.first
    assert told(violation) == (
        "column `flight` of `b.parquet`: holds Text, and has to hold Integer (Type, 6)"
    )


def test_columns_that_are_not_listed_hold_the_same_in_all_files() -> None:
    other = TABLE.set_column(0, "flight", [list("abcdef")])
    files = {name: as_parquet(TABLE) for name in ("a.parquet", "c.parquet")}
    found = check(contract_of(column("day")), {**files, "b.parquet": as_parquet(other)})
    (violation,) = found.first
    assert (violation.rule, violation.file, violation.column) == ("SameType", "b.parquet", "flight")
    assert violation.message == "holds Text, and Integer in 2 files, such as `a.parquet`"


@pytest.mark.parametrize("kind", FORMATS)
def test_a_column_that_is_missing_is_named_unless_it_is_optional(kind: str) -> None:
    files = {f"a.{kind}": FORMATS[kind](TABLE)}
    there = column("flight")
    asked = {"name": "gate", "type": "Text"}
    (violation,) = check(contract_of(there, asked), files).first
    assert (violation.rule, violation.column, violation.count) == ("Columns", "gate", 6)
    assert check(contract_of(there, asked | {"optional": True}), files).violations == 0
    empty = asked | {"optional": True, "maxNullShare": 9999}
    (violation,) = check(contract_of(there, empty), files).first
    assert (violation.rule, violation.count) == ("NullShare", 6)


@pytest.mark.parametrize("kind", FORMATS)
def test_columns_beside_those_of_the_contract_can_be_refused(kind: str) -> None:
    listed = [each for each in ALL if each["name"] != "late"]
    files = {f"a.{kind}": FORMATS[kind](TABLE)}
    found = check(contract_of(*listed, otherColumns="Refused"), files)
    (violation,) = found.first
    assert (violation.rule, violation.column) == ("Columns", "late")
    assert check(contract_of(*listed), files).violations == 0


def test_a_value_is_shown_only_where_the_contract_lets_it() -> None:
    files = {"a.csv": as_csv(TABLE.select(["carrier"]))}
    for shown in (False, True):
        found = check(contract_of(column("carrier", allowed=["AA"], shown=shown)), files)
        assert ("UA" in found.first[0].message) is shown


@pytest.mark.parametrize(
    ("limits", "wanted"),
    [
        ({"minimum": 12, "maximum": 12}, {}),
        ({"minimum": 13}, {"RowCount": 1}),
        ({"maximum": 11}, {"RowCount": 1}),
        ({"minimumPerFile": 7}, {"RowCount": 2}),
        ({"maximumPerFile": 5}, {"RowCount": 2}),
    ],
)
def test_rows_are_counted_whole_and_by_file(limits: dict[str, int], wanted: dict[str, int]) -> None:
    files = {name: as_parquet(TABLE) for name in ("a.parquet", "b.parquet")}
    assert check(contract_of(column("day"), rows=limits), files).by_rule == wanted


@pytest.mark.parametrize("name", ["at", "day"])
@pytest.mark.parametrize("kind", FORMATS)
def test_freshness_and_gaps(kind: str, name: str) -> None:
    unit = 3600 if name == "at" else 86_400
    table = pa.concat_tables([TABLE.slice(0, 2), TABLE.slice(4)])
    files = {f"a.{kind}": FORMATS[kind](table)}
    newest = {"at": START + timedelta(hours=5), "day": START + timedelta(days=5)}[name]

    def rules(**asked: Any) -> Contract:
        return contract_of(column(name), **asked)

    for seconds, wanted in ((3 * unit, {}), (3 * unit - 1, {"Gap": 1}), (unit - 1, {"Gap": 3})):
        found = check(rules(gaps={"column": name, "maxSeconds": seconds}), files)
        assert {each.rule: each.count for each in found.first} == wanted
    for age, wanted in ((60, {}), (59, {"Freshness": 1})):
        at = (newest + timedelta(minutes=1)).isoformat()
        found = check(rules(freshness={"column": name, "maxAgeSeconds": age, "atTime": at}), files)
        assert found.by_rule == wanted


def test_keys_are_compared_over_files_and_formats() -> None:
    rules = contract_of(column("flight"), column("day"), unique=[{"columns": ["flight", "day"]}])
    files = {"a.parquet": as_parquet(TABLE), "b.csv": as_csv(TABLE.slice(2, 2))}
    (violation,) = check(rules, files).first
    assert (violation.rule, violation.file, violation.count) == ("Unique", "b.csv", 2)
    assert violation.message == "row 1 has the same key as row 3 of `a.parquet`"
    assert check(rules, {"a.parquet": as_parquet(TABLE)}).violations == 0


def test_what_is_null_is_no_key() -> None:
    rules = contract_of(column("carrier"), column("flight"), unique=[{"columns": ["carrier"]}])
    table = pa.table({"carrier": pa.array([None, None, "UA"], pa.string()), "flight": [1, 1, 3]})
    files = {"a.parquet": as_parquet(table)}
    assert check(rules, files).violations == 0
    both = {"columns": ["carrier", "flight"]}
    rules = contract_of(column("carrier"), column("flight"), unique=[both])
    assert check(rules, files).violations == 0
    rules = contract_of(
        column("carrier"), column("flight"), references=[both | {"pinRef": {"name": "p"}}]
    )
    (violation,) = check(rules, files).first
    assert (violation.rule, violation.count) == ("Reference", 1)


def test_what_refers_to_nothing_is_counted() -> None:
    rules = contract_of(
        column("carrier"), references=[{"columns": ["carrier"], "pinRef": {"name": "carriers"}}]
    )
    found = check(rules, {"a.parquet": as_parquet(TABLE)}, {0: b""})
    (violation,) = found.first
    assert (violation.rule, violation.count) == ("Reference", 5)
    assert violation.message == "row 1 holds what DatasetPin 'carriers' does not"


def test_a_file_that_is_none_does_not_hide_the_others() -> None:
    files = {
        "a.parquet": as_parquet(TABLE.set_column(0, "flight", [list("abcdef")])),
        "b.parquet": b"PAR1 nothing PAR1",
        "c.txt": b"words",
        "d.csv": b"",
    }
    found = check(contract_of(column("flight")), files)
    assert found.by_rule == {"Format": 1, "Readable": 2, "Type": 1}
    assert found.files == 4


def test_footers_are_enough_where_they_say_that_a_rule_is_met() -> None:
    asked = (
        column("flight", minimum="1", maximum="6", maxNullShare=0),
        column("at", maximum="2013-01-01T05:00:00Z"),
        column("carrier", maxNullShare=5000),
    )
    freshness = {"column": "at", "maxAgeSeconds": 0, "atTime": HOURS[-1].isoformat()}
    files = {"a.parquet": as_parquet(TABLE, row_group_size=2)}
    trusted = check(contract_of(*asked, freshness=freshness), files)
    assert (trusted.footers, trusted.violations) == (1, 0)
    ignored = check(contract_of(*asked, freshness=freshness, statistics="Ignored"), files)
    assert (ignored.footers, ignored.violations) == (0, 0)
    assert trusted.columns == ignored.columns
    # What they say is broken is counted by reading.
    broken = check(contract_of(column("carrier", maxNullShare=0)), files)
    assert (broken.footers, broken.by_rule) == (0, {"NullShare": 1})
    # Without statistics the rows are read.
    bare = {"a.parquet": as_parquet(TABLE, write_statistics=False)}
    assert check(contract_of(*asked, freshness=freshness), bare).footers == 0
    # Of floats no footer says how many hold no number.
    assert check(contract_of(column("delay", maxNullShare=10000)), files).footers == 0


def test_the_digest_covers_every_rule_and_no_default() -> None:
    plain = contract_of(column("flight"))
    assert contract_digest(plain) == contract_digest(
        contract_of(column("flight", shown=False), statistics="Trusted")
    )
    others = [
        contract_of(column("flight", minimum="1")),
        contract_of(column("flight"), rows={"minimum": 1}),
        contract_of(column("flight"), otherColumns="Refused"),
        contract_of(column("flight", shown=True)),
    ]
    assert len({contract_digest(each) for each in (plain, *others)}) == 5


FULL = contract_of(
    column("flight", minimum="10", maximum="80", maxNullShare=1000),
    column("carrier", allowed=["UA", "AA"], maxNullShare=0),
    column("at"),
    unique=[{"columns": ["flight", "carrier"]}],
    gaps={"column": "at", "maxSeconds": 7200},
    freshness={"column": "at", "maxAgeSeconds": 60, "atTime": "2013-01-09T00:00:00Z"},
    rows={"minimum": 50},
)
ROW = st.tuples(
    st.one_of(st.none(), st.integers(0, 100)),
    st.sampled_from([None, "UA", "AA", "B6"]),
    st.integers(0, 100),
)


def numbers(found: Any) -> tuple[Any, ...]:
    """Return what does not say where a row stands, or how it was read."""
    counts = sorted((each.rule, each.column, each.count) for each in found.first)
    return found.rows, found.violations, found.by_rule, counts, found.columns


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ROW, min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_neither_order_nor_form_changes_what_is_found(
    rows: list[tuple[Any, ...]], dice: random.Random
) -> None:
    def table(chosen: list[tuple[Any, ...]]) -> pa.Table:
        return pa.table(
            {
                "flight": pa.array([row[0] for row in chosen], pa.int16()),
                "carrier": pa.array([row[1] for row in chosen], pa.string()),
                "at": pa.array(
                    [START + timedelta(hours=row[2]) for row in chosen], pa.timestamp("ms", "UTC")
                ),
            }
        )

    whole = table(rows)
    wanted = numbers(check(FULL, {"a.parquet": as_parquet(whole)}))
    mixed = table(dice.sample(rows, len(rows)))
    widened = mixed.set_column(0, "flight", mixed["flight"].cast(pa.int64()))
    coded = mixed.set_column(1, "carrier", mixed["carrier"].dictionary_encode())
    for name, body in {
        "a.parquet": as_parquet(mixed, row_group_size=3, compression="zstd"),
        "b.parquet": as_parquet(widened, write_statistics=False, use_dictionary=False),
        "c.parquet": as_parquet(coded, compression="gzip"),
        "d.csv": as_csv(mixed),
        "e.csv.gz": as_csv(mixed, packed=True),
        "f.jsonl": as_json_lines(mixed),
    }.items():
        assert numbers(check(FULL, {name: body})) == wanted, name


@given(st.lists(st.integers(0, 60), min_size=1, max_size=30), st.integers(1, 10))
def test_spans_find_the_gaps_that_sorting_finds(moments: list[int], most: int) -> None:
    spans = TimeSpans(most)
    spans.add((moment, moment) for moment in moments)
    ordered = sorted(set(moments))
    long = [two - one for one, two in itertools.pairwise(ordered) if two - one > most]
    gaps = spans.gaps()
    assert (gaps.number, gaps.longest) == (len(long), max(long, default=0))
