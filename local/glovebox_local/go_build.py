"""Running Go with a log, a time limit and a sign of life.

Interrupted, its compilers end with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from glovebox_local.errors import LocalError, last_lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_BUILD_TIMEOUT = 3600
# The compilers spend a seventh of their time on collecting garbage that the machine has room for.
_GARBAGE = "400"


def run_go(command: list[str], module: Path, log: Path, tell: Callable[[int], None]) -> list[str]:
    """Run Go; tell how many lines it has said on standard error so far.

    Return the lines of its standard output.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"GOOS", "GOARCH", "GOEXPERIMENT"}
    }
    environment |= {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOWORK": "off"}
    environment.setdefault("GOGC", _GARBAGE)
    answer = log.with_suffix(".out")
    deadline = time.monotonic() + _BUILD_TIMEOUT
    with log.open("ab") as errors, answer.open("wb") as output:
        errors.write(f"# {' '.join(command)}\n".encode())
        errors.flush()
        said = errors.tell()
        child = subprocess.Popen(
            command,
            cwd=module,
            env=environment,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        try:
            while child.poll() is None:
                if time.monotonic() > deadline:
                    raise LocalError(
                        f"`{' '.join(command[:2])}`", f"not done after {_BUILD_TIMEOUT} s", log
                    )
                tell(_count_lines(log, said))
                time.sleep(0.2)
        finally:
            _end_group(child)
    if child.returncode != 0:
        raise LocalError(f"`{' '.join(command[:2])}`", f"it says:\n{last_lines(log, 15)}", log)
    return answer.read_text().splitlines()


def _end_group(child: subprocess.Popen[bytes]) -> None:
    # Interrupted: the compilers that Go started must go with it. While the leader is not reaped,
    # its group is its own.
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait(timeout=10)


def _count_lines(path: Path, offset: int) -> int:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read().count(b"\n")
