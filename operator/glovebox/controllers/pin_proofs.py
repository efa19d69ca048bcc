"""Proofs of a DatasetPin beyond listing: when one is due, what it may take, what it found.

The work is done by a task (`tasks/proof.py`) in parts: each takes what the store's budget allows
(`data/proof_budget.py`), and what it found is recorded with how far it came before the next part
begins. A proof is recorded as begun, a sample with its seed, before anything of it is read.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import ValidationError

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.object_store import ObjectStore
from glovebox.api.pin_verification import BudgetSpent, LevelProof, ProofUnderWay
from glovebox.controllers.asked_tasks import ensure_answer
from glovebox.controllers.looking import Look, earlier, seconds_after
from glovebox.controllers.pin_progress import pin_progress
from glovebox.controllers.pin_sources import is_locked
from glovebox.controllers.pin_tables import read_pinned
from glovebox.controllers.ports import Ports
from glovebox.controllers.proof_demands import (
    due_on_request,
    intervals_of,
    remark_on_requests,
    requests_of,
)
from glovebox.controllers.store_connections import note_refusal
from glovebox.data.proof_budget import Allowance, Claim, Cost, Given, day_of, next_day, share
from glovebox.data.proof_levels import PROVEN, Level, ProofSlice, due_time, is_overdue, last_time
from glovebox.engine.tasks import TaskKey, TaskState
from glovebox.errors import GloveboxError
from glovebox.kube.kinds import DATASET_PIN
from glovebox.kube.resources import Key
from glovebox.metrics.engine import PROOF_FINDINGS
from glovebox.status.dataset_pin import PinFacts
from glovebox.status.pin_proofs import (
    Standing,
    advanced,
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
from glovebox.store.connection import Store
from glovebox.store.pin_proofs import ProofPlan
from glovebox.tasks.proof import PROVE, LockBooks, ProofRequest, prove_dataset
from glovebox.tasks.proof_question import ProofQuestion

# What one task takes at most: so much is lost by an interruption, and so long others wait.
_MOST: Final = Cost(64 << 30, 100_000)
# Budgets are changed and others give up: a pin that waits asks again so often.
_ASK_AGAIN_SECONDS: Final = 600.0


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
    dues = _dues(pin, proofs, intervals)
    wanted = [
        level
        for level in PROVEN
        if (level in proofs and proofs[level].current is not None) or dues[level] <= now
    ]
    if not wanted:
        ports.tasks.drop(_key(pin))
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
    given = _given(ports, pin)
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
        found = await _go_on(ports, pin, proofs, level, work_class)
    except GloveboxError as error:
        state = ports.tasks.get(_key(pin))
        if state is None or state.phase == "Failed":
            # Nothing is taken while it cannot go on: others may have that.
            ports.allowances.pop(pin.uid, None)
        wait = seconds_after(error)
        found = _Found(proofs, error=error, retry_seconds=wait)
    return _recorded(ports, obj, pin, look, level, found, intervals)


def _first(ports: Ports, obj: Mapping[str, Any], look: Look, now: datetime) -> Look:
    """Say of a pin that was made by this look that it was proven by that."""
    if look.status is None or not look.status.get("manifest"):
        return look
    made = DatasetPin.model_validate({**obj, "status": look.status})
    proofs = proofs_of(made)
    status = with_proofs(obj, look.status, proofs, Standing(), now)
    first = min(_dues(made, proofs, intervals_of(ports, made)).values())
    wait = max(0.0, (first - now).total_seconds())
    return replace(look, status=status, retry_seconds=earlier(look.retry_seconds, wait))


@dataclass(frozen=True, slots=True)
class _Found:
    """What one look at a proof found.

    Attributes:
        proofs: The entries as they are now.
        part: What a task came to, that is recorded now.
        spent: What was taken of the budget today, with it.
        until: When there is budget again; None while it does not wait for any.
        error: Why the latest attempt failed.
        progress: `status.progress` of the task.
        retry_seconds: When to look again; None when the task wakes us.
    """

    proofs: Mapping[Level, LevelProof]
    part: ProofSlice | None = None
    spent: BudgetSpent | None = None
    until: datetime | None = None
    error: GloveboxError | None = None
    progress: dict[str, Any] | None = None
    retry_seconds: float | None = None


def _recorded(
    ports: Ports,
    obj: Mapping[str, Any],
    pin: DatasetPin,
    look: Look,
    level: Level,
    found: _Found,
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
    found: _Found,
    before: Callable[[], None],
) -> None:
    """Drop the task, whose part is recorded, and report it."""
    before()
    part = found.part
    assert part is not None  # noqa: S101 - told by the caller
    ports.tasks.drop(_key(pin))
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
    pin: DatasetPin, proofs: Mapping[Level, LevelProof], intervals: Mapping[Level, timedelta]
) -> dict[Level, datetime]:
    past, pinned, asked = past_of(proofs), _pinned(pin), requests_of(pin)
    return {
        level: due_on_request(
            due_time(level, past, intervals[level], pinned),
            last_time(level, past),
            asked.get(level),
        )
        for level in PROVEN
    }


def _pinned(pin: DatasetPin) -> datetime:
    status = pin.status
    created = pin.metadata.creation_timestamp
    moment = status.verified_time or created or status.listed_time
    assert moment is not None  # noqa: S101 - the API server sets it
    return moment


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
    past, pinned = past_of(proofs), _pinned(pin)
    asked = _dues(pin, proofs, intervals)
    for level in PROVEN:
        due = due_time(level, past, intervals[level], pinned)
        current = proofs[level].current if level in proofs else None
        if current is not None and asked[level] < due:
            due = min(due, max(asked[level], current.started_time))
        if is_overdue(due, intervals[level], now):
            why = error.message if error is not None else "it has not ended yet"
            return overdue(level, due, why)
    return Standing()


async def _go_on(
    ports: Ports,
    pin: DatasetPin,
    proofs: Mapping[Level, LevelProof],
    level: Level,
    work_class: str,
) -> _Found:
    """Have the next part of a proof; return what is known of it.

    Raises:
        NotReady: The store is missing, or not ready.
        GloveboxError: The store cannot be opened, or nothing of it may be read.
    """
    proof = proofs[level]
    current = proof.current
    assert current is not None  # noqa: S101 - told by the caller
    opened: dict[Store, ObjectStore] = {}
    pinned = await read_pinned(ports, pin, opened)
    store = opened[pinned.store]
    allowance = _allowance(ports, pin, store, proofs, level)
    if allowance is None:
        until = next_day(ports.now())
        held = current.model_copy(update={"waiting_until_time": until})
        kept = {**proofs, level: proof.model_copy(update={"current": held})}
        seconds = (until - ports.now()).total_seconds()
        return _Found(kept, until=until, retry_seconds=min(_ASK_AGAIN_SECONDS, seconds))
    locks = _record_name(current)
    request = ProofRequest(
        pin.uid,
        pinned.store,
        pinned.source,
        pinned.manifest,
        ProofPlan(
            level,
            pin.status.pin_digest,
            allowance.most,
            seed=current.seed,
            sample=pin.spec.verification.sample_objects,
            sample_bytes=pin.spec.verification.sample_bytes,
            after=current.after,
            is_first=allowance.is_first,
        ),
        format_time(current.started_time),
        done=current.objects,
        objects=_number(pin, level),
        bytes=pin.status.bytes,
        locks=LockBooks(proof.locks, locks, store.spec.artifacts.bucket, is_locked(store)),
        access=pinned.access,
    )
    ports.allowances[pin.uid] = Given(store.name, level, allowance)
    state = _ensure(ports, pin, request, store, work_class)
    if state.result is None:
        if state.phase == "Failed":
            note_refusal(ports, state.error)
            ports.allowances.pop(pin.uid, None)  # it takes nothing before it is tried again
        held = current.model_copy(update={"waiting_until_time": None})
        going = {**proofs, level: proof.model_copy(update={"current": held})}
        return _Found(going, error=state.error, progress=pin_progress(ports, state))
    part = state.result
    spent = _with_spent(pin.status.budget_spent, allowance.date, part)
    after = advanced(proofs, level, part, ports.now(), locks if level is Level.HEAD else "")
    return _Found(after, part=part, spent=spent)


def _record_name(current: ProofUnderWay) -> str:
    return current.started_time.strftime("%Y%m%dT%H%M%SZ")


def _with_spent(before: BudgetSpent | None, date: str, part: ProofSlice) -> BudgetSpent:
    was = before if before is not None and before.date == date else BudgetSpent(date=date)
    return BudgetSpent(
        date=date, bytes=was.bytes + part.bytes, requests=was.requests + part.requests
    )


def _number(pin: DatasetPin, level: Level) -> int:
    objects = pin.status.objects or 0
    return min(objects, pin.spec.verification.sample_objects) if level is Level.SAMPLE else objects


def _allowance(
    ports: Ports,
    pin: DatasetPin,
    store: ObjectStore,
    proofs: Mapping[Level, LevelProof],
    level: Level,
) -> Allowance | None:
    """Return what the next part may take; what is under way goes on with what it was given."""
    given = _given(ports, pin)
    if given is not None and given.level is level:
        return given.allowance
    own = _claim(pin, proofs, level)
    spent: dict[str, Cost] = {}
    others: list[Claim] = []
    known: dict[str, str] = {}
    for other in _pins_of(ports, store.name):
        known[other.uid] = other.namespace
        was = other.status.budget_spent
        if was is not None and was.date == day_of(ports.now()):
            before = spent.get(other.namespace, Cost())
            spent[other.namespace] = before + Cost(was.bytes, was.requests)
        if other.uid != pin.uid:
            others += _waiting(other, ports.now())
    for uid, taken in list(ports.allowances.items()):
        if uid == pin.uid or taken.store != store.name:
            continue
        if uid in known:
            spent[known[uid]] = spent.get(known[uid], Cost()) + taken.allowance.most
        else:
            del ports.allowances[uid]  # its pin is gone, and with it what was to be taken
    rules = store.spec.verification.budget
    budget = Cost(rules.bytes_per_day, rules.requests_per_day)
    return share(budget, spent, own, others, ports.now())


def _given(ports: Ports, pin: DatasetPin) -> Given | None:
    """Return what the task of a pin may take that is under way; None where there is none."""
    return ports.allowances.get(pin.uid) if ports.tasks.get(_key(pin)) is not None else None


def _pins_of(ports: Ports, store: str) -> Iterator[DatasetPin]:
    """Yield the pins in a store that took of its budget, or wait for it."""
    for obj in ports.resources.of_kind(DATASET_PIN):
        status = obj.get("status") or {}
        in_store = ((obj.get("spec") or {}).get("storeRef") or {}).get("name") == store
        if not in_store or not (status.get("budgetSpent") or status.get("verification")):
            continue
        try:
            found = ports.resources.parsed(Key.of(obj), DatasetPin)
        except ValidationError:
            continue
        if found is not None:
            yield found


def _waiting(pin: DatasetPin, now: datetime) -> Iterator[Claim]:
    """Yield what a pin waits for; one that has not asked for long is not waited for."""
    proofs = proofs_of(pin)
    for level, each in proofs.items():
        until = each.current.waiting_until_time if each.current is not None else None
        if until is not None and now < until + timedelta(seconds=_ASK_AGAIN_SECONDS):
            yield _claim(pin, proofs, level)


def _claim(pin: DatasetPin, proofs: Mapping[Level, LevelProof], level: Level) -> Claim:
    current = proofs[level].current
    assert current is not None  # noqa: S101 - told by the caller
    number = _number(pin, level)
    left = max(1, number - current.objects)
    size = 0
    if level is not Level.HEAD:
        size = max(current.needs, min(_bytes_left(pin, current, level, left), _MOST.bytes), 1)
    each = 2 if level is Level.HEAD else 1
    last = last_time(level, past_of(proofs)) or _pinned(pin)
    # A byte at least: nothing is read of a budget that is used up.
    least = Cost(max(current.needs, min(size, 1)), each)
    want = Cost(size, min(left * each, _MOST.requests))
    return Claim(last, pin.uid, want, least, tenant=pin.namespace)


def _bytes_left(pin: DatasetPin, current: ProofUnderWay, level: Level, left: int) -> int:
    """Return how much is still to be read; of a sample, as much as that is on average.

    A sample may be larger than the average: what it has read says nothing of what is left.
    """
    whole = pin.status.bytes or 0
    if level is Level.SAMPLE:
        average = -(-whole // max(1, pin.status.objects or 0))
        bound = max(0, pin.spec.verification.sample_bytes - current.bytes)
        return min(current.needs + average * left, whole - current.bytes, bound)
    return whole - current.bytes


def _ensure(
    ports: Ports, pin: DatasetPin, request: ProofRequest, store: ObjectStore, work_class: str
) -> TaskState[ProofSlice]:
    return ensure_answer(
        ports,
        _key(pin),
        request,
        ask=ProofQuestion.of,
        do=prove_dataset,
        stores=[(store, request.store)],
        operation="prove_pin",
        tenant=pin.namespace,
        work_class=work_class,
    )


def _seed(ports: Ports) -> str:
    """Return a seed that nobody knew before, in 32 hex digits."""
    chance = [ports.jitter().hex() for _ in range(4)]
    return hashlib.sha256(" ".join(chance).encode()).hexdigest()[:32]


def _key(pin: DatasetPin) -> TaskKey:
    return TaskKey(Key(DATASET_PIN.kind, pin.namespace, pin.name), pin.uid, PROVE)
