"""The public keys of seals: everybody reads them, the operator alone writes, and none goes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

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

OWN = "glovebox-system"
NAME = "glovebox-signing-keys"
GUARD = "glovebox-signing-keys"
ONLY_THE_OPERATOR = (
    "only the Glovebox operator writes the ConfigMap 'glovebox-signing-keys'; to have another key"
    " sign, replace the Secret 'glovebox-signing-key'"
)
STAYS = "a public key that was published stays in the ConfigMap 'glovebox-signing-keys' as it is"
# Logged in, and nothing else.
ANYBODY = Actor("someone@example", ("system:authenticated",))


def keys(**data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": OWN},
        "data": {f"{name}.pem" if name != "keys" else "keys.json": v for name, v in data.items()},
    }


NAMESPACE_CONTROLLER = Actor(
    "system:serviceaccount:kube-system:namespace-controller", ("system:masters",)
)


@pytest.fixture
def published(experiments: Kubectl) -> Iterator[None]:
    """The list of keys, as the operator makes it; it goes by whoever may take it away."""
    expect_admitted(experiments.create(OPERATOR, keys(keys="1", a="A"), dry_run=False))
    yield
    for actor in (BREAK_GLASS, NAMESPACE_CONTROLLER):
        if experiments(actor, "delete", *PLACE, "--ignore-not-found").code == 0:
            return


PLACE = ("configmap", NAME, f"--namespace={OWN}")


def replaced(experiments: Kubectl, actor: Actor, **data: str) -> Any:
    return experiments(actor, "replace", "--dry-run=server", "-f", "-", manifest=keys(**data))


def deleted(experiments: Kubectl, actor: Actor) -> Any:
    return experiments(actor, "delete", *PLACE, "--dry-run=server")


def test_only_the_operator_makes_the_list(experiments: Kubectl) -> None:
    expect_denied(experiments.create(CLUSTER_ADMIN, keys(a="A")), GUARD, ONLY_THE_OPERATOR)
    expect_admitted(experiments.create(BREAK_GLASS, keys(a="A")))


def test_other_config_maps_are_free(experiments: Kubectl) -> None:
    other = keys(a="A")
    other["metadata"]["name"] = "of-the-platform"
    expect_admitted(experiments.create(CLUSTER_ADMIN, other))


@pytest.mark.usefixtures("published")
def test_everybody_reads_the_list_and_nothing_beside_it(experiments: Kubectl) -> None:
    expect_admitted(experiments(ANYBODY, "get", *PLACE))
    expect_admitted(experiments(TENANT, "get", *PLACE))
    expect_no_right(experiments(ANYBODY, "get", "configmaps", f"--namespace={OWN}"))


@pytest.mark.usefixtures("published")
def test_keys_are_added_by_the_operator_and_none_is_changed(experiments: Kubectl) -> None:
    expect_admitted(replaced(experiments, OPERATOR, keys="2", a="A", b="B"))
    expect_denied(replaced(experiments, OPERATOR, keys="2", b="B"), GUARD, STAYS)
    expect_denied(replaced(experiments, OPERATOR, keys="2", a="other"), GUARD, STAYS)
    expect_denied(
        replaced(experiments, CLUSTER_ADMIN, keys="2", a="A", b="B"), GUARD, ONLY_THE_OPERATOR
    )


@pytest.mark.usefixtures("published")
def test_the_list_goes_with_its_namespace_and_by_a_broken_glass_alone(
    experiments: Kubectl,
) -> None:
    expect_denied(deleted(experiments, CLUSTER_ADMIN), GUARD, ONLY_THE_OPERATOR)
    assert "Forbidden" in deleted(experiments, OPERATOR).err
    expect_admitted(deleted(experiments, BREAK_GLASS))
    expect_admitted(deleted(experiments, NAMESPACE_CONTROLLER))
