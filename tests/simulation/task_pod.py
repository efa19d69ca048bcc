"""What the pod of a task does: the real program's work, with the keys that the pod mounts."""

from __future__ import annotations

import base64
import random
from typing import Any

import orjson

from glovebox.data.delivery import TaskStore
from glovebox.data.task_ends import EXIT_DONE, exit_code, render_error
from glovebox.desired.task_job import ENV_TASK
from glovebox.errors import GloveboxError
from glovebox.jobs.task import perform
from glovebox.kube.kinds import SECRET
from glovebox.store.connection import Credentials, Store, StoreSettings
from glovebox.tasks.area import TaskAddress, TaskArea
from simulation.api_server import ApiServer
from simulation.object_store import ObjectStoreServer
from simulation.object_store_faces import SimStore

Json = dict[str, Any]
_SIGKILL = 137


class TaskPods:
    """Plays the pods of tasks.

    Args:
        server: Where their Secrets are.
        store: Where their data are.
        chance: Which of them are killed.
    """

    def __init__(self, server: ApiServer, store: ObjectStoreServer, chance: random.Random) -> None:
        self._server, self._store, self._chance = server, store, chance
        # How many of the pods that begin are killed before they have done anything.
        self.killed_rate = 0.0
        # Names of the pods that began.
        self.begun: list[str] = []

    async def __call__(self, pod: Json) -> tuple[int, str]:
        """Do the task of a pod; return its exit code and its termination message."""
        self.begun.append(pod["metadata"]["name"])
        address, job = _told(pod)
        if self._chance.random() < self.killed_rate:
            return _SIGKILL, ""
        try:
            await perform(address, job, lambda where: self._open(pod, where), checkpoint_seconds=1)
        except GloveboxError as error:
            return exit_code(error), render_error(error).decode()
        return EXIT_DONE, ""

    def area_of(self, pod: Json) -> tuple[TaskArea, str]:
        """Return where the program of a pod speaks to the operator, and the UID of its Job."""
        address, job = _told(pod)
        store = self._open(pod, address.store)
        bucket, is_locked = address.bucket, address.locked
        return TaskArea(store, bucket, address.uid, address.task, locked=is_locked), job

    def _open(self, pod: Json, where: TaskStore) -> Store:
        volume = next(each for each in pod["spec"]["volumes"] if each["name"] == where.name)
        namespace, name = pod["metadata"]["namespace"], volume["secret"]["secretName"]
        secret = self._server.peek(SECRET, namespace, name)
        assert secret is not None, "a pod begins when what it mounts is there"
        access, key = (
            base64.b64decode(secret["data"][name]).decode()
            for name in ("accessKeyId", "secretAccessKey")
        )
        settings = StoreSettings(
            where.endpoint, where.region, where.path_style, Credentials(access, key)
        )
        return SimStore(settings, self._store)


def _told(pod: Json) -> tuple[TaskAddress, str]:
    """Return what a pod is told: where its request is, and which Job it is of."""
    (container,) = pod["spec"]["containers"]
    (owner,) = pod["metadata"]["ownerReferences"]
    said = next(entry["value"] for entry in container["env"] if entry["name"] == ENV_TASK)
    return TaskAddress.model_validate(orjson.loads(said)), owner["uid"]
