"""Signed notes: a text, and lines of signatures below it (c2sp.org/signed-note v1.0.0).

Two kinds of signatures are known: Ed25519 of a log, and timestamped Ed25519 of a witness, which
`checkpoint` reads. All others are ignored, as the specification wants it; one that names a known
key and fails condemns the whole note.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from glovebox.api import reasons
from glovebox.errors import InvalidInput
from glovebox.evidence.keys import load_public_key
from glovebox.evidence.signer import Signer

ED25519: Final = 0x01
COSIGNATURE: Final = 0x04
KINDS: Final = (ED25519, COSIGNATURE)
# The specification demands 16; signatures of other kinds may be long.
MAX_SIGNATURES: Final = 64
MAX_BYTES: Final = 1 << 20
_DASH: Final = "\u2014 "
_KEY_BYTES: Final = 32
_ID_BYTES: Final = 4
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """What checks signatures of one key: its name, its kind, its 32 bytes.

    Attributes:
        name: Of a log, its origin; of a witness, whatever it calls itself.
        kind: `ED25519` or `COSIGNATURE`.
        public: As RFC 8032 has it.
    """

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        """Four bytes that name it beside its name."""
        raw = self.name.encode() + b"\n" + bytes([self.kind]) + self.public
        return hashlib.sha256(raw).digest()[:_ID_BYTES]

    @property
    def text(self) -> str:
        """As a vkey: `name+id+key`."""
        key = base64.b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{key}"

    def is_signature(self, signature: bytes, message: bytes) -> bool:
        """Return whether this key made an Ed25519 signature over a message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signature:
    """One line below a note."""

    name: str
    key_id: bytes
    signature: bytes

    @property
    def line(self) -> str:
        """As it is written, with its line feed."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text and its signatures; the text is to be ignored until a signature was verified."""

    text: str
    signatures: tuple[Signature, ...]

    def encode(self) -> bytes:
        """Return the note as bytes."""
        return f"{self.text}\n{''.join(each.line for each in self.signatures)}".encode()


def parse_vkey(text: str) -> VerifierKey:
    """Return the key of a vkey.

    Raises:
        InvalidInput: It is none, or of another kind than those known here.
    """
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    raw = _decoded(encoded)
    if not is_name(name) or raw is None or len(raw) != _KEY_BYTES + 1:
        raise _invalid("the text is no vkey (`name+id+key`) of an Ed25519 key")
    key = VerifierKey(name, raw[0], raw[1:])
    if key.kind not in KINDS:
        raise _invalid(f"a vkey is of kind {key.kind:#04x}; known are 0x01 (Ed25519) and 0x04")
    if key.key_id.hex() != key_id:
        raise _invalid("the id in a vkey is not that of its name and key")
    return key


def vkey_of(name: str, public: str, kind: int = ED25519) -> VerifierKey:
    """Return the verifier key of a public key in PEM form.

    Raises:
        InvalidInput: The name cannot be one, or the key is not Ed25519.
    """
    if not is_name(name):
        raise _invalid(
            f"{name!r} cannot name a key: write a URL without scheme, without spaces and `+`"
        )
    key = load_public_key(public)
    if not isinstance(key, Ed25519PublicKey):
        raise _invalid("the key of a ledger or witness has to be an Ed25519 key")
    return VerifierKey(name, kind, key.public_bytes(Encoding.Raw, PublicFormat.Raw))


def is_name(name: str) -> bool:
    """Whether a text can name a key: not empty, no space, no `+`, no control character."""
    return bool(name) and not any(
        each.isspace() or each == "+" or not each.isprintable() for each in name
    )


def signed(text: str, name: str, signer: Signer) -> Signature:
    """Return the signature of a log over a text. Blocks where the signer asks a service.

    Raises:
        InvalidInput: The name or the kind of key cannot sign a note.
    """
    key = vkey_of(name, signer.public)
    return Signature(name, key.key_id, signer.sign(text.encode()))


def parse_note(raw: bytes) -> Note:
    """Return the text and the signatures of a note; nothing is verified yet.

    Raises:
        InvalidInput: It is not written as a note.
    """
    if len(raw) > MAX_BYTES:
        raise _invalid("a note has more than a mebibyte")
    try:
        whole = raw.decode()
    except UnicodeDecodeError:
        raise _invalid("a note is not UTF-8") from None
    if _CONTROL.search(whole):
        raise _invalid("a note holds a control character")
    text, blank, lines = whole.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise _invalid("a note ends without signatures")
    found = tuple(_signature(line) for line in lines[:-1].split("\n"))
    if len(found) > MAX_SIGNATURES:
        raise _invalid(f"a note has more than {MAX_SIGNATURES} signatures")
    return Note(text + "\n", found)


def parse_signatures(lines: bytes) -> tuple[Signature, ...]:
    """Return signatures that come without their note, as a witness answers.

    Raises:
        InvalidInput: They are not written as such.
    """
    return parse_note(b"x\n\n" + lines).signatures


def matching(note: Note, keys: Iterable[VerifierKey]) -> Sequence[tuple[VerifierKey, Signature]]:
    """Return the signatures that name a known key; not verified yet."""
    known = {(key.name, key.key_id): key for key in keys}
    return [
        (known[each.name, each.key_id], each)
        for each in note.signatures
        if (each.name, each.key_id) in known
    ]


def _signature(line: str) -> Signature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    raw = _decoded(encoded)
    if not line.startswith(_DASH) or not space or not is_name(name):
        raise _invalid("a line below a note is no signature")
    if raw is None or len(raw) <= _ID_BYTES:
        raise _invalid("a signature is no base64 of a key id and a signature")
    return Signature(name, raw[:_ID_BYTES], raw[_ID_BYTES:])


def _decoded(text: str) -> bytes | None:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    # One spelling for one value: no loose bits.
    return raw if base64.b64encode(raw).decode() == text else None


def _invalid(defect: str) -> InvalidInput:
    return InvalidInput(reasons.LEDGER_INVALID, defect)
