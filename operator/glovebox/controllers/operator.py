"""One operator process as it runs: it watches, follows, and works while it leads."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client import CollectorRegistry

from glovebox import names
from glovebox.controllers.damaged import damaged
from glovebox.controllers.empty_namespaces import confirm_empty_namespaces, note_empty_namespaces
from glovebox.controllers.lineage_outbox import Outbox
from glovebox.controllers.ports import Ports
from glovebox.engine.key_queue import Priority
from glovebox.engine.liveness import Liveness
from glovebox.engine.resync import Resync
from glovebox.engine.tasks import TaskRunner
from glovebox.engine.workers import Workers
from glovebox.kube.canary import Canary
from glovebox.kube.kinds import CUSTOM_KINDS
from glovebox.kube.lease import Elector
from glovebox.kube.reflector import Reflector
from glovebox.kube.resources import Key

# A kind that could not be watched for so long is no hiccup: the replica is not ready.
OUT_OF_REACH_SECONDS: Final = 60.0


@dataclass(slots=True)
class Operator:
    """The parts that run, and the facts that probes ask for.

    `served` returns what the API server offers of a group and version.

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
    served: Callable[[str], Awaitable[Collection[str]]]
    elector: Elector | None = None
    canary: Canary | None = None

    async def missing_kinds(self) -> tuple[str, ...]:
        """Return which of our own kinds the API server does not offer, by their plural names.

        Raises:
            GloveboxError: It does not say.
        """
        offered = await self.served(names.API_VERSION)
        return tuple(kind.plural for kind in CUSTOM_KINDS if kind.plural not in offered)

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
        try:
            async with asyncio.TaskGroup() as group:
                # From the first moment on: what comes before the work may take longer than a lease.
                group.create_task(elector.hold())
                group.create_task(self._take_over())
        finally:
            # Only when all work has ended: the next replica begins as soon as it is given back.
            await self.ports.events.flush()
            await elector.release()

    async def _take_over(self) -> None:
        # What the former leader wrote last may not have come here yet: the truth, before any work.
        await self.resync.prime()
        await self._work()

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
        """Return why the operator is not ready, or None; a warm follower that hears is ready."""
        missing = [
            reflector.kind.kind for reflector in self.reflectors if not reflector.last_list_time
        ]
        if not self.resync.primed:
            # They are listed in this order: it waits for one whose CRD is missing, say.
            times = self.resync.last_success_times
            missing += [next((f"our own kinds ({name})" for name in times if not times[name]), "")]
        if missing:
            return f"not listed yet: {', '.join(missing)}"
        lost = [
            f"{reflector.kind.kind} ({reflector.failure})"
            for reflector in self.reflectors
            if reflector.out_of_reach_seconds() > OUT_OF_REACH_SECONDS
        ]
        if lost:
            return f"cannot be watched: {', '.join(lost)}"
        return (self.canary.problem() or None) if self.canary is not None else None

    def unhealthy_reason(self) -> str | None:
        """Return why the process should be restarted, or None."""
        return self.liveness.problem() or None
