"""Where things are kept, and for whose eyes."""

from __future__ import annotations

from pathlib import Path

import pytest

from glovebox_local.errors import LocalError
from glovebox_local.paths import StateDir, cache_dir, state_root, write_private


@pytest.mark.parametrize("name", ["local", "a", "team-1", "a" * 32])
def test_names_that_fit_a_path_and_a_cluster(name: str) -> None:
    assert StateDir.named(name).root.name == name


@pytest.mark.parametrize("name", ["", "..", "a/b", "-a", "a-", "A", "a" * 33, "a.b", "a\n"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(LocalError, match="not a valid name"):
        StateDir.named(name)


def test_the_environment_decides_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GLOVEBOX_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert cache_dir() == tmp_path / "cache" / "glovebox"
    assert state_root() == tmp_path / "state" / "glovebox"
    monkeypatch.setenv("GLOVEBOX_CACHE", str(tmp_path / "own"))
    assert cache_dir() == tmp_path / "own"


def test_a_relative_path_of_the_environment_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "here")
    assert state_root() == Path.home() / ".local" / "state" / "glovebox"


def test_private_files_are_closed_from_the_first_byte_and_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "secret"
    write_private(file, "one")
    write_private(file, b"two")
    assert file.read_bytes() == b"two"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["secret"]


def test_the_state_directory_is_closed_to_others(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")
    state.create()
    assert {folder.stat().st_mode & 0o777 for folder in (state.root, *state.root.iterdir())} == {
        0o700
    }
