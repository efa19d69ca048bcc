"""No text acts on the terminal that shows it, and no two look the same."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glovebox.data.printable import printable, sentence

# What a run may call an object, and what is printed.
NAMES = {
    "as it is": ("run/model-1.bin", "run/model-1.bin"),
    "letters of any script": ("Überlauf/日本.csv", "Überlauf/日本.csv"),
    "a colour": ("\x1b[31mred", "\\x1b[31mred"),
    "the 8-bit introducer": ("\x9b2J", "\\x9b2J"),
    "a line of its own": ("a\nThe seal holds.", "a\\x0aThe seal holds."),
    "the start of the line": ("a\rOK", "a\\x0dOK"),
    "the other direction": ("gpj.\u202eexe", "gpj.\\u202eexe"),
    "an isolate": ("\u2066x\u2069", "\\u2066x\\u2069"),
    "nothing to see": ("a\u200bb", "a\\u200bb"),
    "a blank that is none": ("a\u00a0b", "a\\xa0b"),
    "a separator of lines": ("a\u2028b", "a\\u2028b"),
    "half a letter": ("a\ud800", "a\\ud800"),
    "a tag": ("\U000e0041", "\\U000e0041"),
    "an escape, spelt out": ("\\x1b", "\\\\x1b"),
}


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_are_harmless(name: str) -> None:
    text, shown = NAMES[name]
    assert printable(text) == shown


@given(st.text())
def test_nothing_invisible_is_left(text: str) -> None:
    shown = printable(text)
    assert all(
        letter == " " or unicodedata.category(letter)[0] not in {"C", "Z"} for letter in shown
    )


@given(st.text(), st.text())
def test_two_names_never_look_the_same(one: str, other: str) -> None:
    assert (printable(one) == printable(other)) == (one == other)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("as it is: `a` is 3", "as it is: `a` is 3", id="plain"),
        pytest.param("Daten für «é»", "Daten für «é»", id="letters of others"),
        pytest.param("two\nlines\r\nand\ta tab", "two lines and a tab", id="one line"),
        pytest.param("12\u00a0% \u2009", "12 %  ", id="blanks of others"),
        pytest.param("done\rReady: True", r"done\x0dReady: True", id="back to the begin"),
        pytest.param("\x1b[31m\x9b2J\x00", r"\x1b[31m\x9b2J\x00", id="controls"),
        pytest.param("\u202egpj\u2028x", r"\u202egpj\u2028x", id="direction, another line"),
    ],
)
def test_a_sentence_is_one_line_that_acts_on_nothing(text: str, shown: str) -> None:
    assert sentence(text) == shown


@pytest.mark.parametrize("text", [r"C:\temp", "a\x1b\n\\b"])
def test_what_was_made_printable_is_not_made_so_again(text: str) -> None:
    assert sentence(printable(text)) == printable(text)
    assert sentence(sentence(text)) == sentence(text)
