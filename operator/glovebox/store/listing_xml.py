"""Reads the answers to listings, also where a key holds a letter that XML has none for.

A key may hold a control character. SeaweedFS and versitygw list U+FFFD for it; MinIO and Ceph write
a reference that no parser takes (`&#x1;`), so that one such key would make the whole list
unreadable: whoever may write a key could keep everything below the prefix from being sealed. Such
letters are read as what they are.

A parser keeps the interpreter to itself for as long as it is fed, which is 8 to 16 ms for a page of
a thousand rows. So it is fed in pieces, and whoever else has work gets between two of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_REFERENCE: Final = re.compile(r"&#(?:x([0-9A-Fa-f]{1,6})|([0-9]{1,7}));")
_ILLEGAL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_SURROGATES: Final = range(0xD800, 0xE000)
_LAST: Final = 0x10FFFF
# Of private use; one that the answer itself holds is passed over.
_STAND_INS: Final = range(0xF0000, 0xFFFFE)


# Some 0.3 ms.
_PIECE: Final = 8 << 10


def parse_listing(body: bytes, rest: Callable[[], None]) -> ET.Element:
    """Return the root of an answer.

    Args:
        body: The answer.
        rest: Called before each piece of it: lets others go first.

    Raises:
        xml.etree.ElementTree.ParseError: It is no XML, whatever its letters are.
    """
    try:
        return _parsed(body, rest)
    except ET.ParseError:
        return _with_any_letter(body.decode("utf-8", "replace"), rest)


def _parsed(document: str | bytes, rest: Callable[[], None]) -> ET.Element:
    parser = ET.XMLParser()  # noqa: S314 - expat bounds entity expansion; the store is the one we were told to trust
    for start in range(0, len(document), _PIECE):
        rest()
        parser.feed(document[start : start + _PIECE])
    root: ET.Element = parser.close()
    return root


def _with_any_letter(text: str, rest: Callable[[], None]) -> ET.Element:
    """Parse with another letter in the place of each that XML has none for."""
    free = _free(text)
    stand_ins: dict[str, str] = {}

    def replaced(letter: str) -> str:
        if letter not in stand_ins:
            stand_ins[letter] = next(free)
        return stand_ins[letter]

    def of_reference(found: re.Match[str]) -> str:
        number = _number(found)
        if number in _SURROGATES or number > _LAST:
            return "\ufffd"
        return replaced(chr(number)) if _ILLEGAL.match(chr(number)) else found[0]

    text = _ILLEGAL.sub(lambda found: replaced(found[0]), _REFERENCE.sub(of_reference, text))
    root = _parsed(text, rest)
    meant = {ord(stand_in): letter for letter, stand_in in stand_ins.items()}
    for element in root.iter():
        if element.text:
            element.text = element.text.translate(meant)
    return root


def _free(text: str) -> Iterator[str]:
    """Yield letters that the text does not hold, in any spelling."""
    referred = {_number(found) for found in _REFERENCE.finditer(text)}
    return (chr(one) for one in _STAND_INS if one not in referred and chr(one) not in text)


def _number(found: re.Match[str]) -> int:
    return int(found[1], 16) if found[1] else int(found[2])
