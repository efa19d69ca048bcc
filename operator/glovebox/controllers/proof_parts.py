"""The parts of a proof: the next one is asked for, and what it came to is counted in.

A part takes what `proof_claims.py` allows it, and ends there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.object_store import ObjectStore
from glovebox.api.pin_verification import BudgetSpent, LevelProof, ProofUnderWay
from glovebox.controllers.asked_tasks import ensure_answer
from glovebox.controllers.pin_progress import pin_progress
from glovebox.controllers.pin_sources import is_locked
from glovebox.controllers.pin_tables import read_pinned
from glovebox.controllers.ports import Ports
from glovebox.controllers.proof_claims import ASK_AGAIN_SECONDS, allowance_of, number_of, task_key
from glovebox.controllers.store_connections import note_refusal
from glovebox.data.proof_budget import Given, next_day
from glovebox.data.proof_levels import Level, ProofSlice
from glovebox.engine.tasks import TaskState
from glovebox.errors import GloveboxError
from glovebox.status.pin_proofs import advanced
from glovebox.status.text import format_time
from glovebox.store.connection import Store
from glovebox.store.pin_proofs import ProofPlan
from glovebox.tasks.proof import LockBooks, ProofRequest, prove_dataset
from glovebox.tasks.proof_question import ProofQuestion


@dataclass(frozen=True, slots=True)
class ProofFound:
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


async def go_on(
    ports: Ports,
    pin: DatasetPin,
    proofs: Mapping[Level, LevelProof],
    level: Level,
    work_class: str,
) -> ProofFound:
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
    allowance = allowance_of(ports, pin, store, proofs, level)
    if allowance is None:
        until = next_day(ports.now())
        held = current.model_copy(update={"waiting_until_time": until})
        kept = {**proofs, level: proof.model_copy(update={"current": held})}
        seconds = (until - ports.now()).total_seconds()
        return ProofFound(kept, until=until, retry_seconds=min(ASK_AGAIN_SECONDS, seconds))
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
        objects=number_of(pin, level),
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
        return ProofFound(going, error=state.error, progress=pin_progress(ports, state))
    part = state.result
    spent = _with_spent(pin.status.budget_spent, allowance.date, part)
    after = advanced(proofs, level, part, ports.now(), locks if level is Level.HEAD else "")
    return ProofFound(after, part=part, spent=spent)


def _record_name(current: ProofUnderWay) -> str:
    return current.started_time.strftime("%Y%m%dT%H%M%SZ")


def _with_spent(before: BudgetSpent | None, date: str, part: ProofSlice) -> BudgetSpent:
    was = before if before is not None and before.date == date else BudgetSpent(date=date)
    return BudgetSpent(
        date=date, bytes=was.bytes + part.bytes, requests=was.requests + part.requests
    )


def _ensure(
    ports: Ports, pin: DatasetPin, request: ProofRequest, store: ObjectStore, work_class: str
) -> TaskState[ProofSlice]:
    return ensure_answer(
        ports,
        task_key(pin),
        request,
        ask=ProofQuestion.of,
        do=prove_dataset,
        stores=[(store, request.store)],
        operation="prove_pin",
        tenant=pin.namespace,
        work_class=work_class,
    )
