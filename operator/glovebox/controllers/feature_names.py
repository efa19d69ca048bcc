"""The key that names of features are hashed with.

It is a Secret in the operator's namespace, made once by the operator and kept like the key of
seals. Whoever replaces it has all names hashed with the new one, once the operator is started
again. A hash without the key is no name: nobody can try which one it is of.

A key that cannot be read holds no pin back. Names are then not hashed at all.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

import structlog

from glovebox import names
from glovebox.controllers.absent import read_or_absent
from glovebox.controllers.ports import Ports
from glovebox.errors import GloveboxError
from glovebox.kube.kinds import SECRET

log = structlog.get_logger(__name__)
KEY: Final = "key"
# Shorter ones could be tried.
MIN_BYTES: Final = 16
RETRY_SECONDS: Final = 60.0


async def feature_names_key(ports: Ports) -> bytes | None:
    """Return the key, made where there is none; None where it cannot be read.

    It is read once by a process.
    """
    if ports.feature_names_key is not None:
        return ports.feature_names_key
    where = ports.settings.namespace
    try:
        secret = await read_or_absent(ports, SECRET, where, names.FEATURE_NAMES_SECRET)
        if secret is None:
            # Who was first has made it.
            made = names_key_secret(where, ports.new_names_key())
            secret = await ports.writer.create_once(SECRET, made)
    except GloveboxError as error:
        log.warning("names of features are not hashed", why=error.message)
        return None
    key = _key_of(secret)
    if key is None:
        what = f"Secret `{names.FEATURE_NAMES_SECRET}` has no {MIN_BYTES} bytes under `{KEY}`"
        log.warning("names of features are not hashed", why=what)
    ports.feature_names_key = key
    return key


def names_key_secret(namespace: str, key: bytes) -> dict[str, Any]:
    """Return the Secret that holds the key."""
    return {
        "apiVersion": SECRET.api_version,
        "kind": SECRET.kind,
        "metadata": {"name": names.FEATURE_NAMES_SECRET, "namespace": namespace},
        "type": "Opaque",
        "data": {KEY: base64.b64encode(key).decode()},
    }


def _key_of(secret: Mapping[str, Any]) -> bytes | None:
    try:
        key = base64.b64decode(str((secret.get("data") or {}).get(KEY, "")), validate=True)
    except binascii.Error:
        return None
    return key if len(key) >= MIN_BYTES else None
