"""What the process that reads tables asks is answered to whoever asked, and to nobody else."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import IO

import orjson
import pytest

from glovebox.store.connection import Stop
from glovebox.tasks.table_frames import ASK, BYTES, KEYS, PARTS, RANGE, frame, read_frame
from glovebox.tasks.table_line import AskedFile, Line
from glovebox.tasks.table_process import TableFile, TableProcess

ROUNDS = 2000


class Task:
    """The other end of the line: it answers, and notes what it was asked."""

    def __init__(self) -> None:
        (mine, theirs), (answers, mine_out) = os.pipe(), os.pipe()
        self.asked: list[tuple[bytes, bytes]] = []
        self.files: list[IO[bytes]] = [os.fdopen(fd, "rb") for fd in (mine, answers)]
        self.sinks: list[IO[bytes]] = [os.fdopen(fd, "wb") for fd in (theirs, mine_out)]
        self.line = Line(self.files[1], self.sinks[0])
        self._answering = threading.Thread(target=self._answer)
        self._answering.start()

    def _answer(self) -> None:
        while (said := read_frame(self.files[0].read)) is not None:
            letter, body = said
            self.asked.append(said)
            if letter == RANGE:
                first, size = orjson.loads(body)
                answer = frame(BYTES, bytes([first % 251]) * size)
            elif letter == KEYS:
                answer = frame(PARTS, body)
            else:
                answer = frame(ASK, b"next")
            self.sinks[1].write(answer)
            self.sinks[1].flush()

    def end(self) -> None:
        self.sinks[0].close()
        self._answering.join()
        for each in (*self.files, self.sinks[1]):
            each.close()


@pytest.fixture
def task() -> Iterator[Task]:
    found = Task()
    yield found
    found.end()


def test_a_thread_that_reads_ahead_gets_its_bytes_and_no_parts_of_rows(task: Task) -> None:
    wrong: list[object] = []

    def read_ahead() -> None:
        file = AskedFile(ROUNDS, task.line)
        for at in range(ROUNDS):
            try:
                found = file.read(1)
            except SystemExit as error:
                found = repr(error).encode()
            if found != bytes([at % 251]):
                wrong.append((at, found))
                return

    reading = threading.Thread(target=read_ahead)
    reading.start()
    for at in range(ROUNDS):
        rows = bytes([at % 3]) * 5
        assert task.line.told(rows, 5) == rows
    reading.join()
    assert not wrong


def test_what_still_reads_ahead_in_a_table_that_is_done_with_asks_for_nothing(task: Task) -> None:
    file = AskedFile(100, task.line)
    assert file.read(4) == bytes(4)
    task.line.end_of_table()
    assert file.read(4) == b""
    assert AskedFile(100, task.line).read(2) == bytes(2)
    assert task.asked == [(RANGE, b"[0,4]"), (RANGE, b"[0,2]")]


def test_a_wrong_answer_ends_the_process(task: Task) -> None:
    with pytest.raises(SystemExit):
        task.line.told(b"1234", 5)


def lines(first: int) -> bytes:
    rows = (b"%d,%s\n" % (at, b"x" * 500) for at in range(first, first + 12_000))
    return b"flight,note\n" + b"".join(rows)


def file_of(body: bytes, path: str) -> TableFile:
    def read(first: int, size: int) -> bytes:
        assert first + size <= len(body), "these bytes are asked of another table"
        return body[first : first + size]

    return TableFile(path, len(body), read)


def test_the_next_table_is_read_while_the_former_one_is_not_at_its_end() -> None:
    large, small = lines(0), b"flight\n7\n"
    with TableProcess(Stop()) as process:
        for _ in range(5):
            assert process.kinds(file_of(large, "a.csv"), ("flight",)) == ("Plain",)
            (found,) = process.keys(file_of(small, "b.csv"), ("flight",), ("Text",))
            assert len(found) == 16
