"""A process that hears nothing is not ready within two minutes, and a series says so."""

from __future__ import annotations

import asyncio
import math

import pytest

from glovebox.kube.canary import DEAF_SECONDS
from glovebox.kube.kinds import LEASE
from simulation.api_server import Asked
from simulation.api_transport import NoFaults, StreamFault
from simulation.process import Process
from simulation.stage import Stage, play

SERIES = "glovebox_watch_canary_delay_seconds"
FOUND_SECONDS = 120.0


class Silencer(NoFaults):
    """A proxy that accepts every watch, and from some moment on lets nothing through.

    Args:
        begins: The moment, in virtual seconds.
    """

    def __init__(self, begins: float) -> None:
        self.begins = begins

    def stream(self, asked: Asked) -> StreamFault:
        """Let it be heard until then."""
        del asked
        now = asyncio.get_running_loop().time()
        return StreamFault("silent", seconds=max(0.0, self.begins - now))


def deaf(process: Process) -> str:
    assert process.operator is not None
    return process.operator.not_ready_reason() or ""


@pytest.mark.parametrize("after", [0.0, 200.0], ids=["from the start", "later"])
@pytest.mark.parametrize("sweeps", [True, False], ids=["with sweeps", "on its own"])
def test_an_operator_whose_watches_are_silenced_is_not_ready_until_they_are_heard(
    after: float,
    sweeps: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    proxy = Silencer(1000 + after)

    async def scene(stage: Stage) -> None:
        time = stage.world.loop.time
        await stage.sleep(5)
        await stage.until("it is warm, or deaf", lambda: "not listed" not in deaf(stage.process))
        if after:
            await stage.sleep(after - 10)
            assert not deaf(stage.process)
        await stage.until("it says so", lambda: deaf(stage.process).startswith("deaf: "))
        assert time() - proxy.begins <= FOUND_SECONDS
        assert stage.metric(SERIES) > DEAF_SECONDS
        assert stage.metric("glovebox_leader") == 1, "it leads, and is alive"
        proxy.begins = math.inf
        await stage.until("it hears again", lambda: not deaf(stage.process))
        assert stage.metric(SERIES) <= DEAF_SECONDS

    play(scene, faults=proxy, elects=True, sweeps=sweeps)


def test_a_quiet_cluster_is_heard_and_costs_no_write_but_the_renewal() -> None:
    async def scene(stage: Stage) -> None:
        await stage.sleep(60)
        written: list[str] = []
        stage.world.server.on_change.append(lambda change: written.append(change.served.kind.kind))
        for _ in range(60):
            await stage.sleep(10)
            assert not deaf(stage.process)
            assert stage.metric(SERIES) < 2
        assert set(written) == {LEASE.kind}

    play(scene, elects=True)


def test_a_follower_hears_by_the_renewals_of_another() -> None:
    async def scene(stage: Stage) -> None:
        await stage.sleep(5)
        second = stage.world.process("operator-1", elects=True)
        second.start()
        await stage.sleep(300)
        assert second.operator is not None
        assert not deaf(second)
        assert second.operator.canary is not None
        assert second.operator.canary.delay_seconds() < 5

    play(scene, elects=True)


def test_a_follower_that_hears_nothing_is_not_ready_either() -> None:
    proxy = Silencer(1100.0)

    async def scene(stage: Stage) -> None:
        await stage.sleep(5)
        second = stage.world.process("operator-1", elects=True)
        second.start()
        await stage.sleep(60)
        assert second.operator is not None
        assert not deaf(second)
        await stage.until("the follower says so", lambda: deaf(second).startswith("deaf: "))
        assert stage.world.loop.time() - proxy.begins <= FOUND_SECONDS
        assert stage.metric("glovebox_leader") == 1, "the other one leads"

    play(scene, faults=proxy, elects=True)
