"""Stopping an experiment without losing anything: no workloads, no credentials, no access; everything else stays."""

from __future__ import annotations

from glovebox import names
from glovebox.controllers.world import World
from glovebox.kube.kinds import JOB, POD, SECRET
from glovebox.kube.objects import ObjectKey

_FOREIGN = f"{names.LABEL_MANAGED_BY}!={names.MANAGED_BY}"


async def freeze(world: World, namespace: str, *, keep_own: bool = False) -> None:
    """Remove credentials and workloads; the namespace's state label must be set before, so that no pod comes back.

    Args:
        world: The operator's world.
        namespace: The experiment's.
        keep_own: Leave the run and its pods, which have ended, for their logs.

    Raises:
        Unavailable, Forbidden: The API server failed; calling again is safe.
    """
    await drop_credentials(world, namespace)
    selector = _FOREIGN if keep_own else ""
    for kind in (JOB, POD):
        async for page in world.client.pages(kind, namespace=namespace, label_selector=selector):
            if page.get("items"):
                await world.client.delete_all(kind, namespace, label_selector=selector)
                break


async def drop_credentials(world: World, namespace: str) -> None:
    """Remove the Secrets with the experiment's credentials; sessions that were copied out of them end by their own expiry."""
    await world.applier.remove(SECRET, ObjectKey(SECRET.kind, namespace, names.CREDENTIALS_SECRET))
    await world.applier.remove_unwatched(
        SECRET, ObjectKey(SECRET.kind, namespace, names.INPUTS_CREDENTIALS_SECRET)
    )
