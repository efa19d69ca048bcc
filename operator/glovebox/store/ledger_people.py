"""Who is who in a ledger: salts and names, in objects that can be deleted.

They lie in a bucket of their own, without a default lock: what is locked cannot be forgotten. To
forget somebody is to delete every version of one object; the ledger keeps a commitment that then
says nothing to anybody, and every proof stays valid.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Final

from glovebox.api import reasons
from glovebox.errors import InvalidInput
from glovebox.ledger.commitments import SALT_BYTES, Person, decode_person, encode_person
from glovebox.store.buckets import read_lock
from glovebox.store.errors import translated
from glovebox.store.ledger_objects import (
    LedgerPlace,
    read_oldest,
    read_version,
    versions_below,
    write_once,
)
from glovebox.store.listing import list_versions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glovebox.store.connection import Stop

PREFIX: Final = ".glovebox/people/"


def ensure_person(place: LedgerPlace, organisation: str, name: str, stop: Stop) -> Person:
    """Return the person of that name, with a salt that is made once. Blocks.

    Args:
        place: A bucket that can forget.
        organisation: Whose ledger.
        name: In the clear.
        stop: Looked at between requests.

    Raises:
        InvalidInput: The bucket locks what is written there.
        GloveboxError: The store does not answer, or denies it.
    """
    key = _key(organisation, name)
    found = read_oldest(place, key, stop)
    if found is None:
        _require_forgetting(place)
        made = Person(name, secrets.token_bytes(SALT_BYTES))
        found = write_once(place, key, encode_person(made), None, stop)
    return decode_person(found)


def known_people(place: LedgerPlace, organisation: str, stop: Stop) -> Iterator[Person]:
    """Yield everybody who was not forgotten. Blocks."""
    for each in versions_below(place, f"{PREFIX}{organisation}/", stop):
        if each.ids:
            yield decode_person(read_version(place, each.key, each.ids[0]).body)


def forget_person(place: LedgerPlace, organisation: str, name: str, stop: Stop) -> int:
    """Delete every version of what says who somebody is; return how many there were. Blocks.

    The erasure is told in the ledger before: its entry names the commitment, which cannot be
    computed any more afterwards.

    Raises:
        GloveboxError: The store does not answer, or denies it: calling again is safe.
    """
    key = _key(organisation, name)
    rows = [
        row for row in list_versions(place.store.wire, place.bucket, key, stop) if row.key == key
    ]
    for row in rows:
        with translated(f"delete s3://{place.bucket}/{PREFIX}... version {row.version_id}"):
            place.store.s3.delete_object(Bucket=place.bucket, Key=key, VersionId=row.version_id)
    return sum(not row.is_delete_marker for row in rows)


def _key(organisation: str, name: str) -> str:
    # The hash of a name can be guessed: so it is deleted with the rest, and stands in no entry.
    return f"{PREFIX}{organisation}/{hashlib.sha256(name.encode()).hexdigest()}"


def _require_forgetting(place: LedgerPlace) -> None:
    _, default = read_lock(place.store, place.bucket)
    if default is not None:
        raise InvalidInput(
            reasons.LEDGER_INVALID,
            f"bucket {place.bucket} locks what is written there, so no name in it could be"
            " forgotten: keep names in a bucket without default retention",
        )
