"""What a profile refuses because of what was found of data. Pure.

Sources, contracts, distributions: what was not found out yet is waited for. Each check is named
after the defect that it finds.
"""

from __future__ import annotations

from typing import Final

from glovebox.api import reasons
from glovebox.api.data_terms import PROVENANCE_LEVELS
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.statistics import DistributionThresholds
from glovebox.data.evolution import satisfies
from glovebox.desired.data_input import DataInput
from glovebox.errors import NotReady, Refused

_NAMED_GAPS: Final = 5
_STABLE: Final = "stable"
_KEEPS: Final = {
    "Forward": "Forward compatible alone",
    "Backward": "Backward compatible alone",
    "Breaking": "not compatible with that one's",
}


def provenance_incomplete(profile: IsolationProfile, each: DataInput) -> None:
    """Refuse data of which it is not said well enough where they came from."""
    demanded, found = profile.spec.data.provenance, each.stated.provenance or "None"
    if PROVENANCE_LEVELS.index(demanded) <= _rank(found):
        return
    missing = [gap for gap in each.gaps if gap.basic or demanded == "Full"]
    named = "; ".join(
        f"{gap.field} ({gap.message})" if "[" in gap.field else gap.field
        for gap in missing[:_NAMED_GAPS]
    )
    more = f"; and {len(missing) - _NAMED_GAPS} more" if len(missing) > _NAMED_GAPS else ""
    what = (
        f"{each} has the provenance {found}, and IsolationProfile {profile.name} demands {demanded}"
        f" (`spec.data.provenance`); missing are: {named}{more}"
    )
    if missing and all(gap.pending for gap in missing):
        raise NotReady(reasons.PROVENANCE_INCOMPLETE, f"{what}; they are checked again")
    raise Refused(
        reasons.PROVENANCE_INCOMPLETE, f"{what}: create a pin that says it, or declare the sources"
    )


def contract_incompatible(profile: IsolationProfile, each: DataInput) -> None:
    """Refuse a successor whose contract keeps less than is demanded, and does not say so."""
    demanded, found = profile.spec.data.compatibility, each.stated.compatibility
    if not found or each.stated.migration or satisfies(found, demanded):
        return
    known = each.evolution
    older = f"DatasetPin '{known.against}'" if known is not None else "the pin that it supersedes"
    asks = f"and IsolationProfile {profile.name} demands {demanded} (`spec.data.compatibility`)"
    cure = "create a pin that says in `spec.migration.notes` what its users have to change"
    if known is None or found not in _KEEPS:
        why = known.message if known is not None and known.message else "it was not compared yet"
        raise NotReady(
            reasons.CONTRACT_INCOMPATIBLE,
            f"{each}: how its contract compares with that of {older} is not known ({why}), {asks}:"
            f" {cure}",
        )
    lost = [one for one in known.first if demanded in {one.breaks, "Full"} or one.breaks == "Both"]
    named = ", ".join(f"`{one.column or 'the tables'}` ({one.rule})" for one in lost[:_NAMED_GAPS])
    more = ", and others" if len(lost) > _NAMED_GAPS or known.changes > len(known.first) else ""
    raise Refused(
        reasons.CONTRACT_INCOMPATIBLE,
        f"{each} supersedes {older}, and its contract is {_KEEPS[found]}, {asks}; what changed:"
        f" {named}{more}: {cure}, or one whose contract keeps what was promised",
    )


def distribution_not_stable(profile: IsolationProfile, each: DataInput) -> None:
    """Refuse data that moved, or whose own thresholds would call more stable than is allowed."""
    most, own, found = profile.spec.data.distribution, each.distribution, each.compared
    if most is None or not each.stated.distribution:
        return
    asks = f"IsolationProfile {profile.name} (`spec.data.distribution`)"
    if own is not None and (loose := _looser(own.thresholds, most)):
        raise Refused(
            reasons.DISTRIBUTION_NOT_STABLE,
            f"{each} judges its distribution by `spec.distribution.thresholds` that are looser than"
            f" {asks} allows: {loose}: create a pin with closer ones",
        )
    # What was found of something else, as an earlier version asked it, says nothing of this.
    if own is None or found is None or found.verdict != each.stated.distribution:
        raise NotReady(
            reasons.DISTRIBUTION_NOT_STABLE,
            f"{each} is compared with another pin, which {asks} asks to find it stable, and was not"
            " yet: `DistributionStable` of the pin says what it waits for",
        )
    if each.stated.distribution == _STABLE:
        return
    told = [one for one in found.columns if one.verdict == found.verdict]
    named = ", ".join(f"`{one.name}` ({one.reason})" for one in told[:_NAMED_GAPS])
    more = ", and others" if len(told) > _NAMED_GAPS else ""
    what = "moved" if found.verdict == "moved" else "is not known to be stable"
    raise Refused(
        reasons.DISTRIBUTION_NOT_STABLE,
        f"{each} {what} against DatasetPin '{found.against}', and {asks} lets in what is stable:"
        f" {named}{more}: use other data, or compare them with data that they are to be like",
    )


def _looser(own: DistributionThresholds, most: DistributionThresholds) -> str:
    """Return which thresholds are looser than is allowed, for a person; empty for none."""
    limits = most.model_dump(by_alias=True)
    return ", ".join(
        f"{name} {value} (at most {limits[name]})"
        for name, value in own.model_dump(by_alias=True).items()
        if value > limits[name]
    )


def _rank(level: str) -> int:
    return next((rank for rank, known in enumerate(PROVENANCE_LEVELS) if known == level), 0)
