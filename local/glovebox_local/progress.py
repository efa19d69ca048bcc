"""Saying what goes on: which step, how far, how long. Long silences look like failures."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

# Where nothing can be redrawn (a CI log), a running step says so this often, in seconds.
_PLAIN_INTERVAL = 15.0


class Step(Protocol):
    """One step under way."""

    def say(self, detail: str) -> None:
        """Tell how far the step is, in a few words; the latest words win."""


class Progress(Protocol):
    """Shows steps to somebody, or to nobody."""

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show a step from its start to its end or failure."""
        raise NotImplementedError(title)
        yield

    def note(self, text: str) -> None:
        """Say something that is no step."""


class Silent:
    """Shows nothing: for tests."""

    def say(self, detail: str) -> None:
        """Show nothing."""

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show nothing."""
        del title
        yield self

    def note(self, text: str) -> None:
        """Show nothing."""


class Terminal:
    """Shows steps on a console.

    A spinner that is redrawn where that is possible, plain lines now and then elsewhere.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show a spinner with the elapsed seconds, then one line that stays."""
        started = time.monotonic()
        shown = (
            _Spinner(self._console, title)
            if self._console.is_terminal
            else _Lines(self._console, title)
        )
        try:
            with shown:
                yield shown
        except BaseException:
            self._console.print(
                f"[red]✗[/red] {title}  [dim]{_seconds(started)}[/dim]",
                highlight=False,
                soft_wrap=True,
            )
            raise
        detail = f"  {shown.detail}" if shown.detail else ""
        self._console.print(
            f"[green]✓[/green] {title}{detail}  [dim]{_seconds(started)}[/dim]",
            highlight=False,
            soft_wrap=True,
        )

    def note(self, text: str) -> None:
        """Print one line."""
        self._console.print(text, highlight=False, soft_wrap=True)


class _Spinner:
    def __init__(self, console: Console, title: str) -> None:
        from rich.progress import (  # noqa: PLC0415 - only a terminal needs it
            Progress as Bar,
        )
        from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - as above

        self.detail = ""
        self._bar = Bar(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._title = title
        self._task = self._bar.add_task(title, total=None)

    def __enter__(self) -> None:
        self._bar.start()

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def say(self, detail: str) -> None:
        self.detail = detail
        self._bar.update(self._task, description=f"{self._title}  [dim]{detail}[/dim]")


class _Lines:
    def __init__(self, console: Console, title: str) -> None:
        self.detail = ""
        self._console = console
        self._title = title
        self._started = self._said = time.monotonic()

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None

    def say(self, detail: str) -> None:
        self.detail = detail
        now = time.monotonic()
        if now - self._said >= _PLAIN_INTERVAL:
            self._said = now
            self._console.print(
                f"  {self._title}: {detail} ({_seconds(self._started)})",
                highlight=False,
                soft_wrap=True,
            )


def _seconds(started: float) -> str:
    elapsed = time.monotonic() - started
    minutes, seconds = divmod(elapsed, 60)
    return f"{int(minutes)} min {seconds:.0f} s" if minutes else f"{seconds:.1f} s"


def terminal() -> Terminal:
    """Return a display on standard error: standard output is for what others read."""
    from rich.console import Console  # noqa: PLC0415 - as above

    return Terminal(Console(file=sys.stderr))
