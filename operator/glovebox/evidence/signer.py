"""What signs: a key in the operator's Secret, or one that a key management service keeps.

Only `LocalSigner` is here. Whatever else signs has the same three things to offer, see
`store/kms_signer.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from glovebox.api import reasons
from glovebox.errors import InvalidInput
from glovebox.evidence.keys import key_id, public_pem


class Signer(Protocol):
    """Signs messages with one key."""

    @property
    def key_id(self) -> str:
        """SHA-256 (hex) of the public key's SubjectPublicKeyInfo in DER."""

    @property
    def public(self) -> str:
        """The public key, as PEM."""

    def sign(self, message: bytes) -> bytes:
        """Return the signature over a message. Blocks, where it asks a service.

        Raises:
            GloveboxError: The service does not answer or denies it.
        """


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A pair of keys as PEM texts; the private one never leaves the operator's Secret."""

    private: str
    public: str


class LocalSigner:
    """Signs with an Ed25519 key that this process holds."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.key_id = key_id(key.public_key())
        self.public = public_pem(key.public_key())

    @classmethod
    def of(cls, pem: str) -> LocalSigner:
        """Return the signer of a private key in PEM form.

        Raises:
            InvalidInput: It is none, or of another kind; the text is not repeated.
        """
        try:
            key = load_pem_private_key(pem.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise InvalidInput(
                reasons.SIGNING_KEY_INVALID,
                "the signing key is no unencrypted private key in PEM form",
            ) from None
        if not isinstance(key, Ed25519PrivateKey):
            raise InvalidInput(reasons.SIGNING_KEY_INVALID, "the signing key is not an Ed25519 key")
        return cls(key)

    def sign(self, message: bytes) -> bytes:
        """Return the signature over a message."""
        return self._key.sign(message)


def new_key_pair() -> KeyPair:
    """Create a new key pair: the one place in this package that needs randomness."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return KeyPair(private, public_pem(key.public_key()))
