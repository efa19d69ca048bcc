"""A resync finds what no watch reported, spreads what is known, and goes on after any failure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from glovebox.engine.key_queue import Priority
from glovebox.engine.resync import Resync, Source
from glovebox.errors import Unavailable
from support.virtual_time import now, run


class Scene:
    """One source of keys, a cache of it, and what is enqueued."""

    def __init__(self) -> None:
        self.server: dict[str, str] = {}
        self.cache: dict[str, str] = {}
        self.errors: list[Exception] = []
        self.lists = 0
        self.enqueued: list[tuple[str, Priority, float]] = []
        self.gone_reported: list[tuple[str, str]] = []
        self.during_list = ""

    async def list(self) -> AsyncIterator[tuple[str, bool]]:
        self.lists += 1
        if self.errors:
            raise self.errors.pop(0)
        found = dict(self.server)
        await asyncio.sleep(1)
        if self.during_list:
            self.cache[self.during_list] = "uid"
        for key, uid in found.items():
            news = self.cache.get(key) != uid
            self.cache[key] = uid
            yield key, news

    def gone(self, key: str, uid: str) -> None:
        self.gone_reported.append((key, uid))

    def enqueue(self, key: str, priority: Priority, after: float) -> None:
        self.enqueued.append((key, priority, after))

    def source(self, name: str = "Pin") -> Source[str]:
        return Source(name, lambda: self.cache, self.list, self.gone)

    def resync(self, **hooks: object) -> Resync[str]:
        return Resync(
            [self.source()],
            self.enqueue,
            100.0,
            hooks=hooks,  # type: ignore[arg-type]
            jitter=lambda: 0.5,
            now=now,
        )


def test_news_is_enqueued_at_once_and_the_rest_spread_over_half_of_the_interval() -> None:
    async def test() -> Scene:
        scene = Scene()
        scene.server = {"known": "1", "new": "2"}
        scene.cache = {"known": "1"}
        resync = scene.resync()
        await resync.sweep("Pin")
        assert resync.last_success_times == {"Pin": now()}
        return scene

    scene = run(test())
    assert scene.gone_reported == []
    assert scene.enqueued == [
        ("known", Priority.RESYNC, 25.0),
        ("new", Priority.NORMAL, 0.0),
    ]


def test_what_is_not_listed_any_more_is_gone_but_not_what_came_during_the_list() -> None:
    async def test() -> Scene:
        scene = Scene()
        scene.cache = {"deleted": "7"}
        scene.during_list = "born"
        await scene.resync().sweep("Pin")
        return scene

    assert run(test()).gone_reported == [("deleted", "7")]


def test_a_list_that_failed_is_no_success() -> None:
    async def test() -> tuple[float, float, float]:
        scene = Scene()
        resync = scene.resync()
        await resync.sweep("Pin")
        first = resync.last_success_times["Pin"]
        scene.errors = [Unavailable("U", "m")]
        await asyncio.sleep(9)
        with pytest.raises(Unavailable):
            await resync.sweep("Pin")
        failed = resync.last_success_times["Pin"]
        await resync.sweep("Pin")
        return first, failed, resync.last_success_times["Pin"]

    assert run(test()) == (1_001.0, 1_001.0, 1_011.0)


@pytest.mark.parametrize("error", [Unavailable("U", "m"), RuntimeError("Session is closed")])
def test_priming_goes_on_until_every_source_was_listed(error: Exception) -> None:
    async def test() -> tuple[bool, int]:
        scene = Scene()
        scene.errors = [error, error]
        resync = scene.resync()
        assert not resync.primed
        await resync.prime()
        return resync.primed, scene.lists

    assert run(test()) == (True, 3)


@pytest.mark.parametrize("error", [Unavailable("U", "m"), RuntimeError("Session is closed")])
def test_a_failure_keeps_neither_hooks_nor_the_next_round_from_being_done(error: Exception) -> None:
    async def test() -> tuple[int, int]:
        scene = Scene()
        scene.errors = [error]
        calls = 0

        async def broken() -> None:
            raise error

        async def works() -> None:
            nonlocal calls
            calls += 1

        task = asyncio.create_task(scene.resync(first=broken, second=works).run())
        await asyncio.sleep(250)
        assert not task.done()
        task.cancel()
        return scene.lists, calls

    assert run(test()) == (2, 2)
