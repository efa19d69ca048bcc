"""The genesis of a ledger, or of a further epoch of it: what it is, signed by its log key.

Only a command makes one. A bucket without it is no empty ledger but none: so a bucket that was
emptied, or a wrong one, is noticed and never continued.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from glovebox.api import reasons
from glovebox.data.digest import canonical_json
from glovebox.errors import InvalidInput
from glovebox.evidence.signer import Signer
from glovebox.ledger.checkpoint import Head, decoded_hash
from glovebox.ledger.entry import time_text
from glovebox.ledger.note import Note, VerifierKey, matching, parse_note, parse_vkey, signed

FIRST_LINE: Final = "glovebox.dev/ledger-genesis/v1"
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True, slots=True)
class Genesis:
    """What a ledger is.

    Attributes:
        organisation: Whose.
        epoch: From 1.
        origin: The log's name in its checkpoints; ends in the epoch.
        log_key: The vkey that signs this epoch.
        created: When.
        lock_days: For how long each entry is locked at least; 0 promises nothing.
        previous: The last head of the epoch before; None for the first.
    """

    organisation: str
    epoch: int
    origin: str
    log_key: str
    created: datetime
    lock_days: int
    previous: Head | None = None


def encode_genesis(genesis: Genesis, signer: Signer) -> bytes:
    """Return the signed note of a genesis. Blocks where the signer asks a service."""
    text = f"{FIRST_LINE}\n{canonical_json(_document(genesis)).decode()}\n"
    return Note(text, (signed(text, genesis.origin, signer),)).encode()


def open_genesis(raw: bytes, keys: Iterable[VerifierKey]) -> Genesis:
    """Return the genesis that a trusted key of its own origin signed.

    Raises:
        InvalidInput: It is none, or no such key signed it.
    """
    note = parse_note(raw)
    found = matching(note, keys)
    if not found or any(
        not key.is_signature(each.signature, note.text.encode()) for key, each in found
    ):
        raise _invalid("no trusted key of the log signed it")
    genesis = read_genesis(raw)
    key = found[0][0]
    if key.name != genesis.origin or key.text != genesis.log_key:
        raise _invalid("it names another origin or key than those that signed it")
    return genesis


def read_genesis(raw: bytes) -> Genesis:
    """Return what a genesis says; nothing of it is verified.

    Raises:
        InvalidInput: It is not written as one.
    """
    first, _, rest = parse_note(raw).text.partition("\n")
    try:
        document: dict[str, Any] = orjson.loads(rest)
        genesis = Genesis(
            organisation=str(document["organisation"]),
            epoch=int(document["epoch"]),
            origin=str(document["origin"]),
            log_key=parse_vkey(document["logKey"]).text,
            created=_moment(document["created"]),
            lock_days=int(document["lockDays"]),
            previous=_head(document["previous"]),
        )
        is_written_so = f"{canonical_json(_document(genesis)).decode()}\n" == rest
    except (ValueError, TypeError, KeyError, AttributeError):
        is_written_so = False
    if first != FIRST_LINE or not is_written_so:
        raise _invalid(f"it is not as {FIRST_LINE} has it")
    return genesis


def _document(genesis: Genesis) -> Mapping[str, Any]:
    last = genesis.previous
    return {
        "created": time_text(genesis.created),
        "epoch": genesis.epoch,
        "lockDays": genesis.lock_days,
        "logKey": genesis.log_key,
        "organisation": genesis.organisation,
        "origin": genesis.origin,
        "previous": None if last is None else {"root": last.root_text, "size": last.size},
    }


def _head(document: Mapping[str, Any] | None) -> Head | None:
    if document is None:
        return None
    root = decoded_hash(document["root"])
    if root is None:
        raise ValueError
    return Head(int(document["size"]), root)


def _moment(text: str) -> datetime:
    if not _TIME.fullmatch(text):
        raise ValueError
    return datetime.fromisoformat(text)


def _invalid(defect: str) -> InvalidInput:
    return InvalidInput(reasons.LEDGER_INVALID, f"the genesis cannot be believed: {defect}")
