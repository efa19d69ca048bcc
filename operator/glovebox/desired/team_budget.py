"""What the experiments of one team have together, and what of it is too much. Pure.

A team is a namespace, and its budget is what a profile says: experiments under another profile have
another one. What an experiment counts for is what its quota is, by the names of the budget; it is
recorded when it is bound, and given back when it is closed for good or gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from glovebox.api.experiment import Experiment
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.desired import quantity
from glovebox.desired.quota import effective_quota

# As many others as a message names.
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Excess:
    """More of a resource than the budget has.

    Attributes:
        resource: Its name.
        maximum: What the budget has.
        asked: What the experiment asks for.
        had: What others have.
        by: The names of those.
    """

    resource: str
    maximum: str
    asked: str
    had: str
    by: tuple[str, ...]

    @property
    def is_final(self) -> bool:
        """Whether it is too much without anybody else."""
        return quantity.compare(self.asked, self.maximum) > 0

    def describe(self, namespace: str, profile: str) -> str:
        """Say it, with the cure."""
        asks = f"the experiment asks for {self.asked} of {self.resource}"
        budget = (
            f"the {self.maximum} that IsolationProfile {profile} gives to all experiments of"
            f" namespace {namespace} together (`spec.teamBudget`)"
        )
        field = f"spec.resources.quota['{self.resource}']"
        if self.is_final:
            return f"{asks}, more than {budget}: ask for less in {field}, or choose another profile"
        named = ", ".join(self.by[:_NAMED]) + (", ..." if len(self.by) > _NAMED else "")
        return (
            f"{asks}, and with the {self.had} of {named} that is more than {budget}: it waits until"
            f" enough of them are sealed or deleted, or ask for less in {field}"
        )


def counted(experiment: Experiment, profile: IsolationProfile) -> dict[str, str]:
    """Return what an experiment counts for in the budget of a profile, by resource."""
    if not profile.spec.team_budget:
        return {}
    has = effective_quota(experiment, profile)
    return {
        entry.resource: quantity.canonical(has.get(entry.resource, "0"))
        for entry in profile.spec.team_budget
    }


def find_excess(
    profile: IsolationProfile,
    asked: Mapping[str, str],
    others: Mapping[str, Mapping[str, str]],
) -> Excess | None:
    """Return the first resource of which there is not enough; None where all fits.

    Args:
        profile: With the budget.
        asked: What the experiment counts for.
        others: What the others of its team count for, by name.
    """
    for entry in profile.spec.team_budget:
        resource = entry.resource
        amount = quantity.parse(asked.get(resource, "0"))
        having = {
            name: quantity.parse(amounts[resource])
            for name, amounts in sorted(others.items())
            if amounts.get(resource)
        }
        having = {name: has for name, has in having.items() if has}
        had = sum(having.values(), Decimal(0))
        if amount and amount + had > quantity.parse(entry.maximum):
            return Excess(
                resource,
                entry.maximum,
                _text(resource, amount),
                _text(resource, had),
                tuple(having),
            )
    return None


def _text(resource: str, amount: Decimal) -> str:
    """Return an amount as people write it: bytes with a binary unit."""
    is_bytes = resource.endswith(("memory", "storage"))
    return (quantity.total if is_bytes else quantity.canonical)(f"{amount:f}")
