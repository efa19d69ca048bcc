"""Logs of a run whose Experiment was lost: read before its pods go, and kept without secrets.

The credentials are taken first, so that a program that is about to end writes nothing more; what
they were is noted before. What stages were given of secrets has to be known, or nothing of what
they said is kept. A kubelet that does not answer holds the end of a pod up for seconds.

What was seen is held in this process alone until it is in the seal. Of a run that was lost while
nobody watched, or whose process died in between, the seal says that nothing is known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

import orjson

from glovebox import names
from glovebox.api.attempt_status import KeptLog, RunContainer, RunPod
from glovebox.api.experiment_status import RunStatus
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.absent import read_or_absent
from glovebox.controllers.experiment.attempts import kept_log, read_log
from glovebox.controllers.experiment.given_secrets import note_given
from glovebox.controllers.experiment.known_secrets import known_secrets
from glovebox.controllers.orphans import Orphan
from glovebox.controllers.ports import Ports
from glovebox.controllers.store_connections import open_store
from glovebox.desired.bound_snapshot import read_snapshot
from glovebox.errors import GloveboxError
from glovebox.kube.kinds import CONFIG_MAP, SECRET
from glovebox.kube.resources import Key
from glovebox.status.attempts import with_recorded
from glovebox.store.evidence_objects import put_log
from glovebox.store.sealing import seal_folder

# So long the pods of a lost run wait for their kubelets and the store.
_WAIT_SECONDS: Final = 20.0
_LATE: Final = "it could not be read and kept before the pod had to go"


def with_seen(ports: Ports, orphan: Orphan, run: RunStatus | None) -> RunStatus | None:
    """Return a run as far as it shows now, with what this process saw of it before it went."""
    seen = ports.lost_runs.get(orphan.key)
    return with_recorded(run, seen) if run is not None else seen


def forget_run(ports: Ports, key: Key) -> None:
    """Forget what was seen of a run, and its secrets."""
    ports.lost_runs.pop(key, None)
    ports.known_secrets.pop(key, None)
    ports.given_secrets.pop(key, None)


async def note_secrets(ports: Ports, orphan: Orphan) -> None:
    """Note what no log may show, before it is taken away; what cannot be read is left out."""
    if orphan.key in ports.lost_runs:
        return
    await known_secrets(ports, orphan.key, orphan.name)
    with suppress(GloveboxError):
        given = await read_or_absent(ports, SECRET, orphan.name, names.STAGE_SECRETS)
        if given is not None:
            note_given(ports, orphan.key, given)


async def keep_logs(
    ports: Ports, orphan: Orphan, run: RunStatus, pods: Iterable[Mapping[str, Any]]
) -> None:
    """Keep the logs of a run once, as far as they can be read now; never raises for one of them.

    Args:
        ports: The outside world.
        orphan: The namespace, with its credentials taken.
        run: The run as it shows.
        pods: Its pods as the API server has them.
    """
    if orphan.key in ports.lost_runs:
        return
    given = {str(pod["metadata"]["uid"]) for pod in pods if _may_be_given(pod)}
    kept: dict[tuple[str, str], KeptLog] = {}
    with suppress(GloveboxError, TimeoutError):
        async with asyncio.timeout(_WAIT_SECONDS):
            await _keep(ports, orphan, run, given, kept)
    ports.lost_runs[orphan.key] = _with_logs(run, kept)


async def _keep(
    ports: Ports,
    orphan: Orphan,
    run: RunStatus,
    given: Collection[str],
    kept: dict[tuple[str, str], KeptLog],
) -> None:
    """Add each log to those that are kept, as far as it comes."""
    store = await _store_of(ports, orphan)
    if store is None:
        return
    for pod in run.pods:
        is_given = pod.uid in given
        for container in pod.containers:
            log = await _log(ports, orphan, store, pod, container, is_given=is_given)
            kept[pod.uid, container.name] = log


def _with_logs(run: RunStatus, kept: Mapping[tuple[str, str], KeptLog]) -> RunStatus:
    late = KeptLog(problem=_LATE)
    pods = tuple(
        pod.model_copy(
            update={
                "containers": tuple(
                    each.model_copy(update={"log": kept.get((pod.uid, each.name), late)})
                    for each in pod.containers
                )
            }
        )
        for pod in run.pods
    )
    return run.model_copy(update={"pods": pods})


def _may_be_given(pod: Mapping[str, Any]) -> bool:
    """Whether anything in a pod names the Secret with secrets of stages."""
    return names.STAGE_SECRETS.encode() in orjson.dumps(pod.get("spec") or {})


async def _store_of(ports: Ports, orphan: Orphan) -> ObjectStore | None:
    config_map = await read_or_absent(ports, CONFIG_MAP, orphan.name, names.SNAPSHOT_CONFIG_MAP)
    return read_snapshot(config_map).platform.store if config_map is not None else None


async def _log(
    ports: Ports,
    orphan: Orphan,
    store: ObjectStore,
    pod: RunPod,
    container: RunContainer,
    *,
    is_given: bool,
) -> KeptLog:
    async def is_known() -> bool:
        return not is_given or orphan.key in ports.given_secrets

    try:
        held = await read_log(ports, orphan.key, orphan.name, pod, container, store.name, is_known)
        bucket, folder = store.spec.artifacts.bucket, seal_folder(orphan.owner_uid)
        connection = await open_store(ports, store)
        key, digest = await connection.run_job(
            lambda stop: put_log(connection, bucket, folder, held.body, stop)
        )
    except GloveboxError as error:
        return KeptLog(problem=error.message[:512])
    return kept_log(held, key, digest)
