"""What a replica does before it begins to work may take longer than a lease lasts."""

from __future__ import annotations

from glovebox.kube.kinds import CUSTOM_KINDS
from simulation.api_server import Asked
from simulation.api_transport import NOTHING, Fault, NoFaults
from simulation.stage import Stage, play


class SlowLists(NoFaults):
    """An API server that takes seconds for each list of our own kinds."""

    def request(self, asked: Asked) -> Fault:
        """Return what becomes of a request."""
        slow = asked.verb == "list" and asked.kind in CUSTOM_KINDS
        return Fault("slow", seconds=4.0) if slow else NOTHING


def test_a_replica_that_lists_for_longer_than_a_lease_lasts_leads_all_the_same() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.process("operator-1", elects=True).start()
        stage.declare(run=False)
        await stage.until("it is provisioned", lambda: stage.status().get("provisioned"), 300)
        assert not stage.world.story.faults["lease lost"]
        assert [each.starts for each in stage.world.processes] == [1, 1]

    play(scene, faults=SlowLists(), elects=True)
