"""Ends uploads in parts, so that none of them completes behind a seal, and says what it could not.

Whoever writes on with a session that was copied begins new ones as long as it lives, and others
have theirs in the same bucket. So what is looked through and ended for one list is bounded, and
what may be left is said in words, for the signed statement: it holds no seal up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_plus

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from glovebox.api import reasons
from glovebox.errors import GloveboxError, InvalidInput
from glovebox.store.answers import answer_of
from glovebox.store.errors import translated
from glovebox.store.listing import upload_pages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glovebox.store.connection import Stop, Store

# A session that is still valid may begin new ones meanwhile.
_ROUNDS: Final = 10
# Of uploads, a thousand each, that are looked through in all rounds together.
_PAGES_MAX: Final = 100
# So many are ended in all rounds together, each by a request of its own.
_ENDED_MAX: Final = 10_000
# What the client makes of an answer of success whose body is no XML.
_TAKEN_FOR_A_FAILURE: Final = 500
# What stores list in the place of a control character.
_NO_LETTER: Final = "\ufffd"
NOT_ALL_ENDED: Final = (
    "uploads in parts below the prefix were still open after as many as the operator ends had been"
    " ended: what they write when they complete is not in the list"
)
NOT_ALL_SEEN: Final = (
    "the bucket has more open uploads in parts than the operator looks through: what those below"
    " the prefix write when they complete is not in the list"
)
COULD_NOT_END: Final = (
    "the store did not end some of the open uploads in parts below the prefix: what they write when"
    " they complete is not in the list"
)


@dataclass(frozen=True, slots=True)
class EndedUploads:
    """What became of the open uploads below a prefix.

    Attributes:
        count: How many were ended.
        findings: Why some may still be open, in words; empty when the store showed none any more.
    """

    count: int
    findings: tuple[str, ...] = ()


def end_uploads(
    store: Store, bucket: str, prefix: str, stop: Stop, *, final: bool = True
) -> EndedUploads:
    """End the uploads below a prefix until the store shows none, within bounds. Blocks.

    One that the store lists and does not end keeps nobody's seal from being made: a run chooses the
    key, and a store may fail over it.

    Args:
        store: Of the bucket.
        bucket: The bucket of artifacts.
        prefix: Of the uploads.
        stop: Looked at between requests.
        final: Whether a failure over one upload is a finding; else it is an error, for a later
            attempt, unless the store refuses the request itself.

    Raises:
        GloveboxError: The store does not answer or denies it; calling again is safe.
    """
    search = _Search(store, bucket, prefix, stop)
    ended: set[str] = set()
    tried = 0
    left: set[str] = set()
    for _ in range(_ROUNDS):
        before = tried
        left = set()
        for key, upload in search.below():
            if tried == _ENDED_MAX:
                return EndedUploads(len(ended), (NOT_ALL_ENDED,))
            stop.check()
            (ended if _end(store, bucket, key, upload, final=final) else left).add(upload)
            tried += 1
        if search.is_cut:
            return EndedUploads(len(ended), (NOT_ALL_SEEN,))
        if tried == before:
            return EndedUploads(len(ended))
    return EndedUploads(len(ended), (COULD_NOT_END if left else NOT_ALL_ENDED,))


class _Search:
    """Finds open uploads below a prefix, also where the store takes a prefix for a whole key.

    Attributes:
        is_cut: Whether there was more than is looked through.
    """

    def __init__(self, store: Store, bucket: str, prefix: str, stop: Stop) -> None:
        self._store, self._bucket, self._prefix, self._stop = store, bucket, prefix, stop
        self._pages_left = _PAGES_MAX
        # Whether the store was seen to list below a prefix: then nothing listed is nothing there.
        self._knows_prefixes = False
        self.is_cut = False

    def below(self) -> Iterator[tuple[str, str]]:
        """Yield key and id of each, a page at a time.

        It is asked by prefix first. Those of the whole bucket are looked through only where that
        gave none and the store may have taken the prefix for a key: others may have any number.
        """
        for key, upload in self._listed(self._prefix):
            self._knows_prefixes = self._knows_prefixes or key != self._prefix
            yield key, upload
        if self._knows_prefixes:
            return
        is_tested = False
        for key, upload in self._listed(""):
            folder = key[: key.rfind("/") + 1]
            if not is_tested and folder not in ("", key):
                is_tested = True
                if self._lists_below(folder):
                    self._knows_prefixes = True
                    yield from self._listed(self._prefix)
                    return
            if key.startswith(self._prefix):
                yield key, upload

    def _lists_below(self, folder: str) -> bool:
        """Whether the store, asked for the uploads below a folder, names one of them."""
        return any(key != folder and key.startswith(folder) for key, _ in self._listed(folder))

    def _listed(self, prefix: str) -> Iterator[tuple[str, str]]:
        with translated(f"list open uploads below s3://{self._bucket}/{prefix}"):
            # A key holds a letter that XML has none for: read by ourselves, or, where the store
            # lists another letter for it, asked for in another spelling. Only then, because stores
            # disagree on it, and some list the same as before.
            unnamed: set[str] = set()
            try:
                for key, upload in self._rows(prefix):
                    if _NO_LETTER in key:
                        unnamed.add(upload)
                    else:
                        yield key, upload
            except (ResponseParserError, ClientError) as error:
                if not _is_unreadable(error):
                    raise
                yield from self._read(prefix)
                return
            if not unnamed:
                return
            for key, upload in self._rows(prefix, EncodingType="url"):
                if upload in unnamed:
                    yield key if _NO_LETTER in key else unquote_plus(key), upload

    def _read(self, prefix: str) -> Iterator[tuple[str, str]]:
        for page in upload_pages(self._store.wire, self._bucket, prefix, self._stop):
            if not self._pages_left:
                self.is_cut = True
                return
            self._pages_left -= 1
            yield from page

    def _rows(self, prefix: str, **options: Any) -> Iterator[tuple[str, str]]:
        pages = self._store.s3.get_paginator("list_multipart_uploads")
        if prefix:
            options["Prefix"] = prefix
        for page in pages.paginate(Bucket=self._bucket, **options):
            self._stop.check()
            if not self._pages_left:
                self.is_cut = True
                return
            self._pages_left -= 1
            for upload in page.get("Uploads") or ():
                yield upload["Key"], upload["UploadId"]


def _is_unreadable(error: Exception) -> bool:
    """Whether the client could not read an answer: some it takes for a failure of the store."""
    if isinstance(error, ResponseParserError):
        return True
    answer = answer_of(error)
    return answer is not None and answer.status == _TAKEN_FOR_A_FAILURE and not answer.code


def _end(store: Store, bucket: str, key: str, upload: str, *, final: bool) -> bool:
    """Return whether the upload has ended."""
    try:
        with translated(f"end the upload of s3://{bucket}/{key}"):
            store.s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
    except GloveboxError as error:
        # It ended by itself meanwhile; what it wrote is in the listing that follows.
        if error.reason == reasons.OBJECT_NOT_FOUND:
            return True
        if not isinstance(error, InvalidInput) and not final:
            raise
        return False
    return True
