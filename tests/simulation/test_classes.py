"""Each class of faults fires: one that never does would be taken for one that breaks nothing."""

from __future__ import annotations

from collections import Counter

import pytest

from simulation.classes import (
    CLOCKS,
    CLUSTER,
    GROUPS,
    LINEAGE,
    POLICIES,
    PROCESSES,
    REFUSED_DELETIONS,
    REQUESTS,
    RULES,
    STORE,
    WATCHES,
    by_people,
    count_classes,
)
from simulation.people import DEEDS
from simulation.schedules import Scenario, run
from simulation.simulate import focused

# What a scenario has to say, and which classes such scenarios are for.
_WHERE: dict[str, tuple[str, ...]] = {
    "10% of requests": tuple(
        name
        for name in REQUESTS
        if name not in ("refused 422", "overtaken", "server away")  # not by chance, or apart
    ),
    "of writes": ("refused 422",),
    "overtaken": ("overtaken",),
    "server away": ("server away",),
    "outages": tuple(name for name in WATCHES if name != "watch gap"),
    "gaps": ("watch gap",),
    "killed at request": ("killed",),
    "killed after": ("killed at a named request",),
    "store request": ("killed at a store request",),
    "replicas": ("leader stopped", "lease lost"),
    "store fails 10%": tuple(name for name in STORE if name not in ("store away", "store forbids")),
    "store away": ("store away",),
    "store forbids": ("store forbids",),
    "clock jumps": ("clock ahead", "clock back"),
    "clocks differ": ("clocks differ",),
    "squatted": ("squatted",),
    "a policy engine": ("policy engine",),
    "consumer away": ("lineage away",),
    **{f"create of {plural} get": (f"policy on {plural}",) for plural in POLICIES},
    **{
        f"delete of {plural} get": (f"policy on deletion of {plural}",)
        for plural in REFUSED_DELETIONS
    },
}
_MOST = 40
# Later a guard refuses it.
_BEFORE_USE = {"deletes the profile for a while": 0.0, "deletes the store for a while": 0.0}


def test_no_class_is_left_out() -> None:
    listed = [name for group in GROUPS.values() for name in group]
    tested = [name for names in _WHERE.values() for name in names]
    assert sorted(tested) == sorted(listed)
    assert len(listed) == sum(
        map(len, (REQUESTS, RULES, WATCHES, PROCESSES, STORE, CLOCKS, CLUSTER, LINEAGE))
    )


@pytest.mark.slow
@pytest.mark.parametrize("said", _WHERE)
def test_a_class_fires(said: str) -> None:
    missing = set(_WHERE[said])
    for scenario in focused(1, _MOST, said):
        missing -= set(run(scenario).story.faults)
        if not missing:
            return
    pytest.fail(f"not in {_MOST} seeds in whose scenario '{said}' is said: {sorted(missing)}")


@pytest.mark.slow
@pytest.mark.parametrize("deed", DEEDS)
def test_what_somebody_does_changes_something(deed: str) -> None:
    # Only a run has a Job; a namespace that is closed has no credentials to delete.
    has_run = deed == "deletes the run's Job"
    moment = _BEFORE_USE.get(deed, 2.0)
    scenario = Scenario(12, has_run=has_run, has_pin=True, named_deeds=((moment, deed),))
    assert run(scenario).story.faults[by_people(deed)] == 1


def test_what_is_counted_under_no_name_is_seen() -> None:
    counted = Counter({"lost": 3, by_people(DEEDS[0]): 1})
    assert dict(count_classes(counted))["lost"] == 3
    assert dict(count_classes(counted))["stale"] == 0
    with pytest.raises(LookupError, match="a new class"):
        count_classes(Counter({"a new class": 1}))
