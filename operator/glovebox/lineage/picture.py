"""A lineage as a picture: an SVG file in which bytes go from left to right. Pure.

What makes something stands left of it: a thing's column is the longest way to it. Inside a column
things stand beside those that they come from, so that few arrows cross. Graphviz would draw it as
well, and is a program that has to be there; the layout here is small, and the same every time.

Labels come from tenants: they are escaped, and only drawn.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from textwrap import wrap
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from glovebox.data.printable import printable
from glovebox.lineage.tree import Node

# A picture that is no wider can be made to fit a page, and its words are still read.
_FITS: Final = 1700
# In pixels.
_WIDTH, _LINE, _PADDING = 250, 17, 10
_BETWEEN_COLUMNS, _BETWEEN_ROWS, _MARGIN = 90, 22, 20
# A label of more lines is cut; the whole is in the title, which a browser shows on demand.
_LETTERS, _LINES = 29, 4
_SWEEPS: Final = 4
# Twelve digits of a digest are drawn.
_DIGEST: Final = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}")
_STYLE: Final = """
  text { font: 13px ui-monospace, monospace; fill: #1d2530; }
  rect { fill: #f5f7f9; stroke: #9aa5b3; rx: 6px; }
  .experiment rect { fill: #e8eefb; stroke: #6b8fb8; }
  .results rect { fill: #e2f4e9; stroke: #19703f; }
  .bytes rect { fill: #fdf1d8; stroke: #b98a2f; }
  .asked rect { stroke-width: 2.5; }
  path { fill: none; stroke: #7a8797; stroke-width: 1.4; marker-end: url(#tip); }
  .back { stroke-dasharray: 5 4; }
  #tip path { fill: #7a8797; stroke: none; marker-end: none; }
"""

_TITLE: Final = "<title>Lineage: bytes go from left to right</title>"
_TIP: Final = """<defs>
<marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">
<path d="M0 0L8 4L0 8z"/>
</marker>
</defs>"""

_Arrow = tuple[str, str]


def picture(nodes: Sequence[Node]) -> str:
    """Return trees as one SVG document; arrows go where bytes go. Equal trees give equal text."""
    return _drawn(nodes, (_TITLE, f"<style>{_STYLE}</style>", _TIP), None)


def linked_picture(nodes: Sequence[Node], link: Callable[[Node], str]) -> str:
    """Return the same without a style of its own, as a part of a page that has one.

    Args:
        nodes: The trees.
        link: Returns the address of the page about a thing; empty where there is none.
    """
    return _drawn(nodes, (_TIP,), link)


def things_of(nodes: Sequence[Node]) -> int:
    """Return how many things a picture of trees would show."""
    return len(_collected(nodes)[0])


def _drawn(nodes: Sequence[Node], head: Sequence[str], link: Callable[[Node], str] | None) -> str:
    things, arrows = _collected(nodes)
    columns = _columns(list(things), arrows)
    order = _ordered(columns, arrows)
    text = {name: _lines(thing) for name, thing in things.items()}
    places = _places(order, {name: len(lines) for name, lines in text.items()})
    asked = {node.id for node in nodes}
    body = [
        *(_arrow(places[a], places[b], is_back=columns[a] >= columns[b]) for a, b in arrows),
        *(
            _linked(
                link(thing) if link else "",
                _box(places[name], thing, text[name], is_asked=name in asked),
            )
            for name, thing in things.items()
        ),
    ]
    width = max((place.right for place in places.values()), default=0) + _MARGIN
    height = max((place.bottom for place in places.values()), default=0) + _MARGIN
    # What has links is no image: who cannot see it would not find them.
    kind = 'role="img"' if link is None else f'class="{"fits" if width <= _FITS else "wide"}"'
    begin = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}" {kind}>'
    )
    return "\n".join((begin, *head, *body, "</svg>"))


def _collected(nodes: Sequence[Node]) -> tuple[dict[str, Node], list[_Arrow]]:
    """Return each thing once, and each arrow once, in the order in which they are met."""
    things: dict[str, Node] = {}
    arrows: dict[_Arrow, None] = {}
    waiting = list(reversed(nodes))
    while waiting:
        node = waiting.pop()
        things.setdefault(node.id, node)
        for child in node.children:
            arrows[(child.id, node.id) if child.flow == "from" else (node.id, child.id)] = None
        waiting += reversed(node.children)
    return things, [each for each in arrows if each[0] != each[1]]


def _columns(names: Sequence[str], arrows: Sequence[_Arrow]) -> dict[str, int]:
    """Return the column of each thing. An arrow that closes a circle counts for nothing."""
    after: dict[str, list[str]] = {name: [] for name in names}
    for a, b in arrows:
        after[a].append(b)
    state: dict[str, int] = {}  # 1: under way, 2: done
    done: list[str] = []
    forward: dict[str, list[str]] = {name: [] for name in names}
    for root in names:
        steps = [(root, iter(after[root]))] if root not in state else []
        state.setdefault(root, 1)
        while steps:
            name, rest = steps[-1]
            following = next(rest, None)
            if following is None:
                state[name] = 2
                done.append(name)
                steps.pop()
            elif state.get(following) != 1:
                forward[name].append(following)
                if following not in state:
                    state[following] = 1
                    steps.append((following, iter(after[following])))
    columns = dict.fromkeys(names, 0)
    for name in reversed(done):
        for following in forward[name]:
            columns[following] = max(columns[following], columns[name] + 1)
    return columns


def _ordered(columns: Mapping[str, int], arrows: Sequence[_Arrow]) -> list[list[str]]:
    """Return the things of each column from top to bottom, beside those that they belong to."""
    found: list[list[str]] = [[] for _ in range(max(columns.values(), default=-1) + 1)]
    for name, column in columns.items():
        found[column].append(name)
    for sweep in range(_SWEEPS):
        place = {name: at for names in found for at, name in enumerate(names)}
        beside: dict[str, list[int]] = {name: [] for name in columns}
        for a, b in arrows:
            # There and back: by what comes before, then by what comes after.
            one, other = (a, b) if sweep % 2 == 0 else (b, a)
            beside[other].append(place[one])
        for names in found:
            names.sort(
                key=lambda name: (
                    sum(beside[name]) / len(beside[name]) if beside[name] else place[name]
                )
            )
    return found


class _Place:
    """Where a box stands."""

    def __init__(self, column: int, top: int, lines: int) -> None:
        self.left = _MARGIN + column * (_WIDTH + _BETWEEN_COLUMNS)
        self.top = top
        self.height = 2 * _PADDING + lines * _LINE
        self.right = self.left + _WIDTH
        self.bottom = top + self.height
        self.middle = top + self.height // 2


def _places(order: Sequence[Sequence[str]], lines: Mapping[str, int]) -> dict[str, _Place]:
    places: dict[str, _Place] = {}
    heights: list[int] = []
    for number, column in enumerate(order):
        top = _MARGIN
        for name in column:
            places[name] = _Place(number, top, lines[name])
            top = places[name].bottom + _BETWEEN_ROWS
        heights.append(top)
    # A short column stands beside the middle of the longest.
    for number, column in enumerate(order):
        down = (max(heights) - heights[number]) // 2
        for name in column:
            moved = _Place(number, places[name].top + down, lines[name])
            places[name] = moved
    return places


def _lines(thing: Node) -> list[str]:
    # Everything else says what it is.
    label = f"bytes {thing.label}" if thing.kind == "bytes" else thing.label
    lines = wrap(_DIGEST.sub(r"\1…", printable(label)), _LETTERS, break_on_hyphens=False)
    if len(lines) > _LINES:
        lines = [*lines[: _LINES - 1], f"{lines[_LINES - 1][: _LETTERS - 1]}…"]
    return lines


def _box(place: _Place, thing: Node, lines: Sequence[str], *, is_asked: bool) -> str:
    x, y = place.left + _PADDING, place.top + _PADDING + 10
    classes = quoteattr(f"{thing.kind} asked" if is_asked else thing.kind)
    said = "".join(
        f'<text x="{x}" y="{y + number * _LINE}">{escape(line)}</text>'
        for number, line in enumerate(lines)
    )
    return (
        f"<g class={classes}><title>{escape(printable(thing.label))}</title>"
        f'<rect x="{place.left}" y="{place.top}" width="{_WIDTH}" height="{place.height}"/>'
        f"{said}</g>"
    )


def _linked(address: str, box: str) -> str:
    return f"<a href={quoteattr(address)}>{box}</a>" if address else box


def _arrow(a: _Place, b: _Place, *, is_back: bool) -> str:
    bend = _BETWEEN_COLUMNS // 2
    if is_back:
        # Round the outside: from the right edge of one to the right edge of the other.
        return (
            f'<path class="back" d="M{a.right} {a.middle}C{a.right + bend} {a.middle}'
            f' {b.right + bend} {b.middle} {b.right} {b.middle}"/>'
        )
    return (
        f'<path d="M{a.right} {a.middle}C{a.right + bend} {a.middle} {b.left - bend} {b.middle}'
        f' {b.left} {b.middle}"/>'
    )
