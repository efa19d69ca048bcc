"""Traces of tasks that are Jobs: real operator, API server, store, guards and Job controller.

The kubelet is played: the command of each pod is run as a process. Spans are received by OTLP.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cluster import Cluster
from support.collector import ReceivedSpan
from support.kubelet import end_pod, run_pod
from support.operator_by_jobs import operator_by_jobs
from support.operator_process import (
    Operator,
    Team,
    experiment_spec,
    install_chart,
)
from support.otlp_receiver import Receiver, running_receiver
from support.task_pods import do_task, task_pod
from support.waiting import eventually


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture(scope="module")
def traced(
    cluster: Cluster,
    platform: Team,
    operator: Operator,
    receiver: Receiver,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Operator]:
    """An operator that sends traces and whose tasks are Jobs, in the place of the usual one."""
    del platform
    folder = tmp_path_factory.mktemp("traced")
    settings = {"GLOVEBOX_TRACES": json.dumps({"endpoint": receiver.endpoint})}
    install_chart(cluster, traces=receiver.endpoint)
    try:
        with operator_by_jobs(cluster, operator, folder, "traced", settings) as running:
            yield running
    finally:
        install_chart(cluster)


@pytest.mark.slow
def test_what_a_job_seals_is_a_span_of_its_experiment_s_trace(
    traced: Operator, receiver: Receiver, team: Team, tmp_path: Path
) -> None:
    run = {"image": "trainer", "command": ["python", "-m", "train"]}
    team.declare("Experiment", "one", experiment_spec("standard", "primary", run=run))
    made = team.expect("Experiment", "one", "Succeeded", "Unknown", timeout=60)
    end_pod(team.api, run_pod(team.api, made["status"]["namespace"]), 0)
    pod = task_pod(team.api, f"Experiment/{team.name}/one", "seal")
    trace = made["metadata"]["uid"].replace("-", "")

    def named() -> dict[str, ReceivedSpan]:
        return {span.name: span for span in receiver.spans() if span.trace == trace}

    # Spans are sent in batches, and one that is not sent dies with its process.
    eventually(lambda: {"provision", "run"} <= named().keys() or None, what="they have come")
    # The Job that runs is this one's still, though its context is of another process.
    traced.kill()
    traced.start()
    assert do_task(team.api, pod, tmp_path).code == 0
    team.expect("Experiment", "one", "Sealed", timeout=120)

    def look() -> dict[str, ReceivedSpan] | None:
        found = named()
        return found if "experiment" in found else None

    life = eventually(look, what="the whole life has come", timeout=60)
    below = {span.name for span in life.values() if span.parent == life["experiment"].span}
    assert below == {"provision", "run", "seal", "job seal"}
    inside = {span.name for span in life.values() if span.parent == life["job seal"].span}
    assert inside == {"read the request", "do the work", "keep the result"}
    assert life["job seal"].attributes["glovebox.uid"] == made["metadata"]["uid"]
    once = [span for span in receiver.spans() if (span.trace, span.name) == (trace, "job seal")]
    assert len(once) == 1, "nothing was begun twice"


@pytest.mark.usefixtures("traced")
def test_what_a_job_hashes_is_below_the_task_that_waits_for_it(
    receiver: Receiver, team: Team, tmp_path: Path
) -> None:
    bucket = team.bucket({"train/a": b"1", "train/b": b"2"})
    source = {"prefix": {"bucket": bucket, "prefix": "train/"}}
    team.declare("DatasetPin", "rows", {"storeRef": {"name": "primary"}, "source": source})
    pod = task_pod(team.api, f"DatasetPin/{team.name}/rows", "hash")
    assert do_task(team.api, pod, tmp_path).code == 0
    made = team.expect("DatasetPin", "rows", timeout=120)
    uid = made["metadata"]["uid"]

    def look() -> tuple[ReceivedSpan, ReceivedSpan] | None:
        found = {
            span.name: span
            for span in receiver.spans()
            if span.attributes.get("glovebox.uid") == uid and span.name.endswith(" hash")
        }
        return (found["task hash"], found["job hash"]) if len(found) == 2 else None

    task, job = eventually(look, what="both spans have come", timeout=60)
    assert (job.trace, job.parent) == (task.trace, task.span)
    assert "error.type" not in job.attributes
