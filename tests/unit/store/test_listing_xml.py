"""A key with a letter that XML has none for is read as it is, and hides no other."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from glovebox.store.listing_xml import parse_listing


def keys(body: str | bytes) -> list[str]:
    raw = body.encode() if isinstance(body, str) else body
    declared = b"<?xml version='1.0' encoding='UTF-8'?><L>" + raw + b"</L>"
    return [element.text or "" for element in parse_listing(declared)]


@pytest.mark.parametrize(
    ("spelt", "key"),
    [
        ("a&#x1;b", "a\x01b"),
        ("a&#1;b", "a\x01b"),
        ("a&#x1F;b&#x1;", "a\x1fb\x01"),
        ("a\x01b", "a\x01b"),
        ("&#xFFFE;", "\ufffe"),
        ("&#xD800;", "\ufffd"),
        ("&#x1;&amp;#x2;", "\x01&#x2;"),
        ("&#x1;&#x41;&lt;", "\x01A<"),
        ("&#x1;\U000f0000", "\x01\U000f0000"),
        ("&#x1;&#xF0000;", "\x01\U000f0000"),
        ("&#x1;\u65e5", "\x01\u65e5"),
    ],
)
def test_a_key_is_what_was_written(spelt: str, key: str) -> None:
    assert keys(f"<Key>{spelt}</Key><Key>other</Key>") == [key, "other"]


def test_what_parses_is_left_as_it_is() -> None:
    assert keys("<Key>\U000f0000 &amp;#x1;</Key>") == ["\U000f0000 &#x1;"]


@pytest.mark.parametrize("body", ["<Key>", "<html><br></html>", "&#x1;</Key>"])
def test_what_is_no_xml_is_refused(body: str) -> None:
    with pytest.raises(ET.ParseError):
        keys(body)
