"""One request answers all who asked before it was sent, and nobody who asked later."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from glovebox.controllers.shared_reads import SharedReads
from glovebox.errors import Unavailable
from glovebox.kube.kinds import NAMESPACE, Kind

Json = dict[str, Any]


class Server:
    """Answers when it is told to, with the state of that moment."""

    def __init__(self) -> None:
        self.state, self.asked = 0, 0
        self._answers: list[asyncio.Future[Json]] = []

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Json:
        del kind, namespace, name
        self.asked += 1
        self._answers.append(asyncio.get_running_loop().create_future())
        return await self._answers[-1]

    def answer(self, error: Exception | None = None) -> None:
        waiting = self._answers.pop(0)
        if error is not None:
            waiting.set_exception(error)
        else:
            waiting.set_result({"state": self.state})


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def ask(reads: SharedReads, server: Server, name: str = "team") -> asyncio.Task[Json]:
    return asyncio.create_task(reads.get(server.get, NAMESPACE, None, name))


async def test_who_asks_at_once_shares_a_request() -> None:
    reads, server = SharedReads(), Server()
    asking = [ask(reads, server) for _ in range(5)]
    await settle()
    server.answer()
    assert await asyncio.gather(*asking) == [{"state": 0}] * 5
    assert server.asked == 1


async def test_who_asks_while_it_is_under_way_gets_a_later_answer() -> None:
    reads, server = SharedReads(), Server()
    first = ask(reads, server)
    await settle()
    later = [ask(reads, server) for _ in range(5)]
    await settle()
    assert server.asked == 1, "the later ones wait for their own"
    server.answer()
    assert await first == {"state": 0}
    server.state = 1
    await settle()
    server.answer()
    assert await asyncio.gather(*later) == [{"state": 1}] * 5
    assert server.asked == 2
    again = ask(reads, server)
    await settle()
    server.answer()
    await again
    assert server.asked == 3, "an answer is not kept"


async def test_different_objects_do_not_wait_for_each_other() -> None:
    reads, server = SharedReads(), Server()
    asking = [ask(reads, server, name) for name in ("team", "other")]
    await settle()
    assert server.asked == 2
    server.answer()
    server.answer()
    await asyncio.gather(*asking)


async def test_a_failure_is_told_to_all_and_the_next_request_is_sent() -> None:
    reads, server = SharedReads(), Server()
    asking = [ask(reads, server) for _ in range(2)]
    await settle()
    server.answer(Unavailable("ApiUnavailable", "gone"))
    failed = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(each) for each in failed] == [Unavailable, Unavailable]
    again = ask(reads, server)
    await settle()
    server.answer()
    assert await again == {"state": 0}


async def test_one_who_gives_up_takes_the_answer_from_nobody() -> None:
    reads, server = SharedReads(), Server()
    first, second = ask(reads, server), ask(reads, server)
    await settle()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    server.answer()
    assert await second == {"state": 0}
