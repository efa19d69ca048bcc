"""DSSE: a signature over a payload and its type, so that neither can be taken for something else.

The format is DSSE v1 (secure-systems-lab/dsse), as in-toto uses it. It is thirty lines over
`cryptography`, which we need anyway; the tests hold it against securesystemslib and openssl.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from glovebox.api import reasons
from glovebox.errors import InvalidInput
from glovebox.evidence.keys import TrustBundle, TrustedKey, is_signature, load_public_key
from glovebox.evidence.signer import Signer

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
# What does not look like an id of a key is not repeated.
_KEY_ID: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Opened:
    """The payload of an envelope, and the trusted keys that signed it: at least one."""

    payload: bytes
    keys: Sequence[TrustedKey]


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return what is signed: PAE of DSSE v1."""
    return b"DSSEv1 %d %b %d %b" % (len(payload_type), payload_type.encode(), len(payload), payload)


def sign(payload: bytes, signer: Signer, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """Return the envelope of a payload, as JSON."""
    signature = signer.sign(pre_authentication_encoding(payload_type, payload))
    signed = {"keyid": signer.key_id, "sig": base64.b64encode(signature).decode()}
    return _envelope(payload, payload_type, [signed])


def unsigned(payload: bytes, payload_type: str) -> bytes:
    """Return the envelope of a payload that nobody signed: it is never opened."""
    return _envelope(payload, payload_type, [])


def _envelope(payload: bytes, payload_type: str, signatures: list[dict[str, str]]) -> bytes:
    return orjson.dumps(
        {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": payload_type,
            "signatures": signatures,
        }
    )


def opened(envelope: bytes, trust: TrustBundle, payload_type: str = PAYLOAD_TYPE) -> Opened:
    """Return the payload of an envelope that trusted keys signed, at whatever time.

    The key ids in the envelope are not signed, and decide nothing: every key is tried. They are
    repeated where no key fits, for whoever has to find the right one.

    Raises:
        InvalidInput: It is no envelope, of another type, or not signed by any of the keys.
    """
    try:
        document: dict[str, Any] = orjson.loads(envelope)
        payload = base64.b64decode(document["payload"], validate=True)
        found = document["payloadType"]
        signatures = [
            base64.b64decode(entry["sig"], validate=True) for entry in document["signatures"]
        ]
    except (ValueError, TypeError, KeyError, binascii.Error) as error:
        raise InvalidInput(reasons.MANIFEST_INVALID, "the statement is no DSSE envelope") from error
    if found != payload_type:
        raise InvalidInput(
            reasons.MANIFEST_INVALID, f"the envelope holds {found!r}, not {payload_type}"
        )
    message = pre_authentication_encoding(payload_type, payload)
    keys = [
        key
        for key in trust.keys
        if any(is_signature(load_public_key(key.public), each, message) for each in signatures)
    ]
    if keys:
        return Opened(payload, keys)
    raise InvalidInput(
        reasons.DIGEST_MISMATCH,
        f"no signature of the envelope is of a trusted key: {_named(document, trust)}",
    )


def names_another_key(envelope: bytes, trust: TrustBundle) -> bool:
    """Return whether an envelope says that a key signed it which is not among the trusted ones.

    Nobody signed that: it is worth a hint to whoever reads, and nothing else.
    """
    try:
        return any(trust.find(key_id) is None for key_id in _key_ids(orjson.loads(envelope)))
    except (ValueError, TypeError, KeyError, AttributeError):
        return False


def _key_ids(document: dict[str, Any]) -> list[str]:
    found = (entry.get("keyid") for entry in document["signatures"])
    return [each for each in found if isinstance(each, str) and _KEY_ID.fullmatch(each)]


def _named(document: dict[str, Any], trust: TrustBundle) -> str:
    """Return what an envelope that no key fits says of its signatures."""
    if not document["signatures"]:
        return "it has no signature"
    key_ids = _key_ids(document)
    trusted = ", ".join(key.key_id for key in trust.keys)
    others = ", ".join(each for each in key_ids if trust.find(each) is None)
    if others:
        return f"it names the key {others}, and trusted are {trusted}"
    if key_ids:
        return f"it names the key {', '.join(key_ids)}, whose signature is over something else"
    return f"it names no key, and trusted are {trusted}"
