"""Proofs of a DatasetPin beyond listing: when one is due, what it may take, what it found.

The work is done by a task (`tasks/proof.py`) in parts: each takes what the store's budget allows
(`data/proof_budget.py`), and what it found is recorded with how far it came before the next part
begins. A proof is recorded as begun, a sample with its seed, before anything of it is read.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.pin_verification import LevelProof
from glovebox.controllers.looking import Look, earlier, seconds_after
from glovebox.controllers.ports import Ports
from glovebox.controllers.proof_claims import given_to, pinned_time, task_key
from glovebox.controllers.proof_demands import (
    due_on_request,
    intervals_of,
    remark_on_requests,
    requests_of,
)
from glovebox.controllers.proof_parts import ProofFound, go_on
from glovebox.data.proof_levels import PROVEN, Level, due_time, is_overdue, last_time
from glovebox.errors import GloveboxError
from glovebox.metrics.labels import PROOF_FINDINGS
from glovebox.status.dataset_pin import PinFacts
from glovebox.status.pin_proofs import (
    Standing,
    began,
    listing_findings,
    overdue,
    past_of,
    proofs_of,
    standing_findings,
    waiting,
    with_proofs,
)
from glovebox.status.text import format_time


async def look_at_proofs(
    ports: Ports, obj: Mapping[str, Any], pin: DatasetPin, look: Look, work_class: str
) -> Look:
    """Have the pin proven where that is due; return the look with what is known of it.

    Args:
        ports: The outside world.
        obj: The pin.
        pin: The same, parsed.
        look: What was found of its data.
        work_class: Whose places a proof takes.
    """
    now = ports.now()
    if pin.status.manifest is None:
        return _first(ports, obj, look, now)
    proofs = proofs_of(pin)
    intervals = intervals_of(ports, pin)
    dues = _dues(pin, proofs, intervals, now)
    wanted = [
        level
        for level in PROVEN
        if (level in proofs and proofs[level].current is not None) or dues[level] <= now
    ]
    if not wanted:
        ports.tasks.drop(task_key(pin))
        ports.allowances.pop(pin.uid, None)
        status = with_proofs(
            obj,
            look.status,
            proofs,
            Standing(),
            now,
            fields=_ended(obj, look),
            remark=remark_on_requests(pin),
        )
        wait = (min(dues.values()) - now).total_seconds()
        return replace(look, status=status, retry_seconds=earlier(look.retry_seconds, wait))
    given = given_to(ports, pin)
    # What runs is not ended for what costs less: it would begin its part again.
    level = given.level if given is not None and given.level in wanted else wanted[0]
    proof = proofs.get(level)
    if proof is None or proof.current is None:
        seed = _seed(ports) if level is Level.SAMPLE else ""
        proofs[level] = began(proof, level, now, seed)
        standing = _standing(pin, proofs, intervals, now)
        remark = remark_on_requests(pin)
        status = with_proofs(obj, look.status, proofs, standing, now, remark=remark)
        return replace(look, status=status, retry_seconds=0.0)
    try:
        found = await go_on(ports, pin, proofs, level, work_class)
    except GloveboxError as error:
        state = ports.tasks.get(task_key(pin))
        if state is None or state.phase == "Failed":
            # Nothing is taken while it cannot go on: others may have that.
            ports.allowances.pop(pin.uid, None)
        wait = seconds_after(error)
        found = ProofFound(proofs, error=error, retry_seconds=wait)
    return _recorded(ports, obj, pin, look, level, found, intervals)


def _first(ports: Ports, obj: Mapping[str, Any], look: Look, now: datetime) -> Look:
    """Say of a pin that was made by this look that it was proven by that."""
    if look.status is None or not look.status.get("manifest"):
        return look
    made = DatasetPin.model_validate({**obj, "status": look.status})
    proofs = proofs_of(made)
    status = with_proofs(obj, look.status, proofs, Standing(), now)
    first = min(_dues(made, proofs, intervals_of(ports, made), now).values())
    wait = max(0.0, (first - now).total_seconds())
    return replace(look, status=status, retry_seconds=earlier(look.retry_seconds, wait))


def _recorded(
    ports: Ports,
    obj: Mapping[str, Any],
    pin: DatasetPin,
    look: Look,
    level: Level,
    found: ProofFound,
    intervals: Mapping[Level, timedelta],
) -> Look:
    """Return the look that records what was found."""
    now = ports.now()
    fields: dict[str, Any] = _ended(obj, look) if found.progress is None else {}
    if found.progress is not None:
        fields["progress"] = found.progress
    judged = None
    if found.part is not None:
        if found.spent is not None:
            fields["budgetSpent"] = found.spent.model_dump(by_alias=True, mode="json")
        if level is Level.FULL and found.part.finished and found.proofs[level].findings is None:
            fields["verifiedTime"] = format_time(now)
        judged = _judged(pin, look, found.proofs, now)
    standing = (
        waiting(level, found.until)
        if found.until is not None
        else _standing(pin, found.proofs, intervals, now, found.error)
    )
    status = with_proofs(
        obj,
        look.status,
        found.proofs,
        standing,
        now,
        judged=judged,
        fields=fields,
        remark=remark_on_requests(pin),
    )
    look = replace(look, status=status)
    if found.part is None:
        return replace(look, retry_seconds=earlier(look.retry_seconds, found.retry_seconds))
    after = functools.partial(_count, ports, obj, pin, level, found, look.after)
    return replace(look, retry_seconds=0.0, after=after)


def _judged(
    pin: DatasetPin, look: Look, proofs: Mapping[Level, LevelProof], now: datetime
) -> PinFacts | None:
    """Return what the conditions follow from, where that is other than before."""
    before, after = standing_findings(proofs_of(pin)), standing_findings(proofs)
    if before == after or (not after and _is_unknown(pin)):
        return None
    status = look.status if look.status is not None else {}
    known = pin.status.findings
    listed = status.get("findings") if look.status is not None else None
    if look.status is None and known is not None:
        listed = known.model_dump(by_alias=True, mode="json")
    objects = pin.status.objects or 0
    return PinFacts(
        now, pinned=True, objects=objects, findings=listing_findings(listed), proofs=after
    )


def _is_unknown(pin: DatasetPin) -> bool:
    """Whether checks by listing fail: only one that ends says that the data are there."""
    verified = pin.status.condition(types.VERIFIED)
    return verified is not None and verified.status == types.UNKNOWN


def _ended(obj: Mapping[str, Any], look: Look) -> dict[str, Any]:
    """Return what takes the progress of a proof off that has ended."""
    status = look.status if look.status is not None else obj.get("status") or {}
    is_ours = (status.get("progress") or {}).get("phase") == "Proving"
    return {"progress": None} if is_ours else {}


def _count(
    ports: Ports,
    obj: Mapping[str, Any],
    pin: DatasetPin,
    level: Level,
    found: ProofFound,
    before: Callable[[], None],
) -> None:
    """Drop the task, whose part is recorded, and report it."""
    before()
    part = found.part
    assert part is not None  # noqa: S101 - told by the caller
    ports.tasks.drop(task_key(pin))
    ports.allowances.pop(pin.uid, None)
    ports.metrics.proof_bytes.labels(level.value).inc(part.bytes)
    ports.metrics.proof_requests.labels(level.value).inc(part.requests)
    for kind in PROOF_FINDINGS:
        ports.metrics.proof_findings.labels(level.value, kind).inc(getattr(part.findings, kind))
    if part.finished:
        result = "passed" if found.proofs[level].result == "Passed" else "found"
        ports.metrics.proofs.labels(level.value, result).inc()
    if not part.findings.clean:
        first = part.findings.details[0]
        message = (
            f"the proof `{level.value}` found {part.findings.summary()}; of `{first.path}` expected"
            f" {first.expected}, found {first.found}"
        )
        ports.events.warning(obj, reasons.PROOF_FOUND, message[:1024], action="Prove")


def _dues(
    pin: DatasetPin,
    proofs: Mapping[Level, LevelProof],
    intervals: Mapping[Level, timedelta],
    now: datetime,
) -> dict[Level, datetime]:
    past, pinned, asked = past_of(proofs, now), pinned_time(pin, now), requests_of(pin)
    return {
        level: due_on_request(
            due_time(level, past, intervals[level], pinned),
            last_time(level, past),
            asked.get(level),
        )
        for level in PROVEN
    }


def _standing(
    pin: DatasetPin,
    proofs: Mapping[Level, LevelProof],
    intervals: Mapping[Level, timedelta],
    now: datetime,
    error: GloveboxError | None = None,
) -> Standing:
    """Return whether a proof is overdue, and why.

    What somebody asks for is late once it has been under way for long, whatever moment they named.
    """
    past, pinned = past_of(proofs, now), pinned_time(pin, now)
    asked = _dues(pin, proofs, intervals, now)
    for level in PROVEN:
        due = due_time(level, past, intervals[level], pinned)
        current = proofs[level].current if level in proofs else None
        if current is not None and asked[level] < due:
            due = min(due, max(asked[level], current.started_time))
        if is_overdue(due, intervals[level], now):
            why = error.message if error is not None else "it has not ended yet"
            return overdue(level, due, why)
    return Standing()


def _seed(ports: Ports) -> str:
    """Return a seed that nobody knew before, in 32 hex digits."""
    chance = [ports.jitter().hex() for _ in range(4)]
    return hashlib.sha256(" ".join(chance).encode()).hexdigest()[:32]
