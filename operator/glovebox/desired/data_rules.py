"""What a profile refuses because of what pins say of their data. Pure.

Each check is named after the defect that it finds. What was said when the snapshot was taken is
recorded with the inputs, and what a rule looked at is part of the digest: `checked_fields`. Nothing
is asked again afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from glovebox.api import reasons
from glovebox.api.data_terms import PROVENANCE_LEVELS
from glovebox.api.evolution import EvolutionStatus
from glovebox.api.isolation_profile import IsolationProfile, IsolationProfileSpec
from glovebox.api.object_store import ObjectStore
from glovebox.api.stated_data import StatedData
from glovebox.api.statistics import Distribution, DistributionThresholds
from glovebox.api.statistics_status import DistributionStatus
from glovebox.data.evolution import satisfies
from glovebox.data.licenses import LicenseError, is_allowed
from glovebox.data.provenance import Gap
from glovebox.errors import NotReady, Refused

_PRODUCTION: Final = "Production"
_NAMELESS: Final = frozenset({"Absent", "Anonymised", "Pseudonymised"})
_NAMED_GAPS: Final = 5
_STABLE: Final = "stable"
_KEEPS: Final = {
    "Forward": "Forward compatible alone",
    "Backward": "Backward compatible alone",
    "Breaking": "not compatible with that one's",
}


@dataclass(frozen=True, slots=True)
class DataInput:
    """A dataset input with what its pin says of its data.

    Attributes:
        name: Of the input.
        pin: Name of the DatasetPin.
        role: What the input is for.
        stated: What the pin said when it was resolved.
        gaps: What is missing of its provenance.
        evolution: What is known of its contract against that of the pin that it supersedes.
        distribution: What its distribution is compared with; None with nothing.
        compared: What was found; None before.
    """

    name: str
    pin: str
    role: str
    stated: StatedData
    gaps: tuple[Gap, ...] = ()
    evolution: EvolutionStatus | None = None
    distribution: Distribution | None = None
    compared: DistributionStatus | None = None

    def __str__(self) -> str:
        return f"input `{self.name}`: DatasetPin '{self.pin}'"


def check_data(
    profile: IsolationProfile, inputs: Iterable[DataInput], stores: Iterable[ObjectStore]
) -> None:
    """Return when the profile lets an Experiment use these data.

    Args:
        profile: The IsolationProfile that the Experiment names.
        inputs: Its datasets.
        stores: The ObjectStores that hold them, and the one of its artifacts.

    Raises:
        Refused: The first defect, with the field and the cure.
        NotReady: `ProvenanceIncomplete`: nothing is missing but sources that were not read yet;
            `ContractIncompatible`: nothing is known of the superseded pin; `DistributionNotStable`:
            it was not compared yet.
    """
    for each in inputs:
        for find_defect in CHECKS:
            find_defect(profile, each)
    _store_elsewhere(profile, stores)


def checked_fields(spec: IsolationProfileSpec) -> tuple[str, ...]:
    """Return which fields of `StatedData` the rules of a profile look at, in a fixed order.

    Of provenance it is what the pin said; how complete that was depends on other pins, and the
    level that was demanded is in the profile. So it is with compatibility and its migration, and
    with the distribution.
    """
    rules = spec.data
    looked_at = {
        "environment": spec.environment is not None or bool(rules.environments),
        "classification": bool(rules.classifications or rules.pseudonymised),
        "license": bool(rules.licenses.allowed or rules.licenses.denied),
        "region": bool(rules.regions),
        "personal_data": bool(rules.pseudonymised),
        "origin": bool(rules.origins),
        "digest": rules.provenance != "None",
        "migration": rules.compatibility != "None",
        "hold": rules.require_hold,
    }
    return tuple(name for name, is_looked_at in looked_at.items() if is_looked_at)


def environment_not_allowed(profile: IsolationProfile, each: DataInput) -> None:
    """Refuse production data outside of production, and others in it."""
    own, rules, said = profile.spec.environment, profile.spec.data, each.stated.environment
    if rules.environments and said not in rules.environments:
        raise Refused(
            reasons.ENVIRONMENT_NOT_ALLOWED,
            f"{each} {_says('spec.environment', said)}, and IsolationProfile {profile.name} lets in"
            f" {_listed(rules.environments)} (`spec.data.environments`): use data that say so, or a"
            " profile for theirs",
        )
    if own is not None and said and (said == _PRODUCTION) != (own == _PRODUCTION):
        raise Refused(
            reasons.ENVIRONMENT_NOT_ALLOWED,
            f"{each} {_says('spec.environment', said)}, and IsolationProfile {profile.name} is for"
            f" {own} (`spec.environment`): production data and others are kept apart; use data of"
            f" {own}, or a profile for {said}",
        )


def classification_not_allowed(profile: IsolationProfile, each: DataInput) -> None:
    """Refuse data that are more confidential than the profile is for."""
    allowed, said = profile.spec.data.classifications, each.stated.classification
    if allowed and said not in allowed:
        raise Refused(
            reasons.CLASSIFICATION_NOT_ALLOWED,
            f"{each} {_says('spec.classification', said)}, and IsolationProfile {profile.name}"
            f" allows {_listed(allowed)} (`spec.data.classifications`): use such data, or a profile"
            " for these",
        )


def not_pseudonymised(profile: IsolationProfile, each: DataInput) -> None:
    """Refuse names of people where the profile wants pseudonyms."""
    demanded, stated = profile.spec.data.pseudonymised, each.stated
    # Nobody gets past the rule by not saying how confidential the data are.
    applies = stated.classification in demanded or (bool(demanded) and not stated.classification)
    if applies and stated.personal_data not in _NAMELESS:
        said = stated.classification or "without a classification"
        raise Refused(
            reasons.NOT_PSEUDONYMISED,
            f"{each} {_says('spec.personalData', stated.personal_data)} and is {said}, and"
            f" IsolationProfile {profile.name} wants no names in data that are"
            f" {_listed(demanded)} (`spec.data.pseudonymised`): pin data in which names were"
            " replaced, with `spec.personalData: Pseudonymised`",
        )


def region_not_allowed(profile: IsolationProfile, each: DataInput) -> None:
    """Refuse data that have to stay elsewhere."""
    allowed, said = profile.spec.data.regions, each.stated.region
    if allowed and said not in allowed:
        raise Refused(
            reasons.REGION_NOT_ALLOWED,
            f"{each} {_says('spec.region', said)}, and IsolationProfile {profile.name} allows"
            f" {_listed(allowed)} (`spec.data.regions`): use data of such a region, or another"
            " profile",
        )


def origin_not_allowed(profile: IsolationProfile, each: DataInput) -> None:
    """Refuse data that were made in a way in which what this role is for says nothing."""
    said = each.stated.origin
    for rule in profile.spec.data.origins:
        if rule.role == each.role and said not in rule.allowed:
            raise Refused(
                reasons.ORIGIN_NOT_ALLOWED,
                f"{each} {_says('spec.provenance.origin', said)} and has the role {each.role}, for"
                f" which IsolationProfile {profile.name} allows {_listed(rule.allowed)}"
                " (`spec.data.origins`): use such data, or another role",
            )


def license_not_allowed(profile: IsolationProfile, each: DataInput) -> None:
    """Refuse data whose licence the profile does not allow, or of which nobody knows one."""
    rules, said = profile.spec.data.licenses, each.stated.license
    if not rules.allowed and not rules.denied:
        return
    try:
        if said and is_allowed(said, allowed=rules.allowed, denied=rules.denied):
            return
        unknown = ""
    except LicenseError as error:
        unknown = f" ({error})"
    allowed = f"allows {_listed(rules.allowed)}" if rules.allowed else ""
    denied = f"denies {_listed(rules.denied)}" if rules.denied else ""
    raise Refused(
        reasons.LICENSE_NOT_ALLOWED,
        f"{each} {_says('spec.license', said)}{unknown}, and IsolationProfile {profile.name}"
        f" {' and '.join(filter(None, (allowed, denied)))} (`spec.data.licenses`): use data under"
        " another licence, or another profile",
    )


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


def not_held(profile: IsolationProfile, each: DataInput) -> None:
    """Refuse data that could be deleted while they are used."""
    if profile.spec.data.require_hold and not each.stated.hold:
        raise Refused(
            reasons.HOLD_REQUIRED,
            f"{each} does not say `spec.hold`, and IsolationProfile {profile.name} demands that"
            " nobody can delete the data while they are used (`spec.data.requireHold`): create a"
            " pin with `spec.hold: WhileUsed`, or use another profile",
        )


CHECKS: Final[tuple[Callable[[IsolationProfile, DataInput], None], ...]] = (
    environment_not_allowed,
    classification_not_allowed,
    not_pseudonymised,
    region_not_allowed,
    origin_not_allowed,
    license_not_allowed,
    provenance_incomplete,
    contract_incompatible,
    distribution_not_stable,
    not_held,
)


def _store_elsewhere(profile: IsolationProfile, stores: Iterable[ObjectStore]) -> None:
    """Refuse a store outside of the regions: data and results would leave them."""
    allowed = profile.spec.data.regions
    for store in stores:
        if allowed and store.spec.region not in allowed:
            raise Refused(
                reasons.REGION_NOT_ALLOWED,
                f"ObjectStore {store.name} is in `spec.region: {store.spec.region}`, and"
                f" IsolationProfile {profile.name} allows {_listed(allowed)}"
                " (`spec.data.regions`): name a store in such a region, or another profile",
            )


def _rank(level: str) -> int:
    return next((rank for rank, known in enumerate(PROVENANCE_LEVELS) if known == level), 0)


def _says(field: str, said: str) -> str:
    return f"says `{field}: {said}`" if said else f"does not say `{field}`"


def _listed(items: Iterable[str]) -> str:
    return ", ".join(sorted(items))
