"""JobSet's controller makes exactly the Jobs and the Service of a run of stages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import uuid4

import pytest

from cluster.guards import objects
from cluster.guards.actors import (
    TENANT,
    Kubectl,
    expect_admitted,
    expect_denied,
)
from cluster.guards.jobsets import (
    JOBS,
    JOBSET,
    JOBSETS,
    LABELS,
    SELECTOR,
    SERVICES,
    SPACE,
    job_of_jobset,
    let_through,
    noted,
    owner,
    service,
)
from cluster.guards.queues import ADMITTED
from cluster.guards.test_workload_status import refusal

Json = dict[str, Any]
OPEN: Final = objects.NAMESPACE
CONTROLLER_S: Final = "glovebox-jobset-controller"
NOTHING_ELSE: Final = (
    "in an experiment's namespace JobSet's controller may write Jobs, Services and the status of"
    " JobSets, nothing else"
)
OTHER_JOBS: Final = (
    "in an experiment's namespace JobSet's controller may write only Jobs of the JobSet"
    " 'glovebox-run': owned by it, with a name in 'glovebox-run-'"
)
OTHER_LABELS: Final = (
    "a Job of the JobSet 'glovebox-run', and its pods, must have the labels"
    " `app.kubernetes.io/managed-by: glovebox` and `jobset.sigs.k8s.io/jobset-name: glovebox-run`"
)
KEPT: Final = (
    "a Job of the JobSet 'glovebox-run' keeps its labels and its owner, and its template but for"
    " where Kueue wants its pods while it is suspended"
)
STATUS: Final = (
    "of the status of a Job of the JobSet 'glovebox-run' JobSet's controller may take away"
    " `startTime`, while the Job is suspended, and write nothing"
)
OTHER_SERVICES: Final = (
    "in an experiment's namespace JobSet's controller may write only the Service 'glovebox-run' of"
    " the JobSet of that name"
)
HEADLESS: Final = (
    "the Service 'glovebox-run' must be headless (`clusterIP: None`), without ports,"
    " `externalIPs` and annotations, and select the pods of its JobSet alone"
)


def without(labels: dict[str, str], key: str) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name != key}


@pytest.mark.parametrize("space", [SPACE, OPEN])
@pytest.mark.parametrize(
    "thing",
    [
        pytest.param(job_of_jobset, id="a Job"),
        pytest.param(
            lambda space: job_of_jobset(space, priorityClassName="system-node-critical"),
            id="one as a profile places it",
        ),
        pytest.param(service, id="the Service"),
        pytest.param(
            lambda space: {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": "restarted", "namespace": space},
                "involvedObject": {"kind": "JobSet", "namespace": space},
            },
            id="an Event",
        ),
    ],
)
def test_its_controller_makes_what_the_run_needs(
    known: Kubectl, space: str, thing: Callable[[str], Json]
) -> None:
    expect_admitted(known.create(JOBSET, thing(space)))


@pytest.mark.parametrize(
    "job",
    [
        pytest.param(job_of_jobset(SPACE, owners=()), id="of nobody"),
        pytest.param(job_of_jobset(SPACE, owners=(owner(controller=False),)), id="beside it"),
        pytest.param(job_of_jobset(SPACE, owners=(owner(name="other"),)), id="of another"),
        pytest.param(job_of_jobset(SPACE, owners=(owner(kind="Job"),)), id="of another kind"),
        pytest.param(
            job_of_jobset(SPACE, owners=(owner(apiVersion="jobs.example/v1"),)),
            id="of another API's",
        ),
        pytest.param(job_of_jobset(SPACE, "glovebox-probe"), id="called as the isolation check"),
        pytest.param(job_of_jobset(SPACE, "glovebox-run"), id="called as a run of one stage"),
    ],
)
def test_it_makes_no_job_of_another(known: Kubectl, job: Json) -> None:
    expect_denied(known.create(JOBSET, job), CONTROLLER_S, OTHER_JOBS)


@pytest.mark.parametrize("label", LABELS)
def test_it_makes_no_job_that_is_not_known_for_the_run_s(known: Kubectl, label: str) -> None:
    bare = without(LABELS, label)
    for job in (job_of_jobset(SPACE, labels=bare), job_of_jobset(SPACE, pod_labels=bare)):
        expect_denied(known.create(JOBSET, job), CONTROLLER_S, OTHER_LABELS)


def test_its_jobs_are_what_jobs_of_experiments_may_be(known: Kubectl) -> None:
    images = known.create(JOBSET, job_of_jobset(SPACE, containers=[objects.container("busybox:1")]))
    assert "'glovebox-job-images' with binding" in images.err, images
    account = known.create(JOBSET, job_of_jobset(SPACE, serviceAccountName="default"))
    assert "'glovebox-jobs' with binding" in account.err, account
    frozen = known.create(JOBSET, job_of_jobset(objects.FROZEN_NAMESPACE))
    assert "'glovebox-state' with binding" in frozen.err, frozen


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(service(SPACE, "other"), id="under another name"),
        pytest.param(service(SPACE, owners=()), id="of nobody"),
    ],
)
def test_it_makes_no_other_service(known: Kubectl, made: Json) -> None:
    expect_denied(known.create(JOBSET, made), CONTROLLER_S, OTHER_SERVICES)


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(service(SPACE, clusterIP=""), id="with an address"),
        pytest.param(service(SPACE, externalIPs=["192.0.2.1"]), id="with an address outside"),
        pytest.param(service(SPACE, ports=[{"port": 80}]), id="with a port"),
        pytest.param(service(SPACE, selector={"app": "other"}), id="of other pods"),
        pytest.param(service(SPACE, selector={}), id="of whatever somebody says"),
        pytest.param(service(SPACE, selector=SELECTOR | {"a": "b"}), id="of some of its pods"),
        pytest.param(noted(service(SPACE)), id="with a note to a network plugin"),
    ],
)
def test_the_service_leads_nowhere_else(known: Kubectl, made: Json) -> None:
    if not made["spec"]["clusterIP"]:
        made["spec"]["ports"] = [{"port": 80}]  # one with an address must have a port
    expect_denied(known.create(JOBSET, made), CONTROLLER_S, HEADLESS)


@pytest.mark.parametrize("space", [SPACE, OPEN])
def test_it_writes_nothing_else(known: Kubectl, space: str) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "own", "namespace": space},
    }
    expect_denied(known.create(JOBSET, config), CONTROLLER_S, NOTHING_ELSE)


def test_it_writes_the_status_of_the_jobset(known: Kubectl, staged: Json) -> None:
    del staged
    ended = {"status": {"terminalState": "Completed"}}
    let_through(refusal(known.api(JOBSET), "PATCH", f"{JOBSETS}/glovebox-run/status", ended))


def test_it_writes_no_status_of_a_job(known: Kubectl, staged: Json) -> None:
    del staged
    counted = {"status": {"ready": 0, "active": 1}}
    said = refusal(known.api(JOBSET), "PATCH", f"{JOBS}/glovebox-run-train-0/status", counted)
    assert said.endswith(STATUS), said
    nothing = {"status": {"startTime": None}}
    let_through(refusal(known.api(JOBSET), "PATCH", f"{JOBS}/glovebox-run-train-0/status", nothing))


def test_it_wakes_its_jobs_and_changes_nothing_else_of_them(known: Kubectl, staged: Json) -> None:
    path, api = f"{JOBS}/glovebox-run-train-0", known.api(JOBSET)
    let_through(refusal(api, "PATCH", path, {"spec": {"suspend": False}}))
    let_through(refusal(api, "PATCH", path, {"spec": {"suspend": False, "template": ADMITTED}}))
    foreign = [owner(uid=staged["metadata"]["uid"], blockOwnerDeletion=True)]
    for change in (
        {"spec": {"template": {"metadata": {"annotations": {"a": "b"}}}}},
        {"metadata": {"labels": {"a": "b"}}},
        {"metadata": {"ownerReferences": foreign}},
    ):
        said = refusal(api, "PATCH", path, change)
        assert said.endswith(KEPT), said


def test_it_deletes_its_own_and_nothing_of_others(known: Kubectl, staged: Json) -> None:
    del staged
    api = known.api(JOBSET)
    for path in (f"{JOBS}/glovebox-run-train-0", f"{SERVICES}/glovebox-run"):
        let_through(refusal(api, "DELETE", path, None))
    name, jobs = f"own-{uuid4().hex[:8]}", f"/apis/batch/v1/namespaces/{OPEN}/jobs"
    known.api(TENANT).create(jobs, objects.job(OPEN, name))
    try:
        said = refusal(api, "DELETE", f"{jobs}/{name}", None)
        assert said.endswith(OTHER_JOBS), said
    finally:
        known.api(TENANT).delete(f"{jobs}/{name}", propagationPolicy="Background")
