"""What was opened by a look of which no status tells is sealed all the same before it goes."""

from __future__ import annotations

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.kube.kinds import EXPERIMENT, NETWORK_POLICY, ROLE_BINDING, SECRET
from simulation.api_server import Asked
from simulation.stage import Stage, play
from simulation.test_as_bound import UNREADABLE
from simulation.test_endings import artifacts_of
from simulation.test_ends import HOUR, MINUTE, findings_of, statements
from simulation.test_seal_order import Refusing, without_rules
from simulation.test_sealed_before_it_goes import POLICIES, gone, told
from simulation.world import BUCKET, TEAM


class Unrecorded(Refusing):
    """Takes no status of an Experiment once access was opened, nor policies where it shall not."""

    def __init__(self) -> None:
        self.opened = self.is_recorded = self.is_closed = False
        super().__init__(self._refuses, 500)
        self.in_force = True

    def _refuses(self, asked: Asked) -> bool:
        if asked.kind == ROLE_BINDING and asked.verb == "create":
            self.opened = True
        if asked.kind == NETWORK_POLICY:
            return self.is_closed and asked.verb == "create"
        is_status = asked.kind == EXPERIMENT and asked.subresource == "status"
        return self.opened and not self.is_recorded and is_status


async def opened(stage: Stage, policy: str = "Freeze") -> str:
    """Wait until a team may write, write an artifact, and return the namespace."""
    declared = stage.declare(run=False, lifecycle={"deletionPolicy": policy})
    await stage.until("it is bound", lambda: stage.status().get("digest"))
    namespace = str(stage.status()["namespace"])
    binding = names.TENANT_ROLE_BINDING
    await stage.until("it is open", lambda: stage.there(ROLE_BINDING, namespace, binding))
    assert stage.there(SECRET, namespace, names.CREDENTIALS_SECRET)
    assert "artifacts" not in stage.status()
    prefix = names.artifact_prefix(TEAM, "x", declared["metadata"]["uid"])
    bucket = stage.world.store.buckets[BUCKET]
    stage.world.store._store(bucket, f"{prefix}model.bin", b"weights", "", None, "")
    return namespace


@pytest.mark.parametrize("policy", POLICIES)
def test_what_is_deleted_before_anybody_recorded_that_it_was_open_is_sealed(policy: str) -> None:
    faults = Unrecorded()

    async def scene(stage: Stage) -> None:
        namespace = await opened(stage, policy)
        await stage.process.kill()
        stage.world.remove(EXPERIMENT, TEAM, "x")
        faults.is_recorded = True
        stage.process.start()
        await gone(stage, HOUR / 2)
        assert [artifacts_of(each) for each in statements(stage)] == [{"model.bin"}]
        assert not stage.there(SECRET, namespace, names.CREDENTIALS_SECRET)

    play(scene, faults=faults)


def test_one_that_cannot_be_read_any_more_is_sealed_likewise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_rules(monkeypatch)
    faults = Unrecorded()

    async def scene(stage: Stage) -> None:
        await opened(stage)
        await stage.process.kill()
        assert stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": UNREADABLE})
        stage.world.remove(EXPERIMENT, TEAM, "x")
        faults.is_recorded = True
        stage.process.start()
        await gone(stage, HOUR / 2)
        (statement,) = statements(stage)
        assert artifacts_of(statement) == {"model.bin"}
        assert any("from the snapshot" in each for each in findings_of(statement))

    play(scene, faults=faults)


def test_what_was_closed_again_before_it_was_recorded_is_sealed_when_it_is_deleted() -> None:
    """Isolation breaks before the latch: credentials are taken away, and what they wrote stays."""
    faults = Unrecorded()

    async def scene(stage: Stage) -> None:
        namespace = await opened(stage)
        await stage.process.kill()
        faults.is_recorded = faults.is_closed = True
        (policy, *_) = stage.world.server.everything(NETWORK_POLICY, namespace)
        stage.world.remove(NETWORK_POLICY, namespace, policy["metadata"]["name"])
        stage.process.start()
        secret = names.CREDENTIALS_SECRET
        await stage.until("it is closed", lambda: not stage.there(SECRET, namespace, secret))
        await stage.sleep(MINUTE)
        assert not stage.status().get("provisioned")
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await gone(stage, HOUR / 2)
        assert [artifacts_of(each) for each in statements(stage)] == [{"model.bin"}]

    play(scene, faults=faults)


def test_while_no_status_is_taken_nobody_gets_in_and_what_goes_unsealed_is_told() -> None:
    faults = Unrecorded()

    async def scene(stage: Stage) -> None:
        namespace = await opened(stage)
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.sleep(MINUTE)
        assert not stage.there(ROLE_BINDING, namespace, names.TENANT_ROLE_BINDING)
        assert stage.world.experiment() is not None
        await gone(stage, HOUR + 10 * MINUTE)
        assert statements(stage) == []
        assert told(stage).count(reasons.DELETED_UNSEALED) == 1

    play(scene, faults=faults)
