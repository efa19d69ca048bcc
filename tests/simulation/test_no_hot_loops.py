"""What cannot be done yet is looked at now and then, and not as fast as a request is answered.

The cluster's events wake an Experiment, and what the operator does is among them: so the figures
are of all requests, however a look came about.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from glovebox import names
from glovebox.kube.kinds import EXPERIMENT, JOB
from simulation.api_server import Asked
from simulation.api_transport import Fault
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE, running
from simulation.test_seal_order import Refusing
from simulation.world import TEAM

HELD = {"metadata": {"finalizers": ["example.com/held"]}}


class Counting(Refusing):
    """Counts requests, and refuses what a policy is against."""

    def __init__(self, refuses: Callable[[Asked], bool] = lambda _: False, code: int = 422) -> None:
        super().__init__(refuses, code)
        self.at: list[float] = []

    def request(self, asked: Asked) -> Fault:
        """Note when it came."""
        self.at.append(asyncio.get_running_loop().time())
        return super().request(asked)

    def most_within(self, seconds: float, since: float) -> int:
        """Return the largest number of requests in any stretch of so many seconds."""
        times = [at for at in self.at if at >= since]
        first = most = 0
        for last, at in enumerate(times):
            while times[first] <= at - seconds:
                first += 1
            most = max(most, last - first + 1)
        return most


def deletes_a_job(asked: Asked) -> bool:
    return asked.kind == JOB and asked.verb == "delete"


def test_a_probe_job_that_a_finalizer_holds_is_asked_to_go_once() -> None:
    """The next check is due, and cannot begin: it begins when the watch tells that it is gone."""
    faults = Counting()

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.until("it is there", lambda: stage.there(JOB, namespace, names.PROBE_JOB))
        stage.world.edit(JOB, namespace, names.PROBE_JOB, HELD)
        await stage.sleep(24 * HOUR + 10.0)
        verdict = stage.status()["isolation"]["verifiedTime"]
        begun = stage.now
        await stage.sleep(10 * MINUTE)
        assert faults.most_within(MINUTE, begun) < 60
        stage.world.edit(JOB, namespace, names.PROBE_JOB, {"metadata": {"finalizers": None}})
        await stage.until(
            "it is checked again",
            lambda: stage.status()["isolation"]["verifiedTime"] != verdict,
            MINUTE,
        )

    play(scene, profile={"probe": {"schedule": "Daily"}}, faults=faults, sweeps=False)


@pytest.mark.slow
def test_a_deletion_whose_job_stays_is_tried_now_and_then_although_pods_come_and_go() -> None:
    """Each try ends the Job's pods, it makes new ones, and both are events of the namespace."""
    faults = Counting(deletes_a_job)

    async def scene(stage: Stage) -> None:
        await running(stage)
        faults.in_force = True
        begun = stage.now
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.sleep(10 * MINUTE)
        assert faults.most_within(10.0, begun) < 300  # ten looks of about twenty-five
        assert "denied request" in stage.condition("Sealed")["message"]
        faults.in_force = False
        await stage.until("it is gone", lambda: stage.world.experiment() is None, HOUR)

    play(scene, faults=faults, sweeps=False)
