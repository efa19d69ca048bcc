"""The public keys of seals: everybody reads them, the operator alone writes, and none goes."""

from __future__ import annotations

from typing import Any

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


def test_the_public_keys_are_for_all_to_read_and_for_the_operator_to_add_to(
    experiments: Kubectl,
) -> None:
    expect_denied(experiments.create(CLUSTER_ADMIN, keys(a="A")), GUARD, ONLY_THE_OPERATOR)
    expect_admitted(experiments.create(OPERATOR, keys(keys="1", a="A"), dry_run=False))

    def replace(actor: Actor, **data: str) -> Any:
        return experiments(actor, "replace", "--dry-run=server", "-f", "-", manifest=keys(**data))

    def delete(actor: Actor) -> Any:
        return experiments(
            actor, "delete", "configmap", NAME, f"--namespace={OWN}", "--dry-run=server"
        )

    read = ("get", "configmap", NAME, f"--namespace={OWN}")
    try:
        expect_admitted(experiments(ANYBODY, *read))
        expect_admitted(experiments(TENANT, *read))
        expect_no_right(experiments(ANYBODY, "get", "configmaps", f"--namespace={OWN}"))
        expect_admitted(replace(OPERATOR, keys="2", a="A", b="B"))
        expect_denied(replace(OPERATOR, keys="2", b="B"), GUARD, STAYS)
        expect_denied(replace(OPERATOR, keys="2", a="other"), GUARD, STAYS)
        expect_denied(replace(CLUSTER_ADMIN, keys="2", a="A", b="B"), GUARD, ONLY_THE_OPERATOR)
        expect_denied(delete(CLUSTER_ADMIN), GUARD, ONLY_THE_OPERATOR)
        assert "Forbidden" in delete(OPERATOR).err
        expect_admitted(delete(BREAK_GLASS))
    finally:
        experiments(BREAK_GLASS, "delete", "configmap", NAME, f"--namespace={OWN}")
