"""The field's words, so that a Kubernetes engineer never has to translate."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from unit.test_repository import ROOT, committed_files

# What is read by others than its writers.
_READ = ("docs/", "operator/", "local/", "helm/", "bench/", "crds/")
_PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "ARCHITECTURE.md", "CHANGELOG.md")
_NOT_READ = ("local/glovebox_local/programs/",)
# Not the field's, and what to write.
_WORDS = {
    r"\banew\b": "again, recreated",
    r"\bmend(s|ed|ing)?\b": "repair, restore, correct",
    r"\bin vain\b": "and was refused, without success",
    r"\bturned away\b": "refused",
    r"\bwalls?\b": "isolation objects, network policies, isolation check",
    r"\brouse[sd]?\b": "enqueue",
    r"\bsurroundings\b": "resolved references, scope",
    r"\barrange[sd]?\b": "reconcile",
    r"\bcarry_out\b|\bcarries out\b": "reconcile",
    r"\bfloors\b": "packages, layers",
    r"\btells? (it |them )?apart\b": "distinguish",
    r"\bbehind the (broken )?glass\b": "under break-glass",
    r"\bworkbench\b": "what the checks share",
}
# Pages and messages are read first: there the list is longer. A record, a report and a picture are
# three things, and "told" is any of them.
_REPORTED = re.compile(r"\b(told|tells?|telling|untold)\b", re.IGNORECASE)
# A line that may have it in a text: to parse each file takes seconds.
_QUOTED = re.compile(rf"^[^#\n]*\"[^\n]*{_REPORTED.pattern}", re.MULTILINE | re.IGNORECASE)
# It names lines of code as they stand there.
_OF_CODE = "docs/reference/mutation.md"
_CODE = re.compile(r"^```.*?^```|`[^`]*`|\]\([^)]*\)", re.MULTILINE | re.DOTALL)
# What is said to people: the product's own packages, and its command for local clusters.
_SPEAKING = ("operator/glovebox/", "local/glovebox_local/")
# The metaphor belongs into the README, once; a clock on the wall is another matter.
_MEANT = re.compile(r"gloves in its wall|wall clock", re.IGNORECASE)


def foreign_words(text: str) -> list[str]:
    """Return the words of a text that are not the field's."""
    rest = _MEANT.sub("", text)
    return [
        f"{found[0]!r}: write {instead}"
        for pattern, instead in _WORDS.items()
        for found in re.finditer(pattern, rest, re.IGNORECASE)
    ]


def _is_read(path: Path) -> bool:
    name = str(path.relative_to(ROOT))
    return name in _PAGES or (name.startswith(_READ) and not name.startswith(_NOT_READ))


def test_what_people_read_is_in_the_fields_words() -> None:
    found = []
    for path in committed_files():
        if not _is_read(path):
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {each}" for each in foreign_words(text)]
    assert found == []


def told(text: str) -> list[str]:
    """Return where a page says `told`, for what is recorded, reported or shown; code may."""
    return _REPORTED.findall(_CODE.sub("", text))


def messages(text: str) -> list[str]:
    """Return the texts of a Python file that are sentences: neither docstrings nor single words."""
    tree = ast.parse(text)
    prose = {id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr)}
    return [
        each.value
        for each in ast.walk(tree)
        if isinstance(each, ast.Constant)
        and isinstance(each.value, str)
        and " " in each.value
        and id(each) not in prose
    ]


def _files(suffix: str, *folders: str) -> list[Path]:
    return [
        path
        for path in committed_files()
        if path.suffix == suffix and str(path.relative_to(ROOT)).startswith(folders)
    ]


def test_what_pages_say_is_reported_shown_or_recorded_and_not_told() -> None:
    pages = [path for path in _files(".md", "") if str(path.relative_to(ROOT)) != _OF_CODE]
    assert len(pages) > 100
    found = {
        str(path.relative_to(ROOT)): words
        for path in pages
        if (words := told(path.read_text(encoding="utf-8")))
    }
    assert found == {}


def test_what_the_program_says_is_reported_shown_or_recorded_and_not_told() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {each}"
        for path in _files(".py", *_SPEAKING)
        if _QUOTED.search(text := path.read_text(encoding="utf-8"))
        for each in messages(text)
        if _REPORTED.search(each)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The ledger is told of it.", 1),
        ("`AnswerError.told` of [it](docs/told.md) is shown.", 0),
        ("```python\ntell(said)\n```\nIt is shown.", 0),
        ("It is told.\n```\ntell\n```\nIt tells.", 2),
        ("A teller of retold stories.", 0),
    ],
)
def test_it_is_found_in_prose_and_not_in_code(text: str, found: int) -> None:
    assert len(told(text)) == found


def test_a_message_is_a_sentence_and_no_docstring() -> None:
    text = 'def f(x):\n    """It is told."""\n    g("told", f"it is told {x} by now")\n'
    assert messages(text) == ["it is told ", " by now"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The Secret is issued anew.", 1),
        ("The operator arranges it, and the walls hold.", 2),
        ("Deadlines by the wall clock.", 0),
        ("It is recreated, and the isolation check is repeated.", 0),
        ("The UID tells them apart.", 1),
        ("A recommended amendment.", 0),
    ],
)
def test_a_foreign_word_is_found_and_no_part_of_one(text: str, found: int) -> None:
    assert len(foreign_words(text)) == found
