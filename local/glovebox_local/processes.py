"""Programs of ours: started, recognised and ended, and nobody else's ever touched.

A process is known by its pid *and* the moment it started *and* the boot it belongs to: a pid alone
is recycled, and a record on disk may be older than the machine's last start. Signals go through a
pidfd, so that between the check and the signal the pid cannot become somebody else's.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import subprocess
import threading
import time
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from glovebox_local.errors import LocalError
from glovebox_local.paths import write_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from glovebox_local.namespaces import Namespaces

INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PR_SET_PDEATHSIG = 1
# For the kernel. The first process of a node ends only when all others of the node have, which
# takes long on a busy machine.
_FORCE_SECONDS = 60
# Loaded before any fork: a child of a program with threads must not load libraries.
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class ProcessRecord:
    """What identifies one process for as long as it lives.

    Args:
        pid: The process id.
        start_ticks: When it started, in clock ticks after the machine's start (field 22 of
            /proc/PID/stat).
        boot_id: Which start of the machine that was.
    """

    pid: int
    start_ticks: int
    boot_id: str

    @classmethod
    def of(cls, pid: int) -> ProcessRecord | None:
        """Return the record of the process that has this pid now.

        None where there is none, or only its corpse.
        """
        try:
            raw = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None
        # The second field is the program's name in brackets, and may itself hold brackets and
        # blanks.
        fields = raw.rpartition(")")[2].split()
        if fields[0] in {"Z", "X"}:
            return None
        return cls(pid=pid, start_ticks=int(fields[19]), boot_id=_boot_id())

    @classmethod
    def read(cls, path: Path) -> ProcessRecord | None:
        """Return the record in that file; None where there is no such file or no sense in it."""
        try:
            return cls(**json.loads(path.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write(self, path: Path) -> None:
        """Keep the record for a later program."""
        write_private(path, json.dumps(asdict(self)) + "\n")

    @property
    def alive(self) -> bool:
        """Whether that very process still runs."""
        return ProcessRecord.of(self.pid) == self

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal to that very process; return whether it was there to get it."""
        with self._open() as descriptor:
            if descriptor is None:
                return False
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, number)
                return True
            return False

    def wait(self, timeout: float) -> bool:
        """Wait until that very process has ended, at most so many seconds.

        Return whether it has.
        """
        with self._open() as descriptor:
            if descriptor is None:
                return True
            poller = select.poll()
            poller.register(descriptor, select.POLLIN)
            return bool(poller.poll(max(0.0, timeout) * 1000))

    @contextmanager
    def _open(self) -> Iterator[int | None]:
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            yield None
            return
        try:
            # Checked after the pidfd is open: from here on it can mean no other process.
            yield descriptor if self.alive else None
        finally:
            os.close(descriptor)


def is_program(record: ProcessRecord | None, name: str) -> str | None:
    """Return None when that process has become the program of that name, else what is missing."""
    if record is None or not record.alive:
        return "it does not run"
    try:
        became = Path(f"/proc/{record.pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return "it does not run"
    return None if became == name else "it is still being set up"


def start_program(
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    tied: bool = False,
    namespaces: Namespaces | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program in the background, in a session of its own, with its output in a log.

    Args:
        command: The program and its arguments.
        log: Where its output goes.
        environment: Variables on top of ours.
        tied: The kernel kills the program when we die, however we die. Else it outlives us.
        namespaces: Where it runs; in ours by default.

    Raises:
        LocalError: It could not be started, or `tied` was asked for outside the main thread: the
            kernel ties a child to the *thread* that started it, and would kill it with a worker of
            a thread pool.
    """
    if tied and threading.current_thread() is not threading.main_thread():
        raise LocalError(
            f"Starting {Path(command[0]).name}",
            "a program that dies with us must be started from the main thread",
        )
    parent = os.getpid()

    def tie() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
        # We may have died before the line above took effect. Seen from inside another process
        # namespace, we are number 0.
        if os.getppid() not in {parent, 0}:
            os._exit(1)

    try:
        with (
            log.open("ab") as output,
            namespaces.forking() if namespaces else nullcontext() as enter,
        ):

            def prepare() -> None:
                if tied:
                    tie()
                if enter:
                    enter()

            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
                preexec_fn=(prepare if tied or enter else None),  # noqa: PLW1509 - system calls and nothing else
            )
    except OSError as error:
        raise LocalError(f"Starting {Path(command[0]).name}", str(error), log) from error


@contextmanager
def deferred_signals() -> Iterator[None]:
    """Put off the signals that interrupt us until the block is done.

    Outside the main thread, which gets none, do nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    before = {
        number: signal.signal(number, lambda got, _: arrived.append(got))
        for number in INTERRUPTIONS
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for got in arrived:
            signal.raise_signal(got)


def end_processes(
    records: Sequence[ProcessRecord],
    *,
    grace: float,
    thaw: Callable[[], None] | None = None,
) -> None:
    """End these processes: politely first where `grace` (seconds) is above 0, then by force.

    Return when all have ended.

    Args:
        records: The processes.
        grace: Seconds that they get to end by themselves.
        thaw: Thaws what else runs in their namespaces. The first process of a node ends only when
            all others have, and a frozen one takes no signal before it is thawed.

    Raises:
        LocalError: One did not end even by force (it hangs in the kernel).
    """
    if grace > 0:
        for record in records:
            record.signal(signal.SIGTERM)
    deadline = time.monotonic() + grace
    for record in records:
        if not record.wait(deadline - time.monotonic()):
            record.signal(signal.SIGKILL)
    deadline = time.monotonic() + _FORCE_SECONDS
    for record in records:
        while not record.wait(0.2):
            _reap(records)
            if thaw is not None:
                thaw()
            if time.monotonic() > deadline:
                raise LocalError(
                    f"Ending process {record.pid}",
                    f"it did not end within {_FORCE_SECONDS} s of SIGKILL: {_describe(record.pid)}",
                )


def _reap(records: Sequence[ProcessRecord]) -> None:
    """Take leave of those of them that are dead children of ours.

    The first process of a process namespace waits for all that were born there, until their parents
    have asked how they ended: also for those of our own children that were started inside.
    """
    for record in records:
        with suppress(ChildProcessError):
            os.waitpid(record.pid, os.WNOHANG)


def _describe(pid: int) -> str:
    """Return in which state a process and those in its process namespace are, for a message."""
    inside: Path | None = None
    with suppress(OSError):
        inside = Path(f"/proc/{pid}/ns/pid_for_children").readlink()
    told = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            own = folder.name == str(pid)
            if own or (inside is not None and (folder / "ns/pid").readlink() == inside):
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                name = (folder / "comm").read_text().strip()
                where = (folder / "wchan").read_text().strip()
                told.append(f"{folder.name} {name} is in state {state} ({where or 'no wchan'})")
    return "; ".join(told[:10]) or "look at it with ps"


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
