"""Kueue changes of a run whether it is suspended and where its pods go; nobody else does either."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Final

import pytest

from cluster.guards import objects
from cluster.guards.actors import (
    BREAK_GLASS,
    CLUSTER_ADMIN,
    OPERATOR,
    TENANT,
    Actor,
    Kubectl,
    expect_admitted,
    expect_denied,
)
from cluster.guards.jobsets import JOBS, JOBSETS, SPACE, let_through
from cluster.guards.queues import (
    ADMITTED,
    ENTRIES,
    KUEUE,
    QUEUES,
    entry,
    queue,
    queued_job,
    queued_jobset,
)
from cluster.guards.test_owned_objects import refusal as of_the_operator
from cluster.guards.test_workload_status import refusal
from support.api import ApiError
from support.kueue import define_queues
from support.waiting import eventually

Json = dict[str, Any]
OPEN: Final = objects.NAMESPACE
JOB: Final = f"{JOBS}/glovebox-run"
JOB_SET: Final = f"{JOBSETS}/glovebox-run"
# Of the name that Kueue has, in another namespace.
STRANGER: Final = Actor(
    "system:serviceaccount:default:kueue-controller-manager", ("system:masters",)
)
ITS_QUEUE: Final = (
    "only the Glovebox operator may write LocalQueues in an experiment's namespace: in which queue"
    " a run waits is said by `spec.queue` of its IsolationProfile"
)
ONE_QUEUE: Final = (
    "the LocalQueue of an experiment's run is called 'glovebox', and there is no other"
)
ITS_RECORDS: Final = (
    "only Kueue's controller may write Workloads, and the status of LocalQueues, in an"
    " experiment's namespace: they say whether a run may begin; the controller's user name is"
    " `guards.kueueController` of the chart"
)
NOTHING_ELSE: Final = (
    "in an experiment's namespace Kueue's controller may change the run's Jobs and JobSet and write"
    " its own Workloads, nothing else"
)
KEPT: Final = (
    "the Jobs and the JobSet of a run keep their labels, owners, finalizers, and annotations but"
    " Kueue's, whatever Kueue's controller decides"
)
SPEC: Final = (
    "of the spec of a run's Jobs and JobSet Kueue's controller may change `suspend` and where the"
    " pods go, nothing else"
)
PODS: Final = (
    "of the pods of a suspended run Kueue's controller may change `nodeSelector`, `tolerations` and"
    " its own labels and annotations, nothing else; of those of a run that is not suspended,"
    " nothing"
)
STATUS: Final = (
    "of the status of a run's Job Kueue's controller may take away `startTime`, while the Job is"
    " suspended, and write nothing"
)


@pytest.fixture(scope="module")
def kueue(known: Kubectl) -> Kubectl:
    """Kubectl, where Kueue's kinds are served: the guards were installed before."""
    define_queues(known.cluster)
    return known


def have(kueue: Kubectl, actor: Actor, collection: str, thing: Json) -> Json:
    left = kueue.api(CLUSTER_ADMIN).find(f"{collection}/{thing['metadata']['name']}")
    return left or kueue.api(actor).create(collection, thing)


@pytest.fixture
def runs(kueue: Kubectl) -> Iterator[None]:
    """A run of one stage and one of two, both suspended; with a queue, and a record of Kueue's."""
    have(kueue, OPERATOR, JOBS, queued_job(SPACE))
    have(kueue, OPERATOR, JOBSETS, queued_jobset(SPACE))
    have(kueue, OPERATOR, QUEUES, queue(SPACE))
    have(kueue, KUEUE, ENTRIES, entry(SPACE))
    yield
    api = kueue.api(BREAK_GLASS)
    for path in (JOB, JOB_SET, f"{QUEUES}/glovebox", f"{ENTRIES}/job-glovebox-run-a1"):
        api.delete(path, propagationPolicy="Background")


def stages(**template: Any) -> Json:
    """Return the stages of the JobSet, with something else in the pod template of the second."""
    found = copy.deepcopy(queued_jobset(SPACE)["spec"]["replicatedJobs"])
    spec = found[1]["template"]["spec"]
    spec["template"] = merged(spec["template"], template)
    return {"replicatedJobs": found}


def merged(base: Json, changes: Json) -> Json:
    """Return an object with a merge patch applied, as far as nothing is taken away."""
    return base | {
        name: merged(base.get(name) or {}, value) if isinstance(value, dict) else value
        for name, value in changes.items()
    }


# -- LocalQueues and Workloads


@pytest.mark.parametrize("actor", [CLUSTER_ADMIN, KUEUE])
@pytest.mark.usefixtures("runs")
def test_a_queue_is_the_operator_s_alone(kueue: Kubectl, actor: Actor) -> None:
    expect_denied(kueue.create(actor, queue(OPEN)), "glovebox-queues", ITS_QUEUE)
    other = {"spec": {"clusterQueue": "other"}}
    for method, body in (("PATCH", other), ("DELETE", None)):
        said = refusal(kueue.api(actor), method, f"{QUEUES}/glovebox", body)
        assert said.endswith(ITS_QUEUE), said
        let_through(refusal(kueue.api(BREAK_GLASS), method, f"{QUEUES}/glovebox", body))


def test_there_is_one_queue(kueue: Kubectl) -> None:
    expect_admitted(kueue.create(OPERATOR, queue(OPEN)))
    expect_denied(kueue.create(OPERATOR, queue(OPEN, "default")), "glovebox-queues", ONE_QUEUE)


@pytest.mark.parametrize("actor", [CLUSTER_ADMIN, STRANGER])
@pytest.mark.usefixtures("runs")
def test_whether_a_run_may_begin_is_said_by_kueue_alone(kueue: Kubectl, actor: Actor) -> None:
    expect_denied(kueue.create(actor, entry(OPEN)), "glovebox-queues", ITS_RECORDS)
    one = f"{ENTRIES}/job-glovebox-run-a1"
    admitted: Json = {"status": {"conditions": []}}
    for method, path, body in (
        ("PATCH", one, {"spec": {"active": False}}),
        ("PATCH", f"{one}/status", admitted),
        ("DELETE", one, None),
        ("PATCH", f"{QUEUES}/glovebox/status", admitted),
    ):
        said = refusal(kueue.api(actor), method, path, body)
        assert said.endswith(ITS_RECORDS), said
        for who in (KUEUE, BREAK_GLASS):
            let_through(refusal(kueue.api(who), method, path, body))


def test_neither_a_tenant_nor_the_operator_has_a_right_to_try(kueue: Kubectl) -> None:
    for actor in (TENANT, OPERATOR):
        said = kueue.create(actor, entry(OPEN)).err
        assert " cannot create resource " in said, said
    assert " cannot create resource " in kueue.create(TENANT, queue(OPEN)).err


@pytest.mark.usefixtures("runs")
def test_the_garbage_collector_takes_away_what_kueue_kept(kueue: Kubectl) -> None:
    collector = kueue.api(CLUSTER_ADMIN).acting_as(
        "system:serviceaccount:kube-system:generic-garbage-collector", "system:masters"
    )
    for path in (f"{QUEUES}/glovebox", f"{ENTRIES}/job-glovebox-run-a1"):
        let_through(refusal(collector, "DELETE", path, None))


# -- the run


@pytest.mark.usefixtures("runs")
def test_it_admits_a_run_and_takes_its_place_back(kueue: Kubectl) -> None:
    api = kueue.api(KUEUE)
    api.patch(JOB, {"spec": {"suspend": False, "template": ADMITTED}})
    api.patch(JOB_SET, {"spec": {"suspend": False, **stages(**ADMITTED)}})
    stopping = {"metadata": {"annotations": {"kueue.x-k8s.io/stopping": "true"}}}
    api.patch(JOB, {"spec": {"suspend": True}, **stopping})
    api.patch(JOB_SET, {"spec": {"suspend": True, **stages()}})
    put_back = {"spec": {"nodeSelector": None, "tolerations": None}}
    marks = {"metadata": {"annotations": {"kueue.x-k8s.io/stopping": None}}}

    def is_put_back() -> bool:
        """As Kueue does it, until the Job controller has ended what it had begun meanwhile."""
        api.patch(f"{JOB}/status", {"status": {"startTime": None}})
        try:
            api.patch(JOB, {"spec": {"template": put_back}, **marks})
        except ApiError as error:
            if "field is immutable" not in str(error):
                raise
            return False
        return True

    eventually(is_put_back, what="the template of the suspended Job is as before")
    live = api.get(JOB)["spec"]
    assert live["suspend"] is True
    assert "nodeSelector" not in live["template"]["spec"]


@pytest.mark.usefixtures("runs")
def test_it_changes_nothing_of_what_the_pods_may_use(kueue: Kubectl) -> None:
    """The API server itself lets the resources of a suspended Job be changed."""
    for path in (JOB, JOB_SET):
        live = kueue.api(CLUSTER_ADMIN).get(path)["spec"]
        run = (
            live["template"]
            if path == JOB
            else live["replicatedJobs"][1]["template"]["spec"]["template"]
        )
        run["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "7"}}
        said = refusal(kueue.api(KUEUE), "PATCH", path, {"spec": live})
        assert said.endswith(PODS), (path, said)


PODS_CHANGED: Final[dict[str, Json]] = {
    "a label of others": {"metadata": {"labels": {"app.kubernetes.io/managed-by": "me"}}},
    "an annotation of others": {"metadata": {"annotations": {"example.com/a": "b"}}},
    "a scheduling gate": {"spec": {"schedulingGates": [{"name": "kueue.x-k8s.io/topology"}]}},
    "another priority": {"spec": {"priorityClassName": "system-node-critical"}},
    "another account": {"spec": {"serviceAccountName": "default"}},
}


@pytest.mark.parametrize("case", PODS_CHANGED)
@pytest.mark.usefixtures("runs")
def test_it_changes_no_more_of_the_pods(kueue: Kubectl, case: str) -> None:
    api, change = kueue.api(KUEUE), PODS_CHANGED[case]
    said = refusal(api, "PATCH", JOB_SET, {"spec": stages(**change)})
    assert said.endswith(PODS), said
    # Most of it the API server refuses itself of a Job.
    said = refusal(api, "PATCH", JOB, {"spec": {"template": change}})
    assert said.endswith((PODS, "field is immutable")), said


@pytest.mark.usefixtures("runs")
def test_of_what_is_at_work_it_changes_nothing_but_that(kueue: Kubectl) -> None:
    api = kueue.api(KUEUE)
    for path, spec, words in (
        (JOB, {"template": ADMITTED}, "field is immutable"),
        (JOB_SET, stages(**ADMITTED), PODS),
    ):
        api.patch(path, {"spec": {"suspend": False}})
        said = refusal(api, "PATCH", path, {"spec": spec})
        assert said.endswith(words), (path, said)
        let_through(refusal(api, "PATCH", path, {"spec": {"suspend": True}}))


@pytest.mark.usefixtures("runs")
def test_the_rest_of_the_run_it_leaves(kueue: Kubectl) -> None:
    api = kueue.api(KUEUE)
    less = {"spec": stages()}
    less["spec"]["replicatedJobs"][1]["replicas"] = 3
    fewer = {"spec": {"replicatedJobs": stages()["replicatedJobs"][:1]}}
    for path, change, words in (
        (JOB, {"spec": {"activeDeadlineSeconds": 1}}, SPEC),
        (JOB, {"spec": {"parallelism": 2}}, SPEC),
        (JOB_SET, {"spec": {"failurePolicy": {"maxRestarts": 3}}}, SPEC),
        (JOB_SET, less, PODS),
        (JOB_SET, fewer, PODS),
        (JOB, {"metadata": {"labels": {"kueue.x-k8s.io/queue-name": "x"}}}, KEPT),
        (JOB, {"metadata": {"annotations": {"example.com/a": "b"}}}, KEPT),
        (JOB_SET, {"metadata": {"finalizers": ["example.com/held"]}}, KEPT),
        (JOB_SET, {"metadata": {"labels": {"glovebox.dev/team": "x"}}}, KEPT),
    ):
        said = refusal(api, "PATCH", path, change)
        assert said.endswith(words), (change, said)


@pytest.mark.usefixtures("runs")
def test_it_starts_ends_and_enters_nothing(kueue: Kubectl) -> None:
    api = kueue.api(KUEUE)
    secrets = f"/api/v1/namespaces/{SPACE}/secrets"
    token = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "own", "namespace": SPACE}}
    for method, path, body in (
        ("DELETE", JOB, None),
        ("DELETE", JOB_SET, None),
        ("DELETE", JOBS, None),
        ("POST", secrets, token),
        ("PATCH", f"{JOB_SET}/status", {"status": {"terminalState": "Completed"}}),
    ):
        said = refusal(api, method, path, body)
        assert said.endswith(NOTHING_ELSE), (path, said)
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "admitted", "namespace": SPACE},
        "involvedObject": {"kind": "Job", "namespace": SPACE},
    }
    expect_admitted(kueue.create(KUEUE, event))


def test_a_job_of_a_team_is_none_of_its_business(kueue: Kubectl) -> None:
    jobs = f"/apis/batch/v1/namespaces/{OPEN}/jobs"
    job = objects.job(OPEN, "own-queue")
    kueue.api(TENANT).create(jobs, job)
    try:
        said = refusal(kueue.api(KUEUE), "PATCH", f"{jobs}/own-queue", {"spec": {"suspend": True}})
        assert said.endswith(NOTHING_ELSE), said
    finally:
        kueue.api(TENANT).delete(f"{jobs}/own-queue", propagationPolicy="Background")


@pytest.mark.usefixtures("runs")
def test_of_a_job_s_status_it_takes_away_when_it_began(kueue: Kubectl) -> None:
    api, status = kueue.api(KUEUE), f"{JOB}/status"
    let_through(refusal(api, "PATCH", status, {"status": {"startTime": None}}))
    for change in ({"startTime": "2026-01-01T00:00:00Z"}, {"startTime": None, "active": 3}):
        said = refusal(api, "PATCH", status, {"status": change})
        assert said.endswith(STATUS), (change, said)


@pytest.mark.usefixtures("runs")
def test_nobody_else_resumes_a_run(kueue: Kubectl) -> None:
    resumed = {"spec": {"suspend": False}}
    said = refusal(kueue.api(CLUSTER_ADMIN), "PATCH", JOB, resumed)
    assert said.endswith(of_the_operator("update", "jobs")), said
    said = refusal(kueue.api(CLUSTER_ADMIN), "PATCH", JOB_SET, resumed)
    assert said.endswith(of_the_operator("update", "jobsets")), said
    assert " cannot patch resource " in refusal(kueue.api(OPERATOR), "PATCH", JOB, resumed)
