"""First everything is closed, then that is recorded, then it is sealed.

And nothing is given up that nobody has tried.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from glovebox import names
from glovebox.kube.kinds import EXPERIMENT, JOB, NAMESPACE, SECRET
from simulation.api_content import FieldRule
from simulation.api_server import Asked
from simulation.api_transport import NOTHING, Fault, NoFaults
from simulation.stage import Stage, play
from simulation.test_ends import (
    HOUR,
    MINUTE,
    SOON,
    ends_after,
    findings_of,
    running,
    statements,
    store_is_away,
    store_is_back,
)
from simulation.world import TEAM

Json = dict[str, Any]


class Refusing(NoFaults):
    """Refuses what a policy is against, for as long as it is in force."""

    def __init__(self, refuses: Callable[[Asked], bool], code: int = 422) -> None:
        self.refuses, self.code = refuses, code
        self.in_force = False

    def request(self, asked: Asked) -> Fault:
        """Refuse what the policy is against."""
        is_refused = self.in_force and self.refuses(asked)
        return Fault("refused", self.code) if is_refused else NOTHING


def label_is_refused(asked: Asked) -> bool:
    return asked.kind == NAMESPACE and asked.verb in ("update", "patch")


def secrets_stay(asked: Asked) -> bool:
    return asked.kind == SECRET and asked.verb == "delete"


def wants(stage: Stage, desired: str) -> bool:
    return stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"lifecycle": {"desired": desired}}})


def state_label(stage: Stage, namespace: str) -> str:
    live = stage.world.server.peek(NAMESPACE, None, namespace)
    assert live is not None
    return str(live["metadata"]["labels"][names.LABEL_STATE])


def without_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the API server take whatever the operator itself has to stand."""
    monkeypatch.setattr(FieldRule, "problem", lambda *_: "")


def test_a_seal_that_was_asked_for_cannot_be_taken_back() -> None:
    async def scene(stage: Stage) -> None:
        await running(stage)
        assert wants(stage, "Sealed")
        assert not wants(stage, "Active")
        await stage.until("it is sealed", lambda: stage.status().get("seal"), SOON)

    play(scene)


def test_what_is_recorded_as_closed_is_not_opened_while_its_seal_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_rules(monkeypatch)

    async def scene(stage: Stage) -> None:
        namespace = await running(stage)
        store_is_away(stage)
        wants(stage, "Sealed")
        await stage.until("it is closed", lambda: stage.status()["state"] == "Sealed", SOON)
        for desired in ("Active", "Frozen"):
            wants(stage, desired)
            await stage.sleep(MINUTE)
            assert state_label(stage, namespace) == stage.status()["state"] == "Sealed"
            assert not stage.there(SECRET, namespace, names.CREDENTIALS_SECRET)
        store_is_back(stage)
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 10 * MINUTE)

    play(scene)


def test_a_run_that_had_not_started_when_it_was_closed_never_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_rules(monkeypatch)

    async def scene(stage: Stage) -> None:
        await stage.sleep(5.0)  # by now the store is proven
        store_is_away(stage)
        stage.declare(lifecycle={"desired": "Sealed"})
        await stage.until("it is closed", lambda: stage.status().get("state") == "Sealed", SOON)
        wants(stage, "Active")
        await stage.sleep(MINUTE)
        store_is_back(stage)
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 10 * MINUTE)
        assert not stage.there(JOB, stage.status()["namespace"], names.RUN_JOB)
        assert stage.promises.runs.total() == 0

    play(scene)


@pytest.mark.parametrize("refuses", [label_is_refused, secrets_stay])
def test_what_cannot_be_closed_is_sealed_after_an_hour_and_the_seal_says_so(
    refuses: Callable[[Asked], bool],
) -> None:
    faults = Refusing(refuses)

    async def scene(stage: Stage) -> None:
        ends_after(stage, MINUTE)
        stage.declare()
        await stage.until("the run is recorded", lambda: stage.status().get("run"))
        faults.in_force = True
        await stage.until("it ended", lambda: stage.status()["run"].get("completionTime"), SOON)
        await stage.sleep(HOUR - SOON)
        assert statements(stage) == []
        assert stage.condition("Sealed")["status"] == "False"
        assert "is not closed yet: " in stage.condition("Sealed")["message"]
        assert stage.condition("Ready")["status"] == "False"
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 2 * SOON)
        (finding,) = findings_of(statements(stage)[0])
        assert "could not be closed before the seal was made: " in finding
        assert stage.condition("Sealed")["status"] == "True"
        assert finding in stage.condition("Sealed")["message"]
        assert stage.status()["state"] == "Open"
        await stage.sleep(MINUTE)
        assert stage.condition("Ready")["status"] == "False"
        assert "not now (simulated)" in stage.condition("Ready")["message"]
        faults.in_force = False
        await stage.until(
            "it is closed", lambda: stage.condition("Ready")["status"] == "True", 10 * MINUTE
        )
        assert stage.status()["state"] == "Sealed"

    play(scene, faults=faults)


def test_what_cannot_be_closed_and_is_deleted_is_sealed_and_the_seal_says_so() -> None:
    faults = Refusing(label_is_refused)

    async def scene(stage: Stage) -> None:
        await running(stage, deletionPolicy="Delete")
        faults.in_force = True
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.sleep(HOUR - SOON)
        assert statements(stage) == []
        await stage.until("it is sealed", lambda: statements(stage), 2 * SOON)
        assert "could not be closed" in findings_of(statements(stage)[0])[0]
        await stage.until("it is gone", lambda: stage.world.experiment() is None, SOON)

    play(scene, faults=faults, sweeps=False)
