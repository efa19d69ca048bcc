"""Stopping an experiment without losing anything: no workloads, no credentials, no access; everything else stays."""

from __future__ import annotations

from glovebox import names
from glovebox.engine.world import World
from glovebox.kube.kinds import JOB, POD, SECRET
from glovebox.observe.children import ChildKey


async def freeze(world: World, namespace: str) -> None:
    """Remove credentials and workloads; the namespace's state label must be set before, so that no pod comes back.

    Raises:
        Unavailable, Forbidden: The API server failed; calling again is safe.
    """
    await drop_credentials(world, namespace)
    for kind in (JOB, POD):
        async for page in world.client.pages(kind, namespace=namespace):
            if page.get("items"):
                await world.client.delete_all(kind, namespace)
                break


async def drop_credentials(world: World, namespace: str) -> None:
    """Remove the Secret with the experiment's credentials; sessions that were copied out of it end by their own expiry."""
    await world.applier.remove(SECRET, ChildKey(SECRET.kind, namespace, names.CREDENTIALS_SECRET))
