"""What is made in an experiment's namespace is gone once it has ended: nothing holds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final
from uuid import uuid4

import pytest

from cluster.guards import objects
from cluster.guards.actors import (
    ADMINS,
    BREAK_GLASS,
    CLUSTER_ADMIN,
    EVERYBODY,
    OPERATOR,
    TENANT,
    Actor,
    Kubectl,
    expect_denied,
)
from cluster.guards.actors import expect_admitted as expect_made
from cluster.guards.test_pods import JOB_CONTROLLER
from cluster.guards.test_workload_status import (
    JOBS,
    PODS,
    expect_admitted,
    expect_refused,
    refusal,
)

HELD: Final = "example.com/held"
COUNTED: Final = "batch.kubernetes.io/job-tracking"
# Those of Kubernetes itself too: it adds them to what is being deleted, and asks nobody.
FINALIZERS: Final = [HELD, COUNTED, "foregroundDeletion", "orphan"]


def words(finalizer: str) -> str:
    return (
        f"finalizer '{finalizer}' must be left out of pods and Jobs of an experiment, and of the"
        " template of a Job: what is stopped must be gone once it has ended"
    )


def held_pod(*finalizers: str) -> objects.Json:
    pod = objects.pod(objects.NAMESPACE)
    pod["metadata"]["finalizers"] = list(finalizers)
    return pod


def held_job(*finalizers: str) -> objects.Json:
    job = objects.job(objects.NAMESPACE)
    job["metadata"]["finalizers"] = list(finalizers)
    return job


def job_of_held_pods(*finalizers: str) -> objects.Json:
    job = objects.job(objects.NAMESPACE)
    job["spec"]["template"]["metadata"] = {"finalizers": list(finalizers)}
    return job


@pytest.mark.parametrize("finalizer", FINALIZERS)
@pytest.mark.parametrize("make", [held_pod, held_job, job_of_held_pods])
def test_nothing_is_made_that_somebody_has_to_let_go(
    experiments: Kubectl, make: Callable[[str], objects.Json], finalizer: str
) -> None:
    answer = experiments.create(TENANT, make(finalizer))
    expect_denied(answer, "glovebox-workload-finalizers", words(finalizer))


@pytest.mark.parametrize("actor", [*EVERYBODY, pytest.param(OPERATOR, id="operator")])
def test_by_anybody(experiments: Kubectl, actor: Actor) -> None:
    for thing in (held_job(HELD), job_of_held_pods(HELD)):
        answer = experiments.create(actor, thing)
        expect_denied(answer, "glovebox-workload-finalizers", words(HELD))


def test_the_job_controller_counts_its_pods_and_holds_them_no_other_way(
    experiments: Kubectl,
) -> None:
    """It copies what a Job's template says, of Jobs too that are older than the guard."""
    controller = experiments.api(CLUSTER_ADMIN).acting_as(JOB_CONTROLLER)
    expect_admitted(refusal(controller, "POST", PODS, held_pod(COUNTED)))
    said = refusal(controller, "POST", PODS, held_pod(COUNTED, HELD))
    expect_refused(said, "glovebox-workload-finalizers", words(HELD))


def test_the_broken_glass_may(experiments: Kubectl) -> None:
    for thing in (held_pod(HELD), held_job(HELD), job_of_held_pods(HELD)):
        expect_made(experiments.create(BREAK_GLASS, thing))


@pytest.fixture(scope="module", params=["pods", "jobs"])
def standing(experiments: Kubectl, request: pytest.FixtureRequest) -> Iterator[str]:
    """The path of a pod, or of a Job, that somebody holds already."""
    name = f"held-{uuid4().hex[:8]}"
    collection = PODS if request.param == "pods" else JOBS
    thing = held_pod(HELD) if request.param == "pods" else held_job(HELD)
    thing["metadata"]["name"] = name
    glass = experiments.api(BREAK_GLASS)
    glass.create(collection, thing)
    yield f"{collection}/{name}"
    glass.patch(f"{collection}/{name}", {"metadata": {"finalizers": None}})
    glass.delete(f"{collection}/{name}", propagationPolicy="Background")


def patch(finalizers: list[str] | None) -> dict[str, Any]:
    return {"metadata": {"finalizers": finalizers}}


@pytest.mark.parametrize("actor", ADMINS)
def test_what_is_there_is_not_held_afterwards(
    experiments: Kubectl, standing: str, actor: Actor
) -> None:
    api = experiments.api(actor)
    said = refusal(api, "PATCH", standing, patch([HELD, "example.com/too"]))
    expect_refused(said, "glovebox-workload-finalizers", words("example.com/too"))
    # What is held is changed, and let go, as ever.
    for change in (patch(None), {"metadata": {"annotations": {"team.example/note": "x"}}}):
        expect_admitted(refusal(api, "PATCH", standing, change))


def test_controllers_and_the_broken_glass_change_what_they_must(
    experiments: Kubectl, standing: str
) -> None:
    controller = experiments.api(CLUSTER_ADMIN).acting_as(JOB_CONTROLLER)
    for api in (controller, experiments.api(BREAK_GLASS)):
        expect_admitted(refusal(api, "PATCH", standing, patch([HELD, "example.com/too"])))


def test_a_tenant_deletes_as_people_do(experiments: Kubectl) -> None:
    """The API server puts a finalizer of its own on what goes before what depends on it."""
    tenant = experiments.api(TENANT)
    for policy in ("Foreground", "Orphan", "Background"):
        name = f"goes-{uuid4().hex[:8]}"
        job = objects.job(objects.NAMESPACE, name)
        job["spec"]["suspend"] = True  # nothing of it is left behind
        tenant.create(JOBS, job)
        tenant.delete(f"{JOBS}/{name}", propagationPolicy=policy)
