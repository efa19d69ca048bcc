"""The page of alerts that were made to fire: each alert is on it once, and its test exists."""

from __future__ import annotations

import ast
import re

from glovebox.metrics.rules import PREFIX, alerts
from support.examples import REPOSITORY

PAGE = REPOSITORY / "docs" / "reference" / "alerts-tried.md"
TESTS = REPOSITORY / "tests" / "cluster" / "operator"


def tables() -> list[list[str]]:
    """Return the names of each table."""
    parts = PAGE.read_text().split("\n## ")[1:]
    return [re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE) for part in parts]


def fired() -> set[str]:
    """Return the alerts that tests make fire: those they wait for, and those they list."""
    found: set[str] = set()
    for path in TESTS.glob("test_alerts*.py"):
        text = path.read_text()
        found |= set(re.findall(rf'expect_firing\("{PREFIX}(\w+)"', text))
        for node in ast.parse(text).body:
            if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "FIRED":
                assert node.value is not None
                found |= set(ast.literal_eval(node.value))
    return found


def test_each_alert_is_on_the_page_once() -> None:
    named = [name for table in tables() for name in table]
    assert sorted(named) == sorted(alert.alert for alert in alerts())


def test_those_that_fired_are_those_that_a_test_makes_fire() -> None:
    tried, _ = tables()
    assert set(tried) == fired()
