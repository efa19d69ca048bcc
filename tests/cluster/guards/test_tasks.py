"""What the operator may run as a task in its own namespace, and that nobody else makes one."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterator
from typing import Any

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
    expect_no_right,
)
from cluster.guards.test_input_volumes import NOTHING_BUT_THE_FETCHER, golden
from glovebox.desired.metadata import KubernetesObject
from glovebox.desired.task_job import TaskJob, task_job
from glovebox.settings import TaskPod

OWN = "glovebox-system"
FENCE = "glovebox-operator-fence-tasks"
ONLY_THE_PROGRAM = (
    "the Glovebox operator may run as a task nothing but the program of tasks, from its own image"
    " by digest"
)
NO_RIGHTS = (
    "the Glovebox operator may run a task only within limits, and without rights on the node and"
    " before the API server"
)
ONLY_STORES = (
    "the Glovebox operator may mount into a task only the keys of stores; what seals are signed"
    " with stays with the operator"
)
NOT_YOURS = (
    "names that begin with 'glovebox-task-' are for the Glovebox operator's own Jobs here; choose"
    " another name"
)
JOB_CONTROLLER = Actor("system:serviceaccount:kube-system:job-controller", ("system:masters",))
POD = ("spec", "template", "spec")
CONTAINER = (*POD, "containers", 0)


def job(**changes: Any) -> KubernetesObject:
    """Return the Job as the code renders it."""
    fields: dict[str, Any] = {
        "name": "glovebox-task-abcdefghij",
        "namespace": OWN,
        "image": "registry.example/glovebox@sha256:" + "e" * 64,
        "owner": "DatasetPin/team/rows",
        "owner_uid": "0d6a7f5e-1f0e-4b57-8d5c-1e1d3c0a0009",
        "task": "hash",
        "address": "{}",
        "secrets": ("store-keys", "other-keys"),
    }
    return task_job(TaskJob(**fields | changes))


def with_value(path: tuple[str | int, ...], value: Any) -> KubernetesObject:
    made = copy.deepcopy(job())
    place: Any = made
    for part in path[:-1]:
        place = place.setdefault(part, {}) if isinstance(part, str) else place[part]
    place[path[-1]] = value
    return made


def test_the_operator_makes_the_job_that_it_renders_and_takes_it_away(
    experiments: Kubectl,
) -> None:
    made = job(name="glovebox-task-taken-away")
    expect_admitted(experiments.create(OPERATOR, made, dry_run=False))
    expect_admitted(
        experiments(OPERATOR, "delete", "job", made["metadata"]["name"], f"--namespace={OWN}")
    )


SIGNING_KEY = {"secretKeyRef": {"name": "glovebox-signing-key", "key": "private.pem"}}
SHARED = TaskPod.model_validate(
    {
        "env": objects.TASK_ENV,
        "imagePullSecrets": [{"name": "registry"}],
        "nodeSelector": {"pool": "platform"},
        "tolerations": [{"key": "platform", "operator": "Exists"}],
    }
)


def test_a_task_runs_where_the_operator_runs_with_what_the_chart_gave_to_it(
    experiments: Kubectl,
) -> None:
    expect_admitted(experiments.create(OPERATOR, job(shared=SHARED)))


@pytest.mark.parametrize("flags", ["01", "03"])  # sampled, and by an id that is random
def test_a_task_sends_spans_where_the_chart_says(experiments: Kubectl, flags: str) -> None:
    parent = f"00-{'1' * 32}-{'2' * 16}-{flags}"
    made = job(traces=objects.TRACES, traceparent=parent)
    expect_admitted(experiments.create(OPERATOR, made))


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param({"name": "HTTPS_PROXY", "value": "http://thief:3128"}, id="another value"),
        pytest.param({"name": "HTTPS_PROXY", "valueFrom": SIGNING_KEY}, id="the signing key"),
        pytest.param({"name": "TOKEN", "valueFrom": SIGNING_KEY}, id="another Secret"),
        pytest.param(
            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "proxy", "key": "x"}}},
            id="another key of it",
        ),
        pytest.param({"name": "MODE", "valueFrom": SIGNING_KEY}, id="a Secret for a ConfigMap"),
        pytest.param(
            {"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "x", "key": "mode"}}},
            id="another ConfigMap",
        ),
        pytest.param({"name": "NODE", "valueFrom": SIGNING_KEY}, id="a Secret for a field"),
        pytest.param({"name": "OTHER", "value": "x"}, id="what was not given"),
        pytest.param(
            {"name": "GLOVEBOX_TRACES_ENDPOINT", "value": "http://thief:4318"},
            id="another collector",
        ),
        pytest.param(
            {"name": "GLOVEBOX_TRACES_ENDPOINT", "valueFrom": SIGNING_KEY},
            id="a Secret for a collector",
        ),
        pytest.param({"name": "TRACEPARENT", "value": "00-x"}, id="no context of a trace"),
        pytest.param({"name": "TRACEPARENT"}, id="an empty context"),
        pytest.param({"name": "TRACEPARENT", "valueFrom": SIGNING_KEY}, id="a Secret for it"),
    ],
)
def test_a_variable_has_the_value_that_the_chart_gave_to_it(
    experiments: Kubectl, entry: dict[str, Any]
) -> None:
    shared = TaskPod(env=(entry,))
    expect_denied(experiments.create(OPERATOR, job(shared=shared)), FENCE, ONLY_THE_PROGRAM)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ((*CONTAINER, "command"), ["python", "-m", "glovebox"], ONLY_THE_PROGRAM),
        ((*CONTAINER, "args"), ["x"], ONLY_THE_PROGRAM),
        ((*CONTAINER, "env"), [{"name": "PYTHONPATH", "value": "/x"}], ONLY_THE_PROGRAM),
        (
            (*CONTAINER, "env"),
            [
                {
                    "name": "GLOVEBOX_TASK",
                    "valueFrom": {
                        "secretKeyRef": {"name": "glovebox-signing-key", "key": "private.pem"}
                    },
                }
            ],
            ONLY_THE_PROGRAM,
        ),
        (
            (*CONTAINER, "envFrom"),
            [{"secretRef": {"name": "glovebox-signing-key"}}],
            ONLY_THE_PROGRAM,
        ),
        ((*CONTAINER, "image"), "registry.example/glovebox:latest", ONLY_THE_PROGRAM),
        ((*POD, "initContainers"), [{"name": "a", "image": "b"}], ONLY_THE_PROGRAM),
        ((*POD, "hostNetwork"), True, NO_RIGHTS),
        ((*POD, "serviceAccountName"), "glovebox-operator", NO_RIGHTS),
        ((*POD, "automountServiceAccountToken"), True, NO_RIGHTS),
        ((*CONTAINER, "securityContext", "runAsUser"), 0, NO_RIGHTS),
        ((*CONTAINER, "resources", "limits"), {"cpu": "1", "memory": "1Gi"}, NO_RIGHTS),
        (
            (*POD, "volumes", 0),
            {"name": "store-0", "secret": {"secretName": "glovebox-signing-key"}},
            ONLY_STORES,
        ),
        (
            (*POD, "volumes", 0),
            {"name": "store-0", "secret": {"secretName": "glovebox-feature-names"}},
            ONLY_STORES,
        ),
        (
            (*POD, "volumes", 0),
            {"name": "store-0", "projected": {"sources": [{"secret": {"name": "a"}}]}},
            ONLY_STORES,
        ),
        ((*POD, "volumes", 0), {"name": "store-0", "hostPath": {"path": "/"}}, ONLY_STORES),
    ],
)
def test_a_task_can_do_nothing_else(
    experiments: Kubectl, path: tuple[str | int, ...], value: Any, message: str
) -> None:
    expect_denied(experiments.create(OPERATOR, with_value(path, value)), FENCE, message)


def test_the_operator_makes_tasks_only_at_home(experiments: Kubectl) -> None:
    elsewhere = job(namespace=objects.PLAIN_NAMESPACE)
    answer = experiments.create(OPERATOR, elsewhere)
    assert answer.code != 0, answer
    assert "glovebox-operator-fence' with binding" in answer.err, answer.err


def test_nobody_else_makes_a_job_that_could_be_taken_for_one(experiments: Kubectl) -> None:
    expect_denied(experiments.create(CLUSTER_ADMIN, job()), "glovebox-tasks", NOT_YOURS)
    expect_no_right(experiments.create(TENANT, job()))


def test_breaking_the_glass_makes_one_of_any_kind(experiments: Kubectl) -> None:
    expect_admitted(experiments.create(BREAK_GLASS, job()))
    expect_admitted(experiments.create(BREAK_GLASS, with_value((*CONTAINER, "args"), ["x"])))


def test_what_fills_a_cache_is_no_task_and_a_task_fills_no_cache(experiments: Kubectl) -> None:
    expect_admitted(experiments.create(OPERATOR, golden("cache/one-pin", "Job")))
    expect_admitted(experiments.create(OPERATOR, job()))
    denied = experiments.create(OPERATOR, job(name="glovebox-cache-abcdefghij"))
    expect_denied(denied, "glovebox-operator-fence-caches", NOTHING_BUT_THE_FETCHER)


@pytest.fixture
def made(experiments: Kubectl) -> Iterator[str]:
    """A task of the operator's; whoever administers the cluster can always take it away."""
    name = f"glovebox-task-{uuid.uuid4().hex[:10]}"
    expect_admitted(experiments.create(OPERATOR, job(name=name), dry_run=False))
    yield name
    expect_admitted(experiments(CLUSTER_ADMIN, "delete", "job", name, f"--namespace={OWN}"))


def label(name: str) -> tuple[str, ...]:
    return ("label", "job", name, f"--namespace={OWN}", "a=b", "--dry-run=server")


def test_nobody_else_changes_one(experiments: Kubectl, made: str) -> None:
    expect_denied(experiments(CLUSTER_ADMIN, *label(made)), "glovebox-tasks", NOT_YOURS)


def test_the_controller_of_jobs_changes_one(experiments: Kubectl, made: str) -> None:
    expect_admitted(experiments(JOB_CONTROLLER, *label(made)))


def test_names_of_tasks_are_free_elsewhere_and_other_names_are_free_here(
    experiments: Kubectl,
) -> None:
    expect_admitted(experiments.create(CLUSTER_ADMIN, job(namespace=objects.PLAIN_NAMESPACE)))
    expect_admitted(experiments.create(CLUSTER_ADMIN, job(name="of-the-platform")))
