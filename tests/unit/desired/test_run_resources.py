"""Local disk of a run against its quota: the part of it that the pins decide."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox.desired.run import stage_jobs
from glovebox.desired.run_resources import why_disk_never_fits
from golden.cases import Only, inputs_from


def disk(amount: str, maximum: str = "100Gi") -> dict[str, Any]:
    """Return a profile that counts the disk of all pods."""
    entry = {"resource": "limits.ephemeral-storage", "default": amount, "maximum": maximum}
    return {"kind": "IsolationProfile", "spec": {"quota": [entry]}}


def less() -> dict[str, Any]:
    return {"kind": "Experiment", "spec": {"stages": {0: {"scratch": "2Gi"}}}}


WITHOUT_INPUTS = (
    {"kind": "Experiment", "spec": {"inputs": Only()}},
    {"kind": "Resolved", "inputs": []},
)


def why(*changes: dict[str, Any]) -> str | None:
    inputs = inputs_from(*changes)
    jobs = stage_jobs(inputs, "sha256:" + "d" * 64)
    return why_disk_never_fits(inputs.experiment, inputs.profile, jobs)


def test_a_quota_that_holds_the_default_alone_has_no_room_for_inputs() -> None:
    said = why(disk("10Gi"))

    assert said is not None
    assert said.startswith("stage `train` gets 10")
    assert "more than the 10Gi of limits.ephemeral-storage that this experiment's quota" in said
    assert "in spec.resources.quota['limits.ephemeral-storage'] (at most 100Gi)" in said


def test_scratch_that_the_quota_has_no_room_for_is_named() -> None:
    asked = {"kind": "Experiment", "spec": {"stages": {0: {"scratch": "12Gi"}}}}
    said = why(asked, disk("11Gi"))

    assert said is not None
    assert "of local disk (spec.stages[train].scratch, 12Gi, and the size of its inputs)" in said


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("nothing counts disk", []),
        ("default and inputs fit", [disk("11Gi")]),
        ("scratch is less than the default", [less(), disk("3Gi")]),
        ("there are no inputs", [*WITHOUT_INPUTS, disk("10Gi")]),
    ],
)
def test_a_run_fits(reason: str, changes: list[dict[str, Any]]) -> None:
    assert why(*changes) is None, reason


def test_a_default_that_does_not_fit_is_found_without_inputs() -> None:
    said = why(*WITHOUT_INPUTS, disk("5Gi", "5Gi"))

    assert said is not None
    assert said.endswith("choose a profile that offers more limits.ephemeral-storage")


def stages(*declared: dict[str, Any]) -> dict[str, Any]:
    program = {"image": "trainer", "command": ["work"], "scratch": "8Gi"}
    return {"kind": "Experiment", "spec": {"stages": [program | each for each in declared]}}


@pytest.mark.parametrize(
    "declared",
    [
        [{"name": "a"}, {"name": "b"}],
        [{"name": "a", "workers": 2}],
    ],
)
def test_the_disk_of_pods_that_run_at_the_same_time_has_to_fit_together(
    declared: list[dict[str, Any]],
) -> None:
    said = why(*WITHOUT_INPUTS, stages(*declared), disk("12Gi"))

    assert said is not None
    assert said.startswith(
        "the pods of the stages that can run at the same time need 16Gi of limits.ephemeral-storage"
    )
    assert said.endswith(
        "or ask for 16Gi in spec.resources.quota['limits.ephemeral-storage'] (at most 100Gi)"
    )


def test_the_disk_of_stages_that_wait_for_each_other_counts_once() -> None:
    declared = {"name": "a"}, {"name": "b", "needs": ["a"]}
    assert why(*WITHOUT_INPUTS, stages(*declared), disk("12Gi")) is None
