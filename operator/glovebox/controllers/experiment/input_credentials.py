"""Credentials with which the fetcher reads the pinned inputs, and nothing else.

There is one session for each store and each stage of the run, which reads what that stage is given,
and is renewed ahead of its expiry.

They lie in a Secret of their own, which only the fetcher's container may mount; the guards see to
that. The fetcher of a stage mounts the keys of that stage. The Secret is read whenever the
experiment is looked at: no watch follows it, because nobody but the operator may write it.
Everything comes from what was bound: a pin or a store that is gone keeps no run from its inputs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import ValidationError

from glovebox import names
from glovebox.api import reasons
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.experiment.grants import require_live
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
from glovebox.data.delivery import CREDENTIALS_SUFFIX
from glovebox.desired.grants import not_lending
from glovebox.desired.inputs import ResolvedInput
from glovebox.desired.platform import store_changes
from glovebox.desired.session_files import credentials_files
from glovebox.desired.session_secret import intact_until
from glovebox.desired.stage_files import key_of
from glovebox.errors import InvalidInput, Refused
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
from glovebox.store.source_access import Location, SourceAccess
from glovebox.store.sources import PrefixSource


async def ensure_input_credentials(scope: Scope, resolved: Resolved) -> float | None:
    """Make sure that the fetcher can read its inputs; return after how many seconds to look again.

    None when there are no datasets, or none that may be read any more. A dataset whose grant is
    over is left out, at once: what was issued for it before is taken out of the Secret, and ends by
    itself.

    Raises:
        InvalidInput: A store has no STS role.
        Unavailable, Forbidden: The store or the API server failed.
    """
    if not resolved.datasets:
        return None
    ports = scope.ports
    key = ObjectKey(SECRET.kind, scope.namespace, names.INPUTS_CREDENTIALS_SECRET)
    datasets = tuple(item for item in resolved.datasets if item.name not in resolved.lapsed)
    given = tuple(each for each in _given(scope, datasets) if each.datasets)
    left_out = _left_out(resolved)
    if not given:
        await ports.writer.remove_live(SECRET, key)
        return None
    duration = resolved.platform.profile.spec.credentials.duration_seconds
    reserve = timedelta(seconds=duration * (1 - ROTATE_AT))
    try:
        live = await ports.reader.get(SECRET, key.namespace, key.name)
    except NotFound:
        live = None
    expire = intact_until(live) if live is not None else None
    said = ((live or {}).get("metadata", {}).get("annotations") or {}).get(
        names.ANNOTATION_LEFT_OUT, ""
    )
    if expire is None or said != left_out or scope.now >= expire - reserve:
        # Whatever the watch has not told yet.
        await _require_live(scope, datasets)
        files: dict[str, str] = {}
        ends: list[datetime] = []
        # Several stages read the same data: the list of a dataset may be long.
        known: dict[str, list[Readable]] = {}
        for each in given:
            await _issue_all(scope, resolved, each, files, ends, known)
        expire = min(ends)
        metadata = session_metadata(scope.experiment, key)
        if left_out:
            metadata["annotations"] = {names.ANNOTATION_LEFT_OUT: left_out}
        await write_session(
            ports, metadata, files, expire, live=live, watched=False, experiment=scope.key
        )
    return max(1.0, (expire - reserve - scope.now).total_seconds())


@dataclass(frozen=True, slots=True)
class _Given:
    """The datasets that one reader gets, and where its credentials lie.

    Attributes:
        datasets: Those of any store.
        key: The key of the Secret for a file.
    """

    datasets: tuple[ResolvedInput, ...]
    key: Callable[[str], str]


def _given(scope: Scope, datasets: tuple[ResolvedInput, ...]) -> Iterator[_Given]:
    """Yield what each stage is given; without stages all of it is for pods made by hand."""
    stages = scope.experiment.spec.stages
    for stage in stages:
        own = tuple(item for item in datasets if stage.reads(item.name, item.role))
        yield _Given(own, functools.partial(key_of, stages, stage))
    if not stages:
        yield _Given(datasets, str)


async def _issue_all(
    scope: Scope,
    resolved: Resolved,
    given: _Given,
    files: dict[str, str],
    ends: list[datetime],
    known: dict[str, list[Readable]],
) -> None:
    """Add the credentials of one reader for each store, and when they end."""
    ports, duration = scope.ports, resolved.platform.profile.spec.credentials.duration_seconds
    name = names.inputs_session(scope.experiment.uid)
    wanted = {item.store for item in given.datasets}
    for store in resolved.platform.input_stores:
        if store.name not in wanted:
            continue
        session = await issue_for(
            ports, store, scope.experiment.namespace, given.datasets, name, duration, known
        )
        file, authorities = f"{store.name}{CREDENTIALS_SUFFIX}", authorities_of(ports, store)
        made = credentials_files(file, session, authorities)
        files |= {given.key(each): content for each, content in made.items()}
        ends.append(session.expire_time)


def _left_out(resolved: Resolved) -> str:
    """Return what the Secret says of inputs that it has no credentials for; empty for none."""
    lapsed = sorted(item.name for item in resolved.datasets if item.name in resolved.lapsed)
    return names.short_hash(*lapsed) if lapsed else ""


async def _require_live(scope: Scope, datasets: Iterable[ResolvedInput]) -> None:
    wanted = {item.name for item in datasets}
    for entry in scope.experiment.status.inputs:
        for grant in entry.reading_grants if entry.name in wanted else ():
            await require_live(scope.ports, grant, scope.now)


async def issue_for(
    ports: Ports,
    store: ObjectStore,
    namespace: str,
    datasets: Iterable[ResolvedInput],
    session_name: str,
    duration_seconds: int,
    known: dict[str, list[Readable]] | None = None,
) -> SessionCredentials:
    """Return credentials that read those of the datasets that lie in this store.

    Args:
        ports: What the operator works with.
        store: As it was bound.
        namespace: Of the Experiment. A dataset of another namespace is read by what that one may
            pin and lend.
        datasets: Those of any store.
        session_name: As in `issue_input_credentials`.
        duration_seconds: As in `issue_input_credentials`.
        known: What datasets cover, by name, as far as it was looked up; what is missing is added.

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
    covered = known if known is not None else {}
    async with ports.metrics.on_store("issue_credentials"):
        own = [item for item in datasets if item.store == store.name]
        for item in own:
            if item.name not in covered:
                granted = await _granted_now(ports, store, item, namespace)
                covered[item.name] = await _readables(connection, item, granted)
        return await issue_input_credentials(
            connection,
            role_arn=store.spec.sts.role_arn,
            readables=[each for item in own for each in covered[item.name]],
            session_name=session_name,
            duration_seconds=duration_seconds,
            key_ids=decrypting_keys(ports, store),
        )


@dataclass(frozen=True, slots=True)
class _Granted:
    """What the store grants to the namespace of a pin.

    Attributes:
        locations: Where it may pin.
        lends: Set where the data are lent: each object has to lie where the store lets it lend.
    """

    locations: tuple[Location, ...] = ()
    lends: SourceAccess | None = None

    def check(self, bucket: str, key: str) -> None:
        """Accept an object, or a prefix, of a dataset.

        Raises:
            Refused: `StoreNotLending`.
        """
        if self.lends is None:
            return
        try:
            self.lends.check(bucket, key)
        except Refused:
            raise not_lending(self.lends.store, self.lends.namespace) from None


async def _granted_now(
    ports: Ports, bound: ObjectStore, item: ResolvedInput, team: str
) -> _Granted:
    """Return what the namespace of a pin may pin and lend; nothing where it is another store now.

    Raises:
        Refused: `StoreNotLending`: the data are lent, and the store is another one by now, or
            cannot be read.
    """
    owner, _ = item.place(team)
    try:
        live = ports.resources.parsed(Key(OBJECT_STORE.kind, "", bound.name), ObjectStore)
    except ValidationError:
        live = None  # what it grants nobody knows, and what was bound is read all the same
    if live is None or store_changes(bound, live):
        if owner != team:
            raise not_lending(bound.name, owner)
        return _Granted()
    access = await source_access(ports, live, owner, lends=owner != team)
    return _Granted(
        (*access.sources, access.own_artifacts, access.own_parts),
        access if owner != team else None,
    )


async def _readables(connection: Store, item: ResolvedInput, granted: _Granted) -> list[Readable]:
    """Return the keys and prefixes that a dataset covers, and its manifest."""
    if item.manifest is None:
        raise InvalidInput(reasons.INTERNAL_ERROR, f"input `{item.name}`: no manifest was bound")
    manifest = ManifestLocation(**item.manifest.model_dump(), bytes=0)
    found = [readable_manifest(manifest)]
    if item.bucket:
        granted.check(item.bucket, item.prefix)
        return [*found, readable_prefix(PrefixSource(item.bucket, item.prefix))]
    listed = functools.partial(_listed, connection, manifest, granted)
    return [*found, *await connection.run_job(listed)]


def _listed(
    connection: Store, manifest: ManifestLocation, granted: _Granted, stop: Stop
) -> tuple[Readable, ...]:
    def objects() -> Iterator[tuple[str, str]]:
        for entry in fetch_manifest(connection, manifest, stop):
            granted.check(entry.bucket, entry.key)
            yield entry.bucket, entry.key

    return readable_objects(objects(), granted.locations)
