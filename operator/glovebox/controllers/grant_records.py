"""The store in which uses of a grant are recorded, and what this process read there already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import ValidationError

from glovebox.api import reasons
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.ports import Ports
from glovebox.controllers.store_connections import open_store
from glovebox.errors import NotReady
from glovebox.kube.kinds import OBJECT_STORE
from glovebox.kube.resources import Key
from glovebox.store.connection import Store
from glovebox.store.grant_uses import PREFIX, UseRecord


def store_of_records(ports: Ports, name: str) -> ObjectStore:
    """Return an ObjectStore in which uses can be recorded.

    Raises:
        NotReady: `StoreNotReady`: it is gone, not valid, or not proven.
    """
    try:
        store = ports.resources.parsed(Key(OBJECT_STORE.kind, "", name), ObjectStore)
    except ValidationError:
        store = None
    why = "it is gone or not valid" if store is None else store.why_not_ready
    if store is None or why is not None:
        message = f"uses of the grant are recorded in ObjectStore '{name}', which is not ready"
        raise NotReady(reasons.STORE_NOT_READY, f"{message}: {why}")
    return store


async def open_records(ports: Ports, name: str) -> tuple[Store, str]:
    """Return the store in which uses are recorded, open, and its bucket.

    Raises:
        NotReady: As `store_of_records`.
        GloveboxError: Its credentials cannot be read.
    """
    store = store_of_records(ports, name)
    return await open_store(ports, store), store.spec.artifacts.bucket


def known_uses(ports: Ports, folder: str) -> Mapping[int, UseRecord]:
    """Return what was read of a grant's uses: what was taken stays as it is."""
    return ports.grant_uses.get(folder, {})


def note_uses(ports: Ports, folder: str, uses: Iterable[UseRecord]) -> None:
    """Remember what was read of a grant's uses."""
    ports.grant_uses[folder] = {each.use: each for each in uses}


def forget_uses(ports: Ports, grant: str) -> None:
    """Forget what was read of a grant's uses: the records in the store stay.

    Args:
        ports: The outside world.
        grant: `namespace/name`.
    """
    for folder in [each for each in ports.grant_uses if each.startswith(f"{PREFIX}{grant}/")]:
        del ports.grant_uses[folder]
