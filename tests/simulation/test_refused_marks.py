"""A policy that refuses the mark of use on a profile, store or pin is told by what it leaves open.

The object can be used all the same: nobody waits for the mark.
"""

from __future__ import annotations

from typing import Any

import pytest

from glovebox.kube.kinds import (
    DATASET_PIN,
    EXPERIMENT,
    ISOLATION_PROFILE,
    OBJECT_STORE,
    Kind,
)
from glovebox.names import FINALIZER_IN_USE
from simulation.api_server import Asked, Change, Refused
from simulation.process import OPERATOR
from simulation.quiet import is_due
from simulation.stage import Stage, play
from simulation.world import TEAM, pin_spec

Json = dict[str, Any]
MINUTE = 60.0
PROTECTED = "DeletionProtected"
WORDS = "the platform wants no finalizers"


class Policy:
    """Refuses the operator's writes to the metadata of one kind, until it is taken away."""

    def __init__(self, stage: Stage, kind: Kind, code: int) -> None:
        self.kind, self.code, self.is_there = kind, code, True
        self.refused = 0
        stage.world.server.admission.append(self)

    def __call__(self, asked: Asked) -> None:
        marks = asked.verb == "patch" and not asked.subresource
        if self.is_there and asked.user == OPERATOR and asked.kind == self.kind and marks:
            self.refused += 1
            raise Refused(self.code, {403: "Forbidden", 422: "Invalid"}[self.code], WORDS)


def writes_of(stage: Stage, kind: Kind) -> list[Change]:
    """Return the list that every write to a kind goes into from now on."""
    found: list[Change] = []

    def see(change: Change) -> None:
        if change.served.kind == kind:
            found.append(change)

    stage.world.server.on_change.append(see)
    return found


def use(stage: Stage, kind: Kind) -> None:
    """Declare what uses an object of each kind."""
    inputs: Json = {}
    if kind == DATASET_PIN:
        stage.world.declare(DATASET_PIN, "set", pin_spec())
        inputs = {"datasets": [{"name": "a", "pinRef": {"name": "set"}, "role": "train"}]}
    stage.declare(run=False, inputs=inputs)


NAME = {"IsolationProfile": "standard", "ObjectStore": "primary", "DatasetPin": "set"}


@pytest.mark.parametrize("code", [403, 422])
@pytest.mark.parametrize(
    "kind", [ISOLATION_PROFILE, OBJECT_STORE, DATASET_PIN], ids=lambda kind: str(kind.kind)
)
def test_a_refused_mark_is_a_condition_and_its_end_as_well(kind: Kind, code: int) -> None:
    async def scene(stage: Stage) -> None:
        policy, name = Policy(stage, kind, code), NAME[kind.kind]

        def said() -> Json:
            return stage.condition(PROTECTED, name, kind)

        use(stage, kind)
        await stage.provisioned()
        await stage.until("it is told", lambda: said().get("status") == "False", MINUTE)
        await stage.sleep(5)
        assert policy.refused
        assert said()["reason"] == {403: "Forbidden", 422: "Rejected"}[code]
        assert WORDS in said()["message"]
        assert "exempt" in said()["message"]
        assert stage.condition("Ready", name, kind)["status"] == "True"
        assert stage.condition("Reconciling", name, kind) == {}
        assert stage.condition("Ready")["status"] == "True", "who uses it goes on"

        await stage.sleep(MINUTE)
        tried, written = policy.refused, writes_of(stage, kind)
        await stage.sleep(10 * MINUTE)
        assert policy.refused > tried, "it is tried again"
        now = stage.world.clock.now()
        assert [one for one in written if one.user == OPERATOR and not is_due(one, now)] == []

        policy.is_there = False
        await stage.until("it is held", lambda: said().get("status") == "True", 20 * MINUTE)
        namespace = TEAM if kind.namespaced else None
        held = stage.world.server.peek(kind, namespace, name)
        assert held is not None
        assert FINALIZER_IN_USE in held["metadata"]["finalizers"]

    play(scene, sweeps=False)


def test_what_is_not_let_go_says_why() -> None:
    """The last user is gone, and the finalizer may not come off: it is held, and says so."""

    async def scene(stage: Stage) -> None:
        use(stage, ISOLATION_PROFILE)
        await stage.provisioned()
        policy = Policy(stage, ISOLATION_PROFILE, 422)
        stage.world.remove(EXPERIMENT, TEAM, "x")

        def said() -> Json:
            return stage.condition(PROTECTED, "standard", ISOLATION_PROFILE)

        await stage.until("it is told", lambda: said().get("reason") == "Rejected")
        assert said()["status"] == "True", "nobody deletes it meanwhile"
        policy.is_there = False
        await stage.until("it is free", lambda: said().get("reason") == "Protected", 20 * MINUTE)

    play(scene, sweeps=False)
