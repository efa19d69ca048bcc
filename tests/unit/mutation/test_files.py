"""Which files of tests are run for a door."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutation import __main__ as program


@pytest.fixture(autouse=True)
def tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "_TESTS", tmp_path)
    for name in ("a/test_queues.py", "a/b/test_queue.py", "a/queues.py", "a/test_pods.py"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def test_all_of_a_folder_are_run_where_none_is_named(tmp_path: Path) -> None:
    assert program.files_of_tests(["a", "b"], "") == [f"{tmp_path}/a", f"{tmp_path}/b"]


def test_those_that_are_named_are_run_and_nothing_else(tmp_path: Path) -> None:
    assert program.files_of_tests(["a"], "queue|places") == [
        f"{tmp_path}/a/b/test_queue.py",
        f"{tmp_path}/a/test_queues.py",
    ]
