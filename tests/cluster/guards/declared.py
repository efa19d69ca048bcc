"""One resource of each of our kinds, as the example has them, declared by a team."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from cluster.guards.actors import CLUSTER_ADMIN, Actor, Kubectl, expect_admitted

_EXAMPLES: Final = Path(__file__).parents[3] / "docs" / "examples" / "flights"
TEAM: Final = "team-flights"
EXPERIMENTER: Final = Actor("erin")
NAMESPACED: Final = (
    "accessgrants",
    "datasetpins",
    "experiments",
    "featuresetpins",
    "splitpins",
)


def declare_examples(guarded: Kubectl) -> dict[str, dict[str, Any]]:
    """Declare them and return them by plural."""
    # The same person grants, which the chart keeps apart.
    bindings = [
        (
            "create",
            "rolebinding",
            f"{role}s",
            f"--clusterrole=glovebox-{role}",
            f"--user={EXPERIMENTER.user}",
            f"--namespace={TEAM}",
        )
        for role in ("experimenter", "granter")
    ]
    found: dict[str, dict[str, Any]] = {}
    expect_admitted(guarded(CLUSTER_ADMIN, "create", "namespace", TEAM))
    for binding in bindings:
        expect_admitted(guarded(CLUSTER_ADMIN, *binding))
    for path in sorted(_EXAMPLES.glob("[!0-9]*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            plural = document["kind"].lower() + "s"
            if plural in NAMESPACED:
                document["metadata"]["namespace"] = TEAM
            author = EXPERIMENTER if plural in NAMESPACED else CLUSTER_ADMIN
            expect_admitted(guarded.create(author, document, dry_run=False))
            found[plural] = document
    return found
