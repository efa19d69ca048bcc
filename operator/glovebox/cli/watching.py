"""Shows on a terminal how far a long verification is; elsewhere, and of short ones, nothing.

It goes to standard error, and is gone when the verification ends: what a program reads is the same.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from glovebox.jobs.verifying import Watcher

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn

# What is less is done before anybody has read how far it is.
LONG_BYTES: Final = 64 << 20
LONG_VERSIONS: Final = 500


@contextmanager
def watching(*, is_plain: bool) -> Iterator[Watcher]:
    """Yield what shows how far it is; nothing stays of it on the terminal.

    Args:
        is_plain: Leave colours out.
    """
    if not sys.stderr.isatty():
        yield Watcher()
        return
    from rich.console import Console

    bar = Bar(Console(stderr=True, no_color=is_plain))
    try:
        yield bar
    finally:
        bar.end()


class Bar(Watcher):
    """A bar that fills: by bytes where they are read, else by versions.

    Args:
        console: Where it is drawn.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress: Progress | None = None
        self._counts_bytes = False

    @property
    def progress(self) -> Progress | None:
        """What is drawn; None before the beginning, and of what is short."""
        return self._progress

    def begin(self, versions: int, size: int) -> None:
        """Begin to draw, where it is long."""
        if size < LONG_BYTES and versions < LONG_VERSIONS:
            return
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        # Many small objects take their time for each, and few large ones for their bytes.
        self._counts_bytes = size >= LONG_BYTES
        count: ProgressColumn = (
            DownloadColumn(binary_units=True) if self._counts_bytes else MofNCompleteColumn()
        )
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            count,
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        said = "Reading artifacts" if self._counts_bytes else "Looking at versions"
        self._progress.add_task(said, total=size if self._counts_bytes else versions)
        self._progress.start()

    def looked_at(self) -> None:
        """Count a version."""
        if not self._counts_bytes:
            self._advance(1)

    def read(self, size: int) -> None:
        """Count bytes."""
        if self._counts_bytes:
            self._advance(size)

    def _advance(self, by: int) -> None:
        if self._progress is not None:
            self._progress.advance(self._progress.task_ids[0], by)

    def end(self) -> None:
        """Take it from the terminal."""
        if self._progress is not None:
            self._progress.stop()
