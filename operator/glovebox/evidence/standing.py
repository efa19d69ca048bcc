"""Which signed documents that are found in a store count as the operator's own. Pure.

A former key stays published for ever, for what it signed in its time. It may be known to somebody
by now, who dates a document as they like; but when a store took a version in says the store. So a
document counts when a key signed it that signs now, or one that was replaced, and the store has it
since a moment at which that key was valid and at which the operator could have written it.

What the operator wrote itself just before it died, and before the key was replaced, lies within
those bounds, and counts; so does what a former cluster wrote. What the status has on record by its
version counts whatever became of its key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final

from glovebox.errors import InvalidInput
from glovebox.evidence.envelope import PAYLOAD_TYPE, opened
from glovebox.evidence.keys import TrustBundle, TrustedKey
from glovebox.evidence.verification import is_statement_of

# By how much the clocks of a store and of the cluster may differ: S3 refuses requests beyond it.
CLOCKS: Final = timedelta(minutes=15)


class Standing(IntEnum):
    """What a document is worth."""

    FOREIGN = 0
    """No published key signed it, or it is about something else."""
    NOT_COUNTED = 1
    """A published key signed it, at a time at which that is worth nothing."""
    COUNTS = 2
    """It is the operator's own."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A signed document as it lies in a store.

    Attributes:
        version_id: Of the version.
        envelope: Its bytes.
        written: Returns when the store took it in, by the store's clock; None when it does not say.
            Asked only where that decides.
    """

    version_id: str
    envelope: bytes
    written: Callable[[], datetime | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """Whose documents count, and since when there can be one.

    Attributes:
        trust: The published keys, with their validity.
        payload_type: Of the envelopes.
        not_before: The operator wrote none of that kind before, as its own record has it; None when
            it has none. It bounds former keys alone.
        with_former: Whether what a key signed that was replaced counts at all.
        recorded: The version that is on record as the one that counts; then it alone does.
    """

    trust: TrustBundle
    payload_type: str = PAYLOAD_TYPE
    not_before: datetime | None = None
    with_former: bool = True
    recorded: str = ""


@dataclass(slots=True)
class Judge:
    """Says what documents are worth, and remembers of which it was in doubt.

    Args:
        rule: What counts.
        is_it: Whether an envelope is about the very thing that is looked for.

    Attributes:
        doubts: By version, what is wrong with a document that a published key signed.
    """

    rule: Rule
    is_it: Callable[[bytes], bool] = lambda _: True
    doubts: dict[str, str] = field(default_factory=dict)

    def __call__(self, stored: Stored) -> Standing:
        """Return what a document is worth."""
        try:
            keys = opened(stored.envelope, self.rule.trust, self.rule.payload_type).keys
        except InvalidInput:
            return Standing.FOREIGN
        if not self.is_it(stored.envelope):
            return Standing.FOREIGN
        if self.rule.recorded:
            is_recorded = stored.version_id == self.rule.recorded
            return Standing.COUNTS if is_recorded else Standing.NOT_COUNTED
        if any(key.valid_until is None for key in keys):
            return Standing.COUNTS
        written = stored.written()
        why = [_why_not(self.rule, key, written) for key in keys]
        if "" in why:
            return Standing.COUNTS
        self.doubts[stored.version_id] = f"version {stored.version_id} {why[0]}"
        return Standing.NOT_COUNTED


def judge_of_seal(rule: Rule, experiment: str, uid: str) -> Judge:
    """Return what says whether a document is the seal of this very Experiment.

    The seal of another one is as good a signature: whoever may write to the bucket can copy it. And
    a UID alone is what a record in the bucket says: an Experiment that takes over what another one
    did has its results sealed under the UID that is written there.

    Args:
        rule: What counts.
        experiment: `namespace/name`.
        uid: The Experiment's UID.
    """
    return Judge(rule, lambda envelope: is_statement_of(envelope, experiment, uid))


def _why_not(rule: Rule, key: TrustedKey, written: datetime | None) -> str:
    """Return why what a former key signed does not count; an empty text where it does."""
    if key.valid_until is None:
        raise ValueError(f"the key {key.key_id} signs now")
    said = f"is signed with the key {key.key_id}, which ended on {key.valid_until.isoformat()}"
    if written is None:
        return f"{said}, and the store does not say since when it has it"
    said = f"{said}, and the store has it since {written.isoformat()}"
    if not key.is_valid_at(written):
        return f"{said}, when that key was not valid"
    if rule.not_before is not None and written < rule.not_before - CLOCKS:
        return f"{said}, when there was nothing to sign: not before {rule.not_before.isoformat()}"
    if not rule.with_former:
        return f"{said}, and the operator has no record that it made it"
    return ""
