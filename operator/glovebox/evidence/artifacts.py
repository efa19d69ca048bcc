"""The list of artifacts: every object version below an experiment's prefix, delete markers included, as canonical JSON Lines.

The first line names the format, the last one counts; a list that was cut short, extended or edited
is refused, and its digest is the SHA-256 of all of its bytes. Lines stand in the order of key and
version, so that the same artifacts give the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from glovebox.api import reasons
from glovebox.data.digest import DIGEST_PREFIX, canonical_json
from glovebox.errors import InvalidInput

FORMAT: Final = "glovebox.dev/artifacts/v1"


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

    @property
    def is_unreadable(self) -> bool:
        """Whether it is listed and could not be read: a key with a letter that no list can tell."""
        return not self.delete_marker and not self.sha256


def encode_artifacts(prefix: str, artifacts: Iterable[Artifact]) -> bytes:
    """Return the list of what lies below a prefix."""
    ordered = sorted(artifacts, key=lambda artifact: (artifact.key.encode(), artifact.version_id))
    lines: list[dict[str, object]] = [{"format": FORMAT, "prefix": prefix}]
    lines += [artifact.model_dump(by_alias=True) for artifact in ordered]
    lines.append({"bytes": sum(artifact.size for artifact in ordered), "versions": len(ordered)})
    return b"".join(canonical_json(line) + b"\n" for line in lines)


def decode_artifacts(raw: bytes) -> tuple[str, list[Artifact]]:
    """Return prefix and artifacts of a list.

    Raises:
        InvalidInput: It is no such list, or not as it was written.
    """
    try:
        header, *entries, footer = [orjson.loads(line) for line in raw.splitlines()]
        prefix = str(header["prefix"])
        artifacts = [Artifact.model_validate(entry) for entry in entries]
        counted = int(footer["versions"])
    except (ValueError, TypeError, KeyError, ValidationError) as error:
        raise _malformed("it is no list of artifacts, or was cut short") from error
    if header.get("format") != FORMAT:
        raise _malformed(f"its first line does not name the format {FORMAT}")
    if counted != len(artifacts) or encode_artifacts(prefix, artifacts) != raw:
        raise _malformed("its lines are not as they were written: counts, order or spelling differ")
    return prefix, artifacts


def list_digest(raw: bytes) -> str:
    """Return `sha256:<hex>` of a list's bytes."""
    return DIGEST_PREFIX + hashlib.sha256(raw).hexdigest()


def _malformed(defect: str) -> InvalidInput:
    return InvalidInput(reasons.MANIFEST_INVALID, f"the list of artifacts cannot be read: {defect}")
