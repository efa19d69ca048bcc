"""How programs that wait judge an object: the rules of kstatus (Flux, Helm, `kubectl wait`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

KstatusResult = Literal["Current", "InProgress", "Failed", "Terminating"]
RESULTS: Final[tuple[KstatusResult, ...]] = ("Current", "InProgress", "Failed", "Terminating")


def condition_of(status: Mapping[str, Any], condition: str) -> Mapping[str, Any] | None:
    """Return one condition of a status as the API server holds it, None if never written."""
    return next(
        (entry for entry in status.get("conditions") or () if entry["type"] == condition), None
    )


def kstatus(obj: Mapping[str, Any]) -> KstatusResult:
    """Return the judgement of kstatus on a custom resource of ours.

    The rules are those of sigs.k8s.io/cli-utils, pkg/kstatus, which however takes an object without
    a status for Current. The definitions give each object one when it is created.
    """
    metadata = obj["metadata"]
    if metadata.get("deletionTimestamp"):
        return "Terminating"
    status = obj.get("status") or {}
    if status.get("observedGeneration") != metadata.get("generation"):
        return "InProgress"
    answers = {entry["type"]: entry["status"] for entry in status.get("conditions") or ()}
    if answers.get("Reconciling") == "True":
        return "InProgress"
    if answers.get("Stalled") == "True":
        return "Failed"
    return "Current" if answers.get("Ready") == "True" else "InProgress"
