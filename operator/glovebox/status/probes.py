"""What the probe's Job and its pod say about isolation; what is not understood proves nothing.

All of it is pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, get_args

import orjson

from glovebox import names
from glovebox.api.experiment_status import IsolationStatus
from glovebox.data.probing import EXIT_CODES, FORMAT, Expected, Outcome
from glovebox.data.redaction import last_words
from glovebox.desired.probe import PROBE_CONTAINER, PROBE_DEADLINE_SECONDS
from glovebox.status.job_waits import why_waiting
from glovebox.status.runs import WORDS_MAX, job_end

_OUTCOMES: Final = get_args(IsolationStatus.model_fields["outcome"].annotation)
_MESSAGE_MAX: Final = 1024
_FAILED_MAX: Final = 16
_GONE: Final = (
    "its pod is gone, or was never admitted; see `kubectl get events -n {}` for what kept it from"
    " a node or from its start"
)


def probe_ended(
    job: Mapping[str, Any], pods: Sequence[Mapping[str, Any]], now: datetime
) -> IsolationStatus | None:
    """Return the verdict of a probe whose Job is over; None while it goes on."""
    end = job_end(job)
    if end is None:
        return None
    about = {
        "verifiedTime": now,
        "policyDigest": (
            job["metadata"].get("annotations", {}).get(names.ANNOTATION_POLICY_DIGEST, "")
        ),
        "jobUid": job["metadata"]["uid"],
    }
    state = next((state for pod in pods if (state := _terminated(pod)).get("message")), {})
    said = str(state.get("message", ""))
    found = _read(said, state.get("exitCode"))
    if found is None:
        return IsolationStatus.model_validate(
            {
                **about,
                "outcome": "Unknown",
                "message": _silence(job, end, pods, said)[:_MESSAGE_MAX],
            }
        )
    return IsolationStatus.model_validate({**about, **found})


def _terminated(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    for entry in (pod.get("status") or {}).get("containerStatuses") or ():
        if entry["name"] == PROBE_CONTAINER:
            return (entry.get("state") or {}).get("terminated") or {}
    return {}


def _follows(verdict: Mapping[str, Any], exit_code: int | None) -> bool:
    """Return whether the outcome agrees with what is counted and listed, and with the exit code."""
    counts, listed = verdict["counts"], [entry["outcome"] for entry in verdict["entries"]]
    outcome = (
        "Failed"
        if counts["failed"]
        else "Unknown"
        if counts["unknown"] or not counts["passed"]
        else "Passed"
    )
    # What failed is listed first, so whatever was left out for its length is the least of it.
    whole = len(listed) + int(verdict.get("omitted", 0)) == sum(counts.values())
    told = listed.count("Failed") <= counts["failed"] and (
        not counts["failed"] or "Failed" in listed
    )
    return bool(
        verdict["outcome"] == outcome
        and whole
        and told
        and exit_code == EXIT_CODES[Outcome(outcome)]
    )


def _read(said: str, exit_code: int | None) -> dict[str, Any] | None:
    try:
        verdict = orjson.loads(said)
        if (
            verdict["format"] != FORMAT
            or verdict["outcome"] not in _OUTCOMES
            or not _follows(verdict, exit_code)
        ):
            return None
        entries = [
            entry
            for entry in verdict["entries"]
            if entry["outcome"] == verdict["outcome"] != "Passed"
        ]
        # Nobody behind a declared route is reported, and says nothing against the isolation.
        only_routes = bool(entries) and all(
            entry["expected"] == Expected.NOT_BLOCKED for entry in entries
        )
        holds = (
            verdict["outcome"] == "Unknown"
            and only_routes
            and len(entries) == verdict["counts"]["unknown"]
        )
        told = "; ".join(
            f"{entry['id']}: {entry.get('detail', entry['expected'])}" for entry in entries
        )
        return {
            "outcome": "Passed" if holds else verdict["outcome"],
            "attempts": sum(int(count) for count in verdict["counts"].values()),
            "failed": [
                str(entry["id"])[:80]
                for entry in verdict["entries"]
                if entry["outcome"] == "Failed"
            ][:_FAILED_MAX],
            "message": told[:_MESSAGE_MAX],
        }
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        return None


def _silence(
    job: Mapping[str, Any],
    end: Mapping[str, Any],
    pods: Sequence[Mapping[str, Any]],
    said: str,
) -> str:
    if end.get("reason") == "DeadlineExceeded":
        late = f"the probe did not end within {PROBE_DEADLINE_SECONDS} s"
        if not pods:
            # At its deadline a Job deletes its pods: they tell nobody what they waited for.
            return f"{late}: {_GONE.format(job['metadata'].get('namespace', ''))}"
        wait = why_waiting(pods)
        return late if wait is None else f"{late}: {wait.message}"
    words = last_words(said, WORDS_MAX) or end.get("message", "it said nothing")
    return f"the probe ended without a verdict: {words}"
