"""What moved is told, what chance explains is not, and what nobody can know is unknown."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glovebox.api.contract import ValueType
from glovebox.api.statistics import DistributionThresholds
from glovebox.api.statistics_status import MAX_SHOWN_COLUMNS
from glovebox.data.chi_squared import chi_squared_above, ks_above, normal_above
from glovebox.data.distribution import (
    Compared,
    compare,
    gap_between,
    joined,
    ks,
    psi,
    render_distribution,
    total_variation,
    without_few,
)
from glovebox.data.statistics import Asked, ColumnStatistics, Counted, Statistics
from support.contracts import as_csv, as_parquet
from support.statistics import asked, column_of, count, describe, drift

COUNTS = st.lists(st.integers(0, 500), min_size=2, max_size=12)


@pytest.mark.parametrize(
    ("alpha", "degrees", "wanted"),
    [  # as printed in every table
        (0.05, 1, 3.841),
        (0.05, 2, 5.991),
        (0.05, 4, 9.488),
        (0.05, 19, 30.144),
        (0.001, 1, 10.828),
        (0.001, 19, 43.820),
        (0.001, 100, 149.449),
        (0.05, 0, 0.0),
    ],
)
def test_quantiles_of_chi_squared_are_those_of_the_tables(
    alpha: float, degrees: int, wanted: float
) -> None:
    assert chi_squared_above(alpha, degrees) == pytest.approx(wanted, abs=6e-4)


def test_quantiles_of_a_normal_and_of_ks_are_those_of_the_tables() -> None:
    assert normal_above(0.05) == pytest.approx(1.95996, abs=1e-5)
    assert ks_above(0.05) == pytest.approx(1.3581, abs=1e-4)


def test_psi_is_that_of_a_table_made_by_hand() -> None:
    # p - q = -.1, 0, .1; ln(p / q) = ln(.4 / .5), 0, ln(.2 / .1).
    wanted = -0.1 * math.log(0.8) + 0.1 * math.log(2)
    assert psi([50, 40, 10], [80, 80, 40]) == pytest.approx(wanted)
    # An empty part counts as half a row of 200.
    empty = (0.0025 - 0.1) * math.log(0.025) + (0.6 - 0.5) * math.log(1.2)
    assert psi([50, 40, 10], [120, 80, 0]) == pytest.approx(empty)


def test_ks_and_total_variation_are_those_of_a_table_made_by_hand() -> None:
    # Cumulative: .5, .9, 1 and .2, .6, 1; by part: .5, .4, .1 and .2, .4, .4.
    assert ks([50, 40, 10], [20, 40, 40]) == pytest.approx(0.3)
    assert total_variation([50, 40, 10], [20, 40, 40]) == pytest.approx(0.3)


@given(COUNTS, st.randoms(use_true_random=False))
def test_ks_and_total_variation_are_what_numpy_would_say(
    there: list[int], chance: random.Random
) -> None:
    here = [chance.randrange(500) for _ in there]
    there[0] += 1
    here[0] += 1
    p = [each / sum(there) for each in there]
    q = [each / sum(here) for each in here]
    steps = [abs(sum(p[: at + 1]) - sum(q[: at + 1])) for at in range(len(p))]
    assert ks(there, here) == pytest.approx(max(steps))
    distance = sum(abs(a - b) for a, b in zip(p, q, strict=True)) / 2
    assert total_variation(there, here) == pytest.approx(distance)
    assert ks(there, here) <= total_variation(there, here) + 1e-12


@given(COUNTS, st.randoms(use_true_random=False))
def test_parts_are_joined_until_enough_rows_are_expected(
    there: list[int], chance: random.Random
) -> None:
    there[0] += 1
    here = [chance.randrange(40) for _ in there]
    one, other = joined(there, here)
    assert (sum(one), sum(other)) == (sum(there), sum(here))
    if len(one) > 1:
        assert min(one) * sum(here) >= 5 * sum(there) * (1 - 1e-9)


def normal(rows: int, seed: int, mean: float = 0.0) -> list[float]:
    chance = random.Random(seed)  # noqa: S311 - the same each time
    return [chance.gauss(mean, 1) for _ in range(rows)]


def choice(rows: int, seed: int, words: str = "aaaabbbccd") -> list[str]:
    chance = random.Random(seed)  # noqa: S311 - the same each time
    return [chance.choice(words) for _ in range(rows)]


def holed(values: list[Any], share: float, seed: int) -> list[Any]:
    chance = random.Random(seed)  # noqa: S311 - the same each time
    return [None if chance.random() < share else value for value in values]


def files(**columns: list[Any]) -> dict[str, bytes]:
    return {"a.parquet": as_parquet(pa.table(columns))}


NUMBER, TEXT = asked(v="Number"), asked(v="Text")
BELOW_ZERO = [-4] * 480 + [-2] * 19 + [-1] * 19 + [0] * 1522
# What is planted in the second of two samples, and what has to be said of it.
SHIFTS: dict[str, tuple[Asked, list[Any], list[Any], str, str]] = {
    "the same": (NUMBER, normal(5000, 1), normal(5000, 2), "stable", ""),
    "a mean": (NUMBER, normal(5000, 1), normal(5000, 2, 0.5), "moved", "PSI"),
    "a small mean": (NUMBER, normal(50_000, 1), normal(50_000, 2, 0.3), "moved", "KS"),
    "a mean that is less than a threshold": (
        NUMBER, normal(50_000, 1), normal(50_000, 2, 0.1), "stable", "",
    ),
    "all above what there was": (
        asked(v="Integer"), [2013] * 1000, [2014] * 1000, "moved", "KS",
    ),
    "all below what there was": (
        asked(v="Integer"), [2013] * 1000, [2012] * 1000, "moved", "KS",
    ),
    "one value of few rows": (
        asked(v="Integer"), [2013] * 1000, [2013] * 900, "unknown", "TooFewRows",
    ),
    "one value": (asked(v="Integer"), [2013] * 3000, [2013] * 2900, "stable", ""),
    "one word of few rows": (TEXT, ["a"] * 300, ["a"] * 300, "unknown", "TooFewRows"),
    "one word": (TEXT, ["a"] * 1000, ["a"] * 1000, "stable", ""),
    # Wide cells end at -0.0 there, and it is no zero.
    "few below zero": (asked(v="Integer"), BELOW_ZERO, BELOW_ZERO, "stable", ""),
    "few below zero, of numbers": (NUMBER, BELOW_ZERO, BELOW_ZERO, "stable", ""),
    "the same words": (TEXT, choice(5000, 1), choice(5000, 2), "stable", ""),
    "a new word": (
        TEXT, choice(5000, 1), choice(5000, 2, "aaaabbbccdee"), "moved", "TotalVariation",
    ),
    "a new word where there was one": (
        TEXT, ["a"] * 5000, choice(5000, 2, "aaaaab"), "moved", "TotalVariation",
    ),
    "a word less": (TEXT, choice(5000, 1), choice(5000, 2, "aaaabbbd"), "moved", "PSI"),
    "tripled nulls": (
        NUMBER, holed(normal(5000, 1), 0.02, 3), holed(normal(5000, 2), 0.06, 4), "moved",
        "NullShare",
    ),
    "nothing any more": (NUMBER, normal(5000, 1), [None] * 5000, "moved", "NullShare"),
    "nothing as before": (NUMBER, [None] * 500, [None] * 400, "stable", ""),
    "nothing as before, of few rows": (
        NUMBER, [None] * 5, [None] * 4, "unknown", "TooFewRows",
    ),
    "few rows": (NUMBER, normal(5000, 1), normal(60, 2), "unknown", "TooFewRows"),
    "few rows of a reference": (NUMBER, normal(60, 1), normal(5000, 2), "unknown", "TooFewRows"),
    "few rows that are all elsewhere": (NUMBER, normal(5000, 1), normal(60, 2, 9), "moved", "PSI"),
    "less than may be told": (NUMBER, normal(19, 1), normal(5000, 2), "unknown", "TooFewRows"),
    "too many words": (
        TEXT, [str(at) for at in range(9000)], choice(5000, 2), "unknown", "TooManyValues",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHIFTS)
def test_what_is_planted_is_told_by_its_name(name: str) -> None:
    wanted, before, now, verdict, reason = SHIFTS[name]
    kind = pa.string() if wanted is TEXT else None
    found = drift(wanted, files(v=pa.array(before, kind)), files(v=pa.array(now, kind)))
    one = column_of(found, "v")
    assert (one.verdict, one.reason) == (verdict, reason)
    assert found.verdict == verdict


@pytest.mark.parametrize("rows", [60, 100, 300, 1000])
@pytest.mark.parametrize("sample", [normal, choice])
def test_two_samples_of_one_distribution_are_never_called_moved(
    rows: int, sample: Callable[[int, int], list[Any]]
) -> None:
    wanted = NUMBER if sample is normal else TEXT
    for seed in range(60):
        before, now = files(v=sample(rows, seed)), files(v=sample(rows, 1000 + seed))
        one = column_of(drift(wanted, before, now, psi=1, ks=1, totalVariation=1, nullShare=1), "v")
        assert one.verdict == "unknown"  # whatever the thresholds, the floor is above it
        assert column_of(drift(wanted, before, now), "v").verdict != "moved"


def test_without_its_floor_psi_would_call_chance_a_move() -> None:
    # What the folklore of 0.1 makes of two samples of 100 rows of one distribution.
    called = 0
    for seed in range(60):
        found = drift(NUMBER, files(v=normal(100, seed)), files(v=normal(100, 1000 + seed)))
        called += (column_of(found, "v").psi or 0) > 1000
    assert called > 3


def test_numbers_are_those_of_the_parts() -> None:
    # 20 values of 50 rows each; then each of the last ten has 30, and of the first ten 70.
    before = [at for at in range(20) for _ in range(50)]
    now = [at for at in range(20) for _ in range(70 if at < 10 else 30)]
    one = column_of(drift(asked(v="Integer"), files(v=before), files(v=now)), "v")
    wanted = 10 * (0.07 - 0.05) * math.log(1.4) + 10 * (0.03 - 0.05) * math.log(0.6)
    floor = chi_squared_above(1e-4, 19) * (2 / 1000)
    assert (one.psi, one.psi_floor) == (round(wanted * 1e4), round(floor * 1e4))
    assert one.distance == 2000
    assert one.distance_floor == round(ks_above(1e-4) * math.sqrt(2 / 1000) * 1e4)
    assert (one.null_share_before, one.null_share) == (0, 0)


@pytest.mark.parametrize("kind", ["Bool", "Text", "Integer"])
def test_no_number_tells_of_how_many_rows_where_they_are_few(kind: ValueType) -> None:
    one, other = {"Bool": (False, True), "Text": ("a", "b"), "Integer": (1, 2)}[kind]
    before = files(v=[one] * 500 + [other] * 500)
    told = {
        column_of(drift(asked(v=kind), before, files(v=[one] * (1000 - few) + [other] * few)), "v")
        for few in range(1, 20)
    }
    assert len(told) == 1
    (found,) = told
    assert (found.verdict, found.distance) == ("moved", 4800)  # as of 20 rows
    # Rows beyond all that there was are in a part of their own.
    beyond = {
        column_of(
            drift(asked(v="Integer"), files(v=[1] * 2000), files(v=[1] * at + [9] * few)), "v"
        )
        for few in range(1, 20)
        for at in (2000 - few,)
    }
    assert len(beyond) == 1


def test_the_fewest_rows_are_those_that_this_dataset_asks_for() -> None:
    assert without_few([0, 19, 20, 961], 20) == [0, 20, 20, 960]
    assert without_few([0, 19, 20, 961], 100) == [0, 100, 100, 800]
    assert without_few([3, 30], 20) is None
    assert without_few([0, 30], 20) == [0, 30]


def test_columns_that_came_and_went_are_named() -> None:
    before = files(v=normal(5000, 1), old=["x"] * 5000)
    now = {"a.csv": as_csv(pa.table({"v": normal(5000, 2), "new": ["x"] * 5000}))}
    found = drift(NUMBER, before, now)
    assert [(each.name, each.reason) for each in found.columns if each.verdict == "moved"] == [
        ("new", "Came"),
        ("old", "Went"),
    ]
    listed = drift(asked(v="Number", old="Text"), before, now)
    assert column_of(listed, "old").reason == "Went"
    assert column_of(drift(asked(v="Number", new="Text"), before, now), "new").reason == "Came"


def test_a_column_that_only_one_pin_describes_is_unknown() -> None:
    """Else whoever leaves out of `spec.statistics` what moved would call the rest stable."""
    data = files(v=normal(5000, 1), w=normal(5000, 2))
    both, one = asked(v="Number", w="Number"), NUMBER
    for there, here in ((both, one), (one, both)):
        reference = describe(there, data)
        found = compare(reference, count(here, data, reference), DistributionThresholds())
        assert column_of(found, "w").reason == "NotDescribed"
        assert column_of(found, "w").verdict == "unknown"
        assert column_of(found, "v").verdict == "stable"
        assert found.verdict == "unknown"
    alike = describe(one, data)
    assert compare(alike, count(one, data, alike), DistributionThresholds()).verdict == "stable"


def test_another_type_is_unknown() -> None:
    numbers, words = files(v=list(range(500))), files(v=[str(at) for at in range(500)])
    reference = describe(asked(v="Integer"), numbers)
    declared = compare(reference, count(TEXT, words, reference), DistributionThresholds())
    assert column_of(declared, "v").reason == "TypeChanged"
    held = drift(asked(v="Integer"), numbers, words)
    assert (held.verdict, column_of(held, "v").reason) == ("unknown", "TypeChanged")


def test_what_is_not_shown_is_compared_by_its_nulls_alone() -> None:
    def hidden(wanted: Asked) -> Asked:
        columns = tuple(each.model_copy(update={"shown": False}) for each in wanted.columns)
        return Asked(columns, wanted.least_rows)

    both = asked(v="Number", w="Number")
    part = Asked((*hidden(NUMBER).columns, *asked(w="Number").columns), 20)
    before, now = files(v=normal(5000, 1), w=normal(5000, 2)), files(v=[9.0] * 5000, w=[0.1] * 5000)
    for wanted in (hidden(both), part):
        found = drift(wanted, before, now)
        assert column_of(found, "v") == Compared(
            "v", "unknown", "NotShown", null_share_before=0, null_share=0
        )
    # It is its owner's choice, and no open question: the others decide.
    again = files(v=[9.0] * 5000, w=normal(5000, 3))
    assert drift(part, before, again).verdict == "stable"
    assert drift(hidden(both), before, again).verdict == "unknown"
    lost = drift(hidden(both), before, files(v=[None] * 5000, w=normal(5000, 3)))
    assert column_of(lost, "v").reason == "NullShare"


def test_thresholds_are_those_that_are_given() -> None:
    before, now = files(v=normal(50_000, 1)), files(v=normal(50_000, 2, 0.1))
    assert drift(NUMBER, before, now).verdict == "stable"
    assert column_of(drift(NUMBER, before, now, ks=300), "v").reason == "KS"
    assert column_of(drift(NUMBER, before, now, psi=50), "v").reason == "PSI"


def test_the_worst_come_first_and_the_document_has_all() -> None:
    names = [f"c{at:02}" for at in range(MAX_SHOWN_COLUMNS + 10)]
    kinds: dict[str, ValueType] = dict.fromkeys(names, "Number")
    wanted = asked(**kinds)
    before = files(**{name: normal(2000, at) for at, name in enumerate(names)})
    now = files(**{name: normal(2000, 100 + at, at / 10) for at, name in enumerate(names)})
    found = drift(wanted, before, now)
    assert len(found.worst) == MAX_SHOWN_COLUMNS
    assert found.worst[0].psi == found.worst_psi == max(each.psi or 0 for each in found.columns)
    assert found.columns[-1].name in names[:4]
    limits = DistributionThresholds()
    body = render_distribution(found, "sha256:a", "sha256:b", limits)
    document = orjson.loads(body)
    assert [each["name"] for each in document["columns"]] == names
    assert render_distribution(drift(wanted, before, now), "sha256:a", "sha256:b", limits) == body


def test_a_reference_without_rows_is_compared_without_an_error() -> None:
    empty: list[float] = []
    column = pa.array(empty, pa.float64())
    for before, now in ((column, normal(50, 1)), (normal(50, 1), column), (column, column)):
        found = drift(NUMBER, files(v=before), files(v=now))
        assert found.verdict in {"unknown", "stable"}


def test_where_nothing_is_described_nothing_is_known() -> None:
    reference = Statistics(20, 0, (), ())
    assert compare(reference, Counted(0, (), (), {}), DistributionThresholds()).verdict == "unknown"


def bounded(lower: str | None, upper: str | None, kind: str = "Date") -> ColumnStatistics:
    return ColumnStatistics("t", kind, True, 0, 0, 9, False, lower=lower, upper=upper)  # noqa: FBT003


DAYS = ("2013-01-01", "2013-01-31")
HOURS = ("2013-01-01T00:00:00Z", "2013-01-31T23:00:00Z")


@pytest.mark.parametrize(
    ("there", "here", "kind", "wanted"),
    [
        pytest.param(DAYS, ("2013-02-01", "2013-02-28"), "Date", None, id="the day after"),
        pytest.param(DAYS, ("2013-02-02", "2013-02-28"), "Date", 86_400, id="a day is missing"),
        pytest.param(DAYS, ("2012-11-01", "2012-12-30"), "Date", 86_400, id="the older ones here"),
        pytest.param(DAYS, ("2013-01-31", "2013-02-28"), "Date", None, id="a day in both"),
        pytest.param(DAYS, ("2012-01-01", "2014-01-01"), "Date", None, id="one within the other"),
        pytest.param(
            HOURS,
            ("2013-02-01T05:00:00.500000Z", "2013-02-02T00:00:00Z"),
            "Timestamp",
            21_600,
            id="hours",
        ),
        pytest.param(
            HOURS,
            ("2013-01-31T23:00:00.900000Z", "2013-02-02T00:00:00Z"),
            "Timestamp",
            None,
            id="less than a second",
        ),
        pytest.param(DAYS, (None, "2014-01-01"), "Date", None, id="a bound is withheld"),
        pytest.param((None, None), DAYS, "Date", None, id="both bounds there are"),
        pytest.param(("0", "1"), ("5", "6"), "Integer", None, id="numbers are no times"),
    ],
)
def test_times_that_are_in_neither_are_told_by_what_lies_between(
    there: tuple[str | None, str | None],
    here: tuple[str | None, str | None],
    kind: str,
    wanted: int | None,
) -> None:
    assert gap_between(bounded(*there, kind), bounded(*here, kind)) == wanted


def test_between_days_and_moments_no_gap_is_told() -> None:
    moments = bounded("2014-03-01T00:00:00Z", "2014-03-02T00:00:00Z", "Timestamp")
    assert gap_between(bounded(*DAYS, "Date"), moments) is None


def test_a_gap_is_told_of_what_is_counted_and_never_longer_than_it_is() -> None:
    first = [date(2013, 1, 1) + timedelta(days=at % 31) for at in range(3100)]
    later = [each + timedelta(days=45) for each in first]
    found = drift(asked(t="Date"), files(t=first), files(t=later))
    assert column_of(found, "t").gap_seconds == 14 * 86_400
    assert (
        column_of(drift(asked(t="Date"), files(t=first), files(t=first)), "t").gap_seconds is None
    )
