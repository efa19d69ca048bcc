"""Which Jobs of tasks nobody waits for."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox import names
from glovebox.controllers.task_sweep import find_idle
from glovebox.engine.tasks import TaskKey
from glovebox.kube.resources import Key

KEY = TaskKey(Key("DatasetPin", "team", "rows"), "0d6a", "hash")


def job(**changes: Any) -> dict[str, Any]:
    labels = {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_TASK: "glovebox-task-a",
    }
    notes = {
        names.ANNOTATION_OWNER: "DatasetPin/team/rows",
        names.ANNOTATION_OWNER_UID: "0d6a",
        names.ANNOTATION_TASK: "hash",
    }
    metadata = {"name": "glovebox-task-a", "uid": "j", "labels": labels, "annotations": notes}
    return {"metadata": metadata | changes}


@pytest.mark.parametrize(
    ("before", "has_owner", "is_wanted", "idle", "again", "why"),
    [
        ((), True, True, False, False, "a task waits for it"),
        ((), False, False, True, False, "its owner is gone"),
        ((), True, False, False, True, "the operator may not have asked for it yet"),
        (("j",), True, False, True, False, "nobody asked for it in the sweep before either"),
        (("j",), True, True, False, False, "somebody asks for it now"),
    ],
)
def test_a_job_that_nobody_waits_for(
    before: tuple[str, ...],
    has_owner: bool,  # noqa: FBT001 - a table
    is_wanted: bool,  # noqa: FBT001 - a table
    idle: bool,  # noqa: FBT001 - a table
    again: bool,  # noqa: FBT001 - a table
    why: str,
) -> None:
    asked: list[TaskKey] = []

    def wanted(key: TaskKey) -> bool:
        asked.append(key)
        return is_wanted

    found, unwanted = find_idle([job()], frozenset(before), lambda _: has_owner, wanted)
    assert (bool(found), bool(unwanted)) == (idle, again), why
    assert asked == [KEY]


@pytest.mark.parametrize(
    "other",
    [
        job(labels={names.LABEL_TASK: "glovebox-task-a"}),
        job(name="somebody-s"),
        job(annotations={}),
        job(annotations=None),
    ],
)
def test_what_is_not_ours_is_left_alone(other: dict[str, Any]) -> None:
    assert find_idle([other], frozenset("j"), lambda _: False, lambda _: False) == ([], frozenset())


@pytest.mark.parametrize("owner", ["Nonsense/team/rows", "rows", "Nonsense"])
def test_a_job_whose_owner_somebody_edited_keeps_no_other_from_being_swept(owner: str) -> None:
    notes = job()["metadata"]["annotations"] | {names.ANNOTATION_OWNER: owner}
    edited = job(annotations=notes, uid="k")

    def has_owner(key: TaskKey) -> bool:
        return key != KEY and Key.parse(str(key.owner)).resource is not None

    found, _ = find_idle([edited, job()], frozenset(), has_owner, lambda _: False)
    assert [each["metadata"]["uid"] for each in found] == ["j"]
