"""The tables of pins, read by version, with what their namespaces may read and nothing more.

What reads tables takes as much memory as the process itself has to spare, so one task reads at a
time; one that takes hours stands back now and then.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from glovebox.data.manifest import Entry
from glovebox.data.tables import format_of
from glovebox.store.connection import Stop, Store
from glovebox.store.manifests import ManifestLocation, fetch_manifest
from glovebox.store.ranges import read_range
from glovebox.store.source_access import SourceAccess, narrowed
from glovebox.store.sources import Source
from glovebox.tasks.table_process import TableFile, TableProcess

# So long one task reads while others wait, but for the file that it is at; and how long it stands
# back then.
_TURN_SECONDS: Final = 60.0
_PAUSE_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Pinned:
    """A dataset that is read.

    Attributes:
        name: Of its pin.
        store: Where its manifest and its objects lie.
        source: As its pin was made.
        manifest: As its pin was made.
        access: Which objects its namespace may read, and the role to read them with.
    """

    name: str
    store: Store
    source: Source
    manifest: ManifestLocation
    access: SourceAccess

    @property
    def basis(self) -> list[object]:
        """What of it a result depends on."""
        manifest = self.manifest
        return [self.name, manifest.digest, manifest.version_id, self.access.document]


def opened(pinned: Pinned) -> Store:
    """Return the store through sessions that read the dataset and nothing else."""
    return narrowed(pinned.store, pinned.access, pinned.source)


def is_table(entry: Entry) -> bool:
    """Whether an object ought to hold a table, also where it holds no byte."""
    return format_of(entry.path) is not None


def _nothing() -> None:
    """Keep nothing."""


class PinnedTables:
    """Reads the tables of pins, one after the other. Blocks.

    Args:
        store: Whose turns are taken.
        stop: Looked at between requests.
        stack: Ends the process, and gives the turn back.
        tell: Called after each part that is read.
        pause: Takes out of the process what has to outlive it, before it ends for another task.
        resume: Puts it into the next one.

    Attributes:
        process: Reads them.
        bytes_read: What was read.
    """

    def __init__(
        self,
        store: Store,
        stop: Stop,
        stack: ExitStack,
        tell: Callable[[], None],
        *,
        pause: Callable[[], None] = _nothing,
        resume: Callable[[], None] = _nothing,
    ) -> None:
        self.process = TableProcess(stop)
        self.bytes_read = 0
        self._store, self._stop, self._tell = store, stop, tell
        self._pause, self._resume = pause, resume
        self._turn = stack.enter_context(ExitStack())
        stack.callback(self.process.end)
        self._take_turn()

    def entries(
        self, pinned: Pinned, empty_too: Callable[[Entry], bool] = lambda _: False
    ) -> Iterator[Entry]:
        """Yield the objects that hold a byte.

        Args:
            pinned: Whose.
            empty_too: Which of the others: those that ought to hold one, where an upload was cut
                off. Markers such as `_SUCCESS` have no rows.

        Raises:
            Refused: `NotGranted`: one may not be read any more.
        """
        for entry in fetch_manifest(pinned.store, pinned.manifest, self._stop):
            self._stop.check()
            if time.monotonic() - self._since > _TURN_SECONDS:
                # A team whose tables take hours keeps no other one waiting for hours.
                self._pause()
                self.process.end()
                self._turn.close()
                self._stop.wait(_PAUSE_SECONDS)
                self._take_turn()
                self._resume()
            if not entry.size and not empty_too(entry):
                continue
            # What was granted when it was pinned may have been withdrawn since.
            pinned.access.check(entry.bucket, entry.key)
            yield entry

    def table(self, store: Store, entry: Entry) -> TableFile:
        """Return an object as a table."""

        def read(first: int, size: int) -> bytes:
            self._stop.check()
            body = read_range(store.wire, entry, first, size)
            self.bytes_read += size
            self._tell()
            return body

        return TableFile(entry.path, entry.size, read)

    def _take_turn(self) -> None:
        self._turn.enter_context(self._store.alone(self._stop))
        self._since = time.monotonic()
