"""The command: exit codes and what a failure says."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from glovebox.cli.main import app
from glovebox_local.demo import run
from glovebox_local.errors import LocalError
from glovebox_local.paths import default_name
from glovebox_local.processes import INTERRUPTIONS


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in INTERRUPTIONS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_failure_names_the_step_the_cause_and_the_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise LocalError("Loading the data", "the store refused [it]", Path("seaweedfs.log"))

    monkeypatch.setattr(run, "run_demo", fail)
    result = CliRunner().invoke(app, ["demo", "--name", "mine"])
    assert result.exit_code == 1
    lines = result.output.strip().splitlines()
    assert lines == [
        "The demonstration failed.",
        "Loading the data failed: the store refused [it]",
        "The whole log: seaweedfs.log",
        f"All logs: {run.program()} local logs --name mine",
    ]


def test_the_options_reach_the_demonstration(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, object]] = []
    monkeypatch.setattr(run, "run_demo", lambda _, **options: told.append(options))
    assert CliRunner().invoke(app, ["demo"]).exit_code == 0
    assert CliRunner().invoke(app, ["demo", "--keep", "--name", "mine", "--no-node"]).exit_code == 0
    assert CliRunner().invoke(app, ["demo", "--driver", "kind"]).exit_code == 0
    assert CliRunner().invoke(app, ["demo", "--story", "data"]).exit_code == 0
    own = default_name("demo")
    assert own != "demo"
    assert told == [
        {"name": own, "keep": False, "node": None, "driver": "embedded", "story": None},
        {"name": "mine", "keep": True, "node": False, "driver": "embedded", "story": None},
        {"name": own, "keep": False, "node": None, "driver": "kind", "story": None},
        {"name": own, "keep": False, "node": None, "driver": "embedded", "story": "data"},
    ]


@pytest.mark.parametrize(
    "options",
    [
        ["data", "--node"],
        ["data", "--driver", "kind"],
        ["sight", "--node"],
        ["runs", "--no-node"],
        ["runs", "--driver", "kind"],
    ],
)
def test_a_story_says_itself_whether_it_has_a_node(options: list[str]) -> None:
    result = CliRunner().invoke(app, ["demo", "--story", *options])
    assert result.exit_code == 2
    said = " ".join(result.output.replace("│", "").split())
    assert f"--story {options[0]} comes" in said
    assert "leave --node, --no-node and --driver kind out" in said


def test_a_story_that_needs_a_node_is_not_told_without_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "node_obstacle", lambda: "not root")
    result = CliRunner().invoke(app, ["demo", "--story", "runs"])
    assert result.exit_code == 1
    assert "Starting a node failed: not root" in result.output


def test_a_cluster_in_containers_cannot_be_asked_for_without_its_node() -> None:
    result = CliRunner().invoke(app, ["demo", "--driver", "kind", "--no-node"])
    assert result.exit_code == 2
    assert "go with --driver embedded" in result.output
