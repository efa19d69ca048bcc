"""The page that compares Experiments: what `glovebox compare` says, in columns with ways on.

Figures of results are left to the command: they count for a seal alone, and whoever started this
program gave it no keys of seals and no way to a store.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from glovebox.api.experiment import Experiment
from glovebox.cli.compared_shown import ALL_THE_SAME, facts_of, shared, used, values_shown
from glovebox.cli.experiments import parsed
from glovebox.cli.ui.naming import key_of
from glovebox.errors import GloveboxError
from glovebox.report import addresses, words
from glovebox.report.browse import Field, Form, View, unread
from glovebox.report.comparison import Comparison, Content, compare
from glovebox.report.page import Block, Cell, Code, Link, Mark, Page, Section, Table, Tone, Words

if TYPE_CHECKING:
    from glovebox.cli.experiments import KubeconfigCluster

Json = dict[str, Any]

_LEAST: Final = 2
# As of the command: more columns nobody reads.
_MOST: Final = 8
# So many differences are shown; the command shows all.
_DIFFERENCES: Final = 500
_DIGEST: Final = len("sha256:") + 12
_HOW_TO_ASK: Final = f"Name from {_LEAST} to {_MOST} Experiments, with blanks between them."


def compare_view(
    cluster: KubeconfigCluster, query: Mapping[str, str], namespace: str, now: datetime
) -> View:
    """Return the page that compares Experiments.

    Args:
        cluster: Whose.
        query: What is asked for.
        namespace: Of those that are named without one; empty where each has to have one.
        now: The present time.
    """
    # Each once, as they were named first.
    asked = tuple(dict.fromkeys(query.get("of", "").replace(",", " ").split()))
    links: tuple[Link, ...] = ()
    sections: tuple[Section, ...] = ()
    if _LEAST <= len(asked) <= _MOST:
        read, sections = _read(cluster, asked, namespace)
        if not sections:
            found = compare([each for each, _ in read], [spec for _, spec in read])
            links = tuple(
                Link(each, addresses.named(Experiment.KIND, each)) for each in found.names
            )
            sections = tuple(_sections(found))
    hint = "" if sections else _HOW_TO_ASK
    title = "Experiments beside each other" if sections else "Compare Experiments"
    field = Field("of", "Experiments", " ".join(asked), "team/one team/another")
    page = Page("", title, "", (), hint, sections, words.time(now))
    return View(page, addresses.COMPARE, links, form=Form(addresses.COMPARE, (field,), "Compare"))


def _read(
    cluster: KubeconfigCluster, asked: Sequence[str], namespace: str
) -> tuple[list[tuple[Experiment, Json]], tuple[Section, ...]]:
    """Return the Experiments with their specs, and why some of them are not there."""
    found: list[tuple[Experiment, Json]] = []
    problems: list[Section] = []
    for name in asked:
        parts = name.split("/")
        where = [namespace, name] if len(parts) == 1 else parts
        key = key_of(Experiment.KIND.lower(), where)
        if key is None:
            problems.append(Section(name, (Words("Write NAMESPACE/NAME."),), _bad("No name")))
            continue
        try:
            obj = cluster.find(key)
            if obj is not None:
                found.append((parsed(Experiment, obj), obj["spec"]))
                continue
        except GloveboxError as error:
            problems.append(unread(name, error))
            continue
        text = f"There is no Experiment {name}."
        problems.append(Section(name, (Words(text),), _bad("Not found")))
    return found, tuple(problems)


def _sections(found: Comparison) -> Iterator[Section]:
    if found.notes:
        yield Section("What to know", tuple(map(Words, found.notes)))
    facts: Iterator[tuple[Cell, ...]] = (
        (name, *map(_short, cells)) for name, *cells in facts_of(found.experiments, is_wide=True)
    )
    yield Section("What came of each", (Table(("What", *found.names), tuple(facts)),))
    rows = tuple(map(_content, found.contents))
    if rows:
        headings = ("Content", "Kind", "Shared", *found.names)
        yield Section(shared(found), (Table(headings, rows),))
    yield Section("What they run with", tuple(_differences(found)))
    command = f"glovebox compare {shlex.join(found.names)} --metrics metrics.json --key keys.json"
    yield Section(
        "What came out",
        (
            Words("Figures of results count as they were sealed. The command verifies the seals:"),
            Words(command, is_command=True),
        ),
    )


def _content(content: Content) -> tuple[Cell, ...]:
    shown = Mark("yes", Tone.GOOD) if content.is_shared else Mark("no")
    lineage = Link(content.digest[:_DIGEST], addresses.lineage_of(content.digest), is_code=True)
    return lineage, content.kind, shown, *map(used, content.uses)


def _differences(found: Comparison) -> Iterator[Block]:
    if not found.differences:
        yield Words(ALL_THE_SAME)
        return
    rows: list[tuple[Cell, ...]] = []
    for path, values in list(found.differences.items())[:_DIFFERENCES]:
        whole, short = (values_shown(values, is_wide=is_wide) for is_wide in (True, False))
        cells = (Code(*each) for each in zip(whole, short, strict=True))
        rows.append((Code(path), *cells))
    yield Words("Beside what goes in, these differ:")
    yield Table(("Field", *found.names), tuple(rows))
    left = len(found.differences) - len(rows)
    if left:
        yield Words(f"And {words.number(left)} more: glovebox compare -o wide shows them.")


def _short(text: str) -> Cell:
    return Code(text, text[:_DIGEST]) if text.startswith("sha256:") else text


def _bad(text: str) -> Mark:
    return Mark(text, Tone.BAD)
