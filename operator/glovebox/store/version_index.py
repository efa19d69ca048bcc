"""Which versions are in some manifests, in memory that does not grow with them.

An index in a temporary database of SQLite: manifests are in the order of their paths, and the same
version may have another path in each.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from glovebox.data.manifest import Entry

# In KiB; what does not fit goes to the file, without a name, that SQLite makes.
_CACHE_KIB: Final = 16_384


class VersionIndex:
    """For one thread."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def add(self, owner: int, entries: Iterable[Entry]) -> None:
        """Add the versions of a manifest, in its order."""
        rows = ((_digest(entry), owner, place) for place, entry in enumerate(entries))
        self._database.executemany("INSERT OR IGNORE INTO held VALUES (?, ?, ?)", rows)

    def owners(self, entry: Entry) -> list[tuple[int, int]]:
        """Return which manifests have a version, and at which place."""
        asked = "SELECT owner, place FROM held WHERE version = ? ORDER BY owner"
        return list(self._database.execute(asked, (_digest(entry),)))


@contextlib.contextmanager
def version_index() -> Iterator[VersionIndex]:
    """Open an index, empty; it is gone afterwards."""
    # An empty name is a database of its own, on disk once it is large.
    with contextlib.closing(sqlite3.connect("", isolation_level=None)) as database:
        database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        database.execute("PRAGMA journal_mode = OFF")
        database.execute(
            "CREATE TABLE held (version BLOB, owner INTEGER, place INTEGER,"
            " PRIMARY KEY (version, owner)) WITHOUT ROWID"
        )
        yield VersionIndex(database)


def _digest(entry: Entry) -> bytes:
    words = f"{entry.bucket}\0{entry.key}\0{entry.version_id}"
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).digest()
