"""The credentials with which an experiment writes its artifacts: short-lived, for its own prefix alone, rotated ahead.

They are the one managed object that is no pure function of what is declared, so it is judged by
    what it says of itself: the Secret
carries its expiry and a digest of its content. It is issued anew when a third of its life is left,
when it is gone, and when its content is not the one that was issued. Another operator's Secret is
as good as our own, so two of them never fight over it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.experiment import Experiment
from glovebox.api.object_store import ObjectStore
from glovebox.apply.applier import Applied, Drift
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
from glovebox.desired.difference import fingerprint
from glovebox.errors import GloveboxError, InvalidInput
from glovebox.kube.kinds import SECRET
from glovebox.kube.objects import ObjectKey
from glovebox.status.draft import Draft, format_time
from glovebox.store.credentials import SessionCredentials, issue_credentials

_RETRY_SECONDS = 15.0
_UNCHANGED = Applied("unchanged")
Asked = asyncio.Task[SessionCredentials]


@dataclass(frozen=True, slots=True)
class Issued:
    """What became of an experiment's credentials.

    Attributes:
        retry_seconds: When they should be looked at again.
        applied: What had been found wrong with the Secret, if it had been right before.
    """

    retry_seconds: float
    applied: Applied = _UNCHANGED


@asynccontextmanager
async def asked_ahead(
    world: World, experiment: Experiment, surroundings: Surroundings
) -> AsyncIterator[Asked | None]:
    """Ask the store for a new experiment's credentials while its namespace is being made: the answer needs no namespace.

    The answer is dropped when the block ends without having used it.
    """
    if experiment.status.digest or experiment.spec.lifecycle.is_frozen:
        yield None
        return
    asked = asyncio.create_task(_ask(world, experiment, surroundings))
    # Whoever does not get to use the answer does not care for its error either.
    asked.add_done_callback(lambda done: None if done.cancelled() else done.exception())
    try:
        yield asked
    finally:
        asked.cancel()


async def ensure_credentials(
    world: World,
    experiment: Experiment,
    surroundings: Surroundings,
    namespace: str,
    draft: Draft,
    asked: Asked | None,
) -> Issued:
    """Make sure that valid credentials lie in the experiment's namespace, and answer CredentialsFresh.

    Args:
        world: The operator's world.
        experiment: Whose credentials.
        surroundings: What it refers to.
        namespace: Its namespace.
        draft: Its status.
        asked: The store's answer, if it was asked ahead.

    Raises:
        InvalidInput: The store has no STS role, so nothing can be issued.
        Unavailable, Forbidden: The store or the API server failed, and no valid credentials are
            there.
    """
    artifacts = {
        "uri": f"s3://{surroundings.store.spec.artifacts.bucket}/{_prefix(experiment)}",
        "storeRef": surroundings.store.name,
    }
    reserve = timedelta(
        seconds=surroundings.profile.spec.credentials.duration_seconds * (1 - ROTATE_AT)
    )
    now = world.now()
    expire, drift = await _found(world, experiment, namespace)
    if expire is None or now >= expire - reserve:
        try:
            credentials = await (asked or _ask(world, experiment, surroundings))
            metadata = session_metadata(experiment, _key(namespace))
            await write_session(
                world,
                metadata,
                _files(surroundings.store, credentials),
                credentials.expire_time,
                watched=True,
            )
            expire = credentials.expire_time
        except GloveboxError as error:
            world.metrics.rotations.labels("s3", "error").inc()
            if expire is None or expire <= now:
                draft.no(types.CREDENTIALS_FRESH, error.reason, error.message)
                raise
            draft.yes(
                types.CREDENTIALS_FRESH,
                error.reason,
                f"valid until {format_time(expire)}, but could not be renewed: {error.message}",
            )
            draft.set(artifacts={**artifacts, "credentialsExpireTime": format_time(expire)})
            return Issued(_RETRY_SECONDS)
        world.metrics.rotations.labels("s3", "success").inc()
    draft.yes(
        types.CREDENTIALS_FRESH,
        reasons.CREDENTIALS_ISSUED,
        f"for `{artifacts['uri']}` alone, renewed before they expire",
    )
    draft.set(artifacts={**artifacts, "credentialsExpireTime": format_time(expire)})
    return Issued(
        max(1.0, (expire - reserve - now).total_seconds()),
        Applied("repaired", drift) if drift is not None else _UNCHANGED,
    )


async def _found(
    world: World, experiment: Experiment, namespace: str
) -> tuple[datetime | None, Drift | None]:
    """Return when the credentials in place expire, None when they are no good; and what happened to a Secret that had been right."""
    key = _key(namespace)
    child = world.children.get(key)
    wanted = world.children.wanted(key)
    recorded = (
        experiment.status.artifacts.credentials_expire_time
        if experiment.status.artifacts is not None
        else None
    )
    if child is None:
        return None, Drift(key, "deleted") if recorded is not None else None
    if recorded is not None and wanted in (None, child.fingerprint):
        world.children.want(key, child.fingerprint)
        return recorded, None
    live = await world.applier.read(SECRET, key)
    if live is None:
        return None, Drift(key, "deleted")
    expire = intact_until(live)
    if expire is None:
        return None, Drift(key, "modified", "data")
    world.children.want(key, fingerprint(live))
    return expire, None


async def _ask(
    world: World, experiment: Experiment, surroundings: Surroundings
) -> SessionCredentials:
    store = surroundings.store
    if store.spec.sts is None:
        raise InvalidInput(
            reasons.STS_NOT_CONFIGURED,
            f"ObjectStore '{store.name}' has no `spec.sts.roleArn`: credentials for one prefix"
            " alone cannot be issued",
        )
    connection = await open_store(world, store)
    async with world.metrics.on_store("issue_credentials"):
        return await issue_credentials(
            connection,
            role_arn=store.spec.sts.role_arn,
            bucket=store.spec.artifacts.bucket,
            prefix=_prefix(experiment),
            session_name=f"glovebox-{names.short_hash(experiment.uid)}",
            duration_seconds=surroundings.profile.spec.credentials.duration_seconds,
        )


def _files(store: ObjectStore, credentials: SessionCredentials) -> dict[str, str]:
    return {
        "credentials": credentials_file(credentials),
        "config": (
            f"[default]\nregion = {store.spec.region}\nendpoint_url = {store.spec.endpoint}\ns3 =\n"
            "  addressing_style = path\n"
        ),
    }


def _prefix(experiment: Experiment) -> str:
    return names.artifact_prefix(experiment.namespace, experiment.name, experiment.uid)


def _key(namespace: str) -> ObjectKey:
    return ObjectKey(SECRET.kind, namespace, names.CREDENTIALS_SECRET)
