"""The conditions of an Experiment, from outcomes alone: what stands, failed, is held back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glovebox.api.input_status import BrokenInput
from glovebox.desired.drift import Applied, Drift, Result
from glovebox.errors import (
    Conflict,
    Forbidden,
    GloveboxError,
    InvalidInput,
    NotReady,
    Refused,
    Rejected,
    Unavailable,
)
from glovebox.kube.objects import ObjectKey
from glovebox.status.experiment import compute_recreating_status, compute_status
from glovebox.status.experiment_facts import (
    CredentialsFacts,
    Finding,
    NamespaceFacts,
    ProofFacts,
    PullSecretFacts,
    RunFacts,
    SealFacts,
)
from glovebox.status.experiment_ready import REQUIRED
from glovebox.status.experiment_seen import Seen, held_back
from glovebox.status.experiment_work import not_sealed
from glovebox.status.kstatus import kstatus
from glovebox.status.outcome import Grace, Outcome, done, of_error, skipped, waiting
from glovebox.status.references import AS_BOUND

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = datetime(2026, 1, 2, 4, 0, 0, tzinfo=UTC)
DIGEST = "sha256:" + "1" * 64
GRACE = Grace(300.0, 3)
BUILDING = (
    "claim",
    "lock_up",
    "resolve",
    "authorise",
    "gate",
    "leakage",
    "uses",
    "bind",
    "namespace",
    "isolation",
    "pull_secret",
    "stage_secrets",
    "credentials",
    "access",
)
TRUE = Finding("True", "Verified", "as it should be")


@dataclasses.dataclass(frozen=True)
class References:
    inputs_verified: Finding = TRUE
    artifacts_protected: Finding = TRUE
    platform_changed: Finding = AS_BOUND
    inputs_granted: Finding | None = None
    broken: tuple[BrokenInput, ...] = ()


def applied(result: Result, kind: str = "NetworkPolicy", change: Any = "modified") -> Applied:
    key = ObjectKey(kind, "gbx-x", "glovebox-default-deny")
    return Applied(key, result, Drift(key, change) if result != "unchanged" else None)


def good(**changes: Outcome) -> dict[str, Outcome]:
    """Return the outcomes of a look at which everything was in place, with some exchanged."""
    found: dict[str, Outcome] = {
        "claim": done(),
        "lock_up": done(),
        "resolve": done(References()),
        "authorise": done(),
        "gate": done(),
        "leakage": done(),
        "uses": done(),
        "bind": done(),
        "namespace": done(NamespaceFacts("uid-1", latched=True, established=True)),
        "isolation": done(),
        "pull_secret": done(),
        "stage_secrets": done(),
        "credentials": done(CredentialsFacts("s3://b/p/", "primary", LATER)),
        "access": done(),
        "prove": done(ProofFacts(Finding("True", "Proven"))),
        "deliver": done(),
        "run": done(RunFacts(requested=False)),
        "seal": waiting("NotSealed", "sealed when the run is over"),
    }
    return found | changes


def experiment(status: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"metadata": {"generation": 2}, "spec": {}, "status": dict(status or {})}


def look(
    outcomes: Mapping[str, Outcome], status: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    before = {"digest": DIGEST, "namespace": "gbx-x"} | dict(status or {})
    return compute_status(Seen(experiment(before), outcomes, NOW, grace=GRACE))


def answers(status: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}


def provisioned() -> dict[str, Any]:
    """Return the status of an Experiment that stands."""
    status = look(good())
    assert status["provisioned"]["namespaceUid"] == "uid-1"
    return look(good(), status)


def failing(error: Exception, seconds: float, attempts: int) -> Outcome:
    return of_error(error).with_failure(seconds, attempts)


def test_a_look_that_saw_everything_in_place_is_ready_and_sets_the_latch() -> None:
    status = look(good())
    assert answers(status)["Ready"] == ("True", "Provisioned")
    assert status["provisioned"] == {
        "time": "2026-01-02T03:04:05Z",
        "namespaceUid": "uid-1",
        "digest": DIGEST,
    }
    assert status["state"] == "Open"


@pytest.mark.parametrize("phase", BUILDING)
def test_no_phase_of_building_may_be_missing_for_the_latch_or_for_ready(phase: str) -> None:
    status = look(good(**{phase: failing(Unavailable("ApiUnavailable", "lost"), 0, 1)}))
    assert "provisioned" not in status, "nobody saw everything in place"
    assert answers(status)["Ready"][0] == "False"
    assert answers(status)["Reconciling"][0] == "True"


@pytest.mark.parametrize("result", ["alerted", "ignored", "contended"])
def test_an_object_that_is_left_other_than_declared_sets_no_latch(result: Result) -> None:
    status = look(good(isolation=done(applied=(applied(result),))))
    assert "provisioned" not in status


@pytest.mark.parametrize(
    ("latch", "why"),
    [
        ({"namespaceUid": "uid-2", "digest": DIGEST}, "another namespace of that name"),
        ({"namespaceUid": "uid-1", "digest": "sha256:other"}, "another digest"),
    ],
)
def test_the_latch_counts_for_its_namespace_and_digest_alone(
    latch: dict[str, Any], why: str
) -> None:
    broken = good(isolation=failing(Unavailable("ApiUnavailable", "lost"), 0, 1))
    status = look(broken, provisioned() | {"provisioned": latch})
    assert answers(status)["Ready"][0] == "False", why


TRANSIENT = [
    Unavailable("ApiUnavailable", "the connection was lost"),
    Conflict("Conflict", "somebody wrote"),
]
PHASES = (
    "resolve",
    "namespace",
    "isolation",
    "pull_secret",
    "stage_secrets",
    "credentials",
    "access",
    "run",
    "seal",
)


@pytest.mark.parametrize("error", TRANSIENT, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("phase", PHASES)
def test_a_failure_that_may_pass_changes_nothing_of_what_stands(
    phase: str, error: Exception
) -> None:
    before = provisioned()
    after = look(good(**{phase: failing(error, 100, 50)}), before)
    changed = {
        kind: answer for kind, answer in answers(after).items() if answers(before)[kind] != answer
    }
    changed.pop("Sealed", None)  # never was True
    assert changed == {}
    assert kstatus(experiment(after) | {"metadata": {"generation": 2}}) == "Current"


@pytest.mark.parametrize(
    ("seconds", "attempts", "held", "why"),
    [
        (299, 50, True, "not long enough"),
        (1000, 2, True, "not tried often enough to know"),
        (300, 3, False, "both"),
    ],
)
def test_a_failure_is_held_back_for_the_grace_time_and_three_tries(
    seconds: float,
    attempts: int,
    held: bool,  # noqa: FBT001 - a table
    why: str,
) -> None:
    error = Unavailable("ApiUnavailable", "no answer")
    outcomes = good(credentials=failing(error, seconds, attempts))
    after = look(outcomes, provisioned())
    expected = ("True", "CredentialsIssued") if held else ("Unknown", "ApiUnavailable")
    seen = Seen(experiment(provisioned()), outcomes, NOW, grace=GRACE)
    assert held_back(seen) == ((outcomes["credentials"],) if held else ()), "counted, or told"
    assert answers(after)["CredentialsFresh"] == expected, why
    assert ("Reconciling" in answers(after)) is not held, why


@pytest.mark.parametrize("phase", ["namespace", "isolation", "access"])
@pytest.mark.parametrize(
    ("differs", "seconds", "answer"),
    [(True, 9, "True"), (True, 10, "Unknown"), (False, 10, "True")],
)
def test_what_is_known_to_be_broken_is_held_back_for_ten_seconds(
    phase: str,
    differs: bool,  # noqa: FBT001 - a table
    seconds: float,
    answer: str,
) -> None:
    failed = of_error(Unavailable("ApiUnavailable", "no answer"))
    after = look(good(**{phase: failed.with_failure(seconds, 1, differs=differs)}), provisioned())
    assert answers(after)["NamespaceReady"][0] == answers(after)["Ready"][0] == answer


@pytest.mark.parametrize(
    ("error", "seconds"),
    [(Forbidden("Forbidden", "no right"), 5), (Rejected("Rejected", "a policy"), 0)],
)
def test_a_refusal_is_an_answer_and_needs_no_grace_time(error: Exception, seconds: float) -> None:
    after = look(good(isolation=failing(error, seconds, 2)), provisioned())
    assert answers(after)["NamespaceReady"][0] == "False"
    assert answers(after)["Ready"][0] == "False"
    assert answers(after)["QuotaApplied"][0] == "False"


def test_a_right_that_is_missing_once_is_no_answer_yet() -> None:
    """An API server that has just started does not know all rights."""
    after = look(good(isolation=failing(Forbidden("Forbidden", "no right"), 4, 2)), provisioned())
    assert answers(after)["Ready"][0] == answers(after)["NamespaceReady"][0] == "True"
    assert "Reconciling" not in answers(after)


def test_quota_and_namespace_are_not_true_while_isolation_was_not_seen() -> None:
    status = look(good(isolation=failing(Forbidden("Forbidden", "no right"), 0, 1)))
    assert answers(status)["QuotaApplied"][0] == "False"
    assert answers(status)["NamespaceReady"][0] == "False"


@pytest.mark.parametrize(
    ("result", "change", "namespace", "ready", "why"),
    [
        ("repaired", "modified", "True", "True", "as declared again"),
        ("alerted", "modified", "False", "True", "the platform chose to be told only"),
        ("ignored", "modified", "Unknown", "True", "the platform chose not to be told"),
        ("alerted", "deleted", "False", "False", "what is not there isolates nothing"),
        ("ignored", "deleted", "False", "False", "what is not there isolates nothing"),
        ("contended", "modified", "False", "False", "somebody keeps it other than declared"),
    ],
)
def test_drift_of_what_stands(
    result: Result, change: str, namespace: str, ready: str, why: str
) -> None:
    drifted = good(isolation=done(applied=(applied(result, change=change),)))
    status = look(drifted, provisioned())
    assert answers(status)["NamespaceReady"][0] == namespace, why
    assert answers(status)["Ready"][0] == ready, why


def test_a_refused_declaration_is_stalled_and_names_its_condition() -> None:
    refused = of_error(Refused("QuotaOutOfRange", "spec.resources.quota: too much"))
    rest = {phase: skipped("gate") for phase in BUILDING[5:]}
    status = look(good(gate=refused, **rest), {"digest": ""})
    assert answers(status)["Ready"] == ("False", "QuotaOutOfRange")
    assert answers(status)["Stalled"] == ("True", "QuotaOutOfRange")
    assert answers(status)["QuotaApplied"] == ("False", "QuotaOutOfRange")
    assert answers(status)["PlatformChanged"] == ("Unknown", "NotLooked"), "nothing is bound"
    assert "Reconciling" not in answers(status), "never both"


def test_waiting_for_a_pin_is_progress_and_no_failure() -> None:
    missing = of_error(NotReady("PinNotFound", "input `train`: there is no DatasetPin"))
    rest = {phase: skipped("resolve") for phase in BUILDING[3:]}
    status = look(good(resolve=missing, **rest), {"digest": ""})
    assert answers(status)["InputsVerified"] == ("False", "PinNotFound")
    assert answers(status)["Reconciling"] == ("True", "PinNotFound")
    assert "Stalled" not in answers(status)


def test_a_suspended_experiment_keeps_what_was_said_of_the_generation_before() -> None:
    before = provisioned()
    suspended = Seen(experiment(before) | {"metadata": {"generation": 9}}, {}, NOW, suspended=True)
    status = compute_status(suspended)
    by_type = {each["type"]: each for each in status["conditions"]}
    assert by_type["Ready"]["observedGeneration"] == 9
    assert by_type["NamespaceReady"]["observedGeneration"] == 2, "nobody looked at it since"


def test_a_run_that_is_held_by_suspension_says_so_and_the_namespace_stays_ready() -> None:
    facts = RunFacts(requested=True, pending="`spec.suspend` is true")
    held = waiting("Suspended", "`spec.suspend` is true", facts=facts)
    status = look(good(run=held), provisioned())
    assert answers(status)["Succeeded"] == ("Unknown", "Suspended")
    assert answers(status)["Ready"] == ("True", "Provisioned")


def test_before_a_namespace_is_recreated_nothing_says_that_it_stands() -> None:
    before = provisioned() | {"namespaceUid": "one"}
    status = compute_recreating_status(experiment(before), NOW)
    found = answers(status)
    for condition in ("Ready", "NamespaceReady", "QuotaApplied"):
        assert found[condition] == ("False", "Provisioning")
    assert found["Isolated"] == ("Unknown", "Provisioning")
    assert "namespaceUid" not in status
    assert status["lostNamespace"] == {"uid": "one", "time": "2026-01-02T03:04:05Z"}
    assert status["provisioned"] == before["provisioned"], "what was, was"


def test_of_what_is_deleted_nothing_is_said_to_be_kept() -> None:
    before = provisioned()
    status = look({"retire": waiting("Sealing", "soon")}, before)
    found = answers(status)
    assert found["Ready"] == ("False", "Sealing")
    kept = ("NamespaceReady", "QuotaApplied", "Isolated", "CredentialsFresh", "DriftDetected")
    for condition in kept:
        assert found[condition] == ("Unknown", "Deleting"), condition
    for condition in ("InputsVerified", "ArtifactsProtected", "PlatformChanged"):
        assert found[condition] == answers(before)[condition], condition
    assert look({"retire": waiting("Sealing", "soon")}, status) == status, "once"
    closed = [{"type": "CredentialsFresh", "status": "True", "reason": "Sealed", "message": ""}]
    status = look({"retire": waiting("Deleting", "soon")}, before | {"conditions": closed})
    assert answers(status)["CredentialsFresh"] == ("True", "Sealed"), "taken away, and still so"


def test_what_a_former_namespace_had_does_not_count_for_the_next_one() -> None:
    before = provisioned() | {"namespaceUid": "one", "isolation": {"outcome": "Passed"}}
    assert answers(before)["CredentialsFresh"] == ("True", "CredentialsIssued")
    status = compute_recreating_status(experiment(before), NOW)
    assert answers(status)["CredentialsFresh"] == ("False", "Provisioning"), "they are gone with it"
    assert "isolation" not in status
    closed = [{"type": "CredentialsFresh", "status": "True", "reason": "Sealed", "message": ""}]
    status = compute_recreating_status(experiment(before | {"conditions": closed}), NOW)
    assert answers(status)["CredentialsFresh"] == ("True", "Sealed"), "there are to be none"


def test_a_namespace_in_whose_place_another_one_stands_is_lost_as_well() -> None:
    before = provisioned() | {"namespaceUid": "one", "isolation": {"outcome": "Passed"}}
    status = look(good(), before)
    assert "isolation" not in status, "it was checked in the other one"
    assert status["namespaceUid"] == "uid-1"
    assert status["lostNamespace"] == {"uid": "one", "time": "2026-01-02T03:04:05Z"}
    again = look(good(), status | {"lostNamespace": {"uid": "one", "time": "before"}})
    assert again["lostNamespace"]["time"] == "before"
    assert "lostNamespace" not in provisioned()


def test_the_same_look_again_is_the_same_status() -> None:
    assert look(good(), provisioned()) == provisioned()


def test_profile_store_and_pins_that_changed_are_reported_and_change_nothing_else() -> None:
    before = provisioned()
    changed = dataclasses.replace(
        References(), platform_changed=Finding("True", "ProfileChanged", "`limits` differ")
    )
    after = look(good(resolve=done(changed)), before)
    assert answers(after)["PlatformChanged"] == ("True", "ProfileChanged")
    assert answers(after)["Ready"] == ("True", "Provisioned")


@pytest.mark.parametrize("phase", ["deliver", "run"])
def test_a_run_whose_start_is_refused_is_not_ready(phase: str) -> None:
    refused = failing(Forbidden("Forbidden", "the fence does not allow this driver"), 5, 2)
    after = look(good(**{phase: refused}), provisioned())
    assert answers(after)["Ready"] == ("False", "Forbidden")
    assert answers(after)["Reconciling"] == ("True", "Forbidden")
    assert answers(after)["NamespaceReady"][0] == "True", "what stands, stands"


def test_credentials_that_are_over_are_not_fresh_however_short_the_failure() -> None:
    expired = provisioned()
    expired["artifacts"] = expired["artifacts"] | {"credentialsExpireTime": "2026-01-02T03:00:00Z"}
    after = look(good(credentials=failing(Unavailable("StoreFailed", "away"), 1, 1)), expired)
    assert answers(after)["CredentialsFresh"] == ("False", "StoreFailed")


def test_nothing_is_said_of_a_namespace_that_is_gone_and_cannot_be_recreated() -> None:
    gone = failing(Forbidden("Forbidden", "no namespaces"), 5, 2)
    rest = {phase: skipped("namespace") for phase in ("isolation", "access", "prove")}
    before = provisioned()
    assert answers(before)["Isolated"] == ("True", "Proven")
    found = answers(look(good(namespace=gone, **rest), before))
    assert found["NamespaceReady"][0] == found["QuotaApplied"][0] == "False"
    assert found["Isolated"][0] == "Unknown"
    assert found["Ready"][0] == "False"


def test_of_what_nobody_can_keep_nothing_is_said_to_be_well() -> None:
    ended = {"completionTime": "2026-01-02T03:04:05Z"}
    before = provisioned()
    problem = InvalidInput("InvalidSpec", "`purpose`: no")
    status = look({"unkept": of_error(problem)}, before)
    unknown = {name for name, (answer, _) in answers(status).items() if answer == "Unknown"}
    assert unknown >= {*REQUIRED, "Isolated", "DriftDetected", "Succeeded"}
    assert answers(status)["Ready"] == ("False", "InvalidSpec")
    assert answers(status)["Stalled"] == ("True", "InvalidSpec")
    assert status["provisioned"] == before["provisioned"], "that it stood once is not taken back"
    assert "state" not in status, "that it is open is taken back: opening it again is no drift"
    over = look({"unkept": of_error(problem)}, before | {"run": ended, "state": "Sealed"})
    assert answers(over)["Succeeded"] == answers(before)["Succeeded"], "how it ended stays"
    assert over["state"] == "Sealed"


def test_frozen_is_said_only_when_it_was_seen() -> None:
    frozen = experiment(provisioned()) | {"spec": {"lifecycle": {"desired": "Frozen"}}}
    stuck = good(lock_up=failing(Forbidden("Forbidden", "no label"), 0, 1))
    status = compute_status(Seen(frozen, stuck, NOW))
    assert answers(status)["Ready"] == ("False", "Forbidden")
    assert answers(status)["Reconciling"][0] == "True"
    done_with = compute_status(Seen(frozen, good(), NOW))
    assert answers(done_with)["Ready"] == ("False", "Frozen")


@pytest.mark.parametrize(
    ("closing", "ready"),
    [
        (done(), ("True", "Sealed")),
        (waiting("Pending", "a log is to be read"), ("False", "Pending")),
        (failing(Forbidden("Forbidden", "no label"), 5, 2), ("False", "Forbidden")),
    ],
    ids=["it is closed", "closing waits", "closing is refused"],
)
def test_a_seal_is_no_end_while_the_namespace_is_not_closed(
    closing: Outcome, ready: tuple[str, str]
) -> None:
    """More may be written that it does not say: nobody should take it for the end."""
    before = provisioned() | {"state": "Sealed", "seal": {"uri": "s3://b/e/"}}
    after = look(good(lock_up=closing, seal=done(SealFacts(None, 1, 1, ()))), before)
    assert answers(after)["Sealed"][0] == "True"
    assert answers(after)["Ready"] == ready
    assert ("Reconciling" in answers(after)) is (ready[0] == "False")


@pytest.mark.parametrize(
    ("known", "ends"),
    [("", "2026-01-02T04:00:00Z"), ("2026-01-02T05:00:00Z", "2026-01-02T05:00:00Z")],
    ids=["the first one", "after one that lives longer"],
)
def test_a_session_counts_until_its_end_whatever_took_its_place(known: str, ends: str) -> None:
    before = {"artifacts": {"sessionsEndTime": known}} if known else {}
    assert look(good(), before)["artifacts"]["sessionsEndTime"] == ends
    taken = good(credentials=done(CredentialsFacts("s3://b/p/", "primary", None)))
    assert look(taken, look(good(), before))["artifacts"]["sessionsEndTime"] == ends


def test_a_session_that_ends_within_a_second_has_ended_with_the_next() -> None:
    within = CredentialsFacts("s3://b/p/", "primary", LATER + timedelta(milliseconds=1))
    artifacts = look(good(credentials=done(within)))["artifacts"]
    assert artifacts["sessionsEndTime"] == "2026-01-02T04:00:01Z"
    assert artifacts["credentialsExpireTime"] == "2026-01-02T04:00:00Z"


@pytest.mark.parametrize(
    "seal",
    [
        skipped("run"),
        failing(Unavailable("StoreUnreachable", "lost"), 600, 9),
        waiting("NotSealed", "sealed when the run is over"),
    ],
    ids=["not looked at", "failing", "not wanted any more"],
)
def test_what_was_sealed_once_is_never_said_to_be_not_sealed(seal: Outcome) -> None:
    made = SealFacts({"uri": "s3://b/p/"}, 1, 7, ())
    before = look(good(seal=done(made)), provisioned())
    assert answers(before)["Sealed"] == ("True", "Sealed")
    assert answers(look(good(seal=seal), before))["Sealed"] == ("True", "Sealed")


def sealed_says(status: Mapping[str, Any]) -> str:
    (found,) = (each for each in status["conditions"] if each["type"] == "Sealed")
    assert (found["status"], found["reason"]) == ("False", "NotSealed")
    message: str = found["message"]
    return message


def test_before_it_is_provisioned_nobody_is_told_that_results_are_locked() -> None:
    refused = good(bind=of_error(NotReady("PinNotFound", "no pin")), seal=skipped("bind"))
    assert "before it is provisioned" in sealed_says(look(refused, {"digest": ""}))


def test_a_look_that_could_not_see_the_run_says_of_the_seal_what_the_last_one_did() -> None:
    blind = good(run=failing(Unavailable("ApiUnavailable", "lost"), 0, 1), seal=skipped("run"))
    stands = provisioned()
    assert sealed_says(look(blind, stands)) == sealed_says(stands)
    before = look(good(isolation=waiting("Pending", "soon"), seal=skipped("run")))
    assert "before it is provisioned" in sealed_says(before)
    first = look(good(seal=skipped("run")), before)
    assert sealed_says(first) == not_sealed("Open", run=False), "and stays as the next look says it"


def test_a_seal_with_findings_does_not_say_that_all_is_locked() -> None:
    for findings, locked in (((), True), (("1 version has no lock",), False)):
        sealed = look(good(seal=done(SealFacts({"uri": "s3://b/"}, 2, 7, findings))), provisioned())
        (found,) = (each for each in sealed["conditions"] if each["type"] == "Sealed")
        assert ("locked" in found["message"].partition(";")[0]) is locked
        assert "2 object versions with 7 bytes listed" in found["message"]


def test_a_registry_that_cannot_be_opened_is_said_of_the_credentials() -> None:
    missing = of_error(NotReady("PullSecretNotFound", "there is no Secret 'registry'"))
    before = look(good(pull_secret=missing))
    assert "provisioned" not in before
    assert answers(before)["CredentialsFresh"] == ("False", "PullSecretNotFound")
    assert answers(before)["Ready"] == ("False", "PullSecretNotFound")
    after = look(good(pull_secret=missing), provisioned())
    assert answers(after)["Ready"] == ("False", "PullSecretNotFound"), "nothing was copied"


@pytest.mark.parametrize(
    "error",
    [
        NotReady("SecretNotFound", "Secret 'mlflow' does not exist"),
        InvalidInput("SecretChanged", "Secret 'mlflow' was written since"),
    ],
)
def test_a_secret_that_no_stage_can_be_given_is_said_of_the_credentials(
    error: GloveboxError,
) -> None:
    for status in ({}, provisioned()):
        found = answers(look(good(stage_secrets=of_error(error)), status))
        assert found["CredentialsFresh"] == ("False", error.reason)
        assert found["Ready"] == ("False", error.reason)
    both = good(
        stage_secrets=of_error(error), pull_secret=of_error(NotReady("PullSecretNotFound", "no"))
    )
    assert answers(look(both))["CredentialsFresh"][0] == "False"


def test_a_copy_whose_source_is_gone_is_as_good_as_before_and_says_so() -> None:
    kept = done(PullSecretFacts("what opens the registries stays as it is: no Secret"))
    after = look(good(pull_secret=kept), provisioned())
    assert answers(after)["CredentialsFresh"] == ("True", "CredentialsIssued")
    assert answers(after)["Ready"] == ("True", "Provisioned")
    (message,) = (
        each["message"] for each in after["conditions"] if each["type"] == "CredentialsFresh"
    )
    assert "stays as it is: no Secret" in message
    over = failing(Unavailable("ApiUnavailable", "lost"), 1000, 50)
    both = look(good(pull_secret=kept, credentials=over), provisioned())
    assert answers(both)["CredentialsFresh"] == ("Unknown", "ApiUnavailable"), "it hides nothing"
