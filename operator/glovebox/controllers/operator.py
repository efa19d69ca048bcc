"""One operator process put together: connections, stores of objects, reflectors, queues, tasks."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Hashable,
    Iterable,
    Mapping,
)
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import structlog
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from glovebox import names
from glovebox.apply.children import Children
from glovebox.apply.events import EventRecorder
from glovebox.apply.writer import Writer
from glovebox.controllers.damaged import damaged
from glovebox.controllers.empty_namespaces import confirm_empty_namespaces, note_empty_namespaces
from glovebox.controllers.enqueueing import Enqueueing
from glovebox.controllers.experiment.caches import free_caches
from glovebox.controllers.in_use import tells_its_users
from glovebox.controllers.key_traits import CLUSTER, DATA, SEAL, KeyTraits
from glovebox.controllers.last_listings import sweep_last_listings
from glovebox.controllers.lineage_outbox import Outbox
from glovebox.controllers.manifest_holds import sweep_holds
from glovebox.controllers.message_pace import MessagePace
from glovebox.controllers.orphans import sweep_orphans
from glovebox.controllers.ports import Failures, Ports
from glovebox.controllers.reconcile import reconcile_key
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
from glovebox.kube.client import Client, Login
from glovebox.kube.kinds import ACCESS_GRANT, ADDITIVE_KINDS, CHILD_KINDS, SECRET, Kind
from glovebox.kube.lease import Elector
from glovebox.kube.reflector import Reflector
from glovebox.kube.resources import Key, Resources, Stored, references
from glovebox.kube.store import Change
from glovebox.kube.workloads import WORKLOAD_KINDS, Workloads
from glovebox.lineage.sending import HttpSender, Sender
from glovebox.metrics.engine import EngineMetrics
from glovebox.metrics.lineage import LineageCollector, LineageMetrics
from glovebox.metrics.state import StateCollector
from glovebox.metrics.tally import StateTally
from glovebox.settings import Settings
from glovebox.store.connection import Stores

# Tasks on data that run at once; each reads with many threads.
_SEALS_AT_ONCE: Final = 4
log = structlog.get_logger(__name__)
# A kind that could not be watched for so long is no hiccup: the replica is not ready.
OUT_OF_REACH_SECONDS: Final = 60.0


@dataclass(slots=True)
class Operator:
    """The parts that run, and the facts that probes ask for.

    Without an elector this process is the only one and always works.
    """

    ports: Ports
    workers: Workers[Key]
    reflectors: tuple[Reflector, ...]
    resync: Resync[Key]
    tasks: TaskRunner
    outbox: Outbox
    liveness: Liveness
    registry: CollectorRegistry
    elector: Elector | None = None

    def on_event(self, event_type: str | None, obj: Mapping[str, Any]) -> None:
        """Take in an event about one of our own resources, as kopf tells it."""
        if event_type == "DELETED":
            self.ports.resources.deleted(obj)
        else:
            self.ports.resources.seen(obj)

    async def run(self) -> None:
        """Watch until cancelled, and work while this replica leads.

        Raises:
            LeaseLostError: In a group: another replica may lead, so this process must end.
        """
        async with asyncio.TaskGroup() as group:
            for reflector in self.reflectors:
                group.create_task(reflector.run())
            group.create_task(self.liveness.run())
            group.create_task(self._follow())

    async def _follow(self) -> None:
        await self.resync.prime()
        # Absence means nothing before the stores of objects know everything.
        await self.ports.children.wait_until_primed()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.resync.run())
            group.create_task(self._lead())

    async def _lead(self) -> None:
        elector = self.elector
        if elector is None:
            self.ports.metrics.leader.set(1)
            await self._work()
            return
        await elector.acquire()
        # What the former leader wrote last may not have come here yet: the truth, before any work.
        await self.resync.prime()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(elector.hold())
                group.create_task(self._work())
        finally:
            # Only when all work has ended: the next replica begins as soon as it is given back.
            await self.ports.events.flush()
            await elector.release()

    async def _work(self) -> None:
        # While nobody led, an Experiment may have gone without passing by its deletion.
        self.ports.suspect_orphans()
        # And isolation may have been taken away: whose was, is restored before all others.
        for key in damaged(self.ports.resources, self.ports.children):
            self.workers.wake(key, Priority.REPAIR)
        empty = await note_empty_namespaces(self.ports)
        async with asyncio.TaskGroup() as group:
            group.create_task(self.workers.run())
            group.create_task(self.tasks.run())
            group.create_task(self.outbox.run())
            group.create_task(confirm_empty_namespaces(self.ports, empty))

    def not_ready_reason(self) -> str | None:
        """Return why the operator is not ready, or None; a warm follower is ready."""
        missing = [
            reflector.kind.kind for reflector in self.reflectors if not reflector.last_list_time
        ]
        missing += [] if self.resync.primed else ["our own kinds"]
        if missing:
            return f"not listed yet: {', '.join(missing)}"
        lost = [
            f"{reflector.kind.kind} ({reflector.failure})"
            for reflector in self.reflectors
            if reflector.out_of_reach_seconds() > OUT_OF_REACH_SECONDS
        ]
        return f"cannot be watched: {', '.join(lost)}" if lost else None

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
    new_keys: Callable[[], KeyPair] = new_key_pair,
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
    ports.is_worked_on = lambda key: key in dict(workers.queue_of(key).running())
    suspicion = Debounced(lambda: sweep_orphans(ports), "looking for orphans")
    ports.suspect_orphans = suspicion
    outbox = Outbox(ports, sender or HttpSender())
    ports.lineage_noted = outbox.noted
    elector = _elector(settings, client, metrics, now, jitter)
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
    )
    registry.register(
        StateCollector(
            tally,
            queues=lambda: queues_of(workers, elector),
            reflectors=lambda: {
                reflector.kind.kind: reflector.last_contact_time for reflector in reflectors
            },
            sweeps=lambda: resync.last_success_times,
            drifting=lambda: (kind for kinds in ports.drifting.values() for kind in kinds),
            tells_lineage=settings.lineage.enabled,
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
            elector,
        )
    finally:
        await suspicion.close()
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


def _elector(
    settings: Settings,
    client: Client,
    metrics: EngineMetrics,
    now: Callable[[], datetime],
    jitter: Callable[[], float],
) -> Elector | None:
    if not settings.leader_election:
        return None
    elector = Elector(
        client,
        settings.namespace,
        names.LEADER_LEASE,
        settings.identity or f"{socket.gethostname()}_{uuid4().hex[:10]}",
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


def references_of(change: Change[Key, Stored]) -> Iterable[Key]:
    """Return what gained or lost a user by a change."""
    before, after = (
        tuple(references(change.key, state.obj.get("spec") or {}, holding=True)) if state else ()
        for state in (change.before, change.after)
    )
    lost = (key for key in before if key not in after)
    gained = (key for key in after if key not in before)
    return dict.fromkeys((*lost, *gained))


def concerned_by(change: Change[Key, Stored], ports: Ports) -> Collection[Key]:
    """Return whom a change may concern: who refers to it; of a grant, whom it lets in."""
    if change.key.kind == ACCESS_GRANT.kind:
        return tuple(ports.registry.concerned_by(change))
    return ports.resources.referring_to(change.key)


def used_otherwise(change: Change[Key, Stored], resources: Resources) -> Iterable[Key]:
    """Return what has to look who uses it, which it shows and which keeps it from going."""
    for used in references_of(change):
        shown = resources.get(used)
        if shown is None or not tells_its_users(shown, len(resources.users_of(used))):
            yield used


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
