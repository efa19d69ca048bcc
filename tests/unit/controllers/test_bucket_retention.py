"""How long a bucket that the operator creates locks what arrives in it."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox.api.store_bucket import BucketRetention
from glovebox.controllers.bucket_retention import NO_PROFILE_DAYS, retention_of_new_bucket
from glovebox.store.buckets import DefaultRetention


def profile(**retention: Any) -> dict[str, Any]:
    return {"spec": {"retention": retention}}


WEEK = profile(mode="Governance", minimumDays=1, defaultDays=1, maximumDays=7)
YEARS = profile(mode="Compliance", minimumDays=1, defaultDays=30, maximumDays=730)


@pytest.mark.parametrize(
    ("wanted", "profiles", "expected"),
    [
        (BucketRetention(mode="Governance", days=2), [YEARS], DefaultRetention("GOVERNANCE", 2)),
        (None, [], DefaultRetention("COMPLIANCE", NO_PROFILE_DAYS)),
        (None, [WEEK], DefaultRetention("GOVERNANCE", 7)),
        (None, [WEEK, YEARS], DefaultRetention("COMPLIANCE", 730)),
        (None, [{"spec": {}}], DefaultRetention("COMPLIANCE", 365)),
        (None, [WEEK, profile(maximumDays="long")], DefaultRetention("GOVERNANCE", 7)),
    ],
    ids=[
        "what the store says counts",
        "no profile yet",
        "one profile",
        "the longest and the strictest of several",
        "a profile that says nothing takes a year",
        "one that cannot be read does not count",
    ],
)
def test_a_new_bucket_holds_what_any_profile_may_ask_for(
    wanted: BucketRetention | None, profiles: list[dict[str, Any]], expected: DefaultRetention
) -> None:
    assert retention_of_new_bucket(wanted, profiles) == expected
