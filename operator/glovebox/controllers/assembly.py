"""One operator put together on an open client: stores of objects, queues, tasks, resync."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final
from uuid import uuid4

from prometheus_client import CollectorRegistry

from glovebox import names
from glovebox.apply.children import Children
from glovebox.apply.events import EventRecorder
from glovebox.apply.writer import Writer
from glovebox.controllers.concerned import concerned_by, used_otherwise
from glovebox.controllers.enqueueing import Enqueueing
from glovebox.controllers.experiment.caches import free_caches
from glovebox.controllers.key_traits import CLUSTER, DATA, SEAL, KeyTraits
from glovebox.controllers.last_listings import sweep_last_listings
from glovebox.controllers.lineage_outbox import Outbox
from glovebox.controllers.manifest_holds import sweep_holds
from glovebox.controllers.message_pace import MessagePace
from glovebox.controllers.operator import Operator
from glovebox.controllers.orphans import sweep_orphans
from glovebox.controllers.ports import Failures, Ports, random_names_key
from glovebox.controllers.reconcile import reconcile_key
from glovebox.controllers.reflectors import reflectors_of
from glovebox.controllers.resync_sources import sources
from glovebox.controllers.task_sweep import TaskJobSweep
from glovebox.engine.debounce import Debounced
from glovebox.engine.key_queue import Priority
from glovebox.engine.liveness import Liveness
from glovebox.engine.result import Result
from glovebox.engine.resync import Resync
from glovebox.engine.tasks import TaskRunner
from glovebox.engine.workers import WorkClass, Workers
from glovebox.evidence.signer import KeyPair, new_key_pair
from glovebox.kube.canary import Canary
from glovebox.kube.client import Client
from glovebox.kube.lease import Elector, Timing
from glovebox.kube.resources import Key, Resources, Stored
from glovebox.kube.store import Change
from glovebox.kube.workloads import Workloads
from glovebox.lineage.sending import HttpSender, Sender
from glovebox.metrics.engine import EngineMetrics
from glovebox.metrics.lineage import LineageCollector, LineageMetrics
from glovebox.metrics.state import StateCollector
from glovebox.metrics.tally import StateTally
from glovebox.settings import Settings
from glovebox.store.connection import Stores

# Tasks on data that run at once; each reads with many threads.
_SEALS_AT_ONCE: Final = 4


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
    new_keys: Callable[[], KeyPair] = new_key_pair,
    new_names_key: Callable[[], bytes] = random_names_key,
    sender: Sender | None = None,
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
        new_keys: Makes a key for seals.
        new_names_key: Makes a key for names of features.
        sender: Posts events of lineage; over HTTP when absent.
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
        used = dict.fromkeys((*ports.registry.changed(change), *used_otherwise(change, resources)))
        enqueueing(change, concerned_by(change, ports))
        for each in used:
            workers.wake(each, Priority.RESYNC)

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

    def enqueue_repair(owner: str) -> None:
        workers.wake(Key.parse(owner), Priority.REPAIR)

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
        limits={DATA: 2 * settings.data_workers, SEAL: _SEALS_AT_ONCE},
        now=now,
        jitter=jitter,
    )
    ports = Ports(
        settings=settings,
        reader=client,
        writer=writer,
        resources=resources,
        children=children,
        workloads=workloads,
        stores=stores,
        metrics=metrics,
        lineage=LineageMetrics(registry, [each.name for each in settings.lineage.destinations]),
        events=EventRecorder(
            writer.post_event, now, socket.gethostname(), dropped=metrics.event_dropped
        ),
        now=now,
        clock=clock,
        jitter=jitter,
        wake=workers.wake,
        tasks=tasks,
        failures=Failures(clock),
        messages=MessagePace(clock),
        new_keys=new_keys,
        new_names_key=new_names_key,
    )
    canary = Canary(clock) if settings.leader_election else None
    reflectors = tuple(
        reflectors_of(
            client,
            children,
            workloads,
            settings.relist_seconds,
            lambda kind: metrics.reflector_failures.labels(kind.kind).inc(),
            (canary, settings.namespace) if canary is not None else None,
            now=lambda: now().timestamp(),
        )
    )
    ports.is_worked_on = lambda key: key in dict(workers.queue_of(key).running())
    suspicion = Debounced(lambda: sweep_orphans(ports), "looking for orphans")
    ports.suspect_orphans = suspicion
    outbox = Outbox(ports, sender or HttpSender())
    ports.lineage_noted = outbox.noted
    elector = _elector(settings, client, metrics, now, jitter, canary) if canary else None
    task_sweep = TaskJobSweep()
    resync = Resync(
        sources(ports),
        workers.wake,
        settings.resync_seconds,
        hooks={
            "free_caches": lambda: _while_leading(free_caches, ports, elector),
            "last_listings": lambda: _while_leading(sweep_last_listings, ports, elector),
            "lineage": lambda: _while_leading(lambda _: outbox.read(), ports, elector),
            "holds": lambda: _while_leading(sweep_holds, ports, elector),
            "orphans": lambda: _while_leading(_suspect_orphans, ports, elector),
            "task_jobs": lambda: _while_leading(task_sweep, ports, elector),
        },
        jitter=jitter,
        now=lambda: now().timestamp(),
    )
    registry.register(
        StateCollector(
            tally,
            queues=lambda: queues_of(workers, elector),
            reflectors=lambda: {
                reflector.kind.kind: reflector.last_contact_time for reflector in reflectors
            },
            sweeps=lambda: resync.last_success_times,
            canary=canary.delay_seconds if canary is not None else None,
            drifting=lambda: (kind for kinds in ports.drifting.values() for kind in kinds),
            tells_lineage=settings.lineage.enabled,
            most_experiments=settings.experiment_series,
            late_listings=lambda: len(ports.late_listings),
        )
    )
    registry.register(LineageCollector(outbox.waiting))
    try:
        yield Operator(
            ports,
            workers,
            reflectors,
            resync,
            tasks,
            outbox,
            Liveness(workers.dead),
            registry,
            client.served,
            elector,
            canary,
        )
    finally:
        await suspicion.close()
        await tasks.close()
        await ports.events.flush()


def _elector(
    settings: Settings,
    client: Client,
    metrics: EngineMetrics,
    now: Callable[[], datetime],
    jitter: Callable[[], float],
    canary: Canary,
) -> Elector:
    elector = Elector(
        client,
        settings.namespace,
        names.LEADER_LEASE,
        settings.identity or f"{socket.gethostname()}_{uuid4().hex[:10]}",
        timing=Timing.of(settings.lease_seconds),
        confirmed=canary.confirmed,
        changed=lambda leads: metrics.leader.set(float(leads)),
        now=now,
        jitter=jitter,
    )
    client.fence = elector.remaining_seconds
    return elector


def queues_of(workers: Workers[Key], elector: Elector | None) -> dict[str, tuple[int, float]]:
    """Return of each queue how many keys are ready, and for how long the oldest has waited.

    A follower collects keys that it does not work on: they wait for nobody, however long they do.
    """
    leads = elector is None or elector.leads
    return {
        name: (len(queue), queue.oldest_seconds()) if leads else (0, 0.0)
        for name, queue in workers.queues.items()
    }


async def _while_leading(
    work: Callable[[Ports], Awaitable[None]], ports: Ports, elector: Elector | None
) -> None:
    # A follower compares its lists as well, and leaves the rest to the leader.
    if elector is None or elector.leads:
        await work(ports)


async def _suspect_orphans(ports: Ports) -> None:
    ports.suspect_orphans()
