"""What is known of the data of an input, for the rules of a profile. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from glovebox.api.evolution import EvolutionStatus
from glovebox.api.stated_data import StatedData
from glovebox.api.statistics import Distribution
from glovebox.api.statistics_status import DistributionStatus
from glovebox.data.provenance import Gap


@dataclass(frozen=True, slots=True)
class DataInput:
    """A dataset input with what its pin says of its data.

    Attributes:
        name: Of the input.
        pin: Name of the DatasetPin.
        role: What the input is for.
        stated: What the pin said when it was resolved.
        now: When it is asked whether the data may be used.
        gaps: What is missing of its provenance.
        evolution: What is known of its contract against that of the pin that it supersedes.
        distribution: What its distribution is compared with; None with nothing.
        compared: What was found; None before.
    """

    name: str
    pin: str
    role: str
    stated: StatedData
    now: datetime
    gaps: tuple[Gap, ...] = ()
    evolution: EvolutionStatus | None = None
    distribution: Distribution | None = None
    compared: DistributionStatus | None = None

    def __str__(self) -> str:
        return f"input `{self.name}`: DatasetPin '{self.pin}'"


def says(field: str, said: str) -> str:
    """Return what a pin says in a field, or that it does not, for a person."""
    return f"says `{field}: {said}`" if said else f"does not say `{field}`"


def listed(items: Iterable[str]) -> str:
    """Return items in a fixed order, for a person."""
    return ", ".join(sorted(items))
