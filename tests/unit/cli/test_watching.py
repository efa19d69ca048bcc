"""How far a verification is: shown of long ones, on a terminal, and told whole."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from glovebox.cli.watching import LONG_BYTES, LONG_VERSIONS, Bar, watching
from glovebox.jobs.verifying import Watcher
from support.ledger_stores import stand_in
from unit.tasks.test_evidence_attacked import PREFIX, Bucket


def bar() -> tuple[Bar, io.StringIO]:
    written = io.StringIO()
    return Bar(Console(file=written, force_terminal=True, width=100)), written


class Counting(Watcher):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.expected: tuple[int, int] | None = None
        self.versions = self.bytes = 0

    def begin(self, versions: int, size: int) -> None:
        self.expected = (versions, size)

    def looked_at(self) -> None:
        self.versions += 1

    def read(self, size: int) -> None:
        self.bytes += size


def test_bytes_are_counted_where_they_are_read_and_nothing_stays_of_the_bar() -> None:
    made, written = bar()
    made.begin(3, 4 * LONG_BYTES)
    made.read(LONG_BYTES)
    made.looked_at()
    assert made.progress is not None
    (task,) = made.progress.tasks
    assert (task.completed, task.total) == (LONG_BYTES, 4 * LONG_BYTES)
    made.end()
    assert "Reading artifacts" in written.getvalue()
    # Its line is erased at the end.
    assert written.getvalue().endswith("\x1b[1A\x1b[2K")


def test_versions_are_counted_where_no_bytes_are_read() -> None:
    made, written = bar()
    made.begin(LONG_VERSIONS, 0)
    made.looked_at()
    made.read(7)
    assert made.progress is not None
    assert made.progress.tasks[0].completed == 1
    made.end()
    assert "Looking at versions" in written.getvalue()


def test_of_what_is_short_nothing_is_drawn() -> None:
    made, written = bar()
    made.begin(LONG_VERSIONS - 1, LONG_BYTES - 1)
    made.looked_at()
    made.read(1)
    made.end()
    assert written.getvalue() == ""


class _Stream(io.StringIO):
    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


@pytest.mark.parametrize("is_terminal", [True, False])
def test_only_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool) -> None:
    stream = _Stream(is_terminal=is_terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    # As CI sets it: colours in a log, and still no bar.
    monkeypatch.setenv("FORCE_COLOR", "1")
    with watching(is_plain=True) as watcher:
        watcher.begin(LONG_VERSIONS, 0)
        watcher.looked_at()
    assert ("Looking at versions" in stream.getvalue()) is is_terminal


@pytest.mark.parametrize(
    ("options", "bytes_read"),
    [
        pytest.param({}, 12, id="every byte is read"),
        pytest.param({"read_bytes": False}, 0, id="locks alone are looked at"),
    ],
)
def test_a_verification_tells_of_every_version_and_byte_and_of_how_many_there_are(
    options: dict[str, Any], bytes_read: int
) -> None:
    bucket = Bucket(*stand_in(lambda: datetime(2026, 11, 27, tzinfo=UTC)))
    bucket.put(f"{PREFIX}model.bin", b"weights")
    bucket.put(f"{PREFIX}notes", b"notes")
    bucket.seal()
    told = Counting()
    assert bucket.verify(watcher=told, **options).report.findings == []
    assert told.expected == (2, bytes_read)
    assert (told.versions, told.bytes) == (2, bytes_read)
