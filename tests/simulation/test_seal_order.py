"""First everything is closed, then that is recorded, then it is sealed.

And nothing is given up that nobody has tried.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.kube.kinds import DATASET_PIN, EVENT, EXPERIMENT, JOB, NAMESPACE, POD, SECRET
from simulation.api_content import FieldRule
from simulation.api_server import ADMINISTRATOR, Asked
from simulation.api_transport import NOTHING, Fault, NoFaults
from simulation.object_store import S3Error
from simulation.stage import Stage, play
from simulation.test_ends import (
    HOUR,
    MINUTE,
    SOON,
    ends_after,
    findings_of,
    outcome_of,
    running,
    statements,
    store_is_away,
    store_is_back,
)
from simulation.world import IMAGE, SOURCE, TEAM, pin_spec

Json = dict[str, Any]


class Refusing(NoFaults):
    """Refuses what a policy is against, for as long as it is in force; so often at most."""

    def __init__(
        self, refuses: Callable[[Asked], bool], code: int = 422, *, most: float = math.inf
    ) -> None:
        self.refuses, self.code, self.most = refuses, code, most
        self.in_force = False
        self.refused: list[Asked] = []

    def request(self, asked: Asked) -> Fault:
        """Refuse what the policy is against."""
        if not (self.in_force and len(self.refused) < self.most and self.refuses(asked)):
            return NOTHING
        self.refused.append(asked)
        return Fault("refused", self.code)


def label_is_refused(asked: Asked) -> bool:
    return asked.kind == NAMESPACE and asked.verb in ("update", "patch")


def run_is_not_read(asked: Asked) -> bool:
    return asked.kind == JOB and asked.verb == "get" and asked.name == names.RUN_JOB


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


# It is said of what is frozen at once, of what is sealed when it has lasted.
@pytest.mark.parametrize(("desired", "minutes"), [("Frozen", 2), ("Sealed", 6)])
def test_what_a_run_that_cannot_be_read_came_to_is_recorded_before_it_goes(
    desired: str, minutes: int
) -> None:
    """What opens the namespace goes at once; why the rest stays is said."""
    faults = Refusing(run_is_not_read, 503)

    async def scene(stage: Stage) -> None:
        ends_after(stage, MINUTE)
        stage.declare()
        await stage.until("the run is recorded", lambda: stage.status().get("run"))
        namespace = stage.status()["namespace"]
        faults.in_force = True
        wants(stage, desired)
        await stage.sleep(minutes * MINUTE)
        assert not stage.there(SECRET, namespace, names.CREDENTIALS_SECRET)
        assert stage.there(JOB, namespace, names.RUN_JOB)
        said = stage.condition("Ready")
        assert (said["status"], said["reason"]) == ("False", reasons.API_UNAVAILABLE)
        assert "the server is shutting down" in said["message"]
        faults.in_force = False
        await stage.until("it is closed", lambda: stage.status().get("state") == desired, SOON)
        assert stage.status()["run"]["reason"] == reasons.RUN_SUCCEEDED

    play(scene, faults=faults)


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


@pytest.mark.parametrize("readable", [True, False], ids=["as declared", "unreadable"])
@pytest.mark.parametrize("code", [422, 403], ids=["by a policy", "by a webhook"])
def test_what_cannot_be_closed_and_is_deleted_is_sealed_and_the_seal_says_so(
    code: int,
    readable: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    faults = Refusing(label_is_refused, code)

    async def scene(stage: Stage) -> None:
        await running(stage, deletionPolicy="Delete")
        if not readable:
            stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"purpose": {"description": ""}}})
            await stage.sleep(5.0)
        faults.in_force = True
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.sleep(HOUR - SOON)
        assert statements(stage) == []
        await stage.until("it is sealed", lambda: statements(stage), 2 * SOON)
        findings = findings_of(statements(stage)[0])
        assert any("could not be closed" in finding for finding in findings)
        await stage.until("it is gone", lambda: stage.world.experiment() is None, SOON)

    play(scene, faults=faults, sweeps=False)


def test_a_deletion_that_nobody_saw_for_an_hour_is_sealed_first() -> None:
    async def scene(stage: Stage) -> None:
        await running(stage, deletionPolicy="Delete")
        await stage.process.kill()
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.sleep(HOUR + MINUTE)
        stage.process.start()
        await stage.until("it is gone", lambda: stage.world.experiment() is None, SOON)
        assert len(statements(stage)) == 1

    play(scene)


def test_a_deletion_that_goes_on_unsealed_is_told() -> None:
    async def scene(stage: Stage) -> None:
        await running(stage, deletionPolicy="Freeze")
        store_is_away(stage)
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it is gone", lambda: stage.world.experiment() is None, HOUR + SOON)
        await stage.sleep(MINUTE)
        told = [each["reason"] for each in stage.world.server.everything(EVENT)]
        assert reasons.DELETED_UNSEALED in told

    play(scene, sweeps=False)


def test_a_pod_that_is_asked_to_end_late_is_waited_for_from_then_on() -> None:
    async def scene(stage: Stage) -> None:
        ends_after(stage, MINUTE)
        stage.declare()
        await stage.until("the run is recorded", lambda: stage.status().get("run"))
        namespace = stage.status()["namespace"]
        pod = {
            "metadata": {"name": "aside"},
            "spec": {"containers": [{"name": "c", "image": IMAGE}]},
        }
        await stage.sleep(5.0)  # by now the run's pod runs
        stage.world.actors.run_ends = lambda _: (24 * HOUR, True)
        stage.world.server.create(Asked(ADMINISTRATOR, "create", POD, namespace, "aside"), pod)
        await stage.process.kill()
        await stage.sleep(12 * MINUTE)
        end_pod = stage.world.actors._end_pod

        async def slowly(pod: Json) -> None:
            await stage.sleep(30.0)
            await end_pod(pod)

        stage.world.actors._end_pod = slowly  # type: ignore[method-assign]
        stage.process.start()
        await stage.until("it is sealed", lambda: stage.status().get("seal"), SOON)
        assert findings_of(statements(stage)[0]) == []

    play(scene)


def test_a_pod_that_comes_into_what_is_closed_is_ended_while_others_are_waited_for() -> None:
    async def scene(stage: Stage) -> None:
        ends_after(stage, MINUTE)
        stage.declare()
        await stage.until("the run is recorded", lambda: stage.status().get("run"))
        namespace = stage.status()["namespace"]
        spec = {"containers": [{"name": "c", "image": IMAGE}]}
        await stage.sleep(5.0)  # by now the run's pod runs
        stage.world.actors.run_ends = lambda _: (24 * HOUR, True)

        def comes(name: str) -> None:
            asked = Asked(ADMINISTRATOR, "create", POD, namespace, name)
            stage.world.server.create(asked, {"metadata": {"name": name}, "spec": spec})

        comes("aside")
        end_pod = stage.world.actors._end_pod

        async def slowly(pod: Json) -> None:
            await stage.sleep(5 * MINUTE if pod["metadata"]["name"] == "aside" else 0.0)
            await end_pod(pod)

        stage.world.actors._end_pod = slowly  # type: ignore[method-assign]
        await stage.until(
            "it waits", lambda: "aside" in stage.condition("Sealed").get("message", ""), 3 * MINUTE
        )
        comes("later")
        await stage.until("it is ended", lambda: not stage.there(POD, namespace, "later"), MINUTE)
        assert not stage.status().get("seal")
        await stage.until("it is sealed", lambda: stage.status().get("seal"), HOUR)

    play(scene)


def test_inputs_are_waited_for_from_the_first_try_of_their_seal() -> None:
    async def scene(stage: Stage) -> None:
        ends_after(stage, MINUTE)
        stage.world.declare(DATASET_PIN, "set", pin_spec())
        stage.declare(pin="set")
        await stage.until("the run is recorded", lambda: stage.status().get("run"))
        await stage.process.kill()
        await stage.sleep(20 * MINUTE)
        refused: list[str] = []

        def fault(*asked: str) -> None:
            if any(SOURCE in part for part in asked) and len(refused) < 8:
                refused.append(" ".join(asked))
                raise S3Error(503, "ServiceUnavailable")

        stage.world.store.fault = fault
        stage.process.start()
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 5 * SOON)
        assert refused
        assert findings_of(statements(stage)[0]) == []

    play(scene)


def test_a_check_of_a_pin_that_is_late_is_given_its_grace_from_its_first_try() -> None:
    faults = Refusing(lambda asked: asked.kind == SECRET and asked.verb == "get", 500)

    async def scene(stage: Stage) -> None:
        stage.world.declare(DATASET_PIN, "set", pin_spec())
        await stage.until("it is Ready", lambda: pin_is_ready(stage))
        await stage.process.kill()
        await stage.sleep(HOUR + 20 * MINUTE)
        faults.in_force = True
        stage.process.start()
        for _ in range(20):
            await stage.sleep(1.0)
            assert pin_is_ready(stage)
        faults.in_force = False
        await stage.sleep(SOON)
        assert pin_is_ready(stage)

    play(scene, faults=faults)


def pin_is_ready(stage: Stage) -> bool:
    return stage.condition("Ready", "set", DATASET_PIN).get("status") == "True"


def test_an_experiment_that_cannot_be_read_is_sealed_before_it_goes() -> None:
    async def scene(stage: Stage) -> None:
        await running(stage, deletionPolicy="Delete")
        # As after an update of the operator whose models are stricter.
        stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"purpose": {"description": ""}}})
        await stage.sleep(5.0)
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it is gone", lambda: stage.world.experiment() is None, SOON)
        (statement,) = statements(stage)
        assert outcome_of(statement) == ("Failed", "Abandoned")
        assert "could not be read" in findings_of(statement)[0]

    play(scene)


@pytest.mark.parametrize("has_run", [True, False], ids=["run", "interactive"])
def test_a_namespace_that_is_somebody_else_s_by_now_is_left_alone(*, has_run: bool) -> None:
    async def scene(stage: Stage) -> None:
        if has_run:
            namespace = await running(stage)
        else:
            stage.declare(run=False)
            namespace = await stage.provisioned()
        await stage.process.kill()
        stage.world.remove(NAMESPACE, None, namespace)
        await stage.until("it is gone", lambda: not stage.there(NAMESPACE, "", namespace))
        create = stage.world.server.create
        create(Asked(ADMINISTRATOR, "create", NAMESPACE, "", namespace), named(namespace))
        for kind, name in ((POD, "theirs"), (JOB, names.RUN_JOB)):
            spec = {"containers": [{"name": "c", "image": IMAGE}]}
            job = {"template": {"spec": spec}}
            body = named(name) | {"spec": spec if kind == POD else job}
            create(Asked(ADMINISTRATOR, "create", kind, namespace, name), body)
        await stage.sleep(HOUR)  # whatever credentials there were are over
        before = stage.status().get("run") or {}
        stage.process.start()
        await stage.sleep(2 * MINUTE)
        run = stage.status().get("run") or {}
        assert run.get("jobUid") == before.get("jobUid"), "theirs is no run of this Experiment"
        assert run.get("reason") == (reasons.RUN_LOST if has_run else None)
        wants(stage, "Sealed")
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 5 * SOON)
        assert stage.there(POD, namespace, "theirs")
        assert not stage.there(SECRET, namespace, names.CREDENTIALS_SECRET)

    play(scene)


def named(name: str) -> Json:
    return {"metadata": {"name": name}}


def test_nothing_is_sealed_before_it_is_recorded_that_all_is_closed() -> None:
    """Until then it may be opened again, and more be written than the seal says."""
    faults = Refusing(
        lambda asked: (
            asked.kind == EXPERIMENT and asked.verb == "update" and asked.subresource == "status"
        ),
        403,
    )

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(MINUTE)
        wants(stage, "Sealed")
        faults.in_force = True
        await stage.until("it is closed", lambda: state_label(stage, namespace) == "Sealed", SOON)
        await stage.sleep(10 * MINUTE)
        assert stage.status()["state"] == "Open"
        assert statements(stage) == []
        faults.in_force = False
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 2 * SOON)

    play(scene, faults=faults)


def test_nothing_is_sealed_whose_run_cannot_be_seen() -> None:
    """The seal would say that there was a run, and not how it ended."""
    faults = Refusing(
        lambda asked: asked.kind == JOB and asked.verb == "get" and asked.name == names.RUN_JOB, 403
    )

    async def scene(stage: Stage) -> None:
        ends_after(stage, MINUTE)
        stage.declare()
        await stage.until("the run is recorded", lambda: stage.status().get("run"))
        faults.in_force = True
        await stage.sleep(2 * MINUTE)
        wants(stage, "Sealed")
        await stage.sleep(HOUR + SOON)
        assert statements(stage) == []
        faults.in_force = False
        await stage.until("it is sealed", lambda: stage.status().get("seal"), SOON)
        (statement,) = statements(stage)
        assert outcome_of(statement) == ("Succeeded", reasons.RUN_SUCCEEDED)

    play(scene, faults=faults)
