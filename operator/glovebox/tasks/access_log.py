"""Reads a store's access log, object by object, and keeps how far it came.

    .glovebox/tasks/<uid>/reads/<number>.json    what all lines so far came to

The log is found by listing. Names of its objects are not believed to be in order, and some arrive
late, so what is read next is what was written first, by the store's clock. A pass reads so much at
most. It counts once its document is written, under a number that none had before; whatever fails
before that, the lines are read again and come to the same.
"""

from __future__ import annotations

import heapq
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from glovebox.api import reasons
from glovebox.data.log_lines import MOST_BYTES, parse_line
from glovebox.data.log_state import LogState, decode_state, encode_state
from glovebox.data.unusual_reads import (
    KEPT_SECONDS,
    Covered,
    Rules,
    WatchedPin,
    forget_old,
    is_plausible,
    take,
)
from glovebox.errors import Conflict, GloveboxError, InvalidInput, Unavailable
from glovebox.store.connection import Stop, Store
from glovebox.store.errors import translated
from glovebox.store.listing import list_versions
from glovebox.store.manifests import ManifestLocation, fetch_manifest, object_chunks
from glovebox.tasks.short_lived import PREFIX, delete_below, put_short_lived

# Of one pass: objects, and bytes of their lines.
_MOST_OBJECTS: Final = 1000
_PASS_BYTES: Final = 64 << 20
# Of one object, so that none keeps a pass from ending.
_OBJECT_BYTES: Final = 256 << 20
# Of pins that list their objects, which are kept in memory: of one, and of all in a store.
_MOST_KEYS_EACH: Final = 20_000
_MOST_KEYS: Final = 200_000
_CHUNK: Final = 1 << 16
RESULTS: Final = ("taken", "unparsed", "repeated")
_ARCHIVES: Final = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_GZIP: Final = b"\x1f\x8b"
_WBITS: Final = 16 + zlib.MAX_WBITS


class _TooLargeError(Exception):
    """An object has more bytes than are read of one."""


@dataclass(frozen=True, slots=True)
class AccessLog:
    """Where a log is, and where it is kept how far it was read.

    Attributes:
        store: That writes it.
        uid: Of the ObjectStore.
        bucket: Of the log.
        prefix: Of the log; empty for the whole bucket.
        artifacts: The bucket of artifacts.
        locked: Whether that one has an object lock.
    """

    store: Store
    uid: str
    bucket: str
    prefix: str
    artifacts: str
    locked: bool

    @property
    def folder(self) -> str:
        """Where the documents are."""
        return f"{PREFIX}{self.uid}/reads/"


# Buckets and keys.
Keys = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ListedPin:
    """A pin whose objects are known by its manifest alone.

    Attributes:
        pin: The pin, without its keys.
        root: Its pin root.
        manifest: Where its manifest is.
    """

    pin: WatchedPin
    root: str
    manifest: ManifestLocation


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for.

    Attributes:
        rules: Who may read.
        pins: Whose places are known.
        listed: Whose are to be read in their manifests.
        keys: What was read there before, by pin root; None for too many.
        now: The present time.
    """

    rules: Rules
    pins: tuple[WatchedPin, ...]
    listed: tuple[ListedPin, ...]
    keys: Mapping[str, Keys | None]
    now: datetime


@dataclass(frozen=True, slots=True)
class Passed:
    """What a pass came to.

    Attributes:
        state: How far the log was read by now.
        waiting: How many objects of it are still to be read.
        keys: The objects of listed pins, by pin root; None for too many.
        unwatched: UIDs of the pins whose objects are too many.
        counts: How many lines this pass took, could not parse, and knew already.
    """

    state: LogState
    waiting: int
    keys: Mapping[str, Keys | None]
    unwatched: frozenset[str]
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Object:
    written: int
    key: str
    tag: str

    def __lt__(self, other: _Object) -> bool:
        return (self.written, self.key) < (other.written, other.key)


def read_log(log: AccessLog, state: LogState | None, question: Question, stop: Stop) -> Passed:
    """Read what came since the last pass, and keep what it came to. Blocks.

    Args:
        log: Where it is.
        state: What the last pass came to; changed in place, and not to be used any more where this
            raises. None where it is not known: it is read.
        question: What is looked for.
        stop: Looked at between requests.

    Raises:
        Conflict: Another process has read on meanwhile.
        GloveboxError: The store does not answer, or denies it.
    """
    known = state if state is not None else load_state(log, stop)
    keys = _keys_of(log, question, stop)
    listed = (replace(each.pin, keys=keys[each.root] or ()) for each in question.listed)
    covered = Covered((*question.pins, *listed))
    moment = int(question.now.timestamp())
    known.begin(f"{log.bucket}/{log.prefix}")
    known.floor = max(known.floor, moment - KEPT_SECONDS)
    before = _counts(known)
    found, waiting = _next_objects(log, known, stop)
    taken, newest = 0, known.floor
    for each in found:
        if taken >= _PASS_BYTES:
            break
        taken += _read_object(log, each, known, question.rules, covered, moment, stop)
        known.note_object(each.key, each.tag, each.written)
        known.read_objects += 1
        newest, waiting = max(newest, each.written), waiting - 1
    known.settle(newest, moment)
    forget_old(known.seen, (pin.uid for pin in covered.pins), moment)
    if found:
        _save(log, known, stop)
    unwatched = frozenset(each.pin.uid for each in question.listed if keys[each.root] is None)
    after = _counts(known)
    counts = {result: after[result] - before[result] for result in RESULTS}
    return Passed(known, waiting, keys, unwatched, counts)


def _counts(state: LogState) -> dict[str, int]:
    numbers = (state.lines - state.unparsed - state.repeated, state.unparsed, state.repeated)
    return dict(zip(RESULTS, numbers, strict=True))


def _keys_of(log: AccessLog, question: Question, stop: Stop) -> dict[str, Keys | None]:
    """Return the objects of listed pins, as long as they are not too many."""
    found: dict[str, Keys | None] = {}
    room = _MOST_KEYS
    for each in in_turns(question.listed):
        if each.root in found:
            continue
        keys = None
        if each.pin.objects <= min(room, _MOST_KEYS_EACH):
            keys = question.keys.get(each.root)
            keys = keys if keys is not None else _keys_in(log, each, stop)
        found[each.root] = keys
        room -= len(keys or ())
    return found


def in_turns(listed: Iterable[ListedPin]) -> list[ListedPin]:
    """Return pins so that namespaces take turns, each with its smallest first.

    There is room for so many objects in all: no namespace is to take it from the others.
    """
    turns: Counter[str] = Counter()
    ordered = []
    for each in sorted(listed, key=lambda one: (one.pin.objects, one.root)):
        turns[each.pin.namespace] += 1
        ordered.append((turns[each.pin.namespace], each.pin.objects, each.root, each))
    return [each[-1] for each in sorted(ordered, key=lambda one: one[:-1])]


def _keys_in(log: AccessLog, each: ListedPin, stop: Stop) -> Keys | None:
    """Return the objects that a manifest lists; None where it is gone, or no manifest any more.

    That one pin has lost its manifest says nothing of the log, and nothing of other pins.
    """
    try:
        entries = fetch_manifest(log.store, each.manifest, stop)
        return tuple((entry.bucket, entry.key) for entry in entries)
    except InvalidInput:
        return None


def load_state(log: AccessLog, stop: Stop) -> LogState:
    """Return what the newest document holds; a fresh start where there is none. Blocks."""
    newest, body = 0, b""
    rows = [
        row
        for row in list_versions(log.store.wire, log.artifacts, log.folder, stop)
        if not row.is_delete_marker and _number_of(log, row.key) is not None
    ]
    if rows:
        row = max(rows, key=lambda row: (_number_of(log, row.key) or 0, row.is_latest))
        newest = _number_of(log, row.key) or 0
        body = b"".join(object_chunks(log.store, log.artifacts, row.key, row.version_id, stop))
    state = decode_state(body) or LogState()
    state.number = newest
    return state


def _number_of(log: AccessLog, key: str) -> int | None:
    name = key.removeprefix(log.folder).removesuffix(".json")
    return int(name) if name.isascii() and name.isdecimal() else None


def _save(log: AccessLog, state: LogState, stop: Stop) -> None:
    before, state.number = state.number, state.number + 1
    key = f"{log.folder}{state.number:012}.json"
    try:
        put_short_lived(
            log.store, log.artifacts, key, encode_state(state), locked=log.locked, only_new=True
        )
    except GloveboxError as error:
        if error.reason != reasons.PRECONDITION_FAILED:
            raise
        raise Conflict(
            reasons.CONFLICT,
            f"another operator has read on in the access log s3://{log.bucket}/{log.prefix}",
        ) from error
    _delete_older(log, before, stop)


def _delete_older(log: AccessLog, before: int, stop: Stop) -> None:
    """Delete documents older than the one before; what is still locked goes with a later one."""

    def is_kept(key: str) -> bool:
        number = _number_of(log, key)
        return number is None or number >= before

    delete_below(log.store, log.artifacts, log.folder, stop, kept=is_kept)


def _next_objects(log: AccessLog, state: LogState, stop: Stop) -> tuple[list[_Object], int]:
    """Return the objects that were written first of those not read, and how many there are."""
    count = 0

    def news() -> Iterator[_Object]:
        nonlocal count
        for each in _listed(log, stop):
            if state.is_news(each.key, each.tag, each.written):
                count += 1
                yield each

    return heapq.nsmallest(_MOST_OBJECTS, news()), count


def _listed(log: AccessLog, stop: Stop) -> Iterator[_Object]:
    seen: set[str] = set()
    query: dict[str, Any] = {"Bucket": log.bucket, "Prefix": log.prefix}
    while True:
        stop.check()
        with translated(f"list the access log s3://{log.bucket}/{log.prefix}"):
            page = log.store.s3.list_objects_v2(**query)
        for entry in page.get("Contents") or ():
            # What is archived is not given before somebody asks for it; it is no news either.
            if entry.get("Size") and entry.get("StorageClass") not in _ARCHIVES:
                written = int(entry["LastModified"].timestamp())
                yield _Object(written, entry["Key"], str(entry.get("ETag") or ""))
        if not page.get("IsTruncated"):
            return
        token = str(page.get("NextContinuationToken") or "")
        if not token or token in seen:
            raise Unavailable(
                reasons.STORE_FAILED,
                f"could not list s3://{log.bucket}/{log.prefix}: the store's pages repeat",
            )
        seen.add(token)
        query["ContinuationToken"] = token


def _read_object(
    log: AccessLog,
    each: _Object,
    state: LogState,
    rules: Rules,
    covered: Covered,
    now: int,
    stop: Stop,
) -> int:
    """Take the lines of one object; return how many bytes they have."""
    size = 0

    def counted() -> Iterator[bytes]:
        nonlocal size
        for chunk in plain_bytes(_fetched(log, each.key, stop)):
            # However small what was sent is: it may be compressed, and have no line's end.
            stop.check()
            size += len(chunk) + 1
            if size > _OBJECT_BYTES:
                raise _TooLargeError
            yield chunk

    try:
        for raw in whole_lines(counted()):
            if raw is None or raw.strip():
                _take_line(raw, each.key, state, rules, covered, now)
    except (zlib.error, _TooLargeError):
        state.unreadable += 1
    except InvalidInput as error:
        if error.reason != reasons.OBJECT_NOT_FOUND:
            raise
        state.unreadable += 1  # gone since it was listed
    return size


def _take_line(
    raw: bytes | None, key: str, state: LogState, rules: Rules, covered: Covered, now: int
) -> None:
    line = parse_line(raw) if raw is not None else None
    if line is not None and not is_plausible(line, now):
        line = None
    state.count_line(is_parsed=line is not None)
    if raw is None or line is None:
        return
    if not _concerns(line.bucket, line.keys, rules, covered):
        state.seen.newest = max(state.seen.newest, line.time)
    elif not state.is_new_line(raw):
        state.repeated += 1
    else:
        take(state.seen, line, rules, covered, key)


def _concerns(bucket: str, keys: tuple[str, ...], rules: Rules, covered: Covered) -> bool:
    return bucket == rules.artifacts or bool(covered.at(bucket, keys))


def _fetched(log: AccessLog, key: str, stop: Stop) -> Iterator[bytes]:
    with translated(f"read the access log s3://{log.bucket}/{key}"):
        response = log.store.wire.get(log.bucket, key, {})
        try:
            for chunk in response.stream(_CHUNK, decode_content=False):
                stop.check()
                yield chunk
        finally:
            # Closed, not released: the consumer may have left in the middle.
            response.close()


def plain_bytes(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the bytes of a log as it was written; several compressed pieces may follow each other.

    Raises:
        zlib.error: They are damaged, or were cut off.
    """
    gzip: Any = None
    is_first, is_open = True, False
    for chunk in chunks:
        if is_first and chunk.startswith(_GZIP):
            gzip = zlib.decompressobj(_WBITS)
        is_first, rest = False, chunk
        if gzip is None:
            yield chunk
            continue
        while rest:
            is_open = True
            yield gzip.decompress(rest, _CHUNK)
            rest = gzip.unconsumed_tail
            if gzip.eof:
                rest, is_open, gzip = gzip.unused_data, False, zlib.decompressobj(_WBITS)
    while is_open and (more := gzip.decompress(b"", _CHUNK)):
        yield more
    if is_open and not gzip.eof:
        raise zlib.error("cut off")


def whole_lines(chunks: Iterable[bytes]) -> Iterator[bytes | None]:
    """Yield the lines without their ends; None for one that is too long to be one."""
    held: list[bytes] = []
    size = 0
    for chunk in chunks:
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            size += len(end)
            yield b"".join((*held, end)) if size <= MOST_BYTES else None
            held, size = [], 0
        size += len(rest)
        held = [*held, rest] if size <= MOST_BYTES else []
    if size:
        yield b"".join(held) if size <= MOST_BYTES else None
