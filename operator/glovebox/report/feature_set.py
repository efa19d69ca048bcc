"""The page about a FeatureSetPin: what is defined, of what data, with which values, who has it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from glovebox.api import conditions
from glovebox.api.feature_set_pin import Feature, FeatureSetPin
from glovebox.api.materialized import MaterializedStatus
from glovebox.report import conditions as shown_conditions
from glovebox.report import words
from glovebox.report.access import access_section
from glovebox.report.page import (
    Block,
    Cell,
    Code,
    Page,
    Section,
    Table,
    Words,
    facts,
    present,
)
from glovebox.report.readings import Reading

_NO_RIGHTS: Final = (
    "Who else can use the definitions is not shown: that takes the right to list FeatureSetPins,"
    " AccessGrants and Experiments of all namespaces."
)


def feature_set_page(
    pin: FeatureSetPin,
    readings: Sequence[Reading] | None,
    now: datetime,
    unread: str = _NO_RIGHTS,
) -> Page:
    """Return the page about a set of feature definitions. Pure.

    Args:
        pin: The pin, as the API server has it.
        readings: Who can use its definitions; None where that could not be asked.
        now: When the page is made.
        unread: Why not, in a sentence.
    """
    ready, summary = shown_conditions.readiness(pin.status)
    marks = (
        ready,
        shown_conditions.answer(pin.status, conditions.VERIFIED, "Verified", "Not as pinned"),
        shown_conditions.answer(
            pin.status, conditions.SCHEMA_MATCHES, "Values as defined", "Values differ"
        ),
        shown_conditions.answer(pin.status, conditions.RETIRING, "May be used", "Goes out of use"),
    )
    return Page(
        kind=pin.KIND,
        name=f"{pin.namespace}/{pin.name}",
        about=pin.spec.description,
        marks=tuple(each for each in marks if each is not None),
        summary=summary,
        sections=present(
            [
                _what(pin),
                _features(pin),
                _made_from(pin),
                _values(pin),
                access_section(pin.status.used_by, readings, unread),
                shown_conditions.section(pin.status),
            ]
        ),
        made=words.time(now),
    )


def _what(pin: FeatureSetPin) -> Section:
    spec, status = pin.spec, pin.status
    validity, successor = spec.validity, status.successor
    since = successor.deprecate_time if successor is not None else None
    ttl = f"{spec.ttl_seconds:,} s after its event time" if spec.ttl_seconds else None
    terms = facts(
        ("Digest of the definitions", words.digest(status.digest)),
        ("Version", spec.schema_version),
        ("Features", words.number(status.features)),
        ("Owner", spec.owner),
        ("Checked", words.time(status.verified_time)),
        ("A value may be used for", ttl),
        ("May be used from", words.time(validity.not_before_time) if validity else None),
        ("May be used until", words.time(validity.not_after_time) if validity else None),
        ("Replaces", spec.supersedes.name if spec.supersedes else None),
    )
    replaced = facts(
        ("Replaced by", successor.name if successor is not None else None),
        ("Deprecated from", words.time(since)),
        ("What its users have to change", successor.notes if successor is not None else None),
    )
    return Section("What it is", (terms, replaced))


def _features(pin: FeatureSetPin) -> Section:
    hashed = {each.name: each.hash for each in pin.status.hashed_names}
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            Code(each.name),
            each.description,
            _type(each),
            "may be missing" if each.nullable else "",
            _recipe(each),
            words.listed(each.inputs) or "no dataset",
            words.digest(hashed.get(each.name, "")) or "",
        )
        for each in pin.spec.features
    )
    headings = ("Feature", "Means", "Type", "Nulls", "Computed as", "Reads", "Hashed name")
    caption = "A hashed name stands for the feature where its name must not be seen."
    return Section("What is defined", (Table(headings, rows, caption if hashed else ""),))


def _type(feature: Feature) -> str:
    sizes = " x ".join(str(each) if each else "any" for each in feature.shape)
    return f"{feature.dtype} of {sizes}" if sizes else feature.dtype


def _recipe(feature: Feature) -> Cell:
    code = feature.recipe.code
    if code is None:
        return Code(feature.recipe.expression or "")
    return Code(f"{code.path} of {code.repository} at {code.commit}")


def _made_from(pin: FeatureSetPin) -> Section:
    observed = {each.name: each.digest for each in pin.status.inputs}
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            each.name,
            f"DatasetPin {each.pin_ref.name}",
            words.digest(observed.get(each.name, "")) or "not read yet",
        )
        for each in pin.spec.inputs
    )
    # Of values that a sealed run wrote.
    mark = shown_conditions.answer(
        pin.status, conditions.BUILT_FROM_INPUTS, "Its values were", "Its values were not"
    )
    return Section("What it is computed from", (Table(("Input", "Pin", "Content"), rows),), mark)


def _values(pin: FeatureSetPin) -> Section | None:
    values, found = pin.spec.materialized, pin.status.materialized
    if values is None:
        return None
    mark = shown_conditions.answer(
        pin.status, conditions.SCHEMA_MATCHES, "As defined", "Not as defined"
    )
    as_of = values.as_of
    declared = facts(
        ("Values", f"DatasetPin {values.pin_ref.name}"),
        ("Keys", words.listed(values.keys)),
        ("Event time", Code(values.event_time) if values.event_time else None),
        ("Known time", Code(values.known_time) if values.known_time else None),
        ("Nothing that happened after", words.time(as_of.event_time) if as_of else None),
        ("Nothing that was known after", words.time(as_of.known_time) if as_of else None),
        ("Other columns", values.other_columns.lower()),
    )
    blocks: list[Block] = [declared]
    if found is None:
        condition = pin.status.condition(conditions.SCHEMA_MATCHES)
        blocks.append(Words(condition.message if condition is not None else ""))
    else:
        blocks += _compared(found)
    return Section("Its values", tuple(blocks), mark)


def _compared(found: MaterializedStatus) -> list[Block]:
    by_kind = ", ".join(f"{each.kind} {words.number(each.differences)}" for each in found.by_kind)
    differences = words.number(found.differences) if found.differences else "none"
    left = found.differences - len(found.first)
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            each.kind,
            Code(each.column) if each.column else "",
            each.declared,
            each.found,
            Code(each.file),
            words.number(each.count),
        )
        for each in found.first
    )
    return [
        facts(
            ("Content", words.digest(found.content)),
            ("Compared", words.time(found.checked_time)),
            ("Files", words.number(found.files)),
            ("Rows", words.number(found.rows)),
            ("Differences", differences),
            ("Of these by kind", by_kind),
        ),
        Table(
            ("Differs in", "Column", "Declared", "Found", "File", "Rows"),
            rows,
            f"{words.number(left)} more are not listed." if left > 0 else "",
        ),
    ]
