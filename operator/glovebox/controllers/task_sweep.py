"""Deletes Jobs of tasks that nobody waits for.

Their operator died before it could; or what came of them is known, or could not be read, and nobody
asks for it: an Experiment whose inputs were compared, and that waits for something else by now.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import structlog

from glovebox import names
from glovebox.controllers.ports import Ports
from glovebox.engine.tasks import TaskKey
from glovebox.errors import Conflict
from glovebox.kube.kinds import CUSTOM_KINDS, JOB, NAMESPACE
from glovebox.kube.objects import ObjectKey
from glovebox.kube.resources import Key

log = structlog.get_logger(__name__)
_OWNERS: Final = frozenset(kind.kind for kind in (*CUSTOM_KINDS, NAMESPACE))


class TaskJobSweep:
    """Sweeps, and remembers from one sweep to the next what nobody waited for."""

    def __init__(self) -> None:
        self._unwanted: frozenset[str] = frozenset()

    async def __call__(self, ports: Ports) -> None:
        """Look at all of them; see `find_idle`.

        Raises:
            GloveboxError: The API server failed; the next sweep goes on.
        """

        def has_owner(key: TaskKey) -> bool:
            owner_key = Key.parse(str(key.owner))
            if owner_key.kind == NAMESPACE.kind:
                return True  # it lost its Experiment, and is looked at as long as it is there
            owner = ports.resources.get(owner_key)
            return owner is not None and owner["metadata"]["uid"] == key.uid

        def is_wanted(key: TaskKey) -> bool:
            task = ports.tasks.get(key)
            # What is done is recorded in a moment, and its Job deleted; else the result is kept.
            # What failed is asked for when it has rested; else it will not begin again.
            return ports.settings.tasks == "Jobs" and task is not None and not task.is_at_rest

        jobs: list[dict[str, Any]] = []
        async for page in ports.reader.pages(
            JOB, namespace=ports.settings.namespace, label_selector=names.LABEL_TASK
        ):
            jobs += page.get("items") or ()
        idle, self._unwanted = find_idle(jobs, self._unwanted, has_owner, is_wanted)
        for metadata in (job["metadata"] for job in idle):
            log.info("deleting a task's Job that nobody waits for", job=metadata["name"])
            key = ObjectKey(JOB.kind, metadata["namespace"], metadata["name"])
            with contextlib.suppress(Conflict):  # another Job has the name by now
                await ports.writer.delete(JOB, key, uid=metadata["uid"])


def find_idle(
    jobs: Iterable[Mapping[str, Any]],
    before: frozenset[str],
    has_owner: Callable[[TaskKey], bool],
    is_wanted: Callable[[TaskKey], bool],
) -> tuple[list[Mapping[str, Any]], frozenset[str]]:
    """Return the Jobs that nobody waits for, and the UIDs of those to look at again.

    One whose owner is gone goes at once. One that no task waits for goes when that was so in the
    sweep before as well: an operator that has just begun did not ask for everything yet. What is
    not ours is left alone.

    Args:
        jobs: What bears the label of a task.
        before: UIDs of those that no task waited for in the sweep before.
        has_owner: Whether the owner of a task is there, with that UID.
        is_wanted: Whether a task is known, and not done.
    """
    idle, unwanted = [], set()
    for job in jobs:
        key, uid = _task_of(job), job["metadata"]["uid"]
        if key is None or is_wanted(key):
            continue
        if not has_owner(key) or uid in before:
            idle.append(job)
        else:
            unwanted.add(uid)
    return idle, frozenset(unwanted)


def _task_of(job: Mapping[str, Any]) -> TaskKey | None:
    """Return the task of a Job of ours, or None."""
    metadata = job["metadata"]
    labels, notes = metadata.get("labels") or {}, metadata.get("annotations") or {}
    said = [
        notes.get(each)
        for each in (names.ANNOTATION_OWNER, names.ANNOTATION_OWNER_UID, names.ANNOTATION_TASK)
    ]
    is_ours = (
        labels.get(names.LABEL_MANAGED_BY) == names.MANAGED_BY
        and labels.get(names.LABEL_TASK) == metadata["name"]
        and all(said)
    )
    if not is_ours:
        return None
    owner, uid, task = map(str, said)
    kind, slash, _ = owner.partition("/")
    # One that somebody edited keeps no other from being swept.
    return TaskKey(Key.parse(owner), uid, task) if slash and kind in _OWNERS else None
