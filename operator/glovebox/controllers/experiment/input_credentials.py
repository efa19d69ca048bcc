"""Credentials with which the fetcher reads the pinned inputs, and nothing else: one session for each store, renewed ahead.

They lie in a Secret of their own, which only the fetcher's container may mount; the guards see to
that. The Secret is looked at whenever the experiment is: it is not followed by a watch, because
nobody but the operator may write it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from datetime import timedelta

from glovebox import names
from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.experiment import Experiment
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.dataset_pin import source_of
from glovebox.controllers.experiment.gather import Surroundings
from glovebox.controllers.experiment.session_secret import (
    ROTATE_AT,
    credentials_file,
    intact_until,
    session_metadata,
    write_session,
)
from glovebox.controllers.store_connections import open_store
from glovebox.controllers.world import World
from glovebox.errors import InvalidInput, NotReady
from glovebox.kube.kinds import DATASET_PIN, SECRET
from glovebox.kube.objects import ObjectKey
from glovebox.kube.resources import Key
from glovebox.store.connection import Stop, Store
from glovebox.store.credentials import SessionCredentials
from glovebox.store.input_credentials import (
    Readable,
    issue_input_credentials,
    readable_manifest,
    readable_objects,
    readable_prefix,
)
from glovebox.store.manifests import ManifestLocation, fetch_manifest
from glovebox.store.sources import PrefixSource


async def ensure_input_credentials(
    world: World, experiment: Experiment, surroundings: Surroundings, namespace: str
) -> float | None:
    """Make sure that the fetcher can read its inputs; return after how many seconds to look again, None when there are no datasets.

    Raises:
        NotReady: A pin is gone.
        InvalidInput: A store has no STS role.
        Unavailable, Forbidden: The store or the API server failed.
    """
    pins = bound_pins(world, experiment, surroundings)
    if not pins:
        return None
    key = ObjectKey(SECRET.kind, namespace, names.INPUTS_CREDENTIALS_SECRET)
    reserve = timedelta(
        seconds=surroundings.profile.spec.credentials.duration_seconds * (1 - ROTATE_AT)
    )
    live = await world.applier.read(SECRET, key)
    expire = intact_until(live) if live is not None else None
    if expire is None or world.now() >= expire - reserve:
        name = f"glovebox-{names.short_hash(experiment.uid, 'inputs')}"
        duration = surroundings.profile.spec.credentials.duration_seconds
        sessions = {
            store.name: await issue_for(world, store, pins, name, duration)
            for store in surroundings.input_stores
        }
        files = {
            f"{name}.credentials": credentials_file(session) for name, session in sessions.items()
        }
        expire = min(session.expire_time for session in sessions.values())
        await write_session(world, session_metadata(experiment, key), files, expire, watched=False)
    return max(1.0, (expire - reserve - world.now()).total_seconds())


async def issue_for(
    world: World,
    store: ObjectStore,
    pins: Iterable[DatasetPin],
    session_name: str,
    duration_seconds: int,
) -> SessionCredentials:
    """Return credentials that read those of the pins that lie in this store.

    Raises:
        InvalidInput: The store has no STS role.
        Unavailable, Forbidden: The store failed.
    """
    if store.spec.sts is None:
        raise InvalidInput(
            reasons.STS_NOT_CONFIGURED,
            f"ObjectStore '{store.name}' has no `spec.sts.roleArn`: credentials that only read the"
            " inputs cannot be issued",
        )
    connection = await open_store(world, store)
    async with world.metrics.on_store("issue_credentials"):
        return await issue_input_credentials(
            connection,
            role_arn=store.spec.sts.role_arn,
            readables=await _readables(
                connection, (pin for pin in pins if pin.spec.store_ref.name == store.name)
            ),
            session_name=session_name,
            duration_seconds=duration_seconds,
        )


async def _readables(connection: Store, pins: Iterable[DatasetPin]) -> list[Readable]:
    """Return the keys and prefixes that these pins cover, and their manifests."""
    found: list[Readable] = []
    for pin in pins:
        if pin.status.manifest is None:
            raise NotReady(reasons.PIN_NOT_READY, f"DatasetPin '{pin.name}' has no manifest yet")
        manifest = ManifestLocation(**pin.status.manifest.model_dump())
        found.append(readable_manifest(manifest))
        source = source_of(pin.spec.source)
        if isinstance(source, PrefixSource):
            found.append(readable_prefix(source))
        else:
            found += await connection.run_job(functools.partial(_listed, connection, manifest))
    return found


def _listed(connection: Store, manifest: ManifestLocation, stop: Stop) -> tuple[Readable, ...]:
    return readable_objects(
        (entry.bucket, entry.key) for entry in fetch_manifest(connection, manifest, stop)
    )


def bound_pins(
    world: World, experiment: Experiment, surroundings: Surroundings
) -> list[DatasetPin]:
    """Return the very DatasetPins that the experiment is bound to.

    Raises:
        NotReady: One is gone.
    """
    pins = []
    for entry in surroundings.bound:
        if entry.kind != DATASET_PIN.kind:
            continue
        pin = world.resources.parsed(
            Key(DATASET_PIN.kind, experiment.namespace, entry.pin_ref), DatasetPin
        )
        if pin is None or pin.uid != entry.uid:
            raise NotReady(
                reasons.PIN_NOT_FOUND,
                f"input `{entry.name}`: DatasetPin '{entry.pin_ref}' is gone, so it cannot be"
                " delivered",
            )
        pins.append(pin)
    return pins
