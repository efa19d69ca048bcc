"""What follows for two inputs from being parts of splits: apart by a rule, or one within the other.

Two parts of one split are apart whatever they hold: no key is in both, or no moment. A part and
what was split share all of the part. Parts of different splits of the same data share some, unless
they are also parts of one split further out. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from glovebox.api.derived import UpstreamInput
from glovebox.api.split_pin_status import PartOfSplit
from glovebox.desired.covered import Covered


def separating(one: Covered, other: Covered) -> PartOfSplit | None:
    """Return the split of which two inputs are different parts; None when there is none."""
    parts = {each.split_digest: each.part for each in other.splits}
    return next(
        (each for each in one.splits if parts.get(each.split_digest, each.part) != each.part), None
    )


def has_no_common_key(one: Covered, other: Covered, columns: tuple[str, ...]) -> bool:
    """Return whether a split keeps everything apart that is equal in some columns.

    What is equal in all of them is equal in those that the split looked at, if it looked at no
    others.

    Args:
        one: An input.
        other: Another.
        columns: Of a key or of a group; of folders where objects were split.
    """
    split = separating(one, other)
    if split is None or split.by == "Time" or not split.columns:
        return False
    return set(split.columns) <= set(columns)


def has_no_common_row(one: Covered, other: Covered) -> bool:
    """Return whether a split puts equal rows into one part, so that two parts share none.

    Two rows with the same values everywhere have the same key, so they are in the same part. Where
    pins declare a key of their own, equal rows are those that are equal in that.
    """
    split = separating(one, other)
    if split is None or split.granularity != "Rows" or split.by == "Time":
        return False
    declared = [set(each.key) for each in (one, other) if each.key]
    return all(set(split.columns) <= key for key in declared)


def has_no_common_time(one: Covered, other: Covered) -> bool:
    """Return whether a split by time keeps two inputs apart."""
    split = separating(one, other)
    return split is not None and split.by == "Time"


def splits_text(pairs: Iterable[tuple[Covered, Covered]]) -> str:
    """Return by their digests the splits that keep inputs apart, as they stand in a message."""
    found = (separating(*pair) for pair in pairs)
    return "split " + ", ".join(dict.fromkeys(each.split_digest for each in found if each))


def origin_shared(one: Covered, other: Covered) -> str:
    """Return why two inputs share rows, or an empty text when nothing says so.

    Whole objects are compared by their bytes, so only rows that were written can share unseen.
    """
    if separating(one, other) is not None or not (one.is_of_rows or other.is_of_rows):
        return ""
    for part, whole in ((one, other), (other, one)):
        if whole.digest in _origins(part):
            return f"`{part.name}` is a part of what `{whole.name}` holds"
    if set(_origins(one)) & set(_origins(other)):
        return "both are parts of the same data, by different splits"
    return ""


def had_read(read: UpstreamInput, used: Covered) -> bool:
    """Return whether what a run read holds some of what an input holds, by contents and splits.

    It does where one is the other or a part of it, and where both are parts of the same data,
    unless these are different parts of one split.
    """
    parts = {each.split_digest: each.part for each in used.splits}
    if any(parts.get(each.split_digest, each.part) != each.part for each in read.part_of):
        return False
    contents = {read.digest, *(each.source_digest for each in read.part_of)} - {""}
    return not contents.isdisjoint({used.digest, *_origins(used)})


def _origins(part: Covered) -> Iterator[str]:
    return (each.source_digest for each in part.splits)
