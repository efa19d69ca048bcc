"""The secrets that are in play in an experiment's namespace: no log and no status shows one.

They are read while they are there: the session of an hour ago may still be valid, and is in no
Secret any more. They are held in memory alone.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from glovebox import names
from glovebox.controllers.ports import Ports
from glovebox.errors import GloveboxError
from glovebox.kube.kinds import SECRET
from glovebox.kube.resources import Key

_SECRETS: Final = (names.CREDENTIALS_SECRET, names.INPUTS_CREDENTIALS_SECRET)
# Of the files of an SDK: the address of the store is no secret, nor is how to print one.
_PUBLIC: Final = frozenset(
    {"region", "endpoint_url", "addressing_style", "s3", "credential_process"}
    | {"Version", "Expiration"}
)


async def known_secrets(ports: Ports, key: Key, namespace: str) -> frozenset[str]:
    """Return every secret that is known to be, or to have been, in play. Never raises."""
    known = ports.known_secrets.setdefault(key, set())
    for name in _SECRETS:
        try:
            known |= values_of(await ports.reader.get(SECRET, namespace, name))
        except GloveboxError:
            continue  # gone, or not to be read: what has the shape of a secret goes all the same
    own = (each.secret_access_key for each in ports.store_credentials.values())
    return frozenset({*known, *own})


def values_of(secret: Mapping[str, Any]) -> set[str]:
    """Return the values in the files of a Secret of ours."""
    found = set()
    for encoded in (secret.get("data") or {}).values():
        try:
            text = base64.b64decode(encoded).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue
        found |= {value for name, value in _entries(text) if value and name not in _PUBLIC}
    return found


def _entries(text: str) -> Iterator[tuple[str, str]]:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        for line in text.splitlines():
            name, _, value = (part.strip() for part in line.partition("="))
            yield name, value
        return
    if isinstance(document, dict):
        yield from ((name, value) for name, value in document.items() if isinstance(value, str))
