"""What pods that fetch, check, run and probe share: users, folders, frame, sizes, a Job's end."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from glovebox import names
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.profile_limits import Limits
from glovebox.desired import quantity

FETCH_CONTAINER: Final = "fetch"
# The guards know a fetcher by this command and the platform's image.
FETCH_COMMAND: Final = ("python", "-m", "glovebox.jobs.fetch")
FETCH_USER: Final = 65532
SESSION_CONTAINER: Final = "session"
# The guards know the endpoint by this command and the platform's image.
SESSION_COMMAND: Final = ("python", "-m", "glovebox.jobs.session_endpoint")
# Where it listens: the program says so as well, which runs without what says this here.
SESSION_ENDPOINT: Final = "http://127.0.0.1:9749/session"
SESSION_REQUESTS: Final = {"cpu": "10m", "ephemeral-storage": "16Mi", "memory": "32Mi"}
SESSION_LIMITS: Final = {"cpu": "200m", "ephemeral-storage": "16Mi", "memory": "64Mi"}
# Of a run and of the probe, which takes the place of a run.
RUN_USER: Final = 65533
PLAN_FOLDER: Final = "/etc/glovebox/inputs"
CREDENTIALS_FOLDER: Final = "/var/run/glovebox/inputs"
# Where the fetcher sees datasets that are volumes of their own.
DATASETS_FOLDER: Final = "/datasets"


def container_security(user: int, profile: IsolationProfile | None = None) -> dict[str, Any]:
    """Return a container's security context: Pod Security `restricted`, and a read-only root.

    Args:
        user: As whom it runs.
        profile: Of the experiment, which may leave that to the cluster; none outside of one.
    """
    given = profile is not None and profile.spec.user_ids == "OfNamespace"
    return {
        **({} if given else {"runAsUser": user, "runAsGroup": user}),
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


def bounded_resources(
    limits: Limits, requests: Mapping[str, str], most: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """Return the resources of a container of ours, within the LimitRange, which would refuse more.

    Args:
        limits: Of the profile.
        requests: What it needs.
        most: What it may use.
    """
    maxima = {"cpu": limits.max_cpu, "memory": limits.max_memory}

    def bounded(amounts: Mapping[str, str]) -> dict[str, str]:
        return {name: _least(amount, maxima.get(name)) for name, amount in amounts.items()}

    return {"requests": bounded(requests), "limits": bounded(most)}


def _least(amount: str, most: str | None) -> str:
    return (
        quantity.canonical(most)
        if most is not None and quantity.compare(most, amount) < 0
        else amount
    )


def failure_rules(
    final: Mapping[str, Collection[int]], again: Mapping[str, Collection[int]] | None = None
) -> list[dict[str, Any]]:
    """Return the rules of a Job: a finding that no retry can cure ends it at once.

    Args:
        final: By the name of a container, the exit codes by which it says so.
        again: Likewise those that cost no retry, as often as the Job's deadline lets them come.
    """
    # A node that was drained or lost is no failure of the work: it costs no retry. The first rule
    # that fits counts, and a program that is told to end may do so with any code.
    rules: list[dict[str, Any]] = [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    ]
    rules += [
        {
            "action": action,
            "onExitCodes": {
                "containerName": container,
                "operator": "In",
                "values": sorted(codes),
            },
        }
        for action, of in (("Ignore", again or {}), ("FailJob", final))
        for container, codes in of.items()
        if codes
    ]
    return rules
