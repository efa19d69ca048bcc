"""What runbooks tell people to type and to look at is there: commands, Events, logs, fields."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from glovebox import names
from glovebox.api import conditions, reasons
from glovebox.api.reasons import MEANINGS
from glovebox.cli.main import app
from glovebox.metrics.labels import REASONS
from glovebox.metrics.rules import Alert, alerts
from support.examples import REPOSITORY

ALERTS = [pytest.param(alert, id=alert.alert) for alert in alerts()]
OPERATOR = REPOSITORY / "operator" / "glovebox"
EVENTS = set(
    re.findall(
        r"^\| \[(\w+)\]", (REPOSITORY / "docs/reference/events.md").read_text(), re.MULTILINE
    )
)
# Phases of a reconcile are in each of its lines.
PHASES = {"credentials"}


def lines(alert: Alert) -> list[str]:
    """Return the commands of a runbook, each on one line."""
    return re.sub(r"\\\n\s*", " ", alert.diagnosis).splitlines()


def messages() -> Iterator[str]:
    """Yield what the operator logs."""
    for path in OPERATOR.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "log"
            ):
                yield from (
                    str(part.value)
                    for argument in node.args
                    for part in ast.walk(argument)
                    if isinstance(part, ast.Constant)
                )


def fields(schema: Any) -> set[str]:
    """Return the paths of a schema, with dots."""
    found: set[str] = set()
    for name, inner in (schema.get("properties") or {}).items():
        found |= {name} | {f"{name}.{path}" for path in fields(inner)}
    return found | (fields(schema["items"]) if isinstance(schema.get("items"), dict) else set())


def declared() -> set[str]:
    return {
        path
        for file in (REPOSITORY / "crds").glob("*.yaml")
        for version in yaml.safe_load(file.read_text())["spec"]["versions"]
        for path in fields(version["schema"]["openAPIV3Schema"])
    }


@pytest.mark.parametrize("alert", ALERTS)
def test_our_own_commands_are_taken_as_they_are_written(alert: Alert, tmp_path: Path) -> None:
    policy = tmp_path / "policy"
    policy.write_text("")
    for line in (each for each in lines(alert) if each.startswith("glovebox ")):
        words = [str(policy) if word == "FILE" else word for word in shlex.split(line)[1:]]
        command: Any = typer.main.get_command(app)
        context = command.make_context("glovebox", list(words))
        while hasattr(command, "resolve_command"):
            name, command, words = command.resolve_command(context, words)
            context = command.make_context(name, list(words), parent=context)
        assert context.params, line


@pytest.mark.parametrize("alert", ALERTS)
def test_events_are_asked_for_by_what_they_have(alert: Alert) -> None:
    for line in lines(alert):
        for field, value in re.findall(r"--field-selector (\w+)=(\S+)", line):
            known = {"reason": EVENTS, "reportingComponent": {names.GROUP}}[field]
            assert value in known, line


def test_logs_are_searched_for_what_is_logged() -> None:
    logged = "\n".join({*messages(), *PHASES, *REASONS})
    searched = {
        (alert.alert, pattern.strip("'\""))
        for alert in alerts()
        for line in lines(alert)
        for pattern in re.findall(r" logs .*\| grep (?:-i )?(?:-E )?('[^']+'|\"[^\"]+\"|\S+)", line)
    }
    assert len(searched) > 10
    assert [each for each in searched if not re.search(each[1], logged, re.IGNORECASE)] == []


@pytest.mark.parametrize("alert", ALERTS)
def test_fields_and_words_are_those_of_the_api(alert: Alert) -> None:
    told = f"{alert.summary} {alert.description} {alert.impact} {alert.mitigation}"
    words = re.findall(r"`([^`]+)`", told)
    known = set(MEANINGS) | {value for value in vars(conditions).values() if type(value) is str}
    known |= {value for value in vars(reasons).values() if type(value) is str}
    for word in words:
        if re.fullmatch(r"[A-Z][A-Za-z]+", word):
            assert word in known, word
        path = word.partition(":")[0]
        if re.match(r"(spec|status)\.", path):
            assert path in declared(), word


@pytest.mark.parametrize("alert", ALERTS)
def test_columns_are_of_fields_that_there_are(alert: Alert) -> None:
    for line in lines(alert):
        for path in re.findall(r"[A-Z]:((?:spec|status)[^,']+)", line):
            assert path.replace("[*]", "") in declared(), line
