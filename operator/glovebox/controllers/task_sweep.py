"""Deletes Jobs of tasks that nobody waits for: their operator died before it could."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import structlog

from glovebox import names
from glovebox.controllers.ports import Ports
from glovebox.engine.tasks import TaskKey
from glovebox.errors import Conflict
from glovebox.kube.kinds import JOB
from glovebox.kube.objects import ObjectKey
from glovebox.kube.resources import Key

log = structlog.get_logger(__name__)


class TaskJobSweep:
    """Sweeps, and remembers from one sweep to the next what nobody waited for."""

    def __init__(self) -> None:
        self._unwanted: set[str] = set()

    async def __call__(self, ports: Ports) -> None:
        """Look at all of them.

        One whose owner is gone goes at once. One that no task stands for goes when that was so in
        the sweep before as well: an operator that has just begun did not ask for everything yet.

        Raises:
            GloveboxError: The API server failed; the next sweep goes on.
        """
        before, self._unwanted = self._unwanted, set()
        idle: list[dict[str, Any]] = []
        async for page in ports.reader.pages(
            JOB, namespace=ports.settings.namespace, label_selector=names.LABEL_TASK
        ):
            items = page.get("items") or ()
            idle += [job for job in items if self._is_idle(ports, job, before)]
        for job in idle:
            log.info("deleting a task's Job that nobody waits for", job=job["metadata"]["name"])
            metadata = job["metadata"]
            key = ObjectKey(JOB.kind, metadata["namespace"], metadata["name"])
            with contextlib.suppress(Conflict):  # another Job has the name by now
                await ports.writer.delete(JOB, key, uid=metadata["uid"])

    def _is_idle(self, ports: Ports, job: Mapping[str, Any], before: set[str]) -> bool:
        metadata = job["metadata"]
        notes, labels = metadata.get("annotations") or {}, metadata.get("labels") or {}
        owner, uid = notes.get(names.ANNOTATION_OWNER), notes.get(names.ANNOTATION_OWNER_UID)
        is_ours = (
            labels.get(names.LABEL_MANAGED_BY) == names.MANAGED_BY
            and labels.get(names.LABEL_TASK) == metadata["name"]
        )
        if not is_ours or owner is None or uid is None:
            return False
        key = Key.parse(owner)
        found = ports.resources.get(key)
        if ports.settings.tasks != "Jobs" or found is None or found["metadata"]["uid"] != uid:
            return True
        task = TaskKey(key, uid, str(notes.get(names.ANNOTATION_TASK)))
        if ports.tasks.get(task) is not None:
            return False
        self._unwanted.add(metadata["uid"])
        return metadata["uid"] in before
