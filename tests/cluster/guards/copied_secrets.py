"""What is asked of each Secret that the operator copies into the namespace of an experiment."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from cluster.guards import objects
from cluster.guards.actors import (
    CLUSTER_ADMIN,
    OPERATOR,
    TENANT,
    Actor,
    Kubectl,
    expect_admitted,
    expect_denied,
    expect_no_right,
)

SPACE = objects.NAMESPACE
IN_SPACE = f"--namespace={SPACE}"


def by_variable(name: str, key: str) -> dict[str, Any]:
    """Return what gives a container a variable of a Secret."""
    reference = {"secretKeyRef": {"name": name, "key": key}}
    return {"env": [{"name": "TOKEN", "valueFrom": reference}]}


def ways_to_read(name: str, key: str, container: str) -> dict[str, dict[str, Any]]:
    """Return the spec of a pod for each way in which it could read a Secret.

    Args:
        name: Of the Secret.
        key: In it.
        container: What the containers are called.
    """
    one, made = by_variable(name, key), objects.container(name=container)
    sources = [{"secret": {"name": name}}]
    return {
        "a volume": {"volumes": [{"name": "keys", "secret": {"secretName": name}}]},
        "a projected volume": {"volumes": [{"name": "keys", "projected": {"sources": sources}}]},
        "a variable": {"containers": [made | one]},
        "all variables": {"containers": [made | {"envFrom": [{"secretRef": {"name": name}}]}]},
        "an init container": {"initContainers": [made | one]},
    }


def expect_operator_alone_writes(
    kubectl: Kubectl, actor: Actor, name: str, forged: dict[str, Any]
) -> None:
    """Expect that an administrator changes, deletes and forges no such Secret."""
    cure = "change, freeze or delete Experiment 'delay' of team 'flights' instead"
    for verb, answer in (
        ("update", kubectl(actor, "label", "secret", name, IN_SPACE, "x=y", "--dry-run=server")),
        ("delete", kubectl(actor, "delete", "secret", name, IN_SPACE, "--dry-run=server")),
    ):
        expect_denied(
            answer,
            "glovebox-owned-objects",
            f"only the Glovebox operator may {verb} secrets in the namespace of an experiment;"
            f" {cure}",
        )
    if actor is CLUSTER_ADMIN:
        assert "glovebox-owned-objects" in kubectl.create(actor, forged).err


def expect_no_tenant_reads(kubectl: Kubectl, name: str) -> None:
    """Expect that a tenant gets it by no verb."""
    for verb in (("get", "secret", name), ("get", "secrets"), ("describe", "secret", name)):
        expect_no_right(kubectl(TENANT, *verb, IN_SPACE))


def expect_in_no_pod(kubectl: Kubectl, actor: Actor, spec: dict[str, Any], words: str) -> None:
    """Expect that neither a pod nor a Job of that spec is admitted."""
    expect_denied(kubectl.create(actor, objects.pod(SPACE, **spec)), "glovebox-images", words)
    expect_denied(kubectl.create(actor, objects.job(SPACE, **spec)), "glovebox-job-images", words)


def expect_in_no_debugger(
    kubectl: Kubectl, more: dict[str, Any], words: str, *, called: str = "debug"
) -> None:
    """Expect that no container that is added to debug has it, not even an administrator's."""
    name = f"held-{uuid4().hex[:8]}"
    expect_admitted(kubectl.create(CLUSTER_ADMIN, objects.pod(SPACE, name), dry_run=False))
    debug = objects.container(name=called) | more
    patch = json.dumps({"spec": {"ephemeralContainers": [debug]}})
    how = ("--subresource=ephemeralcontainers", "--type=strategic", "--dry-run=server")
    answer = kubectl(CLUSTER_ADMIN, "patch", "pod", name, IN_SPACE, f"--patch={patch}", *how)
    expect_denied(answer, "glovebox-images", words)
    gone = ("delete", "pod", name, IN_SPACE, "--wait=false")
    expect_admitted(kubectl(CLUSTER_ADMIN, *gone))


def expect_written_anew_and_taken_away(
    kubectl: Kubectl, name: str, content: dict[str, str]
) -> None:
    """Expect that the operator replaces and deletes it."""
    live = kubectl(OPERATOR, "get", "secret", name, IN_SPACE, "-o", "json")
    expect_admitted(live)
    changed = json.loads(live.out) | {"stringData": content}
    expect_admitted(kubectl(OPERATOR, "replace", "--dry-run=server", "-f", "-", manifest=changed))
    expect_admitted(kubectl(OPERATOR, "delete", "secret", name, IN_SPACE, "--dry-run=server"))
