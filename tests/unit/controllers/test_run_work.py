"""Whose a Job is, and whether a run is over, is told by what its controllers wrote."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

from glovebox import names
from glovebox.controllers.run_work import RunWork, work_of
from glovebox.kube.kinds import JOB, JOB_SET

Json = dict[str, Any]
MADE = "2026-01-01T00:00:00Z"
SET: Json = {
    "metadata": {
        "name": names.RUN_JOB,
        "namespace": "gbx-a",
        "uid": "set",
        "creationTimestamp": MADE,
    },
    "spec": {"replicatedJobs": [{"name": "fit"}, {"name": "score"}]},
}


def job(stage: str, owner: str = "set", end: str = "") -> Json:
    told = {"type": end, "status": "True", "lastTransitionTime": MADE}
    return {
        "metadata": {
            "name": names.stage_job(stage),
            "uid": stage,
            "creationTimestamp": MADE,
            "ownerReferences": [{"kind": "JobSet", "controller": True, "uid": owner}],
        },
        "status": {"conditions": [told] if end else []},
    }


async def of(*jobs: Json) -> RunWork:
    async def pages(kind: Any, **query: Any) -> AsyncIterator[Json]:
        assert (kind, query["namespace"]) == (JOB, "gbx-a")
        yield {"items": list(jobs)}

    ports: Any = SimpleNamespace(reader=SimpleNamespace(pages=pages))
    return await work_of(ports, JOB_SET, SET)


async def test_jobs_of_another_jobset_and_of_no_stage_are_none_of_a_run() -> None:
    """One that was restored, or made in a gap, has the name; how it ended is nobody's end."""
    work = await of(job("fit"), job("score", owner="former"), job("other"))
    assert set(work.jobs) == {"fit"}


async def test_a_run_is_over_when_its_jobs_say_so_and_no_sooner() -> None:
    """JobSet's controller may be away: what its Jobs came to is known all the same."""
    assert not (await of(job("fit", end="Complete"))).is_over
    assert (await of(job("fit", end="Complete"), job("score", end="Complete"))).is_over
    assert (await of(job("fit", end="Failed"))).is_over
