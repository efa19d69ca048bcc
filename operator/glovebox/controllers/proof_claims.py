"""What a proof may take of its store's budget: what others took, and what they wait for.

What is under way goes on with what it was given; how the rest is shared is `data/proof_budget.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from pydantic import ValidationError

from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.object_store import ObjectStore
from glovebox.api.pin_verification import LevelProof, ProofUnderWay
from glovebox.controllers.ports import Ports
from glovebox.data.due import believed
from glovebox.data.proof_budget import Allowance, Claim, Cost, Given, day_of, share
from glovebox.data.proof_levels import Level, last_time
from glovebox.engine.tasks import TaskKey
from glovebox.kube.kinds import DATASET_PIN
from glovebox.kube.resources import Key
from glovebox.status.pin_proofs import past_of, proofs_of
from glovebox.tasks.proof import PROVE

# What one task takes at most: so much is lost by an interruption, and so long others wait.
_MOST: Final = Cost(64 << 30, 100_000)
# Budgets are changed and others give up: a pin that waits asks again so often.
ASK_AGAIN_SECONDS: Final = 600.0


def pinned_time(pin: DatasetPin, now: datetime) -> datetime:
    """Return when the pin was read whole; of one that never was, when it was created.

    The latter as well where that was recorded by a clock that was ahead: it is the API server's.
    """
    status = pin.status
    created = pin.metadata.creation_timestamp
    moment = believed(status.verified_time, now) or created or status.listed_time
    assert moment is not None  # noqa: S101 - the API server sets it
    return moment


def number_of(pin: DatasetPin, level: Level) -> int:
    """Return of how many objects a proof of a level asks."""
    objects = pin.status.objects or 0
    return min(objects, pin.spec.verification.sample_objects) if level is Level.SAMPLE else objects


def allowance_of(
    ports: Ports,
    pin: DatasetPin,
    store: ObjectStore,
    proofs: Mapping[Level, LevelProof],
    level: Level,
) -> Allowance | None:
    """Return what the next part may take; what is under way goes on with what it was given."""
    given = given_to(ports, pin)
    if given is not None and given.level is level:
        return given.allowance
    own = _claim(pin, proofs, level, ports.now())
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


def given_to(ports: Ports, pin: DatasetPin) -> Given | None:
    """Return what the task of a pin may take that is under way; None where there is none."""
    return ports.allowances.get(pin.uid) if ports.tasks.get(task_key(pin)) is not None else None


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
        if until is not None and now < until + timedelta(seconds=ASK_AGAIN_SECONDS):
            yield _claim(pin, proofs, level, now)


def _claim(
    pin: DatasetPin, proofs: Mapping[Level, LevelProof], level: Level, now: datetime
) -> Claim:
    current = proofs[level].current
    assert current is not None  # noqa: S101 - told by the caller
    number = number_of(pin, level)
    left = max(1, number - current.objects)
    size = 0
    if level is not Level.HEAD:
        size = max(current.needs, min(_bytes_left(pin, current, level, left), _MOST.bytes), 1)
    each = 2 if level is Level.HEAD else 1
    last = last_time(level, past_of(proofs, now)) or pinned_time(pin, now)
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


def task_key(pin: DatasetPin) -> TaskKey:
    """Return under which key the proof of a pin runs: one at a time, whatever its level."""
    return TaskKey(Key(DATASET_PIN.kind, pin.namespace, pin.name), pin.uid, PROVE)
