"""A stage: a world with a platform and one operator, on which a test says what happens and when.

Schedules (`schedules.py`) draw what goes wrong; here a test plays one failure, waits on conditions
of the world, and looks at what came of it. The promises of `invariants.py` are checked all along.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from glovebox.kube.kinds import EXPERIMENT, Kind
from glovebox.settings import Lineage
from simulation import bugs_told
from simulation.api_transport import Faults
from simulation.invariants import Promises
from simulation.loop import virtual_loop
from simulation.process import Process
from simulation.world import TEAM, World, condition, experiment_spec

Json = dict[str, Any]
# Longer than any play: what is to happen by a timer must not be done by a sweep.
NEVER: Final = 1_000_000.0


@dataclass(slots=True)
class Stage:
    """What a play uses.

    Attributes:
        world: Where it takes place.
        promises: What is promised all along.
    """

    world: World
    promises: Promises

    @property
    def now(self) -> float:
        """Virtual seconds."""
        return self.world.loop.time()

    @property
    def process(self) -> Process:
        """The operator that was started first."""
        return self.world.processes[0]

    async def sleep(self, seconds: float) -> None:
        """Let time go by."""
        await asyncio.sleep(seconds)

    async def until(self, what: str, holds: Callable[[], object], seconds: float = 600.0) -> None:
        """Wait until something holds.

        Raises:
            AssertionError: It does not within that many virtual seconds.
        """
        await self.world.until(what, lambda: bool(holds()), seconds)

    def declare(self, name: str = "x", **changes: Any) -> Json:
        """Declare an Experiment."""
        return self.world.declare(EXPERIMENT, name, experiment_spec(**changes))

    def status(self, name: str = "x") -> Json:
        """Return an Experiment's status; empty when it is gone."""
        return (self.world.experiment(name) or {}).get("status") or {}

    def condition(self, name: str, of: str = "x", kind: Kind = EXPERIMENT) -> Json:
        """Return a condition of a resource."""
        namespace = TEAM if kind.namespaced else None
        return condition(self.world.server.peek(kind, namespace, of), name)

    async def provisioned(self, name: str = "x") -> str:
        """Wait until an Experiment is provisioned, and return its namespace."""
        await self.until(f"{name} is provisioned", lambda: self.status(name).get("provisioned"))
        return str(self.status(name)["namespace"])

    def there(self, kind: Kind, namespace: str, name: str) -> bool:
        """Whether an object is there."""
        return self.world.server.peek(kind, namespace or None, name) is not None

    def metric(self, name: str, **labels: str) -> float:
        """Return a sample of the operator's own page."""
        running = self.process.operator
        assert running is not None, "the operator runs"
        return running.registry.get_sample_value(name, labels) or 0.0


def play(
    body: Callable[[Stage], Awaitable[None]],
    *,
    profile: Json | None = None,
    faults: Faults | None = None,
    sweeps: bool = True,
    elects: bool = False,
    drift: str = "Repair",
    lineage: Lineage | None = None,
    has_bug: bool = False,
) -> Stage:
    """Play one scene from beginning to end.

    Args:
        body: What happens, once the platform is declared and the operator has started.
        profile: Fields of the IsolationProfile.
        faults: Of the operator's requests.
        sweeps: Whether everything is listed again now and then; without, what a timer or an event
            should have done is done by nobody else.
        elects: Whether the operator is one of several, of which one leads.
        drift: The drift policy that the profile has for what is changed.
        lineage: Whether operators write and deliver lineage.
        has_bug: Whether the operator is to come upon a bug of its own.

    Raises:
        AssertionError: The body failed, or a promise was broken; with the story.
    """
    bugs_told.told.clear()
    gc.disable()  # as in `schedules.run`
    try:
        with virtual_loop(1) as (loop, clock):
            world = World(1, loop, clock, faults=faults, slowest=0.2)
            world.lineage = lineage or Lineage()
            if not sweeps:
                world.relist_seconds = world.resync_seconds = NEVER
            stage = Stage(world, Promises(world, gaps=False, only_transient=False, drift=drift))

            async def run() -> None:
                world.prepare(profile=profile)
                world.process("operator-0" if elects else "operator", elects=elects).start()
                await body(stage)
                world.actors.stop()
                for process in world.processes:
                    await process.kill()

            try:
                loop.run_until_complete(run())
                assert not stage.promises.broken, stage.promises.broken
                died = [each.died_of for each in world.processes if each.died_of is not None]
                assert not died, died
                assert has_bug or not bugs_told.told, bugs_told.told[0]
            except AssertionError as error:
                error.add_note(world.story.told(last=80))
                raise
            return stage
    finally:
        gc.enable()
