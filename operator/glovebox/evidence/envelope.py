"""DSSE: a signature over a payload and its type, so that neither can be taken for something else.

The format is DSSE v1 (secure-systems-lab/dsse), as in-toto uses it; the signature is Ed25519. It is
thirty lines over
`cryptography`, which we need anyway: the libraries that do the same bring a metadata system of
their own with them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from glovebox.api import reasons
from glovebox.errors import InvalidInput

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A pair of keys as PEM texts; the private one never leaves the operator's Secret."""

    private: str
    public: str


def new_key_pair() -> KeyPair:
    """Make a new pair. The one place in this package that needs randomness: whoever seals calls it once in a cluster's life."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return KeyPair(
        private,
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    )


def load_private_key(pem: str) -> Ed25519PrivateKey:
    """Return the key of a PEM text.

    Raises:
        InvalidInput: It is none, or of another kind; the text is not repeated.
    """
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidInput(
            reasons.SIGNING_KEY_INVALID, "the signing key is no unencrypted private key in PEM form"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidInput(reasons.SIGNING_KEY_INVALID, "the signing key is not an Ed25519 key")
    return key


def load_public_key(pem: str) -> Ed25519PublicKey:
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
    if not isinstance(key, Ed25519PublicKey):
        raise InvalidInput(reasons.SIGNING_KEY_INVALID, "the key is not an Ed25519 key")
    return key


def key_id(key: Ed25519PublicKey) -> str:
    """Return the SHA-256 (hex) of a public key's SubjectPublicKeyInfo in DER."""
    return hashlib.sha256(
        key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).hexdigest()


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return what is signed: PAE of DSSE v1."""
    return b"DSSEv1 %d %b %d %b" % (len(payload_type), payload_type.encode(), len(payload), payload)


def sign(payload: bytes, key: Ed25519PrivateKey) -> bytes:
    """Return the envelope of a payload, as JSON."""
    signature = key.sign(pre_authentication_encoding(PAYLOAD_TYPE, payload))
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [
            {"keyid": key_id(key.public_key()), "sig": base64.b64encode(signature).decode()}
        ],
    }
    return orjson.dumps(envelope)


def opened(envelope: bytes, key: Ed25519PublicKey) -> bytes:
    """Return the payload of an envelope that this key signed.

    Raises:
        InvalidInput: It is no envelope, of another type, or not signed by this key.
    """
    try:
        document: dict[str, Any] = orjson.loads(envelope)
        payload = base64.b64decode(document["payload"], validate=True)
        payload_type = document["payloadType"]
        signatures = [
            base64.b64decode(entry["sig"], validate=True) for entry in document["signatures"]
        ]
    except (ValueError, TypeError, KeyError, binascii.Error) as error:
        raise InvalidInput(reasons.MANIFEST_INVALID, "the statement is no DSSE envelope") from error
    if payload_type != PAYLOAD_TYPE:
        raise InvalidInput(
            reasons.MANIFEST_INVALID, f"the envelope holds {payload_type!r}, not {PAYLOAD_TYPE}"
        )
    for signature in signatures:
        try:
            key.verify(signature, pre_authentication_encoding(payload_type, payload))
        except InvalidSignature:
            continue
        return payload
    raise InvalidInput(
        reasons.DIGEST_MISMATCH, f"no signature of the envelope is of the key {key_id(key)}"
    )
