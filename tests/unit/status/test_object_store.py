"""What an ObjectStore's conditions say of the attacks on its canary."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox import names
from glovebox.api.object_store import ObjectStore, ObjectStoreSpec
from glovebox.data.proofs import Outcome, Proof
from glovebox.errors import Forbidden, GloveboxError, InvalidInput, NotReady, Unavailable
from glovebox.status.object_store import (
    PROVEN,
    StoreFacts,
    compute_status,
    is_usable,
    judge_store,
    with_keys,
    with_ledger,
    with_records,
)
from glovebox.status.outcome import Grace, done, of_error, waiting
from glovebox.status.outcome import Outcome as Found

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
RETENTION = {"mode": "Compliance", "days": 1}
VERSIONING, LOCK, CONDITIONAL, SCOPE = PROVEN


def spec(*, worm: str = "Required", role: bool = True) -> ObjectStoreSpec:
    return ObjectStoreSpec.model_validate(
        {
            "endpoint": "https://s3.example",
            "region": "here",
            "credentialsSecretRef": {"name": "keys"},
            "artifacts": {"bucket": "results", "worm": worm}
            | ({"retention": RETENTION} if worm == "Required" else {}),
            **({"sts": {"roleArn": "arn:aws:iam::1:role/runs"}} if role else {}),
        }
    )


def proofs(**outcomes: Outcome) -> list[Proof]:
    """Return a proof for each condition; all passed but those that are named."""
    return [
        Proof(f"of{condition}", condition, outcomes.get(condition, Outcome.PASSED), "it was seen")
        for condition in PROVEN
    ]


def shown(obj_spec: ObjectStoreSpec, facts: StoreFacts) -> dict[str, str]:
    outcome = judge_store(obj_spec, facts)
    obj = {"metadata": {"generation": 3}, "spec": {"endpoint": "https://store.example"}}
    status = compute_status(obj, outcome, NOW, facts=facts, has_role=obj_spec.sts is not None)
    return answers(status)


def answers(status: dict[str, Any]) -> dict[str, str]:
    return {entry["type"]: f"{entry['status']} {entry['reason']}" for entry in status["conditions"]}


ARCHIVING = StoreFacts(
    NOW,
    "results",
    RETENTION,
    proofs(),
    archiving="rule `cold` moves versions to GLACIER after 0 days",
)


def test_a_rule_that_archives_evidence_is_reported_and_the_store_is_used_on() -> None:
    found = shown(spec(), ARCHIVING)
    assert found["EvidenceReadable"] == "False EvidenceArchived"
    assert found["Ready"] == "True Proven"


def test_that_a_store_denies_to_tell_its_rules_is_reported_as_unknown() -> None:
    facts = StoreFacts(NOW, "results", RETENTION, proofs(), archiving_denied="the store denies it")
    assert shown(spec(), facts)["EvidenceReadable"] == "Unknown StoreForbidden"


def test_what_was_said_of_rules_stays_until_the_next_check_and_goes_with_the_rule() -> None:
    obj: dict[str, Any] = {
        "metadata": {"generation": 3},
        "spec": {"endpoint": "https://store.example"},
    }
    obj["status"] = compute_status(obj, done(), NOW, facts=ARCHIVING)
    obj["status"] = compute_status(obj, done(), NOW)
    assert answers(obj["status"])["EvidenceReadable"] == "False EvidenceArchived"
    facts = StoreFacts(NOW, "results", RETENTION, proofs())
    assert "EvidenceReadable" not in answers(compute_status(obj, done(), NOW, facts=facts))


PASSED = dict.fromkeys(PROVEN, "True Proven") | dict.fromkeys(
    ("KeyPublished", "RecordsFound"), "Unknown NotLooked"
)
PASSED["ConnectionEncrypted"] = "True Encrypted"
# Each: why the case exists; the spec; which proofs did not pass; the retention; what is said.
CASES: dict[str, tuple[dict[str, Any], dict[str, Outcome], Any, dict[str, str]]] = {
    "all was proven": ({}, {}, RETENTION, {**PASSED, "Ready": "True Proven"}),
    "a lock that does not hold makes a store useless that must lock": (
        {},
        {LOCK: Outcome.FAILED},
        RETENTION,
        {
            **PASSED,
            LOCK: "False ProofFailed",
            "Ready": "False ProofFailed",
            "Stalled": "True ProofFailed",
        },
    ),
    "and is only said where nothing must be locked": (
        {"worm": "BestEffort"},
        {LOCK: Outcome.FAILED},
        None,
        {**PASSED, LOCK: "False ProofFailed", "Ready": "True Proven"},
    ),
    "credentials that reach too far are worse where nothing is locked": (
        {"worm": "BestEffort"},
        {LOCK: Outcome.FAILED, SCOPE: Outcome.FAILED},
        None,
        {
            **PASSED,
            LOCK: "False ProofFailed",
            SCOPE: "False ProofFailed",
            "Ready": "False ProofFailed",
            "Stalled": "True ProofFailed",
        },
    ),
    "what sessions reach that could not be tried is no reason to refuse what locks nothing": (
        {"worm": "BestEffort"},
        {SCOPE: Outcome.UNKNOWN},
        None,
        {**PASSED, SCOPE: "Unknown ProofInconclusive", "Ready": "True Proven"},
    ),
    "without versions nothing can be pinned, lock or no lock": (
        {"worm": "BestEffort"},
        {VERSIONING: Outcome.FAILED},
        None,
        {
            **PASSED,
            VERSIONING: "False ProofFailed",
            "Ready": "False ProofFailed",
            "Stalled": "True ProofFailed",
        },
    ),
    "what could not be tried is not known, and is tried again": (
        {},
        {CONDITIONAL: Outcome.UNKNOWN},
        RETENTION,
        {
            **PASSED,
            CONDITIONAL: "Unknown ProofInconclusive",
            "Ready": "False ProofInconclusive",
            "Reconciling": "True ProofInconclusive",
        },
    ),
    "without a role credentials of one experiment cannot be issued, and that is no fault": (
        {"role": False},
        {SCOPE: Outcome.UNKNOWN},
        RETENTION,
        {**PASSED, SCOPE: "Unknown StsNotConfigured", "Ready": "True Proven"},
    ),
    "a lock without a default retention locks nothing that a run writes": (
        {},
        {},
        None,
        {**PASSED, "Ready": "False ProofFailed", "Stalled": "True ProofFailed"},
    ),
}


@pytest.mark.parametrize("why", CASES)
def test_what_a_check_comes_to(why: str) -> None:
    options, outcomes, retention, expected = CASES[why]
    facts = StoreFacts(NOW, "results", retention, proofs(**outcomes))
    assert shown(spec(**options), facts) == expected


def test_what_was_found_is_recorded_whatever_it_comes_to() -> None:
    facts = StoreFacts(NOW, "results", None, proofs(**{LOCK: Outcome.FAILED}))
    before = {"retention": RETENTION, "observedGeneration": 2}
    obj = {
        "metadata": {"generation": 3},
        "spec": {"endpoint": "https://store.example"},
        "status": before,
    }
    status = compute_status(obj, judge_store(spec(), facts), NOW, facts=facts, has_role=True)
    assert "retention" not in status
    assert (status["bucket"], status["lastVerifiedTime"]) == ("results", "2026-11-25T12:00:00Z")
    assert [entry["outcome"] for entry in status["proofs"]].count("Failed") == 1
    assert {entry["observedGeneration"] for entry in status["conditions"]} == {3}


@pytest.mark.parametrize(
    ("error", "ready", "beside"),
    [
        pytest.param(
            Unavailable("StoreUnreachable", "no answer"),
            "Unknown StoreUnreachable",
            "Reconciling",
            id="a proven store that does not answer any more: nobody knows",
        ),
        pytest.param(
            InvalidInput("StoreRejected", "no such bucket"),
            "False StoreRejected",
            "Stalled",
            id="a store that says no needs a person",
        ),
    ],
)
def test_a_check_that_does_not_come_to_its_end_keeps_what_was_proven(
    error: GloveboxError, ready: str, beside: str
) -> None:
    facts = StoreFacts(NOW, "results", RETENTION, proofs())
    obj: dict[str, Any] = {
        "metadata": {"generation": 3},
        "spec": {"endpoint": "https://store.example"},
    }
    obj["status"] = compute_status(obj, judge_store(spec(), facts), NOW, facts=facts, has_role=True)

    found = answers(compute_status(obj, of_error(error), NOW))

    assert found == {**PASSED, "Ready": ready, beside: f"True {error.reason}"}


# What a bucket that is not set up says before anything is tried, and which condition says it.
DENIED = {
    "VersioningRequired": VERSIONING,
    "LockRequired": LOCK,
    "EncryptionRequired": "EncryptionProven",
}


@pytest.mark.parametrize("reason", DENIED)
@pytest.mark.parametrize("is_encrypted", [True, False], ids=["encrypted", "plain"])
def test_what_a_check_that_did_not_begin_shows_all_the_same_is_said(
    reason: str, *, is_encrypted: bool
) -> None:
    obj: dict[str, Any] = {
        "metadata": {"generation": 3},
        "spec": {"endpoint": "https://store.example"},
    }
    if is_encrypted:
        obj["spec"]["encryption"] = {"algorithm": "AES256"}
    found = answers(compute_status(obj, of_error(InvalidInput(reason, "set it up")), NOW))
    denied = {name for name, said in found.items() if said.startswith("False")}
    is_shown = is_encrypted or reason != "EncryptionRequired"
    assert denied == {"Ready", *([DENIED[reason]] if is_shown else [])}
    # What waits for somebody denies nothing of the kind.
    waits = answers(compute_status(obj, waiting(reason, "not yet"), NOW))
    assert {name for name, said in waits.items() if said.startswith("False")} == {"Ready"}


def test_without_a_role_no_session_is_tried_and_none_is_missed() -> None:
    facts = StoreFacts(NOW, "results", RETENTION, proofs(**{SCOPE: Outcome.UNKNOWN}))
    assert judge_store(spec(role=False), facts).is_done
    assert judge_store(spec(), facts).reason == "ProofInconclusive"
    facts = StoreFacts(NOW, "results", RETENTION, proofs(**{LOCK: Outcome.UNKNOWN}))
    assert judge_store(spec(role=False), facts).reason == "ProofInconclusive"
    # What a spec without a role says of sessions is of nobody's.
    facts = StoreFacts(NOW, "results", None, proofs(**{SCOPE: Outcome.FAILED}))
    assert judge_store(spec(role=False, worm="BestEffort"), facts).is_done


# What a store's conditions say, what else it is, and whether it may be used for what it has.
USABLE: dict[str, tuple[dict[str, str], dict[str, Any], bool]] = {
    "ready": ({"Ready": "True"}, {}, True),
    "not ready": ({"Ready": "False"}, {}, False),
    "not known": ({"Ready": "Unknown"}, {}, False),
    "not observed yet": ({}, {}, False),
    "goes, and is in use": ({"Ready": "False"}, {"deleted": True}, True),
    "goes, and is no longer held": ({"Ready": "False"}, {"deleted": True, "held": False}, False),
    "goes, and was never checked": ({"Ready": "False"}, {"deleted": True, "checked": None}, False),
    "goes before it was observed": ({}, {"deleted": True}, False),
    "goes, and has no versions": (
        {"Ready": "False", VERSIONING: "False"},
        {"deleted": True},
        False,
    ),
    "goes, and does not lock": ({"Ready": "False", LOCK: "False"}, {"deleted": True}, False),
    "goes, and need not lock": (
        {"Ready": "False", LOCK: "False"},
        {"deleted": True, "worm": "BestEffort"},
        True,
    ),
    "goes, and its sessions reach too far": (
        {"Ready": "False", SCOPE: "False"},
        {"deleted": True, "worm": "BestEffort"},
        False,
    ),
    "goes, and has no sessions": (
        {"Ready": "False", SCOPE: "False"},
        {"deleted": True, "worm": "BestEffort", "role": False},
        True,
    ),
    "goes, and one check is not known": (
        {"Ready": "False", LOCK: "Unknown"},
        {"deleted": True},
        True,
    ),
}


@pytest.mark.parametrize("name", USABLE)
def test_a_store_is_used_while_it_works_also_when_it_is_to_go(name: str) -> None:
    said, about, usable = USABLE[name]
    conditions = [
        {
            "type": condition,
            "status": status,
            "reason": "Said",
            "message": "",
            "lastTransitionTime": NOW,
            "observedGeneration": 1,
        }
        for condition, status in said.items()
    ]
    metadata: dict[str, Any] = {"name": "primary", "uid": "u"}
    if about.get("held", True):
        metadata["finalizers"] = [names.FINALIZER_IN_USE]
    if about.get("deleted"):
        metadata["deletionTimestamp"] = "2026-11-25T12:00:00Z"
    store = ObjectStore.model_validate(
        {
            "metadata": metadata,
            "spec": spec(worm=about.get("worm", "Required"), role=about.get("role", True)),
            "status": {"conditions": conditions, "lastVerifiedTime": about.get("checked", NOW)},
        }
    )
    assert is_usable(store) == usable


LOST = of_error(NotReady("SigningKeyLost", "the Secret is gone"))
AWAY = of_error(Unavailable("StoreUnreachable", "no answer"))
# What was known of the keys, what a look found, and what is said then.
KEYS: dict[str, tuple[Found | None, Found, str]] = {
    "published": (None, done(), "True KeyPublished"),
    "lost": (done(), LOST, "False SigningKeyLost"),
    "back again": (LOST, done(), "True KeyPublished"),
    "not to be seen, and never was": (None, AWAY, "Unknown StoreUnreachable"),
    "not to be seen, and was published": (done(), AWAY, "True KeyPublished"),
    "not to be seen, and was lost": (LOST, AWAY, "False SigningKeyLost"),
}


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("error", [None, Unavailable("StoreUnreachable", "no answer")])
def test_a_look_at_the_keys_changes_their_condition_and_nothing_else(
    error: GloveboxError | None, name: str
) -> None:
    before, look, said = KEYS[name]
    facts = StoreFacts(NOW, "results", RETENTION, proofs())
    obj: dict[str, Any] = {
        "metadata": {"generation": 3},
        "spec": {"endpoint": "https://store.example"},
    }
    outcome = judge_store(spec(), facts) if error is None else of_error(error)
    status = compute_status(obj, outcome, NOW, facts=facts, has_role=True)
    if before is not None:
        status = with_keys(status, before, NOW)
    found = with_keys(status, look, NOW)
    assert answers(found) == {**answers(status), "KeyPublished": said}
    assert {**found, "conditions": None} == {**status, "conditions": None}


@pytest.mark.parametrize(
    ("endpoint", "sts", "said"),
    [
        ("https://store.example", {}, "True Encrypted"),
        ("https://store.example", {"endpoint": "https://sts.example"}, "True Encrypted"),
        ("http://store.example", {}, "False PlainHttp `spec.endpoint`"),
        (
            "https://store.example",
            {"endpoint": "http://sts.example"},
            "False PlainHttp `spec.sts.endpoint`",
        ),
    ],
)
def test_who_is_on_the_way_to_a_store_reads_along_where_nothing_is_encrypted(
    endpoint: str, sts: dict[str, str], said: str
) -> None:
    obj = {
        "metadata": {"generation": 1},
        "spec": {"endpoint": endpoint, "sts": {"roleArn": "r", **sts}},
    }
    for outcome in (done(), waiting("Pending", "not yet")):
        status = compute_status(obj, outcome, NOW)
        (entry,) = (c for c in status["conditions"] if c["type"] == "ConnectionEncrypted")
        told = f"{entry['status']} {entry['reason']} {entry['message']}"
        assert told.startswith(said), told


@pytest.mark.parametrize("worm", ["Required", "BestEffort"])
@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.UNKNOWN])
def test_an_encryption_that_was_asked_for_and_is_not_seen_refuses_the_store(
    worm: str, outcome: Outcome
) -> None:
    found = [*proofs(), Proof("EncryptedByDefault", "EncryptionProven", outcome, "plain bytes")]
    judged = judge_store(spec(worm=worm), StoreFacts(NOW, "results", RETENTION, found))
    assert not judged.is_done
    assert "plain bytes" in judged.message


def test_the_condition_of_encryption_is_there_only_where_it_was_asked_for() -> None:
    found = [*proofs(), Proof("EncryptedByDefault", "EncryptionProven", Outcome.PASSED, "seen")]
    facts = StoreFacts(NOW, "results", RETENTION, found)
    asked = {"endpoint": "https://store.example", "encryption": {"type": "SSE-S3"}}
    obj: dict[str, Any] = {"metadata": {"generation": 3}, "spec": asked}
    status = compute_status(obj, done(), NOW, facts=facts, has_role=True)
    assert answers(status)["EncryptionProven"] == "True Proven"
    kept = with_keys(status, done(), NOW)
    assert [each["type"] for each in kept["conditions"]] == [
        each["type"] for each in status["conditions"]
    ]
    del asked["encryption"]
    again = compute_status(obj | {"status": status}, done(), NOW, facts=facts, has_role=True)
    assert "EncryptionProven" not in answers(again)


def observed() -> dict[str, Any]:
    """Return a store whose status shows what a check found."""
    facts = StoreFacts(NOW, "results", RETENTION, proofs())
    obj: dict[str, Any] = {
        "metadata": {"generation": 3},
        "spec": {"endpoint": "https://store.example"},
    }
    obj["status"] = compute_status(obj, judge_store(spec(), facts), NOW, facts=facts, has_role=True)
    return obj


@pytest.mark.parametrize(
    ("lost", "strangers", "said", "words"),
    [
        ([], 0, "True RecordsFound", "every run and seal that the cluster knows"),
        ([], 2, "True RecordsFound", "knows; besides 2 runs of Experiments that are not here"),
        (["team/a"], 0, "False RecordsLost", "of 1 Experiment, among them team/a: it was"),
        ([f"t/{n}" for n in range(7)], 1, "False RecordsLost", "t/3, t/4: it was emptied"),
    ],
    ids=["all there", "more than is here", "one is lost", "many are lost"],
)
def test_what_a_comparison_of_records_found_is_said_and_nothing_else_changes(
    lost: list[str], strangers: int, said: str, words: str
) -> None:
    before = observed()["status"]
    found = with_records(before, lost, strangers, NOW)
    assert answers(found) == {**answers(before), "RecordsFound": said}
    (message,) = (c["message"] for c in found["conditions"] if c["type"] == "RecordsFound")
    assert words in message
    assert ("besides" in message) == bool(strangers)


GRACE = Grace(300.0, 3)
DENIED_LEDGER = of_error(Forbidden("StoreForbidden", "it may not"))
WRITTEN = "True LedgerWritten"
# What was said of the ledger, how it went since, and what is said then.
LEDGERS: dict[str, tuple[Found | None, Found | None, str]] = {
    "written": (None, done(), WRITTEN),
    "written again": (DENIED_LEDGER, done(), WRITTEN),
    "it waits": (done(), waiting("LedgerWentBack", "it holds less"), "False LedgerWentBack"),
    "it is denied": (done(), DENIED_LEDGER, "False StoreForbidden"),
    "a failure that may pass": (done(), AWAY.with_failure(1.0, 1), WRITTEN),
    "a failure that lasts": (done(), AWAY.with_failure(600.0, 9), "Unknown StoreUnreachable"),
    "a failure before anything was known": (
        None,
        AWAY.with_failure(1.0, 1),
        "Unknown StoreUnreachable",
    ),
    "nothing new": (done(), None, WRITTEN),
    "nothing at all": (None, None, "Unknown NotLooked"),
}


@pytest.mark.parametrize("name", LEDGERS)
def test_how_writing_the_ledger_goes_is_said_and_nothing_else_changes(name: str) -> None:
    before, outcome, said = LEDGERS[name]
    obj = observed()
    if before is not None:
        obj["status"] = with_ledger(obj, None, before, None, GRACE, NOW)
    found = with_ledger(obj, None, outcome, None, GRACE, NOW)
    assert found is not None
    assert answers(found) == {**answers(obj["status"]), "LedgerWritten": said}
    assert len(found["conditions"]) == len(answers(found)), "each of them once"
    assert {**found, "conditions": None} == {**obj["status"], "conditions": None}


def test_of_a_store_that_was_not_looked_at_nothing_is_said_of_its_ledger_alone() -> None:
    obj = {"metadata": {"generation": 3}, "spec": {}}
    assert with_ledger(obj, None, done(), {"organisation": "x"}, GRACE, NOW) is None


def anchored(organisation: str, epoch: int) -> dict[str, Any]:
    return {"organisation": organisation, "epoch": epoch, "anchors": [{"kind": "Bucket"}]}


@pytest.mark.parametrize(
    ("organisation", "epoch", "kinds", "has_entries"),
    [
        ("ours", 1, ["Bucket", "Witness"], True),
        ("ours", 2, ["Bucket"], True),
        ("theirs", 1, ["Bucket"], False),
    ],
    ids=["the same epoch", "the next epoch", "another organisation"],
)
def test_what_is_recorded_beside_a_head_is_of_the_same_ledger(
    organisation: str, epoch: int, kinds: list[str], *, has_entries: bool
) -> None:
    obj = observed()
    others = [{"kind": "Bucket"}, {"kind": "Status"}, {"kind": "Witness"}]
    obj["status"]["ledger"] = {**anchored("ours", 1), "anchors": others, "entries": [{"id": "1"}]}
    found = with_ledger(obj, None, done(), anchored(organisation, epoch), GRACE, NOW)
    assert found is not None
    assert [each["kind"] for each in found["ledger"]["anchors"]] == kinds
    assert ("entries" in found["ledger"]) == has_entries


def test_a_condition_repeats_what_its_own_proofs_showed_and_the_retention_is_recorded() -> None:
    found = [
        Proof("One", VERSIONING, Outcome.PASSED, "versions are kept"),
        Proof("Two", VERSIONING, Outcome.FAILED, "a version went"),
        Proof("Three", LOCK, Outcome.FAILED, "a lock was taken off"),
    ]
    facts = StoreFacts(NOW, "results", RETENTION, found)
    obj = {"metadata": {"generation": 3}, "spec": {"endpoint": "https://store.example"}}
    status = compute_status(obj, judge_store(spec(), facts), NOW, facts=facts, has_role=True)
    messages = {each["type"]: each["message"] for each in status["conditions"]}
    assert (messages[VERSIONING], messages[LOCK]) == ("a version went", "a lock was taken off")
    assert status["retention"] == RETENTION
    assert (status["bucket"], status["lastVerifiedTime"]) == ("results", "2026-11-25T12:00:00Z")
