"""How pins share what proofs may take of a store in a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from glovebox.data.proof_budget import Allowance, Claim, Cost, day_of, next_day, share

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
TODAY = "2026-11-27"
BUDGET = Cost(100, 50)
NOTHING = Cost()


def claim(days: int, want: int, uid: str = "own", least: int = 1) -> Claim:
    last = NOW - timedelta(days=days)
    return Claim(last, uid, Cost(want, want // 10 or 1), Cost(least, 1))


# Each: what was taken, who asks, who waits, and how many bytes and requests it comes to.
CASES: dict[str, tuple[Cost, Claim, list[Claim], tuple[int, int] | None]] = {
    "nobody else": (NOTHING, claim(1, 60), [], (60, 6)),
    "no more than there is": (NOTHING, claim(1, 500), [], (100, 50)),
    "no more than is left": (Cost(70, 3), claim(1, 60), [], (30, 6)),
    "nothing is left": (Cost(100, 3), claim(1, 60), [], None),
    "more was taken than there is": (Cost(130, 3), claim(1, 60), [], None),
    "no requests are left": (Cost(0, 50), claim(1, 60), [], None),
    "the older proof comes first": (NOTHING, claim(1, 60), [claim(2, 70, "old")], (30, 6)),
    "and may take all": (NOTHING, claim(1, 60), [claim(2, 100, "old")], None),
    "a newer one takes nothing away": (NOTHING, claim(2, 60), [claim(1, 100, "new")], (60, 6)),
    "of two as old one comes first": (NOTHING, claim(1, 60, "b"), [claim(1, 100, "a")], None),
    "and not the other": (NOTHING, claim(1, 60, "a"), [claim(1, 100, "b")], (60, 6)),
    "an object is not divided": (Cost(70, 3), claim(1, 60, least=40), [], None),
    "one larger than the budget is read when nothing else was": (
        NOTHING,
        claim(1, 500, least=400),
        [],
        (100, 50),
    ),
    "and not before": (Cost(1, 1), claim(1, 500, least=400), [], None),
    "who asks for headers all day long keeps it from nothing": (
        Cost(0, 7),
        claim(1, 500, least=400),
        [],
        (100, 43),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_pin_may_take(case: str) -> None:
    spent, own, others, expected = CASES[case]
    found = share(BUDGET, spent, own, others, NOW)
    if expected is None:
        assert found is None
    else:
        older = any((each.last, each.uid) < (own.last, own.uid) for each in others)
        assert found == Allowance(Cost(*expected), TODAY, is_first=not spent.bytes and not older)


def test_asking_for_headers_takes_no_bytes_and_two_requests_for_each() -> None:
    last = NOW - timedelta(days=1)
    own = Claim(last, "own", Cost(0, 20), Cost(0, 2))
    assert share(BUDGET, Cost(130, 10), own, [], NOW) == Allowance(
        Cost(0, 20), TODAY, is_first=False
    )
    assert share(BUDGET, Cost(0, 49), own, [], NOW) is None


def test_days_are_of_utc() -> None:
    east = datetime(2026, 11, 28, 1, tzinfo=timezone(timedelta(hours=9)))
    assert day_of(east) == TODAY
    assert next_day(east) == datetime(2026, 11, 28, tzinfo=UTC)
