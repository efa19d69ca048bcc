"""How long a bucket that the operator creates locks what arrives in it.

What the ObjectStore says counts. Where it says nothing, the bucket has to hold what any profile may
ask for: an Experiment whose retention is longer than the bucket's lock is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import ValidationError

from glovebox.api.profile_limits import RetentionRange
from glovebox.api.store_bucket import BucketRetention
from glovebox.store.buckets import DefaultRetention

# Where no profile is there yet: what a profile that says nothing gives to an Experiment.
NO_PROFILE_DAYS: Final = 365


def retention_of_new_bucket(
    wanted: BucketRetention | None, profiles: Iterable[Mapping[str, Any]]
) -> DefaultRetention:
    """Return the default retention of a bucket that is about to be created. Pure.

    Args:
        wanted: `spec.artifacts.retention` of the ObjectStore.
        profiles: The IsolationProfiles that are there.
    """
    if wanted is not None:
        return _of(wanted.mode == "Compliance", wanted.days)
    ranges = [found for profile in profiles if (found := _range(profile)) is not None]
    if not ranges:
        return DefaultRetention("COMPLIANCE", NO_PROFILE_DAYS)
    # A mode is the weakest that a profile takes.
    strict = any(each.mode == "Compliance" for each in ranges)
    return _of(strict, max(each.maximum_days for each in ranges))


def _range(profile: Mapping[str, Any]) -> RetentionRange | None:
    try:
        return RetentionRange.model_validate((profile.get("spec") or {}).get("retention") or {})
    except ValidationError:
        return None


def _of(strict: bool, days: int) -> DefaultRetention:  # noqa: FBT001 - of this module alone
    return DefaultRetention("COMPLIANCE" if strict else "GOVERNANCE", days)
