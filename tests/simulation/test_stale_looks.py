"""Nothing is opened or started on what a look saw of isolation before it had to wait."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from glovebox import names
from glovebox.controllers.experiment import reconcile
from glovebox.controllers.experiment.scope import Outcomes, Phase, Scope
from glovebox.kube.kinds import (
    CHILD_KINDS,
    EXPERIMENT,
    JOB,
    LIMIT_RANGE,
    NAMESPACE,
    NETWORK_POLICY,
    ROLE_BINDING,
    Kind,
)
from glovebox.status.outcome import Outcome
from simulation.api_server import Asked, Change
from simulation.api_transport import NOTHING, Fault, NoFaults, StreamFault
from simulation.stage import Stage, play

POLICY = names.NETWORK_POLICY_DEFAULT_DENY
SLOW = 30.0


class Silent(NoFaults):
    """The watch of network policies tells nothing for long."""

    def stream(self, asked: Asked) -> StreamFault:
        """Let this one lag."""
        silent = asked.kind == NETWORK_POLICY
        return StreamFault("lags", seconds=600.0) if silent else StreamFault()


def delay(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let a phase begin late."""

    def slowly(phase: Phase) -> Phase:
        async def run(scope: Scope, outcomes: Outcomes) -> Outcome:
            await asyncio.sleep(SLOW)
            return await phase.run(scope, outcomes)

        return replace(phase, run=run)

    phases = tuple(slowly(each) if each.name == name else each for each in reconcile.PHASES)
    monkeypatch.setattr(reconcile, "PHASES", phases)


def made(stage: Stage, kind: Kind, name: str, namespace: str) -> list[bool]:
    """Return a list to which each creation of an object adds whether the policy was there."""
    found: list[bool] = []

    def see(change: Change) -> None:
        if (change.served.kind, change.key[1]) == (kind, name) and change.old is None:
            found.append(stage.there(NETWORK_POLICY, namespace, POLICY))

    stage.world.server.on_change.append(see)
    return found


@pytest.mark.parametrize("faults", [NoFaults(), Silent()], ids=["told", "told by no watch"])
def test_access_opens_on_isolation_as_it_is_then(
    monkeypatch: pytest.MonkeyPatch, faults: NoFaults
) -> None:
    delay(monkeypatch, "credentials")

    async def scene(stage: Stage) -> None:
        await stage.sleep(5)
        stage.declare(run=False)
        await stage.sleep(SLOW / 2)
        namespace: Any = stage.status()["namespace"]
        opened = made(stage, ROLE_BINDING, names.TENANT_ROLE_BINDING, namespace)
        stage.world.remove(NETWORK_POLICY, namespace, POLICY)
        await stage.provisioned()
        assert opened == [True]

    play(scene, faults=faults)


def test_a_run_starts_on_isolation_as_it_is_then(monkeypatch: pytest.MonkeyPatch) -> None:
    delay(monkeypatch, "deliver")

    async def scene(stage: Stage) -> None:
        await stage.sleep(5)
        stage.declare()
        namespace = await stage.provisioned()
        started = made(stage, JOB, names.RUN_JOB, namespace)
        await stage.sleep(SLOW / 2)
        assert not started
        stage.world.remove(NETWORK_POLICY, namespace, POLICY)
        await stage.until("the run has begun", lambda: started)
        assert started == [True]

    play(scene)


class Slow(NoFaults):
    """One creation takes long."""

    def __init__(self) -> None:
        self.in_force = False

    def request(self, asked: Asked) -> Fault:
        """Let this one take effect, and be answered late."""
        if self.in_force and (asked.kind, asked.verb) == (LIMIT_RANGE, "create"):
            return Fault("stale", seconds=SLOW)
        if not self.in_force and (asked.kind, asked.verb) == (JOB, "create"):
            return Fault("refused", 403)
        return NOTHING


def test_a_run_does_not_start_on_what_was_compared_before_a_repair_that_took_long() -> None:
    """The policy was as declared when the look began, and went while the limits were restored."""
    faults = Slow()

    async def scene(stage: Stage) -> None:
        stage.declare()
        namespace = await stage.provisioned()
        await stage.sleep(SLOW)
        started = made(stage, JOB, names.RUN_JOB, namespace)
        faults.in_force = True
        stage.world.remove(LIMIT_RANGE, namespace, names.LIMIT_RANGE)
        await stage.sleep(SLOW / 2)
        stage.world.remove(NETWORK_POLICY, namespace, POLICY)
        await stage.until("the run has begun", lambda: started)
        assert started == [True]

    play(scene, faults=faults)


class Deaf(NoFaults):
    """No watch tells anything of what is in namespaces, or of these."""

    def stream(self, asked: Asked) -> StreamFault:
        """Let them lag."""
        return StreamFault("lags", seconds=6_000.0) if asked.kind in CHILD_KINDS else StreamFault()


def test_a_look_that_finds_its_namespace_gone_says_nothing_that_was_known_before() -> None:
    async def scene(stage: Stage) -> None:
        await stage.sleep(5)
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(60)
        told: list[tuple[str, bool]] = []

        def see(change: Change) -> None:
            if change.served.kind == EXPERIMENT and change.new is not None:
                ready = stage.condition("NamespaceReady").get("status", "")
                told.append((ready, stage.there(NAMESPACE, "", namespace)))

        stage.world.remove(NAMESPACE, None, namespace)
        await stage.until("it is gone", lambda: not stage.there(NAMESPACE, "", namespace))
        stage.world.server.on_change.append(see)
        # The next session is written into it, and is answered that there is none.
        await stage.until("it is back", lambda: stage.there(NAMESPACE, "", namespace), 3_600)
        assert ("False", False) in told
        assert ("True", False) not in told

    play(scene, faults=Deaf())
