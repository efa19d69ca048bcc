"""How pins share what proofs may take of a store in a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from glovebox.data.proof_budget import Allowance, Claim, Cost, day_of, next_day, share

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
TODAY = "2026-11-27"
BUDGET = Cost(100, 50)
NOTHING = Cost()
OWN = "team"


def claim(days: int, want: int, uid: str = "own", least: int = 1, tenant: str = OWN) -> Claim:
    last = NOW - timedelta(days=days)
    return Claim(last, uid, Cost(want, want // 10 or 1), Cost(least, 1), tenant)


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
    found = share(BUDGET, {OWN: spent}, own, others, NOW)
    if expected is None:
        assert found is None
    else:
        older = any((each.last, each.uid) < (own.last, own.uid) for each in others)
        assert found == Allowance(Cost(*expected), TODAY, is_first=not spent.bytes and not older)


def test_asking_for_headers_takes_no_bytes_and_two_requests_for_each() -> None:
    last = NOW - timedelta(days=1)
    own = Claim(last, "own", Cost(0, 20), Cost(0, 2), OWN)
    assert share(BUDGET, {OWN: Cost(130, 10)}, own, [], NOW) == Allowance(
        Cost(0, 20), TODAY, is_first=False
    )
    assert share(BUDGET, {OWN: Cost(0, 49)}, own, [], NOW) is None


def test_days_are_of_utc() -> None:
    east = datetime(2026, 11, 28, 1, tzinfo=timezone(timedelta(hours=9)))
    assert day_of(east) == TODAY
    assert next_day(east) == datetime(2026, 11, 28, tzinfo=UTC)


def taken(*of: tuple[str, int]) -> dict[str, Cost]:
    return {tenant: Cost(size, 1) for tenant, size in of}


def test_a_thousand_older_pins_of_another_namespace_leave_half_of_the_day() -> None:
    many = [claim(9, 60, f"many-{at}", tenant="many") for at in range(1000)]
    found = share(BUDGET, {}, claim(1, 60), many, NOW)
    assert found is not None
    assert found.most.bytes == 50


def test_what_a_namespace_took_today_counts_for_it_and_not_for_others() -> None:
    many = [claim(9, 60, f"many-{at}", tenant="many") for at in range(10)]
    spent = taken(("many", 50), (OWN, 20))
    mine = share(BUDGET, spent, claim(1, 60), many, NOW)
    assert mine is not None
    assert mine.most.bytes == 30
    # Its own share is used up, although there is budget.
    assert share(BUDGET, spent, many[0], [claim(1, 60), *many[1:]], NOW) is None


def test_what_one_namespace_does_not_want_goes_to_the_others() -> None:
    little = claim(9, 10, "little", tenant="little")
    found = share(BUDGET, {}, claim(1, 500), [little], NOW)
    assert found is not None
    assert found.most.bytes == 90


def test_three_namespaces_get_a_third_each_whoever_asks_first() -> None:
    claims = [claim(at, 500, tenant, tenant=tenant) for at, tenant in enumerate("abc", 1)]
    spent: dict[str, Cost] = {}
    for own in claims:
        found = share(BUDGET, spent, own, [each for each in claims if each is not own], NOW)
        assert found is not None
        assert found.most.bytes == 33
        spent[own.tenant] = found.most


def test_what_one_namespace_took_before_others_came_is_no_share_of_theirs() -> None:
    # It was alone, and took most of the day; two others share what it left.
    spent, gets = taken(("early", 64)), {}
    claims = [claim(at, 500, tenant, tenant=tenant) for at, tenant in enumerate("ab", 1)]
    for own in claims:
        others = [each for each in claims if each is not own]
        found = share(BUDGET, spent, own, others, NOW)
        assert found is not None
        gets[own.tenant] = found.most.bytes
        spent[own.tenant] = found.most
    assert gets == {"a": 18, "b": 18}
    # Also where who took most wants more.
    spent = taken(("early", 64))
    early = claim(9, 500, "early", tenant="early")
    assert share(BUDGET, spent, early, claims, NOW) is None
    found = share(BUDGET, spent, claims[0], [early, claims[1]], NOW)
    assert found is not None
    assert found.most.bytes == 18


def test_the_oldest_of_all_may_read_one_object_that_fits_into_no_share() -> None:
    large = claim(9, 70, "large", least=70, tenant="large")
    small = claim(1, 500, "small", tenant="small")
    # It is set aside before others get anything, and others have what is left.
    found = share(BUDGET, {}, small, [large], NOW)
    assert found is not None
    assert found.most.bytes == 30
    its = share(BUDGET, taken(("small", 30)), large, [small], NOW)
    assert its is not None
    assert its.most.bytes == 70
    # But one a day, however many of its objects are that large.
    assert share(BUDGET, taken(("small", 10), ("large", 51)), large, [small], NOW) is None
    # Whoever is not the oldest waits until it is.
    newer = claim(0, 70, "large", least=70, tenant="large")
    assert share(BUDGET, taken(("small", 10)), newer, [small], NOW) is None


def test_what_cannot_be_read_today_any_more_keeps_nobody_from_the_rest() -> None:
    huge = claim(9, 500, "huge", least=500, tenant="huge")
    small = claim(1, 500, "small", tenant="small")
    assert share(BUDGET, {}, small, [huge], NOW) is None  # the day is kept for it
    found = share(BUDGET, taken(("small", 10)), small, [huge], NOW)
    assert found is not None
    assert found.most.bytes == 40
