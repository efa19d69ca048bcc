"""Building programs into the cache, with a real Go: once for all, whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from glovebox_local import programs
from glovebox_local.errors import LocalError
from glovebox_local.programs import Program, ensure_program
from glovebox_local.toolchain import find_toolchain
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

TINY = Program(
    name="tiny",
    package=".",
    variables=(("main.word", "stamped"),),
    links=("kubectl",),
    title="a tiny program",
)
SOURCE = (
    'package main\n\nimport "os"\n\nvar word = "unset"\n\nfunc main() { os.Stdout.WriteString(word'
    ' + " " + os.Args[0] + "\\n") }\n'
)
MARK = "GLOVEBOX_BUILD_TEST"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(programs, "_MODULES", tmp_path / "modules")
    monkeypatch.setenv("GLOVEBOX_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "modules" / "tiny"
    folder.mkdir(parents=True)
    (folder / "go.mod").write_text("module glovebox.dev/tiny\n\ngo 1.26.0\n")
    (folder / "main.go").write_text(SOURCE)
    return folder


def test_a_program_is_built_stamped_and_linked_for_people(module: Path, tmp_path: Path) -> None:
    del module
    folder = ensure_program(TINY)
    assert sorted(path.name for path in folder.iterdir()) == ["kubectl", "tiny"]
    link = tmp_path / "cache" / "bin" / "kubectl"
    assert (
        subprocess.run([link], capture_output=True, text=True, check=True).stdout
        == f"stamped {link}\n"
    )


def test_what_a_killed_build_left_goes_with_the_next(module: Path, tmp_path: Path) -> None:
    del module
    left = tmp_path / "cache" / "programs" / ".tiny-0123456789abcdef.77"
    left.mkdir(parents=True)
    (left / "tiny").touch()
    folder = ensure_program(TINY)
    assert {path.name for path in folder.parent.iterdir()} == {".tiny.lock", folder.name}


def test_builders_that_start_at_once_build_once(
    module: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del module
    built: list[str] = []
    real = programs._build

    def counting(program: Program, *rest: object) -> None:
        built.append(program.name)
        real(program, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(programs, "_build", counting)
    folders: set[Path] = set()
    threads = [threading.Thread(target=lambda: folders.add(ensure_program(TINY))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=100)
    assert built == ["tiny"]
    assert len(folders) == 1


def test_a_program_that_does_not_compile_leaves_its_log_and_nothing_else(
    module: Path, tmp_path: Path
) -> None:
    (module / "main.go").write_text("package main\n\nfunc main() { nonsense() }\n")
    with pytest.raises(LocalError) as failed:
        ensure_program(TINY)
    assert "undefined: nonsense" in str(failed.value)
    assert failed.value.log is not None
    assert "undefined: nonsense" in failed.value.log.read_text()
    assert [path.name for path in (tmp_path / "cache" / "programs").iterdir()] == [".tiny.lock"]


@pytest.fixture
def cold(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Variables for a build that finds nothing compiled, and can be interrupted in the middle."""
    # The Go that the session uses: another cache would have to fetch it first, on a machine
    # without.
    path = f"{find_toolchain('1.26').command.parent}:{os.environ['PATH']}"
    own = {
        "PATH": path,
        "GLOVEBOX_CACHE": str(tmp_path / "cache"),
        "GOCACHE": str(tmp_path / "compiled"),
        MARK: str(tmp_path),
    }
    yield {**os.environ, **own}
    assert _with_mark(tmp_path) == []


def _with_mark(mark: Path) -> list[str]:
    """Return the programs whose environment carries that mark."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "comm").read_text().strip())
        except OSError:
            continue
    return found


def test_an_interrupted_build_leaves_no_compiler_running_and_nothing_half_built(
    cold: dict[str, str], tmp_path: Path
) -> None:
    command = [str(Path(sys.executable).with_name("glovebox")), "local", "build"]
    with subprocess.Popen(
        command, env=cold, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as build:
        eventually(lambda: "compile" in _with_mark(tmp_path), what="the compiler runs", timeout=60)
        build.send_signal(signal.SIGTERM)
        assert build.wait(timeout=30) == 128 + signal.SIGTERM
    eventually(lambda: not _with_mark(tmp_path), what="the compilers have ended", timeout=5)
    assert [path.name for path in (tmp_path / "cache" / "programs").iterdir()] == [".etcd.lock"]
