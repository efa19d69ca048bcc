"""What the pods that fetch, check and run have in common: users, folders, the fetcher's command, and what ends a Job at once."""

from __future__ import annotations

from typing import Any, Final

from glovebox.data.delivery import EXIT_DIFFERS, EXIT_INVALID

FETCH_CONTAINER: Final = "fetch"
# The guards know a fetcher by this command and the platform's image.
FETCH_COMMAND: Final = ("python", "-m", "glovebox.jobs.fetch")
FETCH_USER: Final = 65532
PLAN_FOLDER: Final = "/etc/glovebox/inputs"
CREDENTIALS_FOLDER: Final = "/var/run/glovebox/inputs"
# Where the fetcher sees datasets that are volumes of their own.
DATASETS_FOLDER: Final = "/datasets"


def container_security(user: int) -> dict[str, Any]:
    """Return the security context of a container: nothing that Pod Security `restricted` forbids, and a read-only root."""
    return {
        "runAsUser": user,
        "runAsGroup": user,
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def failure_rules(*, fetches: bool) -> list[dict[str, Any]]:
    """Return the rules of a Job: what a fetcher found that trying again cannot mend ends it at once."""
    codes = {"containerName": FETCH_CONTAINER, "operator": "In", "values": sorted((EXIT_DIFFERS, EXIT_INVALID))}
    rules: list[dict[str, Any]] = [{"action": "FailJob", "onExitCodes": codes}] if fetches else []
    # A node that was drained or lost is no failure of the work: it costs no retry.
    rules.append({"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]})
    return rules
