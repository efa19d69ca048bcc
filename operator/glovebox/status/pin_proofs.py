"""What proofs of a DatasetPin come to: one entry for each level, and what its conditions say. Pure.

What a proof found stands until a proof that looks at all the same finds nothing: another sample
says nothing of what this one did not read, so only a proof in full clears it. That a store does not
answer is no finding, and changes nothing but the age of the last proof.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.conditions import Answer
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.pin_checks import PinFindings
from glovebox.api.pin_verification import (
    MAX_NAMED,
    FoundObject,
    LevelProof,
    ProofFindings,
    ProofUnderWay,
)
from glovebox.data.compare import Difference, Findings
from glovebox.data.counting import counted
from glovebox.data.due import believed
from glovebox.data.proof_levels import Level, Past, ProofSlice, last_time
from glovebox.status.builder import StatusBuilder
from glovebox.status.dataset_pin import PinFacts, compute_conditions
from glovebox.status.text import format_time

CURRENT: Final = "each level was proven as recently as `spec.verification` says"
_PASSING: Final = (types.RECONCILING, types.STALLED)
_COUNTS: Final = ("changed", "missing", "unreadable", "weakened")


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether proofs are as recent as they have to be; no times but those that stay.

    Attributes:
        reason: `ProofsCurrent`, `WaitingForBudget` or `ProofOverdue`.
        message: For a person.
    """

    reason: str = reasons.PROOFS_CURRENT
    message: str = CURRENT

    @property
    def answer(self) -> Answer:
        """The condition's answer."""
        return types.TRUE if self.reason == reasons.PROOFS_CURRENT else types.FALSE


def proofs_of(pin: DatasetPin) -> dict[Level, LevelProof]:
    """Return what the status says of the levels that look at objects."""
    found = {Level(each.level): each for each in pin.status.verification}
    found.pop(Level.LIST, None)
    if Level.FULL not in found and pin.status.verified_time is not None:
        # It was read whole when it was pinned.
        found[Level.FULL] = LevelProof(
            level="Full",
            last_time=pin.status.verified_time,
            result="Passed",
            objects=pin.status.objects,
            bytes=pin.status.bytes,
        )
    return found


def past_of(proofs: Mapping[Level, LevelProof], now: datetime) -> dict[Level, Past]:
    """Return when each level was last proven, and whether that found something.

    Nobody knows when it was that a clock recorded which was ahead.
    """
    return {
        level: Past(believed(each.last_time, now), each.result == "Found")
        for level, each in proofs.items()
    }


def last_proof(pin: DatasetPin, level: Level, now: datetime) -> datetime | None:
    """Return when a pin was last proven at a level, or more strongly; None where nobody knows."""
    if level is Level.LIST:
        return believed(pin.status.listed_time, now)
    return last_time(level, past_of(proofs_of(pin), now))


def began(proof: LevelProof | None, level: Level, now: datetime, seed: str) -> LevelProof:
    """Return an entry whose proof has begun."""
    before = proof or LevelProof(level=level.value)
    under_way = ProofUnderWay(started_time=now.replace(microsecond=0), seed=seed)
    return before.model_copy(update={"current": under_way})


def advanced(
    proofs: Mapping[Level, LevelProof], level: Level, part: ProofSlice, now: datetime, locks: str
) -> dict[Level, LevelProof]:
    """Return the entries after a part of a proof, which may be its last.

    Args:
        proofs: As they were.
        level: Which went on.
        part: How far it came.
        now: When.
        locks: The record of locks that this proof writes; empty for none.
    """
    proof = proofs[level]
    current = proof.current
    assert current is not None  # noqa: S101 - told by the caller
    found = _merged(current.findings, part.findings)
    objects, size = current.objects + part.objects, current.bytes + part.bytes
    if not part.finished:
        update = {
            "objects": objects,
            "bytes": size,
            "after": part.after,
            "needs": part.needs,
            "waiting_until_time": None,
            "findings": found,
            "hidden_locks": current.hidden_locks + part.hidden_locks,
        }
        under_way = current.model_copy(update=update)
        return {**proofs, level: proof.model_copy(update={"current": under_way})}
    kept = proof.findings if level is Level.SAMPLE and found is None else found
    ended = LevelProof(
        level=level.value,
        last_time=now.replace(microsecond=0),
        result="Passed" if found is None else "Found",
        objects=objects,
        bytes=size,
        seed=current.seed,
        locks=locks or proof.locks,
        hidden_locks=current.hidden_locks + part.hidden_locks,
        findings=kept,
    )
    after = {**proofs, level: ended}
    sample = after.get(Level.SAMPLE)
    if level is Level.FULL and found is None and sample is not None:
        after[Level.SAMPLE] = sample.model_copy(update={"findings": None})
    full = after.get(Level.FULL)
    if level is Level.SAMPLE and found is not None and full is not None:
        after[Level.FULL] = _told_of(full, found)
    return after


def _told_of(full: LevelProof, found: ProofFindings) -> LevelProof:
    """Return a proof in full that knows what a sample found of objects it had passed by then.

    It does not look at them again: without this it would end with nothing, and take that back.
    """
    current = full.current
    if current is None or not current.after:
        return full
    passed = current.after.encode()
    behind = [each for each in found.objects if each.path.encode() <= passed]
    if sum(getattr(found, kind) for kind in _COUNTS) > len(found.objects):
        missed = found  # some have no name, so nobody knows where they are
    else:
        counts = {kind: sum(each.what == kind for each in behind) for kind in _COUNTS}
        missed = ProofFindings(**counts, objects=tuple(behind))
    if not any(getattr(missed, kind) for kind in _COUNTS):
        return full
    was = current.findings or ProofFindings()
    both = ProofFindings(
        **{kind: getattr(was, kind) + getattr(missed, kind) for kind in _COUNTS},
        objects=(*was.objects, *missed.objects)[:MAX_NAMED],
    )
    return full.model_copy(update={"current": current.model_copy(update={"findings": both})})


def standing_findings(proofs: Mapping[Level, LevelProof]) -> tuple[tuple[str, Findings], ...]:
    """Return what stands of what proofs found, by the word for the level."""
    said = []
    for level, each in proofs.items():
        under_way = each.current.findings if each.current is not None else None
        both = [_read(found) for found in (under_way, each.findings) if found is not None]
        # A shorter lock that is seen again takes nothing back of what cannot be read.
        broken = [found for found in both if not found.intact]
        if both:
            said.append((level.value, (broken or both)[0]))
    return tuple(said)


def listing_findings(recorded: Mapping[str, Any] | None) -> Findings:
    """Return what the last check by listing found, as `status.findings` says it."""
    found = PinFindings.model_validate(recorded or {})
    return Findings(
        changed=found.changed,
        missing=found.missing,
        hidden=found.hidden,
        extra=found.extra,
        unreadable=found.unreadable,
        samples=found.samples,
    )


def with_proofs(
    obj: Mapping[str, Any],
    found: Mapping[str, Any] | None,
    proofs: Mapping[Level, LevelProof],
    standing: Standing,
    now: datetime,
    *,
    judged: PinFacts | None = None,
    fields: Mapping[str, Any] | None = None,
    remark: str = "",
) -> dict[str, Any] | None:
    """Return a status that says how a pin was proven; `found` where that is no news.

    Args:
        obj: The pin.
        found: The status that its own look came to; None where it leaves what there is.
        proofs: The entries as they are now.
        standing: Whether they are as recent as they have to be.
        now: The present time.
        judged: What Verified, DriftDetected and Ready follow from, where proofs changed that.
        fields: What else the status records; None takes a field away.
        remark: What else a person should know of it, to go behind the message.
    """
    before: Mapping[str, Any] = found if found is not None else obj.get("status") or {}
    own = [each["type"] for each in _conditions(before)]
    passing = [each for each in _conditions(before) if each["type"] in _PASSING]
    lasting = [each for each in own if each not in _PASSING]
    if types.PROOFS_CURRENT not in lasting:
        lasting.append(types.PROOFS_CURRENT)
    generation = obj["metadata"].get("generation", 0)
    # The look of the data itself leaves the condition out: it stands as it was.
    recorded = [
        each
        for each in _conditions(obj.get("status") or {})
        if each["type"] == types.PROOFS_CURRENT
    ]
    known = [] if types.PROOFS_CURRENT in own else recorded
    previous = {**before, "conditions": [*_conditions(before), *known]}
    builder = StatusBuilder(previous, generation, lasting, now)
    message = f"{standing.message}{_hidden_locks(proofs)}{remark}"
    builder.mark(types.PROOFS_CURRENT, standing.answer, standing.reason, message)
    verdicts = compute_conditions(judged) if judged is not None else []
    for verdict in verdicts:
        builder.mark(verdict.type, verdict.status, verdict.reason, verdict.message)
    builder.set(verification=_rendered(before, proofs) or None, **(fields or {}))
    status = builder.render()
    status["observedGeneration"] = before.get("observedGeneration", generation)
    if not verdicts:  # else what goes on, or needs a person, was just said
        status["conditions"] = [*status["conditions"], *passing]
    return dict(status) if status != before else dict(found) if found is not None else None


def _hidden_locks(proofs: Mapping[Level, LevelProof]) -> str:
    """Return what is said where locks are not compared because the store does not show them."""
    head = proofs.get(Level.HEAD)
    hidden = head.hidden_locks if head is not None else 0
    if not hidden:
        return ""
    return (
        f"; the store did not show the locks of {counted(hidden, 'object')}, so of these a lock"
        " that is shortened is not found: grant s3:GetObjectRetention on the source"
    )


def _conditions(status: Mapping[str, Any]) -> list[Any]:
    return list(status.get("conditions") or ())


def _rendered(
    before: Mapping[str, Any], proofs: Mapping[Level, LevelProof]
) -> list[dict[str, Any]]:
    said = [_listing(before)] if before.get("listedTime") else []
    said += [
        each.model_dump(by_alias=True, mode="json", exclude_none=True, exclude_defaults=True)
        | {"level": level.value}
        for level, each in sorted(proofs.items(), key=lambda item: list(Level).index(item[0]))
    ]
    return said


def _listing(before: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "level": Level.LIST.value,
        "lastTime": before["listedTime"],
        "result": "Found" if before.get("findings") else "Passed",
        "objects": before.get("objects", 0),
    }


def _merged(before: ProofFindings | None, found: Findings) -> ProofFindings | None:
    """Return what was found of a proof so far, or None where that is nothing."""
    if before is None and found.clean:
        return None
    was = before or ProofFindings()
    counts = {name: getattr(was, name) + getattr(found, name) for name in _COUNTS}
    named = (*was.objects, *(_named(each) for each in found.details))[:MAX_NAMED]
    return ProofFindings(**counts, objects=named)


def _named(each: Difference) -> FoundObject:
    return FoundObject(
        path=each.path[:1024],
        what=each.kind,
        expected=each.expected[:512],
        found=each.found[:512],
    )


def _read(found: ProofFindings) -> Findings:
    counts = {name: getattr(found, name) for name in _COUNTS}
    samples = tuple(f"{each.what} {each.path}" for each in found.objects)
    details = tuple(
        Difference(each.what, each.path, each.expected, each.found) for each in found.objects
    )
    return Findings(**counts, samples=samples, details=details)


def waiting(level: Level, until: datetime) -> Standing:
    """Return that a proof waits for budget."""
    return Standing(
        reasons.WAITING_FOR_BUDGET,
        f"the proof `{level.value}` waits for the budget of the ObjectStore"
        f" (`spec.verification.budget`) until {format_time(until)}",
    )


def overdue(level: Level, due: datetime, why: str) -> Standing:
    """Return that a proof should have ended long ago."""
    return Standing(
        reasons.PROOF_OVERDUE, f"the proof `{level.value}` was due at {format_time(due)}: {why}"
    )
