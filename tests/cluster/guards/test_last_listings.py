"""Notes of what is still to be done, of seals and of lineage: the operator's alone."""

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
from glovebox import names

OWN = "glovebox-system"
NAME = "glovebox-last-listing-0b1c"
GUARD = "glovebox-last-listings"
MESSAGE = (
    "only the Glovebox operator writes and removes the ConfigMaps 'glovebox-last-listing-...' and"
    " 'glovebox-lineage-...': it removes them when what they ask for is done"
)
PREFIXES = ("glovebox-last-listing-", names.LINEAGE_PREFIX)


def note(name: str = NAME, namespace: str = OWN) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": {"uid": "0b1c"},
    }


@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_operator_leaves_a_note_and_takes_it_away(experiments: Kubectl, prefix: str) -> None:
    name = f"{prefix}{uuid4().hex[:8]}"
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
@pytest.mark.parametrize("prefix", PREFIXES)
def test_nobody_else_leaves_one(experiments: Kubectl, prefix: str, actor: Actor) -> None:
    expect_denied(experiments.create(actor, note(f"{prefix}0b1c")), GUARD, MESSAGE)
    expect_admitted(experiments.create(actor, note("another-config-map")))


def test_the_operator_leaves_none_elsewhere(experiments: Kubectl) -> None:
    message = (
        "the Glovebox operator may create configmaps only in namespaces of experiments, and"
        " 'default' is none"
    )
    answer = experiments.create(OPERATOR, note(namespace="default"))
    expect_denied(answer, "glovebox-operator-fence", message)


def test_what_was_given_up_is_the_operators_to_leave_and_the_platforms_to_remove(
    experiments: Kubectl,
) -> None:
    name = f"{names.UNDELIVERED_PREFIX}{uuid4().hex[:8]}"
    place = ("configmap", name, f"--namespace={OWN}")
    expect_admitted(experiments.create(OPERATOR, note(name), dry_run=False))
    message = (
        "the Glovebox operator may delete configmaps only in namespaces of experiments, and"
        f" '{OWN}' is none"
    )
    answer = experiments(OPERATOR, "delete", *place)
    expect_denied(answer, "glovebox-operator-fence", message)
    expect_admitted(experiments(CLUSTER_ADMIN, "delete", *place))
