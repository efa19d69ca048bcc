"""`status.evolution`: how a contract compares with that of the superseded pin. Pure.

It decides nothing of the pin itself: whether a change is welcome is for those who use the data. A
profile that demands compatibility refuses by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from glovebox.api.evolution import MAX_CHANGES, ContractChange, EvolutionStatus
from glovebox.data.counting import counted
from glovebox.data.evolution import Change, Evolution

_MESSAGE_MAX: Final = 512
_COLUMN_MAX: Final = 1152
_NAMED: Final = 3
_SAID: Final[Mapping[str, str]] = {
    "Full": "compatible in both directions with",
    "Forward": "Forward compatible with",
    "Backward": "Backward compatible with",
    "Breaking": "not compatible with",
}


def recorded_evolution(
    found: Evolution, against: str, contract: str, against_contract: str, now: datetime
) -> EvolutionStatus:
    """Return what is recorded of a comparison.

    Args:
        found: What it came to.
        against: Name of the superseded pin.
        contract: Digest of the contract; empty for none.
        against_contract: Digest of the superseded one.
        now: When they were compared.
    """
    return EvolutionStatus(
        against=against,
        compatibility=found.compatibility,
        contract=contract,
        against_contract=against_contract,
        compared_time=now.replace(microsecond=0),
        changes=len(found.changes),
        first=tuple(
            ContractChange(
                rule=each.rule,
                column=each.column[:_COLUMN_MAX],
                breaks=each.breaks,
                message=each.message[:_MESSAGE_MAX],
            )
            for each in _first(found.changes)
        ),
    )


def _first(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """Return the changes that are listed; of each direction that is lost, one that loses it."""
    first, others = changes[:MAX_CHANGES], changes[MAX_CHANGES:]
    told = {each.breaks for each in first}
    if told not in ({"Forward"}, {"Backward"}):
        return first
    # All of the first lose one direction: nobody would see why the other one is lost.
    more = next((each for each in others if each.breaks not in told), None)
    return first if more is None else (*first[:-1], more)


def unknown_evolution(against: str, contract: str, why: str) -> EvolutionStatus:
    """Return what is recorded where nothing is known: that may come to be known."""
    return EvolutionStatus(
        against=against, compatibility="Unknown", contract=contract, message=why[:_MESSAGE_MAX]
    )


def message_of_evolution(recorded: EvolutionStatus) -> str:
    """Return what was found, for a person."""
    what = f"the contract is {_SAID[recorded.compatibility]} that of '{recorded.against}'"
    if not recorded.changes:
        return what
    first = [
        f"{f'column `{each.column}`' if each.column else 'the tables'}: {each.message}"
        f" ({each.rule}, {_lost(each.breaks)})"
        for each in recorded.first[:_NAMED]
    ]
    others = recorded.changes - len(first)
    more = f"; and {counted(others, 'change')} more" if others else ""
    return f"{what}: {'; '.join(first)}{more}: see `status.evolution`"


def _lost(breaks: str) -> str:
    return "breaks both directions" if breaks == "Both" else f"breaks {breaks}"


def with_evolution(
    obj: Mapping[str, Any], found: dict[str, Any] | None, recorded: EvolutionStatus
) -> dict[str, Any] | None:
    """Return a status that says how the contract compares; nothing else of it changes.

    Args:
        obj: The pin.
        found: The status that was come to so far; None where that leaves what there is.
        recorded: What is known.
    """
    status = found if found is not None else obj.get("status") or {}
    if not status.get("conditions"):
        return found  # not looked at yet: nothing is said of it alone
    wanted = recorded.model_dump(by_alias=True, mode="json", exclude_defaults=True)
    if status.get("evolution") == wanted:
        return found
    return {**status, "evolution": wanted}
