"""What contracts say at their edges: of several files, of footers, and of what is shown."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from glovebox.data import contract_footers
from support.contracts import as_parquet, check, contract_of, one, parquet_of


def test_the_newest_of_all_files_counts_and_gaps_are_sought_in_all() -> None:
    moments = pa.timestamp("us")
    days = [datetime(2013, 1, day) for day in (1, 2, 5, 6)]  # noqa: DTZ001
    old, new = (parquet_of(pa.array(part, moments)) for part in (days[:2], days[2:]))
    for files in ({"a.parquet": new, "b.parquet": old}, {"a.parquet": old, "b.parquet": new}):
        for shown in (False, True):
            rules = {
                "freshness": {
                    "column": "a",
                    "maxAgeSeconds": 3600,
                    "atTime": "2013-01-06T01:00:01Z",
                },
                "gaps": {"column": "a", "maxSeconds": 2 * 86_400},
            }
            found = check(contract_of(one("Timestamp", shown=shown), **rules), files)
            fresh, gap = found.first
            newest = next(path for path, body in files.items() if body == new)
            assert (fresh.rule, fresh.file, fresh.count) == ("Freshness", newest, 1)
            assert (gap.rule, gap.file, gap.count) == ("Gap", "", 1)
            assert "nothing for 3 days" in gap.message
            # A moment of the data is a value as well.
            assert ("2013-01-06T00:00:00Z" in fresh.message) is shown
            assert ("2013-01-02T00:00:00Z" in gap.message) is shown
            rules["freshness"]["maxAgeSeconds"] = 3601
            rules["gaps"]["maxSeconds"] = 3 * 86_400
            assert check(contract_of(one("Timestamp"), **rules), files).violations == 0


def test_no_row_with_a_time_is_not_fresh() -> None:
    rules = {"freshness": {"column": "a", "maxAgeSeconds": 60, "atTime": "2013-01-06T01:00:01Z"}}
    empty = {"a.parquet": parquet_of(pa.array([None, None], pa.timestamp("us")))}
    (violation,) = check(contract_of(one("Timestamp"), **rules), empty).first
    assert (violation.rule, violation.message) == ("Freshness", "no row has a time")


def test_a_column_that_holds_nothing_in_one_file_is_of_no_other_type() -> None:
    files = {
        "a.parquet": as_parquet(pa.table({"a": [1], "b": pa.nulls(1)})),
        "b.parquet": as_parquet(pa.table({"a": [1], "b": [1]})),
    }
    assert check(contract_of(one("Integer")), files).violations == 0


def test_a_file_without_rows_need_have_no_column() -> None:
    files = {"a.parquet": as_parquet(pa.table({"b": pa.array([], pa.int64())}))}
    assert check(contract_of(one("Integer", maxNullShare=0)), files).violations == 0


@pytest.mark.parametrize("rule", ["unique", "references"])
def test_a_file_is_named_by_its_whole_path_however_long(rule: str) -> None:
    path = f"{'year=2013/' * 80}a.parquet"
    asked: dict[str, Any] = {"columns": ["a"]}
    if rule == "references":
        asked["pinRef"] = {"name": "other"}
    found = check(contract_of(one("Integer"), **{rule: [asked]}), {path: parquet_of([1, 1])})
    assert [each.file for each in found.first] == [path]


def test_the_first_of_each_rule_and_column_come_before_the_second_ones() -> None:
    bad = parquet_of(["x", None])
    files = {f"{letter}.parquet": bad for letter in "abcd"}
    rules = contract_of(one("Integer", maxNullShare=0), {"name": "b"})
    found = check(rules, {"0.parquet": parquet_of([1, None]), **files})
    said = [(each.rule, each.file[0]) for each in found.first]
    firsts = [("Columns", "0"), ("Type", "a"), ("NullShare", "0")]
    seconds = [("Columns", "a"), ("Type", "b")]
    assert said == [*firsts, *seconds, ("Columns", "b"), ("Type", "c")]


def test_why_a_file_cannot_be_read_acts_on_no_terminal() -> None:
    twice = pa.Table.from_arrays([pa.array([1])] * 2, ["b\x1b[31m"] * 2)
    (violation,) = check(contract_of(one()), {"a.parquet": as_parquet(twice)}).first
    assert violation.message.endswith(r"it has more than one column `b\x1b[31m`")


def test_bounds_of_nanoseconds_are_not_taken_from_a_footer_that_rounds_them() -> None:
    second = 1_356_998_400 * 10**9
    rules = contract_of(one("Timestamp", maximum="2013-01-01T00:00:00Z"))
    for more, wanted in ((0, {}), (1, {"Maximum": 1})):
        values = pa.array([0, second + more], pa.timestamp("ns"))
        assert check(rules, {"a.parquet": parquet_of(values)}).by_rule == wanted


def test_a_row_group_of_nulls_has_no_bounds_and_needs_none() -> None:
    body = parquet_of(pa.array([None, None, 1, 2]), row_group_size=2)
    found = check(contract_of(one("Integer", maximum="2")), {"a.parquet": body})
    assert (found.footers, found.violations, found.columns[0].nulls) == (1, 0, 2)


def test_where_one_row_group_has_no_bounds_none_are_known() -> None:
    def footer(has_bounds: tuple[bool, ...]) -> Any:
        groups = [
            SimpleNamespace(
                num_values=2,
                statistics=SimpleNamespace(
                    has_null_count=True, null_count=0, has_min_max=has, min=1, max=2
                ),
            )
            for has in has_bounds
        ]
        return SimpleNamespace(
            schema=_Schema(),
            num_row_groups=len(groups),
            row_group=lambda at: SimpleNamespace(column=lambda _: groups[at]),
        )

    assert contract_footers._statistics(footer((True, True)), "a") == (0, [(1, 2), (1, 2)])
    for has_bounds in ((True, False), (False, True)):
        assert contract_footers._statistics(footer(has_bounds), "a") == (0, None)


class _Schema:
    """The schema of one column `a`."""

    def __len__(self) -> int:
        return 1

    def column(self, at: int) -> Any:
        return SimpleNamespace(path="a", at=at)
