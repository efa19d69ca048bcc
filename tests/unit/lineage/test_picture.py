"""A lineage as a picture: bytes go from left to right, and nothing in it acts."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from glovebox.lineage.graph import graph_of
from glovebox.lineage.picture import picture
from glovebox.lineage.tree import Node, answer
from unit.lineage.test_graph import BYTES, experiment, known, pin

SVG = "{http://www.w3.org/2000/svg}"


def drawn(nodes: list[Node]) -> ET.Element:
    return ET.fromstring(picture(nodes))  # noqa: S314 - our own text


def boxes(root: ET.Element) -> dict[str, tuple[float, float, float, float]]:
    """Return left, top, width and height of each box by the title that it has."""
    found = {}
    for group in root.findall(f"{SVG}g"):
        title, rect = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        assert title is not None
        assert rect is not None
        found[title.text or ""] = tuple(
            float(rect.attrib[name]) for name in ("x", "y", "width", "height")
        )
    return found  # type: ignore[return-value]


def arrows(root: ET.Element) -> list[tuple[float, float]]:
    """Return from where to where each arrow goes, along the page."""
    found = []
    for path in root.findall(f"{SVG}path"):
        numbers = [float(each) for each in re.findall(r"[-\d.]+", path.attrib["d"])]
        found.append((numbers[0], numbers[-2]))
    return found


def node(name: str, *children: Node, **changes: Any) -> Node:
    made = Node(id=name, kind="bytes", label=name, **changes)
    made.children += children
    return made


def test_bytes_go_from_left_to_right() -> None:
    root = drawn(answer(known(), "b/next"))
    assert len(arrows(root)) > 4
    assert all(begin < end for begin, end in arrows(root))


def test_what_makes_something_stands_left_of_it_by_the_longest_way() -> None:
    # a makes b and c; b makes c: c stands in the third column.
    both = node("c", flow="into")
    root = drawn([node("a", node("b", both, flow="into"), both)])
    left = {name: place[0] for name, place in boxes(root).items()}
    assert left["a"] < left["b"] < left["c"]


def test_a_source_stands_left_although_it_hangs_below() -> None:
    left = {
        name: place[0]
        for name, place in boxes(drawn([node("result", node("source", flow="from"))])).items()
    }
    assert left["source"] < left["result"]


def test_a_circle_ends_and_is_drawn_as_one() -> None:
    # A model that is trained on what came of it.
    again = node("a", flow="into", is_known=True)
    root = drawn([node("a", node("b", again, flow="into"))])
    assert len(boxes(root)) == 2
    assert [path.attrib.get("class") for path in root.findall(f"{SVG}path")] == [None, "back"]


def test_no_box_stands_on_another_and_all_are_on_the_page() -> None:
    many = [experiment(f"t/e{number}", train=("p", BYTES)) for number in range(40)]
    pins = [pin(f"t/p{number}", BYTES, f"b/{number}") for number in range(5)]
    root = drawn(answer(graph_of(many, pins), BYTES))
    places = list(boxes(root).values())
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    assert len(places) > 45
    for number, (x, y, w, h) in enumerate(places):
        assert x >= 0
        assert x + w <= width
        assert y >= 0
        assert y + h <= height
        for ox, oy, ow, oh in places[number + 1 :]:
            assert x + w <= ox or ox + ow <= x or y + h <= oy or oy + oh <= y


@pytest.mark.parametrize("length", [1, 40, 400, 4_000])
def test_a_long_label_is_cut_and_whole_in_its_title(length: int) -> None:
    label = "x" * length
    root = drawn([node(label)])
    assert set(boxes(root)) == {label}
    lines = [each.text or "" for each in root.iter(f"{SVG}text")]
    assert all(len(line) <= 29 for line in lines)
    assert len(lines) <= 4


def test_a_digest_is_drawn_by_its_first_digits() -> None:
    root = drawn([node(BYTES)])
    assert [each.text for each in root.iter(f"{SVG}text")] == [f"bytes {BYTES[:19]}…"]


def test_no_label_acts() -> None:
    evil = "</text><script>alert(1)</script>\"' \u202e\x1b"
    text = picture([node(evil)])
    root = ET.fromstring(text)  # noqa: S314 - our own text
    assert {each.tag.removeprefix(SVG) for each in root.iter()} == {
        *("svg", "title", "style", "defs", "marker", "path", "g", "rect", "text")
    }
    assert not re.search("[\u202e\x1b]", text)
    assert "\\u202e" in text


def test_the_same_lineage_is_the_same_picture() -> None:
    assert picture(answer(known(), BYTES)) == picture(answer(known(), BYTES))


def test_nothing_is_a_picture_too() -> None:
    assert boxes(drawn([])) == {}
