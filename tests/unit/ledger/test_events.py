"""What the ledger has to tell of an Experiment follows from its status, and from nothing else."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from glovebox.ledger.entry import Event, decode_entry, encode_entry
from glovebox.ledger.events import events_of, experiment_lost, outstanding, with_statement
from glovebox.names import FIELD_MANAGER
from support.ledger_logs import NOW

Json = dict[str, Any]
DIGEST = "sha256:" + "1" * 64
PREVIOUS = "sha256:" + "0" * 64
RUN = {"jobUid": "job-1", "startTime": "2026-11-25T11:01:00Z"}
ENDED = {
    **RUN,
    "completionTime": "2026-11-25T11:30:00Z",
    "outcome": "Failed",
    "reason": "RunFailed",
    "attempts": 2,
    "exitCode": 3,
}
SEAL = {
    "attestationVersion": "v7",
    "manifestDigest": "sha256:" + "2" * 64,
    "objects": 3,
    "bytes": 42,
    "keyId": "a" * 64,
    "sealedTime": "2026-11-25T11:31:00Z",
}


DRIFT = {
    "repairs": 1,
    "lastRepairTime": "2026-11-25T11:20:00Z",
    "last": {
        "kind": "NetworkPolicy",
        "name": "secret-project",
        "change": "Changed",
        "field": "spec.egress[0]",
        "manager": "team-a",
    },
}
LEFT = {
    "times": 1,
    "sinceTime": "2026-11-25T11:25:00Z",
    "reason": "DriftDetected",
    "objects": 2,
    "first": {
        "kind": "RoleBinding",
        "name": "secret-project",
        "change": "Unexpected",
        "manager": "team-a at 2026-11-25T11:24:00Z",
    },
}


ALLOWED = {
    "type": "SharedRows",
    "level": "Measured",
    "found": 3,
    "allowedBecause": "Erin of team-a says that it is a known repetition",
}
FOUND = {"type": "TimeOrder", "level": "Declared"}
CONCLUSION = {
    "attestationVersion": "v9",
    "keyId": "b" * 64,
    "signedTime": "2026-11-25T11:50:00Z",
}
LOST = {"uid": "space-1", "time": "2026-11-25T11:40:00Z"}


def experiment(*, deleted: bool = False, adopts: bool = False, **status: Any) -> Json:
    """Return an Experiment as the API server holds it."""
    metadata: Json = {
        "name": "secret-project",
        "namespace": "team-a",
        "uid": "0a1b",
        "creationTimestamp": "2026-11-25T11:00:00Z",
    }
    if deleted:
        metadata["deletionTimestamp"] = "2026-11-25T11:59:00Z"
    spec: Json = {"adopts": "before"} if adopts else {}
    return {"metadata": metadata, "spec": spec, "status": status}


WHOLE = experiment(
    deleted=True, digest=DIGEST, boundTime="2026-11-25T11:00:30Z", run=ENDED, seal=SEAL
)


def kinds(events: tuple[Event, ...]) -> list[str]:
    return [str(event.kind) for event in events]


@pytest.mark.parametrize(
    ("obj", "told"),
    [
        (experiment(), []),
        (experiment(deleted=True), []),
        (experiment(digest=DIGEST), ["bind"]),
        (experiment(digest=DIGEST, run={"attempts": 1}), ["bind"]),
        (experiment(digest=DIGEST, run=RUN), ["bind", "run-started"]),
        (experiment(digest=DIGEST, run=ENDED), ["bind", "run-started", "run-ended"]),
        (experiment(digest=DIGEST, seal=SEAL), ["bind", "sealed"]),
        (experiment(digest=DIGEST, deleted=True), ["bind", "deleted"]),
        (experiment(digest=DIGEST, drift=DRIFT), ["bind", "isolation-drift"]),
        (experiment(digest=DIGEST, drift={}), ["bind"]),
        (experiment(digest=DIGEST, drift={"outstanding": LEFT}), ["bind", "isolation-drift"]),
        (
            experiment(digest=DIGEST, drift={**DRIFT, "outstanding": LEFT}),
            ["bind", "isolation-drift", "isolation-drift"],
        ),
        (
            experiment(digest=DIGEST, drift={"outstanding": {**LEFT, "reason": "WriterFight"}}),
            ["bind"],
        ),
        (experiment(digest=DIGEST, leakage=[ALLOWED, FOUND]), ["approval", "bind"]),
        (experiment(digest=DIGEST, leakage=[FOUND]), ["bind"]),
        (
            experiment(digest=DIGEST, seal=SEAL, conclusion=CONCLUSION),
            ["bind", "sealed", "approval"],
        ),
        (experiment(digest=DIGEST, lostNamespace=LOST), ["bind", "break-glass"]),
        (
            experiment(digest=DIGEST, drift=DRIFT, deleted=True),
            ["bind", "isolation-drift", "deleted"],
        ),
        (WHOLE, ["bind", "run-started", "run-ended", "sealed", "deleted"]),
        (experiment(digest=DIGEST, seal=SEAL, adopts=True), ["sealed"]),
    ],
    ids=[
        "new",
        "deleted before it was bound",
        "bound",
        "a run without a Job yet",
        "running",
        "over",
        "sealed without a run",
        "deleted",
        "repaired",
        "never repaired",
        "found and left as it was",
        "one repaired and another left",
        "each repair of a fight is told",
        "a leak was allowed with a reason",
        "a leak was found that nobody had to allow",
        "concluded",
        "its namespace was deleted by somebody",
        "repaired and deleted",
        "a whole life",
        "what it adopted is told as that one's, as far as it is signed",
    ],
)
def test_events_follow_from_the_status(obj: Json, told: list[str]) -> None:
    assert kinds(events_of(obj)) == told


def test_every_attempt_and_every_replica_makes_the_same_ids() -> None:
    first, second = events_of(WHOLE), events_of(copy.deepcopy(WHOLE))
    assert first == second
    assert len({event.id for event in first}) == 5
    # They are in ledgers: another version of the operator has to make the same.
    assert first[0].id == "a4e5f520-288d-5a7f-b524-49f5c9c675a2"


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"run": {**ENDED, "jobUid": "job-2"}}, "run-ended"),
        ({"seal": {**SEAL, "attestationVersion": "v8"}}, "sealed"),
    ],
)
def test_another_job_or_statement_is_another_event(change: Json, kind: str) -> None:
    other = {**WHOLE, "status": {**WHOLE["status"], **change}}

    def ids(obj: Json) -> dict[str, str]:
        return {str(event.kind): event.id for event in events_of(obj)}

    assert ids(other)[kind] != ids(WHOLE)[kind]
    assert ids(other)["bind"] == ids(WHOLE)["bind"]


@pytest.mark.parametrize(
    ("before", "after", "another"),
    [(1, 2, True), (9, 10, True), (10, 11, False), (11, 99, False), (99, 100, True)],
)
def test_each_of_the_first_repairs_is_told_and_then_fewer(
    before: int,
    after: int,
    another: bool,  # noqa: FBT001 - a table
) -> None:
    first, second = (
        events_of(experiment(digest=DIGEST, drift={**DRIFT, "repairs": each}))[-1]
        for each in (before, after)
    )
    assert (first.id != second.id) is another
    assert (first.details["repairs"], second.details["repairs"]) == (str(before), str(after))


def beside(*created: str, run: bool = True) -> Json:
    """Return an Experiment in whose namespace others had pods, created at these times."""
    pods = [{"name": f"p{n}", "uid": f"u{n}", "creationTime": at} for n, at in enumerate(created)]
    obj = experiment(digest=DIGEST, tenantPods={"pods": pods})
    return {**obj, "spec": {"stages": [{"name": "fit"}]} if run else {}}


def test_pods_of_others_beside_a_run_are_broken_glass_and_elsewhere_they_are_work() -> None:
    early, late = "2026-11-25T11:10:00Z", "2026-11-25T11:12:00Z"
    event = events_of(beside(late, early))[-1]
    assert (event.kind, event.time.isoformat()) == ("break-glass", "2026-11-25T11:12:00+00:00")
    assert event.details == {"what": "PodsBesideRun", "pods": "2", "writer": "unknown"}
    assert event.id != events_of(beside(early))[-1].id
    assert kinds(events_of(beside(early, run=False))) == ["bind"]
    assert kinds(events_of(beside())) == ["bind"]
    assert len({events_of(beside(*[early] * each))[-1].id for each in range(1, 65)}) == 10


def test_pods_that_came_in_past_the_guards_are_counted_beside_whatever_was_repaired_last() -> None:
    event = events_of(experiment(digest=DIGEST, drift={**DRIFT, "repairs": 4, "pods": 3}))[-1]
    assert (event.details["repairs"], event.details["pods"]) == ("4", "3")


def test_the_entry_of_a_repair_says_what_it_was_and_names_nothing() -> None:
    event = events_of(experiment(digest=DIGEST, drift=DRIFT))[-1]
    raw = encode_entry(event, 0, PREVIOUS, NOW)
    assert decode_entry(raw).details == {
        "repairs": "1",
        "kind": "NetworkPolicy",
        "change": "Changed",
        "writer": "other",
    }
    assert b"secret-project" not in raw
    assert b"team-a" not in raw


def test_what_is_left_as_it_was_is_told_with_why_and_names_nothing() -> None:
    event = events_of(experiment(digest=DIGEST, drift={"outstanding": LEFT}))[-1]
    raw = encode_entry(event, 0, PREVIOUS, NOW)
    entry = decode_entry(raw)
    assert entry.time.isoformat() == "2026-11-25T11:25:00+00:00"
    assert entry.details == {
        "times": "1",
        "reason": "DriftDetected",
        "kind": "RoleBinding",
        "change": "Unexpected",
        "writer": "other",
        "since": "2026-11-25T11:24:00Z",
    }
    assert b"secret-project" not in raw
    assert b"team-a" not in raw


@pytest.mark.parametrize(
    ("changes", "another"),
    [
        ({"untilTime": "2026-11-25T11:26:00Z"}, False),
        ({"objects": 9, "reason": "DeletionBlocked"}, False),
        ({"times": 2}, True),
        ({"times": 10}, True),
    ],
    ids=["it ended", "it grew", "it came again", "the tenth time"],
)
def test_each_time_that_something_is_left_is_one_event(
    changes: Json,
    another: bool,  # noqa: FBT001 - a table
) -> None:
    first, second = (
        events_of(experiment(digest=DIGEST, drift={"outstanding": LEFT | each}))[-1]
        for each in ({}, changes)
    )
    assert (first.id != second.id) is another


def test_of_what_is_left_a_hundred_times_few_are_told_and_no_repair_has_its_id() -> None:
    left = {
        events_of(experiment(digest=DIGEST, drift={"outstanding": LEFT | {"times": each}}))[-1].id
        for each in range(1, 100)
    }
    repaired = {
        events_of(experiment(digest=DIGEST, drift={**DRIFT, "repairs": each}))[-1].id
        for each in range(1, 100)
    }
    assert (len(left), len(repaired)) == (10, 10)
    assert not left & repaired


@pytest.mark.parametrize(
    ("last", "writer"),
    [
        ({"change": "Modified", "manager": "kubectl-edit at 2026-11-25T11:20:00Z"}, "other"),
        (
            {"change": "Modified", "manager": "glovebox through status at 2026-11-25T11:20:00Z"},
            "operator",
        ),
        ({"change": "Modified"}, "unknown"),
        ({"change": "Deleted"}, "unknown"),
        ({"change": "Unexpected"}, "other"),
        ({}, "unknown"),
    ],
    ids=[
        "another writer",
        "one that says it is the operator",
        "nobody is recorded",
        "who deleted is never recorded",
        "what the operator does not make",
        "a status of an older version",
    ],
)
def test_a_repair_tells_of_another_writer_as_far_as_that_is_known(last: Json, writer: str) -> None:
    drift = {**DRIFT, "last": {"kind": "NetworkPolicy", **last}}
    event = events_of(experiment(digest=DIGEST, drift=drift))[-1]
    assert event.details["writer"] == writer
    assert "kubectl" not in "".join(event.details.values())


def test_the_same_life_under_another_uid_has_other_ids() -> None:
    other = {**WHOLE, "metadata": {**WHOLE["metadata"], "uid": "0a1c"}}
    ids = {event.id for event in events_of(other)}
    assert not ids & {event.id for event in events_of(WHOLE)}


def test_what_is_recorded_is_not_outstanding() -> None:
    bind, started, *rest = events_of(WHOLE)
    entries = [{"kind": each.kind, "id": each.id, "epoch": 1, "index": 0} for each in (bind, *rest)]
    recorded = {**WHOLE, "status": {**WHOLE["status"], "ledger": {"entries": entries}}}
    assert outstanding(recorded) == (started,)


def test_every_event_is_an_entry_that_names_nobody() -> None:
    for event in events_of(WHOLE):
        if event.objects:
            event = with_statement(event, "b" * 64, "2027-11-25T11:31:00Z")  # noqa: PLW2901
        raw = encode_entry(event, 0, PREVIOUS, NOW)
        assert decode_entry(raw).subject.digest == DIGEST
        assert b"secret-project" not in raw
        assert b"team-a" not in raw


def test_the_entry_of_a_seal_vouches_for_the_version_of_its_statement() -> None:
    (event,) = [each for each in events_of(WHOLE) if each.objects]
    (stated,) = with_statement(event, "b" * 64, "").objects
    assert stated.key == ".glovebox/seals/0a1b/attestation.dsse.json"
    assert (stated.version_id, stated.sha256) == ("v7", "b" * 64)


@pytest.mark.parametrize("reason", ["two words", "ümlaut", "x" * 2000, "line\nbreak"])
def test_no_reason_that_a_program_ends_with_keeps_its_end_from_being_told(reason: str) -> None:
    obj = experiment(digest=DIGEST, run={**ENDED, "reason": reason})
    event = events_of(obj)[-1]
    assert "reason" not in event.details
    assert event.details["outcome"] == "Failed"
    encode_entry(event, 0, PREVIOUS, NOW)


def test_an_approval_names_what_was_approved_by_digest_and_nobody() -> None:
    obj = experiment(digest=DIGEST, leakage=[ALLOWED, {**ALLOWED, "type": "SharedGroups"}])
    approved, _ = events_of(obj)
    assert approved.details == {"what": "Overlap", "types": "SharedGroups+SharedRows"}
    assert approved.document == DIGEST
    assert "Erin" not in encode_entry(approved, 0, PREVIOUS, NOW).decode()


def test_a_conclusion_is_vouched_for_as_it_was_signed() -> None:
    obj = experiment(digest=DIGEST, seal=SEAL, conclusion=CONCLUSION)
    obj["spec"]["conclusion"] = {"verdict": "Refuted", "text": "no", "by": "erin@example.com"}
    told = events_of(obj)[-1]
    assert (told.kind, told.details["verdict"]) == ("approval", "Refuted")
    (stated,) = told.objects
    assert (stated.key, stated.version_id) == (
        ".glovebox/seals/0a1b/conclusion.dsse.json",
        "v9",
    )
    raw = encode_entry(with_statement(told, "c" * 64, ""), 0, PREVIOUS, NOW)
    assert b"erin" not in raw
    assert decode_entry(raw).objects[0].sha256 == "c" * 64


def test_each_namespace_that_is_lost_is_an_event_of_its_own() -> None:
    first, second = (
        events_of(experiment(digest=DIGEST, lostNamespace={**LOST, "uid": uid}))[-1]
        for uid in ("space-1", "space-2")
    )
    assert first.id != second.id
    assert first.details == {
        "what": "NamespaceDeleted",
        "namespaceUid": "space-1",
        "writer": "unknown",
    }


@pytest.mark.parametrize("digest", [DIGEST, ""], ids=["bound", "nobody knows its digest"])
def test_the_loss_of_an_experiment_is_one_event_whenever_it_is_told(digest: str) -> None:
    first, again = (experiment_lost("0a1b", digest, NOW) for _ in range(2))
    assert first == again
    found = decode_entry(encode_entry(first, 0, PREVIOUS, NOW))
    assert (found.kind, found.subject.uid, found.subject.digest) == ("break-glass", "0a1b", digest)
    assert found.details == {"what": "ExperimentLost", "writer": "unknown"}


def test_of_drift_it_is_told_since_when_as_far_as_the_api_server_says() -> None:
    last = {
        "kind": "NetworkPolicy",
        "change": "Modified",
        "manager": "kubectl-edit through status at 2026-11-25T11:10:00Z",
    }
    known, unknown = (
        events_of(experiment(digest=DIGEST, drift=each))[-1].details
        for each in ({**DRIFT, "last": last}, DRIFT)
    )
    assert known["since"] == "2026-11-25T11:10:00Z"
    assert "since" not in unknown


@pytest.mark.parametrize(
    ("manager", "writer", "since"),
    [
        ("mallory at 2020-01-01T00:00:00Z at 2026-11-25T11:10:00Z", "other", True),
        (f"{FIELD_MANAGER} at home at 2026-11-25T11:10:00Z", "other", True),
        (f"{FIELD_MANAGER} through it at 2026-11-25T11:10:00Z", "operator", True),
        (f"{FIELD_MANAGER} at home", "other", False),
        ("mallory at last", "other", False),
        (" at 2026-11-25T11:10:00Z", "unknown", True),
    ],
)
def test_the_words_in_a_manager_s_name_are_no_time_and_nobody_s_name(
    manager: str, writer: str, *, since: bool
) -> None:
    last = {"kind": "NetworkPolicy", "change": "Modified", "manager": manager}
    told = events_of(experiment(digest=DIGEST, drift={**DRIFT, "last": last}))[-1].details
    assert told["writer"] == writer
    assert told.get("since") == ("2026-11-25T11:10:00Z" if since else None)


def test_what_is_signed_of_what_was_adopted_is_told_under_the_former_uid() -> None:
    """So it has the id that the former one's own event has, if it was told."""
    own = experiment(digest=DIGEST, seal=SEAL)
    former = {**own, "metadata": {**own["metadata"], "uid": "before"}}
    (adopted,) = events_of(experiment(digest=DIGEST, seal=SEAL, adopts=True))
    assert adopted == events_of(former)[-1]
    assert adopted.subject.uid == "before"
