"""What stages are given is the operator's to write, and for the program of a run's own pod."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cluster.guards import objects
from cluster.guards.actors import (
    ADMINS,
    BREAK_GLASS,
    EVERYBODY,
    OPERATOR,
    Actor,
    Kubectl,
    expect_admitted,
    expect_denied,
    expect_no_right,
)
from cluster.guards.copied_secrets import (
    IN_SPACE,
    SPACE,
    by_variable,
    expect_in_no_debugger,
    expect_in_no_pod,
    expect_no_tenant_reads,
    expect_operator_alone_writes,
    expect_written_anew_and_taken_away,
    ways_to_read,
)

NAME = "glovebox-stage-secrets"
OURS = {"app.kubernetes.io/managed-by": "glovebox"}
# A Job's pods are made by its controller, which the guard of owned objects lets pass; so it does
# whoever breaks the glass.
CONTROLLER = BREAK_GLASS
LEFT_OUT = (
    "Secret 'glovebox-stage-secrets' must be left out of volumes and environment variables: it"
    " holds what the stages of the run are given, for their own programs"
)
BY_VARIABLE = by_variable(NAME, "tracking.token")
PODS = ways_to_read(NAME, "tracking.token", "run")
BY_ALL_VARIABLES = {"envFrom": [{"secretRef": {"name": NAME}}]}
VOLUME = PODS["a volume"]


def secret(name: str = NAME, kind: str = "Opaque", space: str = SPACE) -> dict[str, Any]:
    return objects.credentials(space, name, kind)


@pytest.fixture(scope="module")
def given(experiments: Kubectl) -> Iterator[Kubectl]:
    """Kubectl, with the Secret in the namespace of an experiment."""
    expect_admitted(experiments.create(OPERATOR, secret(), dry_run=False))
    yield experiments
    expect_admitted(experiments(OPERATOR, "delete", "secret", NAME, IN_SPACE))


def test_the_operator_writes_it_of_this_type_and_in_experiments_alone(given: Kubectl) -> None:
    expect_written_anew_and_taken_away(given, NAME, {"x": "y"})
    pulls = secret(kind="kubernetes.io/dockerconfigjson", space=objects.BARE_NAMESPACE)
    pulls["stringData"] = {".dockerconfigjson": '{"auths":{}}'}
    assert "glovebox-operator-fence-secrets" in given.create(OPERATOR, pulls).err
    for space in ("glovebox-system", "kube-system"):
        assert given.create(OPERATOR, secret(space=space)).code != 0


def test_the_operator_reads_no_secret_that_nobody_gave_it(given: Kubectl) -> None:
    for space in ("kube-system", objects.BARE_NAMESPACE):
        expect_no_right(given(OPERATOR, "get", "secret", "mlflow", f"--namespace={space}"))


@pytest.mark.parametrize("actor", ADMINS)
def test_nobody_else_writes_it(given: Kubectl, actor: Actor) -> None:
    forged = secret(space=objects.BARE_NAMESPACE)
    expect_operator_alone_writes(given, actor, NAME, forged)


def test_a_tenant_reads_it_in_no_way(given: Kubectl) -> None:
    expect_no_tenant_reads(given, NAME)


@pytest.mark.parametrize("actor", EVERYBODY)
@pytest.mark.parametrize("how", PODS)
def test_no_pod_of_anybody_has_it(given: Kubectl, actor: Actor, how: str) -> None:
    expect_in_no_pod(given, actor, PODS[how], LEFT_OUT)


def pod_of(job: str, labels: dict[str, str], **spec: Any) -> dict[str, Any]:
    made = objects.pod(SPACE, f"{job}-x", **spec)
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": job, "uid": "0b6d4f3e-0003"}
    made["metadata"] |= {"labels": labels, "ownerReferences": [owner | {"controller": True}]}
    return made


def job_called(name: str, **spec: Any) -> dict[str, Any]:
    made = objects.job(SPACE, name, **spec)
    made["metadata"]["labels"] = OURS
    return made


RUN = {"containers": [objects.container(name="run") | BY_VARIABLE]}


@pytest.mark.parametrize("spec", [RUN, VOLUME], ids=["a variable", "a volume"])
@pytest.mark.parametrize("name", ["glovebox-run", "glovebox-run-train-0"])
def test_the_program_of_a_run_has_it(given: Kubectl, name: str, spec: dict[str, Any]) -> None:
    expect_admitted(given.create(CONTROLLER, pod_of(name, OURS, **spec)))
    expect_admitted(given.create(OPERATOR, job_called(name, **spec)))


@pytest.mark.parametrize(
    ("name", "labels", "spec"),
    [
        pytest.param("glovebox-probe", OURS, VOLUME, id="the probe"),
        pytest.param("glovebox-runner", OURS, VOLUME, id="a name that begins alike"),
        pytest.param("glovebox-run", {}, VOLUME, id="a pod without the mark"),
        pytest.param(
            "glovebox-run",
            OURS,
            {"initContainers": [objects.container(name="fetch") | BY_VARIABLE]},
            id="another container",
        ),
        pytest.param(
            "glovebox-run",
            OURS,
            {"initContainers": [objects.container(name="fetch") | BY_ALL_VARIABLES]},
            id="another container by all variables",
        ),
    ],
)
def test_nothing_else_of_the_operator_s_has_it(
    given: Kubectl, name: str, labels: dict[str, str], spec: dict[str, Any]
) -> None:
    expect_denied(
        given.create(CONTROLLER, pod_of(name, labels, **spec)), "glovebox-images", LEFT_OUT
    )
    if labels:
        expect_denied(
            given.create(OPERATOR, job_called(name, **spec)), "glovebox-job-images", LEFT_OUT
        )


def test_nor_does_one_that_is_added_to_debug(given: Kubectl) -> None:
    expect_in_no_debugger(given, BY_VARIABLE, LEFT_OUT, called="run")
