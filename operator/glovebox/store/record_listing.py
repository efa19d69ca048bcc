"""What a store has on record of runs and seals, by listing alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from glovebox.evidence.statement import STATEMENT_NAME
from glovebox.store.listing import list_versions
from glovebox.store.run_records import list_run_keys
from glovebox.store.sealing import PREFIX as SEALS

if TYPE_CHECKING:
    from glovebox.store.connection import Stop, Store


@dataclass(frozen=True, slots=True)
class Records:
    """What is on record.

    Attributes:
        runs: Keys of the records of runs.
        seals: UIDs of the Experiments that have a statement; whether it is signed is not looked at.
    """

    runs: frozenset[str]
    seals: frozenset[str]


def list_records(store: Store, bucket: str, stop: Stop) -> Records:
    """Return what a store has on record. Blocks.

    Raises:
        GloveboxError: The store does not answer or denies it.
    """
    seals = {
        row.key.removeprefix(SEALS).partition("/")[0]
        for row in list_versions(store.wire, bucket, SEALS, stop)
        if row.key.endswith(f"/{STATEMENT_NAME}") and not row.is_delete_marker
    }
    return Records(frozenset(list_run_keys(store, bucket, stop)), frozenset(seals))
