"""Whether a rule of a bucket archives evidence: what is archived is read by nobody for hours.

S3 leaves locked versions alone when rules expire them, and moves them between storage classes all
the same. A seal, a record or a manifest in an archive cannot be read any more; and what is archived
on its first day is taken for its writer's own (`evidence/standing.py`). So a bucket with such a
rule is reported when its store is checked. No rule is ever written here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from glovebox.data.printable import printable
from glovebox.errors import Forbidden, GloveboxError
from glovebox.store.errors import translated

if TYPE_CHECKING:
    from glovebox.store.connection import Store

# Below it lies whatever the operator has to read again.
EVIDENCE: Final = ".glovebox/"
# The classes that a plain read gets nothing of. `GLACIER_IR` is none of them, and others that
# stores name themselves are not known.
_ARCHIVES: Final = frozenset({"GLACIER", "DEEP_ARCHIVE"})


@dataclass(frozen=True, slots=True)
class Archiving:
    """What the rules of a bucket do to evidence.

    Attributes:
        rule: What the first such rule says of itself, for a person; empty where none does.
        denied: Why nobody knows: the store denies the question. Empty where it was answered, or is
            not offered.
    """

    rule: str = ""
    denied: str = ""


async def read_archiving(store: Store, bucket: str) -> Archiving:
    """Return whether a rule archives evidence; never raises for what the store answers or not."""
    return await store.run(_read, store, bucket)


def _read(store: Store, bucket: str) -> Archiving:
    try:
        with translated(f"read the lifecycle rules of bucket {bucket}"):
            answer = store.s3.get_bucket_lifecycle_configuration(Bucket=bucket)
    except Forbidden as error:
        return Archiving(denied=error.message)
    except GloveboxError:  # without rules, or without such a request, it says so by an error
        return Archiving()
    return Archiving(next(archiving_rules(answer.get("Rules", ())), ""))


def archiving_rules(rules: Any) -> Iterator[str]:
    """Yield what each rule says of itself that archives what lies below `.glovebox/`. Pure."""
    for rule in rules:
        moved = _moved(rule)
        if rule.get("Status") == "Enabled" and moved and _reaches(rule):
            yield f"rule `{printable(rule.get('ID') or 'without a name')}` moves {moved}"


def _moved(rule: Mapping[str, Any]) -> str:
    for each in rule.get("Transitions") or ():
        if each.get("StorageClass") in _ARCHIVES:
            when = f"on {each['Date']:%Y-%m-%d}" if "Date" in each else _after(each.get("Days", 0))
            return f"versions to {each['StorageClass']} {when}"
    for each in rule.get("NoncurrentVersionTransitions") or ():
        if each.get("StorageClass") in _ARCHIVES:
            when = _after(each.get("NoncurrentDays", 0))
            return f"versions that were written over to {each['StorageClass']} {when}"
    return ""


def _after(days: int) -> str:
    return f"after {days:,} day{'' if days == 1 else 's'}"


def _reaches(rule: Mapping[str, Any]) -> bool:
    """Whether a rule may mean evidence: that has no tags, and any size."""
    chosen = rule.get("Filter") or {}
    both = chosen.get("And") or {}
    if chosen.get("Tag") or both.get("Tags"):
        return False
    # Older rules have their prefix beside the filter.
    prefix = str(chosen.get("Prefix") or both.get("Prefix") or rule.get("Prefix") or "")
    return prefix.startswith(EVIDENCE) or EVIDENCE.startswith(prefix)
