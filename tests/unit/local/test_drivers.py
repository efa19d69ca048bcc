"""The driver `kind`: which commands it gives. No container engine is needed: a program of that name notes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from glovebox.local.drivers import Kind
from glovebox.local.errors import LocalError
from glovebox.local.paths import StateDir
from glovebox.local.progress import Silent

NOTES = """#!/bin/sh
echo "$*" >> "$NOTED"
case "$1 $2" in
  "get clusters") cat "$CLUSTERS" ;;
  "create cluster") echo "$4" >> "$CLUSTERS"; : > "$8" ;;
  "export kubeconfig") : > "$6" ;;
  "delete cluster") echo "no engine" >&2; exit 1 ;;
esac
"""


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    program = tmp_path / "kind"
    program.write_text(NOTES)
    program.chmod(0o755)
    (tmp_path / "clusters").touch()
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("NOTED", str(tmp_path / "noted"))
    monkeypatch.setenv("CLUSTERS", str(tmp_path / "clusters"))
    return tmp_path / "noted"


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    state = StateDir(tmp_path / "mine")
    state.create()
    return state


def test_a_cluster_is_created_once_and_its_kubeconfig_is_the_environments(noted: Path, state: StateDir) -> None:
    for _ in range(2):
        Kind(state).up(Silent())
    assert noted.read_text().splitlines() == [
        "get clusters",
        f"create cluster --name glovebox-mine --wait 180s --kubeconfig {state.kubeconfig}",
        "get clusters",
        f"export kubeconfig --name glovebox-mine --kubeconfig {state.kubeconfig}",
    ]
    assert state.kubeconfig.stat().st_mode & 0o777 == 0o600


def test_what_kind_says_of_its_failure_is_passed_on(noted: Path, state: StateDir) -> None:
    with pytest.raises(LocalError, match=r"(?s)`kind delete cluster .*no engine"):
        Kind(state).down()
    assert noted.read_text() == "delete cluster --name glovebox-mine\n"


def test_without_kind_the_cure_is_told(monkeypatch: pytest.MonkeyPatch, state: StateDir) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(LocalError, match="use --driver embedded"):
        Kind(state).up(Silent())
