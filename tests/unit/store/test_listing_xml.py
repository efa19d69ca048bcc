"""A key with a letter that XML has none for is read as it is, and hides no other."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from glovebox.store import listing_xml
from glovebox.store.connection import JobStoppedError, Stop
from glovebox.store.listing import _texts, list_key
from glovebox.store.listing_xml import parse_listing


def keys(body: str | bytes) -> list[str]:
    raw = body.encode() if isinstance(body, str) else body
    declared = b"<?xml version='1.0' encoding='UTF-8'?><L>" + raw + b"</L>"
    return [element.text or "" for element in parse_listing(declared, lambda: None)]


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


@pytest.mark.parametrize("odd", ["", "&#x1;"], ids=["plain", "with a letter that XML has not"])
def test_others_go_first_while_a_long_page_is_read(odd: str) -> None:
    """A parser that is fed a page at once keeps the interpreter for as long as that takes."""
    rests: list[int] = []
    body = ("<L>" + f"<Key>{'k' * 1_000}{odd}</Key>" * 1_000 + "</L>").encode()
    root = parse_listing(body, lambda: rests.append(1))
    assert len(root) == 1_000
    assert len(rests) >= len(body) / 10_000


@pytest.mark.parametrize("beside", range(-3, 4))
@pytest.mark.parametrize("letter", ["k", "\u65e5", "&amp;", "&#x1;"])
def test_where_a_piece_ends_changes_nothing(letter: str, beside: int) -> None:
    start = "<L><Key>"
    for whole in (listing_xml._PIECE, 2 * listing_xml._PIECE):
        room = "k" * (whole - len(start) - len(letter.encode()) + beside)
        for text in (f"{room}{letter}</Key>", f"{room[:-6]}{letter}</Key>"):
            body = f"{start}{text}</L>".encode()
            meant = text.removesuffix("</Key>").replace("&amp;", "&").replace("&#x1;", "\x01")
            assert [each.text for each in parse_listing(body, lambda: None)] == [meant]
    ends = b"<L>" + b" " * (listing_xml._PIECE - len("<L></L>") + beside) + b"</L>"
    assert parse_listing(ends, lambda: None).tag == "L"


def test_others_go_first_between_the_rows_of_a_page_and_a_job_that_nobody_waits_for_ends() -> None:
    rows = "<Version><Key>a</Key><Size>1</Size></Version>" * 1_000
    body = (
        f"<ListVersionsResult>{rows}<IsTruncated>false</IsTruncated></ListVersionsResult>".encode()
    )
    answers = 0

    class Wire:
        def get(self, *_: object) -> object:
            nonlocal answers
            answers += 1
            return SimpleNamespace(read=lambda: body, release_conn=lambda: None)

    stop = Stop()
    checks = 0

    def counted() -> None:
        nonlocal checks
        checks += 1

    stop.give_way = counted
    wire: Any = Wire()
    found = list_key(wire, "b", "a", stop)
    assert len(found) <= 1_000
    # One before each request, one with each piece of it, and one with a hundred of its elements.
    pieces, turns = math.ceil(len(body) / listing_xml._PIECE), math.ceil(1_001 / 100)
    assert checks == answers * (1 + pieces + turns)
    stop.set()
    with pytest.raises(JobStoppedError):
        list_key(wire, "b", "a", stop)


def test_of_several_texts_of_one_name_the_first_counts() -> None:
    element = ET.fromstring("<V><Key>first</Key><Size>1</Size><Key>second</Key><Size/></V>")  # noqa: S314 - our own
    assert _texts(element) == {"Key": "first", "Size": "1"}
