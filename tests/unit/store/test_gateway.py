"""What stands in front of a store answers 404 as well: nothing is told as missing by its word."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.credentials import Credentials

from glovebox.data.manifest import DigestSource
from glovebox.errors import GloveboxError, InvalidInput, Unavailable
from glovebox.store.connection import Stop
from glovebox.store.errors import translated
from glovebox.store.listing import head_current, head_version
from glovebox.store.reading import digest_version
from glovebox.store.wire import Wire

Answer = tuple[int, bytes]
THERE: Answer = (200, b"rows")
PAGE: Answer = (404, b"<html><body>no such site</body></html>")


def says(status: int, code: str) -> Answer:
    return status, f"<Error><Code>{code}</Code></Error>".encode()


@contextlib.contextmanager
def answering(answers: dict[str, Answer]) -> Iterator[tuple[Wire, list[str]]]:
    """Serve one answer for each method; yield the wire to it, and the methods that were asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            asked.append(self.command)
            status, body = answers[self.command]
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("x-amz-version-id", "v1")
            self.end_headers()
            if self.command != "HEAD":
                with contextlib.suppress(OSError):  # it was closed unread
                    self.wfile.write(body)

        do_GET = do_HEAD = _serve  # noqa: N815 - the names that the server calls

        def log_message(self, *args: object) -> None:
            del args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        keys = Credentials("key", "secret")
        yield Wire(endpoint, "us-east-1", path_style=True, credentials=lambda: keys), asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def version(wire: Wire) -> object:
    return head_version(wire, "data", "a", "v1")


def current(wire: Wire) -> object:
    return head_current(wire, "data", "a")


def read(wire: Wire) -> object:
    how: Any = {
        "minimum": DigestSource.COMPUTED,
        "stop": Stop(),
        "hashing": contextlib.nullcontext(),
    }
    return digest_version(wire, "data", "a", "v1", **how).size


@pytest.mark.parametrize("look", [version, current])
def test_what_is_there_costs_one_request(look: Callable[[Wire], object]) -> None:
    with answering({"HEAD": THERE, "GET": THERE}) as (wire, asked):
        assert look(wire) is not None
    assert asked == ["HEAD"]


@pytest.mark.parametrize(
    ("look", "head", "get"),
    [
        (current, 404, says(404, "NoSuchKey")),
        (version, 404, says(404, "NoSuchVersion")),
        pytest.param(version, 400, says(400, "InvalidArgument"), id="an id of a foreign shape"),
        pytest.param(version, 405, says(405, "MethodNotAllowed"), id="a delete marker"),
    ],
)
def test_what_the_store_says_in_words_is_missing(
    look: Callable[[Wire], object], head: int, get: Answer
) -> None:
    with answering({"HEAD": (head, b""), "GET": get}) as (wire, asked):
        assert look(wire) is None
    assert asked == ["HEAD", "GET"]


@pytest.mark.parametrize("look", [version, current])
@pytest.mark.parametrize("head", [400, 404, 405])
@pytest.mark.parametrize(
    "get",
    [
        pytest.param(PAGE, id="a page"),
        pytest.param((404, b""), id="nothing"),
        pytest.param(THERE, id="the object, which is there after all"),
        pytest.param((502, b"<html>bad gateway</html>"), id="bad gateway"),
    ],
)
def test_what_a_gateway_says_is_no_answer(
    look: Callable[[Wire], object], head: int, get: Answer
) -> None:
    with (
        answering({"HEAD": (head, b""), "GET": get}) as (wire, _),
        pytest.raises(Unavailable),
        translated("look for it"),
    ):
        look(wire)


@pytest.mark.parametrize(
    ("get", "expected"),
    [
        (says(404, "NoSuchVersion"), InvalidInput),
        (PAGE, Unavailable),
        ((404, b""), Unavailable),
    ],
)
def test_a_read_is_judged_likewise(get: Answer, expected: type[GloveboxError]) -> None:
    with answering({"GET": get}) as (wire, asked), pytest.raises(expected):
        read(wire)
    assert set(asked) == {"GET"}
