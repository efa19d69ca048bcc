"""The page that follows lineage: what `glovebox lineage` finds in the cluster, as a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from glovebox.api.kinds import DATASET_PIN, EXPERIMENT, FEATURE_SET_PIN
from glovebox.errors import Unavailable
from glovebox.lineage.graph import graph_of
from glovebox.lineage.picture import linked_picture, things_of
from glovebox.lineage.tree import Node, answer
from glovebox.report import addresses, words
from glovebox.report.browse import Field, Form, View, unread
from glovebox.report.nested import lineage_leaves
from glovebox.report.page import Block, Drawn, Page, Section, Words

if TYPE_CHECKING:
    from glovebox.cli.experiments import KubeconfigCluster

# A picture of more things is none.
_DRAWN_MOST: Final = 250
_WAY: Final = "Bytes go from left to right"
_HOW_TO_ASK: Final = (
    "Name a pin or an Experiment, with or without its namespace, a UID, or a digest: of content, of"
    " a pin, of an Experiment, of sealed results. Eight digits of it are enough."
)


def lineage_view(
    cluster: KubeconfigCluster,
    query: Mapping[str, str],
    namespace: str,
    now: datetime,
    base: str,
) -> View:
    """Return the page that follows something.

    Args:
        cluster: Whose Experiments and pins are read: all of them.
        query: What is asked for.
        namespace: Of which namespace they are, where that is not asked for; empty for all.
        now: The present time.
        base: Where the addresses of all pages begin.
    """
    what, namespace = query.get("of", "").strip(), query.get("namespace", namespace).strip()
    fields = (
        Field("of", "Of what", what, "a name, a UID or a digest"),
        Field("namespace", "Among those of namespace", namespace, "all"),
    )
    sections = tuple(_followed(cluster, what, namespace, base)) if what else ()
    name = f"Lineage of {what}" if what else "Lineage"
    made = Page("", name, "" if what else _HOW_TO_ASK, (), "", sections, words.time(now))
    return View(made, addresses.LINEAGE, form=Form(addresses.LINEAGE, fields, "Follow"))


def _followed(
    cluster: KubeconfigCluster, what: str, namespace: str, base: str
) -> Iterator[Section]:
    problems: list[Section] = []

    def readable(kind: str) -> Iterator[dict[str, Any]]:
        try:
            yield from cluster.each(kind, namespace)
        except Unavailable as error:
            problems.append(unread(f"{kind}s", error))

    pins = chain(readable(DATASET_PIN.kind), readable(FEATURE_SET_PIN.kind))
    found = answer(graph_of(readable(EXPERIMENT.kind), pins), what)
    # First: what they would have added is in nothing below.
    yield from problems
    if not found:
        among = "what could be read" if problems else "what the cluster has"
        yield Section("Nothing found", (Words(f"Nobody knows {what} in {among}."),))
        return
    yield Section(_WAY, (_drawing(found, base),))
    yield Section("The same in words", (lineage_leaves(found),))


def _drawing(found: list[Node], base: str) -> Block:
    def link(node: Node) -> str:
        to = addresses.thing(node)
        return f"{base}{to}" if to else ""

    things = things_of(found)
    if things > _DRAWN_MOST:
        return Words(f"{words.number(things)} things are too many for a picture.")
    return Drawn(linked_picture(found, link), _WAY)
