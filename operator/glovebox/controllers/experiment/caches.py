"""Caches of pins: filled once, however many experiments ask at once and whenever we die, and freed when their pin is gone.

The Job's end is the only mark of a full cache: a Job that completed, and that belongs to the very
claim that stands. Names are fixed, so whoever comes second finds what the first one made. Nothing
here is watched: whoever waits for a cache looks again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from glovebox import names
from glovebox.api import reasons
from glovebox.api.experiment import Experiment
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.experiment.gather import Surroundings
from glovebox.controllers.experiment.input_credentials import bound_pins, issue_for
from glovebox.controllers.experiment.run import pods_of
from glovebox.controllers.experiment.session_secret import (
    ROTATE_AT,
    credentials_file,
    intact_until,
    write_session,
)
from glovebox.controllers.world import World
from glovebox.desired.cache import Cache, cache_claim, cache_job, cache_plan, owned_by_claim
from glovebox.errors import NotReady, Refused
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import (
    CONFIG_MAP,
    DATASET_PIN,
    JOB,
    PERSISTENT_VOLUME,
    PERSISTENT_VOLUME_CLAIM,
    SECRET,
    Kind,
)
from glovebox.kube.objects import ObjectKey
from glovebox.status.runs import job_end, refused_words

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Filling:
    """A cache that cannot be read yet."""

    why: str


async def ensure_cache(
    world: World, experiment: Experiment, surroundings: Surroundings, cache: Cache
) -> Mapping[str, Any] | Filling:
    """Have a cache filled; return the `spec` of the volume that holds it once it is.

    Raises:
        Refused: What the store holds is not what is pinned.
        NotReady: The pin is gone.
        InvalidInput: The store has no STS role.
        Unavailable, Forbidden: The API server or the store failed.
    """
    claim = await _create(world, PERSISTENT_VOLUME_CLAIM, cache_claim(cache))
    noted = (claim["metadata"].get("annotations") or {}).get(names.ANNOTATION_PIN_DIGEST)
    if noted != cache.item.pin_digest:
        raise Refused(
            reasons.DELIVERY_UNAVAILABLE,
            f"claim '{cache.name}' in '{cache.namespace}' holds another pin: remove it, and it is"
            " made anew",
        )
    if claim["metadata"].get("deletionTimestamp"):
        return Filling(f"its former cache '{cache.name}' is being deleted")
    job = await _create(
        world,
        JOB,
        cache_job(cache, world.settings.image or experiment.status.platform_image, claim),
    )
    if not _belongs(job, claim):
        # Of a claim that is gone: what it filled is gone as well.
        await world.client.delete(JOB, cache.namespace, cache.name, uid=job["metadata"]["uid"])
        return Filling(f"the cache '{cache.name}' is made anew")
    end = job_end(job)
    if end is not None:
        return (
            await _filled(world, cache, claim)
            if end["type"] == "Complete"
            else await _failed(world, cache, job)
        )
    await _supply(world, experiment, surroundings, cache, claim)
    return Filling(
        f"its cache '{cache.name}' is being filled in '{cache.namespace}'{_unbound(claim)}"
    )


async def free_caches(world: World) -> None:
    """Delete caches whose pin is gone and that no experiment's volume is a copy of."""
    namespace = world.settings.namespace
    pins = {
        (pin["metadata"]["namespace"], (pin.get("status") or {}).get("pinDigest"))
        for pin in world.resources.of_kind(DATASET_PIN)
    }
    idle = []
    async for page in world.client.pages(
        PERSISTENT_VOLUME_CLAIM, namespace=namespace, label_selector=names.LABEL_CACHE
    ):
        for item in page.get("items") or ():
            notes = item["metadata"].get("annotations") or {}
            if (
                notes.get(names.ANNOTATION_PIN_NAMESPACE),
                notes.get(names.ANNOTATION_PIN_DIGEST),
            ) not in pins:
                idle.append(item["metadata"])
    for metadata in idle:
        async for page in world.client.pages(
            PERSISTENT_VOLUME, label_selector=f"{names.LABEL_CACHE}={metadata['name']}"
        ):
            if page.get("items"):
                break
        else:
            log.info("freeing a cache whose pin is gone", cache=metadata["name"])
            await world.client.delete(
                PERSISTENT_VOLUME_CLAIM, namespace, metadata["name"], uid=metadata["uid"]
            )


async def _filled(
    world: World, cache: Cache, claim: Mapping[str, Any]
) -> Mapping[str, Any] | Filling:
    await _drop(world, cache)
    volume = claim["spec"].get("volumeName")
    if not volume:
        return Filling(f"the cache '{cache.name}' is not bound")
    try:
        found = await world.client.get(PERSISTENT_VOLUME, None, volume)
    except NotFound:
        return Filling(
            f"the volume '{volume}' of the cache '{cache.name}' is gone; delete the claim, and the"
            " cache is made anew"
        )
    holder = found["spec"].get("claimRef") or {}
    # Who else it may have been given to since, nobody knows.
    if holder.get("uid") != claim["metadata"]["uid"]:
        return Filling(f"the volume '{volume}' is not bound to the cache '{cache.name}'")
    spec: Mapping[str, Any] = found["spec"]
    return spec


async def _failed(world: World, cache: Cache, job: Mapping[str, Any]) -> Filling:
    """Begin anew what failed for reasons that may pass; what was refused stays refused."""
    await _drop(world, cache)
    words = refused_words(await pods_of(world, cache.namespace, job["metadata"]["uid"]))
    if words:
        cure = f"delete the Job '{cache.name}' in '{cache.namespace}' to have it tried again"
        raise Refused(
            reasons.INPUTS_REFUSED,
            f"input `{cache.item.name}` did not come into its cache: {words}; {cure}",
        )
    await world.client.delete(JOB, cache.namespace, cache.name, uid=job["metadata"]["uid"])
    return Filling(f"its cache '{cache.name}' could not be filled and is tried again")


async def _supply(
    world: World,
    experiment: Experiment,
    surroundings: Surroundings,
    cache: Cache,
    claim: Mapping[str, Any],
) -> None:
    """Give the Job its plan and its credentials, and renew these."""
    store = next(
        (store for store in surroundings.input_stores if store.name == cache.item.store), None
    )
    if store is None:
        raise NotReady(
            reasons.STORE_NOT_FOUND,
            f"input `{cache.item.name}`: there is no ObjectStore '{cache.item.store}'",
        )
    await _create(world, CONFIG_MAP, cache_plan(cache, store, claim))
    await _give_credentials(world, experiment, surroundings, cache, store, claim)


async def _give_credentials(
    world: World,
    experiment: Experiment,
    surroundings: Surroundings,
    cache: Cache,
    store: ObjectStore,
    claim: Mapping[str, Any],
) -> None:
    key = ObjectKey(SECRET.kind, cache.namespace, cache.name)
    live = await world.applier.read(SECRET, key)
    expire = intact_until(live) if live is not None else None
    duration = surroundings.profile.spec.credentials.duration_seconds
    if expire is not None and world.now() < expire - timedelta(seconds=duration * (1 - ROTATE_AT)):
        return
    pins = [
        pin
        for pin in bound_pins(world, experiment, surroundings)
        if pin.status.pin_digest == cache.item.pin_digest
    ]
    session = await issue_for(
        world, store, pins, f"glovebox-{names.short_hash(cache.name)}", duration
    )
    files = {f"{store.name}.credentials": credentials_file(session)}
    await write_session(
        world, owned_by_claim(cache, claim), files, session.expire_time, watched=False
    )


async def _drop(world: World, cache: Cache) -> None:
    """Take away the credentials of a Job that has ended."""
    await world.applier.remove_unwatched(
        SECRET, ObjectKey(SECRET.kind, cache.namespace, cache.name)
    )


async def _create(world: World, kind: Kind, wanted: dict[str, Any]) -> dict[str, Any]:
    """Return what is there under that name; make it when nothing is."""
    try:
        return await world.client.get(
            kind, wanted["metadata"]["namespace"], wanted["metadata"]["name"]
        )
    except NotFound:
        return await world.client.create_or_get(kind, wanted)


def _unbound(claim: Mapping[str, Any]) -> str:
    """Return words about a claim that has no volume: somebody may have to make one."""
    return (
        ""
        if claim["spec"].get("volumeName")
        else f"; no volume is bound to it yet (class '{claim['spec'].get('storageClassName', '')}')"
    )


def _belongs(job: Mapping[str, Any], claim: Mapping[str, Any]) -> bool:
    return any(
        owner["uid"] == claim["metadata"]["uid"]
        for owner in job["metadata"].get("ownerReferences") or ()
    )
