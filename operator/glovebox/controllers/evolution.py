"""The contract of a DatasetPin against that of the pin that it supersedes.

Both are fields of specs that never change, so nothing is read from a store, and it does not matter
whether the data of either pin were looked at. What was found is recorded with the digests of both
contracts and stands from then on, also when the superseded pin goes, or another one takes its name.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from pydantic import ValidationError

from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.evolution import EvolutionStatus
from glovebox.controllers.looking import Look
from glovebox.controllers.ports import Ports
from glovebox.data.contract_rules import contract_digest
from glovebox.data.evolution import compare_contracts
from glovebox.kube.kinds import DATASET_PIN
from glovebox.kube.resources import Key
from glovebox.status.evolution import (
    message_of_evolution,
    recorded_evolution,
    unknown_evolution,
    with_evolution,
)

UNKNOWN: Final = "Unknown"


def look_at_evolution(ports: Ports, obj: Mapping[str, Any], pin: DatasetPin, look: Look) -> Look:
    """Say how the contract compares with the superseded one; return the look with it.

    Args:
        ports: The outside world.
        obj: The pin.
        pin: The same, parsed.
        look: What was found of it otherwise.
    """
    if pin.spec.supersedes is None:
        return look
    recorded = _evolution(ports, pin, pin.spec.supersedes.name)
    status = with_evolution(obj, look.status, recorded)
    is_said = (status or {}).get("evolution") is not None
    is_news = is_said and recorded.compatibility != UNKNOWN and recorded != pin.status.evolution
    after = functools.partial(_report, ports, obj, look, recorded) if is_news else look.after
    return replace(look, status=status, after=after)


def compatibility_of(pin: DatasetPin) -> str:
    """Return what is known of a pin's contract; empty of a pin that supersedes none."""
    if pin.spec.supersedes is None:
        return ""
    known = pin.status.evolution
    return known.compatibility if known is not None and _is_about(known, pin) else UNKNOWN


def _is_about(known: EvolutionStatus, pin: DatasetPin) -> bool:
    older = pin.spec.supersedes
    return older is not None and (known.against, known.contract) == (older.name, _digest(pin))


def _evolution(ports: Ports, pin: DatasetPin, name: str) -> EvolutionStatus:
    known = pin.status.evolution
    if known is not None and known.compatibility != UNKNOWN and _is_about(known, pin):
        return known
    digest = _digest(pin)
    unknown = functools.partial(unknown_evolution, name, digest)
    try:
        older = ports.resources.parsed(Key(DATASET_PIN.kind, pin.namespace, name), DatasetPin)
    except ValidationError:
        return unknown(f"DatasetPin '{name}' is not valid")
    if older is None:
        return unknown(f"there is no DatasetPin '{name}' in this namespace")
    if older.spec.contract is None:
        # Nobody knows what its users rely on.
        return unknown(f"DatasetPin '{name}' has no `contract`")
    found = compare_contracts(older.spec.contract, pin.spec.contract)
    return recorded_evolution(found, name, digest, _digest(older), ports.now())


def _digest(pin: DatasetPin) -> str:
    return contract_digest(pin.spec.contract) if pin.spec.contract is not None else ""


def _report(ports: Ports, obj: Mapping[str, Any], look: Look, recorded: EvolutionStatus) -> None:
    look.after()
    message, action = message_of_evolution(recorded), "CompareContracts"
    if recorded.compatibility == "Breaking":
        ports.events.warning(obj, reasons.CONTRACT_BREAKS, message, action=action)
    else:
        ports.events.normal(obj, reasons.CONTRACT_COMPATIBLE, message, action=action)
