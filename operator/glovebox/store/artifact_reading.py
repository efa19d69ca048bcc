"""Reads the versions of artifacts one by one, and decides what one means that cannot be read.

Nothing that a run wrote keeps its seal from being made: a version that is listed and cannot be read
(a key that no list can spell, bytes under a key of the run's own) is listed as just that.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import urllib3

from glovebox.api import reasons
from glovebox.data.manifest import DigestSource, Entry
from glovebox.data.printable import printable
from glovebox.errors import GloveboxError, InvalidInput
from glovebox.evidence.artifacts import Artifact, Unreadable
from glovebox.store.answers import (
    FORBIDDEN_STATUS,
    NOT_FOUND_STATUS,
    AnswerError,
    answer_of,
)
from glovebox.store.encryption import shown
from glovebox.store.errors import translated
from glovebox.store.listing import list_versions
from glovebox.store.reading import digest_version, in_order
from glovebox.store.version_lock import Lock, LockHiddenError, VersionLocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from glovebox.data.compare import ListedVersion
    from glovebox.store.connection import Stop, Store
    from glovebox.store.encryption import Encryption

# What a store may say of one object although it works: it is believed when another object can be
# read.
_OF_ONE_OBJECT: Final = frozenset(
    {reasons.STORE_FORBIDDEN, reasons.STORE_FAILED, reasons.STORE_UNREACHABLE}
)
_SHOWN_KEYS: Final = 5
_BAD_REQUEST: Final = 400
# How stores speak of an object that was written with a key of the customer's own (SSE-C).
_OF_ENCRYPTION: Final = ("server side encryption", "server-side encryption", "sse")
LOCKS_HIDDEN: Final = (
    "the store did not show the operator how the artifacts are locked (it needs"
    " s3:GetObjectRetention): those listed without a lock may have one"
)


def read_artifacts(
    store: Store,
    bucket: str,
    prefix: str,
    stop: Stop,
    *,
    control: str,
    unreadable: set[tuple[str, str]],
    hidden: set[tuple[str, str]],
    hashed: bool = True,
) -> Iterator[Artifact]:
    """Yield every version below a prefix as it is now, with its lock. Blocks.

    Args:
        store: Of the bucket.
        bucket: To list.
        prefix: Of the artifacts.
        stop: Looked at between requests.
        control: A key that can be read, so that an error is known to be of one version.
        unreadable: Gets key and version of what is listed and cannot be read.
        hidden: Gets those of which the store does not show how they are locked: they are told as if
            they were not.
        hashed: Read and hash the bytes as well.
    """
    reading = Reading(store, bucket, control, stop, final=True, hashed=hashed)
    reading.unreadable, reading.hidden = unreadable, hidden

    def work(row: ListedVersion) -> Artifact:
        return reading.artifact(row, ())[0]

    for _, artifact in in_order(store, work, list_versions(store.wire, bucket, prefix, stop), stop):
        yield artifact


def why_unreadable(answer: AnswerError | None) -> Unreadable:
    """Return the word for an answer to a read of one version; None is for no answer."""
    if answer is None:
        return "NotGiven"
    if answer.code == "InvalidObjectState":
        return "Archived"
    words = answer.words.lower()
    if answer.code.upper().startswith("KMS") or (
        answer.status == _BAD_REQUEST and any(word in words for word in _OF_ENCRYPTION)
    ):
        return "EncryptedWithOtherKey"
    if answer.status == NOT_FOUND_STATUS:
        return "NotFoundByName"
    return "Denied" if answer.status == FORBIDDEN_STATUS else "NotGiven"


class _Otherwise:
    """Versions that are not encrypted as the store's settings say: a run asked for something else.

    Readers are threads, and one version may be read twice.
    """

    def __init__(self) -> None:
        self._counting = threading.Lock()
        self._seen: dict[tuple[str, str], str] = {}
        self._more = 0

    def add(self, key: str, version: str, shown_as: str) -> None:
        """Note one; beyond a few they are only counted."""
        with self._counting:
            if (key, version) in self._seen:
                return
            if len(self._seen) < _SHOWN_KEYS:
                self._seen[key, version] = shown_as
            else:
                self._more += 1

    def findings(self, wanted: Encryption) -> tuple[str, ...]:
        """Return them in words, in the order of their keys."""
        found = tuple(
            f"`{printable(key)}`: version {version} shows {printable(shown_as)}, and"
            f" `spec.encryption` of the ObjectStore says {wanted}"
            for (key, version), shown_as in sorted(self._seen.items())
        )
        more = (f"and {self._more:,} more versions that are encrypted otherwise",)
        return (*found, *(more if self._more else ()))


class Reading:
    """Reads single versions; decides what an object that cannot be read means.

    In the end (`final`) a right that is missing for good holds nothing up: versions are listed
    without a lock where the store does not show it, and `findings` says so. Before, it is an error.

    Attributes:
        unreadable: Key and version of what is listed and cannot be read.
        hidden: Where given, gets those of which the store does not show how they are locked.
    """

    def __init__(
        self,
        store: Store,
        bucket: str,
        control: str,
        stop: Stop,
        *,
        final: bool,
        hashed: bool = True,
        on_bytes: Callable[[int], None] = lambda size: None,  # noqa: ARG005 - nobody listens
    ) -> None:
        self.store = store
        self.bucket = bucket
        self.stop = stop
        self._control = control
        self._final = final
        self._hashed = hashed
        self._on_bytes = on_bytes
        self.unreadable: set[tuple[str, str]] = set()
        self.hidden: set[tuple[str, str]] | None = None
        self._locks = VersionLocks(store, bucket)
        self._is_hidden = False
        self._otherwise = _Otherwise()

    @property
    def findings(self) -> tuple[str, ...]:
        """What could not be seen of all that was read, or is not as it was asked for, in words."""
        hidden = (LOCKS_HIDDEN,) if self._is_hidden else ()
        wanted = self.store.settings.encryption
        return (*hidden, *(self._otherwise.findings(wanted) if wanted is not None else ()))

    def artifact(self, row: ListedVersion, known: tuple[Entry, ...]) -> tuple[Artifact, bool]:
        """Return what a listed version is, and whether its bytes were hashed just now."""
        plain = Artifact(
            key=row.key,
            version_id=row.version_id,
            size=0 if row.is_delete_marker else row.size,
            sha256="",
            is_latest=row.is_latest,
            delete_marker=row.is_delete_marker,
        )
        if row.is_delete_marker:
            return plain, False
        found = plain
        try:
            found = self._looked_at(row, plain)
            return self._read(row, found, known)
        except LockHiddenError:
            raise  # nothing is wrong with the object
        except GloveboxError as error:
            if not self._is_of_this_object(error):
                raise
            self.unreadable.add((row.key, row.version_id))
            # Its lock stays in the list where it could be seen.
            return found.model_copy(update={"unreadable": self._why(row, error)}), False

    def _why(self, row: ListedVersion, error: GloveboxError) -> Unreadable:
        """Return why a version cannot be read; a HEAD has no words, so it is asked for once more.

        Nothing of the store's words is kept: the same artifacts give the same list.
        """
        answer = answer_of(error.__cause__) if isinstance(error.__cause__, Exception) else None
        if answer is not None and not answer.code:
            try:
                self.store.wire.get(
                    self.bucket, row.key, {"versionId": row.version_id}
                ).drain_conn()
            except AnswerError as told:
                answer = told
            except urllib3.exceptions.HTTPError:
                pass
        return why_unreadable(answer)

    def _looked_at(self, row: ListedVersion, plain: Artifact) -> Artifact:
        wire, bucket = self.store.wire, self.bucket
        with translated(f"look at s3://{bucket}/{row.key} version {row.version_id}"):
            headers = wire.head(bucket, row.key, {"versionId": row.version_id})
        lock = self._lock(row, headers)
        wanted = self.store.settings.encryption
        if wanted is not None and not wanted.is_shown(headers):
            self._otherwise.add(row.key, row.version_id, shown(headers))
        return plain.model_copy(
            update={
                "lock_mode": lock.mode if lock.mode in ("Compliance", "Governance") else "",
                "retain_until_time": lock.until,
            }
        )

    def _read(
        self, row: ListedVersion, found: Artifact, known: tuple[Entry, ...]
    ) -> tuple[Artifact, bool]:
        wire, bucket = self.store.wire, self.bucket
        if not self._hashed:
            return found, False
        earlier = next(
            (
                each
                for each in known
                if (each.bucket, each.key, each.version_id) == (bucket, row.key, row.version_id)
            ),
            None,
        )
        if earlier is not None:
            return found.model_copy(update={"sha256": earlier.sha256, "size": earlier.size}), False
        read = digest_version(
            wire,
            bucket,
            row.key,
            row.version_id,
            minimum=DigestSource.COMPUTED,
            stop=self.stop,
            hashing=self.store.hashing,
            on_bytes=self._on_bytes,
        )
        return found.model_copy(update={"sha256": read.sha256, "size": read.size}), True

    def _lock(self, row: ListedVersion, headers: Mapping[str, str]) -> Lock:
        try:
            return self._locks.read(row.key, row.version_id, headers)
        except LockHiddenError:
            if not self._final:
                raise
            self._is_hidden = True
            if self.hidden is not None:
                self.hidden.add((row.key, row.version_id))
            return Lock()

    def _is_of_this_object(self, error: GloveboxError) -> bool:
        """Return whether the error speaks of this one version.

        A run must not be able to keep its own seal from being made with it.

        An answer to a HEAD has no words: a refusal of the operator looks like one of the object. So
        another object has to be readable at that moment.
        """
        definite = isinstance(error, InvalidInput)
        return (definite or (self._final and error.reason in _OF_ONE_OBJECT)) and self._can_read()

    def _can_read(self) -> bool:
        if not self._control:
            return True
        try:
            with translated(f"read s3://{self.bucket}/{self._control}"):
                self.store.wire.get(self.bucket, self._control, {}).drain_conn()
        except GloveboxError:
            return False
        return True
