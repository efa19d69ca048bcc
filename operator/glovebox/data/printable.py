"""Makes text harmless to print: names come from tenants, and terminals obey control characters.

Everything that is not a visible character or a blank is written as an escape, a backslash too: so
two different names never look the same, and none can move the cursor, change colours or turn the
direction of what follows.
"""

from __future__ import annotations

import unicodedata

# Control, format (direction, joiners), surrogate, private use, unassigned; line and paragraph
# separators; and blanks that are none of ours, which look like one.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})


def printable(text: str) -> str:
    """Return a text in which nothing acts on a terminal."""
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    return "".join(map(_escaped, text))


def sentence(text: str) -> str:
    """Return words for a person in one line, in which nothing acts on a terminal.

    What others wrote is among them: keys of a store, notes, what a server answered. A backslash
    stays as it is, so that what was made printable before is not made so again.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_in_a_sentence, text.replace("\r\n", "\n")))


def _in_a_sentence(letter: str) -> str:
    if letter == "\\":
        return letter
    is_blank = letter in "\n\t" or unicodedata.category(letter) == "Zs"
    return " " if is_blank else _escaped(letter)


def _escaped(letter: str) -> str:
    if letter == "\\":
        return "\\\\"
    if letter == " " or unicodedata.category(letter) not in _HIDDEN:
        return letter
    number = ord(letter)
    if number <= 0xFF:  # noqa: PLR2004 - what two digits say
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"  # noqa: PLR2004
