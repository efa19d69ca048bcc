"""What a task has hashed so far: segments at a check-point, read back in the order of the paths.

Nothing is written before the first interval is over, so that short tasks leave nothing behind. A
journal only ever saves work: an entry counts for the very version that it names and for nothing
else.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator
from typing import Final

import structlog

from glovebox.data.manifest import Entry, decode_entry, decompressed, encode_entry, split_lines
from glovebox.errors import GloveboxError, InvalidInput
from glovebox.store.connection import Stop
from glovebox.store.sorting import externally_sorted
from glovebox.tasks.context import Checkpoint

EVERY_OBJECTS: Final = 20_000
_GZIP: Final = 16 + zlib.MAX_WBITS
log = structlog.get_logger(__name__)


class HashJournal:
    """The entries that a task has hashed, beyond its own life. For one thread.

    Args:
        checkpoint: Where segments are kept.
        every_seconds: The longest time of work that a restart may lose.
        clock: Monotonic seconds.
        every_objects: The most objects of one segment.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        every_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        every_objects: int = EVERY_OBJECTS,
    ) -> None:
        self._checkpoint = checkpoint
        self._clock = clock
        self._every_seconds = every_seconds
        self._every_objects = every_objects
        self._begin()
        self.place = ""

    def entries(self, stop: Stop) -> Iterator[Entry]:
        """Yield what earlier attempts hashed, in the order of the paths' UTF-8 bytes."""
        return externally_sorted(
            self._loaded(stop), key=lambda entry: (entry.path.encode(), entry.version_id)
        )

    def add(self, entry: Entry) -> None:
        """Take an entry that was hashed just now; write a segment when one is due.

        Raises:
            GloveboxError: It could not be kept, and the store is therefore no place to go on.
        """
        self._segment.extend(self._gzip.compress(encode_entry(entry)))
        self._objects += 1
        late = self._clock() - self._since >= self._every_seconds
        if late or self._objects >= self._every_objects:
            self.flush()

    def flush(self) -> None:
        """Write what was not written yet."""
        if self._objects:
            self.place = self._checkpoint.save(bytes(self._segment + self._gzip.flush()))
        self._begin()

    def clear(self) -> None:
        """Drop everything: the task is done."""
        self._checkpoint.clear()

    def _begin(self) -> None:
        self._segment = bytearray()
        self._gzip = zlib.compressobj(6, zlib.DEFLATED, _GZIP)
        self._objects = 0
        self._since = self._clock()

    def _loaded(self, stop: Stop) -> Iterator[Entry]:
        for segment in self._checkpoint.load():
            stop.check()
            try:
                for line in split_lines(decompressed([segment])):
                    yield decode_entry(line)
            except InvalidInput as error:
                # Damaged: what it would have saved is read again.
                log.warning("a check-point cannot be read", error=error.message)


def flushed_on_error(journal: HashJournal, error: GloveboxError) -> None:
    """Keep what an attempt hashed before it failed, if possible; the error is what counts."""
    try:
        journal.flush()
    except GloveboxError as second:
        log.info("a check-point was not kept", error=second.message, after=error.reason)
