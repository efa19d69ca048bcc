"""What a profile refuses because of the leakage sheet. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from glovebox.api import reasons
from glovebox.api.experiment_inputs import AllowedOverlap
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.leakage_status import LeakStatus
from glovebox.errors import Refused

_CURES: Final[Mapping[str, str]] = {
    "NoTestSet": "add an input with the role `test` or `holdout`",
    "SharedGroups": "use pins that say `spec.coverage.groups` by the same column",
    "SharedRows": (
        "use pins that say `spec.coverage.rows` by the same columns, and artifacts of runs with"
        " fewer inputs where their seals do not name all"
    ),
    "NearTexts": (
        "use pins that say `spec.coverage.texts` by the same columns, and not by one that says"
        " much the same in all rows"
    ),
    "TimeOrder": "use pins that say `spec.coverage.time` by the same column",
}


def check_overlap_allowed(profile: IsolationProfile, allowed: tuple[AllowedOverlap, ...]) -> None:
    """Return when the profile lets Experiments give reasons, or none was given.

    Raises:
        Refused: `OverlapNotAllowed`.
    """
    rule = profile.spec.leakage.overlap
    if allowed and rule == "WithGrant":
        raise Refused(
            reasons.OVERLAP_NOT_ALLOWED,
            "`spec.inputs.allowOverlap` gives a reason, and IsolationProfile"
            f" {profile.name} lets inputs of different roles share only what an AccessGrant lets"
            " pass (`spec.leakage.overlap: WithGrant`): remove the field and ask the owner of the"
            " data for an AccessGrant with `spec.overlap`, or choose another profile",
        )
    if allowed and rule == "Never":
        raise Refused(
            reasons.OVERLAP_NOT_ALLOWED,
            "`spec.inputs.allowOverlap` gives a reason, and IsolationProfile"
            f" {profile.name} lets inputs of different roles share nothing"
            " (`spec.leakage.overlap: Never`): remove the field and pin data that are apart, or"
            " choose another profile",
        )


def check_known(profile: IsolationProfile, rows: tuple[LeakStatus, ...]) -> None:
    """Return when everything is known that the profile demands.

    Raises:
        Refused: `LeakageUnknown`, with the cure for the first that is not.
    """
    unknown = {row.type: row.message for row in rows if row.level == "Unknown"}
    for leak in profile.spec.leakage.must_know:
        if leak in unknown:
            raise Refused(
                reasons.LEAKAGE_UNKNOWN,
                f"IsolationProfile {profile.name} demands that {leak} is known, and"
                f" {unknown[leak]}: {_CURES[leak]}",
            )
