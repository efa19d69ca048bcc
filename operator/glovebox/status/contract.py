"""ContractMet: whether the files of a pin hold what its contract says. Pure.

Where a pin has a contract, it is a part of Ready: what violates it is used by nobody, and what was
not checked yet is not used yet. What was checked stays: neither content nor contract changes. That
a store does not answer says nothing about the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.conditions import Answer
from glovebox.api.contract_status import (
    ContractStatus,
    ContractViolation,
    ObservedColumn,
    RuleViolations,
    TargetContent,
)
from glovebox.data.contract_found import ContractFound, Violation
from glovebox.data.contract_words import told
from glovebox.data.counting import counted
from glovebox.errors import InvalidInput
from glovebox.status.pin_gate import Gate, GateFacts, put_progress, with_gate

CHECKING: Final = "the files are being compared with `spec.contract`"
PENDING: Final = "the files are compared with `spec.contract` once they are read and hashed"
_OURS: Final = frozenset(
    {reasons.CONTRACT_VIOLATED, reasons.CHECKING_CONTRACT, reasons.CONTRACT_NOT_CHECKED}
)
_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class ContractFacts(GateFacts[ContractStatus]):
    """What is known of a contract at one moment."""


def recorded_contract(
    found: ContractFound,
    digest: str,
    content: str,
    targets: Mapping[str, str],
    now: datetime,
) -> ContractStatus:
    """Return what is recorded of a check that has ended.

    Args:
        found: What it found.
        digest: Of the contract.
        content: Content root of what was checked.
        targets: Content root of each pin in which values were looked up, by its name.
        now: When it ended.
    """
    return ContractStatus(
        digest=digest,
        content=content,
        checked_time=now.replace(microsecond=0),
        rules=found.rules,
        files=found.files,
        footers=found.footers,
        rows=found.rows,
        bytes_read=found.bytes_read,
        violations=found.violations,
        by_rule=tuple(
            RuleViolations(rule=rule, violations=number) for rule, number in found.by_rule.items()
        ),
        first=tuple(
            ContractViolation(
                rule=each.rule,
                file=each.file[:1024],
                column=each.column[:1152],
                count=each.count,
                message=each.message[:512],
            )
            for each in found.first
        ),
        columns=tuple(
            ObservedColumn(name=each.name, type=each.type, nulls=each.nulls)
            for each in found.columns
        ),
        targets=tuple(TargetContent(name=name, digest=target) for name, target in targets.items()),
    )


def message_of(recorded: ContractStatus) -> str:
    """Return what was found, for a person."""
    if not recorded.violations:
        return (
            f"{counted(recorded.rules, 'rule')} met by {counted(recorded.rows, 'row')} in"
            f" {counted(recorded.files, 'file')}"
        )
    first = [
        told(Violation(each.rule, each.file, each.column, each.count, each.message))
        for each in recorded.first[:_NAMED]
    ]
    others = recorded.violations - len(first)
    more = f"; and {others:,} more" if others > 0 else ""
    return f"{'; '.join(first)}{more}: see `status.contract`"


def with_contract(
    obj: Mapping[str, Any],
    found: dict[str, Any] | None,
    facts: ContractFacts,
    now: datetime,
) -> dict[str, Any] | None:
    """Return a status that says whether the contract is met, and is Ready only where it is.

    Args:
        obj: The pin.
        found: The status that its own look came to; None where it leaves what there is.
        facts: What is known of the contract.
        now: The present time.
    """
    status = with_gate(obj, found, _gate(facts), now)
    return status if status is None or status is found else _with_fields(status, facts)


def _with_fields(status: dict[str, Any], facts: ContractFacts) -> dict[str, Any]:
    """Record what was found, and how far the check is."""
    if facts.recorded is not None:
        status["contract"] = facts.recorded.model_dump(
            by_alias=True, mode="json", exclude_defaults=True
        )
    put_progress(status, facts.progress, reasons.CHECKING_CONTRACT)
    return status


def _gate(facts: ContractFacts) -> Gate:
    recorded, error = facts.recorded, facts.error
    if recorded is not None:
        message = message_of(recorded)
        if recorded.violations:
            return _says(types.FALSE, reasons.CONTRACT_VIOLATED, message, types.STALLED)
        return _says(types.TRUE, reasons.CONTRACT_MET, message)
    if facts.is_early:
        return _says(types.UNKNOWN, reasons.PENDING, PENDING)
    if error is None:
        return _says(types.UNKNOWN, reasons.CHECKING_CONTRACT, CHECKING, types.RECONCILING)
    message = f"the contract is not checked: {error.message}"
    is_lasting = isinstance(error, InvalidInput)
    return _says(
        types.UNKNOWN,
        reasons.CONTRACT_NOT_CHECKED,
        message,
        types.STALLED if is_lasting else types.RECONCILING,
    )


def _says(
    answer: Answer,
    reason: str,
    message: str,
    passing: Literal["", "Reconciling", "Stalled"] = "",
) -> Gate:
    return Gate(types.CONTRACT_MET, answer, reason, message, passing, _OURS)
