"""Nothing ends unsealed or open: lost Experiments, remade namespaces, suspension."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox import names
from glovebox.api import reasons
from simulation.faults import Plan
from simulation.schedules import Result, Scenario, run

STRIP = "strips the finalizer and deletes"
# A seed in which the run still runs at the twelfth second.
LONG = 31


def played(scenario: Scenario) -> Result:
    result = run(scenario)
    if result.broken:
        pytest.fail(result.told(last=120), pytrace=False)
    return result


def outcome_of(statement: dict[str, Any]) -> tuple[str, str]:
    entry = statement["predicate"]["runDetails"]["byproducts"][0]["annotations"]
    return entry["outcome"], entry["reason"]


def findings_of(statement: dict[str, Any]) -> str:
    entries = statement["predicate"]["runDetails"]["byproducts"]
    found = [entry["annotations"]["message"] for entry in entries if entry["name"] == "finding"]
    return " ".join(found)


def artifacts_of(statement: dict[str, Any]) -> set[str]:
    return {entry["name"] for entry in statement["subject"] if "name" in entry}


def only(items: dict[str, Any]) -> Any:
    (one,) = items.values()
    return one


# Lost Experiments


@pytest.mark.parametrize("deletion", ["Freeze", "Retain"])
def test_what_a_lost_run_wrote_is_sealed_and_its_namespace_kept(deletion: str) -> None:
    result = played(Scenario(LONG, deletion=deletion, has_pin=True, named_deeds=((12.0, STRIP),)))
    sealed = only(result.seals)
    assert outcome_of(sealed) == ("Failed", reasons.ORPHANED)
    assert "was lost without passing by its deletion" in findings_of(sealed)
    assert artifacts_of(sealed) == {"model.bin"}
    labels = only(result.namespaces)["metadata"]["labels"]
    assert labels[names.LABEL_STATE] == names.STATE_RETAINED


def test_with_the_policy_delete_the_namespace_goes_once_it_is_sealed() -> None:
    result = played(Scenario(LONG, deletion="Delete", named_deeds=((12.0, STRIP),)))
    assert artifacts_of(only(result.seals)) == {"model.bin"}
    assert result.namespaces == {}


def test_what_was_sealed_before_it_was_lost_keeps_its_one_seal() -> None:
    result = played(Scenario(32, named_deeds=((90.0, STRIP),)))
    assert outcome_of(only(result.seals)) == ("Succeeded", reasons.RUN_SUCCEEDED)
    labels = only(result.namespaces)["metadata"]["labels"]
    assert labels[names.LABEL_STATE] == names.STATE_RETAINED


def test_an_interactive_experiment_that_was_lost_is_sealed_as_well() -> None:
    result = played(Scenario(33, has_run=False, named_deeds=((20.0, STRIP),)))
    assert outcome_of(only(result.seals)) == ("", reasons.ORPHANED)


# From where the run was begun on.
@pytest.mark.parametrize("request_number", range(66, 96, 3))
def test_a_lost_run_is_sealed_once_whatever_is_killed_meanwhile(request_number: int) -> None:
    plan = Plan(crash=(request_number,), ends=1_060.0)
    result = played(Scenario(LONG, plan=plan, named_deeds=((12.0, STRIP),), deletion="Delete"))
    # While the operator was down, the run may have come to its end.
    ends = {("Failed", reasons.ORPHANED), ("Succeeded", reasons.RUN_SUCCEEDED)}
    assert outcome_of(only(result.seals)) in ends
    assert artifacts_of(only(result.seals)) == {"model.bin"}
    assert result.namespaces == {}


def test_a_lost_run_is_sealed_from_what_was_bound_when_its_store_is_gone_too() -> None:
    deeds = ((12.0, STRIP), (12.1, "breaks the glass of the store"), (12.1, "deletes the pin"))
    result = played(Scenario(LONG, has_pin=True, named_deeds=deeds))
    assert outcome_of(only(result.seals)) == ("Failed", reasons.ORPHANED)
    assert artifacts_of(only(result.seals)) == {"model.bin"}


def test_a_store_that_is_away_for_hours_keeps_the_platform_team_from_nothing() -> None:
    look = "looks at the namespaces"
    deeds = (
        (11.9, "takes the store away"),
        (12.0, STRIP),
        (3_500.0, look),
        (4_500.0, look),
    )
    result = played(
        Scenario(LONG, named_deeds=deeds, deletion="Delete", plan=Plan(ends=1_000.0 + 2 * 3_600.0))
    )
    assert result.seen == [{names.STATE_SEALED}, {names.STATE_RETAINED}], "after an hour"
    # It came back after two hours.
    assert outcome_of(only(result.seals)) == ("Failed", reasons.ORPHANED)
    assert artifacts_of(only(result.seals)) == {"model.bin"}
    assert result.namespaces == {}


def test_without_its_snapshot_nothing_is_sealed_and_nothing_is_deleted() -> None:
    # A moment later: at once it would be put back by a look that has not heard of the deletion.
    deeds = ((12.0, STRIP), (12.5, "takes the snapshot of what was lost"))
    result = played(Scenario(LONG, deletion="Delete", named_deeds=deeds))
    assert result.seals == {}
    labels = only(result.namespaces)["metadata"]["labels"]
    assert labels[names.LABEL_STATE] == names.STATE_RETAINED


def test_a_volume_whose_experiment_and_namespace_are_gone_goes() -> None:
    played(Scenario(39, has_run=False, named_deeds=((20.0, "loses a volume"),)))


# Remade namespaces


@pytest.mark.parametrize("deletion", ["Freeze", "Delete", "Retain"])
@pytest.mark.parametrize("seed", range(60, 64))
def test_a_namespace_that_was_remade_just_before_the_deletion_is_closed_by_it(
    deletion: str, seed: int
) -> None:
    # Without a run: what the team may have written is sealed, and nothing else is waited for.
    deeds = ((20.0, "lies in wait for a new namespace"), (20.0, "deletes the namespace"))
    result = played(Scenario(seed, has_run=False, deletion=deletion, named_deeds=deeds))
    assert result.experiments == {}
    assert bool(result.namespaces) is (deletion != "Delete")
    for space in result.namespaces.values():
        labels, notes = space["metadata"]["labels"], space["metadata"]["annotations"]
        assert labels[names.LABEL_STATE] == names.STATE_RETAINED
        assert names.ANNOTATION_ORPHANED_TIME not in notes
    # By the deletion, and not by the sweep.
    assert all(outcome_of(each) == ("", reasons.ABANDONED) for each in result.seals.values())


def test_a_namespace_that_lost_all_its_labels_is_not_taken_for_gone() -> None:
    # The end is that all is well: it is the promise "the same end" that fails otherwise.
    deeds = ((20.0, "takes all labels off the namespace"),)
    result = played(Scenario(65, has_run=False, named_deeds=deeds))
    labels = only(result.namespaces)["metadata"]["labels"]
    assert labels[names.LABEL_STATE] == names.STATE_OPEN


@pytest.mark.parametrize("moment", [9.0, 12.0, 15.0], ids="at {:.0f} s".format)
def test_what_a_run_wrote_before_its_namespace_was_remade_is_in_the_seal(moment: float) -> None:
    deeds = ((moment, "deletes the namespace"),)
    result = played(Scenario(38, named_deeds=deeds))
    sealed = only(result.seals)
    assert artifacts_of(sealed) == {"model.bin"}
    assert outcome_of(sealed) == ("Failed", reasons.RUN_LOST)
    assert only(result.runs) == 1


# Suspension


def test_a_suspended_experiment_that_is_not_bound_is_not_begun() -> None:
    result = played(Scenario(50, named_deeds=((0.0, "suspends"),)))
    assert result.namespaces == {}
    assert only(result.runs) == 0 if result.runs else True


def test_a_run_goes_on_is_recorded_and_sealed_while_its_experiment_is_suspended() -> None:
    result = played(Scenario(51, named_deeds=((12.0, "suspends"),)))
    assert outcome_of(only(result.seals)) == ("Succeeded", reasons.RUN_SUCCEEDED)


@pytest.mark.parametrize("moment", [0.5, 1.0, 2.0, 4.0], ids="at {:.1f} s".format)
def test_a_run_that_has_not_started_waits_until_the_suspension_ends(moment: float) -> None:
    held = played(Scenario(52, named_deeds=((moment, "suspends"),)))
    later = played(Scenario(52, named_deeds=((moment, "suspends"), (40.0, "goes on"))))
    assert len(held.seals) == sum(held.runs.values())
    assert len(later.seals) == 1


def test_isolation_is_repaired_while_an_experiment_is_suspended() -> None:
    deeds = ((20.0, "suspends"), (21.0, "deletes a policy"), (22.0, "edits a policy"))
    result = played(Scenario(53, has_run=False, named_deeds=deeds))
    kept = only(result.experiments)["status"]["conditions"]
    assert {entry["type"]: entry["status"] for entry in kept}["NamespaceReady"] == "True"


@pytest.mark.parametrize("deletion", ["Freeze", "Delete", "Retain"])
def test_a_suspended_experiment_that_is_deleted_is_closed_and_sealed(deletion: str) -> None:
    deeds = ((12.0, "suspends"), (13.0, "deletes the Experiment"))
    result = played(Scenario(54, deletion=deletion, named_deeds=deeds))
    assert artifacts_of(only(result.seals)) == {"model.bin"}
    assert result.experiments == {}
