"""Events are read when nothing else says why, seldom, and explain at most."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.controllers.job_waits import JobWait, look_at_job, look_at_run
from glovebox.controllers.run_work import RunWork
from glovebox.errors import Forbidden, GloveboxError
from glovebox.kube.kinds import EVENT, JOB_SET

MADE = datetime(2026, 1, 1, tzinfo=UTC)
REFUSED = {
    "reason": "FailedCreate",
    "type": "Warning",
    "note": "no",
    "reportingController": "job-controller",
}


def about(uid: str, **more: Any) -> dict[str, Any]:
    made = "2026-01-01T00:00:00Z"
    return {
        "metadata": {"name": uid, "namespace": "n", "uid": uid, "creationTimestamp": made},
        **more,
    }


async def looked(
    pods: list[dict[str, Any]],
    *,
    age: float = 5.0,
    error: GloveboxError | None = None,
    suspend: bool = False,
    events: tuple[dict[str, Any], ...] = (REFUSED,),
    workers: int = 1,
) -> tuple[JobWait, list[str]]:
    """Return what was found, and of what Events were asked for."""
    asked: list[str] = []

    async def pages(kind: Any, **query: Any) -> AsyncIterator[dict[str, Any]]:
        assert (kind, query["namespace"]) == (EVENT, "n")
        asked.append(query["field_selector"])
        if error is not None:
            raise error
        yield {"items": list(events)}

    ports: Any = SimpleNamespace(
        reader=SimpleNamespace(pages=pages), now=lambda: MADE + timedelta(seconds=age)
    )
    job = about("job", spec={"suspend": suspend, "parallelism": workers})
    return await look_at_job(ports, job, pods), asked


async def test_of_a_job_without_a_pod_the_controllers_events_say_why() -> None:
    found, asked = await looked([])
    assert found.wait is not None
    assert found.wait.reason == reasons.POD_REFUSED
    assert asked == ["regarding.uid=job"]


async def test_a_job_of_this_moment_is_looked_at_again_before_anybody_asks() -> None:
    found, asked = await looked([], age=0.4)
    assert (found.retry_seconds, asked) == (1.0, [])
    assert found.message


@pytest.mark.parametrize(("age", "again"), [(2.0, 2.0), (40.0, 10.0), (86_400.0, 60.0)])
async def test_it_is_asked_less_and_less_often(age: float, again: float) -> None:
    assert (await looked([], age=age))[0].retry_seconds == again


async def test_events_that_cannot_be_read_keep_nothing_from_going_on() -> None:
    refused = Forbidden(reasons.FORBIDDEN, "no")
    found, asked = await looked([], error=refused)
    assert asked
    assert found.wait is not None
    assert found.wait.reason == reasons.RUN_PENDING
    assert found.retry_seconds == 2.0


async def test_of_a_pod_that_says_why_nobody_asks() -> None:
    condition = {"type": "PodScheduled", "status": "False", "message": "full"}
    found, asked = await looked(
        [about("p", status={"phase": "Pending", "conditions": [condition]})]
    )
    assert (found.retry_seconds, asked) == (None, [])


async def test_of_a_silent_pod_its_own_events_are_read() -> None:
    assert (await looked([about("p", status={"phase": "Pending"})]))[1] == ["regarding.uid=p"]


async def test_what_runs_waits_for_nothing() -> None:
    found, asked = await looked([about("p", status={"phase": "Running"})])
    assert (found, asked, found.message) == (JobWait(None), [], "")


FAILED = about("p", status={"phase": "Failed"})


async def test_after_a_pod_that_failed_the_jobs_events_say_why_there_is_no_other() -> None:
    found, asked = await looked([FAILED])
    assert found.wait is not None
    assert (found.wait.reason, found.retry_seconds) == (reasons.POD_REFUSED, 2.0)
    assert asked == ["regarding.uid=job"]


async def test_after_a_pod_that_failed_nothing_is_said_where_events_say_nothing() -> None:
    """The Job ends with it, or makes another in a moment: neither is a wait."""
    assert (await looked([FAILED], events=()))[0] == JobWait(None, 2.0)


async def test_a_job_that_is_suspended_after_a_pod_failed_says_so() -> None:
    found, asked = await looked([FAILED], suspend=True)
    assert found.wait is not None
    assert (found.wait.reason, asked) == (reasons.JOB_SUSPENDED, [])


RUNS = about("r", status={"phase": "Running"})
FULL = {"type": "PodScheduled", "status": "False", "message": "full"}
HELD = about("h", status={"phase": "Pending", "conditions": [FULL]})


async def test_of_several_workers_the_one_that_waits_is_told() -> None:
    """The newest one runs, and waits for the others by itself."""
    found, asked = await looked([HELD, RUNS], workers=2)
    assert found.wait is not None
    assert (found.wait.reason, asked) == (reasons.UNSCHEDULABLE, [])


async def test_of_a_worker_that_was_never_made_the_jobs_events_say_why() -> None:
    found, asked = await looked([RUNS], workers=2)
    assert found.wait is not None
    assert (found.wait.reason, asked) == (reasons.POD_REFUSED, ["regarding.uid=job"])


async def test_of_a_worker_that_failed_while_another_runs_the_jobs_events_say_why() -> None:
    found, _ = await looked([FAILED, RUNS], workers=2)
    assert found.wait is not None
    assert found.wait.reason == reasons.POD_REFUSED


@pytest.mark.parametrize("other", [RUNS, about("s", status={"phase": "Succeeded"})])
async def test_workers_that_are_all_there_wait_for_nothing(other: dict[str, Any]) -> None:
    assert await looked([other, RUNS], workers=2) == (JobWait(None), [])


@pytest.mark.parametrize(
    ("ended", "age", "again"),
    [
        (None, 4.0, 2.0),
        (None, 86_400.0, 60.0),
        ("2026-01-01T00:00:40Z", 80.0, 10.0),
    ],
)
async def test_a_run_of_which_nothing_is_at_work_is_looked_at_less_and_less_often(
    ended: str | None, age: float, again: float
) -> None:
    """It may be suspended for days, by a queue."""
    done = {"type": "Complete", "status": "True", "lastTransitionTime": ended}
    jobs = {"fit": about("fit", status={"conditions": [done]})} if ended else {}
    ports: Any = SimpleNamespace(now=lambda: MADE + timedelta(seconds=age))
    work = RunWork(JOB_SET, about("run", spec={"suspend": True}), jobs)
    found = await look_at_run(ports, work, [])
    assert found.wait is not None
    assert (found.wait.reason, found.retry_seconds) == (reasons.JOB_SUSPENDED, again)
