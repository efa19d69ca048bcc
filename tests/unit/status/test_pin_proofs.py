"""What proofs come to: entries for each level, and when what was found is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.api.pin_verification import LevelProof, ProofFindings
from glovebox.data.compare import Difference, Findings
from glovebox.data.proof_levels import Level, ProofSlice
from glovebox.status.dataset_pin import PinFacts, compute_conditions
from glovebox.status.pin_proofs import (
    Standing,
    advanced,
    began,
    standing_findings,
    waiting,
    with_proofs,
)

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
ROTTEN = Findings(
    changed=1, samples=("changed b",), details=(Difference("changed", "b", "this", "that"),)
)
PART = ProofSlice(objects=2, bytes=20, requests=2, after="b", needs=30)
LAST = ProofSlice(objects=1, bytes=30, requests=1, after="c", finished=True)


def proven(level: Level, *parts: ProofSlice, before: Any = None) -> dict[Level, LevelProof]:
    proofs = {**(before or {})}
    proofs[level] = began(proofs.get(level), level, NOW, "seed" if level is Level.SAMPLE else "")
    for part in parts:
        proofs = advanced(proofs, level, part, NOW, "record" if level is Level.HEAD else "")
    return proofs


def test_a_part_records_how_far_it_came_and_what_it_found() -> None:
    proof = proven(Level.FULL, replace(PART, findings=ROTTEN))[Level.FULL]
    assert proof.last_time is None
    current = proof.current
    assert current is not None
    assert (current.objects, current.bytes, current.after, current.needs) == (2, 20, "b", 30)
    assert current.findings is not None
    assert current.findings.changed == 1


def test_the_last_part_sums_up() -> None:
    proof = proven(Level.SAMPLE, PART, LAST)[Level.SAMPLE]
    assert (proof.result, proof.objects, proof.bytes) == ("Passed", 3, 50)
    assert (proof.last_time, proof.seed, proof.current) == (NOW, "seed", None)


def test_what_an_early_part_found_is_found() -> None:
    proofs = proven(Level.FULL, replace(PART, findings=ROTTEN), LAST)
    assert proofs[Level.FULL].result == "Found"
    assert standing_findings(proofs) == (("Full", ROTTEN),)


# Each: what was found before, which proof passes, and whether it still stands.
CLEARED: dict[str, tuple[Level, Level, bool]] = {
    "another sample says nothing of what it did not read": (Level.SAMPLE, Level.SAMPLE, True),
    "a proof in full does": (Level.SAMPLE, Level.FULL, False),
    "a proof in full takes back what one found": (Level.FULL, Level.FULL, False),
    "a sample does not": (Level.FULL, Level.SAMPLE, True),
    "asking for them does not": (Level.FULL, Level.HEAD, True),
    "reading says nothing of locks": (Level.HEAD, Level.FULL, True),
    "asking for them does say something of them": (Level.HEAD, Level.HEAD, False),
}


@pytest.mark.parametrize("case", CLEARED)
def test_when_what_was_found_is_over(case: str) -> None:
    found_by, passes, stands = CLEARED[case]
    before = proven(found_by, replace(LAST, findings=ROTTEN))
    after = proven(passes, LAST, before=before)
    assert bool(standing_findings(after)) is stands
    assert standing_findings(proven(passes, PART, before=before)), "not before it has ended"


def test_a_proof_in_full_takes_nothing_back_that_it_had_passed_before_a_sample_found_it() -> None:
    began_before = proven(Level.FULL, replace(PART, after="c"))
    proofs = proven(Level.SAMPLE, replace(LAST, findings=ROTTEN), before=began_before)
    after = advanced(proofs, Level.FULL, replace(LAST, after="d"), NOW, "")
    assert after[Level.FULL].result == "Found"
    assert dict(standing_findings(after))["Full"] == ROTTEN
    # The next one looks at all again.
    assert not standing_findings(proven(Level.FULL, LAST, before=after))


def test_what_a_proof_in_full_has_still_ahead_it_looks_at_itself() -> None:
    began_before = proven(Level.FULL, replace(PART, after="a"))
    proofs = proven(Level.SAMPLE, replace(LAST, findings=ROTTEN), before=began_before)
    assert not standing_findings(advanced(proofs, Level.FULL, LAST, NOW, ""))


def test_of_what_a_sample_found_without_a_name_nothing_is_taken_back() -> None:
    began_before = proven(Level.FULL, replace(PART, after="a"))
    many = tuple(Difference("changed", f"b{n:02}", "", "") for n in range(20))
    found = Findings(changed=21, details=many)
    proofs = proven(Level.SAMPLE, replace(LAST, findings=found), before=began_before)
    assert advanced(proofs, Level.FULL, LAST, NOW, "")[Level.FULL].result == "Found"


def test_a_shorter_lock_takes_nothing_back_of_what_is_gone_while_a_proof_is_under_way() -> None:
    gone = Findings(missing=1, details=(Difference("missing", "z", "", ""),))
    shorter = Findings(weakened=1, details=(Difference("weakened", "a", "", ""),))
    before = proven(Level.HEAD, replace(LAST, findings=gone))
    proofs = proven(Level.HEAD, replace(PART, findings=shorter), before=before)
    ((_, found),) = standing_findings(proofs)
    assert not found.intact
    # Once it has looked at all, its own word counts.
    ((_, found),) = standing_findings(advanced(proofs, Level.HEAD, LAST, NOW, "record"))
    assert found.intact


def test_at_most_twenty_objects_are_named_however_many_parts_there_are() -> None:
    many = tuple(Difference("changed", f"{n:02}", "", "") for n in range(15))
    part = replace(PART, findings=Findings(changed=15, details=many))
    found = proven(Level.FULL, part, part)[Level.FULL].current
    assert found is not None
    assert found.findings is not None
    assert (found.findings.changed, len(found.findings.objects)) == (30, 20)


def test_the_record_of_locks_is_that_of_the_last_proof_that_ended() -> None:
    proofs = proven(Level.HEAD, LAST)
    assert proofs[Level.HEAD].locks == "record"
    assert proven(Level.HEAD, PART, before=proofs)[Level.HEAD].locks == "record"


def conditions(listed: Findings, *proofs: tuple[str, Findings]) -> dict[str, str]:
    facts = PinFacts(NOW, pinned=True, objects=2, findings=listed, proofs=proofs)
    return {each.type: f"{each.status} {each.reason}" for each in compute_conditions(facts)}


def test_a_clean_listing_takes_nothing_back() -> None:
    assert conditions(Findings(), ("Full", ROTTEN)) == {
        "Verified": "False ObjectsChanged",
        "DriftDetected": "True ObjectsChanged",
        "Ready": "False ObjectsChanged",
        "Stalled": "True ObjectsChanged",
    }


def test_what_a_proof_finds_is_stalled_once_and_until_none_finds_it() -> None:
    obj: dict[str, Any] = {"metadata": {"generation": 1}, "status": {"conditions": []}}
    for found in (("Full", ROTTEN),), (("Full", ROTTEN),), ():
        judged = PinFacts(NOW, pinned=True, objects=2, findings=Findings(), proofs=found)
        proofs = proven(Level.FULL, LAST)
        status = with_proofs(obj, None, proofs, Standing(), NOW, judged=judged)
        obj["status"] = status or obj["status"]
        told = [each["type"] for each in obj["status"]["conditions"]]
        assert told.count("Stalled") == bool(found)


def test_the_gravest_finding_is_the_reason() -> None:
    listed = Findings(missing=1, samples=("missing a",))
    assert conditions(listed, ("Full", ROTTEN))["Ready"] == "False ObjectsMissing"


def test_a_shortened_lock_harms_no_read() -> None:
    assert conditions(Findings(), ("Head", Findings(weakened=1))) == {
        "Verified": "True Verified",
        "DriftDetected": "True RetentionShortened",
        "Ready": "True Verified",
    }


def shown(standing: Standing = Standing(), **status: Any) -> dict[str, Any] | None:  # noqa: B008 - frozen
    obj = {"metadata": {"generation": 1}, "status": {"conditions": [], **status}}
    return with_proofs(obj, None, proven(Level.FULL, LAST), standing, NOW)


def test_what_is_no_news_is_not_written() -> None:
    first = shown(observedGeneration=1)
    assert first is not None
    obj = {"metadata": {"generation": 1}, "status": first}
    later = datetime(2026, 11, 28, tzinfo=UTC)
    assert with_proofs(obj, None, proven(Level.FULL, LAST), Standing(), later) is None


def test_a_look_that_leaves_the_condition_out_does_not_make_it_news() -> None:
    first = shown(observedGeneration=1)
    assert first is not None
    obj = {"metadata": {"generation": 1}, "status": first}
    later = datetime(2026, 11, 28, tzinfo=UTC)
    looked = {**first, "conditions": []}
    assert with_proofs(obj, looked, proven(Level.FULL, LAST), Standing(), later) == first


def test_waiting_names_the_level_and_the_moment() -> None:
    status = shown(waiting(Level.FULL, datetime(2026, 11, 28, tzinfo=UTC)))
    assert status is not None
    (condition,) = status["conditions"]
    assert (condition["status"], condition["reason"]) == ("False", "WaitingForBudget")
    assert "`Full`" in condition["message"]
    assert "2026-11-28T00:00:00Z" in condition["message"]


def test_a_condition_that_nobody_looked_at_stays_with_its_generation() -> None:
    kept = {
        "type": "Verified",
        "status": "True",
        "reason": "Verified",
        "message": "m",
        "observedGeneration": 7,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    passing = {**kept, "type": "Reconciling", "reason": "ChecksFailing"}
    status = shown(conditions=[kept, passing])
    assert status is not None
    assert status["conditions"][0] == kept
    assert status["conditions"][-1] == passing


def test_findings_of_the_status_are_read_as_they_were_found() -> None:
    proof = LevelProof(level="Full", findings=ProofFindings(changed=1))
    assert standing_findings({Level.FULL: proof}) == (("Full", Findings(changed=1)),)


def test_locks_that_the_store_does_not_show_are_told() -> None:
    parts = (*[replace(PART, hidden_locks=1)] * 2, replace(LAST, hidden_locks=1))
    proofs = proven(Level.HEAD, *parts)
    assert proofs[Level.HEAD].hidden_locks == 3
    obj: dict[str, Any] = {"metadata": {"generation": 1}, "status": {}}
    status = with_proofs(obj, None, proofs, Standing(), NOW)
    assert status is not None
    (said,) = [each for each in status["conditions"] if each["type"] == "ProofsCurrent"]
    assert said["status"] == "True"
    assert "did not show the locks of 3 objects" in said["message"]
    assert "s3:GetObjectRetention" in said["message"]
    again = with_proofs(obj, None, proven(Level.HEAD, PART, LAST, before=proofs), Standing(), NOW)
    assert again is not None
    assert "locks" not in again["conditions"][0]["message"]
