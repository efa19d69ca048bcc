"""Watches that end, break, expire or end at once; lists that fail: nothing lost, nothing hot."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest

from glovebox.kube.client import Client
from glovebox.kube.kinds import CONFIG_MAP, Kind
from glovebox.kube.reflector import Reflector
from glovebox.kube.store import Table, version_of
from glovebox.kube.transport import Answer, TransportError
from support.scripted_transport import Asked, User, Wire, answered
from support.virtual_time import now, run

Watch = Callable[[Asked], "AsyncIterator[bytes] | int"]


class Kept:
    def __init__(self, obj: Any) -> None:
        self.uid = obj["metadata"]["uid"]
        self.resource_version = version_of(obj)


def item(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": name, "resourceVersion": str(version)}}


def line(kind: str, obj: dict[str, Any]) -> bytes:
    return orjson.dumps({"type": kind, "object": obj}) + b"\n"


async def stream(*lines: bytes, seconds: float = 400, broken: bool = False) -> AsyncIterator[bytes]:
    for entry in lines:
        yield entry
    await asyncio.sleep(seconds)
    if broken:
        raise TransportError("reset by peer")


class Watched:
    """One reflector against scripted watches: the last one repeats."""

    def __init__(
        self,
        *watches: Watch,
        lists: Callable[[int], Answer] | None = None,
        changed: Callable[[Any], None] = lambda _: None,
    ) -> None:
        self.watches = list(watches)
        self.lists = lists or (lambda _: listed(10))
        self.times: list[tuple[float, str, str]] = []
        self.failed: list[Kind] = []
        self.table: Table[str, Any] = Table(
            CONFIG_MAP,
            key=lambda obj: str(obj["metadata"]["name"]),
            keep=Kept,
            changed=changed,
        )
        self.reflector: Reflector

    def run(self, seconds: float, look: Callable[[], Any] = lambda: None) -> Any:
        async def main() -> Any:
            started = now()

            def answer(_: Asked) -> Answer:
                self.times.append((now() - started, "list", ""))
                count = sum(what == "list" for _, what, _ in self.times)
                return self.lists(count)

            def watch(asked: Asked) -> AsyncIterator[bytes] | int:
                version = asked.params["resourceVersion"]
                self.times.append((now() - started, "watch", version))
                chosen = self.watches.pop(0) if len(self.watches) > 1 else self.watches[0]
                return chosen(asked)

            wire = Wire(answer, watch)
            async with Client(lambda: User("u"), transport=wire.transport) as client:
                self.reflector = Reflector(
                    client,
                    self.table,
                    failed=self.failed.append,
                    jitter=lambda: 0.5,
                    now=now,
                )
                task = asyncio.create_task(self.reflector.run())
                await asyncio.sleep(seconds)
                found = look()
                assert not task.done()
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            return found

        return run(main())

    def out_of_reach(self) -> float:
        return self.reflector.out_of_reach_seconds()

    def failure(self) -> str:
        return self.reflector.failure

    @property
    def asked(self) -> list[tuple[str, str]]:
        return [(what, version) for _, what, version in self.times]


def listed(version: int, *items: dict[str, Any]) -> Answer:
    return answered(200, {"metadata": {"resourceVersion": str(version)}, "items": list(items)})


def quiet(_: Asked) -> AsyncIterator[bytes]:
    return stream()


def test_a_watch_that_ends_is_resumed_at_its_last_version_at_once() -> None:
    watched = Watched(
        lambda _: stream(line("ADDED", item("a", 12)), line("BOOKMARK", item("", 17)), seconds=300),
        quiet,
    )
    watched.run(310)
    assert watched.times == [(0, "list", ""), (0, "watch", "10"), (300, "watch", "17")]
    assert watched.failed == []


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(
            lambda _: stream(line("ADDED", item("a", 12)), seconds=5, broken=True),
            id="the connection is reset",
        ),
        pytest.param(
            lambda _: stream(line("ADDED", item("a", 12)), line("ERROR", {"code": 500}), seconds=5),
            id="the server reports an error in the stream",
        ),
    ],
)
def test_a_watch_that_breaks_is_resumed_at_the_same_version_without_a_list(broken: Watch) -> None:
    watched = Watched(broken, quiet)
    watched.run(60)
    assert watched.asked == [("list", ""), ("watch", "10"), ("watch", "12")]
    assert watched.failed == [CONFIG_MAP]


@pytest.mark.parametrize("code", [403, 429, 500, 503])
def test_a_refused_watch_is_asked_for_again_with_growing_waits_and_without_a_list(
    code: int,
) -> None:
    watched = Watched(lambda _: code)
    watched.run(200)
    assert {what for what in watched.asked if what[0] == "list"} == {("list", "")}
    assert [what for what in watched.asked if what == ("watch", "10")]
    waits = [
        later[0] - earlier[0]
        for earlier, later in zip(watched.times[1:], watched.times[2:], strict=False)
    ]
    assert waits == pytest.approx([1.2, 2.4, 4.8, 9.6, 19.2, 38.4, 45, 45])


def test_the_waits_are_short_again_after_two_good_minutes() -> None:
    watched = Watched(
        lambda _: 500,
        lambda _: 500,
        lambda _: stream(line("BOOKMARK", item("", 11)), seconds=130, broken=True),
        quiet,
    )
    watched.run(300)
    waits = [
        later[0] - earlier[0]
        for earlier, later in zip(watched.times[1:], watched.times[2:], strict=False)
    ]
    assert waits == pytest.approx([1.2, 2.4, 131.2])


def test_a_version_that_is_too_old_leads_to_a_new_list() -> None:
    gone = orjson.dumps({"type": "ERROR", "object": {"code": 410, "message": "too old"}}) + b"\n"
    watched = Watched(
        lambda _: stream(line("BOOKMARK", item("", 11)), seconds=200),
        lambda _: stream(gone, seconds=0),
        quiet,
        lists=lambda count: listed(10 * count),
    )
    watched.run(250)
    assert watched.asked == [
        ("list", ""),
        ("watch", "10"),
        ("watch", "11"),
        ("list", ""),
        ("watch", "20"),
    ]


def test_a_version_that_is_always_too_old_is_no_circle_of_lists() -> None:
    watched = Watched(lambda _: 410)
    watched.run(60)
    assert len([what for what in watched.asked if what[0] == "list"]) <= 7


def test_a_watch_that_ends_at_once_and_tells_nothing_is_no_hot_loop() -> None:
    watched = Watched(lambda _: stream(seconds=0))
    watched.run(60)
    assert len(watched.times) <= 8
    assert watched.failed


def test_everything_is_listed_again_about_once_an_hour() -> None:
    watched = Watched(lambda _: stream(line("BOOKMARK", item("", 11)), seconds=300))
    watched.run(3 * 3600 + 900)
    assert [round(at / 3600, 1) for at, what, _ in watched.times if what == "list"] == [
        0.0,
        1.0,
        2.0,
        3.0,
    ]


def test_a_list_that_breaks_off_is_begun_again_and_removes_nothing() -> None:
    def lists(count: int) -> Answer:
        if count == 1:
            metadata = {"resourceVersion": "10", "continue": "more"}
            return answered(200, {"metadata": metadata, "items": [item("a", 1)]})
        return answered(500) if count == 2 else listed(11, item("a", 1), item("b", 2))

    watched = Watched(quiet, lists=lists)
    known = watched.run(30, lambda: sorted(watched.table))
    assert known == ["a", "b"]
    assert watched.failed == [CONFIG_MAP]


def test_an_object_that_cannot_be_taken_in_ends_nothing_and_is_asked_for_once() -> None:
    odd = orjson.dumps({"type": "ADDED", "object": {"metadata": {"resourceVersion": "12"}}}) + b"\n"
    watched = Watched(lambda _: stream(odd), lambda _: stream(line("ADDED", item("b", 13))))
    known = watched.run(30, lambda: sorted(watched.table))
    assert known == ["b"]
    assert watched.asked[-1] == ("watch", "12")
    assert len(watched.failed) == 1


def test_a_listener_that_fails_ends_nothing() -> None:
    def changed(_: Any) -> None:
        raise RuntimeError("a bug")

    watched = Watched(lambda _: stream(line("ADDED", item("b", 13))), changed=changed)
    watched.run(30)
    assert watched.failed


def test_for_how_long_a_kind_is_out_of_reach_is_known_and_ends_with_the_next_contact() -> None:
    watched = Watched(
        *(lambda _: 503 for _ in range(5)),
        quiet,
    )
    assert watched.run(30, watched.out_of_reach) == 30
    again = Watched(*(lambda _: 503 for _ in range(5)), quiet)
    assert again.run(60, again.out_of_reach) == 0


@pytest.mark.parametrize("what", ["ADDED", "MODIFIED", "DELETED", "BOOKMARK"])
def test_each_event_says_that_all_before_it_was_told(what: str) -> None:
    watched = Watched(lambda _: stream(line(what, item("a", 12))))
    assert watched.run(1, lambda: watched.table.told) == 12


def test_what_could_not_be_taken_in_was_not_told() -> None:
    def broken(change: Any) -> None:
        raise RuntimeError(change)

    watched = Watched(lambda _: stream(line("ADDED", item("a", 12))), changed=broken)
    assert watched.run(0.1, lambda: watched.table.told) == 10


def test_a_list_that_always_expires_between_its_pages_is_no_circle_of_lists() -> None:
    def lists(count: int) -> Answer:
        if count % 2 == 0:
            return answered(410, {"reason": "Expired"})
        metadata = {"resourceVersion": "10", "continue": "more"}
        return answered(200, {"metadata": metadata, "items": [item("a", 1)]})

    watched = Watched(quiet, lists=lists)
    lasts = watched.run(120, watched.out_of_reach)
    assert len(watched.asked) <= 18
    assert watched.failed
    assert lasts == 120, "a page is no list"


@pytest.mark.parametrize(
    "ended",
    [
        pytest.param(lambda _: stream(seconds=0), id="it tells nothing"),
        pytest.param(
            lambda _: stream(line("ERROR", {"code": 599, "message": "odd"}), seconds=0),
            id="it tells of an error that nobody knows",
        ),
        pytest.param(lambda _: stream(b"<html>\n", seconds=0), id="it is a page of a proxy"),
        pytest.param(lambda _: stream(b"[]\n", seconds=0), id="it is no event"),
    ],
)
def test_a_watch_that_is_accepted_and_ends_at_once_is_no_contact(ended: Watch) -> None:
    watched = Watched(ended)
    assert watched.run(300, watched.out_of_reach) == 300
    assert watched.failure().startswith(("ShortWatchError: ", "Unavailable: "))
    mended = Watched(*([ended] * 5), quiet)
    assert mended.run(60, mended.out_of_reach) == 0


def test_a_list_of_something_else_is_none() -> None:
    watched = Watched(quiet, lists=lambda _: answered(200, {"status": "healthy"}))
    watched.run(30)
    assert watched.failure().startswith("Unavailable: ")
    assert {what for what, _ in watched.asked} == {"list"}


def test_a_list_that_succeeds_is_contact_though_its_watch_is_refused() -> None:
    watched = Watched(
        lambda _: 503, lists=lambda count: answered(503) if count <= 3 else listed(10)
    )
    lasts = watched.run(30, watched.out_of_reach)
    (*_, succeeded) = [at for at, what, _ in watched.times if what == "list"]
    assert lasts == pytest.approx(30 - succeeded)
    assert succeeded > 0


def test_a_silent_watch_that_breaks_begins_a_new_time_out_of_reach() -> None:
    watched = Watched(
        lambda _: 503,
        lambda _: 503,
        lambda _: stream(seconds=100, broken=True),
        lambda _: 503,
    )
    lasts = watched.run(200, watched.out_of_reach)
    began = watched.times[3][0]
    assert lasts == pytest.approx(200 - began - 100)


def test_a_list_about_an_hour_later_that_expires_is_begun_again_after_a_wait() -> None:
    def lists(count: int) -> Answer:
        more = {"metadata": {"resourceVersion": "10", "continue": "more"}, "items": []}
        return {2: answered(200, more), 3: answered(410)}.get(count, listed(10 * count))

    watched = Watched(quiet, lists=lists)
    watched.run(2 * 3600)
    _, page, expired, again = [at for at, what, _ in watched.times if what == "list"][:4]
    assert page == expired >= 3600
    assert again >= expired + 1


def test_the_last_contact_is_the_last_page_that_came() -> None:
    def lists(count: int) -> Answer:
        more = {"metadata": {"resourceVersion": "10", "continue": "more"}, "items": []}
        return answered(200, more) if count % 2 else answered(500)

    watched = Watched(quiet, lists=lists)
    ago = watched.run(60, lambda: now() - watched.reflector.last_contact_time)
    (*_, page) = [at for at, _, _ in watched.times[::2]]
    assert ago == pytest.approx(60 - page)
    assert 60 > page > 0


def test_the_end_of_a_watch_that_stood_is_contact() -> None:
    watched = Watched(lambda _: stream(seconds=300))
    ago = watched.run(310, lambda: now() - watched.reflector.last_contact_time)
    assert ago == pytest.approx(10)
