"""The cache of built programs: the same key is the same program."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from glovebox_local import programs, toolchain
from glovebox_local.programs import ETCD, HELM, KUBERNETES, Program, program_key
from glovebox_local.toolchain import find_toolchain, parse_version

GO = "go1.26.6"


@pytest.fixture
def module(tmp_path: Path) -> Path:
    folder = tmp_path / "etcd"
    shutil.copytree(Path(programs.__file__).with_name("programs") / "etcd", folder)
    return folder


def test_the_key_depends_on_the_content_and_not_on_the_place(module: Path) -> None:
    assert program_key(ETCD, go_version=GO, module=module) == program_key(ETCD, go_version=GO)


@pytest.mark.parametrize("file", ["go.mod", "go.sum", "main.go"])
def test_a_changed_file_is_another_program(module: Path, file: str) -> None:
    before = program_key(ETCD, go_version=GO, module=module)
    (module / file).write_text((module / file).read_text() + "\n")
    assert program_key(ETCD, go_version=GO, module=module) != before


def test_an_added_source_file_is_another_program_and_any_other_file_is_not(module: Path) -> None:
    before = program_key(ETCD, go_version=GO, module=module)
    (module / "notes.txt").write_text("nothing that Go reads")
    assert program_key(ETCD, go_version=GO, module=module) == before
    (module / "more.go").write_text("package main\n")
    assert program_key(ETCD, go_version=GO, module=module) != before


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"variables": (("a.b", "c"),)}, "link-time variables are stamped into the program"),
        ({"package": "./other"}, "another package is another program"),
        ({"links": ("etcdctl",)}, "the links are part of what the cache holds"),
    ],
)
def test_changed_flags_are_another_program(change: dict[str, object], reason: str) -> None:
    changed: Program = dataclasses.replace(ETCD, **change)  # type: ignore[arg-type]
    assert program_key(changed, go_version=GO) != program_key(ETCD, go_version=GO), reason


def test_another_go_is_another_program() -> None:
    assert program_key(ETCD, go_version="go1.27.0") != program_key(ETCD, go_version=GO)


@pytest.mark.parametrize("program", [KUBERNETES, ETCD, HELM], ids=lambda program: program.name)
def test_builds_never_change_the_pinned_versions(program: Program) -> None:
    assert "-mod=readonly" in program.flags
    assert "-trimpath" in program.flags


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go1.26.8", (1, 26, 8)),
        ("1.26.0", (1, 26, 0)),
        ("go1.26", (1, 26, 0)),
        ("go1.27rc1", (1, 27, 0)),
        ("devel +abc", (0, 0, 0)),
    ],
)
def test_versions_of_go_are_read(text: str, version: tuple[int, int, int]) -> None:
    assert parse_version(text) == version


def _fake_go(folder: Path, version: str) -> None:
    program = folder / "go"
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(0o755)


@pytest.mark.parametrize(
    ("version", "packaged", "reason"),
    [
        ("go1.26.0", False, "just new enough"),
        ("go1.27.1", False, "newer"),
        ("go1.25.9", True, "too old"),
        (None, True, "no Go at all"),
    ],
)
def test_the_machines_go_is_used_only_when_it_is_new_enough(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    version: str | None,
    packaged: bool,  # noqa: FBT001 - a column of the table
    reason: str,
) -> None:
    if version:
        _fake_go(tmp_path, version)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("GLOVEBOX_CACHE", str(tmp_path / "cache"))
    find_toolchain.cache_clear()
    try:
        found = find_toolchain("1.26.0")
    finally:
        find_toolchain.cache_clear()
    assert found.packaged is packaged, reason
    assert found.version == (f"go{toolchain.PACKAGED_GO}" if packaged else version)
    assert not (tmp_path / "cache").exists(), "looking must not fetch"


ONE = Program(name="one", package=".", seconds=100)
TWO = Program(name="two", package=".", seconds=300)


@pytest.mark.parametrize(
    ("done", "spent", "later", "left", "reason"),
    [
        (0.0, 0.0, (), 100, "nothing is known yet: what it cost elsewhere"),
        (0.05, 50.0, (TWO,), 395, "too early to tell how fast the machine is"),
        (0.5, 50.0, (), 50, "as fast as where it was measured"),
        (0.5, 50.0, (TWO,), 350, "what comes later counts"),
        (0.5, 100.0, (TWO,), 700, "half as fast, and so will be what comes later"),
        (0.5, 1.0, (TWO,), 35, "a cache had it: no less than a tenth is promised"),
        (1.0, 100.0, (), 0, "done"),
    ],
)
def test_what_is_left_follows_from_how_fast_it_goes(
    done: float, spent: float, later: tuple[Program, ...], left: float, reason: str
) -> None:
    assert programs.compute_left(ONE, later, done=done, spent=spent) == pytest.approx(left), reason


def test_a_build_says_how_much_of_all_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    now = iter([0.0, 60.0])
    monkeypatch.setattr("glovebox_local.programs.time.monotonic", lambda: next(now))
    programs._Counter(ONE, (TWO,), told.append).count(50, 100)
    assert told == ["50 of at most 100 packages compiled, about 7 min left with two"]
