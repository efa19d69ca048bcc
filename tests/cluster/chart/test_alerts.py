"""The PrometheusRule of the chart, and a sample Alertmanager, as Prometheus' programs read them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.chart.rendering import CHART, ROOT, only, render, run_helm
from glovebox.metrics.rules import RUNBOOKS, plain_rules, thresholds
from support.promtool import needs_promtool, promtool

SAMPLE = ROOT / "docs" / "examples" / "alertmanager.yaml"
needs_amtool = pytest.mark.skipif(
    shutil.which("amtool") is None,
    reason="this machine has no amtool: `glovebox local packages` brings it",
)


def groups(**values: Any) -> list[dict[str, Any]]:
    rule = {"metrics": {"prometheusRule": {"enabled": True, **values}}}
    found: list[dict[str, Any]] = only(render(rule), "PrometheusRule")["spec"]["groups"]
    return found


def alert(name: str, **values: Any) -> dict[str, Any] | None:
    rules = [rule for group in groups(**values) for rule in group["rules"]]
    return next((rule for rule in rules if rule.get("alert") == name), None)


def test_without_the_value_there_is_none() -> None:
    assert not [each for each in render() if each["kind"] == "PrometheusRule"]


def test_the_rules_are_those_of_the_plain_file() -> None:
    assert groups() == plain_rules()["groups"]


def test_the_values_of_thresholds_are_those_of_the_code() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())["metrics"]["prometheusRule"]
    assert values["thresholds"] == {name: each.default for name, each in thresholds().items()}
    assert values["runbooks"] == RUNBOOKS


def test_a_threshold_stands_in_the_expression() -> None:
    changed = alert("GloveboxDeafWatch", thresholds={"deafSeconds": 1234567})
    assert changed is not None
    assert changed["expr"].endswith("> 1234567")


def test_one_alert_can_be_otherwise_or_left_out() -> None:
    own = {
        "GloveboxBrokenLink": {"for": "1h", "severity": "critical"},
        "GloveboxProvenanceGaps": {"enabled": False},
    }
    changed = alert("GloveboxBrokenLink", alerts=own, alertLabels={"team": "ml"})
    assert changed is not None
    assert (changed["for"], changed["labels"]) == ("1h", {"severity": "critical", "team": "ml"})
    assert alert("GloveboxProvenanceGaps", alerts=own) is None
    assert alert("GloveboxProvenanceGaps") is not None


def test_an_alert_that_does_not_exist_is_refused() -> None:
    values = {"metrics": {"prometheusRule": {"enabled": True, "alerts": {"GloveboxDwon": {}}}}}
    done = run_helm("template", "glovebox", str(CHART), values=values)
    assert done.returncode != 0
    assert "metrics.prometheusRule.alerts: there is no alert GloveboxDwon" in done.stderr


def test_a_threshold_without_a_value_is_refused_by_its_name() -> None:
    """Else its name would stand in an expression, and Prometheus would take none of the rules."""
    rule = {"enabled": True, "thresholds": {"deafSeconds": None}}
    values = {"metrics": {"prometheusRule": rule}}
    done = run_helm("template", "glovebox", str(CHART), values=values)
    assert done.returncode != 0
    assert "metrics.prometheusRule.thresholds: deafSeconds has no value" in done.stderr


def test_runbooks_can_be_elsewhere() -> None:
    changed = alert("GloveboxDown", runbooks="https://wiki.example.com/glovebox/")
    assert changed is not None
    assert changed["annotations"]["runbook_url"] == (
        "https://wiki.example.com/glovebox/GloveboxDown.md"
    )


@needs_promtool
def test_promtool_reads_what_the_chart_renders(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(json.dumps({"groups": groups(thresholds={"errorRatio": 0.5})}))
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", str(rules))
    assert done.returncode == 0, done.stdout


def amtool(*arguments: str) -> str:
    done = subprocess.run(
        ["amtool", *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_amtool
def test_the_sample_of_alertmanager_is_valid() -> None:
    assert "SUCCESS" in amtool("check-config", str(SAMPLE))


def test_the_sample_repeats_the_dead_mans_switch_as_often_as_it_says() -> None:
    """Alertmanager looks whether to repeat once in a `group_interval`, which is five minutes."""
    (switch, *_) = yaml.safe_load(SAMPLE.read_text())["route"]["routes"]
    assert (switch["repeat_interval"], switch["group_interval"]) == ("1m", "1m")


def test_an_operator_that_is_down_silences_nothing_of_another_cluster() -> None:
    (rule,) = yaml.safe_load(SAMPLE.read_text())["inhibit_rules"]
    assert rule["equal"] == ["cluster"]


@needs_amtool
@pytest.mark.parametrize(
    ("name", "severity", "receiver"),
    [
        ("GloveboxAlive", "none", "dead-mans-switch"),
        ("GloveboxDown", "critical", "on-call"),
        ("GloveboxBrokenLink", "warning", "channel"),
        ("GloveboxDistributionMoved", "info", "channel"),
    ],
)
def test_the_sample_sends_each_severity_to_its_receiver(
    name: str, severity: str, receiver: str
) -> None:
    arguments = (f"--config.file={SAMPLE}", f"alertname={name}", f"severity={severity}")
    assert amtool("config", "routes", "test", *arguments).strip() == receiver
    declared = alert(name)
    assert declared is not None
    assert declared["labels"]["severity"] == severity
