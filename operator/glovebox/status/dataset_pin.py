"""What the conditions of a DatasetPin say: facts in, conditions out, nothing else.

The rule behind all of it: what was verified stays verified until the store gives a definite answer
against it. A store that does not answer says nothing about the data, so it changes no condition
before a grace time, and then only to Unknown. What is not returned stays as it is, with its reason
and its generation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.conditions import Answer
from glovebox.data.compare import Findings
from glovebox.data.counting import counted
from glovebox.errors import GloveboxError, InvalidInput, NotReady
from glovebox.status.builder import StatusBuilder
from glovebox.status.findings import COUNTED, describe_all
from glovebox.status.outcome import GRACE, Grace, of_error
from glovebox.status.summary import summarise

CONDITIONS: Final = (
    types.READY,
    types.VERIFIED,
    types.DRIFT_DETECTED,
    types.PROVENANCE_COMPLETE,
)
READY: Final = (reasons.VERIFIED, "every object was read and matches the manifest")
VERIFYING: Final = "every object is being read and hashed; `status.progress` says how far it is"
NO_DRIFT: Final = "the store holds what is pinned"
# Errors of a check that speak of the pin itself, not of the way to it.
_DEFINITE: Final = frozenset(
    {reasons.MANIFEST_DIFFERS, reasons.MANIFEST_INVALID, reasons.OBJECT_NOT_FOUND}
)


@dataclass(frozen=True, slots=True)
class PinFacts:
    """What is known of a pin at one moment.

    Attributes:
        now: The moment.
        pinned: Whether a manifest is recorded: every byte was read once.
        objects: How many objects are pinned, or were just now.
        bytes: Their size.
        built: Whether the pin was made just now.
        recalled: Whether it was made of what the store has on record, by listing.
        part: Which part of a split it is, in words, where it was made of that.
        sealed: Whose artifacts it is, by a seal, in words, where it was made of that.
        folder_markers: How many markers of folders were left out, of a pin that was made just now.
        findings: What a check found just now; None when none ended.
        proofs: What stands of what proofs by other ways than listing found, each with its level.
        answered: Whether what an attempt met is recorded for this generation, and none has
            reported since: after a restart it is tried again, and mostly meets the same.
        remark: What a person should know of a pin that is well, to go behind the message.
        error: Why the latest attempt failed; None when it did not, or has begun again and is well.
        failures: How many attempts failed in a row.
        failing_since: When the first of them failed.
        grace: How long a verified pin whose checks fail keeps its conditions.
    """

    now: datetime
    pinned: bool
    objects: int = 0
    bytes: int = 0
    built: bool = False
    recalled: bool = False
    part: str = ""
    sealed: str = ""
    folder_markers: int = 0
    findings: Findings | None = None
    proofs: tuple[tuple[str, Findings], ...] = ()
    answered: bool = False
    remark: str = ""
    error: GloveboxError | None = None
    failures: int = 0
    failing_since: datetime | None = None
    grace: Grace = GRACE


@dataclass(frozen=True, slots=True)
class Verdict:
    """One condition as it shall be."""

    type: str
    status: Answer
    reason: str
    message: str


def compute_status(
    obj: Mapping[str, Any], facts: PinFacts, fields: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the status of a pin: the conditions that the facts settle, with these fields."""
    generation = obj["metadata"].get("generation", 0)
    builder = StatusBuilder(obj.get("status"), generation, CONDITIONS, facts.now)
    verdicts = compute_conditions(facts)
    if facts.answered and not verdicts:
        return dict(obj["status"])
    for verdict in verdicts:
        builder.mark(verdict.type, verdict.status, verdict.reason, verdict.message)
    if facts.pinned and not verdicts:
        # A check that goes on takes nothing back of what the one before has found.
        builder.keep(types.STALLED)
    builder.set(**fields)
    return builder.render()


def compute_refused_status(
    obj: Mapping[str, Any], error: InvalidInput, now: datetime
) -> dict[str, Any]:
    """Return the status of a pin that cannot be read."""
    generation = obj["metadata"].get("generation", 0)
    builder = StatusBuilder(obj.get("status"), generation, CONDITIONS, now)
    summarise(builder, of_error(error), (), READY)
    return builder.render()


def compute_conditions(facts: PinFacts) -> list[Verdict]:
    """Return the conditions that these facts settle; all others stay as they are."""
    if facts.built:
        words = f"{counted(facts.objects, 'object')} with {counted(facts.bytes, 'byte')}"
        how = "there as they were pinned before, by the store's record" if facts.recalled else ""
        how = f"there: {facts.part}" if facts.part else how
        sealed = f": {facts.sealed}" if facts.sealed else ""
        markers = counted(facts.folder_markers, "folder marker")
        without = f"; {markers} left out" if facts.folder_markers else ""
        message = f"{words} {how or 'read and hashed'}{sealed}{without}{facts.remark}"
        return [
            Verdict(types.VERIFIED, types.TRUE, reasons.VERIFIED, message),
            Verdict(types.DRIFT_DETECTED, types.FALSE, reasons.NO_DRIFT, NO_DRIFT),
            *_ready(),
        ]
    if not facts.pinned:
        return [] if facts.answered and facts.error is None else _unpinned(facts.error)
    if facts.findings is not None:
        return _checked(facts)
    return _failing(facts)


def finding_counts(findings: Findings) -> dict[str, object] | None:
    """Return `status.findings`, or None when there is nothing to report."""
    if findings.clean:
        return None
    counts: dict[str, object] = {name: getattr(findings, name) for name in COUNTED}
    objects = [
        {
            "path": each.path[:1024],
            "what": each.kind,
            "expected": each.expected[:512],
            "found": each.found[:512],
        }
        for each in findings.details
    ]
    named: dict[str, object] = {"objects": objects} if objects else {}
    return {**counts, "samples": list(findings.samples), **named}


def _ready() -> list[Verdict]:
    return [Verdict(types.READY, types.TRUE, *READY)]


def _unpinned(error: GloveboxError | None) -> list[Verdict]:
    if error is None:
        return [
            Verdict(types.VERIFIED, types.UNKNOWN, reasons.VERIFYING, VERIFYING),
            Verdict(types.READY, types.FALSE, reasons.VERIFYING, VERIFYING),
            Verdict(types.RECONCILING, types.TRUE, reasons.VERIFYING, VERIFYING),
        ]
    reason, message = error.reason, error.message
    verified: Answer
    if isinstance(error, InvalidInput):
        verified, also = types.FALSE, Verdict(types.STALLED, types.TRUE, reason, message)
    else:
        why = reasons.PENDING if isinstance(error, NotReady) else reason
        verified, also = types.UNKNOWN, Verdict(types.RECONCILING, types.TRUE, why, message)
    return [
        Verdict(types.VERIFIED, verified, reason, message),
        Verdict(types.READY, types.FALSE, reason, message),
        also,
    ]


def _checked(facts: PinFacts) -> list[Verdict]:
    findings = facts.findings
    assert findings is not None  # noqa: S101 - told by the caller
    found = [each for each in (("", findings), *facts.proofs) if not each[1].clean]
    if not found:
        message = f"{counted(facts.objects, 'object')} in the store as pinned{facts.remark}"
        return [
            Verdict(types.VERIFIED, types.TRUE, reasons.VERIFIED, message),
            Verdict(types.DRIFT_DETECTED, types.FALSE, reasons.NO_DRIFT, NO_DRIFT),
            *_ready(),
        ]
    reason, message = describe_all(found)
    drift = Verdict(types.DRIFT_DETECTED, types.TRUE, reason, message)
    if all(each.intact for _, each in found):
        # What lies over or beside a pinned version harms no read by version id.
        beside = f"all pinned versions are there; beside them: {message}"
        return [Verdict(types.VERIFIED, types.TRUE, reasons.VERIFIED, beside), drift, *_ready()]
    return [
        Verdict(types.VERIFIED, types.FALSE, reason, message),
        drift,
        Verdict(types.READY, types.FALSE, reason, message),
        # Nothing goes on that could heal it: somebody brings the data back, or pins others.
        Verdict(types.STALLED, types.TRUE, reason, message),
    ]


def _failing(facts: PinFacts) -> list[Verdict]:
    error = facts.error
    if error is None:
        return []
    if error.reason in _DEFINITE:
        return [
            Verdict(types.VERIFIED, types.FALSE, error.reason, error.message),
            Verdict(types.READY, types.FALSE, error.reason, error.message),
            Verdict(types.STALLED, types.TRUE, error.reason, error.message),
        ]
    if error.reason == reasons.NOT_GRANTED:
        # What was verified is what it was; nothing new may be bound to it.
        return [
            Verdict(types.READY, types.FALSE, error.reason, error.message),
            Verdict(types.STALLED, types.TRUE, error.reason, error.message),
        ]
    since, grace = facts.failing_since, facts.grace
    if since is None or facts.now - since < timedelta(seconds=grace.seconds):
        return []
    if facts.failures < grace.attempts:
        return []
    # No count and no moment: an unchanging answer is written once.
    message = (
        "the checks of the pin fail, so it is not known whether the data are there:"
        f" {error.message}"
    )
    return [
        Verdict(types.VERIFIED, types.UNKNOWN, reasons.CHECKS_FAILING, message),
        # Nobody knows whether what was Ready still is.
        Verdict(types.READY, types.UNKNOWN, reasons.CHECKS_FAILING, message),
        Verdict(types.RECONCILING, types.TRUE, reasons.CHECKS_FAILING, message),
    ]
