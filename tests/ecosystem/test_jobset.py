"""JobSet's own controller makes of our JobSet what our guards let it make: all that it wants."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final
from uuid import uuid4

import pytest

from cluster.guards import objects
from cluster.guards.actors import OPERATOR, Kubectl, expect_admitted
from cluster.guards.conftest import CHART, OPERATOR_OUTSIDE, wait_for_guards
from support.cluster import running_cluster
from support.jobset import CONTROLLER, running_jobset
from support.kubelet import end_pod
from support.stages import NAME, StageOf, Stages, jobset_of
from support.unhindered import components_unhindered
from support.waiting import eventually

pytestmark = pytest.mark.timeout(300)
TRAIN: Final = StageOf("train", workers=2)
EVALUATE: Final = StageOf("evaluate", needs=("train",))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """The chart, installed before JobSet, and JobSet's controller; no operator runs.

    When all tests are over, no guard has refused it anything.
    """
    with running_cluster(tmp_path_factory.mktemp("jobset")) as cluster:
        values = {"operator": OPERATOR_OUTSIDE}
        install = ("install", "glovebox", str(CHART), "--namespace=glovebox-system")
        cluster.helm(*install, "--create-namespace", "--values=-", stdin=json.dumps(values))
        kubectl = Kubectl(cluster)
        wait_for_guards(kubectl)
        with (
            running_jobset(cluster, tmp_path_factory.mktemp("controller")),
            components_unhindered(cluster),
        ):
            yield kubectl


@pytest.fixture
def namespace(guarded: Kubectl) -> str:
    """The namespace of an Experiment with a run that has not begun."""
    name = f"gbx-flights-{uuid4().hex[:8]}-abcdefghij"
    walls = objects.walls(name)
    for wall in walls:
        if wall["metadata"]["name"] == "glovebox-snapshot":
            wall["data"]["handMadePods"] = "Refused"
    expect_admitted(guarded.create(OPERATOR, objects.namespace(name), dry_run=False))
    expect_admitted(guarded.create(OPERATOR, objects.together(*walls), dry_run=False))
    # The guards read the snapshot from a cache of their own.
    eventually(
        lambda: guarded.create(OPERATOR, objects.job(name, "glovebox-run")).code == 0 or None,
        what="the guards know the snapshot",
    )
    return name


def begin(guarded: Kubectl, namespace: str, *stages: StageOf) -> Stages:
    made = jobset_of(namespace, stages, objects.pod_spec())
    expect_admitted(guarded.create(OPERATOR, made, dry_run=False))
    return Stages(guarded.cluster.api, namespace)


def end(stages: Stages, pods: list[dict[str, Any]], code: int = 0) -> None:
    for pod in pods:
        end_pod(stages.api, pod, code, container="main")


def by_stage(status: dict[str, Any], count: str) -> dict[str, int]:
    return {stage["name"]: stage[count] for stage in status["replicatedJobsStatus"]}


def test_stages_run_one_after_the_other_and_workers_have_names(
    guarded: Kubectl, namespace: str
) -> None:
    stages = begin(guarded, namespace, TRAIN, EVALUATE)
    workers = stages.pods("train", 2)
    assert stages.jobs() == ["glovebox-run-train-0"]
    assert [(pod["spec"]["hostname"], pod["spec"]["subdomain"]) for pod in workers] == [
        ("glovebox-run-train-0-0", NAME),
        ("glovebox-run-train-0-1", NAME),
    ]
    service = stages.api.get(f"/api/v1/namespaces/{namespace}/services/{NAME}")
    assert service["spec"]["clusterIP"] == "None"
    end(stages, workers)
    end(stages, stages.pods("evaluate"))
    status = stages.expect("Completed")
    assert by_stage(status, "succeeded") == {"train": 1, "evaluate": 1}
    assert stages.jobs() == ["glovebox-run-evaluate-0", "glovebox-run-train-0"]


def test_it_was_the_account_that_the_guards_know(guarded: Kubectl, namespace: str) -> None:
    stages = begin(guarded, namespace, TRAIN)
    stages.pods("train", 2)

    def look() -> bool:
        made = {
            (event["user"]["username"], event["objectRef"]["resource"])
            for event in guarded.cluster.audit(namespace)
            if event["verb"] == "create" and event.get("userAgent", "").startswith("jobset/")
        }
        assert {(CONTROLLER, "jobs"), (CONTROLLER, "services")} <= made, made
        return True

    assert eventually(look, what="the audit log tells of it")


def test_when_a_stage_fails_the_others_are_stopped_and_none_begins(
    guarded: Kubectl, namespace: str
) -> None:
    beside = StageOf("beside")
    stages = begin(guarded, namespace, TRAIN, beside, EVALUATE)
    stages.pods("beside")
    end(stages, stages.pods("train", 2)[:1], code=1)
    status = stages.expect("Failed")
    assert by_stage(status, "failed") == {"train": 1, "beside": 0, "evaluate": 0}
    eventually(
        lambda: stages.jobs() == ["glovebox-run-train-0"] or None,
        what="the Job beside it is deleted",
    )


def test_the_operator_ends_it_whole_by_deleting_the_jobset(
    guarded: Kubectl, namespace: str
) -> None:
    stages = begin(guarded, namespace, TRAIN)
    stages.pods("train", 2)
    guarded.api(OPERATOR).delete(stages.path, propagationPolicy="Background")
    service = f"/api/v1/namespaces/{namespace}/services/{NAME}"
    pods = f"/api/v1/namespaces/{namespace}/pods"
    eventually(
        lambda: (not (stages.jobs() or stages.api.list(pods) or stages.api.find(service))) or None,
        what="nothing is left of it",
        # The garbage collector learns of a new kind within half a minute.
        timeout=120,
    )


def test_a_stage_waits_while_the_experiment_is_frozen(guarded: Kubectl, namespace: str) -> None:
    stages = begin(guarded, namespace, TRAIN, EVALUATE)
    workers = stages.pods("train", 2)
    label = ("label", "--overwrite", "namespace", namespace)
    expect_admitted(guarded(OPERATOR, *label, "glovebox.dev/state=Frozen"))
    frozen = eventually(
        lambda: (
            "glovebox-state" in guarded.create(OPERATOR, objects.job(namespace, NAME)).err or None
        ),
        what="the guards know it",
    )
    assert frozen
    end(stages, workers)
    events = f"/api/v1/namespaces/{namespace}/events"
    eventually(
        lambda: (
            any(
                event["reason"] == "JobCreationFailed" and "Frozen" in event["message"]
                for event in stages.api.list(events)
            )
            or None
        ),
        what="JobSet's controller says why it makes no Job",
    )
    assert stages.jobs() == ["glovebox-run-train-0"]
    expect_admitted(guarded(OPERATOR, *label, "glovebox.dev/state=Open"))
    end(stages, stages.pods("evaluate"))
    stages.expect("Completed")
