"""One operator process put together: connections, stores of objects, reflectors, queues, tasks."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Callable, Hashable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from glovebox import names
from glovebox.apply.children import Children
from glovebox.apply.events import EventRecorder
from glovebox.apply.writer import Writer
from glovebox.controllers.enqueueing import Enqueueing
from glovebox.controllers.experiment.caches import free_caches
from glovebox.controllers.key_traits import CLUSTER, DATA, SEAL, KeyTraits
from glovebox.controllers.ports import Failures, Ports
from glovebox.controllers.reconcile import reconcile_key
from glovebox.controllers.resync_sources import sources
from glovebox.engine.key_queue import Priority
from glovebox.engine.liveness import Liveness
from glovebox.engine.result import Result
from glovebox.engine.resync import Resync
from glovebox.engine.tasks import TaskRunner
from glovebox.engine.workers import WorkClass, Workers
from glovebox.kube.client import Client, Login
from glovebox.kube.kinds import ADDITIVE_KINDS, CHILD_KINDS, SECRET, Kind
from glovebox.kube.reflector import Reflector
from glovebox.kube.resources import Key, Resources, Stored
from glovebox.kube.store import Change
from glovebox.kube.workloads import WORKLOAD_KINDS, Workloads
from glovebox.metrics.engine import EngineMetrics
from glovebox.metrics.state import StateCollector
from glovebox.metrics.tally import StateTally
from glovebox.settings import Settings
from glovebox.store.connection import Stores

# Tasks on data that run at once; each reads with many threads.
_SEALS_AT_ONCE: Final = 4


@dataclass(slots=True)
class Operator:
    """The parts that run, and the facts that probes ask for."""

    ports: Ports
    workers: Workers[Key]
    reflectors: tuple[Reflector, ...]
    resync: Resync[Key]
    tasks: TaskRunner
    liveness: Liveness
    registry: CollectorRegistry

    def on_event(self, event_type: str | None, obj: Mapping[str, Any]) -> None:
        """Take in an event about one of our own resources, as kopf tells it."""
        if event_type == "DELETED":
            self.ports.resources.deleted(obj)
        else:
            self.ports.resources.seen(obj)

    async def run(self) -> None:
        """Reflect, work and resync until cancelled."""
        async with asyncio.TaskGroup() as group:
            for reflector in self.reflectors:
                group.create_task(reflector.run())
            group.create_task(self.liveness.run())
            group.create_task(self._work())

    async def _work(self) -> None:
        await self.resync.prime()
        # Absence means nothing before the stores of objects know everything.
        await self.ports.children.wait_until_primed()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.workers.run())
            group.create_task(self.tasks.run())
            group.create_task(self.resync.run())

    def not_ready_reason(self) -> str | None:
        """Return why the operator is not ready, or None."""
        missing = [
            reflector.kind.kind for reflector in self.reflectors if not reflector.last_list_time
        ]
        missing += [] if self.resync.primed else ["our own kinds"]
        return f"not listed yet: {', '.join(missing)}" if missing else None

    def unhealthy_reason(self) -> str | None:
        """Return why the process should be restarted, or None."""
        return self.liveness.problem() or None


@asynccontextmanager
async def operator(
    settings: Settings,
    client: Client,
    metrics: EngineMetrics,
    registry: CollectorRegistry,
    *,
    stores: Stores,
    now: Callable[[], datetime],
    jitter: Callable[[], float] = random.random,
) -> AsyncIterator[Operator]:
    """Put an operator together on an open client; what runs is ended with the block.

    Args:
        settings: As read from the environment.
        client: The connection to the API server, open.
        metrics: What is counted while it happens.
        registry: Where state is collected.
        stores: The connections to object stores; closed by whoever made them.
        now: Wall clock, UTC.
        jitter: Returns a number from 0 to 1.
    """
    clock = asyncio.get_running_loop().time
    tally: StateTally[Key] = StateTally()

    async def reconcile(key: Key) -> Result:
        return await reconcile_key(ports, key)

    def resource_changed(change: Change[Key, Stored]) -> None:
        if change.after is not None:
            tally.upsert(change.key, change.after.obj)
        else:
            tally.delete(change.key)
        enqueueing(change, resources.users_of(change.key))

    resources = Resources(resource_changed)
    workers: Workers[Key] = Workers(
        reconcile,
        {
            CLUSTER: WorkClass(settings.workers + 1, reserved=1),
            DATA: WorkClass(settings.data_workers),
        },
        KeyTraits(resources),
        metrics,
        jitter=jitter,
    )
    enqueueing = Enqueueing(workers.wake, jitter)
    woken: dict[Key, float] = {}

    def enqueue_repair(owner: str) -> None:
        key = Key.parse(owner)
        woken.setdefault(key, clock())
        workers.wake(key, Priority.REPAIR)

    children = Children(enqueue_repair, clock)

    def enqueue_owner_of(namespace: str) -> None:
        owner = children.owner(namespace)
        if owner is not None:
            workers.wake(Key.parse(owner))

    def enqueue_owner(owner: Hashable) -> None:
        if isinstance(owner, Key):
            workers.wake(owner)

    workloads = Workloads(enqueue_owner_of)
    writer = Writer(client, children, resources, clock)
    tasks = TaskRunner(
        enqueue_owner,
        limits={DATA: settings.data_workers, SEAL: _SEALS_AT_ONCE},
        now=now,
        jitter=jitter,
    )
    ports = Ports(
        settings=settings,
        reader=client,
        writer=writer,
        resources=resources,
        children=children,
        stores=stores,
        metrics=metrics,
        events=EventRecorder(
            writer.post_event, now, socket.gethostname(), dropped=metrics.event_dropped
        ),
        now=now,
        clock=clock,
        jitter=jitter,
        wake=workers.wake,
        tasks=tasks,
        failures=Failures(clock),
        woken=woken,
    )
    reflectors = tuple(
        _reflectors(
            client,
            children,
            workloads,
            settings.relist_seconds,
            lambda kind: metrics.reflector_failures.labels(kind.kind).inc(),
        )
    )
    resync = Resync(
        sources(ports),
        workers.wake,
        settings.resync_seconds,
        hooks={"free_caches": lambda: free_caches(ports)},
        jitter=jitter,
    )
    registry.register(
        StateCollector(
            tally,
            queues=lambda: {
                name: (len(queue), queue.oldest_seconds()) for name, queue in workers.queues.items()
            },
            reflectors=lambda: {
                reflector.kind.kind: reflector.last_contact_time for reflector in reflectors
            },
            sweeps=lambda: resync.last_success_times,
            drifting=lambda: (kind for kinds in ports.drifting.values() for kind in kinds),
        )
    )
    try:
        yield Operator(ports, workers, reflectors, resync, tasks, Liveness(workers.dead), registry)
    finally:
        await tasks.close()
        await ports.events.flush()


@asynccontextmanager
async def open_operator(settings: Settings, login: Login) -> AsyncIterator[Operator]:
    """Open everything that an operator process needs, and close it again.

    Args:
        settings: As read from the environment.
        login: Gives credentials for the API server.
    """
    registry, metrics = process_registry()
    stores = Stores(threads=settings.store_threads)
    async with Client(login, metrics.observe_api) as client:
        try:
            async with operator(
                settings, client, metrics, registry, stores=stores, now=utc_now
            ) as parts:
                yield parts
        finally:
            await stores.close()


def process_registry() -> tuple[CollectorRegistry, EngineMetrics]:
    """Return the registry of a process of its own, with what is counted while it happens."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry, EngineMetrics(registry)


def utc_now() -> datetime:
    """Return the present time."""
    return datetime.now(UTC)


def _reflectors(
    client: Client,
    children: Children,
    workloads: Workloads,
    relist_seconds: float,
    failed: Callable[[Kind], None],
) -> list[Reflector]:
    managed = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY}"
    reflectors = []
    for kind in CHILD_KINDS:
        # The one name that the operator may read, in whatever namespace.
        field = f"metadata.name={names.CREDENTIALS_SECRET}" if kind == SECRET else ""
        # Foreign ones add rights and routes, so these are watched whole.
        label = "" if kind == SECRET or kind in ADDITIVE_KINDS else managed
        reflectors.append(
            Reflector(
                client,
                children.table(kind),
                relist_seconds=relist_seconds,
                failed=failed,
                label_selector=label,
                field_selector=field,
            )
        )
    reflectors += [
        Reflector(
            client,
            workloads.table(kind),
            relist_seconds=relist_seconds,
            failed=failed,
            label_selector=managed,
        )
        for kind in WORKLOAD_KINDS
    ]
    return reflectors
