"""Where a run is in its queue, by Kueue's own record of it, and the condition Admitted. Pure.

Kueue suspends and resumes the run, and says why in a Workload of its own. Whether anything of the
run is at work is said by the run alone: a Workload only explains, and gives the answer of Admitted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.desired.platform import read_platform
from glovebox.status.builder import StatusBuilder
from glovebox.status.experiment_facts import Finding, RunFacts
from glovebox.status.job_waits import Wait, is_suspended, quoted
from glovebox.status.outcome import Outcome

# Kueue's controller gets this long before anybody is told that it takes no notice.
_PATIENCE_SECONDS: Final = 60.0
_NO_NOTICE: Final = (
    "Kueue takes no notice of the run: see whether its controller runs, has `batch/job` and"
    " `jobset.x-k8s.io/jobset` among its integrations, and is called as the chart's"
    " `guards.kueueController` says"
)
_OVER: Final = "the run is over: it has no place in the queue any more"


@dataclass(frozen=True, slots=True)
class Queueing:
    """Where a run is in its queue.

    Attributes:
        finding: What Admitted says; None leaves it as it is.
        wait: What the run waits for; None while Kueue keeps it from nothing.
        evictions: How often its place was taken back, as far as Kueue says.
    """

    finding: Finding | None
    wait: Wait | None
    evictions: int = 0


def is_queued(run: Mapping[str, Any]) -> bool:
    """Return whether a Job or JobSet was created to wait in a queue."""
    return names.LABEL_QUEUE in (run["metadata"].get("labels") or {})


def entry_of(
    entries: Iterable[Mapping[str, Any]], run: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """Return Kueue's record of a run, the newest of several; None where there is none.

    Args:
        entries: The Workloads of the namespace.
        run: The Job or JobSet.
    """
    uid = run["metadata"]["uid"]
    own = [
        each
        for each in entries
        if any(owner.get("uid") == uid for owner in each["metadata"].get("ownerReferences") or ())
        and not each["metadata"].get("deletionTimestamp")
    ]
    return max(own, key=lambda each: str(each["metadata"]["creationTimestamp"]), default=None)


def queueing_of(
    run: Mapping[str, Any], entry: Mapping[str, Any] | None, queue: str, *, age: float
) -> Queueing:
    """Return where a run is that is not over.

    Args:
        run: The Job or JobSet.
        entry: Kueue's record of it.
        queue: Name of the ClusterQueue; empty where it is not known.
        age: For how many seconds the run has been there.
    """
    queue = f"ClusterQueue `{queue}`" if queue else "its ClusterQueue"
    if entry is None:
        return _without_entry(run, queue, age)
    status = entry.get("status") or {}
    evictions = _evictions(status)
    said = {each["type"]: each for each in status.get("conditions") or ()}
    if _is_true(said, "Admitted") and not _is_true(said, "Evicted"):
        message = f"Kueue admitted the run to {queue}"
        finding = Finding(types.TRUE, reasons.ADMITTED, message)
        wait = None
        if is_suspended(run):
            resumed = "Kueue admitted the run and has not resumed it: where this lasts, the Events"
            resumed += f" of {run.get('kind', 'Job')} `{names.RUN_JOB}` say why"
            wait = Wait(reasons.QUEUED, resumed)
        return Queueing(finding, wait, evictions)
    reason, message = _why(entry, said, queue)
    wait = Wait(reason, message) if is_suspended(run) else None
    return Queueing(Finding(types.FALSE, reason, message), wait, evictions)


def unanswered(run: Mapping[str, Any], why: str) -> Queueing:
    """Return what is known of a run when Kueue's record of it cannot be read.

    Args:
        run: The Job or JobSet.
        why: What was answered.
    """
    message = f"nobody knows where the run is in its queue: {why}"
    wait = Wait(reasons.QUEUE_UNANSWERED, message) if is_suspended(run) else None
    return Queueing(Finding(types.UNKNOWN, reasons.QUEUE_UNANSWERED, message), wait)


def shows_admission(obj: Mapping[str, Any]) -> bool:
    """Return whether an Experiment has a run that waits in a queue, by what was bound."""
    text = (obj.get("status") or {}).get("platform")
    if not text or not (obj.get("spec") or {}).get("stages"):
        return False
    try:
        return read_platform(text).profile.spec.queue is not None
    except (ValueError, KeyError, TypeError):
        # Of another version, which is said elsewhere.
        return False


def mark_admitted(builder: StatusBuilder, run: Outcome) -> None:
    """Answer Admitted, where an Experiment shows it."""
    facts = run.facts if isinstance(run.facts, RunFacts) else None
    if facts is None:
        return
    if facts.run is None:
        reason = run.reason if run.reason == reasons.QUEUE_UNANSWERED else reasons.NOT_QUEUED
        builder.mark_unknown(types.ADMITTED, reason, facts.pending)
    elif facts.run.completion_time is not None:
        builder.mark_unknown(types.ADMITTED, reasons.NOT_QUEUED, _OVER)
    elif facts.admitted is not None:
        found = facts.admitted
        builder.mark(types.ADMITTED, found.answer, found.reason, found.message)


def _without_entry(run: Mapping[str, Any], queue: str, age: float) -> Queueing:
    if not is_suspended(run):
        message = "the run is at work, and Kueue has no record of it"
        return Queueing(Finding(types.UNKNOWN, reasons.QUEUE_UNANSWERED, message), None)
    if age < _PATIENCE_SECONDS:
        message = f"the run waits for Kueue to take it into {queue}"
        wait = Wait(reasons.QUEUED, message)
        return Queueing(Finding(types.FALSE, reasons.QUEUED, message), wait)
    wait = Wait(reasons.QUEUE_UNANSWERED, _NO_NOTICE)
    return Queueing(Finding(types.UNKNOWN, reasons.QUEUE_UNANSWERED, _NO_NOTICE), wait)


def _why(
    entry: Mapping[str, Any], said: Mapping[str, Mapping[str, Any]], queue: str
) -> tuple[str, str]:
    """Return the reason and the words for what is not admitted."""
    evicted = said.get("Evicted", {})
    if _is_true(said, "Finished"):
        return reasons.QUEUED, f"Kueue does not start the run: {_words(said['Finished'])}"
    if (entry.get("spec") or {}).get("active") is False:
        return reasons.EVICTED, (
            f"Kueue gave the run up ({evicted.get('reason', 'Deactivated')}:"
            f" {_words(evicted)}): it waits until the platform team sets `spec.active` of Workload"
            f" `{entry['metadata']['name']}` to true"
        )
    waits = f"waits in {queue} of Kueue"
    is_reserved = _is_true(said, "QuotaReserved")
    if message := said.get("QuotaReserved", {}).get("message") if not is_reserved else "":
        waits = f"{waits}: {quoted(message)}"
    if _is_true(said, "Evicted"):
        taken = f"Kueue took back the run's place ({evicted.get('reason', '')}: {_words(evicted)})"
        return reasons.EVICTED, f"{taken}; it {'is being stopped' if is_reserved else waits}"
    if is_reserved:
        waits = f"has its quota in {queue} of Kueue, and waits for admission checks"
    return reasons.QUEUED, f"the run {waits}"


def _is_true(said: Mapping[str, Mapping[str, Any]], condition: str) -> bool:
    return said.get(condition, {}).get("status") == "True"


def _words(condition: Mapping[str, Any]) -> str:
    return quoted(str(condition.get("message", "")))


def _evictions(status: Mapping[str, Any]) -> int:
    stats = (status.get("schedulingStats") or {}).get("evictions") or ()
    return sum(int(each.get("count", 0)) for each in stats)
