"""How a run of several stages ended, by its Jobs, and what is kept of those that are gone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.api.experiment_status import RunStatus
from glovebox.status.attempts import with_recorded
from glovebox.status.run_stages import job_set_ended
from glovebox.status.runs import job_lost

Json = dict[str, Any]
MADE = "2026-01-01T00:00:00Z"
STAGES = ("fit", "beside", "score")


def job_set(*conditions: Json) -> Json:
    return {
        "metadata": {"name": "glovebox-run", "uid": "set", "creationTimestamp": MADE},
        "spec": {"replicatedJobs": [{"name": name} for name in STAGES]},
        "status": {"conditions": list(conditions)},
    }


def job(uid: str, end: str = "", at: int = 0) -> Json:
    told = {"type": end, "status": "True", "lastTransitionTime": f"2026-01-01T00:00:{at:02}Z"}
    return {
        "metadata": {"name": uid, "uid": uid, "creationTimestamp": MADE},
        "status": {"conditions": [told] if end else []},
    }


def run(jobs: dict[str, Json], *conditions: Json) -> RunStatus:
    return job_set_ended(job_set(*conditions), jobs, [])


def phases(of: RunStatus) -> dict[str, str]:
    return {stage.name: stage.phase for stage in of.stages}


RUNNING = run({"fit": job("f"), "beside": job("b")})


def test_what_is_at_work_says_so() -> None:
    assert RUNNING.outcome == ""
    assert phases(RUNNING) == {"fit": "Running", "beside": "Running", "score": "Pending"}


@pytest.mark.parametrize(
    ("jobs", "why"),
    [
        ({"fit": job("f", "Failed", 3), "beside": job("b")}, "it is about to be stopped"),
        ({"fit": job("f", "Failed", 3)}, "JobSet's controller has taken its Job away"),
    ],
)
def test_what_was_at_work_when_the_run_failed_is_stopped(jobs: dict[str, Json], why: str) -> None:
    ended = with_recorded(run(jobs), RUNNING)
    assert ended.outcome == "Failed"
    assert phases(ended) == {"fit": "Failed", "beside": "Stopped", "score": "Pending"}, why


def test_a_run_that_is_stopped_has_no_stage_at_work() -> None:
    lost = job_lost(RUNNING, datetime(2026, 1, 2, tzinfo=UTC), reasons.RUN_STOPPED)
    assert phases(lost) == {"fit": "Stopped", "beside": "Stopped", "score": "Pending"}


def test_what_is_seen_counts_before_what_was_recorded() -> None:
    again = with_recorded(run({"fit": job("f", "Complete", 3), "beside": job("b")}), RUNNING)
    assert phases(again) == {"fit": "Succeeded", "beside": "Running", "score": "Pending"}


def test_attempts_of_a_stage_are_not_forgotten_with_their_pods() -> None:
    three = RUNNING.stages[0].model_copy(update={"attempts": 3})
    recorded = RUNNING.model_copy(update={"stages": (three, *RUNNING.stages[1:])})
    assert with_recorded(RUNNING, recorded).stages[0].attempts == 3


def test_the_first_stage_that_failed_tells_why() -> None:
    ended = run({"fit": job("f", "Failed", 9), "beside": job("b", "Failed", 3)})
    assert ended.message == "stage `beside`: the Job failed"


def test_all_have_to_succeed() -> None:
    most = {"fit": job("f", "Complete", 3), "beside": job("b", "Complete", 5)}
    assert run(most).outcome == ""
    ended = run(most | {"score": job("s", "Complete", 9)})
    assert (ended.outcome, ended.message) == ("Succeeded", "the run succeeded: 3 stages, 0 pods")


def test_of_jobs_that_are_gone_the_jobset_tells() -> None:
    said = {"type": "Failed", "status": "True", "lastTransitionTime": MADE, "message": "why"}
    ended = with_recorded(run({}, said), RUNNING)
    assert (ended.outcome, ended.message) == ("Failed", "JobSet says: why")
    assert set(phases(ended).values()) == {"Stopped", "Pending"}
