"""What the probe's Job and its pod say about isolation. Pure; and whatever is not understood proves nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, get_args

import orjson

from glovebox.api.experiment_status import IsolationStatus
from glovebox.data.probing import FORMAT
from glovebox.desired.probe import ANNOTATION_POLICY_DIGEST, PROBE_CONTAINER, PROBE_DEADLINE_SECONDS
from glovebox.status.runs import why_waiting

_OUTCOMES: Final = get_args(IsolationStatus.model_fields["outcome"].annotation)
_MESSAGE_MAX: Final = 1024
_FAILED_MAX: Final = 16


def probe_ended(job: Mapping[str, Any], pods: Sequence[Mapping[str, Any]], now: datetime) -> IsolationStatus | None:
    """Return the verdict of a probe whose Job is over; None while it goes on."""
    conditions = (job.get("status") or {}).get("conditions") or ()
    end = next((entry for entry in conditions if entry["type"] in {"Complete", "Failed"} and entry["status"] == "True"), None)
    if end is None:
        return None
    about = {
        "verifiedTime": now,
        "policyDigest": job["metadata"].get("annotations", {}).get(ANNOTATION_POLICY_DIGEST, ""),
        "jobUid": job["metadata"]["uid"],
    }
    said = next((text for pod in pods if (text := _last_words(pod))), "")
    found = _read(said)
    if found is None:
        return IsolationStatus.model_validate({**about, "outcome": "Unknown", "message": _silence(end, pods, said)[:_MESSAGE_MAX]})
    return IsolationStatus.model_validate({**about, **found})


def _last_words(pod: Mapping[str, Any]) -> str:
    for entry in (pod.get("status") or {}).get("containerStatuses") or ():
        if entry["name"] == PROBE_CONTAINER:
            return str(((entry.get("state") or {}).get("terminated") or {}).get("message", ""))
    return ""


def _read(said: str) -> dict[str, Any] | None:
    try:
        verdict = orjson.loads(said)
        if verdict["format"] != FORMAT or verdict["outcome"] not in _OUTCOMES:
            return None
        entries = [entry for entry in verdict["entries"] if entry["outcome"] == verdict["outcome"] != "Passed"]
        told = "; ".join(f"{entry['id']}: {entry.get('detail', entry['expected'])}" for entry in entries)
        return {
            "outcome": verdict["outcome"],
            "attempts": sum(int(count) for count in verdict["counts"].values()),
            "failed": [str(entry["id"])[:80] for entry in verdict["entries"] if entry["outcome"] == "Failed"][:_FAILED_MAX],
            "message": told[:_MESSAGE_MAX],
        }
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        return None


def _silence(end: Mapping[str, Any], pods: Sequence[Mapping[str, Any]], said: str) -> str:
    if end.get("reason") == "DeadlineExceeded":
        waiting = why_waiting(pods)
        return f"the probe did not end within {PROBE_DEADLINE_SECONDS} s" + (f": {waiting}" if waiting else "")
    return f"the probe ended without a verdict: {said[:200] or end.get('message', 'it said nothing')}"
