"""Lineage on a real API server and store, told to a consumer on a socket that goes and returns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from glovebox import names
from support.api import path_of
from support.cluster import Cluster
from support.examples import one_stage
from support.kubelet import end_pod, run_pod
from support.lineage import problems_of
from support.lineage_sink import STALL, TAKEN, HttpSink, said, sink_in_a_thread
from support.operator_process import PLATFORM_IMAGE, Operator, Team, experiment_spec
from support.run_credentials import write_artifact
from support.waiting import eventually

Json = dict[str, Any]
OWN = "glovebox-system"
RUN = {"image": "trainer", "command": ["python", "-m", "train"]}


@contextmanager
def telling(cluster: Cluster, operator: Operator, folder: Path, port: int) -> Iterator[Operator]:
    """Run an operator that tells lineage, in the place of the other one."""
    destination = {"name": "sink", "url": f"http://127.0.0.1:{port}/v1"}
    lineage = {"enabled": True, "namespace": "tests", "destinations": [destination]}
    settings = {"GLOVEBOX_IMAGE": PLATFORM_IMAGE, "GLOVEBOX_LINEAGE": json.dumps(lineage)}
    operator.stop()
    running = Operator(cluster, folder, name="telling", settings=settings)
    running.start()
    try:
        yield running
    finally:
        running.stop()
        operator.start()


def told(sink: HttpSink, job: str) -> list[Json]:
    """Return the events of a job that the consumer got, each once."""
    events = [json.loads(body) for body in dict.fromkeys(sink.bodies)]
    return [event for event in events if event["job"]["name"] == job]


def all_notes(team: Team) -> list[Json]:
    return team.api.list(
        path_of("v1", "configmaps", namespace=OWN),
        labelSelector=f"{names.LABEL_LINEAGE}={names.LINEAGE_WAITING}",
    )


def notes(team: Team, experiment: str) -> list[Json]:
    data = {"team": team.name, "experiment": experiment}
    return [each for each in all_notes(team) if data.items() <= each["data"].items()]


def glovebox(cluster: Cluster, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "glovebox.cli", "lineage", *arguments],
        env={
            **os.environ,
            **cluster.store.access.variables,
            "KUBECONFIG": str(cluster.kubeconfig),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.timeout(240)
@pytest.mark.parametrize("away", [STALL, said(503)], ids=["stalls", "fails"])
def test_a_life_is_told_whole_although_consumer_and_operator_go_away_in_its_midst(
    cluster: Cluster, team: Team, operator: Operator, tmp_path: Path, away: bytes
) -> None:
    job = f"{team.name}.told"
    with (
        sink_in_a_thread() as sink,
        telling(cluster, operator, tmp_path, sink.port) as running,
    ):
        spec = experiment_spec("standard", "primary", lifecycle={"deletionPolicy": "Delete"})
        team.declare("Experiment", "told", spec | {"stages": one_stage(RUN)})
        made = team.expect("Experiment", "told")
        namespace, uid = made["status"]["namespace"], made["metadata"]["uid"]
        pod = run_pod(team.api, namespace)
        eventually(lambda: told(sink, job) or None, what="its start is told", timeout=60)
        sink.answer = away
        write_artifact(team, made, "model.bin", b"weights")
        end_pod(team.api, pod, 0)
        sealed = team.expect("Experiment", "told", "Sealed", timeout=60)
        eventually(lambda: notes(team, "told") or None, what="its end is noted", timeout=30)
        team.api.delete(team.path("Experiment", "told"))
        path = team.path("Experiment", "told")
        eventually(lambda: team.api.find(path) is None or None, what="it is gone", timeout=60)
        running.kill()
        sink.bodies.clear()
        sink.answer = TAKEN
        running.start()
        (end,) = eventually(lambda: told(sink, job) or None, what="its end is told", timeout=90)
        eventually(lambda: not notes(team, "told") or None, what="nothing waits", timeout=30)
        assert end["eventType"] == "COMPLETE"
        assert problems_of(end) == []
        seal = end["outputs"][0]["facets"]["glovebox_seal"]
        assert seal["listDigest"] == sealed["status"]["seal"]["manifestDigest"]
        # Others may wait whose stores are away: their own tests took these away.
        eventually(
            lambda: (
                running.metric("glovebox_lineage_outbox_events", destination="sink")
                == len(all_notes(team))
            ),
            what="the series counts what waits",
        )
        bucket = sealed["status"]["artifacts"]["uri"].removeprefix("s3://").split("/")[0]
        # Of the Experiment nothing is left but what the store has.
        (found,) = json.loads(glovebox(cluster, uid, "--bucket", bucket, "-o", "json"))
        assert found["experiment"] == f"{team.name}/told"
        assert (
            found
            == json.loads(glovebox(cluster, uid, "--offline", "--bucket", bucket, "-o", "json"))[0]
        )
