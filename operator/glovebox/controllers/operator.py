"""One operator process put together: connections, caches, reflectors, queues, and their end."""

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
from glovebox.controllers.experiment.caches import free_caches
from glovebox.controllers.key_traits import CLUSTER, DATA, SEAL, KeyTraits, priority_of
from glovebox.controllers.reconcile import reconcile
from glovebox.controllers.resync_sources import sources
from glovebox.controllers.world import World
from glovebox.engine.key_queue import Priority
from glovebox.engine.liveness import Liveness
from glovebox.engine.result import Result
from glovebox.engine.resync import Resync
from glovebox.engine.workers import WorkClass, Workers
from glovebox.kube.client import Client, Credentials
from glovebox.kube.kinds import ADDITIVE_KINDS, CHILD_KINDS, EVENT, JOB, POD, SECRET
from glovebox.kube.reflector import Reflector
from glovebox.kube.resources import Key, Resources
from glovebox.kube.workloads import Workloads
from glovebox.metrics.engine import EngineMetrics
from glovebox.metrics.state import StateCollector
from glovebox.metrics.tally import StateTally
from glovebox.settings import Settings
from glovebox.store.connection import Stores


@dataclass(slots=True)
class Operator:
    """The parts that run, and the facts that probes ask for."""

    world: World
    workers: Workers[Key]
    reflectors: tuple[Reflector, ...]
    resync: Resync[Key]
    liveness: Liveness
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
        self.world.wake(key, priority_of(obj))
        for user in self.world.resources.users_of(key):
            self.world.wake(user)

    async def run(self) -> None:
        """Reflect, work and sweep until cancelled."""
        async with asyncio.TaskGroup() as group:
            for reflector in self.reflectors:
                group.create_task(reflector.run())
            group.create_task(self.liveness.run())
            group.create_task(self._work())

    async def _work(self) -> None:
        await self.resync.prime()
        # Absence means nothing before the cache knows everything.
        await self.world.children.wait_until_primed()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.workers.run())
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
        """Return why the process should be restarted, or an empty text."""
        return self.liveness.problem()


# Seals are few and long; two at a time leave the store to everybody else.
_SEAL_WORKERS = 2


@asynccontextmanager
async def operator(settings: Settings, login: Callable[[], Credentials]) -> AsyncIterator[Operator]:
    """Open everything that an operator needs, and close it again."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    metrics = EngineMetrics(registry)
    stores = Stores(threads=settings.store_threads)
    tally: StateTally[Key] = StateTally()
    resources = Resources(tally)

    async def reconcile_key(key: Key) -> Result:
        return await reconcile(world, key)

    workers = Workers(
        reconcile_key,
        {
            CLUSTER: WorkClass(settings.workers + 1, reserved=1),
            DATA: WorkClass(settings.data_workers),
            SEAL: WorkClass(_SEAL_WORKERS),
        },
        KeyTraits(resources),
        metrics,
    )
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
    async with Client(login, metrics.observe_api) as client:

        async def post_event(event: dict[str, Any]) -> None:
            await client.create(EVENT, event)

        world = World(
            settings=settings,
            client=client,
            stores=stores,
            resources=resources,
            children=children,
            applier=Applier(client, children, time.monotonic),
            metrics=metrics,
            events=EventRecorder(
                post_event, _now, socket.gethostname(), dropped=metrics.event_dropped
            ),
            now=_now,
            wake=workers.wake,
            woken=woken,
        )
        reflectors = tuple(_reflectors(client, children, workloads, settings.resync_seconds))
        resync = Resync(
            sources(world),
            workers.wake,
            settings.resync_seconds,
            hooks={"free_caches": lambda: free_caches(world)},
        )
        registry.register(
            StateCollector(
                tally,
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
            yield Operator(world, workers, reflectors, resync, Liveness(workers.dead), registry)
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


def _now() -> datetime:
    return datetime.now(UTC)
