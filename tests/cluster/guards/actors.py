"""Who tries what, through kubectl, and how the answer reads.

Everybody comes with a certificate of their own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from cluster.attacks.attempt import creation
from support.api import Api, ApiError

if TYPE_CHECKING:
    from support.cluster import Cluster

KubernetesObject = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Actor:
    """A user of the API server."""

    user: str
    groups: tuple[str, ...] = ()


OPERATOR = Actor("glovebox-operator")
TENANT = Actor("tess", ("glovebox:team:flights",))
NAMESPACE_ADMIN = Actor("nadia")
CLUSTER_ADMIN = Actor("carol", ("system:masters",))
BREAK_GLASS_GROUP = "glass-breakers"
BREAK_GLASS = Actor("gus", ("system:masters", BREAK_GLASS_GROUP))
EVERYBODY = [
    pytest.param(TENANT, id="tenant"),
    pytest.param(NAMESPACE_ADMIN, id="namespace-admin"),
    pytest.param(CLUSTER_ADMIN, id="cluster-admin"),
]
ADMINS = EVERYBODY[1:]
# As a scheduler would bind it; the right to impersonate one is all that a cluster admin needs.
SCHEDULER = Actor("system:kube-scheduler", ("system:masters",))
KUBELET = Actor("system:node:n1", ("system:nodes", "system:masters"))


@dataclass(frozen=True, slots=True)
class Answer:
    """How kubectl ended."""

    command: str
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Kubectl:
    """The real kubectl against one cluster; creations go straight to the API server."""

    cluster: Cluster
    _apis: dict[Actor, Api] = field(default_factory=dict, compare=False, repr=False)

    def __call__(
        self, actor: Actor, *arguments: str, manifest: KubernetesObject | None = None
    ) -> Answer:
        """Run kubectl as an actor; a manifest is given to it on its standard input."""
        stdin = None if manifest is None else json.dumps(manifest)
        done = self.cluster.kubectl(
            *arguments, user=actor.user, groups=actor.groups, stdin=stdin, check=False
        )
        return Answer(
            " ".join(arguments), done.returncode, done.stdout.strip(), done.stderr.strip()
        )

    def create(self, actor: Actor, manifest: KubernetesObject, *, dry_run: bool = True) -> Answer:
        """Create an object; by default only as far as admission goes.

        One object is sent as it is, without starting kubectl: most tests do just this, and a
        hundred times more of them fit into a minute.
        """
        if manifest["kind"] == "List":
            how = ["--dry-run=server"] if dry_run else []
            return self(
                actor,
                "create",
                "-f",
                "-",
                "-o",
                "name",
                "--validate=ignore",
                *how,
                manifest=manifest,
            )
        request = creation(dict(manifest))
        command = f"create {request.path}"
        try:
            made = self.api(actor).request(
                "POST", request.path, request.body, **({"dryRun": "All"} if dry_run else {})
            )
        except ApiError as error:
            return Answer(command, 1, "", f"Error from server ({error.reason}): {error.message}")
        return Answer(command, 0, f"{made['kind'].lower()}/{made['metadata'].get('name', '')}", "")

    def api(self, actor: Actor) -> Api:
        """Return the API server as an actor sees it, by a certificate of the actor's own."""
        if actor not in self._apis:
            self._apis[actor] = self.cluster.api_as(actor.user, actor.groups)
        return self._apis[actor]


def expect_admitted(answer: Answer) -> None:
    assert answer.code == 0, f"kubectl {answer.command}: {answer.err}"


def expect_denied(answer: Answer, policy: str, message: str) -> None:
    """The guard refused, with exactly this text after the API server's own preamble."""
    assert answer.code != 0, f"kubectl {answer.command}: admitted: {answer.out}"
    assert "is forbidden" in answer.err, answer.err
    said = answer.err.partition(
        f"ValidatingAdmissionPolicy '{policy}' with binding '{policy}' denied request: "
    )
    assert said[1], f"kubectl {answer.command}: refused, but not by '{policy}': {answer.err}"
    assert said[2] == message


def expect_warned(answer: Answer, policy: str, message: str) -> None:
    """It was admitted, and the guard warned with exactly this text."""
    expect_admitted(answer)
    by = f"Validation failed for ValidatingAdmissionPolicy '{policy}' with binding '{policy}'"
    assert warnings(answer) == [f"{by}: {message}"], f"kubectl {answer.command}: {answer.err}"


def warnings(answer: Answer) -> list[str]:
    """Return what the API server warned of."""
    lines = [line.partition("Warning: ") for line in answer.err.splitlines()]
    return [text for before, found, text in lines if found and not before]


def expect_no_right(answer: Answer) -> None:
    """RBAC refused: the request never came as far as a guard."""
    assert answer.code != 0, f"kubectl {answer.command}: admitted: {answer.out}"
    assert "orbidden" in answer.err, answer.err
    assert 'User "' in answer.err, answer.err
    assert " cannot " in answer.err, answer.err
    assert "ValidatingAdmissionPolicy" not in answer.err, answer.err
