"""Reads the files of pinned tables one after the other, in a turn that others get as well.

Each file is read by version, with what its pin's namespace may read and nothing more, and is parsed
by a process of its own: see `table_program`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from glovebox.data.manifest import Entry
from glovebox.store.connection import Stop, Store
from glovebox.store.manifests import ManifestLocation, fetch_manifest
from glovebox.store.ranges import read_range
from glovebox.store.source_access import SourceAccess, narrowed
from glovebox.store.sources import Source
from glovebox.tasks.table_process import TableFile, TableProcess

# So long one check reads while others wait, but for the file that it is at; and how long it stands
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

    def opened(self) -> Store:
        """Return the store through sessions that read the dataset and nothing else."""
        return narrowed(self.store, self.access, self.source)


class PinnedFiles:
    """The turn of one check, and its process. Blocks.

    Args:
        store: Whose turn it takes: one check at a time reads tables there.
        stop: Looked at while it waits and reads.
        tell: Called whenever something was read.
        stack: Ends turn and process.

    Attributes:
        process: Reads tables.
        read: How many bytes were read.
    """

    def __init__(
        self, store: Store, stop: Stop, tell: Callable[[], None], stack: ExitStack
    ) -> None:
        self._store, self._stop, self._report = store, stop, tell
        self.process = TableProcess(stop)
        self.read = 0
        # What reads tables may take as much memory as the process itself has to spare.
        self._turn = stack.enter_context(ExitStack())
        stack.callback(self.process.end)
        self._take_turn()

    def entries(self, pinned: Pinned) -> Iterator[Entry]:
        """Yield the objects that hold a byte.

        Raises:
            Refused: `NotGranted`: one may not be read any more.
        """
        for entry in fetch_manifest(pinned.store, pinned.manifest, self._stop):
            self._stop.check()
            if time.monotonic() - self._since > _TURN_SECONDS:
                # A team whose tables take hours keeps no other one waiting for hours.
                self.process.end()
                self._turn.close()
                self._stop.wait(_PAUSE_SECONDS)
                self._take_turn()
            if not entry.size:
                continue  # markers such as `_SUCCESS` have no rows
            # What was granted when it was pinned may have been withdrawn since.
            pinned.access.check(entry.bucket, entry.key)
            yield entry

    def table(self, opened: Store, entry: Entry) -> TableFile:
        """Return a table of a store that `Pinned.opened` returned."""

        def read(first: int, size: int) -> bytes:
            self._stop.check()
            body = read_range(opened.wire, entry, first, size)
            self.read += size
            self._report()
            return body

        return TableFile(entry.path, entry.size, read)

    def _take_turn(self) -> None:
        self._turn.enter_context(self._store.alone(self._stop))
        self._since = time.monotonic()
