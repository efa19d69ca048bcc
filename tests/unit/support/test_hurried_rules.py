"""Rules in a hurry: their durations are shorter, and nothing else is other than the product's."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from glovebox.metrics.rules import plain_rules
from support.hurried_rules import LEAST_RANGE, LEAST_WAIT, hurried
from support.promtool import needs_promtool, promtool


def rule(expr: str, lasts: str = "") -> dict[str, str]:
    return {"alert": "A", "expr": expr} | ({"for": lasts} if lasts else {})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(rule("a > 0", "2d"), rule("a > 0", "60s"), id="a wait of days"),
        pytest.param(rule("a > 0", "5m"), rule("a > 0", f"{LEAST_WAIT}s"), id="the least wait"),
        pytest.param(
            rule("rate(a[2d]) > 0"), rule("rate(a[60s]) > 0"), id="a range, which is cut likewise"
        ),
        pytest.param(
            rule("a offset 6h - b[30m:1m]"),
            rule(f"a offset {LEAST_RANGE}s - b[{LEAST_RANGE}s:1m]"),
            id="two that are the least",
        ),
        pytest.param(rule("rate(a[10s])", "1s"), rule("rate(a[10s])", "1s"), id="short as it is"),
        pytest.param(
            rule('a{rate_5m="1h"} > 3600'), rule('a{rate_5m="1h"} > 3600'), id="no duration at all"
        ),
    ],
)
def test_waits_ranges_and_offsets_are_cut(before: dict[str, str], after: dict[str, str]) -> None:
    groups = {"groups": [{"name": "g", "rules": [before]}]}
    assert hurried(groups) == {"groups": [{"name": "g", "rules": [after]}]}


def test_of_the_rules_of_the_product_nothing_but_durations_is_another() -> None:
    def bare(rules: dict[str, Any]) -> str:
        return re.sub(r"\b\d+[smhd]\b", "T", json.dumps(rules))

    product = plain_rules()
    assert bare(hurried(product)) == bare(product)
    assert hurried(product) != product


@needs_promtool
def test_prometheus_takes_them(tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    path.write_text(json.dumps(hurried(plain_rules())))
    done = promtool("check", "rules", str(path))
    assert done.returncode == 0, done.stdout
