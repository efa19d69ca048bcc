"""`glovebox lineage`: its exit codes, its sources, and that nothing it prints acts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from glovebox.api import reasons
from glovebox.cli import lineage_sources
from glovebox.cli.main import app
from glovebox.errors import Unavailable
from glovebox.lineage.events import events_of
from support.lineage import CONTENT, UID, experiment, over

OBJECT = experiment(run=over(), seal=True)
EVENTS = [event.body for event in events_of(OBJECT, "glovebox")]


def ask(
    monkeypatch: pytest.MonkeyPatch, *arguments: str, objects: Any = (), events: Any = ()
) -> Result:
    def cluster() -> tuple[list[Any], list[Any]]:
        if objects is None:
            raise Unavailable(reasons.API_UNAVAILABLE, "could not \x1b[31mask")
        return list(objects), []

    monkeypatch.setattr(lineage_sources, "read_cluster", cluster)
    monkeypatch.setattr(lineage_sources, "read_events", lambda _: list(events))
    return CliRunner().invoke(app, ["lineage", *arguments])


def test_the_cluster_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    told = ask(monkeypatch, CONTENT, objects=[OBJECT])
    assert told.exit_code == 0
    assert "used as train by Experiment team-a/churn, Succeeded, sealed" in told.stdout


def test_the_store_answers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    told = ask(
        monkeypatch, UID, "--bucket", "b", "--offline", "-o", "json", objects=None, events=EVENTS
    )
    assert told.exit_code == 0
    (said,) = json.loads(told.stdout)
    assert said["experiment"] == "team-a/churn"


def test_both_know_what_one_of_them_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    told = ask(monkeypatch, CONTENT, "--bucket", "b", "-o", "dot", events=EVENTS)
    assert told.exit_code == 0
    assert told.stdout.startswith("digraph")


def test_a_picture_goes_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    told = ask(monkeypatch, CONTENT, "-o", "svg", objects=[OBJECT])
    assert told.exit_code == 0
    assert told.stdout.startswith("<svg ")
    assert "Experiment team-a/churn" in told.stdout


def test_what_nobody_knows_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    told = ask(monkeypatch, "nob\x1body")
    assert told.exit_code == 1
    assert "nobody knows nob\\x1body" in told.stderr


def test_what_could_not_be_asked_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    told = ask(monkeypatch, "x", objects=None)
    assert told.exit_code == 2
    assert "\x1b[31mask" not in told.stderr


def test_offline_needs_a_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(monkeypatch, "x", "--offline").exit_code == 2
