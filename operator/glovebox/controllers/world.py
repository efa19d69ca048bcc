"""Everything a reconcile may use, in one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from glovebox.apply.applier import Applier
from glovebox.apply.children import Children
from glovebox.apply.events import EventRecorder
from glovebox.engine.key_queue import Priority
from glovebox.engine.tasks import TaskRunner
from glovebox.kube.client import Client
from glovebox.kube.resources import Key, Resources
from glovebox.metrics.engine import EngineMetrics
from glovebox.settings import Settings
from glovebox.store.connection import Credentials, Stores


class Wake(Protocol):
    """Makes a key be reconciled."""

    def __call__(self, key: Key, priority: Priority = Priority.NORMAL) -> None:
        """Put the key into its queue."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a reconcile ended.

    Attributes:
        retry_seconds: When to look again even if nothing happens; None waits for the next event or
            resync.
    """

    retry_seconds: float | None = None


DONE = Result()


@dataclass(slots=True)
class World:
    """The caches, the connections and the clock of one operator process."""

    settings: Settings
    client: Client
    stores: Stores
    resources: Resources
    children: Children
    applier: Applier
    metrics: EngineMetrics
    events: EventRecorder
    now: Callable[[], datetime]
    wake: Wake
    tasks: TaskRunner
    # When each key was first woken since its last reconcile began: what drift repair is measured
    # from.
    woken: dict[Key, float] = field(default_factory=dict)
    # Which kinds of an experiment's objects differ now and are not repaired (drift policy Alert, or
    # a fight).
    drifting: dict[Key, tuple[str, ...]] = field(default_factory=dict)
    # Credentials of ObjectStores by name, as last read from their Secrets.
    store_credentials: dict[str, Credentials] = field(default_factory=dict)

    async def write_status(self, obj: Mapping[str, Any], status: dict[str, Any]) -> dict[str, Any]:
        """Write a status if it differs from what the object shows, and wake those who refer to the object when it did.

        Returns:
            The status as the API server keeps it.

        Raises:
            Conflict: The object changed since it was read: decide anew.
            NotFound: It is gone.
        """
        if status == obj.get("status"):
            return status
        key = Key.of(obj)
        # The whole object goes along: finalizers left out of it would be removed, even by the
        # status subresource.
        body = {**obj, "status": status}
        answer = await self.client.replace(key.resource, body, subresource="status")
        self.resources.wrote(answer)
        for user in self.resources.users_of(key):
            self.wake(user)
        kept: dict[str, Any] = answer.get("status") or {}
        return kept

    async def write_finalizers(self, obj: Mapping[str, Any], finalizers: list[str]) -> None:
        """Set an object's finalizers, on the version that was read.

        Raises:
            Conflict: The object changed since it was read.
            NotFound: It is gone.
        """
        key = Key.of(obj)
        patch = {
            "metadata": {
                "finalizers": finalizers,
                "resourceVersion": obj["metadata"]["resourceVersion"],
            }
        }
        answer = await self.client.merge(key.resource, key.namespace, key.name, patch)
        self.resources.wrote(answer)
