"""The table process's end of the two pipes to the task: one talks at a time.

The library that reads CSV reads ahead on a thread of its own, whatever it is told about threads. So
what is asked for and its answer are never torn apart, else bytes of a table would be taken for the
parts of rows, or the other way round. And a table that is done with is closed before the task is
told so: what still reads ahead there asks for nothing more, since the task would answer it with
bytes of the next table.
"""

from __future__ import annotations

import io
import threading
from typing import IO, Any

import orjson

from glovebox.tasks.table_frames import (
    BYTES,
    KEYS,
    MOST_AT_ONCE,
    PARTS,
    RANGE,
    frame,
    read_frame,
)


class Line:
    """Frames to the task and from it.

    Args:
        source: What the task sends.
        sink: What it reads.
    """

    def __init__(self, source: IO[bytes], sink: IO[bytes]) -> None:
        self._source, self._sink = source, sink
        self._alone = threading.Lock()
        self._table = 0

    @property
    def table(self) -> int:
        """Which table is asked about, by number."""
        return self._table

    def next_frame(self) -> tuple[bytes, bytes] | None:
        """Return what the task asks next; None when it asks no more."""
        with self._alone:
            return read_frame(self._source.read)

    def send(self, letter: bytes, body: bytes) -> None:
        """Send a frame that nothing answers."""
        with self._alone:
            self._send(letter, body)

    def told(self, hashes: bytes, rows: int) -> bytes:
        """Send the hashes of keys, or moments, of so many rows; return the part of each."""
        with self._alone:
            self._send(KEYS, hashes)
            return self._answer(PARTS, rows)

    def read(self, table: int, first: int, size: int) -> bytes:
        """Return bytes of a table; nothing of one that is done with."""
        with self._alone:
            if table != self._table:
                return b""
            self._send(RANGE, orjson.dumps([first, size]))
            return self._answer(BYTES, size)

    def end_of_table(self) -> None:
        """Let nobody read the table any more."""
        with self._alone:
            self._table += 1

    def _send(self, letter: bytes, body: bytes) -> None:
        self._sink.write(frame(letter, body))
        self._sink.flush()

    def _answer(self, letter: bytes, size: int) -> bytes:
        answer = read_frame(self._source.read)
        if answer is None or answer[0] != letter or len(answer[1]) != size:
            raise SystemExit(1)  # nobody waits any more
        return answer[1]


class AskedFile(io.RawIOBase):
    """A file whose bytes the task sends.

    Args:
        size: In bytes.
        line: To the task.
    """

    def __init__(self, size: int, line: Line) -> None:
        self._size, self._at = size, 0
        self._line, self._table = line, line.table

    def readable(self) -> bool:
        """See `io.RawIOBase`."""
        return True

    def seekable(self) -> bool:
        """See `io.RawIOBase`."""
        return True

    def tell(self) -> int:
        """See `io.RawIOBase`."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """See `io.RawIOBase`."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """See `io.RawIOBase`."""
        wanted = max(0, min(len(buffer), self._size - self._at, MOST_AT_ONCE))
        found = self._line.read(self._table, self._at, wanted) if wanted else b""
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)

    def read(self, size: int = -1) -> bytes:
        """Return that many bytes: whoever reads Parquet takes fewer for a file that is damaged."""
        wanted = self._size - self._at if size < 0 else size
        parts = []
        while wanted > 0 and (part := super().read(min(wanted, MOST_AT_ONCE))):
            parts.append(part)
            wanted -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)
