"""Runs that wait in a queue of Kueue: its own controller admits them through our guards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from support.api import path_of
from support.cluster import Cluster
from support.jobset import running_jobset
from support.kubelet import end_pod
from support.kueue import CONTROLLER, GROUP, VERSION, running_kueue
from support.operator_process import Team, experiment_spec, profile_spec
from support.stages import Stages
from support.unhindered import components_unhindered
from support.waiting import eventually

Json = dict[str, Any]
pytestmark = pytest.mark.timeout(600)
PROGRAM: Final = {"image": "trainer", "command": ["work"]}
QUEUE: Final = f"/apis/{VERSION}/clusterqueues/gpus"
TAINT: Final = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
MINUTES: Final = 120


@pytest.fixture(scope="module")
def early(cluster: Cluster, platform: Team) -> Team:
    """An Experiment that was declared before Kueue was installed."""
    queue = {"clusterQueue": "gpus", "priorityClassName": "urgent"}
    platform.declare("IsolationProfile", "queued", profile_spec(queue=queue))
    platform.expect("IsolationProfile", "queued")
    team = Team(cluster, "team-queued-early")
    team.declare("Experiment", "early", experiment_spec("queued", "primary", stages=[fit()]))
    team.expect("Experiment", "early", status="False", reason="QueueMissing")
    return team


@pytest.fixture(scope="module")
def kueue(
    cluster: Cluster, early: Team, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Kueue's controller and JobSet's, a queue without any room, and nodes that it leads to."""
    del early
    api, folder = cluster.api, tmp_path_factory.mktemp("kueue")
    with (
        components_unhindered(cluster),
        running_jobset(cluster, folder / "jobset"),
        running_kueue(cluster, folder / "kueue"),
    ):
        flavor = {"nodeLabels": {"pool": "gpus"}, "tolerations": [TAINT]}
        api.create(f"/apis/{VERSION}/resourceflavors", thing("ResourceFlavor", "gpus", flavor))
        urgent = {**thing("WorkloadPriorityClass", "urgent"), "value": 1000}
        api.create(f"/apis/{VERSION}/workloadpriorityclasses", urgent)
        spec = {"namespaceSelector": {}, "resourceGroups": [room(0)]}
        api.create(f"/apis/{VERSION}/clusterqueues", thing("ClusterQueue", "gpus", spec))
        yield


@pytest.fixture
def full(cluster: Cluster, kueue: None) -> Iterator[None]:
    """The queue has no room when a test begins, and takes in runs."""
    del kueue
    yield
    change(cluster, resourceGroups=[room(0)], stopPolicy="None")


def thing(kind: str, name: str, spec: Json | None = None) -> Json:
    made = {"apiVersion": VERSION, "kind": kind, "metadata": {"name": name}}
    return made | ({"spec": spec} if spec is not None else {})


def room(cores: int) -> Json:
    """Return what a queue has: so many cores, and as much else as anybody wants."""
    most = {"cpu": str(cores), "memory": "1Ti", "ephemeral-storage": "1Ti"}
    resources = [{"name": name, "nominalQuota": amount} for name, amount in most.items()]
    flavors = [{"name": "gpus", "resources": resources}]
    return {"coveredResources": list(most), "flavors": flavors}


def change(cluster: Cluster, **spec: Any) -> None:
    cluster.api.patch(QUEUE, {"spec": spec})


def fit(workers: int = 1) -> Json:
    return {"name": "fit", "workers": workers, **PROGRAM}


def declare(team: Team, name: str, *stages: Json) -> Stages:
    """Declare a run, and wait until Kueue says that it has no room for it."""
    team.declare("Experiment", name, experiment_spec("queued", "primary", stages=list(stages)))
    made = team.expect("Experiment", name, timeout=60)
    waits = team.expect("Experiment", name, "Succeeded", status="Unknown", reason="Queued")
    assert condition(waits, "Admitted")["status"] == "False"
    return Stages(team.api, made["status"]["namespace"])


def condition(experiment: Json, name: str) -> Json:
    found: Json = next(each for each in experiment["status"]["conditions"] if each["type"] == name)
    return found


def run_of(team: Team, name: str) -> Json:
    run: Json = team.read("Experiment", name)["status"].get("run") or {}
    return run


def pods(stages: Stages) -> list[Json]:
    found = stages.api.list(path_of("v1", "pods", namespace=stages.namespace))
    return [pod for pod in found if pod["metadata"]["name"].startswith("glovebox-run")]


def running(stages: Stages, number: int = 1) -> list[Json]:
    """Wait until a run has so many pods, on the nodes of the queue; return them."""

    def look() -> list[Json]:
        found = [pod for pod in pods(stages) if not pod["metadata"].get("deletionTimestamp")]
        assert len(found) == number, [pod["metadata"]["name"] for pod in found]
        return found

    found = eventually(look, what=f"the run has {number} pods", timeout=MINUTES)
    for pod in found:
        assert pod["spec"]["nodeSelector"] == {"pool": "gpus"}
        assert TAINT in pod["spec"]["tolerations"]
    return found


def gone(stages: Stages) -> None:
    eventually(lambda: not pods(stages) or None, what="its pods are gone", timeout=MINUTES)


@pytest.mark.usefixtures("full")
def test_what_waited_for_kueue_goes_on_when_it_is_there(early: Team) -> None:
    made = early.expect("Experiment", "early", timeout=MINUTES)
    waits = early.expect("Experiment", "early", "Succeeded", status="Unknown", reason="Queued")
    assert condition(waits, "Admitted")["status"] == "False"
    namespace = made["status"]["namespace"]
    job = early.api.get(path_of("batch/v1", "jobs", namespace=namespace, name="glovebox-run"))
    assert job["metadata"]["labels"][f"{GROUP}/priority-class"] == "urgent"
    (entry,) = early.api.list(path_of(VERSION, "workloads", namespace=namespace))
    assert entry["spec"]["priorityClassRef"]["name"] == "urgent"


@pytest.mark.usefixtures("full")
def test_a_run_begins_when_there_is_room_on_the_nodes_that_kueue_chose(
    cluster: Cluster, team: Team
) -> None:
    stages = declare(team, "waits", fit())

    def why() -> str | None:
        message = str(condition(team.read("Experiment", "waits"), "Admitted")["message"])
        return message if "quota" in message else None

    said = eventually(why, what="Kueue says why", timeout=MINUTES)
    assert said.startswith("the run waits in ClusterQueue `gpus` of Kueue: "), said
    assert not pods(stages)
    change(cluster, resourceGroups=[room(8)])
    (pod,) = running(stages)
    team.expect("Experiment", "waits", "Admitted", timeout=60)
    end_pod(team.api, pod, 0)
    sealed = team.expect("Experiment", "waits", "Sealed", timeout=MINUTES)
    assert sealed["status"]["run"]["outcome"] == "Succeeded"
    assert condition(sealed, "Admitted")["reason"] == "NotQueued"


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_whose_place_is_taken_back_is_tried_again(
    cluster: Cluster, team: Team, workers: int
) -> None:
    stages = declare(team, "evicted", fit(workers))
    change(cluster, resourceGroups=[room(8)])
    running(stages, workers)
    eventually(
        lambda: len(run_of(team, "evicted").get("pods", ())) == workers or None,
        what="the operator saw them",
    )
    change(cluster, stopPolicy="HoldAndDrain")
    evicted = team.expect(
        "Experiment", "evicted", "Succeeded", status="Unknown", reason="Evicted", timeout=MINUTES
    )
    assert "ClusterQueueStopped" in condition(evicted, "Admitted")["message"]
    gone(stages)
    change(cluster, stopPolicy="None")
    for pod in running(stages, workers):
        end_pod(team.api, pod, 0)
    sealed = team.expect("Experiment", "evicted", "Sealed", timeout=MINUTES)
    run = sealed["status"]["run"]
    assert (run["outcome"], run["attempts"], run["evictions"]) == ("Succeeded", 2 * workers, 1)


@pytest.mark.usefixtures("full")
def test_a_run_that_is_stopped_leaves_the_queue(cluster: Cluster, team: Team) -> None:
    stages = declare(team, "stopped", fit(2))
    frozen = {"spec": {"lifecycle": {"desired": "Sealed"}}}
    team.api.patch(team.path("Experiment", "stopped"), frozen)
    sealed = team.expect("Experiment", "stopped", "Sealed", timeout=MINUTES)
    assert sealed["status"]["run"]["reason"] == "RunStopped"
    entries = path_of(VERSION, "workloads", namespace=stages.namespace)
    eventually(
        lambda: not cluster.api.list(entries) or None, what="Kueue let go of it", timeout=MINUTES
    )


@pytest.mark.usefixtures("full")
def test_it_was_the_account_that_the_guards_know(cluster: Cluster) -> None:
    def look() -> bool:
        wrote = {
            (event["user"]["username"], event["objectRef"]["resource"])
            for event in cluster.audit("gbx-")
            if event["verb"] in {"create", "patch", "update"}
            and event.get("userAgent", "").startswith("kueue/")
        }
        assert {(CONTROLLER, "workloads"), (CONTROLLER, "jobs")} <= wrote, wrote
        return True

    assert eventually(look, what="the audit log tells of it")
