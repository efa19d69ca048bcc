"""The contract of a DatasetPin: its files are compared with it once, when they are pinned.

The work is done by a task (`tasks/contract.py`). What it found is recorded with the digests of
content and contract, and stands as long as both are the same: a pin's own spec never changes, and a
pin that is created again is checked again.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.contract import Contract
from glovebox.api.contract_status import ContractStatus
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.asked_tasks import ensure_answer
from glovebox.controllers.looking import Look, earlier, seconds_after
from glovebox.controllers.pin_progress import pin_progress
from glovebox.controllers.pin_tables import read_pinned
from glovebox.controllers.ports import Ports
from glovebox.controllers.store_connections import note_refusal
from glovebox.data.contract_found import ContractFound
from glovebox.data.contract_rules import contract_digest
from glovebox.engine.tasks import TaskKey, TaskState
from glovebox.errors import GloveboxError, NotReady
from glovebox.kube.kinds import DATASET_PIN
from glovebox.kube.resources import Key
from glovebox.status.contract import (
    ContractFacts,
    message_of,
    recorded_contract,
    with_contract,
)
from glovebox.store.connection import Store
from glovebox.tasks.contract import CONTRACT, ContractRequest, check_contract
from glovebox.tasks.contract_question import ContractQuestion


async def look_at_contract(
    ports: Ports, obj: Mapping[str, Any], pin: DatasetPin, look: Look, work_class: str
) -> Look:
    """Have the contract checked where it was not; return the look with what is known of it.

    Args:
        ports: The outside world.
        obj: The pin.
        pin: The same, parsed.
        look: What was found of its data.
        work_class: Whose places the check takes.
    """
    contract = pin.spec.contract
    if contract is None:
        return look
    known = pin.status.contract
    if known is not None and _is_about(known, contract, pin.status.digest):
        ports.tasks.drop(_key(pin))
        return _said(ports, obj, look, ContractFacts(recorded=known))
    if pin.status.manifest is None:
        # Once it is recorded that the files were read, they are compared with it at once.
        is_read = bool((look.status or {}).get("manifest"))
        said = _said(ports, obj, look, ContractFacts(is_early=not is_read))
        return replace(said, retry_seconds=0.0) if is_read else said
    try:
        facts, wait = await _check(ports, pin, contract, work_class)
    except GloveboxError as error:
        facts = ContractFacts(error=error)
        wait = seconds_after(error)
    said = _said(ports, obj, look, facts)
    if facts.recorded is not None:
        recorded = facts.recorded
        return replace(said, after=functools.partial(_checked, ports, obj, pin, look, recorded))
    return replace(said, retry_seconds=earlier(look.retry_seconds, wait))


def _said(ports: Ports, obj: Mapping[str, Any], look: Look, facts: ContractFacts) -> Look:
    return replace(look, status=with_contract(obj, look.status, facts, ports.now()))


def _is_about(known: ContractStatus, contract: Contract, content: str) -> bool:
    return known.content == content and known.digest == contract_digest(contract)


def _checked(
    ports: Ports, obj: Mapping[str, Any], pin: DatasetPin, look: Look, recorded: ContractStatus
) -> None:
    """Drop the task, whose result is recorded, and report it."""
    look.after()
    ports.tasks.drop(_key(pin))
    ports.metrics.contract_rows.inc(recorded.rows)
    for each in recorded.by_rule:
        ports.metrics.contract_violations.labels(each.rule).inc(each.violations)
    message = message_of(recorded)
    if recorded.violations:
        ports.events.warning(obj, reasons.CONTRACT_VIOLATED, message, action="CheckContract")
    else:
        ports.events.normal(obj, reasons.CONTRACT_MET, message, action="CheckContract")


async def _check(
    ports: Ports, pin: DatasetPin, contract: Contract, work_class: str
) -> tuple[ContractFacts, float | None]:
    """Have the files compared; return what is known, and when to look again.

    Raises:
        NotReady: A store or another pin is missing, or not ready.
        GloveboxError: A store cannot be opened, or nothing of it may be read.
    """
    opened: dict[Store, ObjectStore] = {}
    dataset = await read_pinned(ports, pin, opened)
    named = [
        _target(ports, pin, each.pin_ref.name, place)
        for place, each in enumerate(contract.references)
    ]
    targets = [await read_pinned(ports, each, opened) for each in named]
    request = ContractRequest(
        dataset, contract, tuple(targets), pin.status.objects or 0, pin.status.bytes or 0
    )
    state = _ensure(ports, pin, request, opened, work_class)
    if state.result is not None:
        # The basis of the task names their manifests: it was these that were read.
        roots = {each.name: each.status.digest for each in named}
        recorded = recorded_contract(
            state.result, contract_digest(contract), pin.status.digest, roots, ports.now()
        )
        return ContractFacts(recorded=recorded), None
    if state.phase == "Failed":
        note_refusal(ports, state.error)
    progress = pin_progress(ports, state)
    # What the attempt before met stands until this one reports.
    error = None if progress is not None else state.error
    # The task wakes us, also when it is to be tried again.
    return ContractFacts(error=error, progress=progress), None


def _target(ports: Ports, pin: DatasetPin, name: str, place: int) -> DatasetPin:
    """Return a pin in which values are looked up: its bytes have to be verified, and no more.

    Two pins may refer to each other, and a pin to itself.

    Raises:
        NotReady: It is missing, or was not verified.
    """
    field = f"`spec.contract.references[{place}].pinRef`"
    try:
        found = ports.resources.parsed(Key(DATASET_PIN.kind, pin.namespace, name), DatasetPin)
    except ValidationError:
        found = None
    if found is None or found.is_deleting:
        raise NotReady(
            reasons.PIN_NOT_FOUND,
            f"{field}: there is no valid DatasetPin '{name}' in this namespace: declare it",
        )
    verified = found.status.condition(types.VERIFIED)
    if found.status.manifest is None or verified is None or not verified.is_true:
        raise NotReady(reasons.PIN_NOT_READY, f"{field}: DatasetPin '{name}' is not verified yet")
    return found


def _ensure(
    ports: Ports,
    pin: DatasetPin,
    request: ContractRequest,
    opened: Mapping[Store, ObjectStore],
    work_class: str,
) -> TaskState[ContractFound]:
    return ensure_answer(
        ports,
        _key(pin),
        request,
        ask=ContractQuestion.of,
        do=check_contract,
        stores=[(opened[connection], connection) for connection in request.stores],
        operation="contract",
        tenant=pin.namespace,
        work_class=work_class,
    )


def _key(pin: DatasetPin) -> TaskKey:
    return TaskKey(Key(DATASET_PIN.kind, pin.namespace, pin.name), pin.uid, CONTRACT)
