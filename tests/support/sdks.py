"""Programs of a run: the SDKs in an environment of their own, with or without a shell around."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.own_python import ROOT, own_python

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDER = ROOT / "tests" / "sdks"
NAMES = ("boto3", "pyarrow", "s3fs")
# An image without a shell: whoever starts `/bin/sh` gets nothing.
_WITHOUT_SHELL = (
    "unshare",
    "--map-root-user",
    "--mount",
    "/bin/bash",
    "-c",
    'mount --bind "$1" "$(readlink -f /bin/sh)" && shift && exec "$@"',
    "bash",
)


@dataclass(frozen=True)
class Written:
    """What one program did.

    Attributes:
        lines: One for each object: `at` (when it began), `number` and `error`.
        said: Everything else that it said.
    """

    lines: list[dict[str, Any]]
    said: str

    def errors(self, *, since: float = 0, until: float = float("inf")) -> list[str]:
        """Return the errors of objects whose writing began in that time."""
        return [line["error"] for line in self._within(since, until) if line["error"]]

    def objects(self, *, since: float = 0, until: float = float("inf")) -> int:
        """Return how many objects were written in that time."""
        return sum(not line["error"] for line in self._within(since, until))

    def _within(self, since: float, until: float) -> list[dict[str, Any]]:
        return [line for line in self.lines if since <= line["at"] < until]


@pytest.fixture(scope="session")
def sdk_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Python that has the SDKs, as tests/sdks/requirements.txt names them."""
    return own_python(FOLDER, tmp_path_factory)


@dataclass(frozen=True)
class Writer:
    """A program that writes.

    Attributes:
        process: It.
        output: Where its lines go.
    """

    process: subprocess.Popen[bytes]
    output: Path

    def written(self) -> Written:
        """Return what it did until now."""
        lines, said = [], []
        for line in self.output.read_text().splitlines():
            try:
                lines.append(json.loads(line))
            except json.JSONDecodeError:
                said.append(line)
        return Written(lines, "\n".join(said))

    def ended(self, timeout: float) -> Written:
        """Wait for its end, and return what it did."""
        self.process.wait(timeout)
        return self.written()


@contextlib.contextmanager
def writing(
    python: Path,
    sdk: str,
    end: float,
    environment: Mapping[str, str],
    output: Path,
    *,
    with_shell: bool = True,
) -> Iterator[Writer]:
    """Run `write_on.py` until a time, with nothing of our own environment."""
    command = [str(python), str(FOLDER / "write_on.py"), sdk, str(end)]
    if not with_shell:
        command = [*without_shell(), *command]
    with output.open("wb") as file:
        process = subprocess.Popen(
            command,
            env={"PATH": os.defpath, "HOME": "/nowhere", **environment},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Writer(process, output)
    finally:
        process.kill()
        process.wait()


def without_shell() -> list[str]:
    """Return the beginning of a command that finds no `/bin/sh`; skip where that cannot be had."""
    if shutil.which("unshare") is None:
        pytest.skip("util-linux's `unshare` hides the shell, and is not here")
    command = [*_WITHOUT_SHELL, "/dev/null"]
    tried = subprocess.run([*command, "/bin/true"], check=False, capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"the shell cannot be hidden on this machine: {tried.stderr.strip()}")
    return command
