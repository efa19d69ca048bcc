"""The conditions of a FeatureSetPin: how its check ended in, status out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.validity import Validity
from glovebox.data.counting import counted
from glovebox.status.builder import StatusBuilder
from glovebox.status.built_features import BuiltFacts, mark_built
from glovebox.status.materialized import SchemaFacts, mark_schema
from glovebox.status.outcome import Outcome, Verdict
from glovebox.status.retiring import Successor, mark_retiring, seconds_until_it_changes
from glovebox.status.summary import summarise
from glovebox.status.text import format_time

CONDITIONS: Final = (types.READY, types.VERIFIED, types.RETIRING)
READY: Final = (reasons.VERIFIED, "the definitions are complete and their inputs are as pinned")


@dataclass(frozen=True, slots=True)
class FeatureFacts:
    """What a check found that came to its end.

    Attributes:
        digest: Of all definitions and their inputs.
        features: How many there are.
        hashed_names: The hash of each name, by the name; empty where there is no key for it.
        inputs: The content root of each dataset, by the input's name.
        validity: When the definitions may be used; None for always.
        remark: What a person should know of a pin that is well, to go behind the message.
        content: The content root of the values; empty where the pin names none.
        successor: The pin that takes its place, if one does.
        used_by: `status.usedBy`; None while nobody uses the definitions.
        built: Which sealed run wrote the values; None where none is known to have.
    """

    digest: str
    features: int
    hashed_names: Mapping[str, str]
    inputs: Mapping[str, str]
    validity: Validity | None = None
    remark: str = ""
    content: str = ""
    successor: Successor | None = None
    used_by: dict[str, Any] | None = None
    built: BuiltFacts | None = None


def compute_status(
    obj: Mapping[str, Any], outcome: Outcome, now: datetime, schema: SchemaFacts | None = None
) -> dict[str, Any]:
    """Return the status that one look at a pin comes to.

    Args:
        obj: The pin as it was read.
        outcome: How the check ended; its facts are `FeatureFacts` when it is done.
        now: The present time, by which the validity is judged.
        schema: What is known of the values; None where the pin names none, or the check did not
            come to them.
    """
    generation = obj["metadata"].get("generation", 0)
    has_values = bool((obj.get("spec") or {}).get("materialized"))
    more = (types.SCHEMA_MATCHES,) if has_values else ()
    built = outcome.facts.built if isinstance(outcome.facts, FeatureFacts) else None
    known = (obj.get("status") or {}).get("conditions") or ()
    if built is not None or any(each["type"] == types.BUILT_FROM_INPUTS for each in known):
        more = (types.BUILT_FROM_INPUTS, *more)
    builder = StatusBuilder(obj.get("status"), generation, (*CONDITIONS, *more), now)
    if isinstance(outcome.facts, FeatureFacts):
        _record(builder, obj, outcome.facts, now)
        _mark_verified(builder, outcome.facts, now)
        mark_retiring(builder, outcome.facts.validity, outcome.facts.successor, now)
    elif outcome.verdict in {Verdict.REFUSED, Verdict.WAITING}:
        builder.mark_false(types.VERIFIED, outcome.reason, outcome.message)
    if has_values:
        mark_schema(builder, schema)
    if built is not None:
        mark_built(builder, built)
    summarise(builder, outcome, (types.VERIFIED, *more), READY)
    return builder.render()


def seconds_until_it_turns(
    validity: Validity | None, now: datetime, successor: Successor | None = None
) -> float | None:
    """Return in how many seconds something else is to be said; None when it stays as it is."""
    begins = validity.not_before_time if validity is not None else None
    early = (begins - now).total_seconds() if begins is not None and begins > now else None
    turns = (early, seconds_until_it_changes(validity, successor, now))
    return min((each for each in turns if each is not None), default=None)


def _record(
    builder: StatusBuilder, obj: Mapping[str, Any], facts: FeatureFacts, now: datetime
) -> None:
    if not (obj.get("status") or {}).get("digest"):
        builder.set(verifiedTime=format_time(now))
    builder.set(
        digest=facts.digest,
        features=facts.features,
        hashedNames=[{"name": name, "hash": value} for name, value in facts.hashed_names.items()]
        or None,
        inputs=[{"name": name, "digest": value} for name, value in facts.inputs.items()],
        usedBy=facts.used_by,
    )


def _mark_verified(builder: StatusBuilder, facts: FeatureFacts, now: datetime) -> None:
    validity = facts.validity
    if validity is not None and validity.is_early(now) and validity.not_before_time is not None:
        begins = format_time(validity.not_before_time)
        message = f"the definitions may be used from {begins} on"
        builder.mark_false(types.VERIFIED, reasons.NOT_YET_VALID, message)
        return
    if validity is not None and validity.is_over(now) and validity.not_after_time is not None:
        ended = format_time(validity.not_after_time)
        message = f"the definitions expired at {ended}; pin their successor"
        builder.mark_false(types.VERIFIED, reasons.EXPIRED, message)
        return
    message = (
        f"{counted(facts.features, 'definition')} over"
        f" {counted(len(facts.inputs), 'pinned input')} complete{facts.remark}"
    )
    builder.mark_true(types.VERIFIED, reasons.VERIFIED, message)
