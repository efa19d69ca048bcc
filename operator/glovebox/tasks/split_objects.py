"""Whole objects go to parts, by the manifest alone: nothing of them is read, and nothing written.

The key of an object is its path, or the values of folders `<column>=<value>/` that it lies in, as
Hive, Spark and Arrow write them. An object without a byte is nobody's: it goes to no part.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import unquote

from glovebox.api import reasons
from glovebox.data.manifest import Entry
from glovebox.data.printable import printable
from glovebox.data.row_keys import Kind, canonical_key, hash_key
from glovebox.data.splits import (
    HASH_BYTES,
    ByShare,
    ByTime,
    Membership,
    hash_of,
    moment_bytes,
    moment_of,
    moment_of_text,
)
from glovebox.errors import UnfitData
from glovebox.store.manifests import fetch_manifest
from glovebox.tasks.split_assignment import read_assignment
from glovebox.tasks.split_parts import PartBuilder, Splitting, require_room
from glovebox.tasks.table_process import TableProcess

# Of an object whose key is its path: the column of a list.
PATH_COLUMN: Final = "path"
# As Hive writes nothing.
_NOTHING: Final = "__HIVE_DEFAULT_PARTITION__"
_REPORT_EVERY: Final = 1000


def split_objects(work: Splitting, parts: Sequence[PartBuilder]) -> int:
    """Give each object to its part; return how many belong to none. Blocks.

    Raises:
        As `split_dataset`.
    """
    rule = work.rule
    members: Membership = _members(work)
    left_out = 0
    for number, entry in enumerate(entries_of(work), 1):
        if number % _REPORT_EVERY == 0:
            work.report(number, 0)
        if not entry.size or (rule.by == "Assignment" and entry.path == rule.path):
            continue
        value = _value(work, entry)
        at = members.part_of(value)
        if at is None and rule.by == "Assignment":
            raise UnfitData(
                reasons.ASSIGNMENT_WRONG,
                f"`{rule.path}` says no part of `{printable(entry.path)}`: list every key once",
            )
        if at is None:
            left_out += 1
            continue
        part = parts[at]
        part.add(entry)
        if rule.by == "Time":
            moment = moment_of(value)
            part.add_moments(moment, moment)
        else:
            part.add_keys((value,))
            require_room(parts)
    return left_out


def entries_of(work: Splitting) -> Iterator[Entry]:
    """Yield the objects of the dataset, each of which may still be read."""
    for entry in fetch_manifest(work.store, work.manifest, work.stop):
        # What was granted when it was pinned may have been withdrawn since.
        work.access.check(entry.bucket, entry.key)
        yield entry


def _members(work: Splitting) -> Membership:
    rule = work.rule
    if rule.by == "Key":
        return ByShare(rule.shares)
    if rule.by == "Time":
        return ByTime.of(rule)
    columns = rule.columns or (PATH_COLUMN,)
    kinds: list[Kind] = ["Text" for _ in columns]
    with work.store.alone(work.stop), TableProcess(work.stop) as process:
        return read_assignment(work, process, entries_of(work), columns, kinds)


def _value(work: Splitting, entry: Entry) -> bytes:
    """Return what decides where an object goes."""
    rule = work.rule
    values = [_folder(entry.path, column) for column in rule.columns] or [entry.path]
    if rule.by == "Time":
        moment = moment_of_text(values[0])
        if moment is None:
            raise UnfitData(
                reasons.KEY_MISSING,
                f"the folder `{rule.columns[0]}=` of `{printable(entry.path)}` names no moment in"
                " ISO 8601 from 1678 to 2261, such as 2013-01-31: write it so, or pin what is split"
                " by another rule",
            )
        return moment_bytes(moment)
    key = canonical_key(values)
    whole = hash_of(rule.salt, key) if rule.by == "Key" else hash_key(key)
    return whole[:HASH_BYTES]


def _folder(path: str, column: str) -> str:
    """Return the value of `<column>=<value>` among the folders of a path.

    One name is one value, whether a system writes its accents as letters of their own or not.

    Raises:
        UnfitData: `KeyMissing`: there is no such folder, or more than one.
    """
    begin = f"{column}="
    found = [part[len(begin) :] for part in path.split("/")[:-1] if part.startswith(begin)]
    if len(found) != 1 or found[0] in {"", _NOTHING}:
        number = "no folder" if not found else "no one folder"
        raise UnfitData(
            reasons.KEY_MISSING,
            f"`{printable(path)}` lies in {number} `{column}=<value>/`, so nobody knows to which"
            " part it belongs: pin objects in such folders alone, or split by another key",
        )
    return unicodedata.normalize("NFC", unquote(found[0]))
