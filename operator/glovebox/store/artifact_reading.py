"""Reads the versions of artifacts one by one, and decides what one means that cannot be read.

Nothing that a run wrote keeps its seal from being made: a version that is listed and cannot be read
(a key that no list can spell, bytes under a key of the run's own) is listed as just that. What may
be read later (it is denied, archived, or its key is switched off) is waited for before (`Waits`):
not for long where others below the same prefix are read, for longer where none is, since then it
is rather a right of the operator that is missing. A store that gives nothing at all is an error.
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
from glovebox.store.unreadable import is_of_key, is_of_writers_key
from glovebox.store.version_lock import Lock, LockHiddenError, VersionLocks
from glovebox.store.waits import NO_WAIT, Waits, gives, waited_for

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
LOCKS_HIDDEN: Final = (
    "the store did not show the operator how the artifacts are locked (it needs"
    " s3:GetObjectRetention): those listed without a lock may have one"
)
NONE_READ: Final = (
    "nothing below the prefix could be read, although the store gives other objects: the operator"
    " may lack a right there (s3:GetObjectVersion)"
)


def read_artifacts(
    store: Store,
    bucket: str,
    prefix: str,
    stop: Stop,
    *,
    control: tuple[str, str],
    unreadable: set[tuple[str, str]],
    hidden: set[tuple[str, str]],
    hashed: bool = True,
    on_bytes: Callable[[int], None] = lambda size: None,  # noqa: ARG005 - nobody listens
) -> Iterator[Artifact]:
    """Yield every version below a prefix as it is now, with its lock. Blocks.

    Args:
        store: Of the bucket.
        bucket: To list.
        prefix: Of the artifacts.
        stop: Looked at between requests.
        control: Key and version of what can be read, so that an error is known to be of one.
        unreadable: Gets key and version of what is listed and cannot be read.
        hidden: Gets those of which the store does not show how they are locked: they are told as if
            they were not.
        hashed: Read and hash the bytes as well.
        on_bytes: Is told of bytes as they are read, by several threads.
    """
    reading = Reading(store, bucket, control, stop, final=True, hashed=hashed, on_bytes=on_bytes)
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
    if is_of_writers_key(answer) or is_of_key(answer):
        return "EncryptedWithOtherKey"
    if answer.status == NOT_FOUND_STATUS:
        return "NotFoundByName"
    return "Denied" if answer.status == FORBIDDEN_STATUS else "NotGiven"


def _is_lasting(answer: AnswerError | None) -> bool:
    """Return whether no time changes an answer: nobody has the key of whoever wrote it."""
    if answer is None:
        return False
    # What says 404 without a code stands in front of the store, and knows nothing of what is in it.
    is_absent = answer.status == NOT_FOUND_STATUS and answer.code != ""
    return is_absent or is_of_writers_key(answer)


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
    What cannot be read is an error (`ArtifactUnread`, `require_read`) for as long as it is waited
    for.

    Attributes:
        unreadable: Key and version of what is listed and cannot be read.
        hidden: Where given, gets those of which the store does not show how they are locked.
    """

    def __init__(
        self,
        store: Store,
        bucket: str,
        control: tuple[str, str],
        stop: Stop,
        *,
        final: bool,
        hashed: bool = True,
        waits: Waits = NO_WAIT,
        on_bytes: Callable[[int], None] = lambda size: None,  # noqa: ARG005 - nobody listens
    ) -> None:
        self.store = store
        self.bucket = bucket
        self.stop = stop
        self._control = control
        self._final = final
        self._hashed = hashed
        self._waits = waits
        # What was read last below the prefix; the first that could not be; whether any could not
        # be while nothing was.
        self._good: tuple[str, str] | None = None
        self._unread: tuple[ListedVersion, GloveboxError] | None = None
        self._is_alone = False
        self._is_none_read = False
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
        none_read = (NONE_READ,) if self._is_none_read else ()
        wanted = self.store.settings.encryption
        return (
            *none_read,
            *hidden,
            *(self._otherwise.findings(wanted) if wanted is not None else ()),
        )

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
            answer = self._answer(row, error)
            self._require_of_this_object(row, error, answer)
            self.unreadable.add((row.key, row.version_id))
            # Its lock stays in the list where it could be seen. Nothing of the store's words is
            # kept: the same artifacts give the same list.
            return found.model_copy(update={"unreadable": why_unreadable(answer)}), False

    def note_read(self, artifact: Artifact) -> None:
        """Take note of what was read before: it shows whether the store gives others."""
        if self._good is None and artifact.sha256:
            self._good = (artifact.key, artifact.version_id)

    def require_read(self) -> None:
        """Refuse, at the end of a listing, what is in it of versions that are waited for.

        Not before: everything else is read by then, and shows whether the store gives others.

        Raises:
            NotReady: `ArtifactUnread`: one is waited for.
        """
        if self._unread is None:
            return
        (row, error), is_given = self._unread, not self._is_alone or self._gives_another()
        until = self._waits.one if is_given else self._waits.none
        if until is not None:
            what = f"version {row.version_id} of `{printable(row.key)}`"
            but = "and others are" if is_given else "nor is anything else below the prefix"
            raise waited_for(what, until, but, error) from error
        self._is_none_read = not is_given

    def _answer(self, row: ListedVersion, error: GloveboxError) -> AnswerError | None:
        """Return what the store said; a HEAD has no words, so it is asked for once more."""
        answer = answer_of(error.__cause__) if isinstance(error.__cause__, Exception) else None
        if answer is not None and not answer.code:
            try:
                self.store.wire.get(self.bucket, row.key, {"versionId": row.version_id}).close()
            except AnswerError as told:
                return told
            except urllib3.exceptions.HTTPError:
                pass
        return answer

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
            self._good = self._good or (row.key, row.version_id)
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
        self._good = (row.key, row.version_id)
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

    def _require_of_this_object(
        self, row: ListedVersion, error: GloveboxError, answer: AnswerError | None
    ) -> None:
        """Raise an error that does not speak of this one version.

        A run must not be able to keep its own seal from being made with it. And an answer to a HEAD
        has no words: a refusal of the operator looks like one of the object. So another object has
        to be readable at that moment.
        """
        if not (isinstance(error, InvalidInput) or error.reason in _OF_ONE_OBJECT):
            raise error
        gives_another = self._gives_another()
        if not gives_another and not self._gives(self._control):
            raise error
        if not _is_lasting(answer):
            self._unread = self._unread or (row, error)
            self._is_alone = self._is_alone or not gives_another

    def _gives_another(self) -> bool:
        """Whether the store gives, at this moment, something else below the prefix."""
        good = self._good
        if good is None:
            return False
        if self._gives(good):
            return True
        self._good = None
        return False

    def _gives(self, place: tuple[str, str]) -> bool:
        return gives(self.store, self.bucket, *place)
