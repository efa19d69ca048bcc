"""A kind that cannot be watched any more: `/readyz` names it, and a metric dates the last word."""

from __future__ import annotations

import asyncio

import pytest

from glovebox.controllers.operator import OUT_OF_REACH_SECONDS
from glovebox.kube.kinds import NETWORK_POLICY
from simulation.api_server import Asked
from simulation.api_transport import NOTHING, Fault, NoFaults, StreamFault
from simulation.stage import Stage, play

CONTACT = "glovebox_watch_last_contact_timestamp_seconds"
KIND = {"managed_kind": "NetworkPolicy"}


class Refused(NoFaults):
    """NetworkPolicies may be neither listed nor watched between two moments."""

    def __init__(self) -> None:
        self.begins, self.ends = 1e9, 1e9

    def _is_refused(self, asked: Asked) -> bool:
        now = asyncio.get_running_loop().time()
        return asked.kind == NETWORK_POLICY and self.begins <= now < self.ends

    def request(self, asked: Asked) -> Fault:
        is_read = asked.verb in {"list", "watch"}
        return Fault("refused", 403) if is_read and self._is_refused(asked) else NOTHING

    def stream(self, asked: Asked) -> StreamFault:
        return StreamFault("refused") if self._is_refused(asked) else StreamFault()


@pytest.mark.parametrize("sweeps", [True, False], ids=["with sweeps", "on its own"])
def test_a_kind_that_cannot_be_watched_is_named_until_it_can_be(
    sweeps: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    refused = Refused()

    def reason(stage: Stage) -> str:
        operator = stage.process.operator
        return "it starts" if operator is None else operator.not_ready_reason() or ""

    async def scene(stage: Stage) -> None:
        await stage.until("it is ready", lambda: not reason(stage))
        heard = stage.metric(CONTACT, **KIND)
        await stage.sleep(OUT_OF_REACH_SECONDS)
        assert stage.metric(CONTACT, **KIND) > heard, "while it is watched the series moves"

        refused.begins = stage.now
        await stage.until(
            "it is named",
            lambda: reason(stage).startswith("cannot be watched: NetworkPolicy ("),
            seconds=1200,
        )
        heard = stage.metric(CONTACT, **KIND)
        await stage.sleep(600)
        assert reason(stage), "and for as long as that lasts"
        assert stage.metric(CONTACT, **KIND) == heard

        refused.ends = stage.now
        await stage.until("it is heard again", lambda: not reason(stage))

    play(scene, faults=refused, sweeps=sweeps)
