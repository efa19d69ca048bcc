"""What was proven of an object store: one proof for each attack, and what several come to. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What an attack showed."""

    PASSED = "Passed"
    FAILED = "Failed"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Proof:
    """One attack and what came of it.

    Args:
        name: Of the attack; unique.
        condition: The condition that it counts towards.
        outcome: Failed only when the store was seen to do what it must not.
        message: What happened, and the cure when it was not what must be.
    """

    name: str
    condition: str
    outcome: Outcome
    message: str


def condition_outcome(proofs: Iterable[Proof], condition: str) -> Outcome:
    """Return the outcome of a condition's proofs: Failed, Unknown or Passed.

    Failed when one failed, else Unknown when one is unknown or there is none, else Passed.
    """
    outcomes = {proof.outcome for proof in proofs if proof.condition == condition}
    if Outcome.FAILED in outcomes:
        return Outcome.FAILED
    return Outcome.PASSED if outcomes == {Outcome.PASSED} else Outcome.UNKNOWN
