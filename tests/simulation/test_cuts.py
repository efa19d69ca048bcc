"""Each write of one life of an Experiment, cut in turn.

Refused, lost, unanswered, late, or the process killed in its midst.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulation.api_transport import Fault
from simulation.faults import Plan
from simulation.schedules import Result, Scenario, run

# More writes than one life has, from the first finalizer to the last.
WRITES = 56
REQUESTS = 276
# What a life does before its deletion is the same under each policy: it is cut under one.
WRITES_BEFORE, REQUESTS_BEFORE = 40, 150
FAULTS = {
    "403": Fault("refused", 403),
    "409": Fault("refused", 409),
    "422": Fault("refused", 422),
    "500": Fault("refused", 500),
    "lost": Fault("lost", seconds=5.0),
    "unanswered": Fault("unanswered"),
    "late": Fault("late", seconds=1.0),
}


def life(plan: Plan, deletion: str) -> Result:
    """Play one life: a run that is sealed, and then the deletion."""
    plan.ends = 1_030.0
    return run(
        Scenario(
            5,
            deletion=deletion,
            plan=plan,
            deleted_at_the_end=True,
            slowest=0.2,
            tells_lineage=True,
        )
    )


def require(results: Iterator[Result]) -> None:
    broken = [result for result in results if result.broken]
    if broken:
        others = "\n".join(f"{each.scenario}: {each.broken[0]}" for each in broken[1:12])
        pytest.fail(
            f"{broken[0].told(last=60)}\nand {len(broken) - 1} more:\n{others}", pytrace=False
        )


@pytest.mark.slow
@pytest.mark.parametrize("deletion", ["Freeze", "Delete", "Retain"])
@pytest.mark.parametrize("fault", FAULTS)
def test_each_write_that_fails_is_made_good(fault: str, deletion: str) -> None:
    first = 1 if deletion == "Freeze" else WRITES_BEFORE
    numbers = range(first, WRITES + 1)
    require(life(Plan(cut={number: FAULTS[fault]}), deletion) for number in numbers)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("deletion", ["Freeze", "Delete"])
def test_a_process_that_is_killed_at_any_request_loses_nothing(deletion: str) -> None:
    first = 1 if deletion == "Freeze" else REQUESTS_BEFORE + 1
    numbers = range(first, REQUESTS + 1, 2)
    require(life(Plan(crash=(number,)), deletion) for number in numbers)


@pytest.mark.slow
def test_what_is_cut_under_one_policy_alone_comes_before_the_deletion() -> None:
    for plan, number in (
        (Plan(cut={WRITES_BEFORE: FAULTS["500"]}), WRITES_BEFORE),
        (Plan(crash=(REQUESTS_BEFORE,)), REQUESTS_BEFORE),
    ):
        story = life(plan, "Delete").told(last=None)
        cut = story.find("REFUSED 500") if plan.cut else story.find("IS KILLED")
        assert -1 < cut < story.index("a person     deletes"), number
