"""Who is answered by `glovebox ui`: whoever has its address, on this machine, and asks to read."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web
from typer.testing import CliRunner

from glovebox.cli import experiments
from glovebox.cli.main import app
from glovebox.cli.ui import command, server
from glovebox.cli.ui.server import HEADERS, application, serve
from support.browsed import TOKEN, BrowsedCluster

FIRST = f"/{TOKEN}/"


class Asked:
    """Pages that say what they were asked for."""

    def __init__(self) -> None:
        self.pages: list[tuple[str, Mapping[str, str]]] = []

    def html(self, path: str, query: Mapping[str, str]) -> tuple[int, str]:
        self.pages.append((path, query))
        return 200, "<p>secret</p>"


@asynccontextmanager
async def asking(asked: Asked) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    """Give a client, and where it has to ask."""
    async with (
        serve(application(asked.html, TOKEN), 0) as port,
        aiohttp.ClientSession() as session,
    ):
        yield session, f"http://127.0.0.1:{port}"


async def answer(
    method: str, path: str, headers: Mapping[str, str] | None = None
) -> tuple[int, str, Mapping[str, str], Asked]:
    """Return status, text and headers of an answer, and which pages were made for it."""
    asked = Asked()
    async with (
        asking(asked) as (session, where),
        session.request(method, where + path, headers=headers) as got,
    ):
        return got.status, await got.text(), got.headers, asked


@pytest.mark.parametrize(
    ("path", "page"),
    [
        pytest.param(FIRST, ("", {}), id="the first page"),
        pytest.param(FIRST[:-1], ("", {}), id="without its last slash"),
        pytest.param(f"{FIRST}pins?q=a%20b&show=", ("pins", {"q": "a b", "show": ""}), id="asked"),
        pytest.param(f"{FIRST}object/experiment/a/b", ("object/experiment/a/b", {}), id="object"),
    ],
)
async def test_whoever_has_the_address_is_answered(path: str, page: Any) -> None:
    status, text, _, asked = await answer("GET", path)

    assert (status, text) == (200, "<p>secret</p>")
    assert asked.pages == [page]


async def test_a_browser_may_ask_for_the_head_alone() -> None:
    status, text, _, _ = await answer("HEAD", FIRST)

    assert (status, text) == (200, "")


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/", id="none"),
        pytest.param("/another/", id="another"),
        pytest.param(f"/{TOKEN[:-1]}/", id="one letter less"),
        pytest.param(f"/{TOKEN}x/pins", id="one letter more"),
        pytest.param("/style.css", id="style"),
        pytest.param("//", id="empty"),
        pytest.param("/%C3%A4/", id="no ASCII"),
        pytest.param(f"/?token={TOKEN}", id="elsewhere"),
    ],
)
async def test_without_the_token_nothing_is_shown(path: str) -> None:
    status, text, headers, asked = await answer("GET", path)

    assert (status, asked.pages) == (403, [])
    assert "secret" not in text
    assert TOKEN not in text + str(headers)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        pytest.param("127.0.0.1", 200, id="address"),
        pytest.param("127.0.0.1:1", 200, id="another port: forwarded by SSH"),
        pytest.param("LocalHost:8080", 200, id="name"),
        pytest.param("evil.example", 403, id="another name that leads here"),
        pytest.param("evil.example:8080", 403, id="with a port"),
        pytest.param("127.0.0.1.evil.example", 403, id="that begins like ours"),
        pytest.param("localhost.evil.example:80", 403, id="that begins like our name"),
        pytest.param("evil-localhost", 403, id="that ends like our name"),
        pytest.param("[::1]:80", 403, id="where nobody listens"),
        pytest.param("127.0.0.1:80@evil.example", 403, id="of a user's that is called like ours"),
        pytest.param("", 403, id="none"),
    ],
)
async def test_who_asks_under_another_name_is_refused(host: str, status: int) -> None:
    got, _, _, asked = await answer("GET", FIRST, {"Host": host})

    assert got == status
    assert bool(asked.pages) == (status == 200)


@pytest.mark.parametrize(
    ("asked_for", "status"),
    [
        pytest.param(b"GET http://127.0.0.1 HTTP/1.1", 403, id="a URL without a path"),
        pytest.param(b"GET * HTTP/1.1", 400, id="no path"),
        pytest.param(b"GET /\xff HTTP/1.1", 400, id="no URL"),
        pytest.param(b"GET /" + b"a" * 9000 + b" HTTP/1.1", 400, id="too long"),
        pytest.param(b"\x16\x03\x01\x02", 400, id="TLS"),
    ],
)
async def test_what_another_user_sends_is_refused_and_fills_no_terminal(
    asked_for: bytes, status: int, capfd: pytest.CaptureFixture[str], caplog: Any
) -> None:
    asked = Asked()
    async with asking(asked) as (_, where):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(where.rpartition(":")[2]))
        writer.write(asked_for + b"\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        got = await asyncio.wait_for(reader.readline(), 60)
        writer.close()

    assert (int(got.split()[1]), asked.pages) == (status, [])
    assert (capfd.readouterr().err, caplog.records) == ("", [])


async def test_a_fault_of_ours_is_logged(caplog: Any) -> None:
    def fails(*_: object) -> tuple[int, str]:
        raise ValueError("a fault")

    async with (
        serve(application(fails, TOKEN), 0) as port,
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{FIRST}") as got,
    ):
        assert got.status == 500
    assert "a fault" in caplog.text


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
async def test_nothing_can_be_changed(method: str) -> None:
    status, _, _, asked = await answer(method, FIRST)

    assert (status, asked.pages) == (405, [])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("GET", FIRST, id="page"),
        pytest.param("GET", f"{FIRST}style.css", id="style"),
        pytest.param("GET", f"{FIRST}icon.svg", id="icon"),
        pytest.param("GET", "/", id="refused"),
        pytest.param("POST", FIRST, id="wrong method"),
    ],
)
async def test_every_answer_keeps_a_browser_to_itself(method: str, path: str) -> None:
    _, _, headers, _ = await answer(method, path)

    assert {name: headers.get(name) for name in HEADERS} == HEADERS
    assert "script" not in HEADERS["Content-Security-Policy"]
    assert "unsafe" not in HEADERS["Content-Security-Policy"]
    assert HEADERS["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
    assert "Set-Cookie" not in headers
    assert not [name for name in headers if name.startswith("Access-Control")]


async def test_no_other_interface_is_listened_on(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts: list[str] = []
    real = web.TCPSite

    def site(runner: web.AppRunner, host: str, port: int) -> web.TCPSite:
        hosts.append(host)
        return real(runner, host, port)

    monkeypatch.setattr(web, "TCPSite", site)
    async with serve(application(Asked().html, TOKEN), 0):
        pass

    assert hosts == ["127.0.0.1"]


async def test_few_pages_are_made_at_once() -> None:
    """A page is dozens of requests to the API server: a key that is held must not be hundreds."""
    now: set[int] = set()
    most = 0
    full, going = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def html(path: str, _: Mapping[str, str]) -> tuple[int, str]:
        nonlocal most
        now.add(int(path))
        most = max(most, len(now))
        if len(now) >= server._AT_ONCE:
            loop.call_soon_threadsafe(full.set)
        going.wait(60)
        now.discard(int(path))
        return 200, ""

    async with (
        serve(application(html, TOKEN), 0) as port,
        aiohttp.ClientSession() as session,
    ):

        async def ask(path: str) -> int:
            async with session.get(f"http://127.0.0.1:{port}{path}") as got:
                return got.status

        asks = [asyncio.create_task(ask(f"{FIRST}{number}")) for number in range(12)]
        await full.wait()
        # Others have time to come in: what is refused is answered meanwhile.
        assert {await ask("/") for _ in range(20)} == {403}
        going.set()
        assert await asyncio.gather(*asks) == [200] * 12

    assert most == server._AT_ONCE


@pytest.fixture
def ended_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = BrowsedCluster([])
    monkeypatch.setattr(experiments, "KubeconfigCluster", lambda *_: cluster)
    monkeypatch.setattr(asyncio, "Event", Ended)


class Ended(asyncio.Event):
    """What is waited for has come."""

    async def wait(self) -> Any:
        return True


@pytest.mark.usefixtures("ended_at_once")
def test_the_command_prints_an_address_that_nobody_can_guess() -> None:
    shown = [CliRunner().invoke(app, ["ui"]) for _ in range(2)]

    addresses = [each.stdout.split()[1] for each in shown]
    assert [each.exit_code for each in shown] == [0, 0]
    assert all(each.startswith("http://127.0.0.1:") for each in addresses)
    tokens = {each.rstrip("/").rpartition("/")[2] for each in addresses}
    assert len(tokens) == 2
    assert all(len(token) >= 32 for token in tokens)


@pytest.mark.usefixtures("ended_at_once")
def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        shown = CliRunner().invoke(app, ["ui", f"--port={taken.getsockname()[1]}"])

    assert shown.exit_code == 2
    assert "address already in use" in shown.stderr
    assert "Traceback" not in shown.output


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl+C", "terminated"])
async def test_the_command_serves_until_it_is_ended(
    by: signal.Signals, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    before = signal.signal(by, lambda *_: None)
    request.addfinalizer(lambda: signal.signal(by, before))
    cluster: Any = BrowsedCluster([])
    serving = asyncio.create_task(command._serve(cluster, "", 0))
    said = ""
    while "Ctrl+C ends it" not in said:
        await asyncio.sleep(0)
        assert not serving.done()
        said += capsys.readouterr().out
    address = said.split()[1]
    async with aiohttp.ClientSession() as session, session.get(address) as got:
        assert got.status == 200
    assert not serving.done()
    os.kill(os.getpid(), by)
    await asyncio.wait_for(serving, 60)
    with socket.socket() as free:
        assert free.connect_ex(("127.0.0.1", urlsplit(address).port or 0)) != 0


def test_no_request_to_the_api_server_lasts_longer_than_a_page_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[Callable[[float], float]] = []
    monkeypatch.setattr(experiments, "KubeconfigCluster", given.append)
    monkeypatch.setattr(command, "_serve", lambda *_: asyncio.sleep(0))

    assert CliRunner().invoke(app, ["ui"]).exit_code == 0

    (left,) = given
    assert (left(30.0), left(3.0)) == (command._PATIENCE_SECONDS, 3.0)
