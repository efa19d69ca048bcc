"""A pod that is deleted has ended when it is gone, and is not ending for long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from uuid import uuid4

import pytest

from cluster.guards import objects
from cluster.guards.actors import (
    BREAK_GLASS,
    CLUSTER_ADMIN,
    EVERYBODY,
    KUBELET,
    NAMESPACE_ADMIN,
    OPERATOR,
    TENANT,
    Actor,
    Kubectl,
)
from cluster.guards.test_owned_objects import placed
from cluster.guards.test_pods import JOB_CONTROLLER
from support.api import Api, ApiError
from support.kubelet import write_status
from support.waiting import eventually

PODS: Final = f"/api/v1/namespaces/{objects.NAMESPACE}/pods"
WORDS: Final = "with 0 its containers would run on unseen"
DRY: Final = {"dryRun": ["All"]}


@pytest.fixture
def running(experiments: Kubectl) -> Iterator[str]:
    """The path of a pod that a node has; no test here goes further than admission."""
    path = f"{PODS}/{placed(experiments, TENANT, {})}"
    yield path
    experiments.api(BREAK_GLASS).delete(path, gracePeriodSeconds=0)


def refusal(api: Api, method: str, path: str, body: Any, **query: Any) -> str:
    """Return how the API server refuses a request; nothing when it does not."""
    try:
        api.request(method, path, body, **query)
    except ApiError as error:
        return error.message
    return ""


def deletion(api: Api, path: str, seconds: int | None) -> str:
    options = DRY if seconds is None else DRY | {"gracePeriodSeconds": seconds}
    return refusal(api, "DELETE", path, options)


def eviction(api: Api, path: str, seconds: int | None) -> str:
    options = {} if seconds is None else {"deleteOptions": {"gracePeriodSeconds": seconds}}
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": path.rpartition("/")[2], "namespace": objects.NAMESPACE},
        **options,
    }
    return refusal(api, "POST", f"{path}/eviction", body, dryRun="All")


def expect_nothing(said: str) -> None:
    assert said == "", said  # whole: it names the guard


def expect_of_the_guard(said: str) -> None:
    assert "'glovebox-pod-ends'" in said, said
    assert WORDS in said, said


@pytest.mark.parametrize("actor", EVERYBODY)
@pytest.mark.parametrize("seconds", [0, 121, 864000])
def test_a_pod_is_neither_forgotten_nor_long_in_ending(
    experiments: Kubectl, running: str, actor: Actor, seconds: int
) -> None:
    expect_of_the_guard(deletion(experiments.api(actor), running, seconds))


@pytest.mark.parametrize("actor", EVERYBODY)
@pytest.mark.parametrize("seconds", [None, 1, 30, 120])
def test_a_pod_is_deleted_as_people_do(
    experiments: Kubectl, running: str, actor: Actor, seconds: int | None
) -> None:
    expect_nothing(deletion(experiments.api(actor), running, seconds))


def test_the_query_of_a_deletion_counts_as_its_body_does(
    experiments: Kubectl, running: str
) -> None:
    api = experiments.api(TENANT)
    query = {"dryRun": "All", "gracePeriodSeconds": 0}
    expect_of_the_guard(refusal(api, "DELETE", running, None, **query))
    expect_nothing(refusal(api, "DELETE", running, None, **query | {"gracePeriodSeconds": 30}))


def test_pods_are_not_forgotten_all_at_once_either(experiments: Kubectl, running: str) -> None:
    for actor in (NAMESPACE_ADMIN, CLUSTER_ADMIN):
        api = experiments.api(actor)
        expect_of_the_guard(deletion(api, PODS, 0))
        expect_nothing(deletion(api, PODS, 30))
    expect_nothing(deletion(experiments.api(CLUSTER_ADMIN), running, 30))


def test_an_eviction_is_a_deletion(experiments: Kubectl, running: str) -> None:
    for actor in (NAMESPACE_ADMIN, CLUSTER_ADMIN):
        api = experiments.api(actor)
        for seconds in (0, 864000):
            expect_of_the_guard(eviction(api, running, seconds))
        for fair in (None, 30):
            expect_nothing(eviction(api, running, fair))


def test_who_knows_that_a_pod_has_ended_may_say_so(experiments: Kubectl, running: str) -> None:
    for actor in (OPERATOR, BREAK_GLASS):
        expect_nothing(deletion(experiments.api(actor), running, 0))
    controller = experiments.api(CLUSTER_ADMIN).acting_as(JOB_CONTROLLER)
    expect_nothing(deletion(controller, running, 0))
    # NodeRestriction takes up late which node a pod is on.
    kubelet = experiments.api(KUBELET)

    eventually(lambda: deletion(kubelet, running, 30) == "", what="the kubelet may end its pod")
    expect_nothing(deletion(kubelet, running, 0))


@pytest.mark.parametrize("seconds", [None, 0])
def test_what_never_ran_or_has_ended_goes_at_once(
    experiments: Kubectl, running: str, seconds: int | None
) -> None:
    tenant = experiments.api(TENANT)
    waiting = f"waiting-{uuid4().hex[:8]}"
    tenant.create(PODS, objects.pod(objects.NAMESPACE, waiting))
    expect_nothing(deletion(tenant, f"{PODS}/{waiting}", seconds))
    tenant.delete(f"{PODS}/{waiting}")
    ended = {"metadata": {"name": running.rpartition("/")[2], "namespace": objects.NAMESPACE}}
    write_status(experiments.api(CLUSTER_ADMIN), ended, {"phase": "Succeeded"})
    expect_nothing(deletion(tenant, running, seconds))
