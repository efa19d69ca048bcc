"""Who may use a store: `spec.access` of an ObjectStore, for one namespace as it is labelled now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.object_store import ObjectStore
from glovebox.api.store_access import StoreAccess
from glovebox.controllers.ports import Ports
from glovebox.controllers.store_connections import decrypting_keys
from glovebox.errors import NotReady, Refused
from glovebox.kube.kinds import NAMESPACE, OBJECT_STORE
from glovebox.kube.resources import Key
from glovebox.status.kstatus import condition_of
from glovebox.store.source_access import Location, SourceAccess

# In a prefix: the name of the namespace that pins.
_OWN_NAME: Final = "{namespace}"
# A check of the store wakes whoever uses it; this is for the one that is missed.
_SCOPE_RETRY_SECONDS: Final = 300.0


async def source_access(
    ports: Ports, store: ObjectStore, namespace: str, *, lends: bool = False, holds: bool = False
) -> SourceAccess:
    """Return what a namespace may pin from a store.

    Args:
        ports: The outside world.
        store: The store, as it is declared.
        namespace: Whose access is asked for.
        lends: Only what it may also let other namespaces read.
        holds: Only what legal holds may be put on.

    Raises:
        GloveboxError: The namespace's labels could not be read.
    """
    labels = await _labels(ports, store, namespace)
    locations = {
        Location(source.bucket, source.prefix.replace(_OWN_NAME, namespace))
        for access in granted(store, namespace, labels)
        for source in access.sources
        if (access.lend or not lends) and (access.hold or not holds)
    }
    own, role_arn = store.spec.artifacts.bucket, ""
    if store.spec.sts is not None:
        role_arn = store.spec.sts.role_arn
    found = (_reserved(other) for other in ports.resources.of_kind(OBJECT_STORE))
    reserved = {(bucket, name) for bucket, name in found if bucket not in {"", own}}
    granting = tuple(sorted(locations))
    return SourceAccess(
        namespace,
        store.name,
        granting,
        own,
        tuple(sorted(reserved)),
        role_arn,
        decrypting_keys(ports, store),
    )


async def hold_access(
    ports: Ports, store: ObjectStore, namespace: str
) -> tuple[SourceAccess, bool]:
    """Return where legal holds may be put for a namespace, and whether anywhere.

    What its Experiments and splits wrote into the bucket of artifacts, which is the operator's own,
    is among it once there is leave for anything.

    Raises:
        GloveboxError: The namespace's labels could not be read.
    """
    access = await source_access(ports, store, namespace, holds=True)
    entries = granted(store, namespace, await _labels(ports, store, namespace))
    return access, any(each.hold for each in entries)


def _reserved(other: Mapping[str, Any]) -> tuple[str, str]:
    """Return the bucket of artifacts of a store, and its name; no bucket until it was proven.

    What says that it keeps artifacts somewhere, and was never seen to, takes nobody's data away.
    """
    status = other.get("status") or {}
    proofs, ready = status.get("proofs") or (), condition_of(status, types.READY)
    is_proven = bool(proofs) and all(each.get("outcome") == "Passed" for each in proofs)
    is_proven = is_proven or (ready is not None and ready["status"] == "True")
    # As it was proven: whatever was declared since.
    return (str(status.get("bucket", "")) if is_proven else "", other["metadata"]["name"])


def require_narrow_sessions(ports: Ports, bound: ObjectStore) -> None:
    """Accept that credentials are issued with a store, also by whom it was bound before.

    A store that was seen not to hold sessions to what they may do gives none to anybody, whatever
    `worm` says, until a later check finds it repaired.

    Raises:
        NotReady: `StoreNotReady`; the store's next check wakes whoever waits.
    """
    key = Key(OBJECT_STORE.kind, "", bound.name)
    live = ports.resources.get(key)
    if live is None or not _is_where(live, bound):
        return  # what is seen there was not seen of the bound one
    seen = condition_of(live.get("status") or {}, types.CREDENTIAL_SCOPE_PROVEN)
    if seen is not None and seen["status"] == types.FALSE:
        raise NotReady(
            reasons.STORE_NOT_READY,
            f"ObjectStore '{bound.name}' issues no credentials, because sessions are not held to"
            f" what they may do: {seen['message']}",
            retry_seconds=_SCOPE_RETRY_SECONDS,
        )


def _is_where(live: Mapping[str, Any], bound: ObjectStore) -> bool:
    spec = live["spec"]
    sts = bound.spec.sts
    return spec.get("endpoint") == bound.spec.endpoint and (spec.get("sts") or {}).get(
        "roleArn"
    ) == (sts.role_arn if sts is not None else None)


async def require_artifacts(ports: Ports, store: ObjectStore, namespace: str) -> None:
    """Accept that a namespace keeps its artifacts in a store.

    Raises:
        Refused: `StoreNotGranted`.
        GloveboxError: The namespace's labels could not be read.
    """
    labels = await _labels(ports, store, namespace)
    if not any(access.artifacts for access in granted(store, namespace, labels)):
        raise Refused(
            reasons.STORE_NOT_GRANTED,
            f"`spec.artifacts.storeRef`: ObjectStore '{store.name}' is not granted to namespace"
            f" '{namespace}' for artifacts; name another store, or ask the platform's owner for an"
            " entry in its `spec.access` with `artifacts: true`",
        )


def granted(
    store: ObjectStore, namespace: str, labels: Mapping[str, str]
) -> tuple[StoreAccess, ...]:
    """Return the entries of `spec.access` that are for a namespace. Pure."""
    return tuple(
        access
        for access in store.spec.access
        if namespace in access.namespaces
        or (access.namespace_selector is not None and access.namespace_selector.matches(labels))
    )


async def _labels(ports: Ports, store: ObjectStore, namespace: str) -> Mapping[str, str]:
    """Return a namespace's labels, live; nothing where no entry asks for them."""
    selectors = [access.namespace_selector for access in store.spec.access]
    if all(selector is None or selector.is_empty for selector in selectors):
        return {}
    # Experiments of one team that are declared at once ask all at once.
    live = await ports.shared_reads.get(ports.reader.get, NAMESPACE, None, namespace)
    labels: Mapping[str, str] = live["metadata"].get("labels") or {}
    return labels
