"""Why something is not Ready: in the words of its conditions, with the cure of each reason."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.report.why import Why, document, explain, lines, without

Json = dict[str, Any]
PIN = "DatasetPin team-a/months"


def condition(kind: str, status: str, reason: str, message: str = "") -> Json:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": 1,
        "lastTransitionTime": "2026-03-01T12:00:00Z",
    }


def obj(*conditions: Json, **more: Any) -> Json:
    metadata = {"namespace": "team-a", "name": "months", "generation": 1} | more.pop("metadata", {})
    status = {"observedGeneration": 1, "conditions": list(conditions)} | more
    return {"metadata": metadata, "spec": {}, "status": status}


def text(why: Why) -> str:
    return "\n".join(lines(why))


def test_it_says_reason_message_meaning_and_cure() -> None:
    broken = condition("Ready", "False", reasons.CONTRACT_VIOLATED, "4 violations")
    told = text(explain(PIN, obj(broken), ()))
    meaning = reasons.MEANINGS[reasons.CONTRACT_VIOLATED]
    assert told.splitlines() == [
        "DatasetPin team-a/months is not Ready: ContractViolated",
        "  4 violations",
        f"  Meaning: {meaning.means}",
        f"  Next:    {meaning.cure}",
    ]


def test_what_is_ready_says_so_and_nothing_else() -> None:
    told = explain(PIN, obj(condition("Ready", "True", reasons.VERIFIED, "12 objects")), ())
    assert told.is_ready
    assert text(told) == "DatasetPin team-a/months is Ready"


def test_what_is_ready_tells_what_is_amiss_all_the_same() -> None:
    drifted = condition("DriftDetected", "True", reasons.DRIFT_DETECTED, "a policy differs")
    fine = condition("Isolated", "True", reasons.PROVEN)
    told = explain("Experiment a/x", obj(condition("Ready", "True", "Sealed"), drifted, fine), ())
    assert told.is_ready
    assert [each.condition for each in told.others] == ["DriftDetected"]
    assert "  DriftDetected is True: DriftDetected\n    a policy differs" in text(told)


def test_what_ready_says_already_is_not_said_twice() -> None:
    ready = condition("Ready", "False", reasons.CONTRACT_VIOLATED, "4 violations")
    same = condition("ContractMet", "False", reasons.CONTRACT_VIOLATED, "4 violations")
    assert explain(PIN, obj(ready, same), ()).others == ()


def test_causes_stand_below_what_waits_for_them() -> None:
    store = explain("ObjectStore primary", obj(condition("Ready", "False", "ProofFailed")), ())
    pin = explain(PIN, obj(condition("Ready", "False", "StoreNotReady")), [store])
    told = text(explain("Experiment a/x", obj(condition("Ready", "False", "PinNotReady")), [pin]))
    places = [told.index(each) for each in ("Experiment a/x", PIN, "ObjectStore primary")]
    assert places == sorted(places)
    assert f"\n  {PIN} is not Ready: StoreNotReady" in told
    assert "\n    ObjectStore primary is not Ready: ProofFailed" in told


@pytest.mark.parametrize(
    ("kind", "note"),
    [("Stalled", "Waiting does not help"), ("Reconciling", "it continues by itself")],
)
def test_it_says_whether_waiting_helps(kind: str, note: str) -> None:
    found = obj(condition("Ready", "False", "Pending"), condition(kind, "True", "Pending"))
    assert note in text(explain(PIN, found, ()))


def test_what_nobody_looked_at_is_not_ready() -> None:
    told = explain(PIN, {"metadata": {"generation": 1}, "spec": {}}, ())
    assert not told.is_ready
    assert "No operator has observed it yet" in text(told)


def test_a_judgement_of_an_earlier_spec_is_none() -> None:
    found = obj(condition("Ready", "True", "Verified"), metadata={"generation": 2})
    told = explain(PIN, found, ())
    assert not told.is_ready
    assert "the newest was not observed yet" in text(told)


def test_what_is_going_says_what_holds_it() -> None:
    found = obj(
        condition("Ready", "False", "Deleting"),
        metadata={
            "deletionTimestamp": "2026-03-01T12:00:00Z",
            "finalizers": ["glovebox.dev/in-use"],
        },
        whyRetained="bound by team-a/x",
    )
    told = text(explain(PIN, found, ()))
    assert "It has been going since 2026-03-01 12:00:00 UTC, and is held by" in told
    assert "glovebox.dev/in-use" in told
    assert "Its manifest is kept: bound by team-a/x" in told


def test_what_may_not_be_read_is_a_reason_for_what_is_not_ready_alone() -> None:
    hidden = without("DatasetPin data/set", "It may not be read", is_known=False)
    waits = explain("Experiment a/x", obj(condition("Ready", "False", "PinNotReady")), [hidden])
    assert "DatasetPin data/set is not known" in text(waits)
    fine = explain("Experiment a/x", obj(condition("Ready", "True", "Sealed")), [hidden])
    assert fine.below == ()


def test_a_reason_of_a_newer_operator_is_told_without_a_cure() -> None:
    told = text(explain(PIN, obj(condition("Ready", "False", "Invented", "so it is")), ()))
    assert told == "DatasetPin team-a/months is not Ready: Invented\n  so it is"


def test_programs_get_the_same() -> None:
    store = without("ObjectStore primary", "It is not there.")
    found = document(explain(PIN, obj(condition("Ready", "False", "StoreNotFound")), [store]))
    assert found["because"]["reason"] == "StoreNotFound"
    assert found["because"]["cure"]
    assert found["below"][0] == document(store)
    assert found["below"][0]["notes"] == ["It is not there."]


def test_a_name_that_nobody_has_is_not_said_to_heal_by_itself() -> None:
    def waiting(reason: str) -> str:
        return text(
            explain(
                "Experiment a/x",
                obj(condition("Ready", "False", reason), condition("Reconciling", "True", reason)),
                (),
            )
        )

    for reason in ("PinNotFound", "ProfileNotFound", "StoreNotFound"):
        assert "A wrong name has to be corrected." in waiting(reason)
        assert "as soon as it can" not in waiting(reason)
    assert "once those that hold it are gone" in waiting("InUse")
    assert "it continues by itself as soon as it can" in waiting("PinNotReady")


def test_of_what_is_not_ready_it_is_not_told_that_it_is_not_sealed() -> None:
    later = condition("Sealed", "False", reasons.NOT_SEALED, "sealed when the run is over")
    waits = explain("Experiment a/x", obj(condition("Ready", "False", "PinNotFound"), later), ())
    assert waits.others == ()
    lost = condition("Sealed", "False", "SealNotCounted", "somebody forged one")
    told = explain("Experiment a/x", obj(condition("Ready", "False", "PinNotFound"), lost), ())
    assert [each.reason for each in told.others] == ["SealNotCounted"]
    runs = explain("Experiment a/x", obj(condition("Ready", "True", "Provisioned"), later), ())
    assert [each.reason for each in runs.others] == [reasons.NOT_SEALED]


def test_where_nobody_works_nothing_goes_on_by_itself() -> None:
    waiting = obj(
        condition("Ready", "False", "PinNotReady"),
        condition("Reconciling", "True", "PinNotReady"),
        metadata={"generation": 2},
    )
    idle = text(explain(PIN, waiting, (), idle="No operator works."))
    assert "No operator works." in idle
    assert "it continues by itself as soon" not in idle
    assert "does an operator run?" not in idle
    assert "does an operator run?" in text(explain(PIN, waiting, ()))
