"""Caches of pins: filled once, and freed when their pin is gone.

That holds however many experiments ask at once, and whenever the operator dies.

The Job's end is the only mark of a full cache: a Job that completed, and that belongs to the very
claim that stands. Names are fixed, so whoever comes second finds what the first one made. Nothing
here is watched: whoever waits for a cache looks again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import structlog

from glovebox import names
from glovebox.api import reasons
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.experiment.input_credentials import issue_for
from glovebox.controllers.experiment.resolve import Resolved
from glovebox.controllers.experiment.scope import Scope
from glovebox.controllers.experiment.session_secret import (
    ROTATE_AT,
    write_session,
)
from glovebox.controllers.job_pods import pods_of
from glovebox.controllers.job_waits import look_at_job
from glovebox.controllers.ports import Ports
from glovebox.controllers.store_connections import authorities_of
from glovebox.desired.cache import Cache, cache_claim, cache_job, cache_plan, owned_by_claim
from glovebox.desired.session_files import credentials_files
from glovebox.desired.session_secret import intact_until
from glovebox.errors import Conflict, Refused
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import (
    CONFIG_MAP,
    DATASET_PIN,
    EXPERIMENT,
    JOB,
    PERSISTENT_VOLUME,
    PERSISTENT_VOLUME_CLAIM,
    SECRET,
    Kind,
)
from glovebox.kube.objects import ObjectKey
from glovebox.status.runs import job_end, refused_words

log = structlog.get_logger(__name__)
# More than this share of all caches is not freed in one round, but for one.
FREED_SHARE: Final = 0.1


@dataclass(frozen=True, slots=True)
class Filling:
    """A cache that cannot be read yet."""

    why: str


async def ensure_cache(
    scope: Scope, resolved: Resolved, cache: Cache
) -> Mapping[str, Any] | Filling:
    """Have a cache filled; return the `spec` of the volume that holds it once it is.

    Raises:
        Refused: What the store holds is not what is pinned.
        InvalidInput: The store has no STS role.
        Unavailable, Forbidden: The API server or the store failed.
    """
    claim = await _create(scope.ports, PERSISTENT_VOLUME_CLAIM, cache_claim(cache))
    noted = (claim["metadata"].get("annotations") or {}).get(names.ANNOTATION_PIN_DIGEST)
    if noted != cache.item.pin_digest:
        raise Refused(
            reasons.DELIVERY_UNAVAILABLE,
            f"claim '{cache.name}' in '{cache.namespace}' holds another pin: remove it, and it is"
            " recreated",
        )
    if claim["metadata"].get("deletionTimestamp"):
        return Filling(f"its former cache '{cache.name}' is being deleted")
    ports = scope.ports
    image = ports.settings.image or scope.experiment.status.platform_image
    job = await _create(ports, JOB, cache_job(cache, image, claim))
    if not _belongs(job, claim):
        # Of a claim that is gone: what it filled is gone as well.
        await ports.writer.delete(JOB, _job_key(cache), uid=job["metadata"]["uid"])
        return Filling(f"the cache '{cache.name}' is being recreated")
    end = job_end(job)
    if end is not None:
        return (
            await _filled(ports, cache, claim)
            if end["type"] == "Complete"
            else await _failed(ports, cache, job)
        )
    await _supply(scope, resolved, cache, claim)
    pods = await pods_of(ports, cache.namespace, job["metadata"]["uid"])
    waits = (await look_at_job(ports, job, pods)).message
    why = f": {waits}" if waits else ""
    return Filling(
        f"its cache '{cache.name}' is being filled in '{cache.namespace}'{_unbound(claim)}{why}"
    )


async def free_caches(ports: Ports) -> None:
    """Delete caches whose pin is gone and that no experiment's volume is a copy of.

    Who wants a cache is asked after it was listed, and once more right before it is deleted: a pin
    may be verified, and its cache be made, while lists are read. Whoever wants one that is deleted
    at that moment makes it again. Credentials go as soon as nothing is filled with them: whoever
    waited for the cache may be gone.

    At most a tenth of all caches goes in one round, and none of a team that has a pin which is not
    resolved yet: a cluster that was restored without its pins, or with pins that have no status,
    has to be seen by somebody before everything is filled again.
    """
    namespace = ports.settings.namespace
    claims: list[Mapping[str, Any]] = []
    async for page in ports.reader.pages(
        PERSISTENT_VOLUME_CLAIM, namespace=namespace, label_selector=names.LABEL_CACHE
    ):
        claims += (item["metadata"] for item in page.get("items") or ())
    for metadata in claims:
        await _drop_unused(ports, ObjectKey(SECRET.kind, namespace, metadata["name"]))
    pins = _wanted_pins(ports)
    unwanted = [each for each in claims if _pin_of(each) not in pins]
    most = max(1, math.ceil(len(claims) * FREED_SHARE))
    if len(unwanted) > most:
        log.warning(
            "many caches have no pin any more; a share of them is freed in each round: look for a"
            " restored database",
            unwanted=len(unwanted),
            caches=len(claims),
        )
    freed = 0
    for metadata in unwanted:
        if freed == most:
            break
        async for page in ports.reader.pages(
            PERSISTENT_VOLUME, label_selector=f"{names.LABEL_CACHE}={metadata['name']}"
        ):
            if page.get("items"):
                break
        else:
            team, digest = _pin_of(metadata)
            if (team, digest) in _wanted_pins(ports) or team in _undecided_teams(ports):
                continue
            log.info("freeing a cache whose pin is gone", cache=metadata["name"])
            key = ObjectKey(PERSISTENT_VOLUME_CLAIM.kind, namespace, metadata["name"])
            with suppress(Conflict):  # gone, or made again under this name
                await ports.writer.delete(PERSISTENT_VOLUME_CLAIM, key, uid=metadata["uid"])
                freed += 1


def _wanted_pins(ports: Ports) -> set[tuple[str, str]]:
    """Return whose caches are kept: of the pins that are there, and of what runs are bound to.

    A pin may have been taken away by force while a run still waits for its bytes.
    """
    pins = {
        (pin["metadata"]["namespace"], (pin.get("status") or {}).get("pinDigest") or "")
        for pin in ports.resources.of_kind(DATASET_PIN)
    }
    for experiment in ports.resources.of_kind(EXPERIMENT):
        status = experiment.get("status") or {}
        if (status.get("run") or {}).get("completionTime") or status.get("seal"):
            continue
        pins |= {
            (experiment["metadata"]["namespace"], entry.get("pinDigest") or "")
            for entry in status.get("inputs") or ()
        }
    return pins


def _undecided_teams(ports: Ports) -> set[str]:
    """Return the namespaces that have a pin of which nobody knows yet what it holds."""
    return {
        pin["metadata"]["namespace"]
        for pin in ports.resources.of_kind(DATASET_PIN)
        if not (pin.get("status") or {}).get("pinDigest")
    }


def _pin_of(metadata: Mapping[str, Any]) -> tuple[str, str]:
    notes = metadata.get("annotations") or {}
    namespace = notes.get(names.ANNOTATION_PIN_NAMESPACE) or ""
    return namespace, notes.get(names.ANNOTATION_PIN_DIGEST) or ""


async def _filled(
    ports: Ports, cache: Cache, claim: Mapping[str, Any]
) -> Mapping[str, Any] | Filling:
    await _drop(ports, cache)
    volume = claim["spec"].get("volumeName")
    if not volume:
        return Filling(f"the cache '{cache.name}' is not bound")
    try:
        found = await ports.reader.get(PERSISTENT_VOLUME, None, volume)
    except NotFound:
        return Filling(
            f"the volume '{volume}' of the cache '{cache.name}' is gone; delete the claim, and the"
            " cache is recreated"
        )
    holder = found["spec"].get("claimRef") or {}
    # Who else it may have been given to since, nobody knows.
    if holder.get("uid") != claim["metadata"]["uid"]:
        return Filling(f"the volume '{volume}' is not bound to the cache '{cache.name}'")
    spec: Mapping[str, Any] = found["spec"]
    return spec


async def _failed(ports: Ports, cache: Cache, job: Mapping[str, Any]) -> Filling:
    """Begin again what failed for reasons that may pass; what was refused stays refused."""
    await _drop(ports, cache)
    words = refused_words(await pods_of(ports, cache.namespace, job["metadata"]["uid"]))
    if words:
        cure = f"delete the Job '{cache.name}' in '{cache.namespace}' to have it tried again"
        raise Refused(
            reasons.INPUTS_REFUSED,
            f"input `{cache.item.name}` did not come into its cache: {words}; {cure}",
        )
    await ports.writer.delete(JOB, _job_key(cache), uid=job["metadata"]["uid"])
    return Filling(f"its cache '{cache.name}' could not be filled and is tried again")


async def _supply(
    scope: Scope,
    resolved: Resolved,
    cache: Cache,
    claim: Mapping[str, Any],
) -> None:
    """Give the Job its plan and its credentials, and renew these."""
    # The stores of all inputs are bound with them.
    store = next(each for each in resolved.platform.input_stores if each.name == cache.item.store)
    await _create(scope.ports, CONFIG_MAP, cache_plan(cache, store, claim))
    await _give_credentials(scope, resolved, cache, store, claim)


async def _give_credentials(
    scope: Scope,
    resolved: Resolved,
    cache: Cache,
    store: ObjectStore,
    claim: Mapping[str, Any],
) -> None:
    key = ObjectKey(SECRET.kind, cache.namespace, cache.name)
    ports = scope.ports
    try:
        live = await ports.reader.get(SECRET, key.namespace, key.name)
    except NotFound:
        live = None
    expire = intact_until(live) if live is not None else None
    duration = resolved.platform.profile.spec.credentials.duration_seconds
    if expire is not None and scope.now < expire - timedelta(seconds=duration * (1 - ROTATE_AT)):
        return
    name = f"glovebox-{names.short_hash(cache.name)}"
    session = await issue_for(
        ports, store, scope.experiment.namespace, [cache.item], name, duration
    )
    file, authorities = f"{store.name}.credentials", authorities_of(ports, store)
    files = credentials_files(file, session, authorities)
    metadata = owned_by_claim(cache, claim)
    # It is in a namespace of ours, and no pod of an experiment has it.
    await write_session(
        ports, metadata, files, session.expire_time, live=live, watched=False, experiment=None
    )


async def _drop(ports: Ports, cache: Cache) -> None:
    """Take away the credentials of a Job that has ended."""
    await ports.writer.remove_live(SECRET, ObjectKey(SECRET.kind, cache.namespace, cache.name))


async def _drop_unused(ports: Ports, key: ObjectKey) -> None:
    """Take away credentials of a cache that have expired, or whose Job has ended or is gone."""
    try:
        live = await ports.reader.get(SECRET, key.namespace, key.name)
    except NotFound:
        return
    expire = intact_until(live)
    if expire is not None and ports.now() < expire:
        try:
            if job_end(await ports.reader.get(JOB, key.namespace, key.name)) is None:
                return
        except NotFound:
            pass
    log.info("taking away credentials that no cache is filled with", secret=key.name)
    await ports.writer.delete(SECRET, key, uid=live["metadata"]["uid"])


def _job_key(cache: Cache) -> ObjectKey:
    return ObjectKey(JOB.kind, cache.namespace, cache.name)


async def _create(ports: Ports, kind: Kind, wanted: dict[str, Any]) -> dict[str, Any]:
    """Return what is there under that name; make it when nothing is."""
    metadata = wanted["metadata"]
    try:
        return await ports.reader.get(kind, metadata["namespace"], metadata["name"])
    except NotFound:
        return await ports.writer.create_once(kind, wanted)


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
