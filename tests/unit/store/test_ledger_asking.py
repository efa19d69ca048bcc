"""Whoever is asked to know a head may be hostile: slow, huge, cut off, endless, elsewhere."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from glovebox.errors import InvalidInput, Unavailable
from glovebox.ledger.pace import CLOCKS
from glovebox.store.ledger_asking import Asked, check_moment, post
from support.ledger_logs import NOW

ASKED = Asked("the other", "LedgerNotWitnessed")
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"


@contextmanager
def answering(say: Callable[[socket.socket], None]) -> Iterator[str]:
    """Listen on loopback, and answer each request by hand; yield the address."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                line, _ = server.accept()
            except OSError:
                return
            with line, contextlib.suppress(OSError):  # who was asking hung up
                line.recv(65536)
                say(line)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/x"
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(10)


def saying(*parts: bytes) -> Callable[[socket.socket], None]:
    def say(line: socket.socket) -> None:
        for part in parts:
            line.sendall(part)

    return say


def without_end(first: bytes, again: bytes) -> Callable[[socket.socket], None]:
    """Say something again and again: there is always a next byte, and never a last one."""

    def say(line: socket.socket) -> None:
        line.sendall(first)
        while True:
            line.sendall(again)
            time.sleep(0.02)  # the other side's clock is what is tested

    return say


def test_an_answer_is_read_whole() -> None:
    body = b"x" * 60000
    with answering(saying(OK, b"Content-Length: 60000\r\n\r\n", body[:9], body[9:])) as url:
        answer = post(ASKED, url, b"?")
    assert (answer.status, answer.content_type, answer.body) == (200, "text/plain", body)


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (OK + b"Content-Length: 60000\r\n\r\n", b"x"),  # a byte now and then
        (OK + b"\r\n", b"x"),  # of no length: hanging up looks like its end
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (OK + b"X: ", b"x"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"", b"H"),
    ],
)
def test_an_answer_without_an_end_is_given_up(first: bytes, again: bytes) -> None:
    began = time.monotonic()
    with (
        answering(without_end(first, again)) as url,
        pytest.raises(Unavailable, match="no whole answer after"),
    ):
        post(ASKED, url, b"?", seconds=0.4)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "said",
    [
        OK + b"Content-Length: 9\r\n\r\nx",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nx",
        OK + b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\nx",
        b"HTTP/1.1 nonsense\r\n\r\n",
        OK + b"X: y\r\n" * 200,
        OK + b"X" * 100000,
        b"\x00\xff",
        b"",
    ],
)
def test_what_is_cut_off_or_no_answer_is_not_believed(said: bytes) -> None:
    with answering(saying(said)) as url, pytest.raises(Unavailable, match="could not ask"):
        post(ASKED, url, b"?")


def test_an_answer_that_is_too_long_is_refused_and_not_cut() -> None:
    with answering(saying(OK, b"\r\n", b"x" * 70000)) as url, pytest.raises(InvalidInput):
        post(ASKED, url, b"?")


def test_no_redirect_is_followed() -> None:
    reached: list[bytes] = []

    def note(line: socket.socket) -> None:
        reached.append(b"reached")
        line.sendall(OK + b"Content-Length: 0\r\n\r\n")

    with answering(note) as secret:
        moved = f"HTTP/1.1 307 Moved\r\nLocation: {secret}\r\nContent-Length: 0\r\n\r\n"
        with answering(saying(moved.encode())) as url:
            assert post(ASKED, url, b"?").status == 307
    assert reached == []


@pytest.mark.parametrize("url", ["http://a..b/", "http://127.0.0.1:99999/", "http://127.0.0.1:9/"])
def test_an_address_where_nobody_can_be_is_no_bug(url: str) -> None:
    with pytest.raises(Unavailable, match="could not ask the other"):
        post(ASKED, url, b"?")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_who_is_busy_is_asked_again(status: int) -> None:
    said = f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode()
    with answering(saying(said)) as url, pytest.raises(Unavailable, match=f"answers {status}"):
        post(ASKED, url, b"?")


def test_a_time_that_is_not_now_is_refused() -> None:
    for moment in (NOW, NOW + CLOCKS, NOW - CLOCKS):
        check_moment(ASKED, moment, NOW)
    for moment in (NOW + 2 * CLOCKS, NOW - 2 * CLOCKS, NOW + timedelta(days=400000)):
        with pytest.raises(InvalidInput, match="correct the clock"):
            check_moment(ASKED, moment, NOW)
