"""The table of managed objects: no kind twice, all that is written, no isolation object deleted."""

from __future__ import annotations

import pytest

from glovebox.apply.managed import MANAGED, ROWS, NotManagedError, Strategy, managed
from glovebox.desired.plan import desired_objects
from glovebox.kube import kinds
from golden.cases import Case, discover


def test_each_kind_has_one_row() -> None:
    assert len(MANAGED) == len(ROWS)


@pytest.mark.parametrize("case", discover(), ids=lambda case: case.name)
def test_every_object_of_a_plan_is_kept_by_the_table(case: Case) -> None:
    for obj in desired_objects(case.inputs()).objects():
        assert Strategy.KEEP in MANAGED[obj["kind"]].strategies


@pytest.mark.parametrize(
    "kind",
    [kinds.NETWORK_POLICY, kinds.RESOURCE_QUOTA, kinds.LIMIT_RANGE, kinds.NAMESPACE],
    ids=lambda kind: kind.kind,
)
def test_what_isolates_is_never_deleted_to_be_recreated(kind: kinds.Kind) -> None:
    assert MANAGED[kind.kind].recreate_for == ()
    assert MANAGED[kind.kind].isolates


def test_a_kind_is_written_only_as_the_table_says() -> None:
    with pytest.raises(NotManagedError):
        managed(kinds.POD, Strategy.KEEP)
    with pytest.raises(NotManagedError):
        managed(kinds.EXPERIMENT, Strategy.REMOVE)
    assert managed(kinds.POD, Strategy.REMOVE).kind == kinds.POD
