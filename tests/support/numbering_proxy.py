"""An HTTP proxy that numbers the writes of each subject and cuts the one it was told to.

It stands before the real API server or store.

A *subject* is whatever a test keys by: here the Experiment on whose behalf a write is sent. So one
operator process can live through many cut plans at once, one for each Experiment.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

import yaml
from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, web
from yarl import URL

from support.api import Api

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from aiohttp import ClientResponse
    from aiohttp.client import _RequestContextManager

_WRITES = {"POST", "PUT", "PATCH", "DELETE"}
_NOT_PASSED_ON = {"connection", "content-length", "transfer-encoding", "keep-alive", "expect"}
# An artifact of a test at most.
_BODY_MAX = 64 << 20
_UID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


class Cut(Enum):
    """What happens to one write.

    Attributes:
        BEFORE: It is never sent on, and the connection is reset.
        LOST: It takes effect, and the connection is reset instead of an answer.
        AFTER: It is answered, and then the connection is closed without a word.
    """

    BEFORE = "before"
    LOST = "lost"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Write:
    """One write as it came.

    Attributes:
        subject: On whose behalf.
        number: Its number among the subject's, from 1.
        method: POST, PUT, PATCH or DELETE.
        path: Without the query, decoded.
        query: As sent.
        body: As sent.
    """

    subject: str
    number: int
    method: str
    path: str
    query: str
    body: bytes = field(repr=False)


@dataclass(slots=True)
class Sent:
    """A write and what became of it.

    Attributes:
        write: The write.
        cut: How it was cut, if it was.
        status: What the server answered; 0 where it was never asked.
    """

    write: Write
    cut: Cut | None = None
    status: int = 0


class NumberingProxy:
    """Counts, cuts and tells. Use `numbering`.

    Args:
        target: URL of the real server.
        subject_of: On whose behalf a request is, by method, path with query, and body; None where
            nobody counts it.
        tls: For the real server.
        headers: Added to what is passed on.

    Attributes:
        cuts: For each subject the number of the write to cut, and how.
        sent: What each subject has sent, in order.
        before: Called with each numbered write before it is sent on.
        answered: Called with each numbered write that the server answered.
        silent: While set, watches are accepted, and nothing that they tell comes through; those
            that had something to tell are reset when it is over.
        down: While set, every request is reset unsent: reads and watches that begin, as well.
        refused: How many were.
    """

    def __init__(
        self,
        target: str,
        subject_of: Callable[[str, str, bytes], str | None],
        *,
        tls: ssl.SSLContext | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._target = target.rstrip("/")
        self._subject_of = subject_of
        self._tls = tls
        self._headers = dict(headers or {})
        self.cuts: dict[str, tuple[int, Cut]] = {}
        self.sent: dict[str, list[Sent]] = defaultdict(list)
        self.before: list[Callable[[Write], None]] = []
        self.answered: list[Callable[[Sent], None]] = []
        self.silent = threading.Event()
        self.down = threading.Event()
        self.refused = 0
        self.endpoint = ""
        self._lock = threading.Lock()
        self._session: ClientSession | None = None

    def count(self, subject: str) -> int:
        """Return how many writes came for a subject so far."""
        return len(self.sent[subject])

    async def open(self) -> web.AppRunner:
        """Listen on a free port of the loopback interface."""
        connector = TCPConnector(limit=0, ssl=self._tls if self._tls is not None else True)
        self._session = ClientSession(
            connector=connector,
            timeout=ClientTimeout(total=None),
            auto_decompress=False,
            cookie_jar=DummyCookieJar(),
        )
        app = web.Application(client_max_size=_BODY_MAX)
        app.router.add_route("*", "/{tail:.*}", self._serve)
        runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.endpoint = f"http://{host}:{port}"
        return runner

    async def close(self, runner: web.AppRunner) -> None:
        """Stop listening."""
        if self._session is not None:
            await self._session.close()
        await runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if self.down.is_set():
            self.refused += 1
            return _reset(request)
        body = await request.read()
        sent = self._number(request, body)
        if sent is not None:
            for look in self.before:
                look(sent.write)
            if sent.cut is Cut.BEFORE:
                return _reset(request)
        try:
            async with self._pass_on(request, body) as answer:
                if sent is not None:
                    await self._judge(sent, answer)
                    if sent.cut is Cut.LOST:
                        return _reset(request)
                response = await self._answer(request, answer)
        except (ClientError, ConnectionError):
            return _reset(request)
        if sent is not None and sent.cut is Cut.AFTER and request.transport is not None:
            request.transport.close()
        return response

    def _pass_on(self, request: web.Request, body: bytes) -> _RequestContextManager:
        assert self._session
        kept = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in _NOT_PASSED_ON
        }
        # The store's signatures cover the host that the client asked.
        if self._tls is not None:
            kept.pop("Host", None)
        return self._session.request(
            request.method,
            URL(self._target + request.raw_path, encoded=True),
            headers={**kept, **self._headers},
            data=body or None,
            allow_redirects=False,
            skip_auto_headers=("User-Agent", "Content-Type", "Accept-Encoding", "Accept"),
        )

    async def _judge(self, sent: Sent, answer: ClientResponse) -> None:
        await answer.read()
        sent.status = answer.status
        for look in self.answered:
            look(sent)

    async def _answer(self, request: web.Request, answer: ClientResponse) -> web.StreamResponse:
        headers = {
            name: value
            for name, value in answer.headers.items()
            if name.lower() not in _NOT_PASSED_ON - {"content-length"}
        }
        response = web.StreamResponse(status=answer.status, headers=headers)
        await response.prepare(request)
        if request.method in _WRITES:
            await response.write(await answer.read())
        else:
            is_watch = "watch" in request.query
            async for chunk in answer.content.iter_any():
                if is_watch and self.silent.is_set():
                    while self.silent.is_set():  # noqa: ASYNC110 - set by another thread
                        await asyncio.sleep(0.05)
                    return _reset(request)
                await response.write(chunk)
        await response.write_eof()
        return response

    def _number(self, request: web.Request, body: bytes) -> Sent | None:
        if request.method not in _WRITES:
            return None
        subject = self._subject_of(request.method, request.path_qs, body)
        if subject is None:
            return None
        with self._lock:
            number = len(self.sent[subject]) + 1
            write = Write(subject, number, request.method, request.path, request.query_string, body)
            planned, how = self.cuts.get(subject, (0, None))
            sent = Sent(write, how if planned == number else None)
            self.sent[subject].append(sent)
        return sent


def _reset(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


@contextlib.contextmanager
def numbering(proxy: NumberingProxy) -> Iterator[NumberingProxy]:
    """Let a proxy serve from a thread of its own for as long as the block takes."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runner = asyncio.run_coroutine_threadsafe(proxy.open(), loop).result(10)
    try:
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(proxy.close(runner), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def api_proxy(
    kubeconfig: Path, subject_of: Callable[[str, str, bytes], str | None]
) -> NumberingProxy:
    """Return a proxy before the API server of a kubeconfig, that speaks as its user."""
    api = Api(kubeconfig)
    own = {name: value for name, value in api.headers.items() if name == "Authorization"}
    return NumberingProxy(api.url, subject_of, tls=api._context, headers=own)


def kubeconfig_through(proxy: NumberingProxy, path: Path) -> Path:
    """Write the kubeconfig of whoever goes through a proxy, which has the identity."""
    entry = {"name": "numbered"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "numbered",
        "clusters": [{**entry, "cluster": {"server": proxy.endpoint}}],
        "users": [{**entry, "user": {}}],
        "contexts": [{**entry, "context": {"cluster": "numbered", "user": "numbered"}}],
    }
    path.write_text(yaml.safe_dump(config))
    return path


def experiment_in(team: str) -> Callable[[str, str, bytes], str | None]:
    """Return how to tell for which Experiment of a team requests to the API server are.

    Events are nobody's: they are told once and never again, and nothing depends on them.
    """
    own = re.compile(rf"/namespaces/{re.escape(team)}/experiments/([^/?]+)")
    inside = re.compile(rf"gbx-{re.escape(team)}-([a-z0-9-]+)-[a-z2-7]{{10}}\b")

    def subject_of(method: str, path: str, body: bytes) -> str | None:
        bare = path.partition("?")[0]
        if bare.endswith("/events"):
            return None
        if found := own.search(bare) or inside.search(bare):
            return found[1]
        if method == "POST" and bare == "/api/v1/namespaces":
            made = inside.search(body.decode())
            return made[1] if made else None
        return None

    return subject_of


def artifacts_in(team: str) -> Callable[[str, str, bytes], str | None]:
    """Return how to tell for which Experiment of a team requests to the store are."""
    prefix = re.compile(rf"\b{re.escape(team)}/([a-z0-9-]+)/({_UID})/")
    bare = re.compile(_UID)
    # A seal goes by the UID alone; the first session, which comes before, names both.
    known: dict[str, str] = {}

    def subject_of(method: str, path: str, body: bytes) -> str | None:
        del method
        # A session's policy names the prefix; a batch, its keys.
        text = unquote_plus(f"{path} {body[: 1 << 16].decode(errors='replace')}")
        if found := prefix.search(text):
            known[found[2]] = found[1]
            return found[1]
        by_uid = bare.search(unquote_plus(path))
        return known.get(by_uid[0]) if by_uid else None

    return subject_of
