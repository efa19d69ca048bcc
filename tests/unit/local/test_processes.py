"""Processes: ours are found and ended, and a pid that has become somebody else's is left alone."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from glovebox_local.cgroups import remove_cgroups, thaw_cgroups
from glovebox_local.errors import LocalError
from glovebox_local.namespaces import NamespacesOf, NewNamespaces
from glovebox_local.processes import ProcessRecord, deferred_signals, end_processes, start_program

if TYPE_CHECKING:
    from collections.abc import Iterator

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready',"
    " flush=True); time.sleep(60)"
)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as child:
        yield child
        child.kill()


def _record(pid: int) -> ProcessRecord:
    record = ProcessRecord.of(pid)
    assert record is not None
    return record


def test_a_record_survives_its_file(tmp_path: Path) -> None:
    record = _record(os.getpid())
    record.write(tmp_path / "record.json")
    assert ProcessRecord.read(tmp_path / "record.json") == record
    assert (tmp_path / "record.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "never written"),
        ("", "cut off by a full disk"),
        ("[]", "not a record"),
        ('{"pid": 1}', "of another version"),
    ],
)
def test_a_file_without_sense_is_no_record(
    tmp_path: Path, content: str | None, reason: str
) -> None:
    file = tmp_path / "record.json"
    if content is not None:
        file.write_text(content)
    assert ProcessRecord.read(file) is None, reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"start_ticks": 1}, "the pid was given to a process that started at another time"),
        ({"boot_id": "another"}, "the machine was started again since"),
    ],
)
def test_a_recycled_pid_is_neither_alive_nor_signalled_nor_ended(
    sleeper: subprocess.Popen[bytes], change: dict[str, object], reason: str
) -> None:
    stale = dataclasses.replace(_record(sleeper.pid), **change)  # type: ignore[arg-type]
    assert not stale.alive, reason
    assert not stale.signal(signal.SIGKILL), reason
    end_processes([stale], grace=0)
    assert sleeper.poll() is None, reason


def test_a_corpse_is_not_alive() -> None:
    with subprocess.Popen(["true"]) as child:
        record = ProcessRecord.of(child.pid)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert ProcessRecord.of(child.pid) is None
        assert record is None or not record.alive


def test_a_process_that_ignores_the_polite_signal_is_ended_by_force() -> None:
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        end_processes([_record(child.pid)], grace=0.2)
        assert child.wait(timeout=5) == -signal.SIGKILL


FREEZER = Path("/sys/fs/cgroup/freezer")


@pytest.mark.skipif(
    os.geteuid() != 0 or not FREEZER.exists(), reason="needs root and cgroups of version 1"
)
def test_a_namespace_ends_although_a_killed_runtime_left_a_process_frozen() -> None:
    """The first process of a process namespace ends only when all others have."""
    prefix = f"glovebox-frozen-{os.getpid()}-"
    group = FREEZER / f"{prefix}n1" / "pod"
    group.mkdir(parents=True)
    script = "sleep 300 & echo ready; wait"
    holder = ["unshare", "--pid", "--fork", "--kill-child", "sh", "-c", script]
    with subprocess.Popen(holder, stdout=subprocess.PIPE) as parent:
        try:
            assert parent.stdout is not None
            assert parent.stdout.readline() == b"ready\n"
            (first,) = _children(parent.pid)
            (other,) = _children(first)
            (group / "cgroup.procs").write_text(str(other))
            (group / "freezer.state").write_text("FROZEN")
            record = _record(first)
            record.signal(signal.SIGKILL)
            assert not record.wait(0.5), "it waits for the frozen one"
            end_processes([record], grace=0, thaw=lambda: thaw_cgroups(prefix))
            assert ProcessRecord.of(other) is None
        finally:
            (group / "freezer.state").write_text("THAWED")
            parent.kill()
            parent.wait(timeout=10)
            remove_cgroups(prefix)


@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")
def test_a_namespace_ends_although_we_are_the_parents_of_what_runs_in_it(tmp_path: Path) -> None:
    """As a node does, when it is taken down by the program that brought it up."""
    log = tmp_path / "log"
    first = start_program(["sleep", "60"], log=log, namespaces=NewNamespaces(("pid",)))
    inside = NamespacesOf(lambda: first.pid, ("pid",))
    other = start_program(["sleep", "60"], log=log, namespaces=inside)
    try:
        started = time.monotonic()
        end_processes([_record(first.pid), _record(other.pid)], grace=0)
        assert time.monotonic() - started < 30
    finally:
        other.kill()
        other.wait(timeout=10)
        first.wait(timeout=10)


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_waiting_has_an_end(sleeper: subprocess.Popen[bytes]) -> None:
    assert _record(sleeper.pid).wait(0.01) is False


def test_a_tied_program_is_refused_outside_the_main_thread(tmp_path: Path) -> None:
    errors: list[LocalError] = []

    def start() -> None:
        try:
            start_program(["sleep", "60"], log=tmp_path / "log", tied=True)
        except LocalError as error:
            errors.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join(timeout=10)
    assert [str(error) for error in errors] == [
        "Starting sleep failed: a program that dies with us must be started from the main thread"
    ]


def test_a_tied_program_dies_with_its_parent_even_by_kill_9(tmp_path: Path) -> None:
    parent_program = (
        "import sys, time, pathlib\n"
        "from glovebox_local.processes import start_program\n"
        "child = start_program(['sleep', '60'], log=pathlib.Path(sys.argv[1]), tied=True)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent_program, str(tmp_path / "log")], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        record = _record(int(parent.stdout.readline()))
        parent.kill()
        parent.wait(timeout=5)
    assert record.wait(5)


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="Starting no-such-program failed"):
        start_program(["/nowhere/no-such-program"], log=tmp_path / "log")


def test_an_interruption_waits_until_the_block_is_done() -> None:
    steps: list[str] = []

    def interrupted_work() -> None:
        with deferred_signals():
            signal.raise_signal(signal.SIGINT)
            steps.append("done")

    with pytest.raises(KeyboardInterrupt):
        interrupted_work()
    assert steps == ["done"]
