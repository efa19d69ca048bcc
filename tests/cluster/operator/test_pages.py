"""What Prometheus, the kubelet and whoever reads the log get."""

from __future__ import annotations

import json

from prometheus_client.parser import text_string_to_metric_families

from support.operator_process import Operator, Team, experiment_spec
from support.waiting import eventually


def test_probes_say_yes_while_it_works(operator: Operator, platform: Team) -> None:
    del platform
    assert operator.page("/healthz") == "ok\n"
    assert operator.page("/readyz") == "ok\n"


def test_metrics_can_be_read_and_hold_no_secret_and_no_object_key(
    operator: Operator, team: Team
) -> None:
    team.declare("Experiment", "counted", experiment_spec("standard", "primary"))
    team.expect("Experiment", "counted")
    page = operator.page()
    families = {family.name for family in text_string_to_metric_families(page)}
    expected = {
        "glovebox_objects",
        "glovebox_reconcile",
        "glovebox_drift_detected",
        "glovebox_kube_requests",
    }
    assert expected <= families
    keys = team.cluster.store.access.operator
    assert keys.secret_access_key not in page
    assert keys.secret_access_key not in operator.log
    assert operator.metric("glovebox_experiment_time_to_ready_seconds_count") >= 1


def test_each_log_line_is_json_and_a_reconcile_names_its_resource(
    operator: Operator, team: Team
) -> None:
    made = team.declare("Experiment", "logged", experiment_spec("standard", "primary"))
    team.expect("Experiment", "logged")

    def line() -> dict[str, object] | None:
        entries = [json.loads(text) for text in operator.log.splitlines()]
        return next(
            (entry for entry in entries if entry.get("uid") == made["metadata"]["uid"]), None
        )

    entry = eventually(line, what="a line about the Experiment")
    assert entry["resource"] == f"Experiment/{team.name}/logged"
    assert entry["generation"] == 1
    assert {"time", "level", "event"} <= entry.keys()
