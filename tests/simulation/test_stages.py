"""A run of several stages: each begins in its turn, and counts for how the run ends."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.kube.kinds import CONFIG_MAP, EXPERIMENT, JOB, JOB_SET, NAMESPACE, POD, SECRET
from simulation.api_kinds import SERVED
from simulation.api_server import Asked, Change, Refused
from simulation.stage import Stage, play
from simulation.test_as_bound import UNREADABLE, bend
from simulation.test_ends import outcome_of, statements
from simulation.test_evidence import metadata_of
from simulation.test_intruders import ENFORCE, OF_THE_TEAM, label, start
from simulation.test_leakage import roles, two_pins
from simulation.test_orphans import lose
from simulation.world import BUCKET, TEAM

Json = dict[str, Any]
MINUTE = 60.0
PROGRAM: Json = {"image": "trainer", "command": ["python", "-m", "work"]}
FIT: Json = {"name": "fit", **PROGRAM}
SCORE: Json = {"name": "score", "needs": ["fit"], **PROGRAM}


def stages_of(stage: Stage) -> dict[str, Json]:
    return {each["name"]: each for each in (stage.status().get("run") or {}).get("stages") or ()}


def phases(stage: Stage) -> dict[str, str]:
    return {name: each.get("phase", "Pending") for name, each in stages_of(stage).items()}


def pods(stage: Stage) -> list[Json]:
    namespace = stage.status().get("namespace")
    return stage.world.server.everything(POD, namespace) if namespace else []


def stage_of(pod: Json) -> str:
    return str(pod["metadata"]["labels"].get(names.LABEL_STAGE, ""))


def ends(stage: Stage, **by_stage: tuple[float, bool]) -> None:
    stage.world.actors.run_ends = lambda pod: by_stage[stage_of(pod)]


def test_a_stage_begins_when_those_that_it_needs_are_over_and_all_is_sealed() -> None:
    async def scene(stage: Stage) -> None:
        ends(stage, fit=(30.0, True), score=(30.0, True))
        stage.declare(stages=[{**FIT, "workers": 2}, SCORE])
        await stage.until("it runs", lambda: phases(stage).get("fit") == "Running", 5 * MINUTE)
        assert phases(stage) == {"fit": "Running", "score": "Pending"}
        await stage.until("both run", lambda: len(pods(stage)) == 2, MINUTE)
        assert {stage_of(pod) for pod in pods(stage)} == {"fit"}
        await stage.until("the next", lambda: phases(stage)["score"] == "Running", 5 * MINUTE)
        assert phases(stage)["fit"] == "Succeeded"
        said = "JobSet `glovebox-run` is running `score`: 1 of 2 stages succeeded"
        await stage.until("it says so", lambda: stage.condition("Succeeded")["message"] == said)
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 10 * MINUTE)
        run = stage.status()["run"]
        assert (run["outcome"], run["attempts"]) == ("Succeeded", 3)
        assert run["message"] == "the run succeeded: 2 stages, 3 pods"
        assert phases(stage) == {"fit": "Succeeded", "score": "Succeeded"}
        assert stages_of(stage)["fit"]["completionTime"] <= stages_of(stage)["score"]["startTime"]
        (statement,) = statements(stage)
        attempts = metadata_of(statement)["glovebox_attempts"]
        assert [each["stage"] for each in attempts] == ["fit", "fit", "score"]

    play(scene)


def test_a_run_fails_with_its_first_stage_that_failed_for_good() -> None:
    async def scene(stage: Stage) -> None:
        ends(stage, fit=(10.0, False), beside=(600.0, True), score=(1.0, True))
        stage.declare(
            stages=[{**FIT, "retries": 1}, {"name": "beside", **PROGRAM}, SCORE],
        )
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 10 * MINUTE)
        run = stage.status()["run"]
        assert (run["outcome"], run["reason"], run["exitCode"]) == ("Failed", "RunFailed", 1)
        assert run["message"].startswith("stage `fit`: container `run` ended with exit code 1")
        assert phases(stage)["fit"] == "Failed"
        assert stages_of(stage)["fit"]["attempts"] == 2
        assert phases(stage)["score"] == "Pending"
        namespace = stage.status()["namespace"]
        assert not stage.there(JOB, namespace, names.stage_job("score"))
        running = [each for each in pods(stage) if each["status"].get("phase") == "Running"]
        assert not running, "nothing writes behind a seal"

    play(scene)


def test_stopping_takes_the_whole_run_away() -> None:
    async def scene(stage: Stage) -> None:
        ends(stage, fit=(900.0, True), score=(1.0, True))
        stage.declare(stages=[{**FIT, "workers": 2}, SCORE])
        await stage.until("it runs", lambda: phases(stage).get("fit") == "Running", 5 * MINUTE)
        namespace = stage.status()["namespace"]
        stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"lifecycle": {"desired": "Frozen"}}})
        await stage.until("it ended", lambda: stage.status()["run"].get("outcome"), 5 * MINUTE)
        assert stage.status()["run"]["reason"] == reasons.RUN_STOPPED
        await stage.until("all is gone", lambda: not pods(stage), MINUTE)
        assert not stage.there(JOB_SET, namespace, names.RUN_JOB)
        assert not stage.there(JOB, namespace, names.stage_job("fit"))

    play(scene)


def test_a_run_that_is_deleted_on_the_way_is_sealed_as_abandoned() -> None:
    async def scene(stage: Stage) -> None:
        ends(stage, fit=(900.0, True), score=(1.0, True))
        stage.declare(stages=[FIT, SCORE], lifecycle={"deletionPolicy": "Delete"})
        await stage.until("it runs", lambda: phases(stage).get("fit") == "Running", 5 * MINUTE)
        await stage.sleep(MINUTE)  # its pod was seen
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it is gone", lambda: stage.world.experiment("x") is None, 30 * MINUTE)
        (statement,) = statements(stage)
        attempts = metadata_of(statement)["glovebox_attempts"]
        assert [each["stage"] for each in attempts] == ["fit"]

    play(scene)


@pytest.mark.parametrize("wait", [0.0, 0.01, 0.02, 0.04, 0.08])
@pytest.mark.parametrize("how", ["deleted", "sealed"])
def test_a_pod_that_comes_in_while_its_run_is_ended_is_an_attempt(how: str, wait: float) -> None:
    async def scene(stage: Stage) -> None:
        made = set[str]()

        def on_change(change: Change) -> None:
            if change.served.kind == POD and change.old is None and change.new is not None:
                made.update({change.new["metadata"]["name"]} if stage_of(change.new) else ())

        def no_pods_where_it_is_closed(asked: Asked) -> None:
            """Refuse a pod, as the chart's guard does."""
            if asked.verb == "create" and asked.kind == POD:
                live = stage.world.server.peek(NAMESPACE, None, asked.namespace)
                state = ((live or {}).get("metadata") or {}).get("labels", {})[names.LABEL_STATE]
                if state != names.STATE_OPEN:
                    raise Refused(403, "Forbidden", "nothing may start here any more (guard)")

        stage.world.server.on_change.append(on_change)
        stage.world.server.admission.append(no_pods_where_it_is_closed)
        ends(stage, fit=(900.0, True), score=(1.0, True))
        stage.declare(stages=[FIT, SCORE], lifecycle={"deletionPolicy": "Delete"})
        await stage.until("it runs", lambda: phases(stage).get("fit") == "Running", 5 * MINUTE)
        await stage.sleep(wait)
        if how == "deleted":
            stage.world.remove(EXPERIMENT, TEAM, "x")
        else:
            patch = {"spec": {"lifecycle": {"desired": "Sealed"}}}
            stage.world.edit(EXPERIMENT, TEAM, "x", patch)
        await stage.until("it is sealed", lambda: statements(stage), 30 * MINUTE)
        (statement,) = statements(stage)
        attempts = metadata_of(statement)["glovebox_attempts"]
        assert {each["name"] for each in attempts} == made

    play(scene)


@pytest.mark.parametrize("how", ["its Experiment is lost", "it cannot be read and is deleted"])
def test_what_ended_while_nobody_looked_is_sealed_as_its_jobs_say(how: str) -> None:
    """Nothing but JobSet and Jobs tells: the status of the Experiment does not."""

    async def scene(stage: Stage) -> None:
        ends(stage, fit=(60.0, True), score=(60.0, True))
        stage.declare(stages=[FIT, SCORE], lifecycle={"deletionPolicy": "Delete"})
        await stage.until("it runs", lambda: phases(stage).get("fit") == "Running", 5 * MINUTE)
        await stage.process.kill()
        await stage.sleep(10 * MINUTE)
        if how == "its Experiment is lost":
            lose(stage, "x")
        else:
            await bend(stage, UNREADABLE)
            stage.world.remove(EXPERIMENT, TEAM, "x")
        stage.process.start()
        await stage.until("it is sealed", lambda: statements(stage), 60 * MINUTE)
        (statement,) = statements(stage)
        assert outcome_of(statement)[0] == "Succeeded"
        attempts = metadata_of(statement)["glovebox_attempts"]
        assert [each["stage"] for each in attempts] == ["fit", "score"]

    play(scene)


def test_without_jobset_nothing_is_bound_until_it_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene(stage: Stage) -> None:
        ends(stage, fit=(5.0, True), score=(5.0, True))
        where = (JOB_SET.api_version, JOB_SET.plural)
        served = SERVED[where]
        monkeypatch.delitem(SERVED, where)
        stage.declare(stages=[FIT, SCORE])
        await stage.until(
            "it is told",
            lambda: stage.condition("Ready").get("reason") == reasons.JOB_SET_MISSING,
            MINUTE,
        )
        assert "install JobSet" in stage.condition("Ready")["message"]
        assert not stage.status().get("digest")
        monkeypatch.setitem(SERVED, where, served)
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 10 * MINUTE)
        assert stage.status()["run"]["outcome"] == "Succeeded"

    play(scene)


def test_without_jobset_any_more_a_run_that_is_bound_waits_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene(stage: Stage) -> None:
        ends(stage, fit=(5.0, True), score=(5.0, True))
        where = (JOB_SET.api_version, JOB_SET.plural)
        served = SERVED[where]
        stage.declare(stages=[FIT, SCORE])
        await stage.until("it is bound", lambda: stage.status().get("digest"), MINUTE)
        assert not stage.status().get("run")
        monkeypatch.delitem(SERVED, where)
        await stage.until(
            "it is told",
            lambda: stage.condition("Succeeded").get("reason") == reasons.JOB_SET_MISSING,
            MINUTE,
        )
        assert "install JobSet" in stage.condition("Succeeded")["message"]
        monkeypatch.setitem(SERVED, where, served)
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 10 * MINUTE)
        assert stage.status()["run"]["outcome"] == "Succeeded"

    play(scene)


def granted(stage: Stage, secret: str, file: str) -> dict[str, set[str]]:
    """Return what the session in a file of a Secret may do, by what it asks, and where."""
    namespace = stage.status()["namespace"]
    live = stage.world.server.peek(SECRET, namespace, secret)
    assert live is not None
    text = base64.b64decode(live["data"][file]).decode()
    token = text.partition("aws_session_token = ")[2].strip()
    policy = stage.world.store.sessions[token].policy
    assert policy is not None
    found: dict[str, set[str]] = {}
    for each in policy["Statement"]:
        for action in each["Action"] if each["Effect"] == "Allow" else ():
            found.setdefault(action, set()).update(each["Resource"])
    return found


def test_test_data_are_given_to_the_stage_that_names_them_and_to_no_other() -> None:
    async def scene(stage: Stage) -> None:
        ends(stage, fit=(60.0, True), score=(60.0, True))
        await two_pins(stage, shared=False)
        stage.declare(inputs=roles(), stages=[FIT, {**SCORE, "inputs": ["test"]}])
        await stage.until("it runs", lambda: phases(stage).get("fit") == "Running", 5 * MINUTE)
        secret = names.INPUTS_CREDENTIALS_SECRET
        fit = granted(stage, secret, "fit.primary.credentials")["s3:GetObject"]
        score = granted(stage, secret, "score.primary.credentials")["s3:GetObject"]
        assert any("/train/" in each or "set/" in each for each in fit)
        assert not any("later/" in each for each in fit)
        assert any("later/" in each for each in score)
        assert not any("/set/" in each for each in score)
        plans = stage.world.server.peek(
            CONFIG_MAP, stage.status()["namespace"], names.INPUTS_CONFIG_MAP
        )
        assert plans is not None
        told = {
            file: [each["name"] for each in orjson.loads(text)["datasets"]]
            for file, text in plans["data"].items()
        }
        assert told == {"fit.inputs.json": ["train"], "score.inputs.json": ["test"]}
        sheet = {each["type"]: each for each in stage.status()["leakage"]}
        assert sheet["TestDataInTraining"]["level"] == "Proved"

    play(scene)


def test_a_stage_writes_in_its_own_place_and_reads_what_it_needs() -> None:
    async def scene(stage: Stage) -> None:
        ends(stage, fit=(60.0, True), score=(60.0, True))
        uid = stage.declare(stages=[FIT, SCORE])["metadata"]["uid"]
        await stage.until("it runs", lambda: phases(stage).get("fit") == "Running", 5 * MINUTE)
        secret = names.CREDENTIALS_SECRET
        fit = granted(stage, secret, "fit.credentials")
        score = granted(stage, secret, "score.credentials")
        own = names.artifact_prefix(TEAM, "x", uid)
        assert {each.partition(":::")[2] for each in fit["s3:PutObject"]} == {
            f"{BUCKET}/{own}fit/*"
        }
        assert fit["s3:GetObject"] == fit["s3:PutObject"]
        assert score["s3:GetObject"] == score["s3:PutObject"] | fit["s3:PutObject"]
        assert not score["s3:PutObject"] & fit["s3:PutObject"]

    play(scene)


def test_what_no_stage_names_is_refused_with_the_cure() -> None:
    async def scene(stage: Stage) -> None:
        await two_pins(stage, shared=False)
        stage.declare(inputs=roles(), stages=[FIT])
        await stage.until(
            "it is refused", lambda: stage.condition("Ready").get("reason") == "InvalidSpec", MINUTE
        )
        message = stage.condition("Ready")["message"]
        assert message.startswith("input `test` has the role test")
        assert "write it into `inputs` of the stage that evaluates" in message
        assert not stage.status().get("digest")

    play(scene)


def test_a_stage_that_needs_more_than_a_session_can_name_is_refused_with_its_field() -> None:
    """Before anything is bound: such a run would wait for its credentials for ever."""

    async def scene(stage: Stage) -> None:
        long = "x" * 200
        first = [{"name": name, **PROGRAM} for name in ("a", "b", "c")]
        stage.declare(long, stages=[*first, {"name": "all", "needs": ["a", "b", "c"], **PROGRAM}])
        await stage.until(
            "it is refused",
            lambda: stage.condition("Ready", long).get("reason") == "PolicyTooLong",
            MINUTE,
        )
        message = stage.condition("Ready", long)["message"]
        assert message.startswith("spec.stages[all].needs: the session policy has")
        assert message.endswith("or let the stage need fewer others")
        assert not stage.status(long).get("digest")

    play(scene)


def test_who_came_in_beside_the_stages_goes_and_they_stay() -> None:
    async def scene(stage: Stage) -> None:
        ends(stage, fit=(900.0, True), score=(1.0, True))
        stage.declare(stages=[{**FIT, "workers": 2}, SCORE])
        await stage.until("both run", lambda: len(pods(stage)) == 2, 5 * MINUTE)
        own = sorted(pod["metadata"]["name"] for pod in pods(stage))
        stage.world.actors.run_ends = lambda _: (900.0, True)
        namespace = stage.status()["namespace"]
        label(stage, namespace, ENFORCE, None)
        owner = {"apiVersion": "batch/v1", "kind": "Job", "controller": True, "uid": "another"}
        theirs = {**owner, "name": names.stage_job("fit")}
        labels = {names.LABEL_MANAGED_BY: names.MANAGED_BY}
        start(stage, namespace, "forged", OF_THE_TEAM, labels=labels, ownerReferences=[theirs])
        await stage.until("it is gone", lambda: not stage.there(POD, namespace, "forged"), MINUTE)
        assert sorted(pod["metadata"]["name"] for pod in pods(stage)) == own

    play(scene)
