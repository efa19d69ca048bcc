"""What a Job and its pods say about a run: how it ended, why, and what it is waiting for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import orjson

from glovebox.api import reasons
from glovebox.api.attempt_status import MAX_PODS
from glovebox.api.experiment_status import RunStatus
from glovebox.data.delivery import FETCH_AGAIN, FETCH_FINAL
from glovebox.data.redaction import last_words, redact
from glovebox.desired.pods import FETCH_CONTAINER
from glovebox.status.attempts import attempt_of, over

_MESSAGE_MAX: Final = 2048
# Of what a program said. More people may read a status, an Event and a log of the operator than may
# read a pod; whoever needs more reads the pod's log.
WORDS_MAX: Final = 200
# What gives the run its session (desired/pods.py) ends with it, and is no reason for its end.
_SESSION: Final = "session"
_JOB_GONE: Final = {
    reasons.RUN_STOPPED: "the run was stopped on request; a run is never started twice",
    reasons.RUN_LOST: (
        "the Job was deleted while it ran; a run is never started twice: create a new Experiment"
    ),
    reasons.ABANDONED: "the Experiment was deleted before its run ended",
}
_RESTORED: Final = (
    "the store has the record that the run was started, and the cluster has no Job of it: it was"
    " restored to an earlier moment; a run is never started twice: create a new Experiment"
)
# Why the Job of a run that was begun may have been there and gone.
NAMESPACE_REPLACED: Final = "its namespace was deleted since"
WROTE: Final = "there is something below its prefix"
# Reasons of a Job's failure that are words of ours as well.
_JOB_REASONS: Final = {"DeadlineExceeded": reasons.DEADLINE_EXCEEDED}


def job_end(job: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the condition by which a Job is over: `Complete`, `Failed`, or None until then."""
    conditions = (job.get("status") or {}).get("conditions") or ()
    return next(
        (
            entry
            for entry in conditions
            if entry["type"] in {"Complete", "Failed"} and entry["status"] == "True"
        ),
        None,
    )


def job_ended(
    job: Mapping[str, Any], pods: Sequence[Mapping[str, Any]], secrets: Iterable[str] = ()
) -> RunStatus:
    """Return the run as its Job and the Job's pods show it; without an outcome while it goes on.

    Args:
        job: The Job.
        pods: Its pods, the oldest first.
        secrets: Values that are known to be in play; nothing that is quoted holds one.
    """
    status = job.get("status") or {}
    attempts = len(pods) or int(status.get("failed", 0)) + int(status.get("succeeded", 0))
    begun = RunStatus(
        job_uid=job["metadata"]["uid"],
        start_time=job["metadata"]["creationTimestamp"],
        attempts=attempts,
        pods=tuple(attempt_of(pod) for pod in pods)[:MAX_PODS],
    )
    end = job_end(job)
    if end is None:
        return begun
    done = status.get("completionTime") or end["lastTransitionTime"]
    if end["type"] == "Complete":
        return _ended(
            begun,
            done,
            "Succeeded",
            reasons.RUN_SUCCEEDED,
            f"the run succeeded at attempt {max(attempts, 1)}",
        )
    reason = _JOB_REASONS.get(end.get("reason", ""), reasons.RUN_FAILED)
    newest = _failed_by(pods, end)
    culprit = failure_of(newest)
    if evicted := eviction_of(newest):
        return _ended(
            begun,
            done,
            "Failed",
            reason,
            redact(f"the pod was evicted from its node: {evicted}", secrets)[0],
            culprit[1].get("exitCode") if culprit else None,
        )
    if culprit is None:
        return _ended(begun, done, "Failed", reason, end.get("message", "the Job failed"))
    container, state = culprit
    said = str(state.get("message", "")).strip()
    if container == FETCH_CONTAINER:
        why, words = reasons.INPUTS_REFUSED, "the inputs were not delivered, so nothing was run"
        if state.get("exitCode") in FETCH_AGAIN:
            # Not refused: a store that was away says nothing of the data.
            why, words = reason, "the inputs could not be delivered"
        words = f"{words}: {_told(said, secrets)}"
        return _ended(begun, done, "Failed", why, words, state.get("exitCode"))
    said = last_words(said, WORDS_MAX, secrets)
    words = (
        f"container `{container}` ended with exit code {state.get('exitCode')}"
        f" ({state.get('reason', 'Error')})"
    )
    return _ended(
        begun, done, "Failed", reason, f"{words}: {said}" if said else words, state.get("exitCode")
    )


def _failed_by(pods: Sequence[Mapping[str, Any]], end: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the pod by which a Job failed; an empty one when none says how it ended.

    That is the one that the Job names, where a rule ended it, else the newest. Those that the Job
    ended because another one had failed are the reason of nothing, and may be there for a moment.
    """
    failed = [pod for pod in pods if eviction_of(pod) or failure_of(pod)]
    if end.get("reason") not in _JOB_REASONS:
        words = set(str(end.get("message", "")).split())
        named = [pod for pod in failed if _path(pod) in words]
        by_itself = [pod for pod in failed if not pod["metadata"].get("deletionTimestamp")]
        failed = named or by_itself or failed
    return failed[-1] if failed else {}


def _path(pod: Mapping[str, Any]) -> str:
    return f"{pod['metadata'].get('namespace', '')}/{pod['metadata']['name']}"


def refused_words(pods: Sequence[Mapping[str, Any]]) -> str:
    """Return what a fetcher found that no retry can repair; empty when no pod ended so."""
    for pod in reversed(pods):
        found = failure_of(pod)
        if found is not None and found[1].get("exitCode") in FETCH_FINAL:
            return _told(str(found[1].get("message", "")).strip())
    return ""


def undelivered_words(pod: Mapping[str, Any]) -> str:
    """Return why a pod ended without its inputs, though nothing is wrong with them; else nothing.

    Args:
        pod: Of a run.
    """
    found = failure_of(pod)
    if found is None or found[0] != FETCH_CONTAINER or found[1].get("exitCode") not in FETCH_AGAIN:
        return ""
    return _told(str(found[1].get("message", "")).strip())


def is_made_for(pod: Mapping[str, Any], job_uid: str) -> bool:
    """Return whether the Job of that UID controls a pod.

    Labels alone do not tell: a Job of the team with a selector of its own has its pods made with
    whatever labels its template says, and what such a pod ends with would be taken for the verdict
    of a probe or the end of a run. Who owns a pod is written by the controller that made it, and a
    pod that somebody makes by hand can be given an owner, but not our label: admission keeps that
    for the operator.
    """
    owners = pod["metadata"].get("ownerReferences") or ()
    return any(owner.get("controller") and owner.get("uid") == job_uid for owner in owners)


def job_lost(recorded: RunStatus, now: datetime, reason: str, why: str = "") -> RunStatus:
    """Return the end of a run whose Job is gone.

    Args:
        recorded: The run as it was known.
        now: The present time.
        reason: `RunStopped`, `RunLost`, `Abandoned`, or `InputBroken` with `why`.
        why: What is said of it; what is always said of this reason when empty.
    """
    return _ended(recorded, now, "Failed", reason, why or _JOB_GONE[reason])


def failed_by_input(run: RunStatus, why: str) -> RunStatus:
    """Return a run that ended by itself after its inputs were found broken: no success is claimed.

    Args:
        run: As its Job says it ended.
        why: What was found of its inputs.
    """
    if run.outcome != "Succeeded":
        return run
    message = f"its program ended well, but what it read is broken: {why}"[:_MESSAGE_MAX]
    return run.model_copy(
        update={"outcome": "Failed", "reason": reasons.INPUT_BROKEN, "message": message}
    )


def run_restored(job_uid: str, started: str, record: str, now: datetime) -> RunStatus:
    """Return the end of a run that the store knows to be started, and the cluster does not.

    Args:
        job_uid: Of the Job that was created then; empty when it is not known.
        started: When it was, RFC 3339.
        record: Key of the record in the store.
        now: The present time.
    """
    begun = RunStatus.model_validate(
        {"jobUid": job_uid, "startTime": started, "record": record, "attempts": 0}
    )
    return _ended(begun, now, "Failed", reasons.RUN_LOST, _RESTORED)


def run_unknown(started: str, record: str, why: str, now: datetime) -> RunStatus:
    """Return the end of a run that was begun and whose Job, of which nothing is left, may have run.

    Args:
        started: When it was begun, RFC 3339.
        record: Key of the record in the store.
        why: `NAMESPACE_REPLACED` or `WROTE`.
        now: The present time.
    """
    begun = RunStatus.model_validate({"startTime": started, "record": record, "attempts": 0})
    message = (
        f"the store has the record that the run was begun, and {why}: whether its Job was created"
        " and taken away is not known; a run is never started twice: create a new Experiment"
    )
    return _ended(begun, now, "Failed", reasons.RUN_LOST, message)


def failure_of(pod: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """Return the container of a pod that failed, with its last state."""
    status = pod.get("status") or {}
    for entry in (
        *(status.get("initContainerStatuses") or ()),
        *(status.get("containerStatuses") or ()),
    ):
        state = (entry.get("state") or {}).get("terminated")
        if state is not None and state.get("exitCode") and entry["name"] != _SESSION:
            return entry["name"], state
    return None


def without_words(pod: Mapping[str, Any]) -> dict[str, Any]:
    """Return a pod without what its programs said last."""
    status = dict(pod.get("status") or {})
    for field in ("initContainerStatuses", "containerStatuses"):
        status[field] = [_wordless(entry) for entry in status.get(field) or ()]
    return {**pod, "status": status}


def _wordless(entry: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(entry)
    for when in ("state", "lastState"):
        state = dict(entry.get(when) or {})
        if "terminated" in state:
            state["terminated"] = {**state["terminated"], "message": ""}
        found[when] = state
    return found


def eviction_of(pod: Mapping[str, Any]) -> str:
    """Return why a kubelet evicted a pod, or an empty text.

    The containers themselves say only that they were killed.
    """
    status = pod.get("status") or {}
    if status.get("reason") != "Evicted":
        return ""
    return str(status.get("message", "")).strip() or "the kubelet does not say why"


def _told(said: str, secrets: Iterable[str] = ()) -> str:
    """Return the fetcher's last words, which are one JSON object, as a sentence."""
    try:
        told = orjson.loads(said)
        sentence = (
            f"input `{told['input']}`: {told['reason']}: {told['message']}"
            if told.get("input")
            else str(told["message"])
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return last_words(said, WORDS_MAX, secrets) or "the fetcher failed and said nothing"
    return redact(sentence, secrets)[0]


def _ended(
    begun: RunStatus,
    moment: datetime | str,
    outcome: Literal["Succeeded", "Failed"],
    reason: str,
    message: str,
    exit_code: int | None = None,
) -> RunStatus:
    ended = begun.model_dump(by_alias=True) | {
        "completionTime": moment,
        "outcome": outcome,
        "reason": reason,
        # A traceback may hold a token, and many may read a status.
        "message": redact(message)[0][:_MESSAGE_MAX],
        "exitCode": exit_code,
    }
    return RunStatus.model_validate(ended).model_copy(
        update={"stages": over(begun.stages), "pods": begun.pods, "nodes": begun.nodes}
    )
