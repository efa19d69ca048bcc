"""What has passed with the same files is not run again, and nothing else is left out."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree without git, with the program and a file that is looked at."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "once", tmp_path / ".ci" / "once")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a.py").write_text("1")
    return tmp_path


def once(tree: Path, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run it with a cache of the test's own, where git finds no repository."""
    own = {"GLOVEBOX_CACHE": str(tree / "cache"), "GIT_CEILING_DIRECTORIES": str(tree.parent)}
    return subprocess.run(
        [tree / ".ci" / "once", "slow", "code", "--", "sh", "-c", command],
        env={**os.environ, **own, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_passed_is_not_run_again(tree: Path) -> None:
    assert once(tree, "echo ran").stdout == "ran\n"
    assert "passed on" in once(tree, "echo ran").stdout


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda code: (code / "a.py").write_text("2"), id="edited"),
        pytest.param(lambda code: (code / "b.py").write_text("1"), id="added"),
        pytest.param(lambda code: (code / "a.py").unlink(), id="removed"),
        pytest.param(lambda code: (code / "a.py").rename(code / "b.py"), id="renamed"),
    ],
)
def test_a_changed_file_makes_it_run(tree: Path, change: object) -> None:
    once(tree, "true")
    assert callable(change)
    change(tree / "code")
    assert once(tree, "echo ran").stdout == "ran\n"


def test_what_failed_is_run_again(tree: Path) -> None:
    assert once(tree, "exit 3").returncode == 3
    assert once(tree, "echo ran").stdout == "ran\n"


def test_it_is_run_again_when_that_is_asked_for(tree: Path) -> None:
    once(tree, "true")
    assert once(tree, "echo ran", ALWAYS="1").stdout == "ran\n"
