"""What is told of a list of artifacts: its digest, how much it holds, what is wrong with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Final

from glovebox.api import reasons
from glovebox.data.digest import DIGEST_PREFIX
from glovebox.data.manifest import split_lines
from glovebox.data.printable import printable
from glovebox.errors import InvalidInput
from glovebox.evidence.artifacts import read_artifact_list
from glovebox.store.reading import CHUNK
from glovebox.store.version_lock import Lock

if TYPE_CHECKING:
    from glovebox.evidence.artifacts import Artifact
    from glovebox.store.connection import Stop

_FINDINGS_MAX: Final = 16
_NAMELESS: Final = "under that name"
_WHY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "": _NAMELESS,
        "NotFoundByName": _NAMELESS,
        "EncryptedWithOtherKey": "(`EncryptedWithOtherKey`): the operator does not have its key",
        "Archived": "(`Archived`): its storage class has to be restored from before it is read",
        "Denied": "(`Denied`): the store denies it, and gives others",
        "NotGiven": "(`NotGiven`): the store fails to give it, and gives others",
    }
)


class Summary:
    """What is told of a list, gathered line by line."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._found: list[str] = []
        self._more = 0
        self.versions = self.bytes = 0
        self.retain_until_time = ""
        self.lock = Lock()

    def read(self, lines: Iterable[bytes]) -> None:
        """Take a whole list."""

        def hashing() -> Iterator[bytes]:
            for line in lines:
                self._hash.update(line)
                yield line

        for artifact in read_artifact_list(hashing()):
            self.versions += 1
            self.bytes += artifact.size
            until = artifact.retain_until_time
            if until and (not self.retain_until_time or until < self.retain_until_time):
                self.retain_until_time = until
            self.lock = self.lock.longest(artifact.lock_mode, until)
            finding = finding_of(artifact)
            if finding and len(self._found) < _FINDINGS_MAX - 1:
                self._found.append(finding)
            elif finding:
                self._more += 1

    @property
    def digest(self) -> str:
        """Of all that was read."""
        return DIGEST_PREFIX + self._hash.hexdigest()

    @property
    def findings(self) -> tuple[str, ...]:
        """What the artifacts themselves do not hold, the first 15 in words."""
        more = (f"and {self._more:,} more versions like these",) if self._more else ()
        return (*self._found, *more)


def require_digest(found: str, wanted: str, bucket: str, key: str) -> None:
    """Refuse a list that has another digest than the one under which it was kept.

    Raises:
        InvalidInput: The digests differ.
    """
    if found != wanted:
        raise InvalidInput(
            reasons.MANIFEST_DIFFERS, f"s3://{bucket}/{key} has the digest {found}: it was edited"
        )


def summary_of(file: IO[bytes], stop: Stop) -> Summary:
    """Return what is told of the list in a file; the file is at its start again."""
    file.seek(0)
    summary = Summary()
    summary.read(lines_of(file, stop))
    file.seek(0)
    return summary


def lines_of(file: IO[bytes], stop: Stop) -> Iterator[bytes]:
    """Return the lines of a file from where it is."""
    return checked_lines(iter(lambda: file.read(CHUNK), b""), stop)


def checked_lines(chunks: Iterable[bytes], stop: Stop) -> Iterator[bytes]:
    """Yield the lines of a list, and look before each whether the job may go on."""
    for line in split_lines(chunks):
        stop.check()
        yield line


def finding_of(artifact: Artifact) -> str:
    """Return what an artifact itself does not hold, or an empty text.

    The run chose its key, and a status shows it to people at terminals.
    """
    key = printable(artifact.key)
    if artifact.is_unreadable:
        return (
            f"`{key}`: version {artifact.version_id} is listed and cannot be read"
            f" {_WHY[artifact.unreadable]}"
        )
    if not artifact.delete_marker and not artifact.lock_mode:
        return f"`{key}`: no lock protects version {artifact.version_id}; it can be deleted"
    return ""
