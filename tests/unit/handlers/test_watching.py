"""kopf looks once which kinds there are: it does not begin before all of ours are offered."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import fields
from typing import Any

import kopf
import pytest
import structlog

from glovebox import names
from glovebox.controllers.operator import Operator
from glovebox.handlers.watching import WatchEndedError, watch
from glovebox.kube.client import Client
from glovebox.kube.kinds import CUSTOM_KINDS
from glovebox.kube.login import ApiCredentials
from glovebox.kube.transport import Answer
from support.scripted_transport import Asked, User, Wire, answered
from support.virtual_time import now, run

ALL = tuple(kind.plural for kind in CUSTOM_KINDS)
GROUP = {"name": names.GROUP, "versions": [{"version": names.VERSION}]}


class Discovery:
    """What an API server offers of our group.

    Args:
        groups: What `/apis` lists.
        plurals: What the group has; None where it is not there.
    """

    def __init__(self, groups: list[Any], plurals: tuple[str, ...] | None) -> None:
        self.groups, self.plurals = groups, plurals

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/apis":
            return answered(200, {"groups": self.groups})
        assert asked.path == f"/apis/{names.API_VERSION}"
        if self.plurals is None:
            return answered(404)
        return answered(200, {"resources": [{"name": each} for each in self.plurals]})


def offered_by(client: Client) -> Operator:
    """Return an operator of which nothing else is asked."""
    parts: dict[str, Any] = dict.fromkeys(each.name for each in fields(Operator))
    return Operator(**parts | {"served": client.served})


def ending_at_once(began: list[float]) -> Callable[..., Awaitable[list[asyncio.Task[None]]]]:
    """Play a kopf that ends as soon as it begins, which it notes."""

    async def spawn_tasks(**_: object) -> list[asyncio.Task[None]]:
        began.append(now())
        return [asyncio.create_task(asyncio.sleep(0))]

    return spawn_tasks


async def _no_login() -> ApiCredentials:
    raise AssertionError("kopf does not begin here")


@pytest.mark.parametrize(
    ("groups", "plurals"),
    [
        pytest.param([], None, id="an API server that has just started"),
        pytest.param([GROUP], None, id="a group that is going"),
        pytest.param([GROUP], ALL[1:], id="one CRD is missing"),
        pytest.param([], ALL, id="not listed among the groups yet"),
    ],
)
def test_kopf_begins_once_all_of_our_kinds_are_offered(
    groups: list[Any], plurals: tuple[str, ...] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[float] = []

    monkeypatch.setattr(kopf, "spawn_tasks", ending_at_once(began))
    discovery = Discovery(groups, plurals)

    async def main() -> float:
        wire = Wire(discovery.answer)
        async with Client(lambda: User("a"), transport=wire.transport) as client:
            running = offered_by(client)
            watching = asyncio.create_task(watch(running, asyncio.Event(), _no_login))
            await asyncio.sleep(60)
            assert not began
            discovery.groups, discovery.plurals = [GROUP], ALL
            offered = now()
            with pytest.raises(WatchEndedError):
                await watching
            return offered

    assert run(main()) <= began[0]


def test_an_api_server_that_does_not_answer_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    began: list[float] = []

    monkeypatch.setattr(kopf, "spawn_tasks", ending_at_once(began))
    discovery, down = Discovery([GROUP], ALL), [True]

    async def main() -> None:
        wire = Wire(lambda asked: answered(503) if down else discovery.answer(asked))
        async with Client(lambda: User("a"), transport=wire.transport) as client:
            running = offered_by(client)
            watching = asyncio.create_task(watch(running, asyncio.Event(), _no_login))
            await asyncio.sleep(60)
            assert not began
            down.clear()
            with pytest.raises(WatchEndedError, match="ended"):
                await watching

    with structlog.testing.capture_logs() as logs:
        run(main())
    assert began
    warned = [each for each in logs if each["log_level"] == "warning"]
    assert len(warned) == 1, "why it waits is said once"
    assert "503" in warned[0]["why"]


def test_when_one_of_its_tasks_ends_the_others_are_given_seconds_to_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended: list[str] = []

    async def lingers() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(1)
            ended.append("lingers")

    async def stays() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    async def spawn_tasks(**_: object) -> list[asyncio.Task[None]]:
        each = (lingers(), stays(), asyncio.sleep(60))
        return [asyncio.create_task(coroutine) for coroutine in each]

    monkeypatch.setattr(kopf, "spawn_tasks", spawn_tasks)
    discovery = Discovery([GROUP], ALL)

    async def main() -> float:
        wire = Wire(discovery.answer)
        async with Client(lambda: User("a"), transport=wire.transport) as client:
            began = now()
            watching = watch(offered_by(client), asyncio.Event(), _no_login)
            with pytest.raises(WatchEndedError):
                await asyncio.wait_for(watching, 600)
            return now() - began

    assert run(main()) == pytest.approx(65)
    assert ended == ["lingers"]


def test_why_kopf_gave_up_is_what_its_task_failed_with(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails() -> None:
        raise ValueError("a watch carried an error")

    async def spawn_tasks(**_: object) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(fails())]

    monkeypatch.setattr(kopf, "spawn_tasks", spawn_tasks)
    discovery = Discovery([GROUP], ALL)

    async def main() -> None:
        wire = Wire(discovery.answer)
        async with Client(lambda: User("a"), transport=wire.transport) as client:
            with pytest.raises(WatchEndedError, match=r"^a watch carried an error$"):
                await watch(offered_by(client), asyncio.Event(), _no_login)

    run(main())
