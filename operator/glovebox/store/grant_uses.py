"""Uses of AccessGrants: one object for each, under a number that only one writer can take.

How often a grant was used must not be forgotten: not by a cluster that was restored from a backup,
nor by a grant that was deleted and created again. So the count lies here, where no restore of a
cluster reaches, and not in a status. A use is taken by writing

    .glovebox/grants/<namespace>/<grant>/<content root>/<number>.json

with the lowest number that is free, from 1 to as many as the grant allows. The oldest version of a
number that can be read counts: whoever comes second reads that somebody else has it, and takes the
next one. An Experiment that has a number already, by whatever attempt, keeps that one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from glovebox.api import reasons
from glovebox.data.digest import DIGEST_PREFIX, canonical_json
from glovebox.errors import Unavailable
from glovebox.store.evidence_objects import versions_of
from glovebox.store.listing import list_versions
from glovebox.store.manifests import object_chunks
from glovebox.store.putting import put

if TYPE_CHECKING:
    from collections.abc import Mapping

    from glovebox.store.connection import Stop, Store

PREFIX: Final = ".glovebox/grants/"
FORMAT: Final = "glovebox.dev/grant-use/v1"
_NUMBER: Final = re.compile(r"(\d{4})\.json")
_RECORD_BYTES: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class UseRecord:
    """One use of a grant.

    Attributes:
        grant_uid: UID of the grant then.
        grant_digest: SHA-256 of what it granted.
        experiment: `namespace/name` of who took it.
        uid: UID of that Experiment.
        digest: Its identity, as it was about to be bound.
        time: When, RFC 3339.
        use: The number; 0 until it is taken.
    """

    grant_uid: str
    grant_digest: str
    experiment: str
    uid: str
    digest: str
    time: str
    use: int = 0


def uses_folder(grant: str, root: str) -> str:
    """Return the folder of the uses of a grant.

    Args:
        grant: `namespace/name`.
        root: The content root that it grants.
    """
    return f"{PREFIX}{grant}/{root.removeprefix(DIGEST_PREFIX)}/"


def read_uses(
    store: Store, bucket: str, folder: str, known: Mapping[int, UseRecord], stop: Stop
) -> dict[int, UseRecord]:
    """Return every use that was taken, by number. Blocks.

    Args:
        store: Where.
        bucket: Its bucket of artifacts.
        folder: Of the grant.
        known: Those that were read before: what was taken stays as it is.
        stop: Looked at between requests.

    Raises:
        GloveboxError: The store does not answer or denies it.
    """
    found: dict[int, UseRecord] = {}
    for number in _numbers(store, bucket, folder, stop):
        record = known.get(number) or _read(store, bucket, folder, number, stop)
        if record is not None:
            found[number] = record
    return found


def take_use(
    store: Store,
    bucket: str,
    folder: str,
    most: int,
    wanted: UseRecord,
    known: Mapping[int, UseRecord],
    stop: Stop,
) -> tuple[UseRecord | None, dict[int, UseRecord]]:
    """Take a use for an Experiment, unless it has one or none is left. Blocks.

    Args:
        store: Where.
        bucket: Its bucket of artifacts.
        folder: Of the grant.
        most: How many uses the grant allows.
        wanted: The use.
        known: As in `read_uses`.
        stop: Looked at between requests.

    Returns:
        The use that the Experiment has, None where others have them all; and all that were taken.

    Raises:
        GloveboxError: The store does not answer or denies it; it may be taken all the same, and
            calling again finds it.
    """
    taken = read_uses(store, bucket, folder, known, stop)
    mine = next((each for each in taken.values() if each.uid == wanted.uid), None)
    if mine is not None:
        return mine, taken
    for number in range(1, most + 1):
        if number in taken:
            continue
        put(store, bucket, _key(folder, number), _body(wanted), only_new=True)
        # Whoever was first has it, whatever the answer was.
        found = _read(store, bucket, folder, number, stop)
        if found is None:
            raise Unavailable(
                reasons.STORE_FAILED,
                f"s3://{bucket}/{_key(folder, number)} was written and cannot be read as the use"
                " of a grant; look at its versions, and who wrote them",
            )
        taken[number] = found
        if found.uid == wanted.uid:
            return found, taken
    return None, taken


def _numbers(store: Store, bucket: str, folder: str, stop: Stop) -> list[int]:
    """Return the numbers that have a version; a delete marker gives none back."""
    numbers: dict[int, None] = {}
    for row in list_versions(store.wire, bucket, folder, stop):
        match = _NUMBER.fullmatch(row.key.removeprefix(folder))
        if match is not None and not row.is_delete_marker:
            numbers[int(match[1])] = None
    return sorted(numbers)


def _key(folder: str, number: int) -> str:
    return f"{folder}{number:04d}.json"


def _body(use: UseRecord) -> bytes:
    return canonical_json(
        {
            "format": FORMAT,
            "grantUid": use.grant_uid,
            "grantDigest": use.grant_digest,
            "experiment": use.experiment,
            "uid": use.uid,
            "digest": use.digest,
            "time": use.time,
        }
    )


def _read(store: Store, bucket: str, folder: str, number: int, stop: Stop) -> UseRecord | None:
    """Return the oldest use that can be read under a number; None where none can."""
    key = _key(folder, number)
    for version in versions_of(store, bucket, key, stop):
        body = bytearray()
        for chunk in object_chunks(store, bucket, key, version, stop):
            body += chunk
            if len(body) > _RECORD_BYTES:
                break
        try:
            document: dict[str, Any] = orjson.loads(bytes(body))
            if document["format"] == FORMAT:
                return UseRecord(
                    grant_uid=str(document["grantUid"]),
                    grant_digest=str(document["grantDigest"]),
                    experiment=str(document["experiment"]),
                    uid=str(document["uid"]),
                    digest=str(document["digest"]),
                    time=str(document["time"]),
                    use=number,
                )
        except (orjson.JSONDecodeError, KeyError, TypeError):
            continue  # somebody else's, under this name
    return None
