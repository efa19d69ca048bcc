"""What a real OpenTelemetry collector gets of an Experiment's life."""

from __future__ import annotations

import pytest

from support.collector import Collector, ReceivedSpan
from support.kubelet import end_pod, run_pod
from support.operator_process import Team, experiment_spec
from support.waiting import eventually

pytestmark = pytest.mark.timeout(300)


def test_a_collector_gets_the_life_of_an_experiment_as_one_trace_of_its_uid(
    collector: Collector, team: Team
) -> None:
    run = {"image": "trainer", "command": ["python", "-m", "train"]}
    team.declare("Experiment", "traced", experiment_spec("standard", "primary", run=run))
    made = team.expect("Experiment", "traced")
    end_pod(team.api, run_pod(team.api, made["status"]["namespace"]), 0)
    team.expect("Experiment", "traced", "Sealed")
    trace = made["metadata"]["uid"].replace("-", "")

    def look() -> dict[str, ReceivedSpan] | None:
        found = {span.name: span for span in collector.spans() if span.trace == trace}
        return found if "experiment" in found else None

    life = eventually(look, what="the whole life has come")
    assert set(life) == {"provision", "run", "seal", "experiment"}
    assert life["experiment"].parent == ""
    assert {life[name].parent for name in ("provision", "run", "seal")} == {life["experiment"].span}
    assert life["run"].attributes["glovebox.run.outcome"] == "Succeeded"
    assert life["seal"].attributes["glovebox.digest"] == made["status"]["digest"]

    looks = [
        span
        for span in collector.spans()
        if span.name == "reconcile" and span.attributes["glovebox.uid"] == made["metadata"]["uid"]
    ]
    below = {span.name for span in collector.spans() if span.parent in {s.span for s in looks}}
    assert below >= {"phase namespace", "phase isolation", "phase run", "phase seal"}
