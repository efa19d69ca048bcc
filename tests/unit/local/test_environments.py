"""Environments of this user.

Each clone has its own, and what is only half there is said in a sentence.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from glovebox.cli.main import app
from glovebox_local import paths
from glovebox_local.demo import run
from glovebox_local.environment import Description, Environment
from glovebox_local.operator_process import operator_part
from glovebox_local.paths import StateDir, default_name
from glovebox_local.processes import ProcessRecord
from glovebox_local.status import look_at
from support.waiting import eventually


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without any environment."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("GLOVEBOX_LOCAL", raising=False)
    return tmp_path


@pytest.fixture
def half_made() -> StateDir:
    """An environment whose making was interrupted: described, with nothing behind it."""
    state = StateDir.named(default_name("local"))
    state.create()
    Description.new("embedded").write(state)
    return state


def test_two_clones_have_environments_of_their_own(tmp_path: Path) -> None:
    names = {default_name(base, tmp_path / clone) for base in ("demo", "local") for clone in "ab"}
    assert len(names) == 4
    assert len({StateDir.named(name).root for name in names}) == 4
    assert default_name("demo", tmp_path / "a") == default_name("demo", tmp_path / "a")


def test_installed_without_a_clone_there_is_one_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(paths, "checkout", lambda: None)
    assert default_name("local") == "local"


@pytest.mark.parametrize(
    "command", [["env"], ["kubectl", "version"], ["kubeconfig", "--user", "a"]]
)
def test_a_half_made_environment_is_said_in_one_sentence(
    half_made: StateDir, command: list[str]
) -> None:
    done = CliRunner().invoke(app, ["local", *command])
    name = half_made.root.name
    assert done.exit_code == 1
    assert "Traceback" not in done.output
    assert done.output.strip() == (
        f"Looking at the environment {name} failed: it is only half made: `glovebox local up"
        f" --name {name}` finishes it, `glovebox local down --name {name}` removes it"
    )


def test_a_half_made_environment_can_be_looked_at_and_removed(half_made: StateDir) -> None:
    shown = CliRunner().invoke(app, ["local", "status", "--json"])
    assert shown.exit_code == 1
    assert {part["state"] for part in json.loads(shown.output)["parts"]} == {"ended"}
    assert CliRunner().invoke(app, ["local", "down"]).exit_code == 0
    assert not half_made.root.exists()


@pytest.fixture
def operator(half_made: StateDir) -> Iterator[ProcessRecord]:
    """A process that was recorded as the operator, and answers nothing."""
    part = operator_part(
        kubeconfig=half_made.kubeconfig,
        logs=half_made.logs,
        run=half_made.run,
        port=9,
        tied=False,
    )
    child = subprocess.Popen(["sleep", "60"], env={**part.spec.environment})
    # The kernel tells of the new program a moment before its environment can be read.
    eventually(
        lambda: Path(f"/proc/{child.pid}/environ").read_bytes() or None, what="it can be read"
    )
    record = ProcessRecord.of(child.pid)
    assert record
    record.write(part.record_file)
    yield record
    child.kill()
    child.wait()


def test_status_includes_the_operator(half_made: StateDir, operator: ProcessRecord) -> None:
    found = look_at(Environment(half_made, Description.new("embedded")))
    (shown,) = (part for part in found.parts if part.name == "operator")
    assert (shown.pid, shown.ports, shown.healthy) == (operator.pid, (9,), False)
    assert "does not answer yet" in shown.state


def test_status_says_that_the_operator_has_ended(
    half_made: StateDir, operator: ProcessRecord
) -> None:
    ProcessRecord(operator.pid, operator.start_ticks + 1, operator.boot_id).write(
        half_made.run / "operator.json"
    )
    found = look_at(Environment(half_made, Description.new("embedded")))
    assert [part.state for part in found.parts if part.name == "operator"] == ["ended"]
    assert not found.healthy


def test_the_last_lines_of_a_kept_demonstration_name_its_environment() -> None:
    words = run._farewell("mine", "gbx-x", ())
    assert "local env --name mine" in words
    assert words.rstrip().endswith("local down --name mine")


@pytest.mark.parametrize("command", [["status"], ["env"], ["down"], ["kubectl", "version"]])
def test_who_names_none_is_told_which_there_are_and_how_to_choose(command: list[str]) -> None:
    for name in ("demo-abc", "other"):
        state = StateDir.named(name)
        state.create()
        Description.new("embedded").write(state)
    said = " ".join(CliRunner().invoke(app, ["local", *command]).output.split())

    assert "; there are: demo-abc, other (choose one with `--name demo-abc`" in said
    assert all(StateDir.named(name).description.exists() for name in ("demo-abc", "other"))


def test_many_are_cut_and_one_that_is_down_is_none(home: Path) -> None:
    for number in range(12):
        state = StateDir.named(f"demo-{number:02}")
        state.create()
        Description.new("embedded").write(state)
    (home / "glovebox" / "gone" / "logs").mkdir(parents=True)
    said = " ".join(CliRunner().invoke(app, ["local", "status"]).output.split())

    assert "demo-09 and 2 more" in said
    assert "gone" not in said


def test_where_there_is_none_nothing_is_listed() -> None:
    said = CliRunner().invoke(app, ["local", "status"]).output

    assert "there is none called" in said
    assert "there are" not in said
