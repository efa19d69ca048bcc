"""Kueue, as far as a run can tell: it keeps a record of each, admits it, and takes its place back.

It does so when a test says it. Away it does nothing: what is to wait stays suspended.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from glovebox import names
from glovebox.kube.kinds import JOB, LOCAL_QUEUE, QUEUE_ENTRY, Kind
from simulation.api_server import Asked, Change
from simulation.world import World

Json = dict[str, Any]
_USER: Final = "system:serviceaccount:kueue-system:kueue-controller-manager"


class Kueue:
    """Kueue's controller.

    Args:
        world: Where it works.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._evictions = 0
        self.is_away = False
        self._tasks: set[asyncio.Task[None]] = set()
        world.server.on_change.append(self._see)

    def _see(self, change: Change) -> None:
        new = change.new
        if change.served.kind != JOB or new is None or change.old is not None or self.is_away:
            return
        if names.LABEL_QUEUE in new["metadata"].get("labels", {}):
            task = asyncio.get_running_loop().create_task(self._take_in(new))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _take_in(self, job: Json) -> None:
        await asyncio.sleep(0.5)
        metadata = job["metadata"]
        owner = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": metadata["name"],
            "uid": metadata["uid"],
            "controller": True,
        }
        entry: Json = {
            "apiVersion": QUEUE_ENTRY.api_version,
            "kind": QUEUE_ENTRY.kind,
            "metadata": {
                "name": "job-glovebox-run-abcde",
                "labels": {names.LABEL_QUEUED_UID: metadata["uid"]},
                "ownerReferences": [owner],
            },
            "spec": {"queueName": metadata["labels"][names.LABEL_QUEUE]},
        }
        namespace = metadata["namespace"]
        asked = Asked(_USER, "create", QUEUE_ENTRY, namespace, entry["metadata"]["name"])
        self._world.server.create(asked, entry)
        queue = self._world.server.peek(LOCAL_QUEUE, namespace, names.LOCAL_QUEUE)
        why = "no room" if queue else f"LocalQueue {names.LOCAL_QUEUE} doesn't exist"
        self._say(namespace, QuotaReserved=("False", "Pending", why))

    def admit(self, namespace: str) -> None:
        """Give a run its place."""
        self._say(
            namespace,
            QuotaReserved=("True", "QuotaReserved", "there is room"),
            Admitted=("True", "Admitted", "The workload is admitted"),
            Evicted=("False", "QuotaReserved", "there is room"),
        )
        self._suspend(namespace, suspended=False)

    def evict(self, namespace: str, reason: str, message: str) -> None:
        """Take a run's place back."""
        self._evictions += 1
        self._say(
            namespace,
            QuotaReserved=("False", "Pending", message),
            Admitted=("False", "NoReservation", "The workload has no reservation"),
            Evicted=("True", reason, message),
        )
        self._suspend(namespace, suspended=True)

    def _suspend(self, namespace: str, *, suspended: bool) -> None:
        self._patch(JOB, namespace, names.RUN_JOB, {"spec": {"suspend": suspended}})

    def _say(self, namespace: str, **conditions: tuple[str, str, str]) -> None:
        (entry,) = self._world.server.everything(QUEUE_ENTRY, namespace)
        said = [
            {"type": name, "status": status, "reason": reason, "message": message}
            for name, (status, reason, message) in conditions.items()
        ]
        status: Json = {"conditions": said}
        if self._evictions:
            count = {"reason": "Preempted", "count": self._evictions}
            status["schedulingStats"] = {"evictions": [count]}
        self._patch(QUEUE_ENTRY, namespace, entry["metadata"]["name"], {"status": status}, "status")

    def _patch(self, kind: Kind, namespace: str, name: str, body: Json, part: str = "") -> None:
        asked = Asked(_USER, "patch", kind, namespace, name, part)
        self._world.server.patch(asked, body, "application/merge-patch+json")
