"""When the log of a run is read: before its pod goes, again when it has ended, and never first."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from glovebox.kube.kinds import POD
from simulation.api_server import Asked
from simulation.api_transport import NOTHING, Fault, NoFaults
from simulation.stage import Stage, play
from simulation.test_ends import MINUTE, ends_after, running, statements
from simulation.test_evidence import logs_of
from simulation.test_held import HELD, LET_GO
from simulation.test_seal_order import wants

Json = dict[str, Any]


class Hanging(NoFaults):
    """A kubelet that does not answer for a minute."""

    def request(self, asked: Asked) -> Fault:
        """Let what goes through it hang."""
        return Fault("lost", seconds=MINUTE) if asked.subresource == "log" else NOTHING


def the_pod(stage: Stage, namespace: str) -> Json:
    (pod,) = stage.world.server.everything(POD, namespace)
    found: Json = pod
    return found


async def sealed(stage: Stage) -> Json:
    wants(stage, "Sealed")
    await stage.until("it is sealed", lambda: stage.status().get("seal"), 15 * MINUTE)
    (statement,) = statements(stage)
    return statement


def test_a_kubelet_that_hangs_delays_no_record_of_the_end_of_a_run() -> None:
    async def scene(stage: Stage) -> None:
        ends_after(stage, MINUTE)
        stage.declare()
        await stage.until(
            "it ended", lambda: (stage.status().get("run") or {}).get("completionTime"), 5 * MINUTE
        )
        ended = datetime.fromisoformat(stage.status()["run"]["completionTime"])
        assert (stage.world.clock.now() - ended).total_seconds() < 10.0

    play(scene, faults=Hanging())


def test_the_log_of_a_pod_that_somebody_deletes_is_read_before_it_goes() -> None:
    async def scene(stage: Stage) -> None:
        namespace = await running(stage)
        first = the_pod(stage, namespace)["metadata"]
        end_pod = stage.world.actors._end_pod

        async def slowly(pod: Json) -> None:
            await stage.sleep(20.0)
            await end_pod(pod)

        stage.world.actors._end_pod = slowly  # type: ignore[method-assign]
        stage.world.remove(POD, namespace, first["name"])
        await stage.sleep(MINUTE)
        assert the_pod(stage, namespace)["metadata"]["uid"] != first["uid"]
        found = {told["podUid"] for told, _ in logs_of(stage, await sealed(stage))}
        assert first["uid"] in found

    play(scene)


def test_a_log_that_was_read_while_its_pod_ran_is_read_again_when_it_has_ended() -> None:
    async def scene(stage: Stage) -> None:
        namespace = await running(stage)
        pod = the_pod(stage, namespace)
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        stage.world.edit(POD, namespace, name, HELD)
        stage.world.remove(POD, namespace, name)
        await stage.sleep(10.0)
        stage.world.server.logs[uid] += "its last words\n"
        ended = {"state": {"terminated": {"exitCode": 143, "finishedAt": "2026-03-01T12:01:00Z"}}}
        statuses = [{**ended, "name": each["name"]} for each in pod["spec"]["containers"]]
        stage.world.server.patch(
            Asked("kubelet", "patch", POD, namespace, name, "status"),
            {"status": {"phase": "Failed", "containerStatuses": statuses}},
            "application/merge-patch+json",
        )
        await stage.sleep(MINUTE)
        stage.world.edit(POD, namespace, name, LET_GO)
        statement = await sealed(stage)
        ((told, body),) = [each for each in logs_of(stage, statement) if each[0]["podUid"] == uid]
        assert told["final"] == "true"
        assert body.endswith(b"its last words\n")

    play(scene)
