"""What pins and stores say of an access log."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.api import conditions as types
from glovebox.data.log_state import LogState
from glovebox.data.unusual_reads import Finding, Reads
from glovebox.status.reads import doubt_of, reads_of

NOW = datetime(2026, 11, 28, tzinfo=UTC)
SECONDS = int(NOW.timestamp())


def reads(*found: Finding, **more: Any) -> Reads:
    return Reads(findings={(each.kind, each.requester): each for each in found}, **more)


def finding(reader: Any, requester: str, **more: Any) -> Finding:
    return Finding(
        "NotAnInput", reader, requester, **({"requests": 1, "first": 1, "last": SECONDS} | more)
    )


@pytest.mark.parametrize(
    ("why", "one", "is_told"),
    [
        ("whoever is named by now", finding("Identity", "backup"), False),
        ("a session of a role that is", finding("Identity", "backup/1"), False),
        ("whose name begins so", finding("Identity", "backup2"), True),
        ("a run of a namespace of that name", finding("Run", "backup/baseline"), True),
        ("a run elsewhere", finding("RunElsewhere", ""), True),
    ],
)
def test_readers_are_told_no_more_and_nobody_is_taken_for_one(
    why: str, one: Finding, *, is_told: bool
) -> None:
    told = reads_of(reads(one), ["backup"], NOW)
    assert (told is not None) == is_told, why


def test_numbers_that_the_api_server_would_not_take_are_cut() -> None:
    most = (1 << 63) - 1
    one = finding("Identity", "someone", requests=1 << 70, bytes=1 << 70)
    told = reads_of(reads(one, requests=1 << 70, bytes=1 << 70), [], NOW)
    assert told is not None
    numbers = [told["requests"], told["bytes"]]
    numbers += [told["unusual"][0][name] for name in ("requests", "bytes")]
    assert numbers == [most] * 4


def read(good: int = 0, bad: int = 0) -> LogState:
    state = LogState()
    for n in range(good + bad):
        state.count_line(is_parsed=n < good)
    return state


@pytest.mark.parametrize(
    ("why", "state", "is_through", "answer"),
    [
        ("a log", read(good=1), True, None),
        ("nothing", read(), True, types.UNKNOWN),
        ("little that is none", read(bad=3), True, types.UNKNOWN),
        ("what is no log", read(bad=30), True, types.FALSE),
        ("the beginning of a log", read(good=5), False, types.UNKNOWN),
        ("the beginning of what is none", read(bad=30), False, types.FALSE),
    ],
)
def test_silence_is_believed_of_a_log_that_was_read(
    why: str, state: LogState, *, is_through: bool, answer: str | None
) -> None:
    found = doubt_of(state, "s3://logs/", is_through=is_through)
    assert (found.answer if found else None) == answer, why
    assert found is None or found.of_pins
