"""Datasets held in memory, and what a split of them comes to, without a store."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import IO, Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from glovebox.data.manifest import DigestSource, Entry
from glovebox.data.split_result import SplitFound
from glovebox.data.splits import Rule
from glovebox.store.connection import Stop, Store
from glovebox.store.manifests import ManifestLocation, ManifestLock
from glovebox.store.part_objects import parse_record, render_record
from glovebox.store.source_access import Location, SourceAccess
from glovebox.store.sources import PrefixSource
from glovebox.tasks import split, split_assignment, split_objects, split_parts, split_rows
from glovebox.tasks.split import SplitRequest

ACCESS = SourceAccess("team", "primary", (Location("data", ""),), "artifacts")
WHERE = ManifestLocation("artifacts", "m", "v", "sha256:" + "0" * 64, 0)


@dataclass
class Memory:
    """The objects of one dataset, and what was written of its parts.

    Attributes:
        files: The dataset, by path.
        written: The objects of parts, by key.
        manifests: Entries of the manifests that were written, one list for each.
        records: What splits are recorded to have come to, by prefix.
        ranges: How many ranges were read.
        lost: Whether objects of parts that are recorded are gone.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    written: dict[str, bytes] = field(default_factory=dict)
    manifests: list[list[str]] = field(default_factory=list)
    records: dict[str, bytes] = field(default_factory=dict)
    ranges: int = 0
    lost: bool = False

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stand in for the store."""
        for module in (split_objects,):
            monkeypatch.setattr(module, "fetch_manifest", self._entries)
        for module in (split_rows, split_assignment):
            monkeypatch.setattr(module, "read_range", self._range)
        monkeypatch.setattr(split_rows, "store_part_object", self._part)
        monkeypatch.setattr(split_parts, "store_manifest", self._manifest)
        monkeypatch.setattr(split, "read_splits", self._recorded)
        monkeypatch.setattr(split, "record_split", self._record)
        monkeypatch.setattr(split, "head_version", lambda *_: object())
        monkeypatch.setattr(split, "are_all_there", lambda *_: not self.lost)

    def rows_of(self, part: str) -> list[dict[str, Any]]:
        """Return all rows of a part, in the order of its objects."""
        return [row for table in self.tables_of(part) for row in table.to_pylist()]

    def tables_of(self, part: str) -> list[pa.Table]:
        """Return the tables of a part."""
        return [
            parquet.read_table(io.BytesIO(body))
            for key, body in sorted(self.written.items())
            if f"/{part}/" in key
        ]

    def _entries(self, store: Store, where: ManifestLocation, stop: Stop) -> Iterator[Entry]:
        del store, where, stop
        for path, body in sorted(self.files.items()):
            sha256 = hashlib.sha256(body).hexdigest()
            yield Entry(path, len(body), sha256, "data", path, "v", DigestSource.COMPUTED)

    def _range(self, wire: object, entry: Entry, first: int, size: int) -> bytes:
        del wire
        self.ranges += 1
        return self.files[entry.path][first : first + size]

    def _part(
        self, store: Store, bucket: str, key: str, path: str, file: IO[bytes], stop: Stop
    ) -> Entry:
        del store, stop
        file.seek(0)
        body = file.read()
        self.written[key] = body
        sha256 = hashlib.sha256(body).hexdigest()
        return Entry(path, len(body), sha256, bucket, key, "v", DigestSource.COMPUTED)

    def _manifest(
        self,
        store: Store,
        bucket: str,
        file: IO[bytes],
        digest: str,
        lock: ManifestLock | None,
        stop: Stop,
    ) -> ManifestLocation:
        del store, lock, stop
        return ManifestLocation(bucket, f"m/{digest}", "v", digest, len(file.read()))

    def _record(
        self,
        store: Store,
        bucket: str,
        prefix: str,
        found: SplitFound,
        stop: Stop,
        stands: Callable[[SplitFound], bool],
    ) -> SplitFound:
        del store, bucket, stop, stands
        return parse_record(self.records.setdefault(prefix, render_record(found))) or found

    def _recorded(self, store: Store, bucket: str, prefix: str, stop: Stop) -> Iterator[SplitFound]:
        del store, bucket, stop
        found = parse_record(self.records.get(prefix, b""))
        return iter([found] if found is not None else [])


def request_of(store: Store, rule: Rule, *parts: str) -> SplitRequest:
    """Return the request to divide what lies in memory."""
    return SplitRequest(
        store,
        PrefixSource("data", ""),
        WHERE,
        ACCESS,
        "artifacts",
        None,
        rule,
        parts,
        "sha256:" + "1" * 64,
        "team",
    )


def divide(
    store: Store,
    rule: Rule,
    *parts: str,
    report: Callable[[int, int], None] = lambda *_: None,
    access: SourceAccess = ACCESS,
) -> SplitFound:
    """Divide what lies in memory. Blocks."""
    request = replace(request_of(store, rule, *parts), access=access)
    return split._split(request, report, Stop())


def as_parquet(table: pa.Table, **options: Any) -> bytes:
    """Return a table as a file of Parquet."""
    sink = io.BytesIO()
    parquet.write_table(table, sink, **options)
    return sink.getvalue()
