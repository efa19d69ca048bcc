"""The pod that docs/how-to/run-an-experiment.md shows, for a test to apply as it is written there.

Only what the page says is another's in each cluster is filled in: the namespace, the two images,
and where the store is.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import yaml

from support.operator_process import Team

PAGE: Final = Path(__file__).parents[2] / "docs" / "how-to" / "run-an-experiment.md"
_BLOCK: Final = re.compile(
    r"^```yaml\n(apiVersion: v1\nkind: Pod\n.*?)^```", re.MULTILINE | re.DOTALL
)


def documented_pod(
    team: Team, namespace: str, image: str, command: list[str] | None = None
) -> dict[str, Any]:
    """Return the pod of the page.

    Args:
        team: Whose cluster.
        namespace: The experiment's.
        image: Of the team.
        command: What it does in the place of the page's; None leaves that.
    """
    (shown,) = _BLOCK.findall(PAGE.read_text())
    pod: dict[str, Any] = yaml.safe_load(shown)
    pod["metadata"]["namespace"] = namespace
    path = f"/api/v1/namespaces/{namespace}/configmaps/glovebox-snapshot"
    (fetcher,), (main,) = pod["spec"]["initContainers"], pod["spec"]["containers"]
    fetcher["image"] = team.api.get(path)["data"]["platformImage"]
    main["image"] = image
    if command is not None:
        main["command"] = command
    store = team.read("ObjectStore", "primary")["spec"]
    of_the_store = {"AWS_ENDPOINT_URL_S3": store["endpoint"], "AWS_REGION": store["region"]}
    for variable in main["env"]:
        variable["value"] = of_the_store.get(variable["name"], variable["value"])
    return pod
