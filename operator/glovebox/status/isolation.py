"""The condition Isolated: what is known of the network policies in force. Pure.

A verdict counts for the policies that it was reached on, and only while none of them differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.experiment_status import IsolationStatus
from glovebox.data.counting import counted
from glovebox.errors import GloveboxError
from glovebox.status.experiment_facts import Finding
from glovebox.status.text import format_time

_UNCHECKED: Final = (
    "the NetworkPolicies are in place, but nothing has checked them here: whether the cluster's"
    " network enforces them is not known"
)


def isolated(
    recorded: IsolationStatus | None,
    *,
    schedule: str,
    policy_digest: str | None,
    differing: Sequence[str],
    looked: bool,
) -> Finding:
    """Return Isolated by the verdict that is recorded.

    Args:
        recorded: The last verdict; None before the first.
        schedule: The profile's `spec.probe.schedule`.
        policy_digest: Of the policies as they are declared now; None where nothing can check them.
        differing: Names of the policies that are not as they are declared.
        looked: Whether all of them were seen.
    """
    if recorded is None:
        return Finding(
            types.UNKNOWN, reasons.NOT_PROVEN, _UNCHECKED + _why(schedule, policy_digest)
        )
    if recorded.outcome == "Failed":
        return verdict(recorded)
    if policy_digest is not None and recorded.policy_digest != policy_digest:
        message = "the NetworkPolicies changed since isolation was checked; it is checked again"
        return Finding(types.UNKNOWN, reasons.PROOF_OUTDATED, message)
    if differing or not looked:
        what = f": `{differing[0]}`" if differing else ""
        message = f"not every NetworkPolicy is as it was when isolation was checked{what}"
        return Finding(types.UNKNOWN, reasons.PROOF_OUTDATED, message)
    return verdict(recorded)


def _why(schedule: str, policy_digest: str | None) -> str:
    if schedule == "Never":
        return ": the profile's `spec.probe.schedule` is Never"
    if policy_digest is None:
        return (
            ": the operator does not know its own image by digest (the chart's"
            " `operator.image.digest`)"
        )
    return ""


def verdict(found: IsolationStatus) -> Finding:
    """Return Isolated by a verdict that counts."""
    match found.outcome:
        case "Passed":
            silent = f"; but of the declared routes, {found.message}" if found.message else ""
            checked = counted(found.attempts, "attempt")
            message = f"{checked} from inside, each answered as it must be{silent}"
            return Finding(types.TRUE, reasons.PROVEN, message)
        case "Failed":
            message = f"isolation does not hold: {found.message}"
            return Finding(types.FALSE, reasons.PROBE_FAILED, message)
    message = f"the isolation check proved nothing: {found.message}"
    return Finding(types.UNKNOWN, reasons.NOT_PROVEN, message)


def being_checked(why: str) -> Finding:
    """Return Isolated while the first check runs; `why` says what its pod waits for."""
    message = f"Job `{names.PROBE_JOB}` is checking isolation" + (f": {why}" if why else "")
    return Finding(types.UNKNOWN, reasons.PROBING, message)


def not_checked(error: GloveboxError) -> Finding:
    """Return Isolated where the first check could not be started or read."""
    message = f"the isolation check could not be started or read: {error.message}"
    return Finding(types.UNKNOWN, error.reason, message)


def not_checked_again(recorded: IsolationStatus, why: str) -> Finding:
    """Return Isolated where the check that is due was not made for as long as a verdict counts.

    Args:
        recorded: The last verdict, by which it was proven.
        why: What the check waits for.
    """
    message = (
        f"isolation is to be checked daily, and was last at {format_time(recorded.verified_time)};"
        f" the next check waits: {why}"
    )
    return Finding(types.UNKNOWN, reasons.PROOF_OUTDATED, message)
