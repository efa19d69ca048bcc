"""Running kubectl and helm: what they are given, and how their answers come back."""

from __future__ import annotations

from pathlib import Path

import pytest

from glovebox_local.demo.tools import Person, Tools
from glovebox_local.errors import LocalError


def _tools(folder: Path, script: str) -> Tools:
    program = folder / "kubectl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return Tools(program, program, folder / "kubeconfig", folder / "home")


def test_a_person_asks_by_impersonation(tmp_path: Path) -> None:
    answer = _tools(tmp_path, 'echo "$@"').try_kubectl(
        "get", "pods", person=Person("dana", ("a", "b"))
    )
    assert answer.out == "get pods --as=dana --as-group=a --as-group=b"
    assert answer.command == f"kubectl {answer.out}"


def test_nothing_of_the_persons_own_settings_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "production")
    answer = _tools(tmp_path, 'echo "$KUBECONFIG $HOME $KUBERC"').try_kubectl()
    assert answer.out == f"{tmp_path}/kubeconfig {tmp_path}/home off"


def test_a_failure_tells_the_command_and_its_words(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"`kubectl get x` failed: it says:\nout\nerr"):
        _tools(tmp_path, "echo out; echo err >&2; exit 1").kubectl("get", "x")


def test_what_hangs_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="no end after 0 s"):
        _tools(tmp_path, "exec sleep 60").try_kubectl(timeout=0.1)
