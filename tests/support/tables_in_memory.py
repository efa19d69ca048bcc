"""Inputs whose tables lie in memory: for comparing their rows, or their texts."""

from __future__ import annotations

from glovebox.store.connection import Store
from glovebox.store.manifests import ManifestLocation
from glovebox.store.source_access import Location, SourceAccess
from glovebox.store.sources import PrefixSource
from glovebox.tasks.rows import KeyedDataset, Rows

ACCESS = SourceAccess("team", "primary", (Location("data", ""),), "artifacts")
# By their paths.
Files = dict[str, bytes]


def compared_by(
    columns: tuple[str, ...],
    store: Store,
    name: str,
    *,
    role: str = "",
    access: SourceAccess = ACCESS,
) -> KeyedDataset:
    """Return an input that is compared by these columns; its role is its name by default."""
    where = ManifestLocation("artifacts", name, "v", name, 0)
    rows = Rows(columns, PrefixSource("data", ""), access)
    return KeyedDataset(name, role or name, store, where, rows)
