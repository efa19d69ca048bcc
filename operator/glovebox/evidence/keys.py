"""Public keys: what may have signed a seal, and from when until when.

A trust bundle is what an auditor has: one or more keys, each with the time in which it may have
signed. It comes as PEM (keys that are trusted at any time) or as the JSON that the operator
publishes. Ed25519, and ECDSA over P-256 and P-384, which is what key management services offer.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, HashAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from glovebox.api import reasons
from glovebox.errors import InvalidInput

PublicKey = Ed25519PublicKey | ec.EllipticCurvePublicKey
FORMAT: Final = "glovebox.dev/keys/v1"
# The hash that goes with a curve, as securesystemslib and cosign have it.
_HASHES: Final[dict[str, HashAlgorithm]] = {"secp256r1": SHA256(), "secp384r1": SHA384()}
_PEM: Final = re.compile(r"-----BEGIN [A-Z ]+-----.*?-----END [A-Z ]+-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key, and when it may have signed.

    Attributes:
        key_id: SHA-256 (hex) of its SubjectPublicKeyInfo in DER.
        public: As PEM.
        valid_from: Nothing before counts; None has no such bound.
        valid_until: Nothing after counts; None for the key that signs now.
    """

    key_id: str
    public: str
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    def is_valid_at(self, moment: datetime) -> bool:
        """Return whether what was signed at that moment counts."""
        return (self.valid_from is None or self.valid_from <= moment) and (
            self.valid_until is None or moment <= self.valid_until
        )


@dataclass(frozen=True, slots=True)
class TrustBundle:
    """The keys that are trusted, the oldest first."""

    keys: tuple[TrustedKey, ...]

    def find(self, key_id: str) -> TrustedKey | None:
        """Return the key of that id, or None."""
        return next((key for key in self.keys if key.key_id == key_id), None)


def load_public_key(pem: str) -> PublicKey:
    """Return the key of a PEM text.

    Raises:
        InvalidInput: It is none, or of another kind.
    """
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidInput(
            reasons.SIGNING_KEY_INVALID, "the key is no public key in PEM form"
        ) from error
    if isinstance(key, Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _HASHES:
        return key
    raise InvalidInput(
        reasons.SIGNING_KEY_INVALID,
        "the key is of a kind that seals are not signed with: use Ed25519, or ECDSA over P-256 or"
        " P-384",
    )


def public_pem(key: PublicKey) -> str:
    """Return a public key as PEM."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def key_id(key: PublicKey) -> str:
    """Return the SHA-256 (hex) of a public key's SubjectPublicKeyInfo in DER."""
    return hashlib.sha256(
        key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).hexdigest()


def is_signature(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Return whether this key made the signature over the message."""
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, message)
        else:
            key.verify(signature, message, ec.ECDSA(_HASHES[key.curve.name]))
    except InvalidSignature:
        return False
    return True


def trusted(pem: str) -> TrustedKey:
    """Return a key that is trusted at any time.

    Raises:
        InvalidInput: It is no public key.
    """
    key = load_public_key(pem)
    return TrustedKey(key_id(key), public_pem(key))


def encode_bundle(bundle: TrustBundle) -> bytes:
    """Return a bundle as the JSON that `read_bundle` takes."""

    def described(key: TrustedKey) -> dict[str, str]:
        times = {"validFrom": key.valid_from, "validUntil": key.valid_until}
        return {"keyId": key.key_id, "publicKey": key.public} | {
            name: moment.isoformat().replace("+00:00", "Z")
            for name, moment in times.items()
            if moment is not None
        }

    document = {"format": FORMAT, "keys": [described(key) for key in bundle.keys]}
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def read_bundle(text: str) -> TrustBundle:
    """Return the keys of a text: PEM, one or more, or the JSON that the operator publishes.

    Raises:
        InvalidInput: It is neither, holds no key, or contradicts itself; the text is not repeated.
    """
    if not text.lstrip().startswith("{"):
        found = tuple(trusted(block) for block in _PEM.findall(text))
        if not found:
            raise _unreadable("it holds no public key in PEM form")
        return TrustBundle(found)
    try:
        document = orjson.loads(text)
        if document["format"] != FORMAT:
            raise _unreadable(f"its format is not {FORMAT}")
        keys = tuple(_key_of(entry) for entry in document["keys"])
    except (ValueError, TypeError, KeyError) as error:
        raise _unreadable(f"it is not as {FORMAT} has it") from error
    if len({key.key_id for key in keys}) != len(keys):
        raise _unreadable("it names a key twice")
    if not keys:
        raise _unreadable("it holds no key")
    return TrustBundle(keys)


def _key_of(entry: dict[str, Any]) -> TrustedKey:
    key = trusted(str(entry["publicKey"]))
    if entry["keyId"] != key.key_id:
        raise _unreadable("a key does not have the id that it is listed under")
    begin, end = _moment(entry.get("validFrom")), _moment(entry.get("validUntil"))
    return TrustedKey(key.key_id, key.public, begin, end)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise _unreadable("a time in it has no time zone")
    return moment


def _unreadable(defect: str) -> InvalidInput:
    return InvalidInput(reasons.SIGNING_KEY_INVALID, f"the public keys cannot be read: {defect}")
