"""Credentials with which the fetcher reads the pinned inputs, and nothing else.

There is one session for each store, renewed ahead of its expiry.

They lie in a Secret of their own, which only the fetcher's container may mount; the guards see to
that. The Secret is read whenever the experiment is looked at: no watch follows it, because nobody
but the operator may write it. Everything comes from what was bound: a pin or a store that is gone
keeps no run from its inputs.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from datetime import datetime, timedelta

from glovebox import names
from glovebox.api import reasons
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.experiment.resolve import Resolved
from glovebox.controllers.experiment.scope import Scope
from glovebox.controllers.experiment.session_secret import (
    ROTATE_AT,
    session_metadata,
    write_session,
)
from glovebox.controllers.ports import Ports
from glovebox.controllers.store_access import require_narrow_sessions, source_access
from glovebox.controllers.store_connections import authorities_of, decrypting_keys, open_store
from glovebox.desired.inputs import ResolvedInput
from glovebox.desired.platform import store_changes
from glovebox.desired.session_files import credentials_files
from glovebox.desired.session_secret import intact_until
from glovebox.errors import InvalidInput
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import OBJECT_STORE, SECRET
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
from glovebox.store.source_access import Location
from glovebox.store.sources import PrefixSource


async def ensure_input_credentials(scope: Scope, resolved: Resolved) -> float | None:
    """Make sure that the fetcher can read its inputs; return after how many seconds to look again.

    None when there are no datasets.

    Raises:
        InvalidInput: A store has no STS role.
        Unavailable, Forbidden: The store or the API server failed.
    """
    datasets = resolved.datasets
    if not datasets:
        return None
    ports = scope.ports
    key = ObjectKey(SECRET.kind, scope.namespace, names.INPUTS_CREDENTIALS_SECRET)
    duration = resolved.platform.profile.spec.credentials.duration_seconds
    reserve = timedelta(seconds=duration * (1 - ROTATE_AT))
    try:
        live = await ports.reader.get(SECRET, key.namespace, key.name)
    except NotFound:
        live = None
    expire = intact_until(live) if live is not None else None
    if expire is None or scope.now >= expire - reserve:
        name = f"glovebox-{names.short_hash(scope.experiment.uid, 'inputs')}"
        files: dict[str, str] = {}
        ends: list[datetime] = []
        for store in resolved.platform.input_stores:
            session = await issue_for(
                ports, store, scope.experiment.namespace, datasets, name, duration
            )
            file, authorities = f"{store.name}.credentials", authorities_of(ports, store)
            files |= credentials_files(file, session, authorities)
            ends.append(session.expire_time)
        expire = min(ends)
        metadata = session_metadata(scope.experiment, key)
        await write_session(
            ports, metadata, files, expire, live=live, watched=False, experiment=scope.key
        )
    return max(1.0, (expire - reserve - scope.now).total_seconds())


async def issue_for(
    ports: Ports,
    store: ObjectStore,
    namespace: str,
    datasets: Iterable[ResolvedInput],
    session_name: str,
    duration_seconds: int,
) -> SessionCredentials:
    """Return credentials that read those of the datasets that lie in this store.

    Args:
        ports: What the operator works with.
        store: As it was bound.
        namespace: Of the team that pinned the datasets.
        datasets: Those of any store.
        session_name: As in `issue_input_credentials`.
        duration_seconds: As in `issue_input_credentials`.

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
    require_narrow_sessions(ports, store)
    connection = await open_store(ports, store)
    async with ports.metrics.on_store("issue_credentials"):
        return await issue_input_credentials(
            connection,
            role_arn=store.spec.sts.role_arn,
            readables=await _readables(
                connection,
                (item for item in datasets if item.store == store.name),
                await _granted_now(ports, store, namespace),
            ),
            session_name=session_name,
            duration_seconds=duration_seconds,
            key_ids=decrypting_keys(ports, store),
        )


async def _granted_now(ports: Ports, bound: ObjectStore, namespace: str) -> tuple[Location, ...]:
    """Return what a namespace may pin from a store; nothing where it is another store by now."""
    live = ports.resources.parsed(Key(OBJECT_STORE.kind, "", bound.name), ObjectStore)
    if live is None or store_changes(bound, live):
        return ()
    access = await source_access(ports, live, namespace)
    return (*access.sources, access.own_artifacts, access.own_parts)


async def _readables(
    connection: Store, datasets: Iterable[ResolvedInput], granted: tuple[Location, ...]
) -> list[Readable]:
    """Return the keys and prefixes that these datasets cover, and their manifests."""
    found: list[Readable] = []
    for item in datasets:
        if item.manifest is None:
            raise InvalidInput(
                reasons.INTERNAL_ERROR, f"input `{item.name}`: no manifest was bound"
            )
        manifest = ManifestLocation(**item.manifest.model_dump(), bytes=0)
        found.append(readable_manifest(manifest))
        if item.bucket:
            found.append(readable_prefix(PrefixSource(item.bucket, item.prefix)))
        else:
            found += await connection.run_job(
                functools.partial(_listed, connection, manifest, granted)
            )
    return found


def _listed(
    connection: Store, manifest: ManifestLocation, granted: tuple[Location, ...], stop: Stop
) -> tuple[Readable, ...]:
    return readable_objects(
        ((entry.bucket, entry.key) for entry in fetch_manifest(connection, manifest, stop)),
        granted,
    )
