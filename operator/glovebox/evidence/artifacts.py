"""The list of artifacts: every object version below an experiment's prefix.

It includes delete markers, and is written as canonical JSON Lines.

The first line names the format, the last one counts; a list that was cut short, extended or edited
is refused, and its digest is the SHA-256 of all of its bytes. Lines stand in the order of key and
version, so that the same artifacts give the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from glovebox.api import reasons
from glovebox.data.digest import DIGEST_PREFIX, canonical_json
from glovebox.errors import InvalidInput

FORMAT: Final = "glovebox.dev/artifacts/v1"
# Why a version is listed without a digest.
Unreadable = Literal["EncryptedWithOtherKey", "Archived", "Denied", "NotFoundByName", "NotGiven"]


class Artifact(BaseModel):
    """One object version, or one delete marker.

    Attributes:
        key: The whole key.
        version_id: Empty where the store gave none.
        size: Bytes; 0 for a marker.
        sha256: 64 hex digits of the bytes; empty for a marker, and for what is listed under a name
            that finds nothing.
        is_latest: Whether it is what a read without a version gets.
        delete_marker: Whether it only hides what is below it.
        lock_mode: `Compliance`, `Governance`, or empty where nothing locks it.
        retain_until_time: End of its lock, RFC 3339 in UTC; empty without one.
        unreadable: Why there is no digest of its bytes; empty, and not in the list, for what was
            read and for a marker.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid"
    )

    key: str
    version_id: str
    size: int = Field(ge=0)
    sha256: str = Field(pattern=r"^([0-9a-f]{64})?$")
    is_latest: bool
    delete_marker: bool = False
    lock_mode: Literal["Compliance", "Governance", ""] = ""
    retain_until_time: str = ""
    unreadable: Unreadable | Literal[""] = ""

    @property
    def is_unreadable(self) -> bool:
        """Whether it is listed and could not be read: a key with a letter that no list can tell."""
        return not self.delete_marker and not self.sha256


class ArtifactListWriter:
    """Writes a list line by line, in constant memory; artifacts come in the order of the list.

    Args:
        write: Takes the bytes as they come.
        prefix: What the list is of.
    """

    def __init__(self, write: Callable[[bytes], object], prefix: str) -> None:
        self._write = write
        self._hash = hashlib.sha256()
        self.versions = self.bytes = 0
        self._line({"format": FORMAT, "prefix": prefix})

    def add(self, artifact: Artifact) -> None:
        """Append an artifact."""
        self.versions += 1
        self.bytes += artifact.size
        document = artifact.model_dump(by_alias=True)
        if not artifact.unreadable:
            del document["unreadable"]
        self._line(document)

    def finish(self) -> str:
        """Write the last line; return the list's digest. The writer is spent."""
        self._line({"bytes": self.bytes, "versions": self.versions})
        return DIGEST_PREFIX + self._hash.hexdigest()

    def _line(self, document: dict[str, object]) -> None:
        line = canonical_json(document) + b"\n"
        self._hash.update(line)
        self._write(line)


def artifact_order(artifact: Artifact) -> tuple[bytes, str]:
    """Return the place of an artifact in a list: by the key's UTF-8 bytes, then by version."""
    return artifact.key.encode(), artifact.version_id


def encode_artifacts(prefix: str, artifacts: Iterable[Artifact]) -> bytes:
    """Return the list of what lies below a prefix."""
    raw = bytearray()
    writer = ArtifactListWriter(raw.extend, prefix)
    for artifact in sorted(artifacts, key=artifact_order):
        writer.add(artifact)
    writer.finish()
    return bytes(raw)


def read_artifact_list(lines: Iterable[bytes]) -> Iterator[Artifact]:
    """Yield the artifacts of a list, in whole lines; it is proven only when the iterator ends.

    Raises:
        InvalidInput: It is no such list, was cut short, or its counts or its order are not as they
            were written.
    """
    footer: dict[str, Any] | None = None
    last: tuple[bytes, str] | None = None
    versions = size = 0
    for number, line in enumerate(lines):
        document = _line_of(line)
        if number == 0:
            if document.get("format") != FORMAT or "prefix" not in document:
                raise _malformed(f"its first line does not name the format {FORMAT}")
            continue
        if footer is not None:
            raise _malformed("something follows its last line")
        if "versions" in document:
            footer = document
            continue
        artifact = _artifact_of(document)
        if last is not None and artifact_order(artifact) <= last:
            raise _malformed("its lines are not in order")
        last = artifact_order(artifact)
        versions += 1
        size += artifact.size
        yield artifact
    if footer != {"bytes": size, "versions": versions}:
        raise _malformed("it is no list of artifacts, or was cut short")


def _line_of(line: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise _malformed("it is no list of artifacts, or was cut short") from error
    if not isinstance(document, dict):
        raise _malformed("it is no list of artifacts, or was cut short")
    return document


def _artifact_of(document: dict[str, Any]) -> Artifact:
    try:
        return Artifact.model_validate(document)
    except ValidationError as error:
        raise _malformed("it is no list of artifacts, or was cut short") from error


def decode_artifacts(raw: bytes) -> tuple[str, list[Artifact]]:
    """Return prefix and artifacts of a list.

    Raises:
        InvalidInput: It is no such list, or not as it was written.
    """
    lines = raw.splitlines(keepends=True)
    artifacts = list(read_artifact_list(lines))
    if not lines:
        raise _malformed("it is empty")
    prefix = str(_line_of(lines[0])["prefix"])
    if encode_artifacts(prefix, artifacts) != raw:
        raise _malformed("its lines are not as they were written: counts, order or spelling differ")
    return prefix, artifacts


def list_digest(raw: bytes) -> str:
    """Return `sha256:<hex>` of a list's bytes."""
    return DIGEST_PREFIX + hashlib.sha256(raw).hexdigest()


def _malformed(defect: str) -> InvalidInput:
    return InvalidInput(reasons.MANIFEST_INVALID, f"the list of artifacts cannot be read: {defect}")
