"""Draws the pictures of the documents from their descriptions: `python docs/img/draw.py [--check]`.

Each `*.yaml` beside this file becomes an SVG of the same name. A description places everything
itself: `bands` lie behind, `boxes` have an id, and `arrows` go from side to side (`id.right`), by
way of further points where they must. With `--check` it compares, and exits with 1.
"""

# ruff: noqa: INP001 - a program, in no package

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

import yaml

_FONT = "font-family='Helvetica, Arial, sans-serif'"
_LINE = 17
_HEAD = (
    "<marker id='head' viewBox='0 0 10 10' refX='9' refY='5' markerWidth='7' markerHeight='7'"
    " orient='auto-start-reverse'><path d='M0 0 L10 5 L0 10 z' fill='#57606a'/></marker>"
)


def draw(picture: Mapping[str, Any]) -> str:
    """Return the SVG of one description."""
    width, height = picture["size"]
    boxes = {box["id"]: box for box in picture["boxes"]}
    title = escape(picture["title"])
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' role='img'>",
        f"<title>{title}</title><defs>{_HEAD}</defs>",
        f"<rect width='{width}' height='{height}' rx='10' fill='#ffffff'/>",
        *(part for band in picture.get("bands", ()) for part in _band(band)),
        *(part for arrow in picture.get("arrows", ()) for part in _arrow(arrow, boxes)),
        *(part for box in picture["boxes"] for part in _box(box)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _band(band: Mapping[str, Any]) -> Iterator[str]:
    x, y, width, _ = band["at"]
    yield _rectangle(band["at"], 10, band["fill"], band["line"], 1.2)
    # On the right where an arrow comes in on the left.
    on_right = band.get("title_on") == "right"
    left, anchor = (x + width - 14, "end") if on_right else (x + 14, "start")
    yield _text(left, y + 22, band["title"], 14, "#24292f", anchor, "600")


def _box(box: Mapping[str, Any]) -> Iterator[str]:
    x, y, width, height = box["at"]
    lines = box.get("text", ())
    line = box.get("line", "#57606a")
    yield _rectangle(box["at"], 7, box.get("fill", "#ffffff"), line, box.get("stroke", 1.3))
    top = y + height / 2 - (_LINE * len(lines)) / 2 + 5
    yield _text(x + width / 2, top, box["title"], 14, "#1f2328", "middle", "600")
    for number, line_of_text in enumerate(lines, start=1):
        yield _text(x + width / 2, top + number * _LINE, line_of_text, 12.5, "#424a53", "middle")


def _arrow(arrow: Mapping[str, Any], boxes: Mapping[str, Any]) -> Iterator[str]:
    points = [_side(boxes, arrow["from"]), *arrow.get("via", ()), _side(boxes, arrow["to"])]
    way = " ".join(f"{'L' if number else 'M'}{x} {y}" for number, (x, y) in enumerate(points))
    yield (
        f"<path d='{way}' fill='none' stroke='#57606a' stroke-width='1.5'"
        " stroke-linejoin='round' marker-end='url(#head)'/>"
    )
    for number, words in enumerate(arrow.get("label", ())):
        x, y = arrow["label_at"]
        anchor = arrow.get("anchor", "middle")
        yield _text(x, y + number * 15, words, 12, "#57606a", anchor)


def _side(boxes: Mapping[str, Any], place: str) -> tuple[float, float]:
    """Return the point of `id.side`, or of `id.side:0.3`, which goes along that side."""
    name, _, side = place.partition(".")
    side, _, share = side.partition(":")
    x, y, width, height = boxes[name]["at"]
    along = float(share or 0.5)
    return {
        "left": (x, y + height * along),
        "right": (x + width, y + height * along),
        "top": (x + width * along, y),
        "bottom": (x + width * along, y + height),
    }[side]


def _rectangle(at: list[float], radius: int, fill: str, line: str, stroke: float) -> str:
    x, y, width, height = at
    return (
        f"<rect x='{x}' y='{y}' width='{width}' height='{height}' rx='{radius}' fill='{fill}'"
        f" stroke='{line}' stroke-width='{stroke}'/>"
    )


def _text(
    x: float, y: float, words: str, size: float, colour: str, anchor: str, weight: str = "400"
) -> str:
    return (
        f"<text x='{x}' y='{y}' {_FONT} font-size='{size}' font-weight='{weight}' fill='{colour}'"
        f" text-anchor='{anchor}'>{escape(words)}</text>"
    )


def main(arguments: list[str]) -> int:
    """Draw what differs from its description, or with `--check` name it."""
    stale = []
    for source in sorted(Path(__file__).parent.glob("*.yaml")):
        target = source.with_suffix(".svg")
        drawn = draw(yaml.safe_load(source.read_text(encoding="utf-8")))
        if not target.is_file() or target.read_text(encoding="utf-8") != drawn:
            stale.append(target)
            if "--check" not in arguments:
                target.write_text(drawn, encoding="utf-8")
    for target in stale:
        sys.stdout.write(f"{target.name} differed from its description\n")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
