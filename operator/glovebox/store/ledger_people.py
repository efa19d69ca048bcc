"""Who is who in a ledger: salts and names, in objects that can be deleted.

They lie in a bucket of their own, without a default lock: what is locked cannot be forgotten. To
forget somebody is to delete every version of one object; the ledger keeps a commitment that then
says nothing to anybody, and every proof stays valid.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from glovebox.api import reasons
from glovebox.errors import InvalidInput, Unavailable
from glovebox.ledger.commitments import SALT_BYTES, Person, decode_person, encode_person
from glovebox.store.buckets import read_lock
from glovebox.store.errors import translated
from glovebox.store.ledger_objects import (
    LedgerPlace,
    lock_of,
    read_oldest,
    read_version,
    versions_below,
    versions_of_key,
    write_once,
)
from glovebox.store.listing import list_key
from glovebox.store.version_lock import VersionLocks

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
        require_forgetting(place)
        made = Person(name, secrets.token_bytes(SALT_BYTES))
        found = write_once(place, key, encode_person(made), None, stop)
    return _named(found, name)


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """A person who was not forgotten.

    Attributes:
        person: Name and salt.
        version_id: Of the object that says so: another one where it was written again.
        since: When it was written, by the store's clock; None where the store does not say.
    """

    person: Person
    version_id: str
    since: datetime | None


def find_person(place: LedgerPlace, organisation: str, name: str, stop: Stop) -> KnownPerson | None:
    """Return the person of that name, or None where nobody is known by it. Blocks."""
    key = _key(organisation, name)
    ids = versions_of_key(place, key, stop).ids
    if not ids:
        return None
    person = _named(read_version(place, key, ids[0]).body, name)
    query = {"versionId": ids[0]} if ids[0] != "null" else {}
    with translated(f"look at s3://{place.bucket}/{PREFIX}... version {ids[0]}"):
        headers = place.store.wire.head(place.bucket, key, query)
    try:
        since = parsedate_to_datetime(headers.get("last-modified", ""))
    except ValueError:
        return KnownPerson(person, ids[0], None)
    return KnownPerson(person, ids[0], since if since.tzinfo else since.replace(tzinfo=UTC))


def known_people(place: LedgerPlace, organisation: str, stop: Stop) -> Iterator[Person]:
    """Yield everybody who was not forgotten. Blocks."""
    for each in versions_below(place, f"{PREFIX}{organisation}/", stop):
        if each.ids:
            yield decode_person(read_version(place, each.key, each.ids[0]).body)


def forget_person(place: LedgerPlace, organisation: str, known: KnownPerson, stop: Stop) -> int:
    """Delete every version of what says who somebody is; return how many there were. Blocks.

    Only while the version that was found is the one that counts: where somebody else forgot that
    person meanwhile, and they came back, the ledger tells of another commitment.

    The erasure is told in the ledger before (`ledger_erasure`): its entry names the commitment,
    which cannot be computed any more afterwards. The oldest version goes last: as long as anything
    is left, it says who it was.

    Raises:
        GloveboxError: The store does not answer, or denies it, or something is left: calling again
            is safe.
    """
    key = _key(organisation, known.person.name)
    rows = list(list_key(place.store.wire, place.bucket, key, stop))
    oldest = next((row for row in reversed(rows) if not row.is_delete_marker), None)
    if oldest is not None and oldest.version_id != known.version_id:
        raise Unavailable(
            reasons.LEDGER_INVALID,
            "somebody else forgot that person at the same time, and they were made known again:"
            " forget them once more",
        )
    for row in rows:
        with translated(f"delete s3://{place.bucket}/{PREFIX}... version {row.version_id}"):
            place.store.s3.delete_object(Bucket=place.bucket, Key=key, VersionId=row.version_id)
    if versions_of_key(place, key, stop).ids:
        raise Unavailable(
            reasons.LEDGER_INVALID,
            f"bucket {place.bucket} still holds what says who it was, although it was deleted: look"
            " for a lock or a rule that brings it back",
        )
    return sum(not row.is_delete_marker for row in rows)


def require_unlocked(
    place: LedgerPlace, organisation: str, known: KnownPerson, now: datetime, stop: Stop
) -> None:
    """Refuse to forget somebody of whom a version is locked, whatever the bucket does. Blocks.

    Raises:
        InvalidInput: A version cannot be deleted before its lock ends.
        GloveboxError: The store does not answer, or hides the locks.
    """
    key = _key(organisation, known.person.name)
    locks = VersionLocks(place.store, place.bucket)
    for version_id in versions_of_key(place, key, stop).ids:
        query = {"versionId": version_id} if version_id != "null" else {}
        with translated(f"look at s3://{place.bucket}/{PREFIX}... version {version_id}"):
            headers = place.store.wire.head(place.bucket, key, query)
        is_held, end = lock_of(headers).is_held, locks.read(key, version_id, headers).end
        if is_held or (end is not None and end > now):
            until = "a legal hold is on it" if is_held else f"until {end:%Y-%m-%dT%H:%M:%SZ}"
            raise InvalidInput(
                reasons.LEDGER_INVALID,
                f"what says who it is cannot be deleted: version {version_id} of s3://"
                f"{place.bucket}/{key} is locked ({until}). Somebody locked it by hand; forget them"
                " when that has ended",
            )


def _named(raw: bytes, name: str) -> Person:
    """Return the person of that name: an object of another's, put in its place, says who it is."""
    person = decode_person(raw)
    if person.name != name:
        raise InvalidInput(
            reasons.LEDGER_INVALID,
            "what is where somebody's name and salt have to be is another person's: find out who"
            " wrote it there",
        )
    return person


def _key(organisation: str, name: str) -> str:
    # The hash of a name can be guessed: so it is deleted with the rest, and stands in no entry.
    return f"{PREFIX}{organisation}/{hashlib.sha256(name.encode()).hexdigest()}"


def require_forgetting(place: LedgerPlace) -> None:
    """Refuse a bucket that locks what is written there. Blocks."""
    _, default = read_lock(place.store, place.bucket)
    if default is not None:
        raise InvalidInput(
            reasons.LEDGER_INVALID,
            f"bucket {place.bucket} locks what is written there, so no name in it could be"
            " forgotten: keep names in a bucket without default retention",
        )
