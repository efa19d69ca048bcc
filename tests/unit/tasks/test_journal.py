"""A journal saves work: what it loses costs work, and what it says is of the version it names."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import pytest

from glovebox.data.manifest import DigestSource, Entry, encode_entry
from glovebox.errors import InvalidInput, Unavailable
from glovebox.store.connection import JobStoppedError, Stop
from glovebox.store.telling import Progress as Counted
from glovebox.tasks.context import Progress
from glovebox.tasks.journal import HashJournal, journaled, progress_of

T = TypeVar("T")
SECONDS = 60.0
AWAY = Unavailable("StoreUnreachable", "the store is away")


def entry(path: str, version: str = "v1") -> Entry:
    return Entry(path, 3, "0" * 64, "data", f"rows/{path}", version, DigestSource.COMPUTED)


@dataclass
class Kept:
    """Segments in memory, and how it fails."""

    segments: list[bytes] = field(default_factory=list)
    error: Exception | None = None
    saved: int = 0

    def load(self) -> Iterator[bytes]:
        yield from self.segments

    def save(self, segment: bytes) -> str:
        if self.error is not None:
            raise self.error
        self.segments.append(segment)
        self.saved += 1
        return f"segment {self.saved}"

    def clear(self) -> None:
        self.segments.clear()


class Journal:
    """A journal of one attempt, with a clock of its own."""

    def __init__(self, kept: Kept) -> None:
        self.now = 0.0
        self.journal = HashJournal(
            kept, every_seconds=SECONDS, clock=lambda: self.now, every_objects=3
        )


def read(kept: Kept, stop: Stop | None = None) -> list[Entry]:
    """Return what the next attempt finds."""
    return list(Journal(kept).journal.entries(stop or Stop()))


def test_what_was_hashed_is_found_by_the_next_attempt_in_the_order_of_the_paths() -> None:
    kept = Kept()
    made = Journal(kept).journal
    hashed = [entry("b"), entry("a", "v2"), entry("ä"), entry("a", "v1"), entry("Z")]
    for each in hashed:
        made.add(each)
    made.flush()
    in_order = [entry("Z"), entry("a", "v1"), entry("a", "v2"), entry("b"), entry("ä")]
    assert read(kept) == in_order


def test_a_segment_is_written_when_so_many_objects_or_so_much_time_are_in_it() -> None:
    kept = Kept()
    made = Journal(kept)
    for number in range(6):
        made.journal.add(entry(str(number)))
        assert kept.saved == (number + 1) // 3
    made.now += SECONDS - 1.0
    made.journal.add(entry("7"))
    assert kept.saved == 2, "not yet"
    made.now += 1.0
    made.journal.add(entry("8"))
    assert (kept.saved, made.journal.place) == (3, "segment 3")
    made.now += SECONDS - 1.0
    made.journal.add(entry("9"))
    assert kept.saved == 3, "the time begins again with each segment"
    assert len(read(kept)) == 8


def test_a_short_task_leaves_nothing_behind() -> None:
    kept = Kept()
    Journal(kept).journal.flush()
    assert (kept.segments, Journal(kept).journal.place) == ([], "")


def segment(*lines: bytes) -> bytes:
    return gzip.compress(b"".join(lines))


@pytest.mark.parametrize(
    "damaged",
    [
        b"no gzip",
        segment(encode_entry(entry("a")))[:-9],
        segment(b"no entry\n"),
        segment(b"half a line"),
        segment(encode_entry(entry("a"))) + b"more",
    ],
    ids=["other bytes", "cut short", "other lines", "half a line", "something behind it"],
)
def test_a_segment_that_is_damaged_costs_its_own_work_alone(damaged: bytes) -> None:
    good = segment(encode_entry(entry("b")))
    found = read(Kept([good, damaged, segment(encode_entry(entry("c")))]))
    assert [each for each in found if each.path != "a"] == [entry("b"), entry("c")]
    assert set(found) <= {entry("a"), entry("b"), entry("c")}, "and makes nothing up"


def test_who_stopped_reads_no_segment_more() -> None:
    stop = Stop()
    stop.set()
    with pytest.raises(JobStoppedError):
        read(Kept([segment(encode_entry(entry("b")))]), stop)


# -- around an attempt


class AtOnce:
    """Runs jobs where they are asked for."""

    async def run(self, call: Callable[[], T]) -> T:
        return call()

    async def run_job(self, job: Callable[[Stop], T], stop: Stop) -> T:
        return job(stop)


STORE = cast("Any", AtOnce())


async def attempt(made: HashJournal, error: Exception | None) -> str:
    for number in range(4):
        made.add(entry(str(number)))
    if error is not None:
        raise error
    return "done"


async def test_a_task_that_is_done_leaves_no_segment() -> None:
    kept = Kept()
    made = Journal(kept).journal
    assert await journaled(STORE, made, attempt(made, None)) == "done"
    assert (kept.saved, kept.segments) == (1, [])


async def test_a_task_that_fails_leaves_all_that_it_hashed() -> None:
    kept = Kept()
    made = Journal(kept).journal
    with pytest.raises(InvalidInput, match="it is broken"):
        await journaled(STORE, made, attempt(made, InvalidInput("Broken", "it is broken")))
    assert read(kept) == [entry(str(number)) for number in range(4)]


async def test_why_a_task_failed_is_said_also_where_nothing_more_can_be_kept() -> None:
    kept = Kept(error=AWAY)
    made = HashJournal(kept, every_seconds=SECONDS)
    with pytest.raises(InvalidInput, match="it is broken"):
        await journaled(STORE, made, attempt(made, InvalidInput("Broken", "it is broken")))


@pytest.mark.parametrize(
    ("counted", "progress"),
    [
        (Counted(listed=9, listed_bytes=90), Progress(phase="Listing")),
        (
            Counted(2, 20, listed=9, listed_bytes=90, read_bytes=35),
            Progress(2, 9, 20, 90, 35, phase="Hashing"),
        ),
        (Counted(2, 20), Progress(2, None, 20, None, phase="Hashing")),
        # What was hashed before a listing that is shorter now.
        (Counted(9, 90, listed=2, listed_bytes=20), Progress(9, 9, 90, 90, phase="Hashing")),
    ],
    ids=["listing", "hashing", "without a listing", "more than is listed"],
)
def test_how_far_a_task_is(counted: Counted, progress: Progress) -> None:
    made = Journal(Kept()).journal
    assert progress_of(counted, made, "Hashing") == progress
    made.add(entry("a"))
    made.flush()
    assert progress_of(counted, made, "Hashing").checkpoint == "segment 1"
