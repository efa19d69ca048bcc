"""What compares tables reads them from memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from glovebox.data.manifest import DigestSource, Entry
from glovebox.store.connection import Pools, Stop, Store, StoreSettings
from glovebox.store.manifests import ManifestLocation
from glovebox.tasks import rows
from support.tables_in_memory import Files


@pytest.fixture
def store() -> Iterator[Store]:
    """A store that nobody answers for."""
    pools = Pools(control=1, jobs=1, reads=1)
    yield Store(StoreSettings("http://192.0.2.1:8333"), pools)
    pools.close()


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, Files]:
    """The objects of each input, by the digest of its manifest."""
    held: dict[str, Files] = {}

    def fetch(store: Store, where: ManifestLocation, stop: Stop) -> Iterator[Entry]:
        del store, stop
        for path, body in sorted(held[where.digest].items()):
            key = f"{where.digest}/{path}"
            yield Entry(path, len(body), "0" * 64, "data", key, "v", DigestSource.COMPUTED)

    def read(wire: object, entry: Entry, first: int, size: int) -> bytes:
        del wire
        name, _, path = entry.key.partition("/")
        return held[name][path][first : first + size]

    monkeypatch.setattr(rows, "fetch_manifest", fetch)
    monkeypatch.setattr(rows, "read_range", read)
    return held
