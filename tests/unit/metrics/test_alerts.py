"""Alerts: whole, on series that the code registers, and tested by promtool in both directions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from glovebox.api.generated import stale_files
from glovebox.metrics import rules as rules_module
from glovebox.metrics.rule_files import PLAIN_RULES, rule_files
from glovebox.metrics.rules import alerts, groups, named, plain_rules, thresholds
from support.examples import REPOSITORY
from support.promql import grouped, registered, selectors
from support.promtool import needs_promtool, promtool, run_unit_tests, seconds
from unit.metrics.alert_cases import CASES

RULES = [rule for group in plain_rules()["groups"] for rule in group["rules"]]


def unknown(rules: list[dict[str, Any]], series: dict[str, set[str]]) -> list[str]:
    """Return what expressions name and no series has."""
    known = dict(series)
    for rule in rules:
        if "record" in rule:
            known[rule["record"]] = grouped(rule["expr"]) - {"le"}
    wrong: list[str] = []
    for rule in rules:
        name = rule.get("alert") or rule["record"]
        found = selectors(promql_parser.parse(rule["expr"]))
        if not found:
            wrong.append(f"{name}: no series")
        labels: set[str] = set()
        for selector in found:
            if selector.name not in known:
                wrong.append(f"{name}: {selector.name}")
                continue
            labels |= known[selector.name]
            asked = {matcher.name for matcher in selector.matchers.matchers}
            wrong += [
                f"{name}: {selector.name}{{{label}}}" for label in asked - known[selector.name]
            ]
        wrong += [f"{name}: by {label}" for label in grouped(rule["expr"]) - labels]
        told = " ".join(rule.get("annotations", {}).values())
        wrong += [
            f"{name}: $labels.{label}"
            for label in re.findall(r"\$labels\.(\w+)", told)
            if label not in labels
        ]
    return wrong


def test_every_expression_is_about_series_and_labels_that_the_code_registers() -> None:
    assert unknown(RULES, registered()) == []


@pytest.mark.parametrize(
    ("expr", "found"),
    [
        ("max(glovebox_leaders) < 1", ["x: glovebox_leaders"]),
        ('glovebox_leader{pod="a"} > 0', ["x: glovebox_leader{pod}"]),
        ("sum by (kind) (glovebox_leader) > 0", ["x: by kind"]),
        ("rate(glovebox_runs[5m]) > 0", ["x: glovebox_runs"]),
        ("vector(1)", ["x: no series"]),
    ],
)
def test_what_no_series_has_is_found(expr: str, found: list[str]) -> None:
    assert unknown([{"alert": "x", "expr": expr}], registered()) == found


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param({"alert": "Down"}, "two alerts Down", id="a name twice"),
        pytest.param({"reason": ""}, "Forbidden: an alert has the name", id="a reason left out"),
        pytest.param({"reason": "Expired"}, "Forbidden: an alert has", id="another reason"),
        pytest.param({"impcat": "none"}, "impcat", id="a word that is none"),
        pytest.param({"impact": None}, "impact", id="half a runbook"),
    ],
)
def test_an_alert_that_is_not_whole_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: dict[str, Any], why: str
) -> None:
    for source in rules_module._SOURCES.glob("*.yaml"):
        content = yaml.safe_load(source.read_text())
        for each in content.get("alerts", []):
            if each["alert"] == "Forbidden":
                each.update(change)
        (tmp_path / source.name).write_text(yaml.safe_dump(content))
    monkeypatch.setattr(rules_module, "_SOURCES", tmp_path)
    with pytest.raises(ValueError, match=why):
        rules_module.groups.__wrapped__()


def test_every_threshold_is_used_and_every_name_is_a_threshold() -> None:
    assert frozenset().union(*(named(alert.expr) for alert in alerts())) == frozenset(thresholds())


def test_the_files_that_are_made_of_alerts_are_up_to_date() -> None:
    files = rule_files(REPOSITORY)

    assert stale_files(files) == []
    pages = {path for path in files if path.parent.name == "runbooks"}
    assert set((REPOSITORY / "docs" / "runbooks").glob("*")) == pages


def test_every_runbook_answers_the_four_questions() -> None:
    for alert in alerts():
        page = (REPOSITORY / "docs" / "runbooks" / f"{alert.name}.md").read_text()
        headings = re.findall(r"^## (\w+)$", page, re.MULTILINE)
        assert headings == ["Meaning", "Impact", "Diagnosis", "Mitigation"], alert.name


def test_every_alert_has_cases_in_both_directions() -> None:
    assert set(CASES) == {alert.name for alert in alerts()}
    assert [name for name, case in CASES.items() if not case.calms] == []


def test_no_alert_that_calls_somebody_fires_at_once_but_for_what_never_passes() -> None:
    at_once = {alert.alert for alert in alerts() if alert.severity == "critical"} - {
        alert.alert for alert in alerts() if seconds(alert.lasts)
    }
    assert at_once == {"LedgerWentBack", "ProofFound"}


def test_groups_are_of_one_thing_each() -> None:
    assert [group.group for group in groups()] == sorted(
        {group.group for group in groups()}, key=[g.group for g in groups()].index
    )


@needs_promtool
def test_promtool_reads_the_rules() -> None:
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", str(REPOSITORY / PLAIN_RULES))
    assert done.returncode == 0, done.stdout
    assert f"{len(RULES)} rules found" in done.stdout


@needs_promtool
def test_every_alert_fires_for_its_fault_and_is_quiet_for_a_blip(tmp_path: Path) -> None:
    done = run_unit_tests(tmp_path, plain_rules(), CASES.items())
    assert done.returncode == 0, done.stdout


@needs_promtool
def test_stores_that_failed_and_stores_that_wait_are_counted_together(tmp_path: Path) -> None:
    """Both replicas tell of the same stores: of each state once, and the states added up."""
    (expr,) = (rule["expr"] for rule in RULES if rule.get("alert") == "GloveboxStoreNotReady")
    series = {
        f'glovebox_objects{{kind="ObjectStore", pod="{pod}", status="{status}"}}': str(number)
        for pod in "ab"
        for status, number in (("Failed", 1), ("InProgress", 2), ("Current", 7))
    }
    asked = {"expr": expr, "eval_time": "0s", "exp_samples": [{"labels": "{}", "value": 3}]}
    test = {
        "interval": "1m",
        "input_series": [{"series": key, "values": value} for key, value in series.items()],
        "promql_expr_test": [asked],
    }
    path = tmp_path / "test.json"
    path.write_text(json.dumps({"rule_files": [], "tests": [test]}))
    done = promtool("test", "rules", str(path))
    assert done.returncode == 0, done.stdout


def _without_waiting(rule: dict[str, Any]) -> None:
    rule.pop("for", None)


def _never(rule: dict[str, Any]) -> None:
    rule["expr"] = f"({rule['expr']}) and on () absent(up offset 1d) > 2"


def _without_floor(rule: dict[str, Any]) -> None:
    rule["expr"] = rule["expr"].partition("and on")[0]


@needs_promtool
@pytest.mark.parametrize(
    ("spoil", "names"),
    [
        pytest.param(
            _without_waiting,
            [name for name, case in CASES.items() if "blip" in case.calms],
            id="a blip is not waited for",
        ),
        pytest.param(_never, list(CASES), id="never fires"),
        pytest.param(
            _without_floor,
            [
                f"Glovebox{name}"
                for name in (
                    "ReconcileErrors",
                    "ApiUnavailable",
                    "ApiErrorBudget",
                    "FailedSurge",
                    "RunsFailing",
                )
            ],
            id="no floor",
        ),
    ],
)
def test_a_rule_that_is_wrong_is_found_by_its_cases(
    tmp_path: Path, spoil: Callable[[dict[str, Any]], None], names: list[str]
) -> None:
    rules = plain_rules()
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        if "alert" in rule:
            spoil(rule)
    done = run_unit_tests(tmp_path, rules, [(name, CASES[name]) for name in names])
    failed = re.findall(r"Testing: +\S+/(\w+)\.json\s+FAILED", done.stdout)
    assert [name for name in names if name not in failed] == []
