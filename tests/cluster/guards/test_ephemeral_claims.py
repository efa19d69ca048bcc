"""A pod's own claim gets a volume that is made for it, by a class, and none that was there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from cluster.guards import objects
from cluster.guards.actors import EVERYBODY, TENANT, Actor, Kubectl, expect_admitted, expect_denied

WORDS: Final = (
    "the claim of an ephemeral volume must name a `storageClassName`, and its template must have no"
    " annotations: without a class it would be given a volume that somebody made by hand"
)
CLAIM: Final = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
CLASSED: Final = CLAIM | {"storageClassName": "scratch"}
ATTACKS: Final = [
    pytest.param({"spec": CLAIM}, id="no class, where the cluster has no default"),
    pytest.param({"spec": CLAIM | {"storageClassName": ""}}, id="no class on purpose"),
    *(
        pytest.param({"metadata": {"annotations": {name: value}}, "spec": CLASSED}, id=name)
        for name, value in (
            ("volume.beta.kubernetes.io/storage-class", ""),
            ("volume.kubernetes.io/selected-node", "n1"),
            ("volume.kubernetes.io/storage-provisioner", "mine.example"),
        )
    ),
]
MAKERS: Final = [
    pytest.param(objects.pod, "glovebox-pods", id="pod"),
    pytest.param(objects.job, "glovebox-jobs", id="job"),
]
Make = Callable[..., objects.Json]


def volumes(template: objects.Json) -> list[objects.Json]:
    return [
        {"name": "a", "emptyDir": {}},
        {"name": "v", "ephemeral": {"volumeClaimTemplate": template}},
    ]


@pytest.mark.parametrize(("make", "policy"), MAKERS)
@pytest.mark.parametrize("template", ATTACKS)
def test_a_claim_that_could_be_given_another_s_volume_is_refused(
    experiments: Kubectl, template: objects.Json, make: Make, policy: str
) -> None:
    asked = make(objects.NAMESPACE, volumes=volumes(template))
    expect_denied(experiments.create(TENANT, asked), policy, WORDS)


@pytest.mark.parametrize("actor", EVERYBODY)
def test_for_everybody(experiments: Kubectl, actor: Actor) -> None:
    asked = objects.pod(objects.NAMESPACE, volumes=volumes({"spec": CLAIM}))
    expect_denied(experiments.create(actor, asked), "glovebox-pods", WORDS)


@pytest.mark.parametrize(("make", "policy"), MAKERS)
def test_a_claim_of_a_class_is_admitted(experiments: Kubectl, make: Make, policy: str) -> None:
    del policy
    template = {"metadata": {"labels": {"a": "b"}}, "spec": CLASSED}
    asked = make(objects.NAMESPACE, volumes=volumes(template))
    expect_admitted(experiments.create(TENANT, asked))
