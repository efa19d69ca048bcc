"""The secrets that are in play in an experiment's namespace: no log and no status shows one.

They are noted when they are written, and read while they are there: the session before the last
may still be valid, and is in no Secret any more. They are held in memory alone, and until a while
after their session has ended: then they open nothing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from glovebox import names
from glovebox.controllers.ports import Ports
from glovebox.data.delivery import AUTHORITIES_SUFFIX
from glovebox.errors import GloveboxError
from glovebox.kube.kinds import SECRET
from glovebox.kube.resources import Key

_SECRETS: Final = (names.CREDENTIALS_SECRET, names.INPUTS_CREDENTIALS_SECRET)
# Of the files of an SDK: where the store is, and whom to trust there, is no secret, nor is how to
# print one.
_PUBLIC: Final = frozenset(
    {"region", "endpoint_url", "addressing_style", "s3", "credential_process", "ca_bundle"}
    | {"Version", "Expiration"}
)


# So long after a session's end its values are still known: clocks differ.
_ENDED_FOR: Final = timedelta(minutes=15)
_FOR_EVER: Final = datetime.max.replace(tzinfo=UTC)


async def known_secrets(ports: Ports, key: Key, namespace: str) -> frozenset[str]:
    """Return every secret that is known to be, or to have been, in play. Never raises."""
    for name in _SECRETS:
        try:
            note_secret(ports, key, await ports.reader.get(SECRET, namespace, name))
        except GloveboxError:
            continue  # gone, or not to be read: what has the shape of a secret goes all the same
    own = (each.secret_access_key for each in ports.store_credentials.values())
    given = ports.given_secrets.get(key, ())
    return frozenset({*ports.known_secrets.get(key, ()), *given, *own})


def note_secret(ports: Ports, key: Key, secret: Mapping[str, Any]) -> None:
    """Remember the values of a Secret of ours, and forget those whose session ended long ago.

    Args:
        ports: The outside world.
        key: The Experiment in whose namespace it is.
        secret: As it is there, or is about to be written.
    """
    now = ports.now()
    known = ports.known_secrets.setdefault(key, {})
    for value in [value for value, end in known.items() if end < now]:
        del known[value]
    known |= dict.fromkeys(values_of(secret), _known_until(secret))


def _known_until(secret: Mapping[str, Any]) -> datetime:
    metadata = secret.get("metadata") or {}
    told = (metadata.get("annotations") or {}).get(names.ANNOTATION_CREDENTIALS_EXPIRE_TIME, "")
    try:
        return datetime.fromisoformat(told).astimezone(UTC) + _ENDED_FOR
    except (ValueError, OverflowError):
        return _FOR_EVER


def values_of(secret: Mapping[str, Any]) -> set[str]:
    """Return the values in the files of a Secret of ours."""
    found = set()
    for file, encoded in (secret.get("data") or {}).items():
        if file.endswith(AUTHORITIES_SUFFIX):
            continue  # whom to trust is known to all
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
