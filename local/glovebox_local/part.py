"""One long-running program of the local environment.

Start it, wait until it answers, stop it, start it again.

The record of its process lies on disk from the moment it runs, so that a later `glovebox local
down` finds it even when the program that started it was killed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from glovebox_local.errors import LocalError, last_lines
from glovebox_local.ports import LOOPBACK, is_free
from glovebox_local.processes import ProcessRecord, deferred_signals, end_processes, start_program

if TYPE_CHECKING:
    import signal
    import subprocess
    from pathlib import Path

    from glovebox_local.namespaces import Namespaces

_POLL_INTERVAL = 0.05
_LOG_TAIL = 12


@dataclass(frozen=True)
class PartSpec:
    """What a part is.

    Args:
        name: Short name: its log and its record are called so.
        command: The program and its arguments.
        ready: Returns None when the part does its work, else what is missing, in a few words.
        timeout: Seconds from start to ready.
        environment: Variables on top of ours.
        ports: The loopback ports that it listens on.
        grace: Seconds that it gets to end by itself when it is stopped.
        namespaces: Where it runs; in ours by default. Elsewhere, its ports are not this machine's.
        thaw: See `end_processes`.
    """

    name: str
    command: Sequence[str]
    ready: Callable[[], str | None]
    timeout: float = 60.0
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    grace: float = 10.0
    namespaces: Namespaces | None = None
    thaw: Callable[[], None] | None = None


class Part:
    """A part on this machine.

    Args:
        spec: What it is.
        logs: Folder of its log.
        run: Folder of its record.
        tied: It dies with us, and can then only be started from the main thread.
    """

    def __init__(self, spec: PartSpec, *, logs: Path, run: Path, tied: bool) -> None:
        self.spec = spec
        self.log = logs / f"{spec.name}.log"
        self.record_file = run / f"{spec.name}.json"
        self._tied = tied
        self._child: subprocess.Popen[bytes] | None = None
        self._started = 0.0

    @property
    def name(self) -> str:
        """The short name."""
        return self.spec.name

    @property
    def record(self) -> ProcessRecord | None:
        """The process that was started last, dead or alive."""
        return ProcessRecord.read(self.record_file)

    @property
    def running(self) -> bool:
        """Whether its process runs."""
        record = self.record
        return record is not None and record.alive

    @property
    def pid(self) -> int:
        """The pid of its running process.

        Raises:
            LocalError: It does not run.
        """
        record = self.record
        if record is None or not record.alive:
            raise LocalError(f"Looking for {self.name}", "it does not run", self.log)
        return record.pid

    def launch(self) -> None:
        """Start the process unless it runs; do not wait for it.

        Raises:
            LocalError: It could not be started, or somebody else listens on one of its ports.
        """
        if self.running:
            return
        taken = (
            [] if self.spec.namespaces else [port for port in self.spec.ports if not is_free(port)]
        )
        if taken:
            why = (
                f"port {taken[0]} of {LOOPBACK} has been taken by another program: end that one, or"
                " `glovebox local down` and start again"
            )
            raise LocalError(f"Starting {self.name}", why)
        self._started = time.monotonic()
        # Were we interrupted between the two, nobody would know of the process.
        with deferred_signals():
            self._child = start_program(
                self.spec.command,
                log=self.log,
                environment=self.spec.environment,
                tied=self._tied,
                namespaces=self.spec.namespaces,
            )
            record = ProcessRecord.of(self._child.pid)
            if record is not None:
                record.write(self.record_file)

    def wait_ready(self, say: Callable[[str], None] = lambda _: None) -> None:
        """Wait until it does its work.

        Args:
            say: Told what is still missing.

        Raises:
            LocalError: It ended, or was not ready in time; with the end of its log.
        """
        deadline = (self._started or time.monotonic()) + self.spec.timeout
        while (missing := self.spec.ready()) is not None:
            say(missing)
            if not self.running:
                raise LocalError(
                    f"Starting {self.name}",
                    f"it ended by itself; its last words:\n{self._last_words()}",
                    self.log,
                )
            if time.monotonic() > deadline:
                why = (
                    f"not ready after {self.spec.timeout:.0f} s ({missing}); its last"
                    f" words:\n{self._last_words()}"
                )
                raise LocalError(f"Starting {self.name}", why, self.log)
            time.sleep(_POLL_INTERVAL)

    def start(self) -> None:
        """Start it and wait until it does its work.

        Raises:
            LocalError: As `wait_ready`.
        """
        self.launch()
        self.wait_ready()

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal to its process (SIGSTOP and SIGCONT for a hang).

        Return whether it was there.
        """
        record = self.record
        return record is not None and record.signal(number)

    def stop(self) -> None:
        """End it politely, by force where that does not help, and wait until it has ended.

        Its data stay.
        """
        self._end(self.spec.grace)

    def kill(self) -> None:
        """End it as `kill -9` does, and wait until it has ended; its data stay."""
        self._end(0)

    def _end(self, grace: float) -> None:
        record = self.record
        if record is not None:
            end_processes([record], grace=grace, thaw=self.spec.thaw)
        if self._child is not None:
            self._child.wait(timeout=10)
            self._child = None
        self.record_file.unlink(missing_ok=True)

    def _last_words(self) -> str:
        if not self.log.exists():
            return "  (none)"
        return "\n".join(f"  {line[:300]}" for line in last_lines(self.log, _LOG_TAIL).splitlines())
