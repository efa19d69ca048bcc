"""What a profile refuses because of what the owner of data states of them. Pure.

Nobody compares these statements with the bytes. Each check is named after the defect that it finds.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from glovebox.api import reasons
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.stated_data import KEPT_WITHOUT_END
from glovebox.data.licenses import LicenseError, is_allowed
from glovebox.desired.data_input import DataInput, listed, says
from glovebox.errors import Refused

_PRODUCTION: Final = "Production"
_NAMELESS: Final = frozenset({"Absent", "Anonymised", "Pseudonymised"})


def environment_not_allowed(profile: IsolationProfile, each: DataInput) -> None:
    """Refuse production data outside of production, and others in it."""
    own, rules, said = profile.spec.environment, profile.spec.data, each.stated.environment
    if rules.environments and said not in rules.environments:
        raise Refused(
            reasons.ENVIRONMENT_NOT_ALLOWED,
            f"{each} {says('spec.environment', said)}, and IsolationProfile {profile.name} lets in"
            f" {listed(rules.environments)} (`spec.data.environments`): use data that say so, or a"
            " profile for theirs",
        )
    if own is not None and said and (said == _PRODUCTION) != (own == _PRODUCTION):
        raise Refused(
            reasons.ENVIRONMENT_NOT_ALLOWED,
            f"{each} {says('spec.environment', said)}, and IsolationProfile {profile.name} is for"
            f" {own} (`spec.environment`): production data and others are kept apart; use data of"
            f" {own}, or a profile for {said}",
        )


def classification_not_allowed(profile: IsolationProfile, each: DataInput) -> None:
    """Refuse data that are more confidential than the profile is for."""
    allowed, said = profile.spec.data.classifications, each.stated.classification
    if allowed and said not in allowed:
        raise Refused(
            reasons.CLASSIFICATION_NOT_ALLOWED,
            f"{each} {says('spec.classification', said)}, and IsolationProfile {profile.name}"
            f" allows {listed(allowed)} (`spec.data.classifications`): use such data, or a profile"
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
            f"{each} {says('spec.personalData', stated.personal_data)} and is {said}, and"
            f" IsolationProfile {profile.name} wants no names in data that are"
            f" {listed(demanded)} (`spec.data.pseudonymised`): pin data in which names were"
            " replaced, with `spec.personalData: Pseudonymised`",
        )


def region_not_allowed(profile: IsolationProfile, each: DataInput) -> None:
    """Refuse data that have to stay elsewhere."""
    allowed, said = profile.spec.data.regions, each.stated.region
    if allowed and said not in allowed:
        raise Refused(
            reasons.REGION_NOT_ALLOWED,
            f"{each} {says('spec.region', said)}, and IsolationProfile {profile.name} allows"
            f" {listed(allowed)} (`spec.data.regions`): use data of such a region, or another"
            " profile",
        )


def origin_not_allowed(profile: IsolationProfile, each: DataInput) -> None:
    """Refuse data that were made in a way in which what this role is for says nothing."""
    said = each.stated.origin
    for rule in profile.spec.data.origins:
        if rule.role == each.role and said not in rule.allowed:
            raise Refused(
                reasons.ORIGIN_NOT_ALLOWED,
                f"{each} {says('spec.provenance.origin', said)} and has the role {each.role}, for"
                f" which IsolationProfile {profile.name} allows {listed(rule.allowed)}"
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
    allowed = f"allows {listed(rules.allowed)}" if rules.allowed else ""
    denied = f"denies {listed(rules.denied)}" if rules.denied else ""
    raise Refused(
        reasons.LICENSE_NOT_ALLOWED,
        f"{each} {says('spec.license', said)}{unknown}, and IsolationProfile {profile.name}"
        f" {' and '.join(filter(None, (allowed, denied)))} (`spec.data.licenses`): use data under"
        " another licence, or another profile",
    )


def retention_ended(profile: IsolationProfile, each: DataInput) -> None:
    """Refuse data that may be kept no longer, or of which nobody says for how long."""
    if not profile.spec.data.within_retention:
        return
    asks = (
        f"IsolationProfile {profile.name} lets in data only while they may be kept"
        " (`spec.data.withinRetention`)"
    )
    said = each.stated.retention
    if said == KEPT_WITHOUT_END:
        return
    ends = _moment(said)
    if ends is None:
        raise Refused(
            reasons.RETENTION_UNKNOWN,
            f"{each} {says('spec.retention', said)}, and {asks}: create a pin that says how long"
            " and why, or use another profile",
        )
    if each.now >= ends:
        raise Refused(
            reasons.RETENTION_ENDED,
            f"{each} {says('spec.retention.untilTime', said)}, which is over, and {asks}: use data"
            " that may still be kept, or another profile",
        )


def _moment(said: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        return None  # not said, or in a word that is not known here
    return found if found.tzinfo is not None else None


def not_held(profile: IsolationProfile, each: DataInput) -> None:
    """Refuse data that could be deleted while they are used."""
    if profile.spec.data.require_hold and not each.stated.hold:
        raise Refused(
            reasons.HOLD_REQUIRED,
            f"{each} does not say `spec.hold`, and IsolationProfile {profile.name} demands that"
            " nobody can delete the data while they are used (`spec.data.requireHold`): create a"
            " pin with `spec.hold: WhileUsed`, or use another profile",
        )
