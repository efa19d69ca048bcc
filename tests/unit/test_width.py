"""No line is longer than `.editorconfig` allows; Python is ruff's."""

from __future__ import annotations

import configparser
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from unit.test_repository import ROOT, committed_files

# What no line break can shorten: an address, a digest, a path.
_WORD = re.compile(r"\S{80,}")
_COMMENT = re.compile(r"^\s*(#|//)\s")


def sections() -> list[tuple[list[str], str]]:
    """Return the patterns of each section of `.editorconfig` with its `max_line_length`."""
    parser = configparser.ConfigParser()
    parser.read_string(f"[top]\n{(ROOT / '.editorconfig').read_text(encoding='utf-8')}")
    return [
        (list(alternatives(name)), parser[name]["max_line_length"])
        for name in parser.sections()
        if "max_line_length" in parser[name]
    ]


def alternatives(pattern: str) -> list[str]:
    """Return what a pattern with braces stands for."""
    found = re.search(r"\{([^{}]*)\}", pattern)
    if found is None:
        return [pattern]
    return [
        each
        for choice in found[1].split(",")
        for each in alternatives(pattern[: found.start()] + choice + pattern[found.end() :])
    ]


def matches(path: str, pattern: str) -> bool:
    return fnmatch(path, pattern) if "/" in pattern else fnmatch(Path(path).name, pattern)


def limit_of(path: str) -> int | None:
    """Return how long a line of a file may be; None where nothing is said."""
    limit = "off"
    for patterns, each in sections():
        if any(matches(path, pattern) for pattern in patterns):
            limit = each
    return None if limit == "off" else int(limit)


def too_long(path: str, text: str) -> list[str]:
    limit = limit_of(path) or 100
    comments_only = limit_of(path) is None
    found, fenced = [], False
    for number, line in enumerate(text.splitlines(), 1):
        fenced ^= path.endswith(".md") and line.lstrip().startswith("```")
        if len(line) <= limit or _WORD.search(line):
            continue
        if path.endswith(".md") and (fenced or line.lstrip().startswith("|")):
            continue  # a table, or what a program prints
        if comments_only and not (path.startswith("helm/") and _COMMENT.match(line)):
            continue
        found.append(f"{path}:{number}: {len(line)} columns")
    return found


def test_no_line_is_too_long() -> None:
    found = []
    for path in committed_files():
        name = str(path.relative_to(ROOT))
        if path.suffix == ".py":
            continue
        try:
            found += too_long(name, path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            continue
    assert found == []


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("Makefile", 100),
        ("docs/quickstart.md", 100),
        ("helm/glovebox/templates/NOTES.txt", 100),
        ("helm/glovebox/templates/guards/pods.yaml", None),
        ("crds/glovebox.dev_experiments.yaml", None),
        ("tests/golden/run/with-inputs/input.yaml", None),
        ("docs/reference/api.md", None),
        ("docs/reference/seal.md", 100),
    ],
)
def test_what_is_exempt_is_what_the_file_says(path: str, limit: int | None) -> None:
    assert limit_of(path) == limit


def test_a_long_line_is_found_and_a_long_row_is_not() -> None:
    words = "word " * 30
    assert too_long("docs/quickstart.md", f"{words}\n| {words} |\n```\n{words}\n```\n") == [
        "docs/quickstart.md:1: 150 columns"
    ]
    assert too_long("Makefile", f"# {words}")
    assert too_long("helm/glovebox/templates/guards/pods.yaml", f"# {words}\nmessage: {words}") == [
        "helm/glovebox/templates/guards/pods.yaml:1: 152 columns"
    ]
