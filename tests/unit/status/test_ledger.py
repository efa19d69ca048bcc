"""What the ledger was not told is not reported, and what was reported before is not taken back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.ledger.events import events_of, outstanding
from glovebox.status.builder import StatusBuilder
from glovebox.status.experiment import CONDITIONS
from glovebox.status.experiment_facts import LedgerFacts
from glovebox.status.ledger import hold_back, hold_ready, newly_recorded, record_entries
from glovebox.status.outcome import Outcome, done, waiting

Json = dict[str, Any]
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
DIGEST = "sha256:" + "1" * 64
RUN = {"jobUid": "job-1", "startTime": "2026-11-25T11:01:00Z"}
OVER = {**RUN, "completionTime": "2026-11-25T11:02:00Z", "outcome": "Succeeded"}
SEAL = {"attestationVersion": "v1", "sealedTime": "2026-11-25T11:03:00Z"}
AWAY = waiting(reasons.LEDGER_UNAVAILABLE, "its store did not answer", facts=LedgerFacts())


def experiment(told: tuple[str, ...] = (), **status: Any) -> Json:
    """Return an Experiment of which the ledger tells these kinds."""
    metadata = {"uid": "0a1b", "creationTimestamp": "2026-11-25T11:00:00Z", "generation": 1}
    obj: Json = {"metadata": metadata, "spec": {}, "status": {"digest": DIGEST, **status}}
    obj["status"]["ledger"] = {
        "entries": [
            {"kind": str(event.kind), "id": event.id, "epoch": 1, "index": 0}
            for event in events_of(obj)
            if event.kind in told
        ]
    }
    return obj


def held(obj: Json, marked: dict[str, str], outcome: Outcome = AWAY) -> Json:
    """Return the conditions after a look that found these answers, Ready of them last."""
    builder = StatusBuilder(obj["status"], 1, CONDITIONS, NOW)
    record_entries(builder, obj, outcome)
    for condition, answer in marked.items():
        builder.mark(condition, answer, "AsFound")  # type: ignore[arg-type]  # a test's own words
    hold_ready(builder, hold_back(builder, obj, outcome))
    status = builder.render()
    return {entry["type"]: (entry["status"], entry["reason"]) for entry in status["conditions"]}


WHOLE = ("bind", "run-started", "run-ended", "sealed")


@pytest.mark.parametrize(
    ("obj", "marked", "condition", "shown"),
    [
        (experiment(), {"Ready": "True"}, "Ready", "False"),
        (experiment(("bind",)), {"Ready": "True"}, "Ready", "True"),
        (experiment(("bind",), run=RUN), {"Succeeded": "Unknown"}, "Succeeded", "Unknown"),
        (experiment(("bind", "run-started"), run=OVER), {"Succeeded": "True"}, "Succeeded", None),
        (experiment(("bind", "run-started"), run=OVER), {"Succeeded": "False"}, "Succeeded", None),
        (experiment(WHOLE[:3], run=OVER, seal=SEAL), {"Sealed": "True"}, "Sealed", "False"),
        (experiment(WHOLE, run=OVER, seal=SEAL), {"Sealed": "True"}, "Sealed", "True"),
    ],
    ids=[
        "not told that it is bound",
        "told",
        "not told that it runs",
        "not told that it succeeded",
        "not told that it failed",
        "not told that it is sealed",
        "told of all",
    ],
)
def test_a_condition_waits_for_the_entry_of_what_it_reports(
    obj: Json, marked: dict[str, str], condition: str, shown: str | None
) -> None:
    found = held(obj, marked)
    if shown == "True":
        assert found[condition] == ("True", "AsFound")
        assert types.RECONCILING not in found
    else:
        assert found[condition] == (shown or "Unknown", reasons.LEDGER_UNAVAILABLE)
        assert found[types.RECONCILING][0] == "True"


def test_what_is_being_written_is_pending_and_what_cannot_be_is_unavailable() -> None:
    for outcome, reason in (
        (AWAY, reasons.LEDGER_UNAVAILABLE),
        (done(LedgerFacts()), reasons.LEDGER_PENDING),
    ):
        assert held(experiment(), {"Ready": "True"}, outcome)["Ready"][1] == reason


@pytest.mark.parametrize(
    ("condition", "answer", "changes"),
    [
        ("Ready", "True", {}),
        ("Succeeded", "True", {"run": OVER}),
        ("Succeeded", "False", {"run": OVER}),
        ("Sealed", "True", {"seal": SEAL}),
    ],
)
def test_what_was_reported_before_there_was_a_ledger_is_not_taken_back(
    condition: str, answer: str, changes: Json
) -> None:
    shown = {"type": condition, "status": answer, "reason": "AsBefore", "lastTransitionTime": ""}
    ready = {"type": "Ready", "status": "True", "reason": "AsBefore", "lastTransitionTime": ""}
    conditions = [shown, *([ready] if condition != "Ready" else [])]
    obj = experiment(conditions=conditions, **changes)
    assert held(obj, {condition: answer})[condition] == (answer, "AsFound")


def test_neither_is_stalled_hidden_nor_reconciling_beside_it() -> None:
    found = held(experiment(), {"Ready": "False", "Stalled": "True"})
    assert found["Stalled"] == ("True", "AsFound")
    assert "Reconciling" not in found


def test_entries_are_recorded_once_and_the_newest_are_kept() -> None:
    obj = experiment(("bind",), run=RUN)
    (bind,) = obj["status"]["ledger"]["entries"]
    many = [{"kind": "run-started", "id": f"id-{n}", "epoch": 1, "index": n} for n in range(20)]
    builder = StatusBuilder(obj["status"], 1, CONDITIONS, NOW)
    record_entries(builder, obj, done(LedgerFacts(entries=(bind, many[0]))))
    assert builder.render()["ledger"]["entries"] == [bind, many[0]]
    record_entries(builder, obj, done(LedgerFacts(entries=tuple(many))))
    assert builder.render()["ledger"]["entries"] == many[4:]


@pytest.mark.parametrize("kind", ["isolation-drift", "break-glass"])
def test_of_what_comes_again_the_last_entry_is_kept_and_pushes_nothing_out(kind: str) -> None:
    obj = experiment(WHOLE, run=OVER, seal=SEAL)
    whole = obj["status"]["ledger"]["entries"]
    for number in range(40):
        repaired = {"kind": kind, "id": f"id-{number}", "epoch": 1, "index": number}
        builder = StatusBuilder(obj["status"], 1, CONDITIONS, NOW)
        record_entries(builder, obj, done(LedgerFacts(entries=(repaired,))))
        obj["status"] = builder.render()
        assert obj["status"]["ledger"]["entries"] == [*whole, repaired]


def test_of_a_repair_and_of_what_is_left_as_it_was_each_last_entry_is_kept() -> None:
    """One that was dropped would be told again, and push out the other one, for ever."""
    first = {"kind": "Role", "name": "r", "change": "Unexpected"}
    left = {"times": 1, "sinceTime": "2026-11-25T11:25:00Z", "reason": "DriftDetected"}
    repaired = {"lastRepairTime": "2026-11-25T11:20:00Z", "last": first}
    obj = experiment(WHOLE, run=OVER, seal=SEAL)
    for number in range(1, 10):
        drift = {**repaired, "repairs": number, "outstanding": {**left, "first": first}}
        obj["status"]["drift"] = drift
        told = outstanding(obj)
        assert len(told) == (2 if number == 1 else 1)
        entries = tuple(
            {"kind": str(event.kind), "id": event.id, "epoch": 1, "index": number} for event in told
        )
        builder = StatusBuilder(obj["status"], 1, CONDITIONS, NOW)
        record_entries(builder, obj, done(LedgerFacts(entries=entries)))
        obj["status"] = builder.render()
        assert outstanding(obj) == ()
    assert len(obj["status"]["ledger"]["entries"]) == len(WHOLE) + 2


def test_ready_waits_for_the_entry_of_an_overlap_that_was_allowed() -> None:
    leakage = [{"type": "SharedRows", "allowedBecause": "a known repetition"}]
    for told, shown in ((("bind",), "False"), (("approval", "bind"), "True")):
        assert held(experiment(told, leakage=leakage), {"Ready": "True"})["Ready"][0] == shown


@pytest.mark.parametrize("grants", [14, 15, 16, 100])
def test_more_uses_of_grants_than_a_status_has_room_for_are_told_once(grants: int) -> None:
    used = [
        {"grants": [{"grantRef": f"team/g{number}", "use": 1, "uses": 1}], "digest": DIGEST}
        for number in range(grants)
    ]
    obj = experiment(inputs=used, run=OVER, seal=SEAL)
    obj["status"].update(leakage=[{"type": "SharedRows", "allowedBecause": "a known repetition"}])
    told = outstanding(obj)
    assert len(told) == grants + 5
    entries = tuple(
        {"kind": str(event.kind), "id": event.id, "epoch": 1, "index": number}
        for number, event in enumerate(told)
    )
    builder = StatusBuilder(obj["status"], 1, CONDITIONS, NOW)
    # At the bind, and when the rest has happened.
    for upto in (grants + 2, grants + 5):
        record_entries(builder, obj, done(LedgerFacts(entries=entries[:upto])))
        obj["status"] = builder.render()
        assert not {event.kind for event in outstanding(obj)} & {"grant-used", "approval", "bind"}
    assert outstanding(obj) == ()
    kept = [entry["kind"] for entry in obj["status"]["ledger"]["entries"]]
    assert len(kept) == 16
    assert kept[-5:] == ["approval", *WHOLE][-5:]
    assert held(obj, {"Ready": "True"})["Ready"] == ("True", "AsFound")


def test_a_use_of_a_grant_is_outstanding_until_its_bind_is_recorded() -> None:
    used = [{"grants": [{"grantRef": "team/g", "use": 1, "uses": 1}], "digest": DIGEST}]
    for told, left in (((), ["grant-used", "bind"]), (("bind",), [])):
        assert [str(each.kind) for each in outstanding(experiment(told, inputs=used))] == left


@pytest.mark.parametrize("reason", [reasons.LEDGER_PENDING, reasons.RUNNING])
def test_what_was_held_back_is_news_and_what_was_shown_is_not(reason: str) -> None:
    shown = {"type": "Succeeded", "status": "Unknown", "reason": reason}
    before = {**experiment(("bind",), run=RUN)["status"], "conditions": [shown]}
    after = experiment(("bind", "run-started"), run=RUN)["status"]
    news = {"run-started"} if reason == reasons.LEDGER_PENDING else set()
    assert newly_recorded(before, after) == news
