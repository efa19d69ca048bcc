"""Who may say which former results an Experiment takes over: whoever has the verb `adopt`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.guards.actors import (
    CLUSTER_ADMIN,
    OPERATOR,
    Actor,
    Kubectl,
    expect_admitted,
    expect_denied,
)

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "flights"
TEAM, OTHER_TEAM = "team-adopt", "team-adopt-other"
EXPERIMENTER, ADOPTER = Actor("ellen"), Actor("ada")
REFUSAL = (
    "`spec.adopts` needs the verb 'adopt' on experiments.glovebox.dev (ClusterRole"
    " glovebox-adopter): it lets an Experiment take over the results of a former one; ask the"
    " platform's owner, or leave the field out"
)


def experiment(name: str, team: str = TEAM, **spec: Any) -> dict[str, Any]:
    """Return an Experiment as the example has it."""
    documents = [
        document
        for path in sorted(EXAMPLE.glob("[!0-9]*.yaml"))
        for document in yaml.safe_load_all(path.read_text())
    ]
    found: dict[str, Any] = next(each for each in documents if each["kind"] == "Experiment")
    return {
        **found,
        "metadata": {"name": name, "namespace": team},
        "spec": {**found["spec"], **spec},
    }


@pytest.fixture(scope="package")
def teams(guarded: Kubectl) -> Kubectl:
    """Two teams; in the first one somebody may adopt, in both somebody may declare."""
    for team in (TEAM, OTHER_TEAM):
        expect_admitted(guarded(CLUSTER_ADMIN, "create", "namespace", team))
        for actor in (EXPERIMENTER, ADOPTER):
            bind(guarded, team, actor, "glovebox-experimenter")
    bind(guarded, TEAM, ADOPTER, "glovebox-adopter")
    for team in (TEAM, OTHER_TEAM):
        made = guarded.create(EXPERIMENTER, experiment("declared", team), dry_run=False)
        expect_admitted(made)
    taken = guarded.create(ADOPTER, experiment("taken", adopts="former"), dry_run=False)
    expect_admitted(taken)
    return guarded


def bind(kubectl: Kubectl, team: str, actor: Actor, role: str) -> None:
    name = f"{actor.user}-{role}"
    arguments = (f"--clusterrole={role}", f"--user={actor.user}", f"--namespace={team}")
    expect_admitted(kubectl(CLUSTER_ADMIN, "create", "rolebinding", name, *arguments))


def patch(
    kubectl: Kubectl, actor: Actor, name: str, change: dict[str, Any], team: str = TEAM
) -> Any:
    return kubectl(
        actor,
        "patch",
        "experiments.glovebox.dev",
        name,
        f"--namespace={team}",
        "--type=merge",
        f"--patch={json.dumps(change)}",
        "--dry-run=server",
    )


def test_who_may_only_declare_cannot_take_results_over(teams: Kubectl) -> None:
    adopting = {"spec": {"adopts": "former"}}
    expect_denied(patch(teams, EXPERIMENTER, "declared", adopting), "glovebox-adopt", REFUSAL)
    created = teams.create(EXPERIMENTER, experiment("new", adopts="former"))
    expect_denied(created, "glovebox-adopt", REFUSAL)


def test_who_may_adopt_can_and_in_their_namespace_alone(teams: Kubectl) -> None:
    adopting = {"spec": {"adopts": "former"}}
    expect_admitted(patch(teams, ADOPTER, "declared", adopting))
    elsewhere = patch(teams, ADOPTER, "declared", adopting, OTHER_TEAM)
    expect_denied(elsewhere, "glovebox-adopt", REFUSAL)


def test_who_takes_nothing_over_needs_no_such_right(teams: Kubectl) -> None:
    expect_admitted(teams.create(EXPERIMENTER, experiment("of-their-own")))
    expect_admitted(
        patch(teams, EXPERIMENTER, "declared", {"spec": {"purpose": {"ticket": "F-1"}}})
    )


def test_what_was_taken_over_is_edited_as_before_and_kept_by_the_operator(teams: Kubectl) -> None:
    edit = {"spec": {"purpose": {"ticket": "FLT-9"}}}
    expect_admitted(patch(teams, EXPERIMENTER, "taken", edit))
    mark = {"metadata": {"finalizers": ["glovebox.dev/finalizer"]}}
    expect_admitted(patch(teams, OPERATOR, "taken", mark))
