"""What a task has hashed so far: segments at a check-point, read back in the order of the paths.

Nothing is written before the first interval is over, so that short tasks leave nothing behind. A
journal only ever saves work: an entry counts for the very version that it names and for nothing
else.
"""

from __future__ import annotations

import functools
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, TypeVar

import structlog

from glovebox.data.manifest import Entry, decode_entry, decompressed, encode_entry, split_lines
from glovebox.errors import GloveboxError, InvalidInput
from glovebox.store.connection import Stop, Store
from glovebox.store.sorting import externally_sorted
from glovebox.store.telling import Progress as Counted
from glovebox.tasks.context import Checkpoint, Progress

EVERY_OBJECTS: Final = 20_000
_GZIP: Final = 16 + zlib.MAX_WBITS
T = TypeVar("T")
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


async def journaled(store: Store, journal: HashJournal, attempt: Awaitable[T]) -> T:
    """Return what an attempt comes to; the journal is cleared with it, and kept if it fails.

    Raises:
        GloveboxError: As the attempt.
    """
    try:
        result = await attempt
    except GloveboxError as error:
        await store.run(functools.partial(_flush_on_error, journal, error))
        raise
    await store.run_job(lambda _: journal.clear(), Stop())
    return result


def progress_of(counted: Counted, journal: HashJournal, doing: str) -> Progress:
    """Return the progress of a task that lists everything first, and then hashes (`doing`)."""
    is_listed = counted.listed and counted.objects
    return Progress(
        objects_done=counted.objects,
        objects_total=max(counted.listed, counted.objects) if is_listed else None,
        bytes_done=counted.bytes,
        bytes_total=max(counted.listed_bytes, counted.bytes) if is_listed else None,
        bytes_read=counted.read_bytes,
        checkpoint=journal.place,
        phase=doing if counted.objects else "Listing",
    )


def _flush_on_error(journal: HashJournal, error: GloveboxError) -> None:
    try:
        journal.flush()
    except GloveboxError as second:
        log.info("a check-point was not kept", error=second.message, after=error.reason)
