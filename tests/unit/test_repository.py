"""What holds for the repository as a whole, and would be forgotten one file at a time."""

from __future__ import annotations

import operator
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

from glovebox.api import reasons

ROOT = Path(__file__).parents[2]
# Built or downloaded, never committed.
_NOT_OURS = re.compile(
    r"\.git|\.venv|\.glovebox|\.hypothesis|\..*_cache|__pycache__|.*\.egg-info|dist|build"
)
_LINK = re.compile(r"\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
_CODE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_INLINE_CODE = re.compile(r"`[^`\n]*`")
_MAKE = re.compile(r"(?:^|`|\$ |&& )make ([a-z][a-z-]*)", re.MULTILINE)
_MAKE_IN_CODE = re.compile(r"`[^`\n]*`|^ {0,3}\$ .*$|^```.*?^```", re.MULTILINE | re.DOTALL)
# Written in two parts each, so that this file does not name them.
_NAMES_OF_MACHINES = tuple(
    re.compile(pattern)
    for pattern in (
        r"/home/" + r"[a-z]\w*",
        r"/Use" + r"rs/[A-Za-z]\w*",
        r"/ro" + r"ot/",
        r"/wo" + r"rk/",
        r"\bpypi\." + r"(org|python)",
        r"files\.python" + r"hosted\.org",
        r"proxy\." + r"golang\.org",
        r"(UV|PIP)_(DEFAULT_|EXTRA_)?INDEX" + r"(_URL)?=",
    )
)


@cache
def committed_files() -> tuple[Path, ...]:
    """Every text file that git knows or would take; without git, every file that is not built."""
    found = _known_to_git()
    if found is None:
        found = (
            path
            for path in ROOT.rglob("*")
            if not any(_NOT_OURS.fullmatch(part) for part in path.relative_to(ROOT).parts)
        )
    return tuple(sorted(path for path in found if path.is_file() and not path.is_symlink()))


def _known_to_git() -> Iterable[Path] | None:
    if not shutil.which("git"):
        return None
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    return (
        [ROOT / name for name in listed.stdout.decode().split("\0") if name]
        if listed.returncode == 0
        else None
    )


def _texts(*suffixes: str) -> list[Path]:
    return [path for path in committed_files() if not suffixes or path.suffix in suffixes]


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_standard_librarys_operator_is_not_shadowed() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()
    assert Path(operator.__file__).is_relative_to(sysconfig.get_path("stdlib"))


def test_every_room_imports_only_what_it_may() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [program, "--no-cache", "--no-logo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stdout[-4000:]


def test_no_file_names_a_machine_or_a_package_index() -> None:
    found = [
        f"{_shown(path)}: {match[0]}"
        for path in committed_files()
        if path.name != "uv.lock" and (text := _read(path)) is not None
        for pattern in _NAMES_OF_MACHINES
        for match in pattern.finditer(text)
    ]
    assert found == []


@pytest.mark.parametrize("path", _texts(".md"), ids=_shown)
def test_relative_links_lead_somewhere(path: Path) -> None:
    text = _INLINE_CODE.sub("", _CODE.sub("", path.read_text(encoding="utf-8")))
    broken = [link for link in _LINK.findall(text) if not _resolves(path, link)]
    assert broken == []


def _resolves(page: Path, link: str) -> bool:
    if re.match(r"[a-z][a-z0-9+.-]*:", link):
        return True  # another site, or an address
    target, _, anchor = link.partition("#")
    file = (page.parent / unquote(target)).resolve() if target else page
    if not file.exists():
        return False
    return not anchor or file.suffix != ".md" or anchor in _anchors(file)


@cache
def _anchors(page: Path) -> frozenset[str]:
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#{1,6} +(.+?) *$", text, re.MULTILINE)
    named = re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text)
    made = (
        re.sub(r"[^\w\- ]", "", re.sub(r"`|\*", "", title).lower()).replace(" ", "-")
        for title in titles
    )
    return frozenset((*named, *made))


@pytest.mark.parametrize(
    "name",
    [
        "capabilities.md",
        "explanation/failure-modes.md",
        "explanation/threat-model.md",
        "reference/gitops.md",
    ],
)
def test_every_test_that_a_page_names_exists(name: str) -> None:
    page = (ROOT / "docs" / name).read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page)
    missing = [f"{file}::{test}" for file, test in named if not _has_test(ROOT / file, test)]
    assert named
    assert missing == []


def test_every_failure_that_is_described_names_a_test() -> None:
    page = (ROOT / "docs" / "explanation" / "failure-modes.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ") and line.count(" | ") == 2]
    named = [row for row in rows if not row.startswith("| what fails")]
    assert len(named) > 60
    assert [row for row in named if not re.search(r"\| (`tests/[\w/]+\.py::\w+` ?)+\|$", row)] == []


def test_every_attack_that_is_stopped_names_its_tests() -> None:
    page = (ROOT / "docs" / "explanation" / "threat-model.md").read_text()
    rows = re.findall(r"^\| (T\d\d) \|(.*)\|$", page, re.MULTILINE)
    assert [name for name, _ in rows] == [f"T{number:02}" for number in range(1, len(rows) + 1)]
    for name, row in rows:
        _, stopped, shown = (cell.strip() for cell in row.split(" | "))
        assert stopped.startswith("not defended") or "`tests/" in shown, (
            f"{name} is said to be stopped, but nothing shows it"
        )


def test_a_capability_that_works_names_its_tests() -> None:
    page, _, appendix = (
        (ROOT / "docs" / "capabilities.md").read_text().partition("## Which test shows it")
    )
    rows = re.findall(r"^\| ([A-G]\d+) \|.*\| (.+?) \|$", page, re.MULTILINE)
    shown = dict(
        re.findall(r"^\*\*([A-G]\d+)\*\* .*\n\n((?:- `tests/.*\n)+)", appendix + "\n", re.MULTILINE)
    )
    assert len(rows) == len({name for name, _ in rows}) == 67
    assert set(shown) <= {name for name, _ in rows}
    for name, state in rows:
        assert re.match(r"works|partly: .|not yet", state), name
        assert not state.startswith("works") or name in shown, f"{name}: nothing shows it"


def _has_test(file: Path, test: str) -> bool:
    return file.exists() and (not test or f"def {test}(" in file.read_text())


def test_every_reason_that_the_how_tos_explain_exists() -> None:
    page = (ROOT / "docs" / "how-to" / "not-ready.md").read_text()
    cells = re.findall(r"^\| (`[A-Z]\w+`(?:, `[A-Z]\w+`)*) \|", page, re.MULTILINE)
    named = {word for cell in cells for word in re.findall(r"`(\w+)`", cell)}
    assert named
    assert named - set(reasons.MEANINGS) == set()


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        (_shown(path), target)
        for path in _texts(".md")
        for code in _MAKE_IN_CODE.findall(path.read_text(encoding="utf-8"))
        for target in _MAKE.findall(code)
    }
    assert {target for _, target in named} >= {
        "demo",
        "test",
    }, "the README no longer says how to begin"
    assert {(page, target) for page, target in named if target not in targets} == set()


def test_every_target_says_what_it_is_for() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = set(re.findall(r"^\.PHONY: (\S+)", makefile, re.MULTILINE))
    assert phony == set(re.findall(r"^([a-z][a-z-]*):.* ## ", makefile, re.MULTILINE))


def test_what_ci_runs_is_what_a_person_types() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert re.findall(r"^make .*?([a-z-]+) </dev/null$", script, re.MULTILINE) == [
        "test",
        "test-live",
        "test-slow",
    ]
