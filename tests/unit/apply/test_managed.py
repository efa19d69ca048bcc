"""The table of managed objects: no kind twice, all that is written, no isolation object deleted."""

from __future__ import annotations

from typing import get_args

import pytest

from glovebox.api.isolation_profile import DriftKind
from glovebox.apply.managed import MANAGED, ROWS, NotManagedError, Strategy, managed
from glovebox.desired.plan import desired_objects
from glovebox.kube import kinds
from golden.cases import Case, discover


def test_each_kind_has_one_row_and_there_are_few_ways_to_write() -> None:
    assert len(MANAGED) == len(ROWS)
    assert len(Strategy) <= 5


@pytest.mark.parametrize("case", discover(), ids=lambda case: case.name)
def test_every_object_of_a_plan_is_kept_by_the_table(case: Case) -> None:
    for obj in desired_objects(case.inputs()).objects():
        assert Strategy.KEEP in MANAGED[obj["kind"]].strategies


def test_a_drift_policy_is_offered_for_what_it_counts_for_and_for_nothing_else() -> None:
    plans = [desired_objects(case.inputs()) for case in discover()]
    counted = {obj["kind"] for plan in plans for obj in (*plan.isolation, *plan.access)}
    assert set(get_args(DriftKind)) == counted


@pytest.mark.parametrize(
    "kind",
    [kinds.NETWORK_POLICY, kinds.RESOURCE_QUOTA, kinds.LIMIT_RANGE, kinds.NAMESPACE],
    ids=lambda kind: kind.kind,
)
def test_what_isolates_is_never_deleted_to_be_recreated(kind: kinds.Kind) -> None:
    assert MANAGED[kind.kind].recreate_for == ()
    assert MANAGED[kind.kind].isolates


def test_what_opens_isolation_never_waits_and_what_adds_to_it_is_removed() -> None:
    """A binding lets people in, as a missing policy lets packets out."""
    assert {row.kind for row in ROWS if row.isolates} == {
        kinds.NAMESPACE,
        kinds.NETWORK_POLICY,
        kinds.RESOURCE_QUOTA,
        kinds.LIMIT_RANGE,
        kinds.ROLE_BINDING,
    }
    additive = {kinds.NETWORK_POLICY, kinds.ROLE_BINDING}
    assert {row.kind for row in ROWS if row.additive} == additive == set(kinds.ADDITIVE_KINDS)


def test_a_kind_is_written_only_as_the_table_says() -> None:
    with pytest.raises(NotManagedError):
        managed(kinds.POD, Strategy.KEEP)
    with pytest.raises(NotManagedError):
        managed(kinds.EXPERIMENT, Strategy.REMOVE)
    assert managed(kinds.POD, Strategy.REMOVE).kind == kinds.POD
