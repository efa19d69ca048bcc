"""Records of what pins were resolved to: one for each team, name and source, ever.

A pin that is created again after a restore has the spec of the former one and no status. What its
prefix holds by then may be other bytes; what the pin means is here, written once, when it was first
resolved. The first version that can be read counts.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from glovebox.data.digest import DIGEST_PREFIX, canonical_json, digest_of
from glovebox.data.roots import Roots
from glovebox.store.evidence_objects import versions_of
from glovebox.store.manifests import ManifestLocation, object_chunks
from glovebox.store.putting import put_first

if TYPE_CHECKING:
    from glovebox.store.connection import Stop, Store
    from glovebox.store.sources import Source

PREFIX: Final = ".glovebox/pins/"
FORMAT: Final = "glovebox.dev/pin/v1"


@dataclass(frozen=True, slots=True)
class PinRecord:
    """What a pin was resolved to.

    Attributes:
        roots: Its identity.
        manifest: Where its versions are listed.
        verified: When every object was read, RFC 3339.
    """

    roots: Roots
    manifest: ManifestLocation
    verified: str


def pin_key(owner: str, source: Source, expected: str | None) -> str:
    """Return the key of the record of a pin.

    Args:
        owner: `namespace/name` of the DatasetPin.
        source: What it covers.
        expected: The content root that its spec asks for; another one is another pin.
    """
    name = digest_of({"source": repr(source), "expected": expected})
    return f"{PREFIX}{owner}/{name.removeprefix(DIGEST_PREFIX)}.json"


def read_pin(store: Store, bucket: str, key: str, stop: Stop) -> PinRecord | None:
    """Return what is recorded under a key, or None. Blocks."""
    for version in versions_of(store, bucket, key, stop):
        body = b"".join(object_chunks(store, bucket, key, version, stop))
        try:
            document: dict[str, Any] = orjson.loads(body)
            if document["format"] == FORMAT:
                return PinRecord(
                    Roots(**document["roots"]),
                    ManifestLocation(**document["manifest"]),
                    str(document["verifiedTime"]),
                )
        except (orjson.JSONDecodeError, KeyError, TypeError):
            continue  # somebody else's, under this name
    return None


def record_pin(store: Store, bucket: str, key: str, record: PinRecord, stop: Stop) -> bool:
    """Write what a pin was resolved to; return False where that is written already. Blocks."""
    document = {
        "format": FORMAT,
        "roots": asdict(record.roots),
        "manifest": asdict(record.manifest),
        "verifiedTime": record.verified,
    }
    return put_first(store, bucket, key, canonical_json(document), stop)
