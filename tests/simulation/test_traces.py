"""What an Experiment's life looks like to whoever collects traces."""

from __future__ import annotations

from collections import Counter

from glovebox.kube.kinds import DATASET_PIN
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, ends_after, store_is_away, store_is_back
from simulation.world import TEAM, pin_spec
from support.grants import ready
from support.kept_spans import kept_spans


def test_the_life_of_an_experiment_is_told_once_however_many_looks_it_takes() -> None:
    async def scene(stage: Stage) -> None:
        ends_after(stage, 300.0)
        stage.declare()
        await stage.until("the run is recorded", lambda: stage.status().get("run"))
        store_is_away(stage)
        await stage.sleep(900.0)
        store_is_back(stage)
        await stage.until("sealed", lambda: stage.status().get("seal"), HOUR)
        await stage.sleep(HOUR)
        uid.append(stage.world.experiment()["metadata"]["uid"])  # type: ignore[index]

    uid: list[str] = []
    with kept_spans() as spans:
        play(scene)
    lives = {name: known for name, known in spans if "trace" in known}

    counted = Counter(name for name, known in spans if "trace" in known)
    assert counted == {"provision": 1, "run": 1, "seal": 1, "experiment": 1}
    assert {known["trace"] for known in lives.values()} == {uid[0].replace("-", "")}
    assert lives["run"]["glovebox.run.outcome"] == "Succeeded"
    assert 300 <= float(lives["run"]["seconds"]) < 400
    assert float(lives["seal"]["seconds"]) > 500, "the store was away"
    parts = (lives[name]["seconds"] for name in ("provision", "run", "seal"))
    assert float(lives["experiment"]["seconds"]) >= sum(map(float, parts))
    assert str(lives["seal"]["glovebox.digest"]).startswith("sha256:")


def test_what_the_fetcher_of_a_run_took_is_told_once_for_each_pod() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.declare(DATASET_PIN, "mine", pin_spec())
        await stage.until("it is Ready", lambda: ready(stage, DATASET_PIN, "mine", TEAM))
        data = {"datasets": [{"name": "a", "pinRef": {"name": "mine"}, "role": "train"}]}
        uid.append(stage.declare(inputs=data)["metadata"]["uid"])
        await stage.until("sealed", lambda: stage.status().get("seal"), HOUR)
        await stage.sleep(HOUR)
        pods.extend(each["name"] for each in stage.status()["run"]["pods"])

    uid: list[str] = []
    pods: list[str] = []
    with kept_spans() as spans:
        play(scene)
    delivered = [known for name, known in spans if name == "deliver"]

    assert [each["k8s.pod.name"] for each in delivered] == pods
    assert len(pods) == 1
    assert delivered[0]["glovebox.delivery.exit.code"] == 0
    assert delivered[0]["trace"] == uid[0].replace("-", "")


def test_looks_phases_and_tasks_are_told_with_what_they_came_to() -> None:
    async def scene(stage: Stage) -> None:
        stage.declare()
        await stage.until("sealed", lambda: stage.status().get("seal"), HOUR)

    with kept_spans() as spans:
        play(scene)
    looks = [known for name, known in spans if name == "reconcile"]
    ran = {(name, known["glovebox.verdict"]) for name, known in spans if name == "phase run"}

    assert {known["glovebox.kind"] for known in looks} >= {"Experiment", "ObjectStore"}
    assert all("glovebox.uid" in known for known in looks)
    assert ran >= {("phase run", "waiting for"), ("phase run", "done")}
    assert {name for name, _ in spans if name.startswith("task ")} >= {"task seal"}
    assert ("POST jobs", {"http.response.status_code": 201}) in spans
