"""What a profile refuses because of what pins say of their data. Pure.

What was said when the snapshot was taken is recorded with the inputs, and what a rule looked at is
part of the digest: `checked_fields`. Nothing is asked again afterwards. The rules on statements are
in `stated_data_rules.py`, those on what was found in `found_data_rules.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from glovebox.api import reasons
from glovebox.api.isolation_profile import IsolationProfile, IsolationProfileSpec
from glovebox.api.object_store import ObjectStore
from glovebox.desired import found_data_rules as found
from glovebox.desired import stated_data_rules as stated
from glovebox.desired.data_input import DataInput, listed
from glovebox.errors import Refused

CHECKS: Final[tuple[Callable[[IsolationProfile, DataInput], None], ...]] = (
    stated.environment_not_allowed,
    stated.classification_not_allowed,
    stated.not_pseudonymised,
    stated.region_not_allowed,
    stated.origin_not_allowed,
    stated.license_not_allowed,
    stated.retention_ended,
    found.provenance_incomplete,
    found.contract_incompatible,
    found.distribution_not_stable,
    stated.not_held,
)


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
        "retention": rules.within_retention,
    }
    return tuple(name for name, is_looked_at in looked_at.items() if is_looked_at)


def _store_elsewhere(profile: IsolationProfile, stores: Iterable[ObjectStore]) -> None:
    """Refuse a store outside of the regions: data and results would leave them."""
    allowed = profile.spec.data.regions
    for store in stores:
        if allowed and store.spec.region not in allowed:
            raise Refused(
                reasons.REGION_NOT_ALLOWED,
                f"ObjectStore {store.name} is in `spec.region: {store.spec.region}`, and"
                f" IsolationProfile {profile.name} allows {listed(allowed)}"
                " (`spec.data.regions`): name a store in such a region, or another profile",
            )
