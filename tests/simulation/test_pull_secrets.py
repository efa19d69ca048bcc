"""What opens the registries: when it is copied, when it follows its source, and when it goes."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.desired.pull_secret import KEY, TYPE
from glovebox.kube.kinds import EXPERIMENT, ISOLATION_PROFILE, JOB, NETWORK_POLICY, SECRET
from simulation.api_server import ADMINISTRATOR, Asked, Change
from simulation.api_transport import Fault, NoFaults
from simulation.process import RESYNC_SECONDS
from simulation.stage import Stage, play
from simulation.test_ends import MINUTE, SOON
from simulation.test_late_creations import comes_late
from simulation.test_seal_order import Refusing, wants
from simulation.world import TEAM

Json = dict[str, Any]
OWN = "glovebox-system"
SOURCE = "company-registry"
PROFILE: Json = {"imagePullSecrets": [{"name": SOURCE}]}


def data(password: str) -> Json:
    document = {"auths": {"registry.example": {"password": password}}}
    return {KEY: base64.b64encode(json.dumps(document).encode()).decode()}


def give(stage: Stage, password: str, kind: str = TYPE) -> None:
    """Make the source, as the platform's people do."""
    asked = Asked(ADMINISTRATOR, "create", SECRET, OWN, SOURCE)
    body = {"metadata": {"name": SOURCE}, "type": kind, "data": data(password)}
    stage.world.server.create(asked, body)


def change(stage: Stage, password: str) -> None:
    assert stage.world.edit(SECRET, OWN, SOURCE, {"data": data(password)})


def copied(stage: Stage, namespace: str) -> str:
    """Return the password of the copy; an empty text when there is none."""
    found = stage.world.server.peek(SECRET, namespace, names.PULL_SECRET)
    if found is None:
        return ""
    document = json.loads(base64.b64decode(found["data"][KEY]))
    return str(document["auths"]["registry.example"]["password"])


def test_nothing_exists_before_its_source_and_then_it_goes_on_by_itself() -> None:
    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        await stage.until(
            "it says what is missing",
            lambda: stage.condition("Ready").get("reason") == reasons.PULL_SECRET_NOT_FOUND,
        )
        await stage.sleep(5 * MINUTE)
        assert not stage.status().get("digest")
        profile = stage.condition("Ready", "standard", ISOLATION_PROFILE)
        assert (profile["status"], profile["reason"]) == ("False", reasons.PULL_SECRET_NOT_FOUND)
        give(stage, "one")
        # The profile looks for it, and wakes all who wait.
        await stage.until("it goes on", lambda: stage.status().get("provisioned"), 15.0)
        assert copied(stage, stage.status()["namespace"]) == "one"
        await stage.until(
            "the profile says so",
            lambda: stage.condition("Ready", "standard", ISOLATION_PROFILE)["status"] == "True",
            15.0,
        )

    # Nobody lists anything again meanwhile: nothing but its own look goes on with it.
    play(scene, profile=PROFILE, sweeps=False)


def test_it_is_not_there_before_isolation_stood() -> None:
    faults = Refusing(lambda asked: asked.kind == NETWORK_POLICY and asked.verb == "create")
    faults.in_force = True

    made: list[bool] = []

    async def scene(stage: Stage) -> None:
        def note(change: Change) -> None:
            is_it = change.new is not None and change.new["metadata"]["name"] == names.PULL_SECRET
            if change.served.kind == SECRET and is_it:
                made.append(faults.in_force)

        stage.world.server.on_change.append(note)
        give(stage, "one")
        stage.declare(run=False)
        await stage.until("the namespace is there", lambda: stage.status().get("namespaceUid"))
        await stage.sleep(5 * MINUTE)
        assert made == []
        faults.in_force = False
        assert copied(stage, await stage.provisioned()) == "one"

    play(scene, profile=PROFILE, faults=faults)


def test_a_new_password_is_copied_within_five_minutes() -> None:
    async def scene(stage: Stage) -> None:
        give(stage, "one")
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(7 * MINUTE)
        change(stage, "two")
        what = "the copy follows"
        await stage.until(what, lambda: copied(stage, namespace) == "two", 5 * MINUTE + 5)
        change(stage, "three")
        await stage.until(what, lambda: copied(stage, namespace) == "three", 5 * MINUTE + 5)
        assert stage.condition("DriftDetected")["status"] == "False", "nobody did anything wrong"

    play(scene, profile=PROFILE, sweeps=False)


def test_a_copy_that_somebody_removed_is_restored_and_told() -> None:
    async def scene(stage: Stage) -> None:
        give(stage, "one")
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(7 * MINUTE)
        assert stage.world.remove(SECRET, namespace, names.PULL_SECRET)
        what = "it is restored"
        await stage.until(what, lambda: copied(stage, namespace) == "one", 5 * MINUTE + 5)
        await stage.sleep(1.0)
        last = stage.status()["drift"]["last"]
        assert last == {"kind": "Secret", "name": names.PULL_SECRET, "change": "Deleted"}

    play(scene, profile=PROFILE)


def test_a_profile_whose_secret_is_removed_says_so_by_itself() -> None:
    async def scene(stage: Stage) -> None:
        give(stage, "one")
        stage.declare(run=False)
        await stage.provisioned()
        await stage.sleep(7 * MINUTE)
        assert stage.world.remove(SECRET, OWN, SOURCE)
        await stage.until(
            "it is said",
            lambda: (
                stage.condition("Ready", "standard", ISOLATION_PROFILE)["reason"]
                == reasons.PULL_SECRET_NOT_FOUND
            ),
            5 * MINUTE + 5,
        )

    play(scene, profile=PROFILE, sweeps=False)


@pytest.mark.parametrize("code", [403, 409, 422, 500])
def test_a_refused_copy_is_said_and_tried_again(code: int) -> None:
    faults = Refusing(
        lambda asked: (
            asked.kind == SECRET
            and asked.name == names.PULL_SECRET
            and asked.verb in ("create", "update")
        ),
        code,
    )
    faults.in_force = True

    async def scene(stage: Stage) -> None:
        give(stage, "one")
        stage.declare(run=False)
        await stage.until("it was refused", lambda: len(faults.refused) >= 3)
        assert not stage.status().get("provisioned"), "not everything is in place"
        faults.in_force = False
        assert copied(stage, await stage.provisioned()) == "one"

    play(scene, profile=PROFILE, faults=faults)


def test_a_source_that_is_gone_takes_nothing_away() -> None:
    async def scene(stage: Stage) -> None:
        give(stage, "one")
        stage.declare(run=False)
        namespace = await stage.provisioned()
        assert stage.world.remove(SECRET, OWN, SOURCE)
        await stage.until(
            "it is said", lambda: SOURCE in stage.condition("CredentialsFresh")["message"], 310.0
        )
        assert copied(stage, namespace) == "one"
        assert stage.condition("Ready")["status"] == "True"
        give(stage, "two")
        await stage.until("it is back", lambda: copied(stage, namespace) == "two", 310.0)
        await stage.until(
            "it is said no more",
            lambda: SOURCE not in stage.condition("CredentialsFresh")["message"],
            MINUTE,
        )

    play(scene, profile=PROFILE)


@pytest.mark.parametrize("desired", ["Frozen", "Sealed"])
def test_it_goes_when_the_namespace_is_closed_and_is_not_written_again(desired: str) -> None:
    async def scene(stage: Stage) -> None:
        give(stage, "one")
        stage.declare(run=False)
        namespace = await stage.provisioned()
        wants(stage, desired)
        await stage.until("it is closed", lambda: stage.status().get("state") == desired)
        change(stage, "two")
        await stage.sleep(20 * MINUTE)
        assert copied(stage, namespace) == ""
        if desired == "Frozen":
            wants(stage, "Active")
            await stage.until("it is opened", lambda: copied(stage, namespace) == "two", SOON)

    play(scene, profile=PROFILE)


def test_one_that_comes_late_into_a_closed_namespace_is_swept() -> None:
    async def scene(stage: Stage) -> None:
        give(stage, "one")
        stage.declare(run=False)
        namespace = await stage.provisioned()
        wants(stage, "Sealed")
        await stage.until("it is closed", lambda: stage.status().get("state") == "Sealed")
        comes_late(stage, namespace, SECRET, names.PULL_SECRET)
        await stage.until(
            "it is gone",
            lambda: not stage.there(SECRET, namespace, names.PULL_SECRET),
            2 * RESYNC_SECONDS,
        )

    play(scene, profile=PROFILE)


def test_it_is_deleted_with_the_access_of_a_namespace_that_stays() -> None:
    async def scene(stage: Stage) -> None:
        give(stage, "one")
        stage.declare(run=False, lifecycle={"deletionPolicy": "Freeze"})
        namespace = await stage.provisioned()
        assert stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("the Experiment is gone", lambda: stage.world.experiment() is None)
        assert copied(stage, namespace) == ""

    play(scene, profile=PROFILE)


def test_a_look_at_what_is_as_it_was_writes_nothing() -> None:
    written: list[Asked] = []

    class Noting(NoFaults):
        def request(self, asked: Asked) -> Fault:
            if asked.verb in ("create", "update") and asked.name == names.PULL_SECRET:
                written.append(asked)
            return super().request(asked)

    async def scene(stage: Stage) -> None:
        give(stage, "one")
        stage.declare(run=False)
        await stage.provisioned()
        await stage.sleep(20 * MINUTE)
        assert len(written) == 1, "and many looks since"

    play(scene, profile=PROFILE, faults=Noting())


class Cutting(NoFaults):
    """Cuts the next writes of the copy."""

    def __init__(self, fault: Fault) -> None:
        self.fault, self.left = fault, 0

    def request(self, asked: Asked) -> Fault:
        """Cut it, so often as is left."""
        is_write = asked.verb in ("create", "update", "delete") and asked.name == names.PULL_SECRET
        if not is_write or not self.left:
            return super().request(asked)
        self.left -= 1
        return self.fault


@pytest.mark.parametrize(
    "fault",
    [Fault("lost", seconds=5.0), Fault("unanswered"), Fault("late", seconds=1.0)],
    ids=lambda fault: fault.name,
)
def test_each_write_of_it_that_is_cut_is_made_good(fault: Fault) -> None:
    faults = Cutting(fault)

    async def scene(stage: Stage) -> None:
        give(stage, "one")
        faults.left = 2
        stage.declare(run=False)
        namespace = await stage.provisioned()
        assert copied(stage, namespace) == "one"
        faults.left = 2
        change(stage, "two")
        await stage.until("it follows", lambda: copied(stage, namespace) == "two", 10 * MINUTE)
        faults.left = 2
        wants(stage, "Frozen")
        await stage.until("it is closed", lambda: stage.status().get("state") == "Frozen", SOON)
        assert faults.left < 2, "a deletion was cut"
        await stage.sleep(5.0)  # whatever comes late is there by now
        assert copied(stage, namespace) == ""

    play(scene, profile=PROFILE, faults=faults)


def test_a_process_that_dies_before_it_told_of_a_copy_leaves_it_to_the_next() -> None:
    async def scene(stage: Stage) -> None:
        give(stage, "one")
        stage.declare(run=False)
        await stage.until(
            "it is copied",
            lambda: copied(stage, str(stage.status().get("namespace", ""))) == "one",
        )
        await stage.process.kill()
        change(stage, "two")
        stage.process.start()
        namespace = await stage.provisioned()
        await stage.until("it follows", lambda: copied(stage, namespace) == "two", MINUTE)

    play(scene, profile=PROFILE)


def test_no_run_begins_without_what_opens_the_registries() -> None:
    faults = Refusing(lambda asked: asked.kind == JOB and asked.verb == "create")
    faults.in_force = True

    async def scene(stage: Stage) -> None:
        give(stage, "one")
        stage.declare()
        namespace = await stage.provisioned()
        wants(stage, "Frozen")
        await stage.until("it is closed", lambda: stage.status().get("state") == "Frozen", SOON)
        assert stage.world.remove(SECRET, OWN, SOURCE)
        faults.in_force = False
        wants(stage, "Active")
        await stage.until(
            "it says why",
            lambda: stage.condition("CredentialsFresh")["reason"] == reasons.PULL_SECRET_NOT_FOUND,
        )
        await stage.sleep(5 * MINUTE)
        assert not stage.there(JOB, namespace, names.RUN_JOB)
        assert SOURCE in stage.condition("Succeeded")["message"]
        give(stage, "two")
        await stage.until("it runs", lambda: stage.there(JOB, namespace, names.RUN_JOB), SOON)
        assert copied(stage, namespace) == "two"

    play(scene, profile=PROFILE, faults=faults)
