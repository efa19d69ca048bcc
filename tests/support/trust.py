"""Which keys a test trusts, and what it finds of a seal with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from glovebox import names
from glovebox.errors import InvalidInput
from glovebox.evidence.envelope import opened
from glovebox.evidence.keys import TrustBundle, read_bundle
from glovebox.store.connection import Stop
from glovebox.store.evidence_objects import read_evidence
from support.api import Api, path_of

if TYPE_CHECKING:
    from glovebox.store.connection import Store


def trusting(trust: TrustBundle | str) -> Callable[[bytes], bool]:
    """Return whether an envelope was signed by one of these keys."""
    keys = read_bundle(trust) if isinstance(trust, str) else trust

    def is_trusted(envelope: bytes) -> bool:
        try:
            opened(envelope, keys)
        except InvalidInput:
            return False
        return True

    return is_trusted


def documents(store: Store, bucket: str, folder: str, trust: TrustBundle | str) -> dict[str, bytes]:
    """Return the documents of a seal that are there, by name."""
    found = read_evidence(store, bucket, folder, Stop(), trusting(trust))
    return {name: each.body for name, each in found.items()}


def published_keys(api: Api, namespace: str = "glovebox-system") -> TrustBundle:
    """Return the keys that the operator publishes."""
    path = path_of("v1", "configmaps", namespace=namespace, name=names.SIGNING_KEYS_CONFIG_MAP)
    return read_bundle(api.get(path)["data"][names.SIGNING_KEYS_FILE])
