"""Checkpoints: the head of a log, signed by it and perhaps by witnesses (c2sp.org/tlog-checkpoint).

    ledger.example.com/acme/1          the log's origin
    43                                 how many entries it has
    CsUYapGGPo4dkMgIAUqom/Xajj7h...    the root of the tree over them

Ed25519 signatures have no randomness: two writers who sign one head write the same bytes. A
witness's signature (c2sp.org/tlog-cosignature) carries a time, so a witness is a clock too.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from glovebox.api import reasons
from glovebox.errors import InvalidInput
from glovebox.evidence.signer import Signer
from glovebox.ledger.note import (
    COSIGNATURE,
    ED25519,
    Note,
    Signature,
    VerifierKey,
    matching,
    parse_note,
    parse_signatures,
    signed,
    vkey_of,
)
from glovebox.ledger.tree import EMPTY_ROOT, HASH_BYTES, MAX_SIZE

_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_TIME_BYTES: Final = 8
_SIGNATURE_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class Head:
    """How many entries a log has, and the root over them."""

    size: int
    root: bytes

    @property
    def root_text(self) -> str:
        """The root as a checkpoint has it."""
        return base64.b64encode(self.root).decode()


EMPTY: Final = Head(0, EMPTY_ROOT)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A head and the log that it is of."""

    origin: str
    head: Head
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What is signed."""
        lines = (self.origin, str(self.head.size), self.head.root_text, *self.extensions)
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class Opened:
    """A checkpoint whose signature was verified.

    Attributes:
        checkpoint: What is signed.
        key: The log's key that signed it.
        note: As it was read, with all signatures.
    """

    checkpoint: Checkpoint
    key: VerifierKey
    note: Note

    @property
    def head(self) -> Head:
        """The head that is signed."""
        return self.checkpoint.head


def number(text: str) -> int | None:
    """Return a size or index as these formats write it, or None."""
    found = int(text) if _NUMBER.fullmatch(text) else None
    return found if found is not None and found <= MAX_SIZE else None


def decoded_hash(text: str) -> bytes | None:
    """Return a hash from base64, or None; there is one spelling."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == HASH_BYTES and base64.b64encode(raw).decode() == text else None


def parse_checkpoint(text: str) -> Checkpoint:
    """Return the checkpoint that a note's text is.

    Raises:
        InvalidInput: It is none.
    """
    lines = text.removesuffix("\n").split("\n")
    if not text.endswith("\n") or len(lines) < 3 or not all(lines):  # noqa: PLR2004 - as above
        raise _invalid("it does not have three lines that are not empty")
    size, root = number(lines[1]), decoded_hash(lines[2])
    if size is None:
        raise _invalid("its second line is no size")
    if root is None:
        raise _invalid("its third line is no root")
    return Checkpoint(lines[0], Head(size, root), tuple(lines[3:]))


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> bytes:
    """Return the signed note of a checkpoint. Blocks where the signer asks a service."""
    signature = signed(checkpoint.text, checkpoint.origin, signer)
    return Note(checkpoint.text, (signature,)).encode()


def open_checkpoint(raw: bytes, keys: Iterable[VerifierKey]) -> Opened:
    """Return a checkpoint that one of the log's keys signed.

    Raises:
        InvalidInput: It is none, no key of its origin signed it, or a signature of one fails.
    """
    note = parse_note(raw)
    checkpoint = parse_checkpoint(note.text)
    own = [key for key in keys if key.name == checkpoint.origin and key.kind == ED25519]
    if not own:
        raise _invalid(f"none of the keys is of its origin {checkpoint.origin!r}")
    found = matching(note, own)
    if any(not key.is_signature(each.signature, note.text.encode()) for key, each in found):
        raise _invalid("its signature does not hold: it was edited, or another key signed it")
    if not found:
        raise _invalid("no trusted key of the log signed it")
    return Opened(checkpoint, found[0][0], note)


def cosign(text: str, name: str, signer: Signer, moment: datetime) -> Signature:
    """Return a witness's signature over a checkpoint. Blocks where the signer asks a service."""
    key = vkey_of(name, signer.public, COSIGNATURE)
    seconds = int(moment.timestamp())
    raw = seconds.to_bytes(_TIME_BYTES, "big") + signer.sign(_cosigned(text, seconds))
    return Signature(name, key.key_id, raw)


def cosigned_times(note: Note, witnesses: Iterable[VerifierKey]) -> Mapping[VerifierKey, datetime]:
    """Return which witnesses signed a checkpoint, and when, by their own clocks.

    Raises:
        InvalidInput: A signature that names a known witness fails: the note is condemned.
    """
    found: dict[VerifierKey, datetime] = {}
    known = [key for key in witnesses if key.kind == COSIGNATURE]
    for key, each in matching(note, known):
        seconds = int.from_bytes(each.signature[:_TIME_BYTES], "big")
        signature = each.signature[_TIME_BYTES:]
        if len(signature) != _SIGNATURE_BYTES or not key.is_signature(
            signature, _cosigned(note.text, seconds)
        ):
            raise _invalid(f"the signature of witness {key.name} does not hold")
        try:
            moment = datetime.fromtimestamp(seconds, UTC)
        except (ValueError, OverflowError, OSError):
            raise _invalid(f"the time of witness {key.name} is none") from None
        found[key] = max(moment, found.get(key, moment))
    return found


def own_cosignature(text: str, lines: bytes, witness: VerifierKey) -> tuple[Signature, datetime]:
    """Return the signature of a witness over a checkpoint among the lines that it sent, and when.

    Raises:
        InvalidInput: They are no signatures, or none of them is the witness's, or one that says so
            fails.
    """
    note = Note(text, parse_signatures(lines))
    own = [each for _, each in matching(note, [witness])]
    if not own:
        raise _invalid(f"witness {witness.name} does not sign with its key")
    return own[0], cosigned_times(Note(text, (own[0],)), [witness])[witness]


def _cosigned(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _invalid(defect: str) -> InvalidInput:
    return InvalidInput(reasons.LEDGER_INVALID, f"the checkpoint cannot be believed: {defect}")
