"""The field's words, so that a Kubernetes engineer never has to translate."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from unit.test_repository import ROOT, committed_files

# What is read by others than its writers. Decision records are kept as they were written.
_READ = ("docs/", "operator/", "local/", "helm/", "bench/", "crds/")
_PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "ARCHITECTURE.md", "CHANGELOG.md")
_NOT_READ = ("docs/decisions/", "local/glovebox_local/programs/")
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
}
# What the program says of itself is read first: there the list is longer.
_GENERATED = tuple(
    f"docs/reference/{each}.md" for each in ("api", "conditions", "events", "metrics", "alerts")
)
_REPORTED = re.compile(r"\b(told|tells?)\b", re.IGNORECASE)
# Messages of two rules, which `docs/reference/mutation.md` names.
_RULES = re.compile(r"it is what the users of that one are told|or else what tells rows apart")
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


@pytest.mark.parametrize("page", _GENERATED)
def test_what_the_program_says_is_reported_shown_or_recorded_and_not_told(page: str) -> None:
    text = _RULES.sub("", (ROOT / page).read_text(encoding="utf-8"))

    assert _REPORTED.findall(text) == []


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
