"""Whether an operator works at all, by the Lease with which one leads. Pure.

What an object's status says is what an operator wrote last: without one it is old, and looks as it
did. Clocks differ between machines, so silence is told a minute after it could be known.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from glovebox import names
from glovebox.report import words

_CLOCKS: Final = timedelta(minutes=1)
# Of a Lease that does not say for how long it is held.
_LEASE_SECONDS: Final = 15
LOOK: Final = (
    f"kubectl get pods --namespace {names.OPERATOR_NAMESPACE} (of a local environment:"
    " glovebox local status)"
)


def why_idle(lease: Mapping[str, Any] | None, now: datetime) -> str | None:
    """Return in sentences that no operator works; None where one does, or where nobody can tell.

    Args:
        lease: The Lease, as the API server has it; None where it is not there or not shown.
        now: The present time.
    """
    if lease is None:
        return None
    spec = lease.get("spec") or {}
    holder, renewed = spec.get("holderIdentity") or "", _moment(spec.get("renewTime"))
    lease_named = f"the Lease `{names.LEADER_LEASE}` of namespace {names.OPERATOR_NAMESPACE}"
    old = f"What is shown here is what one wrote last. Does one run? {LOOK}"
    if not holder:
        return f"No operator works: nobody holds {lease_named}. {old}"
    held = timedelta(seconds=spec.get("leaseDurationSeconds") or _LEASE_SECONDS)
    if renewed is None or now <= renewed + held + _CLOCKS:
        return None
    return f"No operator works: {lease_named} was renewed last on {words.time(renewed)}. {old}"


def _moment(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
