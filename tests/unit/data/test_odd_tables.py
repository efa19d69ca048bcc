"""Contracts over files that somebody wrote badly, by chance or on purpose."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from glovebox.api.contract_status import MAX_VIOLATIONS
from glovebox.data import contract_values
from glovebox.data.contract_found import FileSeen
from glovebox.data.contract_words import told
from glovebox.data.contracts import Judge
from glovebox.data.table_errors import QuestionError
from glovebox.errors import InvalidInput
from support.contracts import altered_footer, as_parquet, check, contract_of, one, parquet_of

NAN = float("nan")
ROWS, NULLS = 60, 50


@pytest.mark.parametrize("statistics", ["Trusted", "Ignored"])
@pytest.mark.parametrize("kind", [None, "Number"])
def test_what_is_no_number_is_nothing_with_or_without_a_type(
    kind: str | None, statistics: str
) -> None:
    rules = contract_of(one(kind, maxNullShare=0), statistics=statistics)
    for width in (pa.float16(), pa.float32(), pa.float64()):
        found = check(rules, {"a.parquet": parquet_of(pa.array([NAN, 1.0, None], width))})
        (violation,) = found.first
        assert (violation.rule, violation.count) == ("NullShare", 2)


@pytest.mark.parametrize(
    ("kind", "text", "wrong"),
    [
        ("Decimal", ["1.5", "-2", ".5", "1e5", "+3."], 0),
        # Python takes these, and nobody else does.
        ("Decimal", ["1_000", "\uff11\uff12", " 7 ", "NaN", "Infinity"], 5),
        # The library dies of some of these.
        ("Decimal", ["1E-999999999", "1E+999999999", "1E+60", "1E-60", "9" * 100], 5),
        ("Integer", ["5", "-0", "007", "x", "1e1", "5.0", "9223372036854775808"], 4),
        ("Number", ["5", "1e400", "nan", "-inf", "x", "1_0", " 5"], 3),
        ("Bool", ["TRUE", "False", "0", "1", "yes", "t"], 2),
        ("Date", ["9999-12-31", "2013-02-30", "2013-1-1", "2012-02-29"], 2),
        ("Timestamp", ["2013-01-01", "2013-01-01T00:00:00+01:00", "2013-02-30", "1"], 2),
        # Beyond what nanoseconds can say.
        ("Timestamp", ["9999-12-31T00:00:00Z", "1500-01-01", "2013-01-01 01:02:03.5"], 0),
    ],
)
def test_which_text_stands_for_a_value(kind: str, text: list[str], wrong: int) -> None:
    rules = contract_of(one(kind))
    # Whatever stands beside it, and however often.
    for values, times in ((text, 1), ([*reversed(text)], 1), (text * 300, 300)):
        found = check(rules, {"a.csv": "\n".join(["a", *values, ""]).encode()})
        assert [each.count for each in found.first] == ([wrong * times] if wrong else [])


def test_words_that_are_no_value_are_not_tried_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []
    each = contract_values._cast_each

    def counted(*args: Any) -> pa.Array:
        tries.append(len(args[0]))
        return each(*args)

    monkeypatch.setattr(contract_values, "_cast_each", counted)
    rows = 40_000
    for words in (["NA", "1"], [f"NA{at}" for at in range(100)]):
        tries.clear()
        body = "\n".join(["a", *(words * (rows // len(words))), ""]).encode()
        (violation,) = check(contract_of(one("Integer")), {"a.csv": body}).first
        assert violation.count == sum(rows // len(words) for word in words if "NA" in word)
        # Once a batch, whose different words are few.
        assert len(tries) <= rows // 8192 + 1
        assert max(tries) <= len(words)


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
@pytest.mark.parametrize("statistics", ["Trusted", "Ignored"])
def test_moments_that_mean_for_ever_are_moments(unit: str, statistics: str) -> None:
    values = pa.array([datetime(9999, 12, 31), datetime(2013, 1, 1)], pa.timestamp(unit))  # noqa: DTZ001
    rules = contract_of(
        one("Timestamp", maximum="9999-12-31T00:00:00Z"),
        freshness={"column": "a", "maxAgeSeconds": 1, "atTime": "2013-01-09T00:00:00Z"},
        statistics=statistics,
    )
    assert check(rules, {"a.parquet": parquet_of(values)}).violations == 0
    rules = contract_of(one("Timestamp", maximum="2020-01-01T00:00:00Z"), statistics=statistics)
    assert check(rules, {"a.parquet": parquet_of(values)}).by_rule == {"Maximum": 1}


@pytest.mark.parametrize(
    "rules",
    [
        one("Text", pattern=r"\Qabc"),
        one("Text", pattern=r"\pL{1000}"),
        one("Date", minimum="2013-02-30"),
        one("Timestamp", maximum="2013-01-01T25:00:00Z"),
    ],
)
def test_a_rule_without_a_meaning_is_no_fault_of_the_data(rules: dict[str, Any]) -> None:
    with pytest.raises(QuestionError, match=r"is no|too large, or not closed"):
        check(contract_of(rules), {"a.csv": b"a\n2013-01-01\n"})


@pytest.mark.parametrize("rows", [-ROWS, 1 << 62])
def test_numbers_of_rows_that_no_file_has_are_damage(rows: int) -> None:
    found = check(contract_of(one("Integer")), {"a.parquet": altered_footer(ROWS, rows)})
    assert (found.by_rule, found.rows) == ({"Readable": 1}, 0)


@pytest.mark.parametrize("nulls", [-NULLS, 1 << 62])
def test_numbers_of_nulls_that_no_column_has_are_not_believed(nulls: int) -> None:
    found = check(
        contract_of(one("Integer", maximum="99")), {"a.parquet": altered_footer(NULLS, nulls)}
    )
    assert (found.columns[0].nulls, found.footers, found.violations) == (NULLS, 0, 0)


def test_names_of_columns_are_harmless_where_they_are_shown() -> None:
    body = b'a,"b\x1b[31m\nc"\n1,2\n'
    (violation,) = check(contract_of(one(), otherColumns="Refused"), {"a.csv": body}).first
    assert violation.column == r"b\x1b[31m\x0ac"
    assert told(violation).isprintable()


def test_of_a_table_without_a_line_of_names_no_value_is_shown() -> None:
    for body in (b"Doe,4711\n1,2\n", b"Doe,Doe\n1,2\n"):
        for other in ("Refused", "Allowed"):
            rules = contract_of(one(optional=True), otherColumns=other)
            found = check(rules, {"a.csv": body})
            assert "Doe" not in str(found)
            assert found.violations or (other, body) == ("Allowed", b"Doe,4711\n1,2\n")


def test_of_columns_that_are_there_twice_only_known_ones_are_named() -> None:
    (violation,) = check(contract_of(one()), {"a.csv": b"a,b,b\n1,2,3\n"}).first
    assert violation.message.endswith("it has more than one column of one name")
    (violation,) = check(contract_of(one()), {"a.csv": b"a,b,a\n1,2,3\n"}).first
    assert violation.message.endswith("it has more than one column `a`")


def seen(*others: str, kind: str = "") -> FileSeen:
    return FileSeen(rows=1, by_footer=True, columns={}, others=dict.fromkeys(others, kind))


def test_what_is_kept_does_not_grow_with_names_that_nobody_listed() -> None:
    judge = Judge(contract_of(one(optional=True), otherColumns="Refused"))
    for file in range(200):
        judge.add(f"{file}.csv", seen(*(f"{file}-{at}" for at in range(20))))
    assert len(judge._kept) == MAX_VIOLATIONS
    found = judge.verdict(0)
    assert (found.violations, len(found.first)) == (4000, MAX_VIOLATIONS)
    judge = Judge(contract_of(one(optional=True)))
    long = "n" * 10_000
    for file in range(800):
        judge.add(f"{file}.parquet", seen(f"{file}{long}", kind="Text"))
    more = seen(*(f"more-{at}{long}" for at in range(50)), kind="Text")
    with pytest.raises(InvalidInput, match="longer than 8 MiB together"):
        judge.add("more.parquet", more)


def test_names_that_are_longer_than_any_table_has_are_refused() -> None:
    table = pa.table({f"{at}{'n' * 5000}": pa.array([], pa.int8()) for at in range(250)})
    (violation,) = check(contract_of(one()), {"a.parquet": as_parquet(table)}).first
    assert violation.message.endswith("the names of its columns are longer than 1 MiB together")


@pytest.mark.parametrize(
    ("path", "body", "rows"),
    [
        ("bom.csv", b'\xef\xbb\xbf"a",b\n1,2\n', 1),
        ("old-mac.csv", b"a,b\r1,2\r3,4\r", 2),
        ("windows.csv", b"a,b\r\n1,2\r\n3,4", 2),
        ("header.csv", b"a,b\n", 0),
        ("lines.csv", b'a,b\n1,"x\ny"\n2,z\n', 2),
        ("order.jsonl", b'{"b":[1],"a":2}\n{"a":3}\n{"b":{"a":"x"}}\n', 3),
    ],
)
def test_odd_files_that_are_well(path: str, body: bytes, rows: int) -> None:
    found = check(contract_of(one("Integer")), {path: body})
    assert (found.rows, found.violations) == (rows, 0)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("ragged.csv", b"a,b\n1,2\n1\n"),
        ("wide.csv", "a,b\n1,2\n".encode("utf-16")),
        ("not-a-number.jsonl", b'{"a":NaN}\n'),
        ("deep.jsonl", b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"),
        ("other.parquet", b"a\n1\n"),
        ("empty.csv", b""),
        ("empty.parquet", b""),
    ],
)
def test_odd_files_that_are_none(path: str, body: bytes) -> None:
    assert check(contract_of(one("Integer")), {path: body}).by_rule == {"Readable": 1}


def test_a_column_within_another_is_not_the_one_of_that_name() -> None:
    within = pa.array([{"b": 1}, {"b": 1}], pa.struct([("b", pa.int64())]))
    rules = contract_of({"name": "a.b", "type": "Integer", "maximum": "1"})
    only = as_parquet(pa.table({"a": within}))
    assert check(rules, {"a.parquet": only}).by_rule == {"Columns": 1}
    both = as_parquet(pa.table({"a": within, "a.b": [5, 6]}))
    assert check(rules, {"a.parquet": both}).first[0].count == 2


def test_equal_decimals_are_one_key_whatever_their_scale_or_format() -> None:
    files = {
        "a.parquet": parquet_of(pa.array([Decimal("1.50")], pa.decimal128(5, 2))),
        "b.parquet": parquet_of(pa.array([Decimal("1.5")], pa.decimal256(40, 1))),
        "c.csv": b"a\n1.500\n",
        "d.jsonl": b'{"a":"15e-1"}\n',
    }
    found = check(contract_of(one("Decimal"), unique=[{"columns": ["a"]}]), files)
    assert found.by_rule == {"Unique": 3}


def test_bounds_hold_to_the_edge_of_each_type() -> None:
    edges = {
        "Integer": (pa.array([-(2**63), 2**63 - 1]), "-" + "9" * 18, "9" * 18),
        "Date": (pa.array([-(10**6), 2**31 - 1], pa.date32()), "0001-01-01", "9999-12-31"),
        "Timestamp": (
            pa.array([-(2**62), 2**62], pa.timestamp("us")),
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
        ),
    }
    for kind, (values, least, most) in edges.items():
        for statistics in ("Trusted", "Ignored"):
            rules = contract_of(one(kind, minimum=least, maximum=most), statistics=statistics)
            found = check(rules, {"a.parquet": parquet_of(values)})
            assert found.by_rule == {"Minimum": 1, "Maximum": 1}, kind
    large = pa.array([2**64 - 1, 0], pa.uint64())
    rules = contract_of(one("Integer", minimum="-5", maximum="5"))
    assert check(rules, {"a.parquet": parquet_of(large)}).by_rule == {"Maximum": 1}
    zero = contract_of(one("Number", minimum="0"))
    assert check(zero, {"a.parquet": parquet_of(pa.array([-0.0]))}).violations == 0
    assert check(
        contract_of(one("Date", maximum="2013-01-01")),
        {"a.parquet": parquet_of(pa.array([date(2013, 1, 2)], pa.date64()))},
    ).by_rule == {"Maximum": 1}
