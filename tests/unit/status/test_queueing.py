"""Where a run is in its queue is said in Kueue's own words, and no more than it says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.api.experiment_status import RunStatus
from glovebox.status.builder import StatusBuilder
from glovebox.status.experiment_facts import Finding, RunFacts
from glovebox.status.job_waits import WAITS
from glovebox.status.outcome import Outcome, done, of_error, waiting
from glovebox.status.queueing import (
    entry_of,
    is_queued,
    mark_admitted,
    queueing_of,
    shows_admission,
    unanswered,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HIGHER = "Preempted to accommodate a workload (UID: u2) due to prioritization in the ClusterQueue"
NO_ROOM = "couldn't assign flavors to pod set main: insufficient unused quota for cpu"


def run(labels: dict[str, str] | None = None, *, suspend: bool = True) -> dict[str, Any]:
    metadata = {"name": "glovebox-run", "uid": "r", "labels": labels or {}}
    return {"kind": "Job", "metadata": metadata, "spec": {"suspend": suspend}}


def entry(*, active: bool = True, evictions: int = 0, **said: tuple[str, str, str]) -> Any:
    conditions = [
        {"type": name, "status": status, "reason": reason, "message": message}
        for name, (status, reason, message) in said.items()
    ]
    counts = [{"reason": "Preempted", "count": evictions}] if evictions else []
    return {
        "metadata": {"name": "job-glovebox-run-a1"},
        "spec": {"active": active},
        "status": {"conditions": conditions, "schedulingStats": {"evictions": counts}},
    }


PENDING = ("False", "Pending", NO_ROOM)
ADMITTED = ("True", "Admitted", "The workload is admitted")
RESERVED = ("True", "QuotaReserved", "Quota reserved in ClusterQueue gpus")
TAKEN = ("True", "Preempted", HIGHER)

# Kueue's record, whether the run is suspended, the condition, and words of it.
CASES: dict[str, tuple[Any, bool, str, str, str]] = {
    "there is no room": (
        entry(QuotaReserved=PENDING),
        True,
        "False",
        reasons.QUEUED,
        f"the run waits in ClusterQueue `gpus` of Kueue: {NO_ROOM}",
    ),
    "nothing is said yet": (
        entry(),
        True,
        "False",
        reasons.QUEUED,
        "the run waits in ClusterQueue `gpus` of Kueue",
    ),
    "admission checks are open": (
        entry(QuotaReserved=RESERVED),
        True,
        "False",
        reasons.QUEUED,
        "the run has its quota in ClusterQueue `gpus` of Kueue, and waits for admission checks",
    ),
    "it is admitted": (
        entry(QuotaReserved=RESERVED, Admitted=ADMITTED),
        False,
        "True",
        reasons.ADMITTED,
        "Kueue admitted the run to ClusterQueue `gpus`",
    ),
    "it is being stopped for another": (
        entry(QuotaReserved=RESERVED, Admitted=ADMITTED, Evicted=TAKEN),
        True,
        "False",
        reasons.EVICTED,
        f"Kueue took back the run's place (Preempted: {HIGHER}); it is being stopped",
    ),
    "it waits again": (
        entry(QuotaReserved=PENDING, Evicted=TAKEN),
        True,
        "False",
        reasons.EVICTED,
        f"(Preempted: {HIGHER}); it waits in ClusterQueue `gpus` of Kueue: {NO_ROOM}",
    ),
    "it was admitted again": (
        entry(Admitted=ADMITTED, Evicted=("False", "QuotaReserved", "Previously: ...")),
        False,
        "True",
        reasons.ADMITTED,
        "Kueue admitted the run",
    ),
    "Kueue gave it up": (
        entry(active=False, Evicted=("True", "Deactivated", "exceeded the requeue limit")),
        True,
        "False",
        reasons.EVICTED,
        (
            "Kueue gave the run up (Deactivated: exceeded the requeue limit): it waits until the"
            " platform team sets `spec.active` of Workload `job-glovebox-run-a1` to true"
        ),
    ),
    "Kueue cannot start it": (
        entry(Finished=("True", "FailedToStart", "conflict for nodeSelector")),
        True,
        "False",
        reasons.QUEUED,
        "Kueue does not start the run: conflict for nodeSelector",
    ),
    "Kueue lost its record": (
        None,
        False,
        "Unknown",
        reasons.QUEUE_UNANSWERED,
        "the run is at work, and Kueue has no record of it",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_kueue_says(case: str) -> None:
    said, suspended, answer, reason, words = CASES[case]
    found = queueing_of(run(suspend=suspended), said, "gpus", age=600)
    assert found.finding is not None
    assert (found.finding.answer, found.finding.reason) == (answer, reason)
    assert words in found.finding.message
    assert (found.wait is not None) is suspended, "what is at work waits for nothing"
    if found.wait is not None:
        assert (found.wait.reason, found.wait.message) == (reason, found.finding.message)


def test_a_run_that_is_admitted_and_not_resumed_waits_all_the_same() -> None:
    found = queueing_of(run(), entry(Admitted=ADMITTED), "gpus", age=600)
    assert found.finding is not None
    assert found.finding.answer == "True"
    assert found.wait is not None
    assert "the Events of Job `glovebox-run` say why" in found.wait.message


@pytest.mark.parametrize(
    ("age", "answer", "reason"),
    [(59.0, "False", reasons.QUEUED), (60.0, "Unknown", reasons.QUEUE_UNANSWERED)],
)
def test_kueue_has_a_minute_to_take_notice(age: float, answer: str, reason: str) -> None:
    found = queueing_of(run(), None, "gpus", age=age)
    assert found.finding is not None
    assert (found.finding.answer, found.finding.reason) == (answer, reason)
    assert found.wait is not None
    assert found.wait.reason == reason


def test_where_the_queue_is_not_known_it_has_no_name() -> None:
    found = queueing_of(run(), entry(), "", age=600)
    assert found.finding is not None
    assert found.finding.message == "the run waits in its ClusterQueue of Kueue"


def test_evictions_are_added_up() -> None:
    said = entry(Admitted=ADMITTED, evictions=2)
    said["status"]["schedulingStats"]["evictions"].append({"reason": "AdmissionCheck", "count": 1})
    assert queueing_of(run(suspend=False), said, "gpus", age=600).evictions == 3


def test_what_keeps_kueue_from_answering_is_told_and_holds_up_nothing_that_runs() -> None:
    assert unanswered(run(suspend=False), "HTTP 503").wait is None
    found = unanswered(run(), "HTTP 503")
    assert found.finding is not None
    assert found.finding.answer == "Unknown"
    assert found.wait is not None
    assert "HTTP 503" in found.wait.message


def test_every_wait_in_a_queue_is_one_that_passes() -> None:
    assert {reasons.QUEUED, reasons.EVICTED, reasons.QUEUE_UNANSWERED} <= WAITS


def test_what_names_a_queue_waits_in_it() -> None:
    assert is_queued(run({"kueue.x-k8s.io/queue-name": "glovebox"}))
    assert not is_queued(run())


def record(name: str, owner: str, made: str, **metadata: Any) -> dict[str, Any]:
    owners = [{"uid": owner, "controller": True}]
    about = {"name": name, "ownerReferences": owners, "creationTimestamp": made}
    return {"metadata": {**about, **metadata}}


def test_the_newest_record_of_this_very_run_counts() -> None:
    old, new = (
        record("old", "r", "2026-01-01T00:00:00Z"),
        record("new", "r", "2026-01-02T00:00:00Z"),
    )
    other = record("other", "another", "2026-01-03T00:00:00Z")
    going = record("going", "r", "2026-01-04T00:00:00Z", deletionTimestamp="2026-01-04T00:00:01Z")
    assert entry_of([new, old, other, going], run()) == new
    assert entry_of([other, going], run()) is None


ENDED = RunStatus.model_validate({"completionTime": NOW, "outcome": "Succeeded"})
WAITING = Finding("False", reasons.QUEUED, "it waits")


@pytest.mark.parametrize(
    ("outcome", "said", "why"),
    [
        (
            waiting("RunPending", "soon", facts=RunFacts(requested=True, pending="soon")),
            ("Unknown", reasons.NOT_QUEUED, "soon"),
            "it was not created",
        ),
        (
            waiting(
                reasons.QUEUE_UNANSWERED, "away", facts=RunFacts(requested=True, pending="away")
            ),
            ("Unknown", reasons.QUEUE_UNANSWERED, "away"),
            "it cannot be created",
        ),
        (
            done(RunFacts(requested=True, run=RunStatus(), admitted=WAITING)),
            ("False", reasons.QUEUED, "it waits"),
            "as it was found",
        ),
        (
            done(RunFacts(requested=True, run=RunStatus())),
            ("True", "Admitted", "before"),
            "nobody looked",
        ),
        (
            done(RunFacts(requested=True, run=ENDED, admitted=WAITING)),
            (
                "Unknown",
                reasons.NOT_QUEUED,
                "the run is over: it has no place in the queue any more",
            ),
            "no claim outlives the run",
        ),
        (of_error(RuntimeError()), ("True", "Admitted", "before"), "nobody knows"),
    ],
)
def test_the_condition_says_what_is_known_now(
    outcome: Outcome, said: tuple[str, str, str], why: str
) -> None:
    before = {
        "type": "Admitted",
        "status": "True",
        "reason": "Admitted",
        "message": "before",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    builder = StatusBuilder({"conditions": [before]}, 1, ("Admitted",), NOW)
    mark_admitted(builder, outcome)
    assert builder.current("Admitted") == said, why


def test_a_status_that_cannot_be_read_shows_no_queue() -> None:
    assert not shows_admission({"spec": {"stages": [{}]}})
    assert not shows_admission({"spec": {"stages": [{}]}, "status": {"platform": "{"}})
