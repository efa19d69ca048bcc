"""One operator process put together: connections, caches, reflectors, queues, and what stops them all."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from glovebox import names
from glovebox.apply.applier import Applier
from glovebox.apply.children import Children
from glovebox.apply.events import EventRecorder
from glovebox.controllers.world import World
from glovebox.engine.key_queue import Priority
from glovebox.engine.resync import Resync
from glovebox.engine.workers import Workers
from glovebox.kube.client import Client, Credentials
from glovebox.kube.http import AiohttpTransport
from glovebox.kube.kinds import ADDITIVE_KINDS, CHILD_KINDS, JOB, POD, SECRET
from glovebox.kube.reflector import Reflector
from glovebox.kube.resources import Key, Resources
from glovebox.kube.transport import Transport
from glovebox.kube.workloads import Workloads
from glovebox.metrics.engine import EngineMetrics
from glovebox.metrics.state import StateCollector
from glovebox.settings import Settings
from glovebox.store.connection import Stores


@dataclass(slots=True)
class Operator:
    """The parts that run, and the facts that probes ask for."""

    world: World
    workers: Workers
    reflectors: tuple[Reflector, ...]
    resync: Resync
    registry: CollectorRegistry

    def told(self, event_type: str | None, obj: Mapping[str, Any]) -> None:
        """Take in an event about one of our own resources, as kopf tells it."""
        key = Key.of(obj)
        if event_type == "DELETED":
            known = self.world.resources.get(key)
            if known is not None and known["metadata"]["uid"] != obj["metadata"]["uid"]:
                return
            self.world.resources.gone(key)
        elif not self.world.resources.seen(obj):
            return
        self.world.wake(key)
        for user in self.world.resources.users_of(key):
            self.world.wake(user)

    async def run(self) -> None:
        """Reflect, work and sweep until cancelled."""
        async with asyncio.TaskGroup() as group:
            for reflector in self.reflectors:
                group.create_task(reflector.run())
            group.create_task(self._work())

    async def _work(self) -> None:
        await self.resync.prime()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.workers.run(self.world))
            group.create_task(self.resync.run())

    def ready(self) -> str:
        """Return why the operator is not ready, or an empty text."""
        missing = [
            reflector.kind.kind for reflector in self.reflectors if not reflector.last_list_time
        ]
        missing += [] if self.resync.primed else ["our own kinds"]
        if not missing:
            return ""
        return f"not listed yet: {', '.join(missing)}"

    def ill(self) -> str:
        """Return why the process should be started anew, or an empty text.

        Work on experiments is a few requests; ten minutes mean that it hangs. Work on data may take
        hours.
        """
        stuck = self.workers.queues["cluster"].longest_seconds()
        return f"a reconcile has been running for {stuck:.0f} s" if stuck > _STUCK_SECONDS else ""


_STUCK_SECONDS = 600.0


def _now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def operator(
    settings: Settings,
    login: Callable[[], Credentials],
    *,
    transport: Callable[[Credentials], Transport] = AiohttpTransport,
    stores: Stores | None = None,
    now: Callable[[], datetime] = _now,
) -> AsyncIterator[Operator]:
    """Open everything that an operator needs, and close it again.

    Args:
        settings: Of the process.
        login: See `Client`.
        transport: See `Client`.
        stores: The object stores; None for real ones. Closed with the operator.
        now: Time of day, UTC.
    """
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    metrics = EngineMetrics(registry)
    stores = stores or Stores(threads=settings.store_threads)
    resources = Resources()
    workers = Workers(settings.workers, settings.data_workers)
    woken: dict[Key, float] = {}

    def rouse(owner: str) -> None:
        key = Key.parse(owner)
        woken.setdefault(key, time.monotonic())
        workers.wake(key, Priority.REPAIR)

    children = Children(rouse)

    def follow(namespace: str) -> None:
        owner = children.owner(namespace)
        if owner is not None:
            workers.wake(Key.parse(owner))

    workloads = Workloads(follow)
    async with Client(login, metrics.observe_api, transport=transport) as client:
        world = World(
            settings=settings,
            client=client,
            stores=stores,
            resources=resources,
            children=children,
            applier=Applier(client, children, time.monotonic),
            metrics=metrics,
            events=EventRecorder(client, now, socket.gethostname()),
            now=now,
            wake=workers.wake,
            woken=woken,
        )
        reflectors = tuple(_reflectors(client, children, workloads, settings.resync_seconds))
        resync = Resync(world, workers, settings.resync_seconds)
        registry.register(
            StateCollector(
                resources,
                queues=lambda: {
                    name: (len(queue), queue.oldest_seconds())
                    for name, queue in workers.queues.items()
                },
                reflectors=lambda: {
                    reflector.kind.kind: reflector.last_contact_time for reflector in reflectors
                },
                sweeps=lambda: resync.last_success_times,
                drifting=lambda: (kind for kinds in world.drifting.values() for kind in kinds),
            )
        )
        try:
            yield Operator(world, workers, reflectors, resync, registry)
        finally:
            await world.events.flush()
            await stores.close()


def _reflectors(
    client: Client, children: Children, workloads: Workloads, resync_seconds: float
) -> list[Reflector]:
    managed = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY}"
    reflectors = []
    for kind in CHILD_KINDS:
        if kind == SECRET:
            # The one name that the operator may read, in whatever namespace.
            selectors = {"field_selector": f"metadata.name={names.CREDENTIALS_SECRET}"}
        else:
            selectors = {} if kind in ADDITIVE_KINDS else {"label_selector": managed}
        reflectors.append(
            Reflector(client, kind, children, resync_seconds=resync_seconds, **selectors)
        )
    reflectors += [
        Reflector(client, kind, workloads, resync_seconds=resync_seconds, label_selector=managed)
        for kind in (JOB, POD)
    ]
    return reflectors
