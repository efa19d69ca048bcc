"""A status as if its object were Ready, for those who ask what would be then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glovebox.status.kstatus import condition_of

# When it became so is nobody's question.
_LONG_AGO = "2000-01-01T00:00:00Z"


def assumed_ready(status: Mapping[str, Any], generation: int) -> dict[str, Any]:
    """Return the status, Ready at this generation; as it is where it says so already."""
    ready = condition_of(status, "Ready") or {}
    if ready.get("status") == "True" and status.get("observedGeneration") == generation:
        return dict(status)
    condition = {
        "type": "Ready",
        "status": "True",
        "reason": "Assumed",
        "message": "",
        "observedGeneration": generation,
        "lastTransitionTime": _LONG_AGO,
    }
    return {**status, "observedGeneration": generation, "conditions": [condition]}
