"""A conclusion is said by a person, under their own name."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from cluster.guards.actors import (
    BREAK_GLASS,
    CLUSTER_ADMIN,
    OPERATOR,
    Actor,
    Answer,
    Kubectl,
    expect_admitted,
    expect_denied,
)
from cluster.guards.declared import EXPERIMENTER, TEAM

GUARD = "glovebox-conclusions"
PIPELINE = Actor("system:serviceaccount:ci:pipeline", ("system:masters",))
PERSON = (
    "`spec.conclusion` is what a person says: no service account and no node may write it; leave it"
    " out of what a pipeline or a GitOps controller applies"
)


@pytest.fixture(scope="package")
def sealed(guarded: Kubectl, declared: dict[str, dict[str, Any]]) -> str:
    """The name of an Experiment that is sealed."""
    return made_sealed(guarded, declared, "concluded")


def made_sealed(kubectl: Kubectl, declared: dict[str, dict[str, Any]], name: str) -> str:
    document = declared["experiments"]
    document = {**document, "metadata": {**document["metadata"], "name": name}}
    expect_admitted(kubectl.create(EXPERIMENTER, document, dry_run=False))
    path = f"/apis/glovebox.dev/v1alpha1/namespaces/{TEAM}/experiments/{name}"
    seal = {
        "uri": "s3://b/.glovebox/seals/u/",
        "attestationVersion": "v1",
        "manifestDigest": "sha256:" + "a" * 64,
        "objects": 1,
        "bytes": 1,
        "sealedTime": "2030-01-01T00:00:00Z",
    }
    body = {
        **json.loads(kubectl(CLUSTER_ADMIN, "get", "--raw", path).out),
        "status": {"seal": seal},
    }
    expect_admitted(
        kubectl(OPERATOR, "replace", "--raw", f"{path}/status", "-f", "-", manifest=body)
    )
    return name


def conclude(kubectl: Kubectl, actor: Actor, name: str, by: str, *, dry_run: bool = True) -> Answer:
    said = {"verdict": "Confirmed", "text": "as hoped", "by": by}
    change = {"spec": {"conclusion": said}}
    return kubectl(
        actor,
        "patch",
        "experiments.glovebox.dev",
        name,
        f"--namespace={TEAM}",
        "--type=merge",
        f"--patch={json.dumps(change)}",
        *(("--dry-run=server",) if dry_run else ()),
    )


def test_a_person_concludes_under_their_own_name(guarded: Kubectl, sealed: str) -> None:
    expect_admitted(conclude(guarded, EXPERIMENTER, sealed, EXPERIMENTER.user))
    expect_admitted(conclude(guarded, CLUSTER_ADMIN, sealed, CLUSTER_ADMIN.user))


def test_who_concludes_nothing_writes_as_ever(
    guarded: Kubectl, declared: dict[str, dict[str, Any]]
) -> None:
    name = made_sealed(guarded, declared, f"concluded-{uuid4().hex[:8]}")
    place = ("experiments.glovebox.dev", name, f"--namespace={TEAM}")
    mark = ("label", *place, "a=b", "--dry-run=server")
    expect_admitted(guarded(CLUSTER_ADMIN, *mark))
    expect_admitted(conclude(guarded, EXPERIMENTER, name, EXPERIMENTER.user, dry_run=False))
    expect_admitted(guarded(CLUSTER_ADMIN, *mark))


@pytest.mark.parametrize("actor", [EXPERIMENTER, CLUSTER_ADMIN, BREAK_GLASS])
def test_nobody_concludes_under_another_name(guarded: Kubectl, sealed: str, actor: Actor) -> None:
    message = (
        "`spec.conclusion.by` must be the user name under which it is written"
        f" ('{actor.user}'), and is 'somebody'; write your own name, or have that person write it"
    )
    expect_denied(conclude(guarded, actor, sealed, "somebody"), GUARD, message)


def test_no_service_account_concludes(guarded: Kubectl, sealed: str) -> None:
    expect_denied(conclude(guarded, PIPELINE, sealed, PIPELINE.user), GUARD, PERSON)
