"""What the run of a lost Experiment said is read before its pods go, and in the seal."""

from __future__ import annotations

from typing import Any

from glovebox import names
from glovebox.api import reasons
from glovebox.evidence.statement import STATEMENT_NAME
from glovebox.kube.kinds import JOB, POD, SECRET
from simulation.api_server import Asked
from simulation.api_transport import NOTHING, Fault, NoFaults
from simulation.object_store import S3Error
from simulation.stage import Stage, play
from simulation.test_ends import (
    MINUTE,
    ends_after,
    outcome_of,
    running,
    statements,
    store_is_back,
)
from simulation.test_evidence import logs_of, metadata_of, run_of, said
from simulation.test_logs_in_time import Hanging
from simulation.test_orphans import lose

Json = dict[str, Any]


async def sealed(stage: Stage) -> Json:
    await stage.until("it is sealed", lambda: statements(stage), 15 * MINUTE)
    (statement,) = statements(stage)
    return statement


def test_the_log_of_a_run_that_was_lost_is_in_its_seal_without_its_session() -> None:
    async def scene(stage: Stage) -> None:
        namespace = await running(stage)
        lose(stage, "x")
        statement = await sealed(stage)
        assert outcome_of(statement) == ("Failed", reasons.ORPHANED)
        ((told, body),) = logs_of(stage, statement)
        assert body.startswith(b"begins")
        assert b"ASIA" not in body
        assert int(told["redactions"]) >= 3
        (attempt,) = metadata_of(statement)["glovebox_attempts"]
        assert run_of(attempt)["name"] == "run"
        assert not stage.world.server.everything(POD, namespace)
        assert not stage.there(JOB, namespace, names.RUN_JOB)

    play(scene)


def test_a_kubelet_that_hangs_holds_the_closing_of_what_was_lost_up_for_seconds() -> None:
    async def scene(stage: Stage) -> None:
        namespace = await running(stage)
        lose(stage, "x")
        await stage.until(
            "its session is taken",
            lambda: not stage.there(SECRET, namespace, names.CREDENTIALS_SECRET),
            20.0,
        )
        await stage.until(
            "its pods go", lambda: not stage.world.server.everything(POD, namespace), MINUTE
        )
        statement = await sealed(stage)
        assert logs_of(stage, statement) == []
        assert any("could not be read and kept" in each for each in said(statement, "unknown"))

    play(scene, faults=Hanging())


def test_a_log_that_no_store_takes_holds_nothing_up_and_is_said_to_be_unknown() -> None:
    async def scene(stage: Stage) -> None:
        namespace = await running(stage)

        def fault(action: str, _: str, key: str) -> None:
            if action == "s3:PutObject" and "/log." in key:
                raise S3Error(403, "AccessDenied")

        stage.world.store.fault = fault
        lose(stage, "x")
        await stage.until(
            "its pods go", lambda: not stage.world.server.everything(POD, namespace), MINUTE
        )
        store_is_back(stage)
        statement = await sealed(stage)
        assert logs_of(stage, statement) == []
        assert any("AccessDenied" in each for each in said(statement, "unknown"))

    play(scene)


class Counted(NoFaults):
    """Nothing fails; how often a log was asked for is counted."""

    def __init__(self) -> None:
        self.asked = 0

    def request(self, asked: Asked) -> Fault:
        """Count what is asked for."""
        self.asked += asked.subresource == "log"
        return NOTHING


def test_the_log_of_a_lost_run_is_read_once_however_long_its_seal_takes() -> None:
    faults = Counted()

    async def scene(stage: Stage) -> None:
        ends_after(stage, 20.0)

        def fault(action: str, _: str, key: str) -> None:
            if action == "s3:PutObject" and key.endswith(STATEMENT_NAME):
                raise S3Error(403, "AccessDenied")

        stage.world.store.fault = fault
        stage.declare()
        await stage.until(
            "it is over", lambda: (stage.status().get("run") or {}).get("completionTime"), MINUTE
        )
        namespace = str(stage.status()["namespace"])
        await stage.sleep(MINUTE)
        before = faults.asked
        lose(stage, "x")
        await stage.sleep(10 * MINUTE)
        (pod,) = stage.world.server.everything(POD, namespace)
        containers = [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]
        assert faults.asked - before == len(containers)
        store_is_back(stage)
        statement = await sealed(stage)
        assert outcome_of(statement) == ("Succeeded", reasons.RUN_SUCCEEDED)
        ((_, body),) = logs_of(stage, statement)
        assert body.endswith(b"ends\n")

    play(scene, faults=faults)
