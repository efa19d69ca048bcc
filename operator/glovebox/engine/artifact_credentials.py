"""The credentials with which an experiment writes its artifacts: short-lived, for its own prefix alone, rotated ahead.

They are the one managed object that is no pure function of what is declared, so it is compared by its expiry: the Secret is issued
anew when a third of its life is left, when it is gone, and when somebody changed it.
"""

from __future__ import annotations

import base64
from datetime import datetime, timedelta

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.experiment import Experiment
from glovebox.api.object_store import ObjectStore
from glovebox.desired.difference import fingerprint
from glovebox.engine.gather import Surroundings
from glovebox.engine.stores import open_store
from glovebox.engine.world import World
from glovebox.errors import GloveboxError, InvalidInput
from glovebox.kube.client import AlreadyExists
from glovebox.kube.kinds import SECRET
from glovebox.observe.children import ChildKey
from glovebox.status.draft import Draft, format_time
from glovebox.store.credentials import SessionCredentials, issue_credentials

# Renewed when this share of the life is over.
_ROTATE_AT = 2 / 3


async def ensure_credentials(
    world: World, experiment: Experiment, surroundings: Surroundings, namespace: str, draft: Draft
) -> float | None:
    """Make sure that valid credentials lie in the experiment's namespace, and answer CredentialsFresh.

    Returns:
        Seconds until they should be rotated.

    Raises:
        InvalidInput: The store has no STS role, so nothing can be issued.
        Unavailable, Forbidden: The store or the API server failed, and no valid credentials are there.
    """
    store = surroundings.store
    metadata = experiment.metadata
    prefix = names.artifact_prefix(metadata.namespace, metadata.name, metadata.uid)
    bucket = store.spec.artifacts.bucket
    artifacts = {"uri": f"s3://{bucket}/{prefix}", "storeRef": store.name}
    expire = _valid_until(world, experiment, namespace)
    duration = surroundings.profile.spec.credentials.duration_seconds
    now = world.now()
    rotate = expire - timedelta(seconds=duration * (1 - _ROTATE_AT)) if expire is not None else now
    if expire is None or now >= rotate:
        try:
            expire = await _issue(world, experiment, surroundings, namespace, prefix)
        except GloveboxError as error:
            world.metrics.rotations.labels("s3", "error").inc()
            if expire is None or expire <= now:
                draft.no(types.CREDENTIALS_FRESH, error.reason, error.message)
                raise
            draft.yes(
                types.CREDENTIALS_FRESH, error.reason, f"valid until {format_time(expire)}, but could not be renewed: {error.message}"
            )
            draft.set(artifacts={**artifacts, "credentialsExpireTime": format_time(expire)})
            return 15.0
        world.metrics.rotations.labels("s3", "success").inc()
        rotate = expire - timedelta(seconds=duration * (1 - _ROTATE_AT))
    draft.yes(types.CREDENTIALS_FRESH, reasons.CREDENTIALS_ISSUED, f"for `{artifacts['uri']}` alone, renewed before they expire")
    draft.set(artifacts={**artifacts, "credentialsExpireTime": format_time(expire)})
    return max(1.0, (rotate - now).total_seconds())


def _valid_until(world: World, experiment: Experiment, namespace: str) -> datetime | None:
    """Return when the credentials in place expire; None when there are none, or when somebody touched them."""
    key = _key(namespace)
    child = world.children.get(key)
    artifacts = experiment.status.artifacts
    if child is None or artifacts is None:
        return None
    wanted = world.children.wanted(key)
    if wanted is None:
        world.children.want(key, child.fingerprint)  # after a restart: as it was left
    elif wanted != child.fingerprint:
        return None
    return artifacts.credentials_expire_time


async def _issue(world: World, experiment: Experiment, surroundings: Surroundings, namespace: str, prefix: str) -> datetime:
    store = surroundings.store
    if store.spec.sts is None:
        raise InvalidInput(
            reasons.STS_NOT_CONFIGURED,
            f"ObjectStore '{store.name}' has no `spec.sts.roleArn`: credentials for one prefix alone cannot be issued",
        )
    connection = await open_store(world, store)
    credentials = await issue_credentials(
        connection,
        role_arn=store.spec.sts.role_arn,
        bucket=store.spec.artifacts.bucket,
        prefix=prefix,
        session_name=f"glovebox-{names.short_hash(experiment.uid)}",
        duration_seconds=surroundings.profile.spec.credentials.duration_seconds,
    )
    await _write(world, experiment, store, namespace, credentials)
    return credentials.expire_time


async def _write(world: World, experiment: Experiment, store: ObjectStore, namespace: str, credentials: SessionCredentials) -> None:
    files = {
        "credentials": f"[default]\naws_access_key_id = {credentials.access_key_id}\n"
        f"aws_secret_access_key = {credentials.secret_access_key}\naws_session_token = {credentials.session_token}\n",
        "config": f"[default]\nregion = {store.spec.region}\nendpoint_url = {store.spec.endpoint}\ns3 =\n  addressing_style = path\n",
    }
    secret = {
        "apiVersion": SECRET.api_version,
        "kind": SECRET.kind,
        "metadata": {
            "name": names.CREDENTIALS_SECRET,
            "namespace": namespace,
            "labels": {names.LABEL_MANAGED_BY: names.MANAGED_BY, names.LABEL_EXPERIMENT_UID: experiment.uid},
            "annotations": {names.ANNOTATION_CREDENTIALS_EXPIRE_TIME: format_time(credentials.expire_time)},
        },
        "type": "Opaque",
        "data": {name: base64.b64encode(text.encode()).decode() for name, text in files.items()},
    }
    world.children.want(_key(namespace), fingerprint(secret))
    known = world.children.get(_key(namespace))
    try:
        answer = await (world.client.create(SECRET, secret) if known is None else world.client.replace(SECRET, secret))
    except AlreadyExists:
        answer = await world.client.replace(SECRET, secret)
    world.children.wrote(SECRET, answer)


def _key(namespace: str) -> ChildKey:
    return ChildKey(SECRET.kind, namespace, names.CREDENTIALS_SECRET)
