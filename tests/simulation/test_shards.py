"""Every child of a team has its shard: how the operator's work could be divided later."""

from __future__ import annotations

from typing import Literal

import pytest

from glovebox import names
from glovebox.kube.kinds import DATASET_PIN, EVENT, EXPERIMENT, LEASE
from simulation.api_server import Asked
from simulation.loop import virtual_loop
from simulation.world import TEAM, World, experiment_spec, is_true, pin_spec


@pytest.mark.parametrize("tasks", ["InProcess", "Jobs"])
def test_whatever_the_operator_creates_for_a_team_has_the_shard_of_that_team(
    tasks: Literal["InProcess", "Jobs"],
) -> None:
    """A run, its Secrets, its isolation check and its seal; and tasks as Jobs beside."""
    made: dict[str, set[str | None]] = {}

    def note(asked: Asked) -> None:
        if asked.verb != "create" or asked.new is None or asked.kind in {EVENT, LEASE}:
            return
        labels = asked.new["metadata"].get("labels") or {}
        if labels.get(names.LABEL_MANAGED_BY) == names.MANAGED_BY:
            made.setdefault(asked.kind.kind, set()).add(labels.get(names.LABEL_SHARD))

    with virtual_loop(1) as (loop, clock):
        world = World(1, loop, clock, slowest=0.2)
        world.tasks = tasks
        world.server.admission.append(note)

        async def run() -> None:
            world.prepare()
            process = world.process()
            process.start()
            world.declare(DATASET_PIN, "set", pin_spec())
            world.declare(EXPERIMENT, "x", experiment_spec(pin="set"))
            await world.until("it is sealed", lambda: is_true(world.experiment(), "Sealed"), 3600.0)
            world.actors.stop()
            await process.kill()

        loop.run_until_complete(run())

    assert {"Namespace", "NetworkPolicy", "RoleBinding", "Secret", "ConfigMap", "Job"} <= set(made)
    assert made == {kind: {names.shard_of(TEAM)} for kind in made}
