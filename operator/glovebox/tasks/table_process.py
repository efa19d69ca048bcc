"""The task's side of the process that reads tables: see `table_program`.

It is asked about one table after the other. When it dies over one, that table is what could not be
read: nothing that its owner wrote ends the task's own process.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self, cast

import orjson
from pydantic import TypeAdapter, ValidationError

from glovebox.api import reasons
from glovebox.data.contract_found import FileSeen
from glovebox.data.row_keys import Kind
from glovebox.data.statistics import Counted
from glovebox.data.table_errors import TableError
from glovebox.errors import InvalidInput, Unavailable, UnfitData
from glovebox.store.connection import Stop
from glovebox.tasks.table_frames import (
    ASK,
    BYTES,
    DONE,
    ERROR,
    KEYS,
    PARTS,
    RANGE,
    REFUSED,
    STATE,
    WRITTEN,
    frame,
    read_frame,
)
from glovebox.tasks.table_program import NO_LIBRARY

# -I: nothing of the environment or the working directory is imported.
_PROGRAM: Final = (sys.executable, "-I", "-m", "glovebox.tasks.table_program")
_SEEN: Final = TypeAdapter(FileSeen)
_COUNTED: Final = TypeAdapter(Counted)
_LOOK_SECONDS: Final = 1.0
# A program that says nothing for so long over one piece of a table is stuck. Where it computed for
# so great a part of it, that is the table's doing, and it would be so the next time as well.
_SILENT_SECONDS: Final = 120.0
_BUSY_PART: Final = 0.25


@dataclass(frozen=True, slots=True)
class TableFile:
    """A table to read.

    Attributes:
        path: Says the format.
        size: In bytes.
        read: Returns so many bytes from there on; what it raises ends the reading.
    """

    path: str
    size: int
    read: Callable[[int, int], bytes]


def _no_bytes(first: int, size: int) -> bytes:
    del first, size
    return b""


_NOTHING: Final = TableFile("", 0, _no_bytes)


class TableProcess:
    """A process that reads tables; started when it is first asked, ended when it is left.

    Args:
        stop: Looked at while it is waited for.
    """

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def kinds(self, table: TableFile, columns: Sequence[str]) -> tuple[Kind, ...]:
        """Return what the columns of a table hold; empty when it has no row and says nothing.

        Raises:
            TableError: It cannot be read, or one of the columns cannot be a key.
            InvalidInput: `RowsNotRead`: no table can be read here.
            Unavailable: The process was ended by somebody else.
        """
        found: tuple[Kind, ...] = ()
        for letter, body in self._asked(table, columns, None):
            if letter == DONE:
                found = tuple(orjson.loads(body))
        return found

    def keys(
        self, table: TableFile, columns: Sequence[str], kinds: Sequence[Kind]
    ) -> Iterator[bytes]:
        """Yield the hashes of a table's keys, in the order of its rows, in parts.

        Raises as `kinds`.
        """
        for letter, body in self._asked(table, columns, kinds):
            if letter == KEYS:
                yield body

    def signatures(self, table: TableFile, columns: Sequence[str]) -> Iterator[bytes]:
        """Yield the signatures of a table's texts, in the order of its rows, in parts.

        Raises as `kinds`.
        """
        for letter, body in self._asked(table, columns, None, {"texts": True}):
            if letter == KEYS:
                yield body

    def split(
        self,
        table: TableFile,
        columns: Sequence[str],
        kinds: Sequence[Kind],
        domain: bytes | None,
        parts: int,
        decide: Callable[[bytes], bytes],
        written: Callable[[int, bytes], None],
    ) -> None:
        """Have the rows of a table written into parts.

        Args:
            table: Which.
            columns: Of the key; or the one that holds the time.
            kinds: What each is taken for.
            domain: What is hashed before each key; None where the column is a time.
            parts: How many parts there are.
            decide: Takes the hashes of keys, or the moments, of some rows, and returns the number
                of the part of each, a byte each; `NO_PART` for none.
            written: Takes the number of a part, and the next bytes of its Parquet.

        Raises as `kinds`, and what `decide` and `written` raise.
        """
        more = {"domain": domain.hex() if domain is not None else None, "parts": parts}
        for letter, body in self._asked(table, columns, kinds, more):
            if letter == KEYS:
                self._send(self._started(), frame(PARTS, decide(body)))
            elif letter == WRITTEN:
                written(body[0], body[1:])

    def check(
        self, table: TableFile, rules: Mapping[str, Any], keyed: Callable[[int, bytes], None]
    ) -> FileSeen:
        """Return what a table holds of a contract.

        Args:
            table: Which.
            rules: What is asked of it: see `contracts.file_rules`.
            keyed: Takes the number of a key, and the hashes of some rows, in their order.

        Raises as `kinds`, and what `keyed` raises.
        """
        found: FileSeen | None = None
        for letter, body in self._asked(table, (), None, {"contract": rules}):
            if letter == KEYS:
                keyed(body[0], body[1:])
            elif letter == DONE:
                try:
                    found = _SEEN.validate_json(body)
                except ValidationError:
                    break
        if found is None:
            raise TableError("the program that reads tables fails over it")
        return found

    def begin_statistics(self, rules: Mapping[str, Any], state: bytes = b"") -> None:
        """Have rows of tables counted from now on.

        Args:
            rules: See `statistics_tables.Gatherer`.
            state: What another process counted: see `statistics_state`.

        Raises as `kinds`.
        """
        before = TableFile("", len(state), lambda first, size: state[first : first + size])
        self._step(before, {"statistics": "begin", "rules": rules})

    def add_statistics(self, table: TableFile) -> int:
        """Have the rows of a table counted; return how many there are. Raises as `kinds`."""
        found = orjson.loads(self._step(table, {"statistics": "add"}))
        return int(found)

    def statistics_state(self) -> bytes:
        """Return what was counted so far, to go on from; raises as `kinds`."""
        asked = self._asked(_NOTHING, (), None, {"statistics": "state"})
        return b"".join(body for letter, body in asked if letter == STATE)

    def statistics(self) -> Counted:
        """Return what may be told of all tables; raises as `kinds`."""
        try:
            return _COUNTED.validate_json(self._step(_NOTHING, {"statistics": "told"}))
        except ValidationError:
            raise TableError("the program that reads tables fails over it") from None

    def _step(self, table: TableFile, more: Mapping[str, object]) -> bytes:
        """Return what the process says in the end."""
        found = b"null"
        for letter, body in self._asked(table, (), None, more):
            if letter == DONE:
                found = body
        return found

    def _asked(
        self,
        table: TableFile,
        columns: Sequence[str],
        kinds: Sequence[Kind] | None,
        more: Mapping[str, object] | None = None,
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield what the process says of a table, giving it what it reads."""
        process = self._started()
        ask = {"path": table.path, "size": table.size, "columns": columns, "kinds": kinds}
        ask |= more or {}
        self._send(process, frame(ASK, orjson.dumps(ask)))
        is_done = False
        try:
            while not is_done:
                said = read_frame(lambda size: self._read(process, size))
                if said is None:
                    raise self._died(process)
                letter, body = said
                if letter == RANGE:
                    first, size = orjson.loads(body)
                    self._send(process, frame(BYTES, table.read(first, size)))
                    continue
                is_done = letter in {DONE, ERROR, REFUSED}
                if letter == REFUSED:
                    raise UnfitData(
                        reasons.CONTRACT_NOT_CHECKED, f"`spec.contract`: {body.decode()}"
                    )
                if letter == ERROR:
                    raise TableError(body.decode())
                yield said
        finally:
            if not is_done:
                self.end()  # it waits for an answer that nobody will give

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = _start()
        return self._process

    def _send(self, process: subprocess.Popen[bytes], data: bytes) -> None:
        sink, left = cast("IO[bytes]", process.stdin), memoryview(data)
        try:
            while left:
                left = left[sink.write(left) :]
        except BrokenPipeError:
            raise self._died(process) from None

    def _read(self, process: subprocess.Popen[bytes], size: int) -> bytes:
        """Return so many bytes of its output; fewer when it has ended."""
        source = cast("IO[bytes]", process.stdout)
        parts, since, computed = bytearray(), time.monotonic(), _computed(process)
        while len(parts) < size:
            ready, _, _ = select.select([source], [], [], _LOOK_SECONDS)
            self._stop.check()
            if not ready:
                if time.monotonic() - since > _SILENT_SECONDS:
                    if _computed(process) - computed > _SILENT_SECONDS * _BUSY_PART:
                        raise TableError(
                            f"a piece of it takes longer than {_SILENT_SECONDS:.0f} seconds to read"
                        )
                    raise Unavailable(
                        reasons.ROWS_NOT_READ,
                        "the process that reads tables stood still for"
                        f" {_SILENT_SECONDS:.0f} seconds; it is tried again",
                    )
                continue
            part = os.read(source.fileno(), size - len(parts))
            if not part:
                break
            parts += part
        return bytes(parts)

    def _died(self, process: subprocess.Popen[bytes]) -> Exception:
        code = process.wait()
        self.end()
        if code == NO_LIBRARY:
            return InvalidInput(
                reasons.ROWS_NOT_READ,
                "rows are not read here: this installation of Glovebox lacks pyarrow. Use the"
                " image, which has it, or install `glovebox[tables]`",
            )
        if code in {-signal.SIGKILL, -signal.SIGTERM}:
            return Unavailable(
                reasons.ROWS_NOT_READ, "the process that reads tables was ended; it is tried again"
            )
        return TableError("the program that reads tables fails over it")

    def end(self) -> None:
        """End the process; another one is started when it is asked again."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _computed(process: subprocess.Popen[bytes]) -> float:
    """Return how long a process has computed, in seconds; 0 where the system does not say."""
    try:
        said = Path(f"/proc/{process.pid}/stat").read_text("ascii", "replace")
        of_user, of_system = said.rpartition(")")[2].split()[11:13]
        return (int(of_user) + int(of_system)) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):
        return 0.0


def _start() -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            _PROGRAM,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Libraries may print what they read, and keys may be personal.
            stderr=subprocess.DEVNULL,
            # Neither credentials nor names of stores.
            env={
                "ARROW_DEFAULT_MEMORY_POOL": "system",
                "MALLOC_ARENA_MAX": "1",
                "OMP_NUM_THREADS": "1",
            },
            bufsize=0,
        )
    except OSError as error:
        raise Unavailable(
            reasons.ROWS_NOT_READ,
            f"the process that reads tables could not be started ({error.strerror}); it is tried"
            " again",
        ) from error
