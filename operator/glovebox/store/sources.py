"""Where the objects of a pin come from: a prefix, a manifest that somebody else wrote, or a list.

Each source yields candidates in the order of their paths: which version of which key becomes which
path. Nothing is read here but listings and the manifest itself.
"""

from __future__ import annotations

import itertools
import re
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import orjson

from glovebox.api import reasons
from glovebox.data.manifest import (
    FORMAT,
    MAX_LINE_BYTES,
    decompressed,
    read_manifest,
    split_lines,
)
from glovebox.data.paths import checked_path, is_folder_marker
from glovebox.errors import InvalidInput
from glovebox.store.errors import translated
from glovebox.store.listing import head_current, head_version, list_versions
from glovebox.store.manifests import spooled_chunks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from glovebox.data.compare import ListedVersion
    from glovebox.store.connection import Stop, Store
    from glovebox.store.source_access import SourceAccess

MAX_OBJECTS: Final = 1000
# As it lies in the store: the operator keeps a copy on disk while it reads. Some 20 million objects
# when it is compressed.
MAX_MANIFEST_BYTES: Final = 1 << 30
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_GZIP_MAGIC: Final = b"\x1f\x8b"
_LINE_FIELDS: Final = frozenset({"bucket", "key", "path", "sha256", "size", "source", "versionId"})


@dataclass(frozen=True, slots=True)
class PrefixSource:
    """Every object that a prefix holds now, in its current version; paths relative to it.

    Args:
        bucket: Versioned.
        prefix: Empty for the whole bucket; else it ends in `/`, so that `train/` never covers
            `train2/`.
    """

    bucket: str
    prefix: str


@dataclass(frozen=True, slots=True)
class ManifestSource:
    """The object versions that a manifest in the store names.

    One of ours (compressed or not), or JSON Lines with `key`, `versionId` and optionally `bucket`,
    `path`, `size` and `sha256`, in the order of their paths.

    Args:
        bucket: Of the manifest; objects without a bucket of their own are in it too.
        key: Of the manifest.
        version_id: None for the version that is current when the pin is made.
    """

    bucket: str
    key: str
    version_id: str | None = None


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """One object version; its path is its key unless given."""

    bucket: str
    key: str
    version_id: str
    path: str | None = None


@dataclass(frozen=True, slots=True)
class ObjectsSource:
    """At most 1,000 object versions, in any order."""

    objects: tuple[ObjectRef, ...]


@dataclass(frozen=True, slots=True)
class PartSource:
    """One part of a split, whose manifest the split has made.

    Args:
        split: Name of the SplitPin, in the namespace of the pin.
        part: Name of the part.
    """

    split: str
    part: str


@dataclass(frozen=True, slots=True)
class SealSource:
    """The artifacts of a sealed Experiment, as its seal lists them.

    Args:
        experiment: Name of the Experiment, in the namespace of the pin.
        uid: Its UID; empty where that is not known yet, or not any more.
        below: Prefix below that of the artifacts; empty for all of them.
    """

    experiment: str
    uid: str
    below: str


Source = PrefixSource | ManifestSource | ObjectsSource | PartSource | SealSource


@dataclass(frozen=True, slots=True)
class Candidate:
    """An object version that shall become an entry, and what is said of it already.

    Size and digest may be unknown.
    """

    path: str
    bucket: str
    key: str
    version_id: str
    size: int | None = None
    declared: str | None = None


def candidates(
    store: Store,
    source: Source,
    stop: Stop,
    access: SourceAccess | None = None,
    on_page: Callable[[list[ListedVersion]], None] | None = None,
    sealed: Callable[[Stop], Iterator[Candidate]] | None = None,
    on_marker: Callable[[], None] | None = None,
) -> Iterator[Candidate]:
    """Yield the candidates of a source in the order of their paths. Blocks.

    Args:
        store: Where the objects are.
        source: What to look for.
        stop: Looked at between requests.
        access: Which objects may be pinned, the source itself being checked; None for all.
        on_page: Called with each page of a listing, before the first candidate.
        sealed: Yields what the seal lists, for a `SealSource`.
        on_marker: Called for each marker of a folder that is left out: it is no file.

    Raises:
        InvalidInput: The source cannot be pinned as it is: `KeyRefused`, `VersioningRequired`,
            `BadPrefix`, `ManifestInvalid`, `NotGranted`, ...
        GloveboxError: The store does not answer or denies it.
    """
    for candidate in _found(store, source, stop, on_page, sealed, on_marker):
        if access is not None:
            access.check(candidate.bucket, candidate.key)
        yield candidate


def _found(
    store: Store,
    source: Source,
    stop: Stop,
    on_page: Callable[[list[ListedVersion]], None] | None,
    sealed: Callable[[Stop], Iterator[Candidate]] | None,
    on_marker: Callable[[], None] | None,
) -> Iterator[Candidate]:
    match source:
        case PrefixSource():
            yield from _of_prefix(store, source, stop, on_page, on_marker)
        case ManifestSource():
            yield from map(_checked, _of_manifest(store, source, stop))
        case ObjectsSource():
            yield from map(_checked, _of_objects(source))
        case SealSource() if sealed is not None:
            yield from map(_checked, sealed(stop))
        case SealSource():
            raise InvalidInput(
                reasons.INTERNAL_ERROR,
                f"the artifacts of Experiment '{source.experiment}' are pinned by its seal, and"
                " are never listed",
            )
        case PartSource():
            raise InvalidInput(
                reasons.INTERNAL_ERROR,
                f"part `{source.part}` of SplitPin '{source.split}' is pinned by its manifest, and"
                " is never listed",
            )


def _of_prefix(
    store: Store,
    source: PrefixSource,
    stop: Stop,
    on_page: Callable[[list[ListedVersion]], None] | None,
    on_marker: Callable[[], None] | None,
) -> Iterator[Candidate]:
    if source.prefix and not source.prefix.endswith("/"):
        raise InvalidInput(
            "BadPrefix",
            f"prefix {source.prefix!r} does not end in '/': it would also cover {source.prefix}2/;"
            " add the slash",
        )
    for version in list_versions(store.wire, source.bucket, source.prefix, stop, on_page):
        if not version.is_latest or version.is_delete_marker:
            continue
        # It has no version in some stores.
        if is_folder_marker(version.key, version.size):
            if on_marker is not None:
                on_marker()
            continue
        path = version.key.removeprefix(source.prefix)
        # Before its version: where both are at fault, its path is the defect to name.
        checked_path(path)
        yield _checked(
            Candidate(path, source.bucket, version.key, version.version_id, version.size)
        )


def _of_objects(source: ObjectsSource) -> Iterator[Candidate]:
    if len(source.objects) > MAX_OBJECTS:
        raise InvalidInput(
            reasons.TOO_MANY_OBJECTS,
            f"{len(source.objects)} objects are listed, {MAX_OBJECTS} is the most; use a manifest",
        )
    listed = [
        Candidate(
            each.path if each.path is not None else each.key, each.bucket, each.key, each.version_id
        )
        for each in source.objects
    ]
    yield from sorted(listed, key=lambda each: checked_path(each.path))


def _of_manifest(store: Store, source: ManifestSource, stop: Stop) -> Iterator[Candidate]:
    found = _manifest_version(store, source)
    _check_size(source, found.size)

    def check(chunk: bytes, before: int) -> None:
        _check_size(source, before + len(chunk))
        if before == 0:
            _check_beginning(chunk, source.bucket)

    chunks = spooled_chunks(store, source.bucket, source.key, found.version_id, stop, check=check)
    first = next(chunks, b"")
    whole = itertools.chain([first], chunks)
    lines = split_lines(decompressed(whole) if first.startswith(_GZIP_MAGIC) else whole)
    header = next(lines, b"")
    everything = itertools.chain([header], lines)
    if _document(header, 1).get("format") == FORMAT:
        for entry in read_manifest(everything, compressed=False):
            yield Candidate(
                entry.path, entry.bucket, entry.key, entry.version_id, entry.size, entry.sha256
            )
        return
    for number, line in enumerate(everything, 1):
        yield _of_line(_document(line, number), source.bucket, number)


def _manifest_version(store: Store, source: ManifestSource) -> ListedVersion:
    where, version = f"s3://{source.bucket}/{source.key}", source.version_id
    with translated(f"look for the manifest {where}"):
        found = (
            head_current(store.wire, source.bucket, source.key)
            if version is None
            else head_version(store.wire, source.bucket, source.key, version)
        )
    if found is None:
        what = where if version is None else f"{where} of version {version}"
        raise InvalidInput(
            reasons.OBJECT_NOT_FOUND,
            f"there is no manifest {what}; upload it or correct its name",
        )
    return found if version is None else replace(found, version_id=version)


def _check_size(source: ManifestSource, size: int) -> None:
    if size > MAX_MANIFEST_BYTES:
        raise InvalidInput(
            reasons.MANIFEST_INVALID,
            f"the manifest s3://{source.bucket}/{source.key} has more than"
            f" {MAX_MANIFEST_BYTES} bytes, which is the most: compress it (gzip), or pin in several"
            " parts",
        )


def _check_beginning(chunk: bytes, bucket: str) -> None:
    """Refuse what does not begin as a manifest does, before all of it is fetched."""
    if chunk.startswith(_GZIP_MAGIC):
        try:
            chunk = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(chunk, MAX_LINE_BYTES + 1)
        except zlib.error as error:
            raise _malformed("its compressed stream is damaged") from error
    line, end, _ = chunk.partition(b"\n")
    if len(line) > MAX_LINE_BYTES:
        raise _malformed(f"line 1 is longer than {MAX_LINE_BYTES} bytes")
    if not end:
        return
    document = _document(line, 1)
    if document.get("format") != FORMAT:
        _of_line(document, bucket, 1)


def _of_line(document: dict[str, object], bucket: str, number: int) -> Candidate:
    """Return what a line names; what else it holds is never said, it may be anybody's object."""
    if document.keys() - _LINE_FIELDS:
        raise _malformed(f"line {number} has unknown fields; known are {sorted(_LINE_FIELDS)}")
    texts = {
        name: _text(document.get(name), name, number)
        for name in ("bucket", "key", "path", "sha256", "versionId")
    }
    key, version_id, size = texts["key"], texts["versionId"], document.get("size")
    if not key or not version_id:
        raise _malformed(f"line {number} lacks key or versionId; both are needed to name a version")
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 0):
        raise _malformed(f"the size in line {number} is not a whole number")
    declared, path = texts["sha256"], texts["path"]
    if declared is not None and not _SHA256.fullmatch(declared):
        raise _malformed(f"the sha256 in line {number} is not 64 lower-case hex digits")
    return Candidate(
        path=key if path is None else path,
        bucket=texts["bucket"] or bucket,
        key=key,
        version_id=version_id,
        size=size,
        declared=declared,
    )


def _checked(candidate: Candidate) -> Candidate:
    if candidate.version_id == "null":
        raise InvalidInput(
            reasons.VERSIONING_REQUIRED,
            f"s3://{candidate.bucket}/{candidate.key} has the version id 'null': it can be"
            " overwritten in place, so it cannot be pinned; enable versioning on the bucket and"
            " write the object again",
        )
    return candidate


def _text(value: object, name: str, number: int) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise _malformed(f"the {name} in line {number} is not a text")


def _document(line: bytes, number: int) -> dict[str, object]:
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise _malformed(f"line {number} is not JSON") from error
    if not isinstance(document, dict):
        raise _malformed(f"line {number} is not a JSON object")
    return document


def _malformed(defect: str) -> InvalidInput:
    return InvalidInput(
        reasons.MANIFEST_INVALID, f"the manifest of the source cannot be read: {defect}"
    )
