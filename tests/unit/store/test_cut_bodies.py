"""A store, or what is in front of it, cuts bodies: half of one is never taken for all of it."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import socketserver
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from glovebox.data.manifest import DigestSource, Entry
from glovebox.errors import GloveboxError, Unavailable
from glovebox.store.connection import Credentials, Stop, Store, Stores, StoreSettings
from glovebox.store.errors import translated
from glovebox.store.ledger_objects import (
    LedgerPlace,
    hash_version,
    read_beginning,
    read_version,
)
from glovebox.store.listing import list_versions
from glovebox.store.manifests import object_chunks
from glovebox.store.ranges import read_range
from glovebox.store.reading import digest_version

BODY = bytes(range(256)) * 64
KEYS = Credentials("key", "secret")
ROW = (
    "<Version><Key>k{0:04}</Key><VersionId>v1</VersionId><IsLatest>true</IsLatest><Size>1</Size>"
    '<ETag>"e"</ETag><LastModified>2026-01-01T00:00:00.000Z</LastModified></Version>'
)
LIST = (
    "<ListVersionsResult><IsTruncated>false</IsTruncated>"
    + "".join(ROW.format(number) for number in range(200))
    + "</ListVersionsResult>"
).encode()
CURRENT = (
    "<ListBucketResult><IsTruncated>false</IsTruncated>"
    + "".join(f"<Contents><Key>k{number:04}</Key></Contents>" for number in range(200))
    + "</ListBucketResult>"
).encode()
PAGE = b"<html><head><title>Maintenance</title></head><body><p>Back soon</p></body></html>"
Framing = Callable[[bytes, bytes], bytes]


def with_length(whole: bytes, sent: bytes) -> bytes:
    return b"Content-Length: %d\r\n\r\n%b" % (len(whole), sent)


def in_chunks(whole: bytes, sent: bytes) -> bytes:
    pieces = [sent[at : at + 1000] for at in range(0, len(sent), 1000)]
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    end = b"0\r\n\r\n" if sent == whole else b""
    return b"Transfer-Encoding: chunked\r\n\r\n" + body + end


def until_it_closes(whole: bytes, sent: bytes) -> bytes:
    del whole
    return b"\r\n" + sent


FRAMINGS = [
    pytest.param(with_length, id="with its length"),
    pytest.param(in_chunks, id="in chunks"),
]


@contextlib.contextmanager
def cutting(
    framing: Framing, *, cuts: int = 0, page: bytes = b""
) -> Iterator[tuple[Store, list[int]]]:
    """Serve one object and one list, or a page in its place; some answers end in the middle."""
    left, asked = itertools.count(cuts, -1), [0]

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            line = self.rfile.readline().split()
            sought = b""
            while (header := self.rfile.readline()) not in {b"\r\n", b""}:
                if header.lower().startswith(b"range: bytes="):
                    sought = header.split(b"=")[1].strip()
            asked[0] += 1
            query = line[1].partition(b"?")[2]
            lists = {b"versions": LIST, b"list-type": CURRENT}
            whole = next((each for name, each in lists.items() if name in query), BODY)
            if page and whole is not BODY:
                whole = page
            more = b""
            if sought:
                first, last = map(int, sought.split(b"-"))
                whole = whole[first : last + 1]
                more = b"Content-Range: bytes %d-%d/%d\r\n" % (first, last, len(BODY))
            sent = whole[: len(whole) // 2] if next(left) > 0 else whole
            status = b"206 Partial Content" if sought else b"200 OK"
            head = b"HTTP/1.1 %b\r\nx-amz-version-id: v1\r\nConnection: close\r\n%b"
            with contextlib.suppress(OSError):
                self.wfile.write(head % (status, more) + framing(whole, sent))

    socketserver.ThreadingTCPServer.daemon_threads = True
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        yield Stores(threads=2).open(StoreSettings(endpoint, credentials=KEYS)), asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def place(store: Store) -> LedgerPlace:
    return LedgerPlace(store, "data", lambda _: None)


def digest(store: Store) -> object:
    how: Any = {"minimum": DigestSource.COMPUTED, "hashing": contextlib.nullcontext()}
    return digest_version(store.wire, "data", "a", "v1", stop=Stop(), **how).sha256


def document(store: Store) -> object:
    return b"".join(object_chunks(store, "data", "a", "v1", Stop()))


def part(store: Store) -> object:
    sha256 = hashlib.sha256(BODY).hexdigest()
    entry = Entry("a", len(BODY), sha256, "data", "a", "v1", DigestSource.COMPUTED)
    return read_range(store.wire, entry, 100, 5000)


def listed(store: Store) -> object:
    with translated("list"):
        return [row.key for row in list_versions(store.wire, "data", "", Stop())]


def of_ledger(store: Store) -> object:
    return read_version(place(store), "a", "v1").body


def beginning(store: Store) -> object:
    return read_beginning(place(store), "a", "v1", len(BODY) + 1)


def hashed(store: Store) -> object:
    return hash_version(place(store), "a", "v1", Stop())[0]


SHA256 = hashlib.sha256(BODY).hexdigest()
READS = [
    pytest.param(digest, SHA256, id="digest for a pin or a seal"),
    pytest.param(document, BODY, id="manifest, statement or list"),
    pytest.param(part, BODY[100:5100], id="part of a table"),
    pytest.param(listed, [f"k{number:04}" for number in range(200)], id="list of versions"),
    pytest.param(of_ledger, BODY, id="object of a ledger"),
    pytest.param(beginning, BODY, id="beginning of one"),
    pytest.param(hashed, SHA256, id="digest for a ledger"),
]
Read = Callable[[Store], object]


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize(("read", "whole"), READS)
def test_half_of_a_body_is_an_error_that_passes(
    read: Read, whole: object, framing: Framing
) -> None:
    with cutting(framing, cuts=1000) as (store, _), pytest.raises(Unavailable):
        read(store)
    with cutting(framing, cuts=0) as (store, _):
        assert read(store) == whole


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize(("read", "whole"), [READS[0], READS[2]])
def test_what_is_long_is_read_again_by_itself(read: Read, whole: object, framing: Framing) -> None:
    with cutting(framing, cuts=2) as (store, asked):
        assert read(store) == whole
    assert asked == [3]


@pytest.mark.parametrize(("read", "whole"), [each for each in READS if each.id != READS[3].id])
def test_an_object_that_does_not_say_where_it_ends_is_not_read(read: Read, whole: object) -> None:
    del whole
    for cuts in (0, 1000):
        with (
            cutting(until_it_closes, cuts=cuts) as (store, _),
            pytest.raises(GloveboxError) as error,
        ):
            read(store)
        assert isinstance(error.value, Unavailable)


def test_a_list_that_does_not_say_where_it_ends_ends_with_its_root() -> None:
    with cutting(until_it_closes, cuts=0) as (store, _):
        assert listed(store) == READS[3].values[1]
    with cutting(until_it_closes, cuts=1) as (store, _), pytest.raises(Unavailable):
        listed(store)


def test_a_page_of_a_gateway_is_no_empty_list() -> None:
    with (
        cutting(with_length, page=PAGE) as (store, _),
        pytest.raises(Unavailable, match="not the store"),
    ):
        listed(store)
