"""What the Job of a task and its pods say about an attempt that came to nothing. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from glovebox.api import reasons
from glovebox.data.task_ends import EXIT_TERMINATED, parse_error
from glovebox.errors import GloveboxError, Unavailable
from glovebox.status.runs import eviction_of, failure_of


def attempt_failed(
    job: Mapping[str, Any], end: Mapping[str, Any], pods: Sequence[Mapping[str, Any]]
) -> GloveboxError:
    """Return why the Job of a task failed.

    Args:
        job: The Job.
        end: Its condition `Failed`.
        pods: Its pods, the oldest first.
    """
    newest: Mapping[str, Any] = pods[-1] if pods else {}
    if evicted := eviction_of(newest):
        return _lost(job, f"its pod was evicted from its node: {evicted}")
    found = failure_of(newest)
    if found is None:
        return _lost(job, f"its pod is gone ({end.get('reason', 'Failed')})")
    state = found[1]
    said = parse_error(str(state.get("message", "")).strip())
    if said is not None:
        return said
    code, word = state.get("exitCode"), state.get("reason", "Error")
    if code == EXIT_TERMINATED:
        return _lost(job, "its pod was asked to stop")
    return _lost(job, f"its pod ended with exit code {code} ({word}) and said nothing")


def attempt_silent(job: Mapping[str, Any], waits_for: str, seconds: float) -> GloveboxError:
    """Return what is known of an attempt that gave no sign of life for so many seconds.

    Args:
        job: The Job.
        waits_for: What keeps its pod from running; empty when it runs.
        seconds: For how long.
    """
    why = waits_for or "its pod runs and does not report"
    return _lost(job, f"it gave no sign of life for {round(seconds / 60)} minutes: {why}")


def _lost(job: Mapping[str, Any], why: str) -> Unavailable:
    metadata = job["metadata"]
    return Unavailable(
        reasons.TASK_FAILED,
        f"Job '{metadata['name']}' in '{metadata['namespace']}': {why}; it is tried again from its"
        " last checkpoint",
    )
