"""Which keys a test trusts, and what it finds of a seal with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glovebox import names
from glovebox.evidence.keys import TrustBundle, read_bundle
from glovebox.evidence.standing import Judge, Rule
from glovebox.store.connection import Stop
from glovebox.store.evidence_objects import read_evidence
from support.api import Api, path_of

if TYPE_CHECKING:
    from glovebox.store.connection import Store


def trusting(trust: TrustBundle | str) -> Judge:
    """Return what says whether a document was signed by one of these keys, in its time."""
    return Judge(Rule(read_bundle(trust) if isinstance(trust, str) else trust))


def documents(store: Store, bucket: str, folder: str, trust: TrustBundle | str) -> dict[str, bytes]:
    """Return the documents of a seal that are there, by name."""
    found = read_evidence(store, bucket, folder, Stop(), trusting(trust))
    return {name: each.body for name, each in found.items()}


def published_keys(api: Api, namespace: str = "glovebox-system") -> TrustBundle:
    """Return the keys that the operator publishes."""
    path = path_of("v1", "configmaps", namespace=namespace, name=names.SIGNING_KEYS_CONFIG_MAP)
    return read_bundle(api.get(path)["data"][names.SIGNING_KEYS_FILE])
