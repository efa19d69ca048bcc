"""What pods that fetch, check, run and probe share: users, folders, frame, a Job's end."""

from __future__ import annotations

from typing import Any, Final

from glovebox import names
from glovebox.data.delivery import EXIT_DIFFERS, EXIT_INVALID

FETCH_CONTAINER: Final = "fetch"
# The guards know a fetcher by this command and the platform's image.
FETCH_COMMAND: Final = ("python", "-m", "glovebox.jobs.fetch")
FETCH_USER: Final = 65532
# Of a run and of the probe, which takes the place of a run.
RUN_USER: Final = 65533
PLAN_FOLDER: Final = "/etc/glovebox/inputs"
CREDENTIALS_FOLDER: Final = "/var/run/glovebox/inputs"
# Where the fetcher sees datasets that are volumes of their own.
DATASETS_FOLDER: Final = "/datasets"


def container_security(user: int) -> dict[str, Any]:
    """Return a container's security context: Pod Security `restricted`, and a read-only root."""
    return {
        "runAsUser": user,
        "runAsGroup": user,
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def pod_frame() -> dict[str, Any]:
    """Return what every pod of ours in an experiment's namespace has in common."""
    return {
        "restartPolicy": "Never",
        "serviceAccountName": names.RUNNER_SERVICE_ACCOUNT,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 30,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    }


def failure_rules(*, fetches: bool) -> list[dict[str, Any]]:
    """Return the rules of a Job: a fetcher's finding that no retry can cure ends it at once."""
    codes = {
        "containerName": FETCH_CONTAINER,
        "operator": "In",
        "values": sorted((EXIT_DIFFERS, EXIT_INVALID)),
    }
    rules: list[dict[str, Any]] = [{"action": "FailJob", "onExitCodes": codes}] if fetches else []
    # A node that was drained or lost is no failure of the work: it costs no retry.
    rules.append(
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    )
    return rules
