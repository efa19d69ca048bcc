"""What commands print as trees, as lists within lists that lead on. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from glovebox.lineage.tree import Node as Thing
from glovebox.report import addresses
from glovebox.report.page import Block, Cell, Leaf, Link, Mark, Nested, Section, Tone
from glovebox.report.tree import Node
from glovebox.report.why import Said, Why

_GOOD: Final = ("Ready", "Active", "Succeeded")
_BAD: Final = ("not Ready", "Failed", "is not there")


def why_section(why: Why) -> Section:
    """Return what is the matter with an object and with what it waits for, each with the cure."""
    is_quiet = why.is_ready and not why.others and not why.below and not why.notes
    rows = () if is_quiet else (_why(why),)
    return Section("What is the matter, and what to do", (Nested(rows),))


def waited_section(waited: Sequence[tuple[str, str]]) -> Section:
    """Return what an Experiment waits for.

    Args:
        waited: `Kind namespace/name` of each, and how far it is.
    """
    rows = tuple(
        Leaf(
            (
                _named(*what.split(" ", 1)),
                Mark(state, Tone.GOOD if state in _GOOD else Tone.WAITING),
            )
        )
        for what, state in waited
    )
    return Section("What it waits for", (Nested(rows),))


def tree_section(node: Node) -> Section:
    """Return what an Experiment made, and what it stands on."""
    blocks: tuple[Block, ...] = (Nested(tuple(map(_leaf, node.below))),)
    return Section("What it made, and what it stands on", blocks)


def lineage_leaves(nodes: Sequence[Thing]) -> Nested:
    """Return trees of lineage."""
    return Nested(tuple(map(_thing, nodes)))


def _why(why: Why, *, is_brief: bool = False) -> Leaf:
    kind, _, name = why.what.partition(" ")
    state = "Ready" if why.is_ready else "not Ready" if why.is_known else "not known"
    tone = Tone.GOOD if why.is_ready else Tone.BAD if why.is_known else Tone.WAITING
    reason = why.ready.reason if why.ready is not None else ""
    cells: tuple[Cell, ...] = (_named(kind, name), Mark(state, tone), reason)
    if is_brief:
        return Leaf(cells, _first(why))
    below = [
        *(_said(why.ready) if why.ready is not None else ()),
        *(Leaf((note,)) for note in why.notes),
        *(
            Leaf((f"{each.condition} is {each.status}: {each.reason}",), tuple(_said(each)))
            for each in why.others
        ),
        # Where nothing waits for them, their own pages say more.
        *(_why(each, is_brief=why.is_ready) for each in why.below),
    ]
    return Leaf(cells, tuple(below))


def _first(why: Why) -> tuple[Leaf, ...]:
    said = (*((why.ready.message,) if why.ready is not None else ()), *why.notes)
    return tuple(Leaf((each,)) for each in said[:1] if each)


def _said(said: Said) -> Iterator[Leaf]:
    if said.message:
        yield Leaf((said.message,))
    if said.means:
        yield Leaf((f"Meaning: {said.means}",))
        yield Leaf((Mark("Next"), said.cure))


def _leaf(node: Node) -> Leaf:
    tone = Tone.PLAIN
    if not node.is_known:
        tone = Tone.WAITING
    elif node.state.startswith(_BAD):
        tone = Tone.BAD
    elif node.state.startswith(_GOOD):
        tone = Tone.GOOD
    state: tuple[Cell, ...] = (Mark(node.state, tone),) if node.state else ()
    details: tuple[Cell, ...] = (node.details,) if node.details else ()
    cells: tuple[Cell, ...] = (_named(node.kind, node.name), *state, *details)
    return Leaf(cells, tuple(map(_leaf, node.below)))


def _thing(node: Thing) -> Leaf:
    to = addresses.thing(node)
    more = "(see above)" if node.is_known else "(ask for it to see more)" if node.is_cut else ""
    # The rest of a label says where it lies, which is long.
    name = (
        node.label if node.kind == "bytes" else " ".join(node.label.split(" ", 2)[:2]).rstrip(",")
    )
    rest = node.label.removeprefix(name).lstrip(", ")
    label: tuple[Cell, ...] = (node.label,)
    if to:
        label = (Link(name, to, is_code=node.kind == "bytes"), rest)
    cells = tuple(each for each in (node.relation, *label, more) if each)
    return Leaf(cells, tuple(map(_thing, node.children)))


def _named(kind: str, name: str) -> Cell:
    text, to = f"{kind} {name}".rstrip(), addresses.named(kind, name)
    return Link(text, to) if to else text
