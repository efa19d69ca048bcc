"""The page about one object: its report, and what `why`, `status` and `tree` say of it.

Each part is read by itself: one that the API server refuses says so in its words, and the others
are there all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import yaml

from glovebox.api.base import Status
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.experiment import Experiment
from glovebox.cli.experiments import parsed
from glovebox.cli.report import listed_pins
from glovebox.cli.status import waited_for
from glovebox.cli.tree import read_tree
from glovebox.cli.why import explained
from glovebox.errors import GloveboxError, InvalidInput
from glovebox.report import addresses, words
from glovebox.report import conditions as shown_conditions
from glovebox.report.browse import View, unread, with_sections
from glovebox.report.distribution import pictures_section
from glovebox.report.events import events_section
from glovebox.report.experiment import experiment_page
from glovebox.report.listings import PINS
from glovebox.report.nested import tree_section, waited_section, why_section
from glovebox.report.page import Link, Page, Section, Words, present
from glovebox.report.pin import pin_page
from glovebox.report.why import conditions_of

if TYPE_CHECKING:
    from glovebox.cli.experiments import KubeconfigCluster
    from glovebox.kube.resources import Key

Json = dict[str, Any]

_PARTS_AT_ONCE: Final = 4
_WHY: Final = "What is the matter, and what to do"
_UNREAD: Final = (
    "Who else can read the content takes all pins, grants and Experiments to know:"
    " `glovebox access-review` and `glovebox report` read them."
)
_PIN_KINDS: Final = frozenset(each.kind for each in PINS)


def object_view(cluster: KubeconfigCluster, key: Key, obj: Json, now: datetime) -> View:
    """Return the page about an object.

    Args:
        cluster: Whose.
        key: Which one.
        obj: The object, as the API server has it.
        now: The present time.
    """
    problem = None
    try:
        if key.kind == Experiment.KIND:
            return _experiment(cluster, key, obj, now)
        page = (
            pin_page(parsed(DatasetPin, obj), None, now, _UNREAD)
            if key.kind == DatasetPin.KIND
            else _plain_page(key, obj, now)
        )
    except InvalidInput as error:
        page, problem = _plain_page(key, obj, now), unread("Not all of it is known", error)
    why = _part(_WHY, lambda: why_section(explained(cluster, key)))
    digest = (obj.get("status") or {}).get("digest") or ""
    is_pin = key.kind in _PIN_KINDS
    links = (Link("Lineage of its content", addresses.lineage_of(digest)),)
    return View(
        with_sections(page, present([why, problem]), ()),
        addresses.PINS if is_pin else "",
        links if is_pin and digest else (),
    )


def _experiment(cluster: KubeconfigCluster, key: Key, obj: Json, now: datetime) -> View:
    experiment = parsed(Experiment, obj)
    parts: tuple[tuple[str, Callable[[], Section]], ...] = (
        (_WHY, lambda: why_section(explained(cluster, key))),
        ("What it waits for", lambda: waited_section(waited_for(cluster, obj))),
        (
            "How are its data distributed?",
            lambda: pictures_section(experiment, listed_pins(cluster, key.namespace)),
        ),
        ("What it made, and what it stands on", lambda: tree_section(read_tree(cluster, obj))),
        ("Events", lambda: events_section(cluster.events(key.namespace, experiment.uid))),
    )
    # Dozens of requests: beside each other, for those whose API server is far away.
    with ThreadPoolExecutor(_PARTS_AT_ONCE) as threads:
        why, *others = threads.map(lambda part: _part(*part), parts)
    waited, *after = others
    links = [
        Link("Lineage", addresses.lineage_of(experiment.uid)),
        Link("Compare with another", addresses.compared_with(f"{key.namespace}/{key.name}")),
    ]
    for each in experiment.status.inputs:
        pin = each.pin_ref if "/" in each.pin_ref else f"{key.namespace}/{each.pin_ref}"
        to = addresses.named(each.kind, pin)
        links += [Link(f"Input {each.name}", to)] if to else []
    return View(
        with_sections(experiment_page(experiment, now), present([why, waited]), present(after)),
        addresses.FLEET,
        tuple(links),
    )


def _part(title: str, read: Callable[[], Section]) -> Section:
    try:
        return read()
    except GloveboxError as error:
        return unread(title, error)


def _plain_page(key: Key, obj: Json, now: datetime) -> Page:
    """Return the page about an object that has no report, or is of another version."""
    status = Status(conditions=conditions_of(obj.get("status") or {}))
    ready, summary = shown_conditions.readiness(status)
    name = f"{key.namespace}/{key.name}" if key.namespace else key.name
    observed = {
        field: value
        for field, value in (obj.get("status") or {}).items()
        if field not in {"conditions", "observedGeneration"}
    }
    sections = present(
        [
            _as_yaml("What it declares", obj.get("spec") or {}),
            _as_yaml("What was observed", observed),
            shown_conditions.section(status),
        ]
    )
    return Page(key.kind, name, "", (ready,), summary, sections, words.time(now))


def _as_yaml(title: str, value: Mapping[str, Any]) -> Section:
    text = yaml.safe_dump(dict(value), sort_keys=False, allow_unicode=True, width=100)
    return Section(title, (Words(text if value else "", is_command=True),))
