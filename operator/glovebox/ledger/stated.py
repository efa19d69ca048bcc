"""Compares what entries say of other objects in the bucket with those objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from glovebox.ledger import findings as words
from glovebox.ledger.entry import StatedObject
from glovebox.ledger.findings import LedgerReport
from glovebox.ledger.layout import entry_path
from glovebox.ledger.source import Lock

# What lies there for each sealed Experiment, and has to have an entry.
SEALS: Final = ".glovebox/seals/"
SEAL: Final = "attestation.dsse.json"


@dataclass(frozen=True, slots=True)
class FoundObject:
    """A version as it lies in the bucket.

    Attributes:
        sha256: Of its bytes, hex.
        lock: What protects it.
    """

    sha256: str
    lock: Lock


# Returns the version of a stated object; True when the key has other versions alone, False when it
# has none.
Find = Callable[[StatedObject], FoundObject | bool]


def compare_objects(report: LedgerReport, find: Find) -> None:
    """Compare each object that an entry vouches for with what lies in the bucket."""
    for each in report.objects:
        stated = each.stated
        where = f"{entry_path(each.index)}: {stated.key}"
        found = find(stated)
        if found is False:
            report.note(words.OBJECT_MISSING, where, "nothing lies at its key")
        elif found is True:
            message = f"no version there is {stated.version_id}"
            report.note(words.OBJECT_VERSION_DIFFERS, where, message)
        else:
            _compare(report, where, stated, found)


def compare_seals(report: LedgerReport, seals: Iterable[str]) -> None:
    """Name each seal in the bucket that no entry tells of.

    Args:
        report: After its entries were read.
        seals: The keys of the statements of all seals.
    """
    told = {each.stated.key for each in report.objects}
    for key in seals:
        if key not in told:
            message = words.MEANINGS[words.OBJECT_WITHOUT_ENTRY]
            report.note(words.OBJECT_WITHOUT_ENTRY, key, message)


def is_seal(key: str) -> bool:
    """Whether a key is that of the statement of a seal."""
    return key.startswith(SEALS) and key.endswith(f"/{SEAL}")


def _compare(report: LedgerReport, where: str, stated: StatedObject, found: FoundObject) -> None:
    if found.sha256 != stated.sha256:
        message = f"its SHA-256 is {found.sha256}, and the entry says {stated.sha256}"
        report.note(words.OBJECT_DIFFERS, where, message)
    until = stated.retain_until_time
    if not until or found.lock.is_held:
        return
    ends = datetime.fromisoformat(found.lock.until) if found.lock.until else None
    if ends is None or ends < datetime.fromisoformat(until):
        message = f"its lock ends {found.lock.until or 'never began'}, and the entry says {until}"
        report.note(words.LOCK_SHORTENED, where, message)
