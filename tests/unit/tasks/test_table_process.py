"""Tables are read by a process that can die of them without harm, and knows nothing else."""

from __future__ import annotations

import gzip
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from glovebox.data.arrow_keys import key_hashes
from glovebox.data.contract_rules import file_rules
from glovebox.data.table_errors import TableError
from glovebox.errors import GloveboxError, InvalidInput, Unavailable
from glovebox.store.connection import JobStoppedError, Stop
from glovebox.tasks import table_process
from glovebox.tasks.table_process import TableFile, TableProcess
from support.contracts import contract_of

ROWS = 50_000
TABLE = pa.table({"flight": pa.array(range(ROWS)), "tail": [f"N{at % 7}" for at in range(ROWS)]})
KEYS = key_hashes(("flight",), [pa.array(range(ROWS))], ("Integer",), is_plain=False)


def as_parquet(table: pa.Table, **options: object) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(table, sink, **options)
    return sink.getvalue()


def rules_of(kind: str, **more: str) -> dict[str, object]:
    return file_rules(contract_of({"name": "at", "type": kind, **more}))


def keyed(number: int, hashes: bytes) -> None:
    raise AssertionError((number, hashes))


BODY = as_parquet(TABLE, row_group_size=4000)


def nothing() -> None:
    pass


def file_of(
    body: bytes, path: str = "a.parquet", before: Callable[[], None] = nothing
) -> TableFile:
    def read(first: int, size: int) -> bytes:
        before()
        return body[first : first + size]

    return TableFile(path, len(body), read)


@pytest.fixture
def process() -> Iterator[TableProcess]:
    with TableProcess(Stop()) as found:
        yield found


def pid_of(process: TableProcess) -> int:
    assert process._process is not None
    return process._process.pid


def test_it_answers_about_one_table_after_the_other(process: TableProcess) -> None:
    assert process.kinds(file_of(BODY), ("flight", "tail")) == ("Integer", "Text")
    first = pid_of(process)
    assert b"".join(process.keys(file_of(BODY), ("flight",), ("Integer",))) == KEYS
    lines = b'{"tail":"N1","flight":1}\n'
    assert process.kinds(file_of(lines, "a.jsonl"), ("flight", "tail")) == ("Integer", "Plain")
    assert process.kinds(file_of(b"\n", "a.jsonl"), ("flight",)) == ()
    with pytest.raises(TableError, match="it has no column `day`"):
        process.kinds(file_of(BODY), ("day",))
    assert process.kinds(file_of(b"flight\n1\n", "a.csv"), ("flight",)) == ("Plain",)
    assert pid_of(process) == first


def test_a_page_that_unpacks_to_more_than_there_is_is_refused(process: TableProcess) -> None:
    table = pa.table({"tail": pa.array([bytes(300 << 20)], pa.binary())})
    body = as_parquet(table, compression="zstd", use_dictionary=False, write_statistics=False)
    assert len(body) < 100_000
    with pytest.raises(TableError, match="more memory than there is"):
        list(process.keys(file_of(body), ("tail",), ("Bytes",)))
    with TableProcess(Stop()) as other:
        assert b"".join(other.keys(file_of(BODY), ("flight",), ("Integer",))) == KEYS


@pytest.mark.parametrize(
    ("end", "error", "told"),
    [
        (signal.SIGSEGV, TableError, "the program that reads tables fails over it"),
        (signal.SIGABRT, TableError, "fails over it"),
        (signal.SIGKILL, Unavailable, "was ended; it is tried again"),
    ],
)
def test_when_it_dies_the_task_does_not(
    process: TableProcess, end: signal.Signals, error: type[Exception], told: str
) -> None:
    def kill() -> None:
        os.kill(pid_of(process), end)

    with pytest.raises(error, match=told):
        list(process.keys(file_of(BODY, before=kill), ("flight",), ("Integer",)))
    # The next one is read by another process.
    assert b"".join(process.keys(file_of(BODY), ("flight",), ("Integer",))) == KEYS


def test_it_has_no_environment_and_no_other_file(
    process: TableProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret")
    process.kinds(file_of(BODY), ("flight",))
    where = Path("/proc") / str(pid_of(process))
    said = (where / "environ").read_bytes().split(b"\0")
    names = {each.partition(b"=")[0].decode() for each in said if each}
    assert names <= {"ARROW_DEFAULT_MEMORY_POOL", "MALLOC_ARENA_MAX", "OMP_NUM_THREADS"}
    opened = {str(each.readlink()).partition(":")[0] for each in (where / "fd").iterdir()}
    assert opened <= {"pipe", os.devnull}
    assert b"a-secret" not in (where / "cmdline").read_bytes()


def test_what_the_store_refuses_is_told_as_it_is_and_ends_the_process(
    process: TableProcess,
) -> None:
    def refuse() -> None:
        raise Unavailable("StoreFailed", "the store failed")

    with pytest.raises(Unavailable, match="the store failed"):
        process.kinds(file_of(BODY, before=refuse), ("flight",))
    assert process._process is None
    assert process.kinds(file_of(BODY), ("flight",)) == ("Integer",)


def test_who_leaves_in_the_middle_leaves_nothing_behind(process: TableProcess) -> None:
    for _ in process.keys(file_of(BODY), ("flight",), ("Integer",)):
        first = pid_of(process)
        break
    assert b"".join(process.keys(file_of(BODY), ("flight",), ("Integer",))) == KEYS
    assert not Path(f"/proc/{first}").exists()


def test_it_ends_with_whoever_waited() -> None:
    stop = Stop()
    with TableProcess(stop) as process, pytest.raises(JobStoppedError):
        process.kinds(file_of(BODY, before=stop.set), ("flight",))
    assert process._process is None
    with TableProcess(Stop()) as process:
        process.kinds(file_of(BODY), ("flight",))
        pid = pid_of(process)
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize(
    ("program", "error", "told"),
    [
        pytest.param(
            "import importlib.util, sys; importlib.util.find_spec = lambda name: None;"
            " from glovebox.tasks.table_program import main; sys.exit(main())",
            InvalidInput,
            r"lacks pyarrow. Use the image, which has it, or install `glovebox\[tables\]`",
            id="a library that is not there",
        ),
        pytest.param(
            "import time; time.sleep(60)", Unavailable, "stood still", id="standing still"
        ),
        pytest.param("raise SystemExit(1)", TableError, "fails over it", id="a bug of ours"),
    ],
)
def test_a_program_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, program: str, error: type[GloveboxError], told: str
) -> None:
    monkeypatch.setattr(table_process, "_PROGRAM", (sys.executable, "-I", "-c", program))
    monkeypatch.setattr(table_process, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(table_process, "_SILENT_SECONDS", 0.3 if "sleep" in program else 60.0)
    with TableProcess(Stop()) as process, pytest.raises(error, match=told):
        process.kinds(file_of(BODY), ("flight",))


def test_a_table_that_keeps_it_computing_is_what_cannot_be_read(
    process: TableProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    process.kinds(file_of(BODY), ("flight",))
    monkeypatch.setattr(table_process, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(table_process, "_SILENT_SECONDS", 0.5)
    # In so short a time a busy machine may give it little.
    monkeypatch.setattr(table_process, "_BUSY_PART", 0.02)
    # Each looks like a moment and is none.
    lines = (f"2013-02-30T00:00:00.{at:06d}\n" for at in range(400_000))
    packed = gzip.compress(f"at\n{''.join(lines)}".encode(), 1)
    with pytest.raises(TableError, match="a piece of it takes longer than"):
        process.check(file_of(packed, "a.csv.gz"), rules_of("Timestamp"), keyed)
    assert process._process is None


def test_times_beyond_64_bits_of_nanoseconds_are_told(process: TableProcess) -> None:
    for_ever = pa.table({"at": pa.array([2**55], pa.timestamp("us"))})
    asked = rules_of("Timestamp") | {"newest": "at", "gaps": ["at", 60]}
    seen = process.check(file_of(as_parquet(for_ever)), asked, keyed)
    assert (seen.newest, seen.spans) == (2**55 * 1000, [(2**55 * 1000, 2**55 * 1000)])


def test_a_question_without_an_answer_is_no_fault_of_the_table(process: TableProcess) -> None:
    asked = rules_of("Text", pattern=r"\Qabc")
    with pytest.raises(InvalidInput, match=r"`spec.contract`: the pattern `\\Qabc`") as refused:
        process.check(file_of(b"at\nabc\n", "a.csv"), asked, keyed)
    assert refused.value.reason == "ContractNotChecked"
    assert process.check(file_of(b"at\nabc\n", "a.csv"), rules_of("Text"), keyed).rows == 1


def test_a_machine_that_starts_no_process_is_tried_again(
    process: TableProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_process, "_PROGRAM", ("/nowhere/python",))
    with pytest.raises(Unavailable, match="could not be started") as refused:
        process.kinds(file_of(BODY), ("flight",))
    assert refused.value.reason == "RowsNotRead"


def test_it_needs_nothing_that_the_image_has_not(
    process: TableProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = (
        "import sys; sys.modules['numpy'] = sys.modules['pandas'] = None;"
        " from glovebox.tasks.table_program import main; sys.exit(main())"
    )
    monkeypatch.setattr(table_process, "_PROGRAM", (sys.executable, "-I", "-c", program))
    assert b"".join(process.keys(file_of(BODY), ("flight",), ("Integer",))) == KEYS
    body = as_parquet(TABLE.select(["tail"]))
    assert len(b"".join(process.keys(file_of(body), ("tail",), ("Text",)))) == 16 * ROWS
    assert process.kinds(file_of(b"tail\nN1\n", "a.csv"), ("tail",)) == ("Plain",)
    lines = b'{"tail":"N1"}\n'
    assert len(list(process.keys(file_of(lines, "a.jsonl"), ("tail",), ("Text",)))) == 1
