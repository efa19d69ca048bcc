"""The tests' own client: it keeps connections, and never uses one that has ended."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from support.api import Api, ApiError, _Idle


class Server(ThreadingHTTPServer):
    """Counts connections and requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.connections = 0
        self.requests: list[str] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer()

    def _answer(self) -> None:
        self.server.requests.append(f"{self.command} {self.path}")
        if self.path == "/hung-up":
            self.close_connection = True
            return
        body = b'{"a": 1}'
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        # Ended without a word, as by a server that is killed.
        self.close_connection = self.path == "/last"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class PlainApi(Api):
    """Without TLS."""

    def __init__(self, port: int) -> None:
        self.headers = {}
        self._port = port
        self._idle = _Idle()

    def connect(self) -> Any:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


def test_requests_share_a_connection_also_after_a_refusal(server: Server) -> None:
    api = PlainApi(server.server_port)
    assert api.get("/one") == {"a": 1}
    with pytest.raises(ApiError):
        api.get("/missing")
    assert api.acting_as("somebody").get("/two") == {"a": 1}
    assert server.connections == 1


def test_a_connection_that_has_ended_is_not_used(server: Server) -> None:
    api = PlainApi(server.server_port)
    api.get("/last")
    # Its end may be on the way still; a request is not sent before it is there.
    (kept,) = api._idle._connections
    kept.sock.recv(1)
    assert api.create("/again", {}) == {"a": 1}
    assert server.connections == 2


def test_no_request_is_sent_twice(server: Server) -> None:
    api = PlainApi(server.server_port)
    api.get("/one")
    with pytest.raises(OSError, match="closed connection"):
        api.request("POST", "/hung-up", {})
    assert server.requests == ["GET /one", "POST /hung-up"]


def test_one_that_is_in_use_is_given_to_nobody_else(server: Server) -> None:
    api = PlainApi(server.server_port)
    api.get("/one")
    in_use = api._idle.take()
    assert in_use is not None
    assert api._idle.take() is None
    assert api.get("/two") == {"a": 1}
    in_use.close()
    assert server.connections == 2
