"""Compares what a store has on record with what the cluster knows, after a restore of either.

Done once by each process, and then as often as the store is checked. Nothing is written or deleted
for what is found: what the cluster alone knows was lost with the store, and only a person can bring
it back; what the store alone knows is of Experiments that were deleted, or of a cluster that was
restored (`glovebox adopt`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from glovebox.api.object_store import ObjectStore
from glovebox.controllers.ports import Ports
from glovebox.controllers.store_connections import open_store
from glovebox.engine.tasks import TaskContext, TaskKey
from glovebox.kube.kinds import EXPERIMENT, OBJECT_STORE
from glovebox.kube.resources import Key
from glovebox.store.record_listing import Records, list_records

TASK: Final = "records"
_WORK_CLASS: Final = "data"
# After a store that did not answer.
_AGAIN_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class Differences:
    """What one side does not know.

    Attributes:
        only_cluster: Experiments, as `namespace/name`, whose run or seal is not in the store.
        only_store: How many runs are on record of which no Experiment in the cluster says so.
    """

    only_cluster: tuple[str, ...]
    only_store: int


async def compare_records(ports: Ports, store: ObjectStore) -> None:
    """Have a comparison made when it is due, and remember what it finds.

    Raises:
        GloveboxError: The credentials of the store cannot be read.
    """
    key = Key(OBJECT_STORE.kind, "", store.name)
    due = ports.compared.get(store.uid, 0.0)
    if ports.clock() < due:
        return
    task = TaskKey(key, store.uid, TASK)
    bucket = store.spec.artifacts.bucket
    connection = await open_store(ports, store)

    async def start(context: TaskContext) -> tuple[Records, Mapping[str, _Known]]:
        # Before the list: whatever the cluster says by now is in the store already.
        known = _known(ports, store.name)
        found = await connection.run_job(
            lambda stop: list_records(connection, bucket, stop), context.stop
        )
        return found, known

    state = ports.tasks.ensure(task, bucket, start, tenant="", work_class=_WORK_CLASS)
    if state.phase == "Failed":
        ports.compared[store.uid] = ports.clock() + _AGAIN_SECONDS
        ports.tasks.drop(task)
    if state.result is None:
        return
    ports.compared[store.uid] = ports.clock() + store.spec.verify_interval_seconds
    ports.tasks.drop(task)
    found = differences(*state.result)
    ports.record_differences[store.uid] = (found.only_cluster, found.only_store)


@dataclass(frozen=True, slots=True)
class _Known:
    """What an Experiment says of its run: key of the record, and the UID of its seal."""

    record: str
    sealed: str


def differences(found: Records, known: Mapping[str, _Known]) -> Differences:
    """Return what is on one side alone. Pure."""
    lost = [
        name
        for name, each in sorted(known.items())
        if (each.record and each.record not in found.runs)
        or (each.sealed and each.sealed not in found.seals)
    ]
    said = {each.record for each in known.values()}
    return Differences(tuple(lost), len(found.runs - said))


def _known(ports: Ports, store: str) -> dict[str, _Known]:
    known = {}
    for experiment in ports.resources.of_kind(EXPERIMENT):
        spec, status = experiment.get("spec") or {}, experiment.get("status") or {}
        if _store_of(spec) != store:
            continue
        metadata = experiment["metadata"]
        uri = str((status.get("seal") or {}).get("uri", ""))
        known[f"{metadata['namespace']}/{metadata['name']}"] = _Known(
            record=str((status.get("run") or {}).get("record", "")),
            sealed=uri.rstrip("/").rpartition("/")[2],
        )
    return known


def _store_of(spec: Mapping[str, Any]) -> str:
    return str(((spec.get("artifacts") or {}).get("storeRef") or {}).get("name", ""))
