"""Which signed documents that are found in a store count as the operator's own. Pure.

A former key stays published for ever, for what it signed in its time. It may be known to somebody
by now, who dates a document as they like; but when a store took a version in says the store. So a
document counts when a key signed it that signs now, or one that was replaced, and the store has it
since a moment at which that key was valid and at which the operator could have written it.

What the operator wrote itself just before it died, and before the key was replaced, lies within
those bounds, and counts; so does what a former cluster wrote. What the status has on record by its
version counts whatever became of its key. A seal by a former key has to say what the operator has
on record as well, and where the present key signed another, that one is the seal.

What cannot be read by whoever has no key of its writer's own is nobody's of ours. What a store has
archived may be: unless it was written before the operator could, or so lately that no rule of the
bucket has moved it yet, nobody knows. Nor does anybody of what is denied, or encrypted with a key
that a service does not give: a right may be missing for a while. So both are waited for, but not
for ever (`Rule.gives_up`): else whoever lays one such version there keeps a seal from being made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from types import MappingProxyType
from typing import Final, Literal

from glovebox.errors import InvalidInput
from glovebox.evidence.envelope import PAYLOAD_TYPE, opened
from glovebox.evidence.keys import TrustBundle, TrustedKey
from glovebox.evidence.stated import defect_of_seal, read_stated
from glovebox.evidence.verification import is_statement_of

# By how much the clocks of a store and of the cluster may differ: S3 refuses requests beyond it.
CLOCKS: Final = timedelta(minutes=15)
# What is younger was archived by its writer: rules of a bucket move what lies there for days.
_ARCHIVED_AFTER: Final = timedelta(days=1)
# So long what cannot be read is waited for, from when it could have been read first: a key that was
# switched off, or a policy that was changed, is put right within a day.
UNREAD_WAIT: Final = timedelta(days=1)
# And so long where nothing of a run's results can be read, while the evidence beside them can: that
# is rather a right of the operator that is missing, which somebody has to notice first.
NONE_READ_WAIT: Final = timedelta(days=7)
# Why a version cannot be read: with a key that only its writer has, in an archive, because the
# store denies it, or a service its key.
Unread = Literal["", "EncryptedWithOtherKey", "Archived", "Denied", "KeyRefused"]
_SAID: Final[Mapping[Unread, str]] = MappingProxyType(
    {
        "EncryptedWithOtherKey": "is encrypted with a key that only its writer has",
        "Archived": "is archived",
        "Denied": "is denied by the store",
        "KeyRefused": "is encrypted with a key that the store cannot use",
    }
)


class Standing(IntEnum):
    """What a document is worth."""

    FOREIGN = 0
    """No published key signed it, or it is about something else."""
    UNKNOWN = 1
    """It cannot be read, and may be the operator's own."""
    NOT_COUNTED = 2
    """A published key signed it, at a time at which that is worth nothing."""
    FORMER = 3
    """It is the operator's own by a former key, unless the present key signed another."""
    COUNTS = 4
    """It is the operator's own."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A signed document as it lies in a store.

    Attributes:
        version_id: Of the version.
        envelope: Its bytes.
        written: Returns when the store took it in, by the store's clock; None when it does not say.
            Asked only where that decides.
        why_unread: Why it cannot be read, and then it has no bytes; empty where it was.
    """

    version_id: str
    envelope: bytes
    written: Callable[[], datetime | None]
    why_unread: Unread = ""


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
        digest: Identity of the Experiment, as it is on record; empty where it is not.
        outcome: How its run ended, as it is on record, and empty without a run; None where it is
            not known to be over. With the digest it bounds the seals of former keys alone.
        now: The time; None where nothing is written any more, and what is archived may be ours.
        gives_up: Whether what cannot be read was waited for long enough: it is passed over then,
            although it may be the operator's own. What is on record never is.
    """

    trust: TrustBundle
    payload_type: str = PAYLOAD_TYPE
    not_before: datetime | None = None
    with_former: bool = True
    recorded: str = ""
    digest: str = ""
    outcome: str | None = None
    now: datetime | None = None
    gives_up: bool = False


@dataclass(slots=True)
class Judge:
    """Says what documents are worth, and remembers of which it was in doubt.

    Args:
        rule: What counts.
        is_it: Whether an envelope is about the very thing that is looked for.
        defect: Returns what is wrong with one that is; an empty text where nothing is.
        disagrees: Returns in what one that a former key signed is not as the operator has it on
            record; an empty text where it is.

    Attributes:
        doubts: By version, what is wrong with a document that a published key signed.
        former: By version, what is told of one by a former key where another one counts.
        unread: By version, what is told of one that cannot be read.
        maybe_ours: Those of them that may be the operator's own: whatever is made instead names
            them.
        passed: By version, what is told of one of ours that a later one passed over.
        unlooked: What is told of versions that were too many to be looked at; empty for none.
    """

    rule: Rule
    is_it: Callable[[bytes], bool] = lambda _: True
    defect: Callable[[bytes], str] = lambda _: ""
    disagrees: Callable[[bytes, TrustedKey], str] = lambda *_: ""
    doubts: dict[str, str] = field(default_factory=dict)
    former: dict[str, str] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    maybe_ours: list[str] = field(default_factory=list)
    passed: dict[str, str] = field(default_factory=dict)
    unlooked: str = ""

    def __call__(  # noqa: PLR0911 - one way out for each thing that is asked
        self, stored: Stored
    ) -> Standing:
        """Return what a document is worth."""
        if stored.why_unread:
            return self._of_unread(stored)
        try:
            keys = opened(stored.envelope, self.rule.trust, self.rule.payload_type).keys
        except InvalidInput:
            return Standing.FOREIGN
        if not self.is_it(stored.envelope):
            return Standing.FOREIGN
        defect = self.defect(stored.envelope)
        if defect:
            signed = f"version {stored.version_id} is signed with the key {keys[0].key_id}"
            self.doubts[stored.version_id] = f"{signed}, and {defect}"
            return Standing.FOREIGN
        if self.rule.recorded:
            is_recorded = stored.version_id == self.rule.recorded
            return Standing.COUNTS if is_recorded else Standing.NOT_COUNTED
        if any(key.valid_until is None for key in keys):
            return Standing.COUNTS
        return self._of_former(stored, keys)

    def _of_former(self, stored: Stored, keys: Sequence[TrustedKey]) -> Standing:
        written, version = stored.written(), f"version {stored.version_id}"
        why = [
            _why_not(self.rule, key, written, self.disagrees(stored.envelope, key)) for key in keys
        ]
        if "" in why:
            said = _ended(keys[why.index("")])
            self.former[stored.version_id] = f"{version} {said}, and the present key signed another"
            return Standing.FORMER
        self.doubts[stored.version_id] = f"{version} {why[0]}"
        return Standing.NOT_COUNTED

    def doubts_beside(self, version: str) -> tuple[str, ...]:
        """Return what is told of signed documents beside the one that counts."""
        former = (told for each, told in self.former.items() if each != version)
        return (*self.doubts.values(), *former)

    def _of_unread(self, stored: Stored) -> Standing:
        if self.rule.recorded:
            is_recorded = stored.version_id == self.rule.recorded
            return Standing.UNKNOWN if is_recorded else Standing.FOREIGN
        said = f"version {stored.version_id} {_SAID[stored.why_unread]}"
        self.unread[stored.version_id] = said
        if stored.why_unread != "EncryptedWithOtherKey":
            # What came in an archive was most likely archived by its writer, and is named all the
            # same: a rule of the bucket may archive on the first day.
            self.maybe_ours.append(stored.version_id)
        if stored.why_unread == "EncryptedWithOtherKey" or self._is_too_young(stored):
            return Standing.FOREIGN
        if not self.rule.gives_up:
            return Standing.UNKNOWN
        self.unread[stored.version_id] = f"{said}, and was waited for without success"
        return Standing.FOREIGN

    def _is_too_young(self, stored: Stored) -> bool:
        """Return whether what is archived was so by its writer, and not by a rule of the bucket."""
        return stored.why_unread == "Archived" and not self._may_be_archived(stored)

    def _may_be_archived(self, stored: Stored) -> bool:
        """Return whether a rule of the bucket may have archived what is the operator's own."""
        written = stored.written() if self.rule.now is not None else None
        if written is None or self.rule.now is None:
            return True
        if self.rule.not_before is not None and written < self.rule.not_before - CLOCKS:
            return False
        return written < self.rule.now - _ARCHIVED_AFTER


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

    def disagrees(envelope: bytes, key: TrustedKey) -> str:
        return _why_other(rule, key, envelope)

    return Judge(
        rule,
        lambda envelope: is_statement_of(envelope, experiment, uid),
        defect_of_seal,
        disagrees,
    )


def _why_other(rule: Rule, key: TrustedKey, envelope: bytes) -> str:
    """Return in what a seal is not as the operator has it on record; else an empty text."""
    said = read_stated(envelope)
    signed = f"says that it was signed on {said.sealed.isoformat()}"
    if not key.is_valid_at(said.sealed):
        return f"{signed}, when that key was not valid"
    if rule.not_before is not None and said.sealed < rule.not_before - CLOCKS:
        return f"{signed}, when there was nothing to sign: not before {rule.not_before.isoformat()}"
    if rule.digest and said.digest != rule.digest:
        return f"is of the snapshot {said.digest}, and {rule.digest} was bound"
    if rule.outcome is not None and said.outcome != rule.outcome:
        ended = f"ended as `{rule.outcome}`" if rule.outcome else "is of no run"
        return f"says that the run ended as `{said.outcome}`, and it {ended}"
    return ""


def _ended(key: TrustedKey) -> str:
    if key.valid_until is None:
        raise ValueError(f"the key {key.key_id} signs now")
    return f"is signed with the key {key.key_id}, which ended on {key.valid_until.isoformat()}"


def _why_not(rule: Rule, key: TrustedKey, written: datetime | None, other: str) -> str:
    """Return why what a former key signed does not count; an empty text where it does."""
    said = _ended(key)
    if written is None:
        return f"{said}, and the store does not say since when it has it"
    since = f"{said}, and the store has it since {written.isoformat()}"
    if not key.is_valid_at(written):
        return f"{since}, when that key was not valid"
    if rule.not_before is not None and written < rule.not_before - CLOCKS:
        return f"{since}, when there was nothing to sign: not before {rule.not_before.isoformat()}"
    if other:
        return f"{said}, and {other}"
    if not rule.with_former:
        return f"{since}, and the operator has no record that it made it"
    return ""
