"""Every version below a prefix, complete, in the byte order of keys, as a bounded stream.

A version listing is not believed alone. Seen on a store with real locks: keys that share a
beginning with a folder (`a-b` beside `a/b`) vanish from a paged ListObjectVersions, while
ListObjectsV2 of the same bucket holds them, unsorted. So both are asked, both are sorted here, and
a key that only the second knows is settled by asking for that key itself.

Keys are asked for as plain XML text: with `encoding-type=url` stores disagree on whether `+` is a
space. A key with a control character makes that no XML; it is read all the same: `listing_xml`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from glovebox.api import reasons
from glovebox.data.compare import ListedVersion
from glovebox.errors import Unavailable
from glovebox.store.answers import NOT_FOUND_STATUS, AnswerError
from glovebox.store.errors import translated
from glovebox.store.listing_xml import parse_listing
from glovebox.store.sorting import externally_sorted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from glovebox.store.connection import Stop
    from glovebox.store.wire import Wire

PAGE: Final = 1000
# After so many rows others go first.
_TURN: Final = 100
_SIZE: Final = re.compile(r"[0-9]{1,19}")


@dataclass(frozen=True, slots=True)
class Current:
    """A key that can be read without naming a version."""

    key: str
    size: int


def list_versions(
    wire: Wire,
    bucket: str,
    prefix: str,
    stop: Stop,
    on_page: Callable[[list[ListedVersion]], None] | None = None,
) -> Iterator[ListedVersion]:
    """Yield all versions and delete markers below a prefix, by the key's UTF-8 bytes, newest first.

    Blocks: for jobs. Two listings are held on disk beyond 20,000 entries each. A version that the
    store lists twice (some repeat the last row of a page on the next one) is yielded once.

    Args:
        wire: Of the store.
        bucket: To list.
        prefix: Of the keys.
        stop: Looked at between pages.
        on_page: Called with each page of versions as it arrives; all of them arrive before the
            first version is yielded.

    Raises:
        GloveboxError: The store does not answer, denies it, or lists without end.
    """
    with translated(f"list the versions below s3://{bucket}/{prefix}"):
        versions = externally_sorted(
            _version_pages(wire, bucket, prefix, stop, on_page), key=_bytes_of
        )
        current = externally_sorted(_current_pages(wire, bucket, prefix, stop), key=_bytes_of)
        yield from _settled(wire, bucket, versions, current)


def list_key(wire: Wire, bucket: str, key: str, stop: Stop) -> list[ListedVersion]:
    """Return all versions and delete markers of exactly one key, newest first. Blocks.

    One request where the version listing has the key; where it has not, `list_versions` decides.
    """
    with translated(f"list the versions of s3://{bucket}/{key}"):
        found = [row for row in _version_pages(wire, bucket, key, stop, None) if row.key == key]
    if any(row.is_latest for row in found):
        return list(dict.fromkeys(found))
    return [row for row in list_versions(wire, bucket, key, stop) if row.key == key]


def head_current(wire: Wire, bucket: str, key: str) -> ListedVersion | None:
    """Return the current version of a key, or None.

    None when it was never written, was deleted, or lies under a marker.
    """
    return _head(wire, bucket, key, {})


def head_version(wire: Wire, bucket: str, key: str, version_id: str) -> ListedVersion | None:
    """Return one version of a key, or None if there is none; `is_latest` is always False."""
    return _head(wire, bucket, key, {"versionId": version_id})


def _head(wire: Wire, bucket: str, key: str, query: dict[str, str]) -> ListedVersion | None:
    try:
        headers = wire.head(bucket, key, query)
    except AnswerError as error:
        # 400: some stores answer so for a version id of a shape that they never gave out. 405: a
        # delete marker.
        absent = error.status == NOT_FOUND_STATUS or (query and error.status in (400, 405))
        if absent and error.code:  # without a code it is no answer of the store
            return None
        raise
    version_id = headers.get("x-amz-version-id") or "null"
    return ListedVersion(
        key, version_id, _size_of(headers.get("Content-Length") or "0"), is_latest=not query
    )


def _settled(
    wire: Wire, bucket: str, versions: Iterator[ListedVersion], current: Iterator[Current]
) -> Iterator[ListedVersion]:
    """Yield the versions, adding those keys that only the listing of current objects knows."""
    pending = next(current, None)
    group: list[ListedVersion] = []
    ids: set[tuple[str, bool]] = set()
    for version in versions:
        if group and version.key != group[0].key:
            pending = yield from _emit(wire, bucket, group, pending, current)
            group, ids = [], set()
        identity = (version.version_id, version.is_delete_marker)
        if identity not in ids:
            ids.add(identity)
            group.append(version)
    if group:
        pending = yield from _emit(wire, bucket, group, pending, current)
    while pending is not None:
        yield from _asked(wire, bucket, pending.key)
        pending = _after(pending, current)


def _after(pending: Current, current: Iterator[Current]) -> Current | None:
    """Return the next current key; rows that repeat the last one are passed over."""
    return next((row for row in current if row.key != pending.key), None)


def _emit(
    wire: Wire,
    bucket: str,
    group: list[ListedVersion],
    pending: Current | None,
    current: Iterator[Current],
) -> Generator[ListedVersion, None, Current | None]:
    """Yield all of one key, and before it the keys that the version listing lost.

    Returns the next current key.
    """
    key = group[0].key.encode()
    while pending is not None and pending.key.encode() < key:
        yield from _asked(wire, bucket, pending.key)
        pending = _after(pending, current)
    if pending is not None and pending.key == group[0].key:
        if not any(version.is_latest for version in group):
            yield from _asked(wire, bucket, pending.key)
        pending = _after(pending, current)
    yield from group
    return pending


def _asked(wire: Wire, bucket: str, key: str) -> Iterator[ListedVersion]:
    found = head_current(wire, bucket, key)
    if found is not None:
        yield found


def _version_pages(
    wire: Wire,
    bucket: str,
    prefix: str,
    stop: Stop,
    on_page: Callable[[list[ListedVersion]], None] | None,
) -> Iterator[ListedVersion]:
    query = {"versions": "", "prefix": prefix, "max-keys": str(PAGE)}
    pages = _Pages(bucket, prefix)
    while True:
        page = _page(wire, bucket, query, stop)
        rows = [
            _version(element)
            for element in _each(page, stop)
            if _tag(element) in ("Version", "DeleteMarker")
        ]
        if on_page is not None:
            on_page(rows)
        # Some stores write all markers after all versions: bring the page into the order of its
        # keys.
        yield from sorted(rows, key=lambda row: (row.key.encode(), not row.is_latest))
        if _text(page, "IsTruncated") != "true":
            return
        markers = (_text(page, "NextKeyMarker"), _text(page, "NextVersionIdMarker"))
        pages.advance(*markers)
        query |= {"key-marker": markers[0]}
        query.pop("version-id-marker", None)
        if markers[1]:
            query["version-id-marker"] = markers[1]


def _current_pages(wire: Wire, bucket: str, prefix: str, stop: Stop) -> Iterator[Current]:
    query = {"list-type": "2", "prefix": prefix, "max-keys": str(PAGE)}
    pages = _Pages(bucket, prefix)
    while True:
        page = _page(wire, bucket, query, stop)
        for element in _each(page, stop):
            if _tag(element) == "Contents":
                said = _texts(element)
                yield Current(said.get("Key", ""), _size_of(said.get("Size") or "0"))
        if _text(page, "IsTruncated") != "true":
            return
        query["continuation-token"] = _text(page, "NextContinuationToken")
        pages.advance(query["continuation-token"])


def upload_pages(
    wire: Wire, bucket: str, prefix: str, stop: Stop
) -> Iterator[list[tuple[str, str]]]:
    """Yield key and id of the open uploads in parts, a page at a time. Blocks.

    Whatever letters a key holds.

    Raises:
        AnswerError, urllib3.exceptions.HTTPError: As `Wire.get`.
        Unavailable: What comes is no XML, or has no end.
    """
    query = {"uploads": "", "prefix": prefix, "max-uploads": str(PAGE)}
    pages = _Pages(bucket, prefix)
    while True:
        page = _page(wire, bucket, query, stop)
        yield [
            (_text(element, "Key"), _text(element, "UploadId"))
            for element in page
            if _tag(element) == "Upload"
        ]
        if _text(page, "IsTruncated") != "true":
            return
        markers = (_text(page, "NextKeyMarker"), _text(page, "NextUploadIdMarker"))
        pages.advance(*markers)
        query |= {"key-marker": markers[0], "upload-id-marker": markers[1]}


def _page(wire: Wire, bucket: str, query: dict[str, str], stop: Stop) -> ET.Element:
    stop.check()
    response = wire.get(bucket, "", query)
    body = response.read()
    response.release_conn()
    try:
        root = parse_listing(body, stop.check)
    except ET.ParseError as error:
        raise Unavailable(
            reasons.STORE_FAILED,
            f"could not list bucket {bucket}: the store's answer is not XML, or was cut off; is the"
            " endpoint an S3 API?",
        ) from error
    # A page of a gateway may be XML as well: an empty list would be read from it.
    if not _tag(root).startswith("List"):
        raise Unavailable(
            reasons.STORE_FAILED,
            f"could not list bucket {bucket}: what answered is not the store, because it sent no"
            " list; check the endpoint, and what is between the operator and the store",
        )
    return root


def _each(page: ET.Element, stop: Stop) -> Iterator[ET.Element]:
    """Yield the elements of a page, and let others go first now and then."""
    for number, element in enumerate(page):
        if number % _TURN == 0:
            stop.check()
        yield element


class _Pages:
    """Ends a listing whose pages come again: a store must not keep a worker for ever."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self._where = f"s3://{bucket}/{prefix}"
        self._seen: set[tuple[str, ...]] = set()

    def advance(self, *marker: str) -> None:
        """Take the marker of the next page.

        Raises:
            Unavailable: There is none, or it was there before.
        """
        if not marker[0] or marker in self._seen:
            raise Unavailable(
                reasons.STORE_FAILED,
                f"could not list {self._where}: the store's pages repeat without end",
            )
        self._seen.add(marker)


def _version(element: ET.Element) -> ListedVersion:
    said = _texts(element)
    return ListedVersion(
        key=said.get("Key", ""),
        version_id=said.get("VersionId") or "null",
        size=_size_of(said.get("Size") or "0"),
        is_latest=said.get("IsLatest") == "true",
        is_delete_marker=_tag(element) == "DeleteMarker",
        modified=said.get("LastModified", ""),
    )


def _size_of(text: str) -> int:
    """Return a size as a store spells it.

    Raises:
        Unavailable: It is none: nothing of such an answer is believed.
    """
    if not _SIZE.fullmatch(text):
        raise Unavailable(
            reasons.STORE_FAILED,
            "the store gives an object an invalid size; is the endpoint an S3 API?",
        )
    return int(text)


def _text(element: ET.Element, name: str) -> str:
    return next((child.text or "" for child in element if _tag(child) == name), "")


def _texts(element: ET.Element) -> dict[str, str]:
    """Return the texts in an element by tag; of several of one tag that of the first."""
    return {_tag(child): child.text or "" for child in reversed(element)}


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _bytes_of(row: ListedVersion | Current) -> bytes:
    return row.key.encode()
