"""A pod of one team neither repels nor attracts pods of another: those are placed all the same.

The scheduler counts what standing pods ask for, so that one pod could keep every run of the cluster
from being placed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from cluster.guards import objects
from cluster.guards.actors import EVERYBODY, TENANT, Actor, Kubectl, expect_admitted, expect_denied

WORDS: Final = (
    "`podAffinity` and `podAntiAffinity` must name no `namespaces` and no `namespaceSelector`:"
    " where the pods of others are placed is not up to an experiment"
)
REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"
MAKERS: Final = [
    pytest.param(objects.pod, "glovebox-pods", id="pod"),
    pytest.param(objects.job, "glovebox-jobs", id="job"),
]
Make = Callable[..., objects.Json]


def term(**more: Any) -> objects.Json:
    labels = {"app.kubernetes.io/managed-by": "glovebox"}
    return {"labelSelector": {"matchLabels": labels}, "topologyKey": "kubernetes.io/os", **more}


def affinity(kind: str, of_term: objects.Json, *, when: str) -> objects.Json:
    terms = (
        {REQUIRED: [term(), of_term]}
        if when == REQUIRED
        else {
            PREFERRED: [
                {"weight": 1, "podAffinityTerm": term()},
                {"weight": 100, "podAffinityTerm": of_term},
            ]
        }
    )
    return {"affinity": {kind: terms}}


ELSEWHERE: Final = [
    pytest.param({"namespaceSelector": {}}, id="every namespace"),
    pytest.param({"namespaceSelector": {"matchLabels": {"a": "b"}}}, id="namespaces by labels"),
    pytest.param({"namespaces": ["gbx-ships-delay-abcdefghij"]}, id="a namespace by name"),
]


@pytest.mark.parametrize(("make", "policy"), MAKERS)
@pytest.mark.parametrize("when", [REQUIRED, PREFERRED])
@pytest.mark.parametrize("kind", ["podAffinity", "podAntiAffinity"])
@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_a_term_over_other_namespaces_is_refused(
    experiments: Kubectl,
    elsewhere: objects.Json,
    kind: str,
    when: str,
    make: Make,
    policy: str,
) -> None:
    asked = affinity(kind, term(**elsewhere), when=when)
    answer = experiments.create(TENANT, make(objects.NAMESPACE, **asked))
    expect_denied(answer, policy, WORDS)


@pytest.mark.parametrize("actor", EVERYBODY)
def test_for_everybody(experiments: Kubectl, actor: Actor) -> None:
    asked = affinity("podAntiAffinity", term(namespaceSelector={}), when=REQUIRED)
    answer = experiments.create(actor, objects.pod(objects.NAMESPACE, **asked))
    expect_denied(answer, "glovebox-pods", WORDS)


@pytest.mark.parametrize(("make", "policy"), MAKERS)
@pytest.mark.parametrize("when", [REQUIRED, PREFERRED])
@pytest.mark.parametrize("kind", ["podAffinity", "podAntiAffinity"])
def test_an_experiment_s_own_pods_may_be_kept_together_or_apart(
    experiments: Kubectl, kind: str, when: str, make: Make, policy: str
) -> None:
    del policy
    asked = affinity(kind, term(), when=when)
    expect_admitted(experiments.create(TENANT, make(objects.NAMESPACE, **asked)))
