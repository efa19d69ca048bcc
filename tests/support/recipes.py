"""The manifests of docs/examples that a how-to shows beside another program."""

from __future__ import annotations

from typing import Any, Final

from support.examples import REPOSITORY, documents

Json = dict[str, Any]
EXAMPLES: Final = REPOSITORY / "docs" / "examples"
TEAM: Final = "team-flights"


def recipe(name: str, team: str = TEAM) -> dict[str, Json]:
    """Return the objects of an example by `Kind/name`, in the namespace of a team.

    Args:
        name: Its folder.
        team: Whose namespace stands for that of the examples.
    """
    found: dict[str, Json] = {}
    for document in documents(EXAMPLES / name):
        for placed in (document["metadata"], *document.get("subjects", ())):
            if placed.get("namespace") == TEAM:
                placed["namespace"] = team
        found[f"{document['kind']}/{document['metadata']['name']}"] = document
    return found
