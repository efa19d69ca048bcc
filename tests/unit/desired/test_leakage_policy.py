"""What a profile refuses because of what is known of leaks."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox.api.experiment_inputs import AllowedOverlap
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.leakage_status import LeakStatus
from glovebox.api.object_store import ObjectStore
from glovebox.desired.leakage_policy import check_known, check_overlap_allowed
from glovebox.desired.platform import render_platform
from glovebox.errors import Refused
from support.examples import flights

ALLOWED = (
    AllowedOverlap.model_validate({"inputs": ["a", "b"], "of": ["Time"], "reason": "by aircraft"}),
)


def profile(**leakage: Any) -> IsolationProfile:
    made = flights("IsolationProfile")
    return IsolationProfile.model_validate({**made, "spec": {**made["spec"], "leakage": leakage}})


def rows(**levels: str) -> tuple[LeakStatus, ...]:
    return tuple(
        LeakStatus.model_validate({"type": leak, "level": level, "message": "nobody looked"})
        for leak, level in levels.items()
    )


def test_a_reason_is_enough_unless_the_profile_says_never() -> None:
    check_overlap_allowed(profile(), ALLOWED)
    check_overlap_allowed(profile(overlap="Never"), ())
    with pytest.raises(Refused, match="overlap: Never") as refused:
        check_overlap_allowed(profile(overlap="Never"), ALLOWED)
    assert refused.value.reason == "OverlapNotAllowed"


@pytest.mark.parametrize("leak", ["NoTestSet", "SharedGroups", "TimeOrder"])
@pytest.mark.parametrize("level", ["Proved", "Measured", "Declared", "Unknown"])
def test_what_must_be_known_is_refused_while_it_is_not(leak: str, level: str) -> None:
    sheet = rows(**{leak: level}, SharedRows="Unknown")
    check_known(profile(), sheet)
    demanding = profile(mustKnow=[leak])
    if level != "Unknown":
        check_known(demanding, sheet)
        return
    with pytest.raises(Refused, match=f"demands that {leak} is known, and nobody looked: ") as no:
        check_known(demanding, sheet)
    assert no.value.reason == "LeakageUnknown"


def test_it_is_no_part_of_what_is_bound() -> None:

    store = ObjectStore.model_validate(flights("ObjectStore"))
    bound = [render_platform(profile(**each), store, ()) for each in ({}, {"overlap": "Never"})]
    assert bound[0] == bound[1]
