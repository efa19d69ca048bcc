"""Signs with a key that a key management service keeps, through securesystemslib.

The Secret then holds where the key is (`uri`, as securesystemslib has it: `awskms:...`,
`gcpkms:...`, `azurekms:...`, `hsm:...`) and its public half (`public.pem`), and nothing that signs.
The library is the extra `glovebox[kms]`; a service's own client comes beside it.
"""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_public_key

from glovebox.api import reasons
from glovebox.errors import InvalidInput, Unavailable
from glovebox.evidence.keys import is_signature, load_public_key, trusted


class KmsSigner:
    """Signs by asking a service; what comes back is verified before it is used."""

    def __init__(self, signer: Any, public: str) -> None:
        key = trusted(public)
        self._signer = signer
        self._key = load_public_key(key.public)
        self.key_id, self.public = key.key_id, key.public

    @classmethod
    def of(cls, uri: str, public: str) -> KmsSigner:
        """Return the signer of a key that a service keeps.

        Raises:
            InvalidInput: The library is missing, or nothing signs for such a URI or key.
        """
        trusted(public)  # a key of a kind that seals are signed with
        try:
            from securesystemslib.signer._key import SSlibKey  # noqa: PLC0415 - an extra
            from securesystemslib.signer._signer import Signer  # noqa: PLC0415 - an extra
        except ImportError:
            raise InvalidInput(
                reasons.SIGNING_KEY_INVALID,
                "the signing key is kept by a service, and this image lacks the extra"
                " `glovebox[kms]` that asks it",
            ) from None
        try:
            loaded: Any = load_pem_public_key(public.encode())
            key = SSlibKey.from_crypto(loaded)
            return cls(Signer.from_priv_key_uri(uri, key), public)
        except Exception as error:  # noqa: BLE001 - whatever a client of a service raises
            raise InvalidInput(
                reasons.SIGNING_KEY_INVALID,
                f"nothing signs for the URI of the signing key: {type(error).__name__}",
            ) from None

    def sign(self, message: bytes) -> bytes:
        """Return the signature over a message. Blocks: it asks the service.

        Raises:
            Unavailable: The service does not answer, denies it, or signs with another key.
        """
        try:
            signature = bytes.fromhex(self._signer.sign(message).signature)
        except Exception as error:  # noqa: BLE001 - as above
            # Words of a service may hold anything: only the kind of the error is told.
            raise Unavailable(
                reasons.SIGNING_FAILED,
                f"the service that keeps the signing key did not sign: {type(error).__name__}",
            ) from None
        if not is_signature(self._key, signature, message):
            raise Unavailable(
                reasons.SIGNING_FAILED,
                "the service that keeps the signing key signs with another key than `public.pem`"
                " in the Secret says",
            )
        return signature
