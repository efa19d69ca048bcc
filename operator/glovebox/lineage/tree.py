"""The graph as somebody asks for it: what a thing is made of, and what came of it. Pure.

A thing that is in the tree already is named and not followed again, so a cycle ends and the tree is
no larger than the graph. Nor is it deeper than anybody reads: a model that is trained on its own
results has a chain as long as its history.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from glovebox.data.printable import printable
from glovebox.lineage.graph import Graph, Pin, Run

# So many things stand below each other; whatever is below the last one is asked for by its name.
_DEEPEST: Final = 48
Flow = Literal["", "from", "into"]


@dataclass(slots=True)
class Node:
    """One thing in the tree.

    Attributes:
        id: The same wherever it stands.
        kind: `bytes`, `pin`, `experiment` or `results`.
        label: For a person.
        relation: What it is to the one above it, in words.
        flow: Whether bytes come `from` it, or go `into` it, seen from the one above.
        about: Its digests and places.
        children: What follows.
        is_known: Whether it stands in the tree already, where it is followed.
        is_cut: Whether it stands too deep to be followed.
    """

    id: str
    kind: str
    label: str
    relation: str = ""
    flow: Flow = ""
    about: dict[str, str] = field(default_factory=dict)
    children: list[Node] = field(default_factory=list)
    is_known: bool = False
    is_cut: bool = False


def answer(graph: Graph, what: str) -> list[Node]:
    """Return a tree for each thing that a name or a digest stands for.

    Args:
        graph: What is known.
        what: Name of a pin or an Experiment, with or without namespace; a UID; a digest, or its
            first eight digits or more.
    """
    found = [_Walk(graph).content(content, "", "") for content in graph.contents_of(what)]
    return found + [_Walk(graph).run(run, "", "") for run in graph.runs_called(what)]


def document(node: Node) -> dict[str, Any]:
    """Return a tree for programs."""
    said: dict[str, Any] = {"kind": node.kind, "id": node.id, **node.about}
    if node.relation:
        said["relation"] = node.relation
    if node.is_known:
        said["seeAbove"] = True
    if node.is_cut:
        said["more"] = True
    if node.children:
        said["children"] = [document(child) for child in node.children]
    return said


def lines(node: Node, indent: str = "") -> Iterator[str]:
    """Yield a tree for people, line by line."""
    relation = f"{node.relation} " if node.relation else ""
    more = "  (see above)" if node.is_known else ""
    more = "  (ask for it to see more)" if node.is_cut else more
    yield f"{relation}{node.label}{more}"
    for number, child in enumerate(node.children, 1):
        is_last = number == len(node.children)
        first, below = ("└── ", "    ") if is_last else ("├── ", "│   ")
        for place, line in enumerate(lines(child)):
            yield f"{indent}{first if place == 0 else below}{line}"


def dot(nodes: list[Node]) -> str:
    """Return trees as one graph for Graphviz; arrows go where bytes go."""
    shapes = {"bytes": "cylinder", "pin": "note", "experiment": "box", "results": "folder"}
    things: dict[str, str] = {}
    arrows: dict[tuple[str, str], None] = {}

    def see(node: Node) -> None:
        things[node.id] = f"{_quoted(node.id)} [label={_quoted(node.label)}"
        things[node.id] += f", shape={shapes[node.kind]}];"
        for child in node.children:
            see(child)
            pair = (child.id, node.id) if child.flow == "from" else (node.id, child.id)
            arrows[pair] = None

    for node in nodes:
        see(node)
    body = [*things.values(), *(f"{_quoted(a)} -> {_quoted(b)};" for a, b in arrows)]
    return "\n".join(("digraph lineage {", "  rankdir=LR;", *(f"  {each}" for each in body), "}"))


def _quoted(text: str) -> str:
    escaped = printable(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class _Walk:
    """One walk over the graph; what it has passed it does not follow again."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._passed: set[str] = set()
        self._depth = 0

    def content(self, content: str, relation: str, flow: Flow) -> Node:
        node = Node(
            id=content,
            kind="bytes",
            label=content,
            relation=relation,
            flow=flow,
            about={"digest": content},
        )
        if self._is_passed(node) or self._is_too_deep(node):
            return node
        self._depth += 1
        pins = self._graph.pins_of(content)
        node.children += [self._pin(pin) for pin in pins]
        if flow != "from":
            node.children += [
                self.run(run, f"used as {use.role} by", "into")
                for run, use in self._graph.runs_on(content)
            ]
            node.children += [
                self.content(each.content, f"derived into {each.name}:", "into")
                for pin in pins
                for each in self._graph.derived_from(pin)
                if each.content
            ]
        self._depth -= 1
        return node

    def run(self, run: Run, relation: str, flow: Flow) -> Node:
        outcome = f", {run.outcome}" if run.outcome else ""
        sealed = ", sealed" if run.sealed else ""
        node = Node(
            id=run.uid,
            kind="experiment",
            label=f"Experiment {run.name}{outcome}{sealed} (UID {run.uid})",
            relation=relation,
            flow=flow,
            about={"experiment": run.name, "digest": run.digest, "outcome": run.outcome},
        )
        if self._is_passed(node) or self._is_too_deep(node):
            return node
        self._depth += 1
        if flow != "into":
            node.children += [
                self.content(use.content, f"{use.role}:", "from") for use in run.uses if use.content
            ]
        if run.sealed and flow != "from":
            node.children.append(self._results(run))
        self._depth -= 1
        return node

    def _results(self, run: Run) -> Node:
        pins = self._graph.pins_over(run)
        return Node(
            id=run.place or run.sealed,
            kind="results",
            label=f"results {run.place}, list {run.sealed}",
            flow="into",
            about={"uri": run.place, "listDigest": run.sealed},
            children=[
                self.content(pin.content, f"pinned as {pin.name}:", "into")
                for pin in pins
                if pin.content
            ],
        )

    def _pin(self, pin: Pin) -> Node:
        said = (pin.place, pin.licence and f"licence {pin.licence}", pin.code)
        more = "".join(f", {each}" for each in said if each)
        node = Node(
            id=f"{pin.kind} {pin.name} {pin.content}",
            kind="pin",
            label=f"{pin.kind} {pin.name}{more}",
            flow="from",
            about={"pin": pin.name, "pinRoot": pin.pin_root, "place": pin.place, "code": pin.code},
        )
        if self._is_passed(node):
            return node
        maker = self._graph.made_by(pin)
        if maker is not None:
            node.children.append(self.run(maker, "made by", "from"))
        node.children += [
            self.content(content, f"derived from {source.name}:", "from")
            for source in pin.sources
            for content in self._graph.contents_of_source(source)
        ]
        return node

    def _is_too_deep(self, node: Node) -> bool:
        """Whether nothing is to be shown below a thing, which then counts as not passed."""
        node.is_cut = self._depth >= _DEEPEST
        if node.is_cut:
            self._passed.discard(node.id)
        return node.is_cut

    def _is_passed(self, node: Node) -> bool:
        node.is_known = node.id in self._passed
        self._passed.add(node.id)
        return node.is_known
