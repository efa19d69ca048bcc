"""A store that runs, and how its program is started, waited for and ended."""

from __future__ import annotations

import contextlib
import os
import signal
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from glovebox_local.processes import start_program

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from glovebox.store.connection import Credentials

_SECONDS = 120


@dataclass(frozen=True)
class OtherStore:
    """A store that runs.

    Attributes:
        name: As the tables of the suite call it.
        endpoint: URL of its S3 API.
        operator: Keys of the user that the operator is.
        role: What sessions assume; None where the store issues none.
        blind: Keys of a user who may do all but see how versions are locked, where such a user can
            be made.
    """

    name: str
    endpoint: str
    operator: Credentials
    role: str | None
    blind: Credentials | None = None


@contextlib.contextmanager
def running_program(
    command: Sequence[object], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the block ends; the kernel ends it with us, however we end."""
    words = [str(word) for word in command]
    process = start_program(words, log=log, environment=environment, tied=True)
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextlib.contextmanager
def running_endpoint(
    command: Sequence[object],
    endpoint: str,
    log: Path,
    environment: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Run a program that serves HTTP; yield its endpoint once it answers there."""
    with running_program(command, log, environment) as process:
        _wait_for(endpoint, process, log)
        yield endpoint


def _wait_for(endpoint: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            _ask(endpoint)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code < 500:  # a refusal says that it is up, a failure that it will be
                return
        except OSError:
            pass
        else:
            return
        time.sleep(0.1)
    pytest.fail(f"the store at {endpoint} did not come up:\n{log.read_text()[-3000:]}")


def _ask(endpoint: str) -> None:
    # Whether it is up is all that is asked: who it is, the tests look at.
    context = ssl._create_unverified_context() if endpoint.startswith("https:") else None  # noqa: S323
    urllib.request.urlopen(endpoint, timeout=1, context=context).close()  # noqa: S310 - our own loopback address
