"""Prometheus' own programs, and tests of alerts as promtool reads them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

Series = Mapping[str, str]
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="this machine has no promtool: `glovebox local packages` brings it",
)


def seconds(text: str) -> int:
    """Return a duration of a rule in seconds; an empty one is none."""
    found = re.fullmatch(r"(\d+)([smhd])", text)
    return int(found[1]) * _UNITS[found[2]] if found else 0


def promtool(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the real promtool."""
    return subprocess.run(
        ["promtool", *arguments],
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # what failed is named there, and of which file here
        text=True,
        check=False,
        timeout=60,
    )


@dataclass(frozen=True, slots=True)
class Fault:
    """Series, and when an alert is to fire.

    Attributes:
        series: Samples by series, one each `step` seconds, as promtool writes them.
        at: When it fires.
        labels: What the alert says of it, as a selector has it.
        resolved: When it fires no more, of a fault that passes.
    """

    series: Series
    at: int
    labels: str = ""
    resolved: int | None = None


@dataclass(frozen=True, slots=True)
class Calm:
    """Series for which an alert does not fire.

    Attributes:
        series: As of `Fault`.
        pending: When it has noticed, and waits whether it lasts; None where it is quite silent.
    """

    series: Series
    pending: int | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """Both directions of one alert."""

    fault: Fault
    calms: Mapping[str, Calm] = field(default_factory=dict)
    step: int = 60


def unit_tests(name: str, case: Case) -> list[dict[str, Any]]:
    """Return the tests of one alert as promtool reads them."""

    def counted(state: str, labels: str = "") -> str:
        more = f", {labels}" if labels else ""
        return f'count(ALERTS{{alertname="{name}", alertstate="{state}"{more}}}) > bool 0'

    def test(series: Series, *asked: dict[str, Any]) -> dict[str, Any]:
        return {
            "interval": f"{case.step}s",
            "input_series": [{"series": key, "values": value} for key, value in series.items()],
            "promql_expr_test": list(asked),
        }

    def ask(expr: str, at: int, *, yes: bool) -> dict[str, Any]:
        samples = [{"labels": "{}", "value": 1}] if yes else []
        return {"expr": expr, "eval_time": f"{at}s", "exp_samples": samples}

    asked = [ask(counted("firing", case.fault.labels), case.fault.at, yes=True)]
    if case.fault.resolved is not None:
        asked.append(ask(counted("firing"), case.fault.resolved, yes=False))
    tests = [test(case.fault.series, *asked)]
    for calm in case.calms.values():
        last = max(_length(values) for values in calm.series.values()) * case.step
        quiet = [
            ask(counted("firing"), at, yes=False)
            for at in range(case.step, last, max(case.step, last // case.step // 12 * case.step))
        ]
        waits = [] if calm.pending is None else [ask(counted("pending"), calm.pending, yes=True)]
        tests.append(test(calm.series, *quiet, *waits))
    return tests


def _length(values: str) -> int:
    """Return how many samples a notation stands for."""
    return sum(int(part.rpartition("x")[2]) + 1 if "x" in part else 1 for part in values.split())


def run_unit_tests(
    folder: Path, rules: Mapping[str, Any], cases: Iterable[tuple[str, Case]]
) -> subprocess.CompletedProcess[str]:
    """Let promtool test all cases in one call.

    Each alert with the recording rules of its group alone: otherwise all rules are evaluated for
    the series of each, which takes minutes.
    """
    paths = []
    for name, case in cases:
        own = folder / f"{name}.rules.json"
        own.write_text(json.dumps({"groups": [_alone(rules, name)]}))
        content = {
            "rule_files": [str(own)],
            "evaluation_interval": f"{case.step}s",
            "tests": unit_tests(name, case),
        }
        path = folder / f"{name}.json"
        path.write_text(json.dumps(content))
        paths.append(str(path))
    return promtool("test", "rules", *paths)


def _alone(rules: Mapping[str, Any], name: str) -> dict[str, Any]:
    for group in rules["groups"]:
        if any(rule.get("alert") == name for rule in group["rules"]):
            kept = [rule for rule in group["rules"] if rule.get("alert", name) == name]
            return {"name": group["name"], "rules": kept}
    raise KeyError(name)
