"""How one replica follows another: how long that takes, and what may take longer than a lease."""

from __future__ import annotations

from glovebox.kube.kinds import CUSTOM_KINDS
from simulation.api_server import Asked
from simulation.api_transport import NOTHING, Fault, NoFaults
from simulation.process import Process
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


def leads(process: Process) -> bool:
    operator = process.operator
    return operator is not None and operator.elector is not None and operator.elector.leads


def test_with_the_shortest_lease_a_killed_replica_is_followed_in_less_than_five_seconds() -> None:
    async def scene(stage: Stage) -> None:
        await stage.process.kill()
        stage.world.lease_seconds = 3
        first, second = (stage.world.process(name, elects=True) for name in ("first", "second"))
        first.start()
        await stage.until("the first one leads", lambda: leads(first))
        second.start()
        await stage.sleep(60)
        assert not leads(second)
        await first.kill()
        await stage.until("the second one leads", lambda: leads(second), 5)
        stage.declare(run=False)
        await stage.provisioned()

    play(scene, elects=True)
