"""The keys that seals are signed with: which one signs, and which are published.

    Secret      the key that signs now; made once by the operator, replaced by people alone
    ConfigMap   every key that ever signed, with its validity; for everybody to read
    store       the same beside the evidence, locked: see `store/key_records.py`

In this order, and all of it before anything is signed: a process that dies in between has signed
nothing with a key that nobody can know. People rotate by replacing the Secret; the operator then
publishes the new key, and the end of the former. A Secret that is gone although keys were published
is a lost key, which is told and never replaced: only a person may say that a new key is to vouch
from now on.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from glovebox import names
from glovebox.api import reasons
from glovebox.controllers.absent import read_or_absent
from glovebox.controllers.ports import Ports
from glovebox.errors import Conflict, InvalidInput, NotReady
from glovebox.evidence.keys import TrustBundle, TrustedKey, encode_bundle, read_bundle, trusted
from glovebox.evidence.rotation import united, with_current
from glovebox.evidence.signer import LocalSigner, Signer
from glovebox.kube.kinds import CONFIG_MAP, SECRET, Kind
from glovebox.store.connection import Store
from glovebox.store.key_records import has_records, publish_keys, read_record
from glovebox.store.kms_signer import KmsSigner
from glovebox.tasks.seal_request import SealKeys

PRIVATE: Final = "private.pem"
PUBLIC: Final = "public.pem"
URI: Final = "uri"
# Secrets are not watched: a key that came back is found by looking again.
_LOOK_AGAIN_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """Where keys are published beside the evidence."""

    store: Store
    bucket: str
    locked: bool


async def ensure_keys(ports: Ports, place: KeyPlace) -> SealKeys:
    """Return the keys, published; make the first one of an installation.

    Raises:
        NotReady: The key is lost, was replaced, or cannot be used.
        Conflict: Another replica wrote in between.
        GloveboxError: The API server or the store failed; calling again is safe.
    """
    try:
        ring = await _ensure(ports, place)
    except InvalidInput as error:
        ports.metrics.signing_key_unusable.set(1)
        # What people put right in a Secret wakes nobody.
        raise NotReady(error.reason, error.message, retry_seconds=_LOOK_AGAIN_SECONDS) from error
    ports.metrics.signing_key_unusable.set(0)
    return ring


async def _ensure(ports: Ports, place: KeyPlace) -> SealKeys:
    record = await _find(ports, CONFIG_MAP, names.SIGNING_KEYS_CONFIG_MAP)
    published = ports.known_keys = _published(record)
    secret = await _find(ports, SECRET, names.SIGNING_KEY_SECRET)
    if secret is None:
        secret = await _make_first(ports, place, published)
    signer = signer_of(secret)
    key = trusted(signer.public)
    former: TrustBundle | None = None
    if published.find(key.key_id) is None:
        # Perhaps it signed before, and the list was lost.
        former = await place.store.run_job(
            lambda stop: read_record(place.store, place.bucket, signer, stop)
        )
    wanted = _wanted(ports, published, former, key)
    if record is None or wanted != published:
        # The store's look and a seal may both have seen what is to be written: one writes it.
        async with ports.publishing:
            record = await _find(ports, CONFIG_MAP, names.SIGNING_KEYS_CONFIG_MAP)
            published = _published(record)
            wanted = _wanted(ports, published, former, key)
            if record is None or wanted != published:
                await _publish(ports, record, wanted)
    ports.known_keys = wanted
    await _publish_beside(ports, place, signer, wanted)
    return SealKeys(signer, wanted)


def _wanted(
    ports: Ports, published: TrustBundle, former: TrustBundle | None, key: TrustedKey
) -> TrustBundle:
    if former is not None and published.find(key.key_id) is None:
        published = united(former, published)
    return with_current(published, key, ports.now())


async def read_published(ports: Ports) -> TrustBundle:
    """Return the keys whose seals count, as they are published; none before the first one.

    Raises:
        InvalidInput: The list cannot be read.
        GloveboxError: The API server does not answer.
    """
    return _published(await _find(ports, CONFIG_MAP, names.SIGNING_KEYS_CONFIG_MAP))


async def _find(ports: Ports, kind: Kind, name: str) -> dict[str, Any] | None:
    return await read_or_absent(ports, kind, ports.settings.namespace, name)


def _published(record: Mapping[str, Any] | None) -> TrustBundle:
    if record is None:
        return TrustBundle(())
    return read_bundle(str((record.get("data") or {}).get(names.SIGNING_KEYS_FILE, "")))


async def _make_first(ports: Ports, place: KeyPlace, published: TrustBundle) -> dict[str, Any]:
    """Make the first key of an installation.

    Raises:
        InvalidInput: It is not the first one.
    """
    where = "in the ConfigMap" if published.keys else ""
    if not where and await place.store.run_job(
        lambda stop: has_records(place.store, place.bucket, stop)
    ):
        where = f"in bucket {place.bucket}"
    if where:
        raise InvalidInput(
            reasons.SIGNING_KEY_LOST,
            f"Secret `{names.SIGNING_KEY_SECRET}` in `{ports.settings.namespace}` is gone, and keys"
            f" were published {where}; restore it from a backup, or have a new key sign from now"
            " on: `glovebox keys new`",
        )
    pair = ports.new_keys()
    return await ports.writer.create_once(
        SECRET, key_secret(ports.settings.namespace, {PRIVATE: pair.private})
    )


def key_secret(namespace: str, files: Mapping[str, str]) -> dict[str, Any]:
    """Return the Secret that holds a signing key."""
    return {
        "apiVersion": SECRET.api_version,
        "kind": SECRET.kind,
        "metadata": {"name": names.SIGNING_KEY_SECRET, "namespace": namespace},
        "type": "Opaque",
        "data": {name: base64.b64encode(text.encode()).decode() for name, text in files.items()},
    }


def signer_of(secret: Mapping[str, Any]) -> Signer:
    """Return what signs with the key of a Secret.

    Raises:
        InvalidInput: It holds none.
    """
    data = secret.get("data") or {}

    def text(name: str) -> str:
        try:
            return base64.b64decode(data[name], validate=True).decode()
        except (KeyError, ValueError):
            raise InvalidInput(
                reasons.SIGNING_KEY_INVALID,
                f"Secret `{secret['metadata']['name']}` has no text under `{name}`",
            ) from None

    if data.get(URI):
        return KmsSigner.of(text(URI).strip(), text(PUBLIC))
    return LocalSigner.of(text(PRIVATE))


async def _publish(ports: Ports, record: Mapping[str, Any] | None, wanted: TrustBundle) -> None:
    """Write the ConfigMap on what was read.

    Raises:
        Conflict: Somebody wrote in between.
    """
    body = {
        "apiVersion": CONFIG_MAP.api_version,
        "kind": CONFIG_MAP.kind,
        "metadata": {
            "name": names.SIGNING_KEYS_CONFIG_MAP,
            "namespace": ports.settings.namespace,
        },
        "data": {
            names.SIGNING_KEYS_FILE: encode_bundle(wanted).decode(),
            **{f"{key.key_id}.pem": key.public for key in wanted.keys},
        },
    }
    if record is not None:
        await ports.writer.extend(body, record)
        return
    made = await ports.writer.create_once(CONFIG_MAP, body)
    if _published(made) != wanted:
        raise Conflict(
            reasons.CONFLICT, "another replica published the keys at the same time; looking again"
        )


async def _publish_beside(
    ports: Ports, place: KeyPlace, signer: Signer, bundle: TrustBundle
) -> None:
    done = (place.store.settings.endpoint, place.bucket, signer.key_id)
    if done in ports.published_keys:
        return
    await place.store.run_job(
        lambda _: publish_keys(place.store, place.bucket, signer, bundle, locked=place.locked)
    )
    ports.published_keys.add(done)
