"""Reads the answers to listings, also where a key holds a letter that XML has none for.

A key may hold a control character. SeaweedFS and versitygw list U+FFFD for it; MinIO and Ceph write
a reference that no parser takes (`&#x1;`), so that one such key would make the whole list
unreadable: whoever may write a key could keep everything below the prefix from being sealed. Such
letters are read as what they are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterator

_REFERENCE: Final = re.compile(r"&#(?:x([0-9A-Fa-f]{1,6})|([0-9]{1,7}));")
_ILLEGAL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_SURROGATES: Final = range(0xD800, 0xE000)
_LAST: Final = 0x10FFFF
# Of private use; one that the answer itself holds is passed over.
_STAND_INS: Final = range(0xF0000, 0xFFFFE)


def parse_listing(body: bytes) -> ET.Element:
    """Return the root of an answer.

    Raises:
        xml.etree.ElementTree.ParseError: It is no XML, whatever its letters are.
    """
    try:
        return ET.fromstring(body)  # noqa: S314 - expat bounds entity expansion; the store is the one we were told to trust
    except ET.ParseError:
        return _with_any_letter(body.decode("utf-8", "replace"))


def _with_any_letter(text: str) -> ET.Element:
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
    root = ET.fromstring(text)  # noqa: S314 - as above
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
