"""Nobody else writes a JobSet, or passes for a part of a run of stages."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

import pytest

from cluster.guards import objects
from cluster.guards.actors import (
    ADMINS,
    BREAK_GLASS,
    CLUSTER_ADMIN,
    EVERYBODY,
    NAMESPACE_ADMIN,
    OPERATOR,
    TENANT,
    Actor,
    Kubectl,
    expect_admitted,
    expect_denied,
)
from cluster.guards.jobsets import (
    JOBS,
    JOBSET,
    JOBSETS,
    SERVICES,
    SPACE,
    endpoint_slice,
    jobset,
    let_through,
    owner,
    service,
)
from cluster.guards.test_owned_objects import refusal as of_the_operator
from cluster.guards.test_pods import JOB_CONTROLLER
from cluster.guards.test_workload_status import refusal
from support.waiting import eventually

Json = dict[str, Any]
OPEN: Final = objects.NAMESPACE
OWNER: Final = (
    "only JobSet's controller, `guards.jobSetController` of the chart, may make a Job of a JobSet:"
    " its end is counted as the run's; leave out `ownerReferences` to a JobSet"
)
STATUS: Final = (
    "only JobSet's controller may write the status of a run's JobSet: how the run ended is read"
    " from it; the controller's user name is `guards.jobSetController` of the chart"
)
ONE_NAME: Final = (
    "the JobSet of an experiment's run is called 'glovebox-run', and there is no other"
)


@pytest.mark.parametrize("path", [f"{JOBS}/glovebox-run-train-0", f"{SERVICES}/glovebox-run"])
def test_what_it_made_is_nobody_else_s(known: Kubectl, staged: Json, path: str) -> None:
    del staged
    resource = path.split("/")[-2]
    labelled = {"metadata": {"labels": {"a": "b"}}}
    for verb, method, body in (("delete", "DELETE", None), ("update", "PATCH", labelled)):
        said = refusal(known.api(CLUSTER_ADMIN), method, path, body)
        assert said.endswith(of_the_operator(verb, resource)), said
        let_through(refusal(known.api(BREAK_GLASS), method, path, body))


@pytest.mark.parametrize("actor", ADMINS)
def test_nobody_makes_a_service_that_looks_like_the_operator_s(
    known: Kubectl, actor: Actor
) -> None:
    made = service(OPEN, owners=())
    expect_denied(
        known.create(actor, made), "glovebox-owned-objects", of_the_operator("create", "services")
    )
    expect_admitted(known.create(actor, service(OPEN, "own", owners=())))


@pytest.mark.parametrize("verb", ["create", "update", "delete"])
def test_nobody_says_which_pods_answer_to_the_names_of_the_run(
    known: Kubectl, staged: Json, verb: str
) -> None:
    del staged
    slices = f"/apis/discovery.k8s.io/v1/namespaces/{SPACE}/endpointslices"
    made = endpoint_slice("forged", "glovebox-run")
    listed = eventually(
        lambda: known.api(CLUSTER_ADMIN).list(
            slices, labelSelector="kubernetes.io/service-name=glovebox-run"
        ),
        what="Kubernetes has written who answers",
    )
    path = f"{slices}/{listed[0]['metadata']['name']}"
    other = {"metadata": {"labels": {"kubernetes.io/service-name": "other"}}}
    method, where, body = {
        "create": ("POST", slices, made),
        "update": ("PATCH", path, other),
        "delete": ("DELETE", path, None),
    }[verb]
    said = refusal(known.api(CLUSTER_ADMIN), method, where, body)
    assert said.endswith(of_the_operator(verb, "endpointslices")), said
    let_through(refusal(known.api(BREAK_GLASS), method, where, body))
    expect_admitted(known.create(CLUSTER_ADMIN, endpoint_slice("own", "other")))


@pytest.mark.parametrize("actor", EVERYBODY)
def test_nobody_claims_to_be_a_part_of_the_run(known: Kubectl, actor: Actor) -> None:
    """By its owner alone JobSet's controller would count the Job's end as the run's."""
    claimed = objects.job(OPEN)
    claimed["metadata"]["ownerReferences"] = [owner()]
    expect_denied(known.create(actor, claimed), "glovebox-job-owners", OWNER)
    expect_admitted(known.create(BREAK_GLASS, claimed))
    controller = known.api(CLUSTER_ADMIN).acting_as(JOB_CONTROLLER, "system:masters")
    let_through(refusal(controller, "POST", f"/apis/batch/v1/namespaces/{OPEN}/jobs", claimed))


def test_a_job_does_not_become_one_either(known: Kubectl) -> None:
    name, jobs = f"own-{uuid4().hex[:8]}", f"/apis/batch/v1/namespaces/{OPEN}/jobs"
    known.api(TENANT).create(jobs, objects.job(OPEN, name))
    try:
        claim = {"metadata": {"ownerReferences": [owner()]}}
        said = refusal(known.api(NAMESPACE_ADMIN), "PATCH", f"{jobs}/{name}", claim)
        assert said.endswith(OWNER), said
        note = {"metadata": {"annotations": {"a": "b"}}}
        let_through(refusal(known.api(NAMESPACE_ADMIN), "PATCH", f"{jobs}/{name}", note))
    finally:
        known.api(TENANT).delete(f"{jobs}/{name}", propagationPolicy="Background")


@pytest.mark.parametrize("actor", [CLUSTER_ADMIN, JOBSET])
def test_a_jobset_is_the_operator_s_alone(known: Kubectl, staged: Json, actor: Actor) -> None:
    del staged
    made = known.create(actor, jobset(OPEN))
    expect_denied(made, "glovebox-jobsets", of_the_operator("create", "jobsets"))
    path = f"{JOBSETS}/glovebox-run"
    changed = {"spec": {"suspend": True}}
    for verb, method, where, body in (
        ("update", "PATCH", path, changed),
        ("delete", "DELETE", path, None),
        ("delete", "DELETE", JOBSETS, None),
    ):
        said = refusal(known.api(actor), method, where, body)
        assert said.endswith(of_the_operator(verb, "jobsets")), said


@pytest.mark.parametrize("actor", [TENANT, NAMESPACE_ADMIN])
def test_neither_a_tenant_nor_an_admin_has_a_right_to_try(known: Kubectl, actor: Actor) -> None:
    said = known.create(actor, jobset(OPEN)).err
    assert " cannot create resource " in said, said


def test_who_must_write_a_jobset_may(known: Kubectl, staged: Json) -> None:
    del staged
    path = f"{JOBSETS}/glovebox-run"
    expect_admitted(known.create(OPERATOR, jobset(OPEN)))
    collector = known.api(CLUSTER_ADMIN).acting_as(
        "system:serviceaccount:kube-system:generic-garbage-collector", "system:masters"
    )
    for api in (known.api(OPERATOR), known.api(BREAK_GLASS), collector):
        let_through(refusal(api, "DELETE", path, None))
    held = {"metadata": {"finalizers": ["example.com/held"]}}
    for api in (known.api(BREAK_GLASS), collector):
        let_through(refusal(api, "PATCH", path, held))


def test_there_is_no_second_jobset(known: Kubectl) -> None:
    made = known.create(OPERATOR, jobset(OPEN, "glovebox-more"))
    expect_denied(made, "glovebox-jobsets", ONE_NAME)


def test_how_a_run_ended_is_said_by_its_controller_alone(known: Kubectl, staged: Json) -> None:
    del staged
    path = f"{JOBSETS}/glovebox-run/status"
    ended = {"status": {"terminalState": "Completed"}}
    said = refusal(known.api(CLUSTER_ADMIN), "PATCH", path, ended)
    assert said.endswith(STATUS), said
    assert " cannot patch resource " in refusal(known.api(OPERATOR), "PATCH", path, ended)
    for actor in (JOBSET, BREAK_GLASS):
        let_through(refusal(known.api(actor), "PATCH", path, ended))
