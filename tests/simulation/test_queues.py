"""A run waits for its turn in a queue, says so, and fails by nothing that happens there."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.kube.kinds import EXPERIMENT, JOB, LOCAL_QUEUE, POD, QUEUE_ENTRY
from simulation.api_kinds import SERVED
from simulation.api_server import ADMINISTRATOR, Asked, Refused
from simulation.kueue import Kueue
from simulation.stage import Stage, play
from simulation.test_ends import statements
from simulation.test_evidence import metadata_of
from simulation.world import TEAM

Json = dict[str, Any]
MINUTE = 60.0
QUEUE: Json = {"queue": {"clusterQueue": "gpus", "priorityClassName": "urgent"}}


def pods(stage: Stage) -> list[Json]:
    namespace = stage.status().get("namespace")
    found = stage.world.server.everything(POD, namespace) if namespace else []
    return [pod for pod in found if pod["metadata"]["name"].startswith("glovebox-run")]


def waits(stage: Stage, reason: str) -> bool:
    said = [stage.condition(each).get("reason") for each in ("Succeeded", "Admitted")]
    return said == [reason, reason]


async def waiting(stage: Stage) -> str:
    """Declare a run that takes an hour, and return its namespace when it waits in the queue."""
    stage.world.actors.run_ends = lambda _: (3600.0, True)
    stage.declare()
    await stage.until(
        "it waits", lambda: "no room" in stage.condition("Admitted").get("message", "")
    )
    return str(stage.status()["namespace"])


async def running(stage: Stage, kueue: Kueue) -> str:
    namespace = await waiting(stage)
    kueue.admit(namespace)
    await stage.until("it runs", lambda: stage.condition("Succeeded")["reason"] == "Running")
    return namespace


def test_a_run_begins_when_it_is_admitted() -> None:
    async def scene(stage: Stage) -> None:
        kueue = Kueue(stage.world)
        namespace = await waiting(stage)
        assert waits(stage, reasons.QUEUED)
        assert stage.condition("Admitted")["status"] == "False"
        assert stage.condition("Ready")["status"] == "True", "nothing else waits"
        said = "the run waits in ClusterQueue `gpus` of Kueue: no room"
        assert stage.condition("Succeeded")["message"] == said
        job = stage.world.server.peek(JOB, namespace, names.RUN_JOB)
        assert job is not None
        labels = job["metadata"]["labels"]
        assert (labels[names.LABEL_QUEUE], labels[names.LABEL_QUEUE_PRIORITY]) == (
            names.LOCAL_QUEUE,
            "urgent",
        )
        queue = stage.world.server.peek(LOCAL_QUEUE, namespace, names.LOCAL_QUEUE)
        assert queue is not None
        assert queue["spec"] == {"clusterQueue": "gpus"}
        await stage.sleep(30 * MINUTE)
        assert not pods(stage)
        kueue.admit(namespace)
        await stage.until("it runs", lambda: stage.condition("Succeeded")["reason"] == "Running")
        await stage.until("it says so", lambda: stage.condition("Admitted")["status"] == "True")
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 120 * MINUTE)
        assert stage.status()["run"]["outcome"] == "Succeeded"
        assert stage.condition("Admitted")["reason"] == reasons.NOT_QUEUED

    play(scene, profile=QUEUE)


def test_a_run_that_loses_its_place_is_tried_again_and_each_attempt_is_sealed() -> None:
    async def scene(stage: Stage) -> None:
        kueue = Kueue(stage.world)
        namespace = await running(stage, kueue)
        kueue.evict(namespace, "Preempted", "to make room for a workload of the cohort")
        await stage.until("it says so", lambda: waits(stage, reasons.EVICTED))
        said = stage.condition("Succeeded")["message"]
        assert "(Preempted: to make room for a workload of the cohort)" in said, said
        await stage.until("its pod is gone", lambda: not pods(stage))
        await stage.until("it is counted", lambda: stage.status()["run"].get("evictions") == 1)
        kueue.admit(namespace)
        await stage.until("it runs", lambda: stage.condition("Succeeded")["reason"] == "Running")
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 120 * MINUTE)
        run = stage.status()["run"]
        assert (run["outcome"], run["attempts"], run["evictions"]) == ("Succeeded", 2, 1)
        (statement,) = statements(stage)
        assert len(metadata_of(statement)["glovebox_attempts"]) == 2

    play(scene, profile=QUEUE)


def test_while_kueue_is_away_a_run_waits_and_says_so() -> None:
    async def scene(stage: Stage) -> None:
        Kueue(stage.world).is_away = True
        stage.declare()
        await stage.until("it says so", lambda: waits(stage, reasons.QUEUE_UNANSWERED))
        assert "takes no notice of the run" in stage.condition("Succeeded")["message"]
        assert stage.condition("Ready")["status"] == "True"
        assert not stage.status()["run"].get("outcome")

    play(scene, profile=QUEUE)


def test_where_kueue_s_webhook_does_not_answer_the_run_is_created_later() -> None:
    async def scene(stage: Stage) -> None:
        def away(asked: Asked) -> None:
            if asked.verb == "create" and asked.kind == JOB and asked.name == names.RUN_JOB:
                said = 'Internal error occurred: failed calling webhook "mjob.kb.io": refused'
                raise Refused(500, "InternalError", said)

        kueue = Kueue(stage.world)
        stage.world.server.admission.append(away)
        stage.declare()
        await stage.until(
            "it says so",
            lambda: stage.condition("Succeeded").get("reason") == reasons.QUEUE_UNANSWERED,
        )
        assert "as soon as Kueue answers" in stage.condition("Succeeded")["message"]
        assert stage.condition("Ready")["status"] == "True"
        stage.world.server.admission.remove(away)
        await stage.until(
            "it is taken in", lambda: "no room" in stage.condition("Admitted").get("message", "")
        )
        kueue.admit(stage.status()["namespace"])
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 120 * MINUTE)

    play(scene, profile=QUEUE)


def without_kueue(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], Any]:
    taken = {}
    for kind in (LOCAL_QUEUE, QUEUE_ENTRY):
        where = (kind.api_version, kind.plural)
        taken[where] = SERVED[where]
        monkeypatch.delitem(SERVED, where)
    return taken


def test_without_kueue_nothing_is_bound_until_it_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene(stage: Stage) -> None:
        taken = without_kueue(monkeypatch)
        stage.declare()
        await stage.until(
            "it is told", lambda: stage.condition("Ready").get("reason") == reasons.QUEUE_MISSING
        )
        assert "install Kueue" in stage.condition("Ready")["message"]
        assert not stage.status().get("digest")
        for where, served in taken.items():
            monkeypatch.setitem(SERVED, where, served)
        Kueue(stage.world)
        await stage.until("it waits", lambda: waits(stage, reasons.QUEUED))

    play(scene, profile=QUEUE)


def test_kueue_that_is_taken_away_ends_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(stage: Stage) -> None:
        Kueue(stage.world)
        await waiting(stage)
        taken = without_kueue(monkeypatch)
        await stage.until("it is told", lambda: waits(stage, reasons.QUEUE_UNANSWERED))
        assert not stage.status()["run"].get("outcome")
        for where, served in taken.items():
            monkeypatch.setitem(SERVED, where, served)
        await stage.until("it waits again", lambda: waits(stage, reasons.QUEUED))

    play(scene, profile=QUEUE)


def test_a_queue_that_is_deleted_is_there_again_while_a_run_waits() -> None:
    async def scene(stage: Stage) -> None:
        Kueue(stage.world)
        namespace = await waiting(stage)
        asked = Asked(ADMINISTRATOR, "delete", LOCAL_QUEUE, namespace, names.LOCAL_QUEUE)
        stage.world.server.delete(asked, {})
        await stage.until(
            "it is there", lambda: stage.there(LOCAL_QUEUE, namespace, names.LOCAL_QUEUE)
        )

    play(scene, profile=QUEUE)


def test_a_run_that_is_stopped_in_the_queue_never_began() -> None:
    async def scene(stage: Stage) -> None:
        Kueue(stage.world)
        namespace = await waiting(stage)
        patch = {"spec": {"lifecycle": {"desired": "Sealed"}}}
        stage.world.edit(EXPERIMENT, TEAM, "x", patch)
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 10 * MINUTE)
        run = stage.status()["run"]
        assert (run["outcome"], run["reason"]) == ("Failed", reasons.RUN_STOPPED)
        assert not run.get("attempts")
        assert not stage.there(JOB, namespace, names.RUN_JOB)
        assert stage.condition("Admitted")["reason"] == reasons.NOT_QUEUED

    play(scene, profile=QUEUE)


def test_without_stages_there_is_no_queue() -> None:
    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        assert not stage.there(LOCAL_QUEUE, namespace, names.LOCAL_QUEUE)
        assert not stage.condition("Admitted")

    play(scene, profile=QUEUE)


def test_under_a_profile_without_a_queue_nothing_waits() -> None:
    async def scene(stage: Stage) -> None:
        stage.declare()
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 10 * MINUTE)
        namespace = stage.status()["namespace"]
        assert not stage.there(LOCAL_QUEUE, namespace, names.LOCAL_QUEUE)
        assert not stage.condition("Admitted")

    play(scene)
