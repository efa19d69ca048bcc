"""The connection to an ObjectStore, with credentials from the operator's own namespace."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from glovebox.api import reasons
from glovebox.api.object_store import ObjectStore, ObjectStoreSpec
from glovebox.controllers.ports import CheckedKeys, Ports
from glovebox.desired.store_proxy import proxy_to
from glovebox.errors import GloveboxError, InvalidInput, NotReady
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import OBJECT_STORE, SECRET
from glovebox.kube.resources import Key
from glovebox.store.connection import Credentials, Store, StoreSettings
from glovebox.store.encryption import Encryption

_KEYS = ("accessKeyId", "secretAccessKey")
# However often a store is looked at.
_READ_AGAIN_SECONDS: Final = 60.0
# What a store says of keys that it does not know any more; some say no more than "denied".
KEYS_REFUSED: Final = frozenset({reasons.STORE_CREDENTIALS_REFUSED, reasons.STORE_FORBIDDEN})


async def open_store(ports: Ports, store: ObjectStore, *, fresh: bool = False) -> Store:
    """Return the shared connection to a store.

    Args:
        ports: The operator's ports.
        store: The ObjectStore.
        fresh: Read the Secret again, even if it was read before.

    Raises:
        NotReady: The Secret is not there.
        InvalidInput: The Secret lacks a key.
    """
    reference = store.spec.credentials_secret_ref
    credentials = None
    if reference is not None:
        # By Secret: a store that was edited and the one that was bound may name different ones.
        known = ports.store_credentials.get(reference.name)
        credentials = known if known is not None and not fresh else None
        if credentials is None:
            credentials = await _read(ports, reference.name)
    return ports.stores.open(
        StoreSettings(
            endpoint=store.spec.endpoint,
            region=store.spec.region,
            path_style=store.spec.path_style,
            credentials=credentials,
            sts_endpoint=store.spec.sts.endpoint if store.spec.sts is not None else None,
            ca_bundle=authorities_of(ports, store),
            encryption=encryption_of(store),
            **_proxies(store.spec),
        )
    )


async def notice_other_keys(ports: Ports, store: ObjectStore) -> bool:
    """Return whether the Secret of a store holds other keys than before.

    They are used from then on, and the store is to be checked with them. Called with each look at
    it; the Secret is read once a minute at most. One that is not there, or cannot be read, says
    nothing before the next check: whatever writes it may take it away for a moment.
    """
    reference, key, now = store.spec.credentials_secret_ref, _key(store), ports.clock()
    known = ports.checked_keys.get(key, CheckedKeys(None, -math.inf))
    if reference is None or now < known.read + _READ_AGAIN_SECONDS:
        return False
    ports.checked_keys[key] = replace(known, read=now)
    try:
        found = await _read(ports, reference.name)
    except GloveboxError:
        return False
    # With which keys a process before this one checked it is not on record.
    is_news = known.credentials is not None and found != known.credentials
    ports.checked_keys[key] = CheckedKeys(found, now, is_due=known.is_due or is_news)
    return is_news


def note_check(ports: Ports, store: ObjectStore, connection: Store) -> None:
    """Note with which keys a store is being checked."""
    known = ports.checked_keys.get(_key(store))
    ports.checked_keys[_key(store)] = CheckedKeys(
        connection.settings.credentials, ports.clock(), is_due=known is not None and known.is_due
    )


def note_proven(ports: Ports, store: ObjectStore) -> None:
    """Note that the check with the present keys ended well."""
    known = ports.checked_keys.get(_key(store))
    if known is not None:
        ports.checked_keys[_key(store)] = replace(known, is_due=False)


def are_keys_due(ports: Ports, store: ObjectStore) -> bool:
    """Return whether a store is to be checked because its keys are other ones."""
    known = ports.checked_keys.get(_key(store))
    return known is not None and known.is_due


def _key(store: ObjectStore) -> Key:
    return Key(OBJECT_STORE.kind, "", store.name)


def _proxies(spec: ObjectStoreSpec) -> dict[str, str]:
    """Return the proxies of both endpoints; where none is named the environment's count."""
    if spec.proxy is None:
        return {}
    sts = (spec.sts.endpoint if spec.sts is not None else None) or spec.endpoint
    return {"proxy": proxy_to(spec), "sts_proxy": proxy_to(spec, sts)}


def encryption_of(store: ObjectStore) -> Encryption | None:
    """Return what a store has to encrypt with, as its spec says; None where it says nothing."""
    said = store.spec.encryption
    return Encryption(said.key_id or "") if said is not None else None


def encrypting_keys(ports: Ports, store: ObjectStore) -> tuple[str, ...]:
    """Return the keys that the bucket of artifacts may encrypt with.

    The bound one, and the one of now: the bucket's default is that of now, and a run that was bound
    before must not fail for it.
    """
    bound = encryption_of(store)
    live = (_live_spec(ports, store).get("encryption") or {}).get("keyId", "")
    found = (bound.key_id if bound is not None else "", str(live))
    return tuple(dict.fromkeys(each for each in found if each))


def decrypting_keys(ports: Ports, store: ObjectStore) -> tuple[str, ...]:
    """Return the keys that sources and manifests in a store may be encrypted with."""
    sources = (*store.spec.source_key_ids, *_live_spec(ports, store).get("sourceKeyIds", ()))
    return tuple(dict.fromkeys((*encrypting_keys(ports, store), *map(str, sources))))


def authorities_of(ports: Ports, store: ObjectStore) -> str:
    """Return the authorities that are trusted for a store now, whenever it was bound.

    Empty where it names none, or is gone.
    """
    tls = _live_spec(ports, store).get("tls") or {}
    return str(tls.get("caBundle", "")) if store.spec.endpoint.startswith("https:") else ""


def _live_spec(ports: Ports, store: ObjectStore) -> Mapping[str, Any]:
    """Return the spec of a store as it is now; empty where it is gone."""
    live = ports.resources.get(Key(OBJECT_STORE.kind, "", store.name))
    return (live or {}).get("spec") or {}


def note_refusal(ports: Ports, error: GloveboxError | None) -> None:
    """Have the keys of stores read again by the next try when a store refused something.

    They may have been rotated; nobody says so at once, because Secrets of the platform are not
    watched. Whoever keeps an error of a store to itself calls this.
    """
    if error is not None and error.reason in KEYS_REFUSED:
        ports.store_credentials.clear()


async def _read(ports: Ports, name: str) -> Credentials:
    namespace = ports.settings.namespace
    try:
        secret = await ports.reader.get(SECRET, namespace, name)
    except NotFound:
        raise NotReady(
            reasons.STORE_CREDENTIALS_NOT_FOUND,
            f"`spec.credentialsSecretRef`: there is no Secret '{name}' in the operator's namespace"
            f" '{namespace}'; create it there with the keys {' and '.join(_KEYS)}",
        ) from None
    data = secret.get("data") or {}
    missing = [key for key in _KEYS if not data.get(key)]
    if missing:
        raise InvalidInput(
            reasons.STORE_CREDENTIALS_NOT_FOUND,
            f"`spec.credentialsSecretRef`: Secret '{name}' in '{namespace}' lacks the key"
            f" {' and '.join(missing)}",
        )
    try:
        access, secret_key = (base64.b64decode(data[key]).decode().strip() for key in _KEYS)
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidInput(
            reasons.STORE_CREDENTIALS_NOT_FOUND,
            f"Secret '{name}' in '{namespace}' holds no readable text",
        ) from None
    found = ports.store_credentials[name] = Credentials(access, secret_key)
    return found
