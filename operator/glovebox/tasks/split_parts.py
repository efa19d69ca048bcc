"""What both ways to divide a dataset share: the work at hand, and a part that is being made."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Final, Self

from glovebox.api import reasons
from glovebox.data.manifest import Entry, ManifestWriter, decode_entry, encode_entry
from glovebox.data.split_result import PartFound, digest_keys
from glovebox.data.splits import HASH_BYTES, Rule
from glovebox.errors import UnfitData
from glovebox.store.connection import Stop, Store
from glovebox.store.manifests import SPOOL_BYTES, ManifestLocation, ManifestLock, store_manifest
from glovebox.store.sorting import externally_sorted
from glovebox.store.source_access import SourceAccess
from glovebox.store.sources import Source

# Of all parts together, each counted once a batch: 512 MiB of temporary files, and as much to sort.
MAX_KEYS: Final = 1 << 25
_READ: Final = HASH_BYTES << 12


@dataclass(frozen=True, slots=True)
class Splitting:
    """The work at hand; see `SplitRequest`.

    Attributes:
        prefix: Below which the rows of parts are written.
        report: Takes how many objects are done, and how many bytes were read.
        stop: Looked at between requests.
    """

    store: Store
    source: Source
    manifest: ManifestLocation
    access: SourceAccess
    bucket: str
    rule: Rule
    parts: tuple[str, ...]
    prefix: str
    report: Callable[[int, int], None]
    stop: Stop


class PartBuilder:
    """One part: its entries in any order, its keys, its times.

    Args:
        name: Of the part.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.objects = 0
        self.rows: int | None = None
        self.keyed = 0
        self._first: int | None = None
        self._last: int | None = None

    def __enter__(self) -> Self:
        self._entries: IO[bytes] = tempfile.SpooledTemporaryFile(
            SPOOL_BYTES, prefix="glovebox-split-"
        )
        self._keys: IO[bytes] = tempfile.SpooledTemporaryFile(SPOOL_BYTES, prefix="glovebox-split-")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._entries.close()
        self._keys.close()

    def add(self, entry: Entry) -> None:
        """Take an object."""
        self.objects += 1
        self._entries.write(encode_entry(entry))

    def add_keys(self, hashes: Iterable[bytes]) -> None:
        """Take hashes of keys; one may come more than once."""
        for each in hashes:
            self._keys.write(each)
            self.keyed += 1

    def add_moments(self, first: int, last: int) -> None:
        """Take the smallest and the largest of some moments."""
        self._first = first if self._first is None else min(self._first, first)
        self._last = last if self._last is None else max(self._last, last)

    def finish(self, store: Store, bucket: str, lock: ManifestLock | None, stop: Stop) -> PartFound:
        """Store the manifest; return what the part came to. Blocks.

        Raises:
            InvalidInput: Two of its objects have one path.
            GloveboxError: The store does not answer or denies it.
        """
        with tempfile.SpooledTemporaryFile(SPOOL_BYTES, prefix="glovebox-manifest-") as file:
            writer = ManifestWriter(file.write)
            for entry in externally_sorted(self._read_entries(stop), _path_bytes):
                writer.add(entry)
            roots = writer.finish()
            file.seek(0)
            where = store_manifest(store, bucket, file, writer.digest, lock, stop)
        keys, keys_digest = digest_keys(externally_sorted(self._read_keys(stop), _itself))
        return PartFound(
            self.name,
            roots.content,
            roots.pin,
            roots.objects,
            roots.bytes,
            roots.shards,
            where.bucket,
            where.key,
            where.version_id,
            where.digest,
            where.bytes,
            rows=self.rows,
            keys=keys if self.keyed else None,
            keys_digest=keys_digest if self.keyed else "",
            first=str(self._first) if self._first is not None else "",
            last=str(self._last) if self._last is not None else "",
        )

    def _read_entries(self, stop: Stop) -> Iterator[Entry]:
        self._entries.seek(0)
        for line in self._entries:
            stop.check()
            yield decode_entry(line)

    def _read_keys(self, stop: Stop) -> Iterator[bytes]:
        self._keys.seek(0)
        while block := self._keys.read(_READ):
            stop.check()
            for at in range(0, len(block), HASH_BYTES):
                yield block[at : at + HASH_BYTES]


def require_room(parts: Iterable[PartBuilder]) -> None:
    """Return while the keys of all parts fit.

    Raises:
        UnfitData: `TooManyObjects`.
    """
    if sum(part.keyed for part in parts) > MAX_KEYS:
        raise UnfitData(
            reasons.TOO_MANY_OBJECTS,
            f"the dataset has more than {MAX_KEYS:,} keys, which is the most that is split at once:"
            " split by a key of fewer values, such as the patient instead of the visit, or pin the"
            " data in several pins",
        )


def _path_bytes(entry: Entry) -> bytes:
    return entry.path.encode()


def _itself(value: bytes) -> bytes:
    return value
