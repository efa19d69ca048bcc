"""kopf, as it is, against an API server whose answers would end it, or keep it waiting for a day.

Where it ends, it ends in time, and takes nothing of ours along.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, cast

import aiohttp
import orjson
import pytest
from aiohttp import web

from glovebox import names
from glovebox.controllers.operator import Operator
from glovebox.handlers import odd_answers
from glovebox.handlers.watching import WatchEndedError, end_what_is_left, is_of_kopf, watch
from glovebox.kube.kinds import CUSTOM_KINDS, EXPERIMENT
from glovebox.kube.login import ApiCredentials
from support.virtual_time import now, run

WITHIN_SECONDS = 60
LIST = f"/apis/{names.API_VERSION}/{EXPERIMENT.plural}"
VERBS = ["delete", "get", "list", "patch", "watch"]
MADE = {
    "apiVersion": names.API_VERSION,
    "kind": EXPERIMENT.kind,
    "metadata": {"name": "made", "namespace": "team", "uid": "u", "resourceVersion": "11"},
}
EMPTY = {"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "10"}, "items": []}
STATUS = {"kind": "Status", "apiVersion": "v1", "status": "Failure"}
Odd = Callable[[web.Request], web.Response]


def status(code: int, **headers: str) -> web.Response:
    names_of = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.json_response({**STATUS, "code": code}, status=code, headers=names_of)


def page(code: int) -> web.Response:
    return web.Response(text="<html>We are back soon</html>", content_type="text/html", status=code)


def event(kind: str, obj: Mapping[str, Any]) -> web.Response:
    return web.json_response({"type": kind, "object": obj})


class ApiServer:
    """Serves our kinds; of Experiments the first requests of one sort are answered oddly.

    Args:
        odd: What is answered.
        watch: Whether to watches; else to the second page of lists.
        times: How many.
    """

    def __init__(self, odd: Odd, *, watch: bool, times: int) -> None:
        self._odd, self._watch, self._left = odd, watch, times
        self.asked: list[str] = []

    async def serve(self, request: web.Request) -> web.StreamResponse:
        watch, later = "watch" in request.query, "continue" in request.query
        if request.path == LIST and (watch if self._watch else later) and self._left:
            self._left -= 1
            self.asked.append("odd")
            return self._odd(request)
        if not request.path.startswith(f"/apis/{names.API_VERSION}/"):
            return self._discovery(request.path)
        if request.path != LIST:
            return await self._nothing(request) if watch else web.json_response(EMPTY)
        self.asked.append("watch" if watch else "page" if later else "list")
        if watch:
            return await self._events(request)
        return web.json_response(
            {
                "kind": f"{EXPERIMENT.kind}List",
                "apiVersion": names.API_VERSION,
                "metadata": {"resourceVersion": "10", "continue": "" if later else "more"},
                "items": [],
            }
        )

    async def _nothing(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(request)
        await asyncio.sleep(3600)
        return answer

    def _discovery(self, path: str) -> web.Response:
        version = {"groupVersion": names.API_VERSION, "version": names.VERSION}
        group = {"name": names.GROUP, "versions": [version], "preferredVersion": version}
        kinds = [
            {
                "name": kind.plural,
                "singularName": kind.kind.lower(),
                "kind": kind.kind,
                "namespaced": True,
                "verbs": VERBS,
            }
            for kind in CUSTOM_KINDS
        ]
        # Without these kopf does not begin.
        core = {"name": "namespaces", "singularName": "namespace", "kind": "Namespace"}
        core_kinds = [{**core, "namespaced": False, "verbs": VERBS}]
        answers: dict[str, Any] = {
            "/api": {"versions": ["v1"]},
            "/api/v1": {"resources": core_kinds},
            "/apis": {"groups": [group]},
            f"/apis/{names.API_VERSION}": {"resources": kinds},
        }
        return web.json_response(answers.get(path, {"resources": []}))

    async def _events(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(request)
        await answer.write(orjson.dumps({"type": "ADDED", "object": MADE}) + b"\n")
        await asyncio.sleep(3600)
        return answer

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        """Listen on a free port; gives the URL."""
        app = web.Application()
        app.router.add_get("/{tail:.*}", self.serve)
        runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


class Hearing(Operator):
    """An operator that nothing else is asked of than to hear."""

    __slots__ = ("heard",)

    def __init__(self) -> None:
        self.heard: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def missing_kinds(self) -> tuple[str, ...]:
        return ()

    def on_event(self, event_type: str | None, obj: Mapping[str, Any]) -> None:
        del event_type
        if not self.heard.done():
            self.heard.set_result(obj["metadata"]["name"])


@contextlib.asynccontextmanager
async def watching(server: ApiServer) -> AsyncIterator[tuple[asyncio.Task[None], Hearing]]:
    """Let kopf watch that server until the block ends."""
    operator = Hearing()
    async with server.open() as url:

        async def log_in() -> ApiCredentials:
            return ApiCredentials(url)

        running = asyncio.create_task(watch(operator, asyncio.Event(), log_in))
        try:
            yield running, operator
        finally:
            running.cancel()
            await asyncio.wait({running})
            await end_what_is_left()


async def heard_by_kopf(server: ApiServer) -> str:
    """Let kopf watch until it tells of what was made; return its name."""
    async with watching(server) as (running, operator):
        either: set[asyncio.Future[Any]] = {running, operator.heard}
        await asyncio.wait(either, timeout=WITHIN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
        assert operator.heard.done(), server.asked
        return operator.heard.result()


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(odd_answers, "LIST_AGAIN_SECONDS", 0.1)


@pytest.mark.parametrize("watch", [False, True], ids=["the second page of a list", "a watch"])
@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(lambda _: status(429, Retry_After="86400"), id="come back tomorrow"),
        pytest.param(
            lambda _: status(429, Retry_After="Wed, 21 Oct 2099 07:28:00 GMT"), id="in 2099"
        ),
        pytest.param(lambda _: status(410), id="the list expired"),
        pytest.param(lambda _: page(200), id="a page of a load balancer"),
        pytest.param(lambda _: page(404), id="a load balancer without a backend"),
        pytest.param(lambda _: page(503), id="a page with 503"),
    ],
)
def test_kopf_outlives_what_is_answered_and_hears_again(odd: Odd, *, watch: bool) -> None:
    server = ApiServer(odd, watch=watch, times=2)
    assert asyncio.run(heard_by_kopf(server)) == "made"
    assert server.asked.count("odd") == 2


def test_a_list_that_expired_is_begun_again() -> None:
    server = ApiServer(lambda _: status(410), watch=False, times=1)
    asyncio.run(heard_by_kopf(server))
    assert server.asked[:4] == ["list", "odd", "list", "page"]


def no_such_kind(_: web.Request) -> web.Response:
    return web.Response(text="404 page not found\n", status=404)


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(no_such_kind, id="the CRD is gone"),
        pytest.param(
            lambda _: event("ERROR", {**STATUS, "code": 599, "message": "odd"}), id="an odd error"
        ),
    ],
)
def test_what_ends_one_watch_ends_kopf_and_nothing_else(odd: Odd) -> None:
    async def main() -> None:
        async with watching(ApiServer(odd, watch=True, times=1)) as (running, _):
            # Born after kopf, as most of ours are.
            await asyncio.sleep(0)
            ours = asyncio.create_task(asyncio.Event().wait())
            await asyncio.wait({running}, timeout=WITHIN_SECONDS)
            assert running.done()
            with pytest.raises(WatchEndedError):
                await running
            await end_what_is_left()
            assert not ours.done()
            assert not [task for task in asyncio.all_tasks() if is_of_kopf(task)]
            ours.cancel()

    asyncio.run(main())


class Told:
    """An answer of a server, as far as it is looked at."""

    def __init__(self, code: int, content_type: str) -> None:
        self.status, self.content_type = code, content_type
        self.closed = False

    def close(self) -> None:
        self.closed = True


async def passed_on(told: Told) -> None:
    """Let that answer be what a server sends."""

    async def send(_: aiohttp.ClientRequest) -> aiohttp.ClientResponse:
        return cast("aiohttp.ClientResponse", told)

    await odd_answers.without_odd_answers(cast("aiohttp.ClientRequest", None), send)


@pytest.mark.parametrize(
    ("code", "content_type", "raised"),
    [
        pytest.param(410, "application/json", aiohttp.ClientPayloadError, id="the list expired"),
        pytest.param(429, "application/json", aiohttp.ClientConnectionError, id="come back"),
        pytest.param(200, "text/html", aiohttp.ClientConnectionError, id="a page without an end"),
    ],
)
def test_what_is_not_passed_on_gives_its_connection_back_at_once(
    code: int, content_type: str, raised: type[Exception]
) -> None:
    told = Told(code, content_type)
    with pytest.raises(raised):
        asyncio.run(passed_on(told))
    assert told.closed


def test_a_list_that_expired_is_not_begun_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(odd_answers, "LIST_AGAIN_SECONDS", 2.0)

    async def main() -> float:
        began = now()
        with pytest.raises(aiohttp.ClientPayloadError):
            await passed_on(Told(410, "application/json"))
        return now() - began

    assert run(main()) == 2.0
