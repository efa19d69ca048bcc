"""Running a program that mounts things, so that nothing of it can stay.

It lives in namespaces that end with it.

Its mounts are seen by nobody else, and the kernel ends every process that it started when its first
one ends, also when we are killed ourselves. It shares the network and the files with us: this is
tidiness, no protection.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from glovebox_local.errors import LocalError, last_lines
from glovebox_local.processes import start_program

_UNSHARE = (
    "unshare",
    "--mount",
    "--propagation",
    "private",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "--",
)
_POLL = 0.1


def run_sealed(
    command: Sequence[str],
    *,
    log: Path,
    timeout: float,
    environment: Mapping[str, str] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Run a program to its end in mount and process namespaces of its own.

    Args:
        command: The program and its arguments.
        log: Where its output is appended.
        timeout: Seconds after which it is ended by force.
        environment: Variables on top of ours.
        say: Told the last line of its output.

    Raises:
        LocalError: It failed or took too long; with the end of its output.
    """
    step = f"`{' '.join(command[:1])}`"
    tied = threading.current_thread() is threading.main_thread()
    child = start_program([*_UNSHARE, *command], log=log, environment=environment, tied=tied)
    deadline = time.monotonic() + timeout
    try:
        while child.poll() is None:
            if time.monotonic() > deadline:
                raise LocalError(
                    step, f"not done after {timeout:.0f} s; it says:\n{last_lines(log, 15)}", log
                )
            say(last_lines(log, 1)[:70])
            time.sleep(_POLL)
    finally:
        _end(child)
    if child.returncode != 0:
        raise LocalError(step, f"it says:\n{last_lines(log, 15)}", log)


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is not None:
        return
    # The first process of the namespace: once it is reaped, the kernel has ended all others there.
    # Killing only its parent would end them as well, but some time after us.
    with suppress(OSError):
        for first in Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split():
            os.kill(int(first), signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        child.wait(timeout=10)
    child.kill()
    child.wait(timeout=10)
