"""Notes of seals that are to be listed once more: the operator's alone."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from cluster.guards.actors import (
    BREAK_GLASS,
    CLUSTER_ADMIN,
    OPERATOR,
    Actor,
    Kubectl,
    expect_admitted,
    expect_denied,
)
from cluster.guards.test_signing_keys import NAMESPACE_CONTROLLER

OWN = "glovebox-system"
NAME = "glovebox-last-listing-0b1c"
GUARD = "glovebox-last-listings"
MESSAGE = (
    "only the Glovebox operator writes and removes the ConfigMaps 'glovebox-last-listing-...': it"
    " removes them when the seal was listed once more"
)


def note(name: str = NAME, namespace: str = OWN) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": {"uid": "0b1c"},
    }


def test_the_operator_leaves_a_note_and_takes_it_away(experiments: Kubectl) -> None:
    name = f"glovebox-last-listing-{uuid4().hex[:8]}"
    place = ("configmap", name, f"--namespace={OWN}")
    expect_admitted(experiments.create(OPERATOR, note(name), dry_run=False))
    patch = ("--type=merge", '--patch={"data":{"uid":"other"}}', "--dry-run=server")
    for actor in (CLUSTER_ADMIN, NAMESPACE_CONTROLLER):
        expect_denied(experiments(actor, "patch", *place, *patch), GUARD, MESSAGE)
    expect_denied(experiments(CLUSTER_ADMIN, "delete", *place, "--dry-run=server"), GUARD, MESSAGE)
    for actor in (BREAK_GLASS, NAMESPACE_CONTROLLER):
        expect_admitted(experiments(actor, "delete", *place, "--dry-run=server"))
    expect_admitted(experiments(OPERATOR, "delete", *place))


@pytest.mark.parametrize("actor", [CLUSTER_ADMIN])
def test_nobody_else_leaves_one(experiments: Kubectl, actor: Actor) -> None:
    expect_denied(experiments.create(actor, note()), GUARD, MESSAGE)
    expect_admitted(experiments.create(actor, note("another-config-map")))


def test_the_operator_leaves_none_elsewhere(experiments: Kubectl) -> None:
    message = (
        "the Glovebox operator may create configmaps only in namespaces of experiments, and"
        " 'default' is none"
    )
    answer = experiments.create(OPERATOR, note(namespace="default"))
    expect_denied(answer, "glovebox-operator-fence", message)
