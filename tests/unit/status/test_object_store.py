"""What an ObjectStore's conditions say of the attacks on its canary."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.api.object_store import ObjectStoreSpec
from glovebox.data.proofs import Outcome, Proof
from glovebox.errors import GloveboxError, InvalidInput, NotReady, Unavailable
from glovebox.status.object_store import (
    PROVEN,
    StoreFacts,
    compute_status,
    judge_store,
    with_keys,
)
from glovebox.status.outcome import Outcome as Found
from glovebox.status.outcome import done, of_error, waiting

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
