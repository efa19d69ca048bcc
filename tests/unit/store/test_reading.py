"""Bytes of one version become a digest: what is compared, what is tried again, what is given up."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
import urllib3

from glovebox.data.manifest import DigestSource
from glovebox.errors import GloveboxError, InvalidInput, Unavailable
from glovebox.store.connection import JobStoppedError, Stop
from glovebox.store.reading import Hashed, digest_version, in_order

BODY = b"rows of a table"
SHA256 = hashlib.sha256(BODY).hexdigest()
CUT: Any = urllib3.exceptions.ProtocolError("the connection broke")


@dataclass
class Response:
    """An answer with the pieces that arrive; one that is an error is raised in its place."""

    pieces: Sequence[bytes | Exception] = (BODY[:4], BODY[4:])
    headers: dict[str, str] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)

    def stream(self, size: int, *, decode_content: bool) -> Iterator[bytes]:
        assert (size, decode_content) == (1 << 20, False)
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    def close(self) -> None:
        self.ended.append("closed")

    def release_conn(self) -> None:
        self.ended.append("released")


@dataclass
class Answering:
    """A wire that gives one answer after the other, and the headers that a HEAD shows."""

    answers: Sequence[Response | Exception]
    shown: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def get(self, bucket: str, key: str, query: dict[str, str]) -> Response:
        assert (bucket, key, query) == ("data", "a", {"versionId": "v1"})
        self.asked.append("GET")
        answer = self.answers[self.asked.count("GET") - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def head(
        self, bucket: str, key: str, query: dict[str, str], headers: dict[str, str]
    ) -> dict[str, str]:
        assert (bucket, key, query) == ("data", "a", {"versionId": "v1"})
        assert headers == {"x-amz-checksum-mode": "ENABLED"}
        self.asked.append("HEAD")
        return self.shown


def read(
    wire: Answering,
    minimum: DigestSource = DigestSource.COMPUTED,
    stop: Stop | None = None,
    **options: Any,
) -> Hashed:
    return digest_version(
        cast("Any", wire),
        "data",
        "a",
        "v1",
        minimum=minimum,
        stop=stop or Stop(),
        hashing=contextlib.nullcontext(),
        **options,
    )


def test_what_arrives_is_hashed_and_counted_and_its_connection_is_used_again() -> None:
    answer, sizes = Response(), list[int]()
    assert read(Answering([answer]), on_bytes=sizes.append) == Hashed(
        SHA256, len(BODY), DigestSource.COMPUTED
    )
    assert (answer.ended, sizes) == (["released"], [4, len(BODY) - 4])


def full(raw: bytes = hashlib.sha256(BODY).digest(), kind: str = "") -> dict[str, str]:
    shown = {"x-amz-checksum-sha256": base64.b64encode(raw).decode()}
    return shown | ({"x-amz-checksum-type": kind} if kind else {})


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(full(), id="of no kind"),
        pytest.param(full(kind="FULL_OBJECT"), id="of the whole"),
    ],
)
def test_the_store_s_own_digest_is_taken_where_it_suffices_and_nothing_is_read(
    shown: dict[str, str],
) -> None:
    for minimum in (DigestSource.S3_FULL, DigestSource.DECLARED):
        wire = Answering([], shown | {"Content-Length": "15"})
        assert read(wire, minimum) == Hashed(SHA256, 15, DigestSource.S3_FULL)
        assert wire.asked == ["HEAD"]
    assert read(Answering([], shown), DigestSource.S3_FULL).size == 0
    wire = Answering([Response()], shown)
    assert read(wire).source == DigestSource.COMPUTED, "it does not suffice"
    assert wire.asked == ["GET"]


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param({}, id="none"),
        pytest.param({"x-amz-checksum-sha256": ""}, id="empty"),
        pytest.param({"x-amz-checksum-sha256": full()["x-amz-checksum-sha256"] + "-3"}, id="parts"),
        pytest.param(full(kind="COMPOSITE"), id="composite"),
        pytest.param({"x-amz-checksum-sha256": "?" * 44}, id="no base64"),
        pytest.param(full(b"x" * 31), id="too short"),
        pytest.param(full(b"x" * 64), id="too long"),
    ],
)
def test_what_is_no_digest_of_the_bytes_is_not_taken_for_one(shown: dict[str, str]) -> None:
    wire = Answering([Response()], shown)
    assert read(wire, DigestSource.S3_FULL) == Hashed(SHA256, len(BODY), DigestSource.COMPUTED)
    assert wire.asked == ["HEAD", "GET"]


TIMED_OUT = urllib3.exceptions.ReadTimeoutError(cast("Any", None), "", "nothing came")


@pytest.mark.parametrize("broken", [CUT, TIMED_OUT], ids=["cut", "silent"])
def test_a_read_that_breaks_is_hashed_from_its_start_again(broken: Exception) -> None:
    torn = Response((BODY[:7], broken))
    assert read(Answering([torn, torn, Response()])).sha256 == SHA256
    assert torn.ended == ["closed", "closed"]


def test_a_read_that_breaks_three_times_is_given_up() -> None:
    wire = Answering([Response((CUT,))] * 3)
    with pytest.raises(Unavailable):
        read(wire)
    assert wire.asked == ["GET"] * 3


@pytest.mark.parametrize("length", [14, 16])
def test_other_than_the_announced_number_of_bytes_is_no_version(length: int) -> None:
    answer = Response(headers={"Content-Length": str(length)})
    with pytest.raises(Unavailable, match=f"15 of {length} bytes"):
        read(Answering([answer]))
    whole = Response(headers={"Content-Length": "15"})
    assert read(Answering([whole])).size == 15


def test_another_version_than_the_one_asked_for_is_refused_before_its_bytes_are_read() -> None:
    answer = Response((CUT,), {"x-amz-version-id": "v2"})
    with pytest.raises(InvalidInput, match="asked for version v1") as refused:
        read(Answering([answer]))
    assert (refused.value.reason, answer.ended) == ("VersionIgnored", ["closed"])
    named = Response(headers={"x-amz-version-id": "v1"})
    assert read(Answering([named])).sha256 == SHA256


def test_who_stopped_asks_for_nothing_and_in_the_midst_of_the_bytes_leaves_the_rest() -> None:
    stop = Stop()
    wire = Answering([answer := Response()])
    with pytest.raises(JobStoppedError):
        read(wire, stop=stop, on_bytes=lambda _: stop.set())
    assert set(answer.ended) == {"closed"}, "not used again: bytes of it are still on their way"
    with pytest.raises(JobStoppedError):
        read(wire, stop=stop)
    assert wire.asked == ["GET"]


# -- many at once


@dataclass
class Pool:
    """A pool whose work is done when its result is asked for, and what began."""

    begun: int = 0

    def submit_read(self, call: Callable[[], int]) -> Future[int]:
        self.begun += 1

        class Later(Future[int]):
            def result(self, timeout: float | None = None) -> int:
                del timeout
                return call()

        return Later()


def ordered(
    pool: Pool, items: Iterator[int], stop: Stop, work: Callable[[int], int] = lambda item: -item
) -> Iterator[tuple[int, int]]:
    return in_order(cast("Any", pool), work, items, stop, window=3)


def test_results_come_in_order_and_so_many_are_under_way_and_no_more() -> None:
    pool, found = Pool(), list[tuple[int, int]]()
    for pair in ordered(pool, iter(range(7)), Stop()):
        found.append(pair)
        assert pool.begun == min(7, len(found) + 2), "bounded, and never one after the other"
    assert found == [(item, -item) for item in range(7)]


@pytest.mark.parametrize("failing", [0, 6], ids=["the first", "the last"])
def test_the_first_error_ends_it_and_stops_what_is_under_way(failing: int) -> None:
    def work(item: int) -> int:
        if item == failing:
            raise InvalidInput("Broken", "it is")
        return item

    stop = Stop()
    with pytest.raises(GloveboxError, match="it is"):
        list(ordered(Pool(), iter(range(7)), stop, work))
    assert stop.is_set()


def test_nothing_more_begins_once_nobody_waits() -> None:
    stop, pool = Stop(), Pool()
    running = ordered(pool, iter(range(7)), stop)
    next(running)
    stop.set()
    with pytest.raises(JobStoppedError):
        next(running)
    assert pool.begun == 3
