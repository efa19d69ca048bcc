"""Everything that conditions and Events say has an entry on the reference pages."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from glovebox.api import conditions, reasons
from glovebox.api.condition_docs import conditions_page, reference_files
from glovebox.api.event_catalogue import EVENTS
from glovebox.api.generated import stale_files
from glovebox.data.delivery import PLAN_INVALID
from glovebox.jobs.fetch import VOLUME_FAILED
from glovebox.jobs.mounted import UNREADABLE
from glovebox.jobs.volume import FOREIGN_FILE
from support.examples import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

OPERATOR = REPOSITORY / "operator" / "glovebox"
# Methods of the recorder that post an Event; the reason is their second argument.
_POSTS = {"warn", "warning", "normal", "tell"}
_ERRORS = {"InvalidInput", "Refused", "NotReady", "Conflict", "Unavailable", "Forbidden"}
_TYPE = re.compile(r"^[A-Z][A-Za-z]+$")


def words_of(module: object, pattern: str = r"^[A-Z][A-Z_]*$") -> set[str]:
    """Return the texts of a module's constants."""
    return {
        value
        for name, value in vars(module).items()
        if isinstance(value, str) and re.match(pattern, name)
    }


def posted(source: str) -> Iterator[str]:
    """Yield the names of the reasons that a module posts Events with."""
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in _POSTS
            and len(node.args) > 1
            and isinstance(node.args[1], ast.Attribute)
            and isinstance(node.args[1].value, ast.Name)
            and node.args[1].value.id == "reasons"
        ):
            yield node.args[1].attr


def literal_reasons(source: str) -> Iterator[str]:
    """Yield the reasons that errors are raised with as plain texts."""
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in _ERRORS
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            yield str(node.args[0].value)


def test_an_error_with_a_plain_text_for_a_reason_has_a_meaning_too() -> None:
    words = {
        word
        for path in OPERATOR.rglob("*.py")
        for word in literal_reasons(path.read_text(encoding="utf-8"))
    } | {PLAN_INVALID, FOREIGN_FILE, VOLUME_FAILED, UNREADABLE}

    assert words - set(reasons.MEANINGS) == set()
    assert list(literal_reasons("raise InvalidInput('Nowhere', 'x')")) == ["Nowhere"]


def test_every_reason_has_a_meaning_and_a_cure() -> None:
    assert words_of(reasons) == set(reasons.MEANINGS)
    assert [
        word
        for word, meaning in reasons.MEANINGS.items()
        if not (meaning.on and meaning.means and meaning.cure)
    ] == []


def test_a_reason_written_as_a_plain_text_is_found() -> None:
    class Module:
        KNOWN = next(iter(reasons.MEANINGS))
        PLAIN = "NowhereExplained"

    assert words_of(Module) - set(reasons.MEANINGS) == {"NowhereExplained"}


def test_every_condition_type_has_a_meaning() -> None:
    answers = {conditions.TRUE, conditions.FALSE, conditions.UNKNOWN}

    assert {word for word in words_of(conditions) if _TYPE.match(word)} - answers == set(
        conditions.TYPE_MEANINGS
    )


@pytest.mark.parametrize("word", sorted(reasons.MEANINGS))
def test_the_page_can_be_searched_for_each_reason(word: str) -> None:
    assert f"\n### {word}\n" in conditions_page()


def test_every_event_that_is_posted_is_on_the_page() -> None:
    known = {entry.reason for entry in EVENTS}
    names = {
        name for path in OPERATOR.rglob("*.py") for name in posted(path.read_text(encoding="utf-8"))
    }

    assert {name for name in names if getattr(reasons, name) not in known} == set()
    assert "DRIFT_REPAIRED" in names  # the search finds what is there


def test_the_committed_pages_are_up_to_date() -> None:
    assert stale_files(reference_files(REPOSITORY / "docs" / "reference")) == []
