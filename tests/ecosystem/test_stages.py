"""A run of several stages with the operator, JobSet's controller, the guards and the store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.cluster import Cluster
from support.jobset import running_jobset
from support.kubelet import end_pod
from support.operator_process import Team, experiment_spec
from support.run_credentials import session_in
from support.stages import Stages
from support.waiting import eventually

pytestmark = pytest.mark.timeout(300)
PROGRAM = {"image": "trainer", "command": ["work"]}
FIT = {"name": "fit", "workers": 2, **PROGRAM}
SCORE = {"name": "score", "needs": ["fit"], "inputs": ["final"], **PROGRAM}
INPUTS = "glovebox-inputs-credentials"


@pytest.fixture(scope="module")
def waiting(cluster: Cluster, platform: Team) -> dict[str, Any]:
    """What an Experiment says that was declared before JobSet was installed."""
    del platform
    team = Team(cluster, "team-early")
    team.declare("Experiment", "early", experiment_spec("standard", "primary", stages=[FIT]))
    return team.expect("Experiment", "early", status="False", reason="JobSetMissing")


@pytest.fixture(scope="module")
def jobset(
    cluster: Cluster, waiting: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """JobSet's controller."""
    del waiting
    with running_jobset(cluster, tmp_path_factory.mktemp("jobset")):
        yield


def begun(team: Team, name: str, *stages: dict[str, Any], **changes: Any) -> Stages:
    spec = experiment_spec("standard", "primary", stages=list(stages), **changes)
    team.declare("Experiment", name, spec)
    made = team.expect("Experiment", name, timeout=60)
    return Stages(team.api, made["status"]["namespace"])


def phases(team: Team, name: str) -> dict[str, str]:
    run = team.read("Experiment", name)["status"].get("run") or {}
    return {each["name"]: each.get("phase", "Pending") for each in run.get("stages", ())}


def refuses(call: Any, **asked: Any) -> bool:
    try:
        call(**asked)
    except ClientError as error:
        return error.response["Error"]["Code"] == "AccessDenied"
    return False


@pytest.mark.usefixtures("jobset")
def test_each_stage_has_its_own_data_and_results_and_the_next_begins_by_itself(team: Team) -> None:
    bucket = team.bucket({"train/a.csv": b"1\n", "final/b.csv": b"2\n"})
    for name, prefix in (("fit-data", "train/"), ("final-data", "final/")):
        source = {"prefix": {"bucket": bucket, "prefix": prefix}}
        team.declare("DatasetPin", name, {"storeRef": {"name": "primary"}, "source": source})
        team.expect("DatasetPin", name, timeout=60)
    datasets = [
        {"name": "train", "pinRef": {"name": "fit-data"}, "role": "train"},
        {"name": "final", "pinRef": {"name": "final-data"}, "role": "holdout"},
    ]
    stages = begun(team, "staged", FIT, SCORE, inputs={"datasets": datasets})
    workers = stages.pods("fit", 2)
    assert stages.jobs() == ["glovebox-run-fit-0"], "the next one waits"

    store, namespace = team.cluster.store, stages.namespace
    reads = {
        stage: store.client(
            session=session_in(team, namespace, INPUTS, f"{stage}.primary.credentials")
        )
        for stage in ("fit", "score")
    }
    assert reads["fit"].get_object(Bucket=bucket, Key="train/a.csv")["Body"].read() == b"1\n"
    assert refuses(reads["fit"].get_object, Bucket=bucket, Key="final/b.csv")
    assert reads["score"].get_object(Bucket=bucket, Key="final/b.csv")["Body"].read() == b"2\n"
    assert refuses(reads["score"].get_object, Bucket=bucket, Key="train/a.csv")

    made = team.read("Experiment", "staged")
    place, prefix = made["status"]["artifacts"]["uri"].removeprefix("s3://").split("/", 1)
    writes = {
        stage: store.client(session=session_in(team, namespace, file=f"{stage}.credentials"))
        for stage in ("fit", "score")
    }
    writes["fit"].put_object(Bucket=place, Key=f"{prefix}fit/model", Body=b"weights")
    assert refuses(writes["fit"].put_object, Bucket=place, Key=f"{prefix}score/auc", Body=b"1.0")
    assert refuses(writes["score"].put_object, Bucket=place, Key=f"{prefix}fit/model", Body=b"x")
    model = writes["score"].get_object(Bucket=place, Key=f"{prefix}fit/model")
    assert model["Body"].read() == b"weights"
    writes["score"].put_object(Bucket=place, Key=f"{prefix}score/auc", Body=b"0.8")

    for pod in workers:
        end_pod(team.api, pod, 0)
    (scorer,) = stages.pods("score")
    eventually(
        lambda: phases(team, "staged") == {"fit": "Succeeded", "score": "Running"} or None,
        what="the status says how far each is",
    )
    end_pod(team.api, scorer, 0)
    sealed = team.expect("Experiment", "staged", "Sealed", timeout=120)
    assert sealed["status"]["run"]["outcome"] == "Succeeded"
    assert sealed["status"]["run"]["attempts"] == 3
    assert {pod["stage"] for pod in sealed["status"]["run"]["pods"]} == {"fit", "score"}
    assert sealed["status"]["seal"]["objects"] == 2


@pytest.mark.usefixtures("jobset")
def test_a_stage_that_fails_is_named_and_nothing_is_left_running(team: Team) -> None:
    stages = begun(team, "failing", FIT, {**SCORE, "inputs": []})
    workers = stages.pods("fit", 2)
    end_pod(team.api, workers[0], 3)
    failed = team.expect("Experiment", "failing", "Succeeded", status="False", timeout=60)
    message = failed["status"]["run"]["message"]
    assert message.startswith("stage `fit`: container `run` ended with exit code 3")
    sealed = team.expect("Experiment", "failing", "Sealed", timeout=120)
    assert phases(team, "failing") == {"fit": "Failed", "score": "Pending"}
    assert sealed["status"]["run"]["exitCode"] == 3


@pytest.mark.usefixtures("jobset")
def test_freezing_takes_the_jobset_and_all_that_it_made(team: Team) -> None:
    stages = begun(team, "stopped", FIT, {**SCORE, "inputs": []})
    stages.pods("fit", 2)
    frozen = {"spec": {"lifecycle": {"desired": "Frozen"}}}
    team.api.patch(team.path("Experiment", "stopped"), frozen)
    stopped = team.expect("Experiment", "stopped", "Succeeded", status="False", timeout=60)
    assert stopped["status"]["run"]["reason"] == "RunStopped"
    eventually(
        lambda: (team.api.find(stages.path) is None and not stages.jobs()) or None,
        what="nothing of the run is left",
        timeout=60,
    )


@pytest.mark.usefixtures("jobset")
def test_what_waited_for_jobset_goes_on_when_it_is_there(cluster: Cluster) -> None:
    team = Team(cluster, "team-early")
    made = team.expect("Experiment", "early", timeout=120)
    Stages(team.api, made["status"]["namespace"]).pods("fit", 2)
