"""The records of the holds on pinned versions, in the bucket of artifacts.

    .glovebox/held/<manifest>/<term>/<step>.json            see `data/hold_states.py`
    .glovebox/held-versions/<manifest>/<term>/on/<n>.json   whose the holds of segment <n> are
    .glovebox/held-versions/<manifest>/<term>/off/<n>.json  segment <n> was let go

A segment is the next thousand versions in the order of the manifest. Which of them somebody held
before us is on record before the first hold of the segment is put on: so what we may take off is
known whenever somebody dies. The first version of each record counts, and a record is under a legal
hold itself until its term has ended.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from glovebox.api import reasons
from glovebox.data.digest import DIGEST_PREFIX, canonical_json
from glovebox.data.hold_states import RECORD, RELEASED, Term, terms_of
from glovebox.errors import Unavailable
from glovebox.store.errors import translated
from glovebox.store.evidence_objects import versions_of
from glovebox.store.listing import list_versions
from glovebox.store.manifests import ManifestLocation, object_chunks
from glovebox.store.putting import put_first
from glovebox.store.source_access import Location

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from glovebox.store.connection import Stop, Store

PREFIX: Final = ".glovebox/held/"
VERSIONS: Final = ".glovebox/held-versions/"
SEGMENT: Final = 1000
# A thousand numbers, or the locations of a pin, are far below.
_MOST_BYTES: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class HoldRecord:
    """Who began a term, and where.

    Attributes:
        holder: `<cluster>.<uid of the pin>` that began it.
        words: Who that is, for a person.
        manifest: Where the versions are listed.
        locations: Where they lie.
        beside: Manifests with versions in the same places whose holds stood when it was begun.
        time: When, RFC 3339.
    """

    holder: str
    words: str
    manifest: ManifestLocation
    locations: tuple[Location, ...]
    beside: tuple[tuple[str, int], ...]
    time: str

    def meets(self, others: Iterable[Location]) -> bool:
        """Return whether it may hold a version that lies in one of these places."""
        return any(
            one.covers(other.bucket, other.prefix) or other.covers(one.bucket, one.prefix)
            for one in self.locations
            for other in others
        )


class HoldRecords:
    """The records of one bucket of artifacts. All of it blocks.

    Args:
        store: Of the bucket.
        bucket: The bucket of artifacts; it has an object lock.
        stop: Looked at between requests.
    """

    def __init__(self, store: Store, bucket: str, stop: Stop) -> None:
        self._store = store
        self._bucket = bucket
        self._stop = stop
        self._known: dict[tuple[str, int], HoldRecord] = {}

    def terms(self) -> dict[str, tuple[Term, ...]]:
        """Return the terms of every manifest, by the hex of its digest."""
        return terms_of(row.removeprefix(PREFIX) for row in self._keys(PREFIX))

    def latest(self, digest: str) -> Term | None:
        """Return the last term of a manifest; None where it never had one."""
        folder = f"{PREFIX}{hex_of(digest)}/"
        found = terms_of(row.removeprefix(PREFIX) for row in self._keys(folder))
        return next(iter(found.values()))[-1] if found else None

    def begin(self, digest: str, number: int, record: HoldRecord) -> None:
        """Begin a term, unless somebody has."""
        self._put(
            f"{PREFIX}{hex_of(digest)}/{number:04d}/{RECORD}",
            {
                "holder": record.holder,
                "user": record.words,
                "manifest": asdict(record.manifest),
                "locations": [[each.bucket, each.prefix] for each in record.locations],
                "beside": [list(each) for each in record.beside],
                "time": record.time,
            },
        )

    def record(self, term: Term) -> HoldRecord:
        """Return who began a term.

        Raises:
            Unavailable: It cannot be read.
        """
        key = (term.manifest, term.number)
        if key not in self._known:
            self._known[key] = self._record(*key)
        return self._known[key]

    def note(self, term: Term, name: str, **said: object) -> None:
        """Put a step of a term on record, unless it is."""
        key = f"{PREFIX}{term.manifest}/{term.number:04d}/{name}"
        self._put(key, said, held=name != RELEASED)

    def said(self, term: Term, name: str) -> dict[str, Any]:
        """Return what a step says; nothing where it cannot be read."""
        return self._read(f"{PREFIX}{term.manifest}/{term.number:04d}/{name}") or {}

    def segment(self, manifest: str, term: int, number: int) -> int | None:
        """Return which versions of a segment others held before, as bits; None: not looked at."""
        found = self._read(_segment(manifest, term, number))
        if found is None:
            return None
        return sum(1 << int(place) for place in found.get("others", ()))

    def note_segment(self, term: Term, number: int, others: int, count: int) -> int:
        """Put on record which versions others held before; return what is on record."""
        key = _segment(term.manifest, term.number, number)
        places = [place for place in range(count) if others >> place & 1]
        self._put(key, {"others": places, "versions": count})
        found = self.segment(term.manifest, term.number, number)
        if found is None:
            raise Unavailable(
                reasons.STORE_FAILED, f"s3://{self._bucket}/{key} was written and cannot be read"
            )
        return found

    def segments(self, term: Term) -> set[int]:
        """Return the segments whose holds may have been put on."""
        return self._numbers(f"{VERSIONS}{term.manifest}/{term.number:04d}/on/")

    def let_go(self, term: Term) -> set[int]:
        """Return the segments that were let go."""
        return self._numbers(f"{VERSIONS}{term.manifest}/{term.number:04d}/off/")

    def note_let_go(self, term: Term, number: int) -> None:
        """Put on record that a segment was let go."""
        self._put(f"{VERSIONS}{term.manifest}/{term.number:04d}/off/{number:06d}.json", {})

    def free(self, term: Term) -> None:
        """Take the legal hold off the records of a term that is about to end."""
        place = f"{term.manifest}/{term.number:04d}/"
        for folder in (f"{VERSIONS}{place}", f"{PREFIX}{place}"):
            for row in list_versions(self._store.wire, self._bucket, folder, self._stop):
                if row.is_delete_marker:
                    continue
                where = f"s3://{self._bucket}/{row.key}"
                with translated(f"take the legal hold off the record {where}"):
                    self._store.s3.put_object_legal_hold(
                        Bucket=self._bucket,
                        Key=row.key,
                        VersionId=row.version_id,
                        LegalHold={"Status": "OFF"},
                    )

    def _record(self, manifest: str, number: int) -> HoldRecord:
        key = f"{PREFIX}{manifest}/{number:04d}/{RECORD}"
        found = self._read(key) or {}
        try:
            return HoldRecord(
                str(found["holder"]),
                str(found["user"]),
                ManifestLocation(**found["manifest"]),
                tuple(Location(bucket, prefix) for bucket, prefix in found["locations"]),
                tuple((str(other), int(term)) for other, term in found["beside"]),
                str(found["time"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable(
                reasons.STORE_FAILED,
                f"s3://{self._bucket}/{key} is there and cannot be read as the record of a hold;"
                " look at its versions, and who wrote them",
            ) from error

    def _numbers(self, folder: str) -> set[int]:
        names = (key.removeprefix(folder).removesuffix(".json") for key in self._keys(folder))
        return {int(name) for name in names if name.isdecimal()}

    def _keys(self, prefix: str) -> Iterator[str]:
        rows = list_versions(self._store.wire, self._bucket, prefix, self._stop)
        return (row.key for row in rows if not row.is_delete_marker)

    def _put(self, key: str, document: dict[str, Any], *, held: bool = True) -> None:
        body = canonical_json(document)
        put_first(self._store, self._bucket, key, body, self._stop, held=held)

    def _read(self, key: str) -> dict[str, Any] | None:
        """Return the oldest document under a key that can be read."""
        for version in versions_of(self._store, self._bucket, key, self._stop):
            body = bytearray()
            for chunk in object_chunks(self._store, self._bucket, key, version, self._stop):
                body += chunk
                if len(body) > _MOST_BYTES:
                    break
            try:
                document = orjson.loads(body)
            except orjson.JSONDecodeError:
                continue
            if isinstance(document, dict):
                return document
        return None


def hex_of(digest: str) -> str:
    """Return the name of a manifest in the records."""
    return digest.removeprefix(DIGEST_PREFIX)


def _segment(manifest: str, term: int, number: int) -> str:
    return f"{VERSIONS}{manifest}/{term:04d}/on/{number:06d}.json"
