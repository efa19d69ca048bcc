"""What was confirmed of the Lease has to be shown by its watch; what need not be is not awaited."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from glovebox import names
from glovebox.apply.children import Children
from glovebox.controllers.reflectors import reflectors_of
from glovebox.kube.canary import DEAF_SECONDS, Canary
from glovebox.kube.client import Client
from glovebox.kube.kinds import LEASE
from glovebox.kube.workloads import Workloads
from support.scripted_transport import Asked, User, Wire, answered
from support.virtual_time import run


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def lease(version: int) -> dict[str, Any]:
    return {"metadata": {"name": "glovebox-operator", "resourceVersion": str(version)}}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def canary(clock: Clock) -> Canary:
    return Canary(clock)


def test_what_is_shown_at_once_is_no_delay(canary: Canary, clock: Clock) -> None:
    for version in range(10, 60):
        canary.confirmed(version)
        canary.seen(lease(version))
        clock.now += 2
    assert (canary.delay_seconds(), canary.problem()) == (0.0, "")


@pytest.mark.parametrize("listed", [None, 9, 10], ids=["", "a list from before", "a list of it"])
def test_what_was_shown_before_it_was_confirmed_is_not_awaited(
    canary: Canary, clock: Clock, listed: int | None
) -> None:
    canary.seen(lease(10))
    if listed is not None:
        canary.listing().end(listed)
    canary.confirmed(10)
    clock.now += 60
    assert canary.delay_seconds() == 0.0


def test_a_watch_that_falls_silent_is_found_by_the_first_thing_that_it_does_not_show(
    canary: Canary, clock: Clock
) -> None:
    canary.confirmed(10)
    canary.seen(lease(10))
    began = clock.now
    for version in range(11, 500):  # however many renewals there are since
        canary.confirmed(version)
        clock.now += 2
    assert canary.delay_seconds() == clock.now - began > DEAF_SECONDS
    assert canary.problem().startswith("deaf: the Lease changed 978 s ago")


def test_the_bound_itself_is_no_deafness(canary: Canary, clock: Clock) -> None:
    canary.confirmed(10)
    clock.now += DEAF_SECONDS
    assert not canary.problem()
    clock.now += 1
    assert canary.problem()


def test_one_that_lags_is_as_late_as_the_oldest_that_it_owes(canary: Canary, clock: Clock) -> None:
    for version in (10, 11, 12):
        canary.confirmed(version)
        clock.now += 5
    canary.seen(lease(11))
    assert canary.delay_seconds() == 5.0


def test_a_later_one_and_a_bookmark_stand_for_what_was_before(canary: Canary, clock: Clock) -> None:
    canary.confirmed(10)
    clock.now += 60
    canary.seen(lease(12))
    assert not canary.problem()
    canary.confirmed(13)
    clock.now += 60
    canary.bookmark(20)
    assert not canary.problem()


def test_what_was_listed_is_not_owed_by_the_watch_that_begins_there(
    canary: Canary, clock: Clock
) -> None:
    canary.confirmed(10)
    canary.confirmed(12)
    clock.now += 60
    listing = canary.listing()
    listing.page(11, [lease(10)])
    assert canary.problem(), "a list that has not ended says nothing"
    listing.end(11)
    assert canary.problem(), "12 is still owed"
    listing.end(12)
    assert not canary.problem()


@pytest.mark.parametrize("shown", [0, 999, 1000])
def test_a_database_that_went_back_in_time_leaves_nothing_to_await(
    canary: Canary, clock: Clock, shown: int
) -> None:
    for version in (999, 1000):
        canary.confirmed(version)
        if shown >= version:
            canary.seen(lease(version))
    clock.now += 60
    canary.confirmed(500)
    assert canary.delay_seconds() == 0.0
    canary.seen(lease(500))
    clock.now += 60
    assert not canary.problem()
    canary.confirmed(501)
    clock.now += 60
    assert canary.problem()


def test_a_lease_that_was_deleted_is_shown_by_its_end(canary: Canary, clock: Clock) -> None:
    canary.confirmed(10)
    canary.gone(lease(11))
    clock.now += 60
    assert not canary.problem()


def test_only_the_lease_itself_is_listed_and_watched(canary: Canary) -> None:
    """Others of the namespace show nothing, and the operator has no right to read them."""

    async def quiet() -> AsyncIterator[bytes]:
        await asyncio.sleep(400)
        yield b""

    def answer(_: Asked) -> Any:
        return answered(200, {"metadata": {"resourceVersion": "1"}, "items": []})

    async def main() -> list[Asked]:
        wire = Wire(answer, lambda _: quiet())
        async with Client(lambda: User("u"), transport=wire.transport) as client:
            *_, reflector = reflectors_of(
                client,
                Children(lambda _: None, lambda: 0.0),
                Workloads(lambda _: None),
                600.0,
                lambda _: None,
                (canary, "glovebox-system"),
            )
            assert reflector.kind == LEASE
            task = asyncio.create_task(reflector.run())
            await asyncio.sleep(1)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        return wire.asked

    asked: list[Asked] = run(main())
    assert ["watch" in each.params for each in asked] == [False, True]
    for each in asked:
        assert each.path.endswith("/namespaces/glovebox-system/leases")
        assert each.params["fieldSelector"] == f"metadata.name={names.LEADER_LEASE}"
