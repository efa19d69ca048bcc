"""Entries: what happened, in one spelling, with the hash of the entry before it.

An entry is canonical JSON (see `data/digest.py`) of a fixed form that names its version. It is
hashed as it is stored and never written again, so no program's rounding of a time can break it.
Names of people are commitments (`commitments`), and free text is no part of an entry: it goes into
the document whose digest is named.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid5

import orjson

from glovebox.api import reasons
from glovebox.data.digest import DIGEST_PREFIX, canonical_json, digest_of, is_digest
from glovebox.errors import InvalidInput
from glovebox.ledger.commitments import is_commitment
from glovebox.ledger.tiles import ENTRY_BYTES

FORMAT: Final = "glovebox.dev/ledger-entry/v1"
# The detail that names an entry with the id of the same event which says something else.
CONTRADICTS: Final = "contradicts"
_KIND: Final = re.compile(r"[a-z][a-z-]{0,62}")
_SYSTEM: Final = re.compile(r"system:[a-z][a-z-]{0,62}")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_WORD: Final = re.compile(r"[A-Za-z0-9._:/+=-]{0,512}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAME: Final = re.compile(r"[a-z][A-Za-z0-9]{0,62}")


class Kind(StrEnum):
    """What an entry tells of."""

    BIND = "bind"
    APPROVAL = "approval"
    RUN_STARTED = "run-started"
    RUN_ENDED = "run-ended"
    SEALED = "sealed"
    DELETED = "deleted"
    GRANTED = "granted"
    GRANT_USED = "grant-used"
    GRANT_REVOKED = "grant-revoked"
    GRANT_EXPIRED = "grant-expired"
    KEY_CHANGED = "key-changed"
    BREAK_GLASS = "break-glass"
    ISOLATION_DRIFT = "isolation-drift"
    ERASURE = "erasure"
    # Nothing happened for an hour: so that silence can be shown.
    IDLE = "idle"
    # The last entry of an epoch; the ledger goes on in the next one.
    EPOCH_ENDED = "epoch-ended"


@dataclass(frozen=True, slots=True)
class Subject:
    """What an entry is about.

    Attributes:
        kind: Of a resource: `Experiment`.
        uid: Its UID.
        digest: Its identity, `sha256:<hex>`.
        name: A commitment to its name.
    """

    kind: str = ""
    uid: str = ""
    digest: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class StatedObject:
    """An object in the bucket that an entry vouches for: the statement of a seal.

    Attributes:
        key: Its whole key.
        version_id: The version.
        sha256: Of its bytes, hex.
        retain_until_time: When its lock ends at the earliest, RFC 3339 in UTC; empty when that is
            not stated.
    """

    key: str
    version_id: str
    sha256: str
    retain_until_time: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, before it has a place in the ledger.

    Attributes:
        id: A UUID that is made once for this event, and is the same in each attempt to write it.
        kind: What happened.
        time: When; whole seconds count.
        actor: Who: a commitment to a name, or `system:<component>`.
        subject: What about.
        document: Digest of the whole document, where there is one.
        objects: Objects in the bucket that the entry vouches for.
        details: Further words: digests, numbers, reasons. Never names or free text.
    """

    id: str
    kind: Kind
    time: datetime
    actor: str
    subject: Subject = Subject()
    document: str = ""
    objects: tuple[StatedObject, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """An event in its place.

    Attributes:
        index: From 0.
        previous: Digest of the stored bytes of the entry before; of the genesis for the first.
        written: When the place was claimed, by the writer's clock.
        id, kind, time, actor, subject, document, objects, details: As in `Event`; `kind` may be a
            word of a later version.
    """

    index: int
    previous: str
    written: datetime
    id: str
    kind: str
    time: datetime
    actor: str
    subject: Subject
    document: str
    objects: tuple[StatedObject, ...]
    details: Mapping[str, str]


def says(told: Event | Entry) -> str:
    """Return a digest of what is told, apart from when, and from the locks of objects.

    Those differ between attempts at one event. Whoever may write to the bucket can write an entry
    with the id of an event that is still to come: what it says decides whether that is told.
    """
    subject = told.subject
    return digest_of(
        [
            str(told.kind),
            told.actor,
            [subject.kind, subject.uid, subject.digest, subject.name],
            told.document,
            [[each.key, each.version_id, each.sha256] for each in told.objects],
            {name: word for name, word in told.details.items() if name != CONTRADICTS},
        ]
    )


def contradicting(event: Event, place: str) -> Event:
    """Return an event as it is told where another entry has its id and says something else.

    It has an id of its own, which is the same in each attempt.

    Args:
        event: What happened.
        place: `<epoch>/<index>` of the other entry.
    """
    return replace(
        event,
        id=contradicting_id(event),
        details={**event.details, CONTRADICTS: place},
    )


def contradicting_id(event: Event) -> str:
    """Return the id that an event has where another entry has its own."""
    return str(uuid5(UUID(event.id), says(event)))


def digest_of_bytes(stored: bytes) -> str:
    """Return `sha256:<hex>` of bytes as they are stored: what `sha256sum` says of the object."""
    return DIGEST_PREFIX + hashlib.sha256(stored).hexdigest()


def encode_entry(event: Event, index: int, previous: str, written: datetime) -> bytes:
    """Return the bytes of an event in its place.

    Raises:
        InvalidInput: A field is not as it has to be, or all of it is more than 65,535 bytes.
    """
    document = {
        "actor": event.actor,
        "details": dict(event.details),
        "document": event.document,
        "format": FORMAT,
        "id": event.id,
        "index": index,
        "kind": str(event.kind),
        "objects": [
            {
                "key": each.key,
                "retainUntilTime": each.retain_until_time,
                "sha256": each.sha256,
                "versionId": each.version_id,
            }
            for each in event.objects
        ],
        "previous": previous,
        "subject": {
            "digest": event.subject.digest,
            "kind": event.subject.kind,
            "name": event.subject.name,
            "uid": event.subject.uid,
        },
        "time": time_text(event.time),
        "written": time_text(written),
    }
    raw = canonical_json(document)
    if len(raw) > ENTRY_BYTES:
        raise _invalid(
            f"it has {len(raw):,} bytes, and at most {ENTRY_BYTES:,} are allowed; put digests in,"
            " not documents"
        )
    decode_entry(raw)
    return raw


def decode_entry(raw: bytes) -> Entry:
    """Return the entry of stored bytes.

    Raises:
        InvalidInput: They are not the one spelling of an entry.
    """
    try:
        document: dict[str, Any] = orjson.loads(raw)
        # The one spelling: canonical JSON of what is allowed below (no floats) is what orjson says.
        if orjson.dumps(document, option=orjson.OPT_SORT_KEYS) != raw:
            raise _invalid("it is not canonical JSON")
        if document["format"] != FORMAT:
            raise _invalid(f"its format is not {FORMAT}")
        if len(document) != 12:  # noqa: PLR2004 - the fields below
            raise _invalid("it has fields that the format does not know")
        entry = Entry(
            index=_index(document["index"]),
            previous=_digest(document["previous"]),
            written=_moment(document["written"]),
            id=_matching(_UUID, document["id"], "its id"),
            kind=_matching(_KIND, document["kind"], "its kind"),
            time=_moment(document["time"]),
            actor=_actor(document["actor"]),
            subject=_subject(document["subject"]),
            document=_digest(document["document"]) if document["document"] else "",
            objects=tuple(_object(each) for each in document["objects"]),
            details=_details(document["details"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _invalid(f"it is not as {FORMAT} has it") from error
    if document["document"] not in ("", entry.document):
        raise _invalid("its document is no digest")
    return entry


def time_text(moment: datetime) -> str:
    """Return a time as entries have it: whole seconds, in UTC.

    Raises:
        InvalidInput: It has no time zone.
    """
    if moment.tzinfo is None:
        raise _invalid("a time has no time zone")
    return f"{moment.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat()}Z"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(_matching(_TIME, text, "a time"))


def _matching(pattern: re.Pattern[str], text: str, what: str) -> str:
    if not pattern.fullmatch(text):
        raise _invalid(f"{what} is not written as it has to be")
    return text


def _index(value: int) -> int:
    if type(value) is not int or value < 0:
        raise _invalid("its index is none")
    return value


def _digest(text: str) -> str:
    if not is_digest(text):
        raise _invalid("a digest is not `sha256:` and 64 hex digits")
    return text


def _actor(text: str) -> str:
    if not is_commitment(text) and not _SYSTEM.fullmatch(text):
        raise _invalid(
            "its actor is neither a commitment to a name nor `system:<component>`; names in the"
            " clear have no place in a ledger"
        )
    return text


def _subject(document: Mapping[str, str]) -> Subject:
    if set(document) != {"digest", "kind", "name", "uid"}:
        raise _invalid("its subject has other fields than the format")
    if document["name"] and not is_commitment(document["name"]):
        raise _invalid("the name of its subject is no commitment")
    return Subject(
        kind=_matching(_WORD, document["kind"], "the kind of its subject"),
        uid=_matching(_WORD, document["uid"], "the UID of its subject"),
        digest=_digest(document["digest"]) if document["digest"] else "",
        name=document["name"],
    )


def _object(document: Mapping[str, str]) -> StatedObject:
    if set(document) != {"key", "retainUntilTime", "sha256", "versionId"}:
        raise _invalid("an object of it has other fields than the format")
    if document["retainUntilTime"]:
        _moment(document["retainUntilTime"])
    if not document["key"] or not document["versionId"]:
        raise _invalid("an object of it has no key or no version")
    return StatedObject(
        key=str(document["key"]),
        version_id=str(document["versionId"]),
        sha256=_digest(DIGEST_PREFIX + document["sha256"]).removeprefix(DIGEST_PREFIX),
        retain_until_time=document["retainUntilTime"],
    )


def _details(document: Mapping[str, str]) -> Mapping[str, str]:
    for name, text in document.items():
        _matching(_NAME, name, "the name of a detail")
        _matching(_WORD, text, f"the detail {name}")
    return dict(document)


def _invalid(defect: str) -> InvalidInput:
    return InvalidInput(reasons.LEDGER_INVALID, f"the entry cannot be taken: {defect}")
