"""Containers by the command line of their engine, as kind itself uses it.

Nothing here is about nodes of our own.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from glovebox_local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENGINE = "docker"
_TIMEOUT = 60.0
# A build that fails says much, and what matters last.
_TAIL = 20


def engine(
    *arguments: str,
    stdin: IO[bytes] | None = None,
    timeout: float = _TIMEOUT,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run the container engine's program and return what it said on standard output.

    Args:
        arguments: Its arguments.
        stdin: Its standard input.
        timeout: Seconds.
        environment: All of its variables, where they are not ours.

    Raises:
        LocalError: It is not installed, failed, or did not end in time.
    """
    return run(_ENGINE, *arguments, stdin=stdin, timeout=timeout, environment=environment)


def run(
    program: str,
    *arguments: str,
    stdin: IO[bytes] | None = None,
    timeout: float,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run a program that is found on PATH; otherwise as `engine`.

    Raises:
        LocalError: It is not installed, failed, or did not end in time.
    """
    shown = f"`{' '.join([program, *arguments[:2]])}`"
    if shutil.which(program) is None:
        raise LocalError(
            f"Looking for {program}",
            f"no program `{program}` on PATH: install it, or use --driver embedded, which needs no"
            " container engine",
        )
    source = stdin or subprocess.DEVNULL
    try:
        done = subprocess.run(
            [program, *arguments],
            stdin=source,
            capture_output=True,
            timeout=timeout,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired as error:
        raise LocalError(shown, f"not done after {timeout:.0f} s") from error
    if done.returncode != 0:
        words = "\n".join(done.stderr.decode(errors="replace").strip().splitlines()[-_TAIL:])
        raise LocalError(f"`{' '.join([program, *arguments])}`", f"it says:\n{words}")
    return done.stdout.decode(errors="replace")


@dataclass(frozen=True)
class Container:
    """One container, there or not.

    Args:
        name: Its name.
        grace: Seconds that it gets to end by itself when it is stopped.
    """

    name: str
    grace: int = 10

    @property
    def missing(self) -> str | None:
        """Why it does not run, in a few words; None when it does.

        Raises:
            LocalError: The engine does not answer.
        """
        # `ps` and not `inspect`: that one fails in the same way for what is not there and for an
        # engine that is not.
        state = engine(
            "ps", "--all", f"--filter=name=^/?{self.name}$", "--format={{.State}}"
        ).strip()
        return None if state == "running" else state or "is not there"

    @property
    def exists(self) -> bool:
        """Whether it is there, running or not."""
        return self.missing != "is not there"

    def address(self, network: str) -> str:
        """Return its IPv4 address in a network of the engine; empty while it does not run."""
        template = (
            f'{{{{with index .NetworkSettings.Networks "{network}"}}}}{{{{.IPAddress}}}}{{{{end}}}}'
        )
        return engine("inspect", f"--format={template}", self.name).strip()

    def execute(
        self, *command: str, stdin: IO[bytes] | None = None, timeout: float = _TIMEOUT
    ) -> str:
        """Run a program in it and return what it said.

        Raises:
            LocalError: It failed.
        """
        return engine(
            "exec",
            *(["--interactive"] if stdin else []),
            self.name,
            *command,
            stdin=stdin,
            timeout=timeout,
        )

    def start(self) -> None:
        """Start it unless it runs.

        Raises:
            LocalError: It could not be started.
        """
        engine("start", self.name)

    def stop(self) -> None:
        """End it politely; its data stay.

        Raises:
            LocalError: It could not be ended.
        """
        if self.missing is None:
            engine("stop", f"-t={self.grace}", self.name)

    def remove(self) -> None:
        """Remove it with its data, unless it is not there.

        Raises:
            LocalError: It could not be removed.
        """
        if self.exists:
            engine("rm", "--force", "--volumes", self.name)

    def last_words(self, lines: int) -> str:
        """Return the end of what it logged, errors of its own included."""
        done = subprocess.run(
            [_ENGINE, "logs", f"--tail={lines}", self.name],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
        return done.stdout.strip()
