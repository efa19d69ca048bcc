"""Experiments and pins as rows of tables, and which of them somebody asks for. Pure.

An object of another version than this program has a row all the same, with what can be read of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from glovebox.api import conditions
from glovebox.api.conditions import find_condition
from glovebox.report import addresses, words
from glovebox.report.conditions import in_a_word
from glovebox.report.drift import State, differences
from glovebox.report.page import Cell, Link, Mark, Tone
from glovebox.report.why import Why, conditions_of, explain

Json = Mapping[str, Any]

ALL: Final = ""
NOT_READY: Final = "not-ready"
DRIFT: Final = "drift"
BROKEN: Final = "broken"
UNUSED: Final = "unused"
# Of these the status says who uses them.
_COUNTED: Final = frozenset({"DatasetPin", "FeatureSetPin"})
_TIME: Final = TypeAdapter(datetime)


@dataclass(frozen=True, slots=True)
class Row:
    """One object of a list.

    Attributes:
        cells: What is shown, below the headings of its kind.
        text: What is searched, in small letters.
        traits: Which of the choices it is among.
    """

    cells: tuple[Cell, ...]
    text: str
    traits: frozenset[str]

    def fits(self, search: str, trait: str) -> bool:
        """Whether somebody asks for it.

        Args:
            search: Words that all have to be in it, in any order; empty for no such demand.
            trait: What it has to be among; empty for no such demand.
        """
        wanted = search.lower().split()
        return (not trait or trait in self.traits) and all(each in self.text for each in wanted)


@dataclass(frozen=True, slots=True)
class Listing:
    """How the objects of a kind are listed.

    Attributes:
        kind: The kind.
        headings: Of the table.
        choices: What can be asked for, with the words for it.
        row: Returns the row of an object.
    """

    kind: str
    headings: tuple[str, ...]
    choices: tuple[tuple[str, str], ...]
    row: Callable[[Json, datetime], Row]


def experiment_row(obj: Json, now: datetime) -> Row:
    """Return an Experiment as a row."""
    why, phase, (drift, is_open) = explain("", obj, ()), phase_of(obj), _drift(obj)
    traits = {*(() if why.is_ready else (NOT_READY,)), *((DRIFT,) if is_open else ())}
    cells = (*_name(obj, "Experiment"), *_readiness(why), phase, drift, _age(obj, now))
    return Row(
        cells, _text(obj, why, phase, (obj.get("status") or {}).get("digest")), frozenset(traits)
    )


def phase_of(obj: Json) -> str:
    """Return how far an Experiment is, in a word or two: the last that can be said of it."""
    metadata, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    succeeded = find_condition(conditions_of(status), conditions.SUCCEEDED)
    outcome = (status.get("run") or {}).get("outcome") or ""
    steps = (
        (metadata.get("deletionTimestamp"), "Deleting"),
        (status.get("seal"), "Sealed"),
        (status.get("state") == "Sealed", "Sealing"),
        (outcome, f"Run {str(outcome).lower()}"),
        (status.get("run"), "Running"),
        (status.get("state") == "Frozen", "Frozen"),
        (succeeded is not None, f"Run: {succeeded.reason}" if succeeded is not None else ""),
        (status.get("provisioned"), "Provisioned"),
        (status.get("digest"), "Bound"),
        (spec.get("suspend"), "Suspended"),
    )
    return next((word for holds, word in steps if holds), "Declared")


def dataset_pin_row(obj: Json, now: datetime) -> Row:
    """Return a DatasetPin as a row."""
    return _pin_row(
        obj,
        now,
        "DatasetPin",
        (
            (conditions.VERIFIED, "As pinned", "Not as pinned"),
            (conditions.CONTRACT_MET, "Met", "Not met"),
            (conditions.DISTRIBUTION_STABLE, "Stable", "Moved"),
        ),
    )


def feature_set_pin_row(obj: Json, now: datetime) -> Row:
    """Return a FeatureSetPin as a row."""
    return _pin_row(
        obj,
        now,
        "FeatureSetPin",
        (
            (conditions.VERIFIED, "As pinned", "Not as pinned"),
            (conditions.SCHEMA_MATCHES, "Match", "Differ"),
            (conditions.BUILT_FROM_INPUTS, "Yes", "No"),
        ),
    )


def split_pin_row(obj: Json, now: datetime) -> Row:
    """Return a SplitPin as a row."""
    return _pin_row(obj, now, "SplitPin", ())


def _pin_row(
    obj: Json, now: datetime, kind: str, verdicts: tuple[tuple[str, str, str], ...]
) -> Row:
    status = obj.get("status") or {}
    why, found = explain("", obj, ()), conditions_of(status)
    marks = [in_a_word(find_condition(found, each), good, bad) for each, good, bad in verdicts]
    users = str((status.get("usedBy") or {}).get("experiments") or "")
    content = str(status.get("digest") or "")
    broken = any(each is not None and each.tone is Tone.BAD for each in marks)
    traits = {
        *(() if why.is_ready else (NOT_READY,)),
        *((BROKEN,) if broken else ()),
        *((UNUSED,) if kind in _COUNTED and not users else ()),
    }
    shown = words.digest(content)
    cells: tuple[Cell, ...] = (
        *_name(obj, kind),
        *_readiness(why),
        *(each if each is not None else "" for each in marks),
        *((users or "none",) if kind in _COUNTED else ()),
        Link(shown.short or shown.text, addresses.lineage_of(content), is_code=True)
        if shown is not None
        else "",
        _age(obj, now),
    )
    return Row(cells, _text(obj, why, content), frozenset(traits))


_STATE: Final = ((ALL, "all"), (NOT_READY, "not Ready"))
_NAMED: Final = ("Namespace", "Name", "Ready", "Reason")
_PINS: Final = (*_STATE, (BROKEN, "with a broken promise"), (UNUSED, "that nobody uses"))
EXPERIMENTS: Final = Listing(
    "Experiment",
    (*_NAMED, "Phase", "Drift", "Age"),
    (*_STATE, (DRIFT, "with open drift")),
    experiment_row,
)
PINS: Final = (
    Listing(
        "DatasetPin",
        (*_NAMED, "Bytes", "Contract", "Distribution", "Users", "Content", "Age"),
        _PINS,
        dataset_pin_row,
    ),
    Listing(
        "FeatureSetPin",
        (*_NAMED, "Definitions", "Schema", "Built from inputs", "Users", "Content", "Age"),
        _PINS,
        feature_set_pin_row,
    ),
    Listing(
        "SplitPin",
        (*_NAMED, "Content", "Age"),
        _STATE,
        split_pin_row,
    ),
)


def _name(obj: Json, kind: str) -> tuple[Cell, Cell]:
    metadata = obj["metadata"]
    namespace, name = str(metadata.get("namespace") or ""), str(metadata["name"])
    return namespace, Link(name, addresses.of(kind, namespace, name))


def _readiness(why: Why) -> tuple[Cell, Cell]:
    if why.is_ready:
        return Mark("Ready", Tone.GOOD), ""
    if why.ready is None:
        # A Ready that is about an earlier version of its spec is none.
        return Mark("Not observed", Tone.WAITING), ""
    is_known = why.ready.status != conditions.UNKNOWN
    return Mark("Not Ready", Tone.BAD if is_known else Tone.WAITING), why.ready.reason


def _drift(obj: Json) -> tuple[Cell, bool]:
    """Return what differs in a word, and whether it is open."""
    found = list(differences(obj))
    if any(each.state is State.OPEN for each in found):
        reason = next(each.reason for each in found if each.state is State.OPEN)
        return Mark(f"Open: {reason}", Tone.BAD), True
    if any(each.state is State.NOT_KNOWN for each in found):
        return Mark("Not known", Tone.WAITING), False
    repairs = max((each.repairs for each in found), default=0)
    return (f"{words.number(repairs)} repaired" if repairs else ""), False


def _age(obj: Json, now: datetime) -> str:
    try:
        return words.age(_TIME.validate_python(obj["metadata"].get("creationTimestamp")), now)
    except (ValidationError, TypeError):
        return ""


def _text(obj: Json, why: Why, *more: Any) -> str:
    metadata = obj["metadata"]
    reasons = [each.reason for each in (why.ready, *why.others) if each is not None]
    said = (metadata.get("namespace"), metadata["name"], *reasons, *more)
    return " ".join(str(each) for each in said if each).lower()
