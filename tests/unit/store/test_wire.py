"""Requests of our own go as the SDK's do: through the same proxy, by the same authorities."""

from __future__ import annotations

import contextlib
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
import urllib3

from glovebox.store.answers import AnswerError
from glovebox.store.connection import Credentials, Stores, StoreSettings
from glovebox_local.certificates import Authority
from support.connect_proxy import connecting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from glovebox.store.connection import Store

KEYS = Credentials("key", "secret")


@contextlib.contextmanager
def listening(tls: ssl.SSLContext | None = None) -> Iterator[tuple[int, list[str]]]:
    """Answer each GET with nothing; yield the port, and what was asked for in the first lines."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            asked.append(self.headers.get("Proxy-Authorization", ""))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            del args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1], asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def opened(endpoint: str) -> Store:
    return Stores(threads=2).open(StoreSettings(endpoint, credentials=KEYS))


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "no_proxy", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_a_proxy_of_the_environment_is_used_and_told_who_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with listening() as (port, asked):
        monkeypatch.setenv("http_proxy", f"http://me:word@127.0.0.1:{port}")
        opened("http://store.invalid").wire.get("data", "a", {}).drain_conn()
    assert asked == ["http://store.invalid/data/a", "Basic bWU6d29yZA=="]


@pytest.mark.parametrize("key", ["a/../b", "./a", "a//b", "..", "a/."])
def test_a_key_is_asked_for_as_it_is_called(key: str) -> None:
    """Another path than the signed one is refused by the store, or is another object."""
    with listening() as (port, asked):
        opened(f"http://127.0.0.1:{port}").wire.get("data", key, {"versionId": "v"}).drain_conn()
    assert asked[0] == f"/data/{key}?versionId=v"


def test_no_proxy_is_used_for_what_the_environment_excepts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with listening() as (port, asked):
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        opened(f"http://127.0.0.1:{port}").wire.get("data", "a", {}).drain_conn()
    assert asked == ["/data/a", ""]


def test_a_store_that_is_to_be_reached_directly_is_not_asked_through_the_environment_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`noProxy` of the ObjectStore: an empty proxy is said, and is not the absence of one."""
    with listening() as (port, asked):
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        endpoint = f"http://127.0.0.1:{port}"
        settings = StoreSettings(endpoint, credentials=KEYS, proxy="")
        Stores(threads=2).open(settings).wire.get("data", "a", {}).drain_conn()
    assert asked == ["/data/a", ""]


@pytest.mark.parametrize("name", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_an_authority_of_the_environment_is_trusted(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = Authority.create("tests")
    ca, _ = authority.write(tmp_path, "ca")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue_server("s", ["127.0.0.1"]).write(tmp_path, "s"))
    with listening(context) as (port, asked):
        endpoint = f"https://127.0.0.1:{port}"
        with pytest.raises(Exception, match="CERTIFICATE_VERIFY_FAILED"):
            opened(endpoint).wire.get("data", "a", {})
        monkeypatch.setenv(name, str(ca))
        opened(endpoint).wire.get("data", "a", {}).drain_conn()
    assert asked == ["/data/a", ""]


class _Waiting(BaseHTTPRequestHandler):
    """Answers with less than it announces, or without a length, and waits for who asks to go."""

    protocol_version = "HTTP/1.1"
    status, announced, sent = 200, 0, 0
    gone: threading.Event

    def do_GET(self) -> None:
        self.send_response(self.status)
        if self.announced:
            self.send_header("Content-Length", str(self.announced))
        self.end_headers()
        self.wfile.write(b"x" * self.sent)
        with contextlib.suppress(OSError):
            if self.rfile.read(1) == b"":
                self.gone.set()

    def log_message(self, *args: object) -> None:
        del args


@contextlib.contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "announced", "sent"),
    [
        pytest.param(200, 0, 1, id="an object without a length"),
        # No more is read of what a front may say for ever.
        pytest.param(403, 1 << 30, 65_536, id="a long refusal"),
    ],
)
def test_what_is_not_read_to_its_end_ends_its_connection(
    status: int, announced: int, sent: int
) -> None:
    gone = threading.Event()
    answers = {"status": status, "announced": announced, "sent": sent, "gone": gone}
    with serving(type("Handler", (_Waiting,), answers)) as port:
        # Who keeps the error keeps the answer: it is not the collector that ends it.
        with pytest.raises((urllib3.exceptions.ProtocolError, AnswerError)) as kept:
            opened(f"http://127.0.0.1:{port}").wire.get("data", "a", {})
        assert gone.wait(30), kept


def test_heads_follow_each_other_on_one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is signed, and asks for what its caller wants to know."""
    connections: list[object] = []
    modes: list[str] = []
    signed: list[str] = []

    class Heads(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            connections.append(self.client_address)
            super().setup()

        def do_HEAD(self) -> None:
            modes.append(self.headers.get("x-amz-checksum-mode", ""))
            signed.append(self.headers.get("Authorization", "").partition("/")[0])
            self.send_response(200)
            self.send_header("Content-Length", "7")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            del args

    with serving(Heads) as port:
        wire = opened(f"http://127.0.0.1:{port}").wire
        found: list[object] = []
        find = wire._find_credentials

        def finding() -> object:
            found.append(1)
            return find()

        monkeypatch.setattr(wire, "_find_credentials", finding)
        asked = {"x-amz-checksum-mode": "ENABLED"}
        for headers in (None, asked, None):
            assert wire.head("data", "a", {}, headers)["Content-Length"] == "7"
        assert len(connections) == 1
        assert modes == ["", "ENABLED", ""]
        assert signed == ["AWS4-HMAC-SHA256 Credential=key"] * 3
        assert found == [1], "credentials renew themselves"


def test_a_key_is_asked_for_as_it_is_called_through_a_proxy(tmp_path: Path) -> None:
    authority = Authority.create("tests")
    ca, _ = authority.write(tmp_path, "ca")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue_server("s", ["store.invalid"]).write(tmp_path, "s"))
    with (
        listening(context) as (port, asked),
        connecting({"store.invalid:443": ("127.0.0.1", port)}) as proxy,
    ):
        settings = StoreSettings(
            "https://store.invalid", credentials=KEYS, ca_bundle=ca.read_text(), proxy=proxy.url
        )
        Stores(threads=2).open(settings).wire.get("data", "a/../b", {}).drain_conn()
    assert asked[0] == "/data/a/../b"
    assert proxy.asked == ["CONNECT store.invalid:443"]
