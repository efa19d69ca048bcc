"""What is counted of one custom resource: one small value, read from what it declares and shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.contract import RULE_NAMES
from glovebox.api.data_terms import PROVENANCE_LEVELS
from glovebox.api.evolution import COMPATIBILITIES
from glovebox.data.proof_levels import Level
from glovebox.kube.kinds import DATASET_PIN, EXPERIMENT, FEATURE_SET_PIN
from glovebox.metrics.moments import unix
from glovebox.status.kstatus import condition_of, kstatus

_CURRENT: Final = "Current"
UNBOUND: Final = "Unbound"
NO_CONTRACT: Final = "None"
NOTHING_SUPERSEDED: Final = "None"
_CONTRACTS: Final = {types.TRUE: "Met", types.FALSE: "Violated"}
CONTRACTS: Final = (*_CONTRACTS.values(), types.UNKNOWN, NO_CONTRACT)
_DISTRIBUTIONS: Final = {types.TRUE: "Stable", types.FALSE: "Moved"}
DISTRIBUTIONS: Final = (*_DISTRIBUTIONS.values(), types.UNKNOWN, "None")
_PER_ONE: Final = 10_000
LEVELS: Final = tuple(level.value for level in Level)
PROOFS: Final = (
    reasons.PROOFS_CURRENT,
    reasons.WAITING_FOR_BUDGET,
    reasons.PROOF_OVERDUE,
    types.UNKNOWN,
)
FEATURE_SETS: Final = (
    reasons.CURRENT,
    reasons.TO_BE_DEPRECATED,
    reasons.DEPRECATED,
    reasons.EXPIRES_SOON,
    reasons.EXPIRED,
    types.UNKNOWN,
)
NO_END: Final = "None"
PIN_ENDS: Final = (
    reasons.CURRENT,
    reasons.EXPIRES_SOON,
    reasons.EXPIRED,
    reasons.RETENTION_ENDS_SOON,
    reasons.RETENTION_ENDED,
    types.UNKNOWN,
    NO_END,
)
STATES: Final = (UNBOUND, names.STATE_OPEN, names.STATE_FROZEN, names.STATE_SEALED)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is counted of one object.

    Attributes:
        kind: Its kind.
        result: What kstatus says of it.
        unobserved: Whether its generation is not observed yet.
        isolated: What is proven of the isolation of an Experiment; empty for other kinds.
        mismatch: Whether the objects of a pin do not match now.
        provenance: How much a pin says of where its data came from; empty for other kinds.
        contract: Whether the contract of a pin is met; empty for other kinds.
        violations: Of a pin whose contract is violated: namespace, name, rule, and how often; one
            entry a rule.
        compatibility: How it compares with that of the superseded pin; empty for other kinds.
        distribution: Whether the data of a pin moved against another one; empty for other kinds.
        psi: Namespace and name of a pin whose data moved, and its greatest PSI; None of others.
        retiring: Whether definitions go out of use; empty for other kinds.
        end: Whether the validity or the retention of a pin ends; empty for other kinds.
        unhealthy: The labels of its own series; None when it is Current.
        expires: When the credentials of an Experiment expire, as Unix time.
        checked: When a pin was last checked, as Unix time.
        proven: When a pin was last proven, as Unix time, by level.
        proofs: Whether the proofs of a pin are as recent as they have to be; empty for other kinds.
        content: Content root of a dataset; empty for other kinds.
        uses: Content roots of the datasets that a bound Experiment uses.
        state: Of a bound Experiment; empty for other kinds.
        unwritten: Whether the end of a sealed Experiment is not written as an event of lineage.
    """

    kind: str
    result: str
    unobserved: bool
    isolated: str
    mismatch: bool
    provenance: str
    contract: str
    violations: tuple[tuple[str, str, str, int], ...]
    compatibility: str
    distribution: str
    psi: tuple[str, str, float] | None
    retiring: str
    end: str
    unhealthy: tuple[str, str, str, str] | None
    expires: float | None
    checked: float | None
    proven: tuple[tuple[str, float], ...] = ()
    proofs: str = ""
    content: str = ""
    uses: frozenset[str] = frozenset()
    state: str = ""
    unwritten: bool = False


def read_facts(obj: Mapping[str, Any]) -> Facts:
    """Return what is counted of an object; tolerant, because a metric must never stop a watch."""
    kind, metadata = obj["kind"], obj["metadata"]
    status = obj.get("status") or {}
    result = kstatus(obj)
    unhealthy = None
    if result != _CURRENT:
        namespace, ready = metadata.get("namespace", ""), condition_of(status, types.READY)
        reason = reasons.PENDING if ready is None else str(ready["reason"])
        unhealthy = (kind, namespace, metadata["name"], reason)
    is_experiment, is_pin = kind == EXPERIMENT.kind, kind == DATASET_PIN.kind
    artifacts = status.get("artifacts") or {}
    return Facts(
        kind=kind,
        result=result,
        unobserved=metadata.get("generation", 0) != status.get("observedGeneration", -1),
        isolated=_answer(status, types.ISOLATED) if is_experiment else "",
        mismatch=is_pin and _answer(status, types.DRIFT_DETECTED) == types.TRUE,
        provenance=_provenance(status) if is_pin else "",
        contract=_contract(obj) if is_pin else "",
        violations=_violations(obj) if is_pin else (),
        compatibility=_compatibility(obj) if is_pin else "",
        distribution=_distribution(obj) if is_pin else "",
        psi=_psi(obj) if is_pin else None,
        retiring=_retiring(status) if kind == FEATURE_SET_PIN.kind else "",
        end=_end(obj) if is_pin else "",
        unhealthy=unhealthy,
        expires=unix(artifacts.get("credentialsExpireTime")) if is_experiment else None,
        checked=unix(status.get("listedTime")) if is_pin else None,
        proven=_proven(status) if is_pin else (),
        proofs=_proofs(status) if is_pin else "",
        content=str(status.get("digest") or "") if is_pin else "",
        uses=_uses(status) if is_experiment else frozenset(),
        state=_state(status) if is_experiment else "",
        unwritten=is_experiment and _is_unwritten(obj),
    )


def _uses(status: Mapping[str, Any]) -> frozenset[str]:
    entries = status.get("inputs") or ()
    return frozenset(
        str(entry["digest"])
        for entry in entries
        if entry.get("kind") == DATASET_PIN.kind and entry.get("digest")
    )


def _state(status: Mapping[str, Any]) -> str:
    state = str(status.get("state") or UNBOUND)
    return state if state in STATES else UNBOUND


def _is_unwritten(obj: Mapping[str, Any]) -> bool:
    status = obj.get("status") or {}
    if not status.get("seal") or (obj.get("spec") or {}).get("adopts"):
        return False
    events = (status.get("lineage") or {}).get("events") or ()
    return all(entry.get("type") == "START" for entry in events)


def _answer(status: Mapping[str, Any], condition: str) -> str:
    entry = condition_of(status, condition)
    return types.UNKNOWN if entry is None else str(entry["status"])


def _retiring(status: Mapping[str, Any]) -> str:
    condition = condition_of(status, types.RETIRING)
    reason = condition["reason"] if condition is not None else ""
    return reason if reason in FEATURE_SETS else types.UNKNOWN


def _end(obj: Mapping[str, Any]) -> str:
    spec = obj.get("spec") or {}
    ends = (
        (spec.get("retention") or {}).get("untilTime"),
        (spec.get("validity") or {}).get("notAfterTime"),
    )
    if not any(ends):
        return NO_END
    condition = condition_of(obj.get("status") or {}, types.RETIRING)
    reason = str(condition["reason"]) if condition is not None else ""
    return reason if reason in PIN_ENDS else types.UNKNOWN


def _violations(obj: Mapping[str, Any]) -> tuple[tuple[str, str, str, int], ...]:
    if _contract(obj) != _CONTRACTS[types.FALSE]:
        return ()
    found = (obj["status"].get("contract") or {}).get("byRule") or ()
    metadata = obj["metadata"]
    where = metadata.get("namespace", ""), metadata["name"]
    return tuple(
        (*where, rule, each.get("violations") or 0)
        for each in found
        if (rule := each.get("rule")) in RULE_NAMES
    )


def _contract(obj: Mapping[str, Any]) -> str:
    if not (obj.get("spec") or {}).get("contract"):
        return NO_CONTRACT
    return _CONTRACTS.get(_answer(obj.get("status") or {}, types.CONTRACT_MET), types.UNKNOWN)


def _compatibility(obj: Mapping[str, Any]) -> str:
    if not (obj.get("spec") or {}).get("supersedes"):
        return NOTHING_SUPERSEDED
    evolution = (obj.get("status") or {}).get("evolution") or {}
    found = evolution.get("compatibility")
    return str(found) if found in COMPATIBILITIES else types.UNKNOWN


def _distribution(obj: Mapping[str, Any]) -> str:
    if not (obj.get("spec") or {}).get("distribution"):
        return DISTRIBUTIONS[-1]
    answer = _answer(obj.get("status") or {}, types.DISTRIBUTION_STABLE)
    return _DISTRIBUTIONS.get(answer, types.UNKNOWN)


def _psi(obj: Mapping[str, Any]) -> tuple[str, str, float] | None:
    if _distribution(obj) != _DISTRIBUTIONS[types.FALSE]:
        return None
    found = (obj["status"].get("distribution") or {}).get("worstPsi") or 0
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"], found / _PER_ONE


def _proven(status: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    entries = status.get("verification") or ()
    times = ((entry.get("level"), unix(entry.get("lastTime"))) for entry in entries)
    return tuple((level, time) for level, time in times if level in LEVELS and time is not None)


def _proofs(status: Mapping[str, Any]) -> str:
    entry = condition_of(status, types.PROOFS_CURRENT)
    reason = types.UNKNOWN if entry is None else str(entry["reason"])
    return reason if reason in PROOFS else types.UNKNOWN


def _provenance(status: Mapping[str, Any]) -> str:
    level = (status.get("provenance") or {}).get("level")
    return str(level) if level in PROVENANCE_LEVELS else types.UNKNOWN
