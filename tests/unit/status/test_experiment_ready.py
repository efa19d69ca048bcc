"""Ready of an Experiment: each way to it, and what it says beside it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.api.experiment_status import RunStatus
from glovebox.errors import Forbidden, GloveboxError, InvalidInput, NotReady, Unavailable
from glovebox.status.builder import StatusBuilder
from glovebox.status.experiment_facts import NamespaceFacts, RunFacts
from glovebox.status.experiment_ready import REQUIRED, mark_ready
from glovebox.status.experiment_seen import BUILDING, Seen
from glovebox.status.ledger import HeldBack
from glovebox.status.outcome import Grace, Outcome, done, of_error, waiting

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TIME = "2026-01-02T03:04:05Z"
DIGEST = "sha256:" + "1" * 64
TYPES = ("Ready", *REQUIRED, "Sealed", "Succeeded", "InputsDelivered")
SEALED = {"state": "Sealed"}
FROZEN = {"state": "Frozen"}
OPEN: dict[str, Any] = {}
LATCH = {"provisioned": {"time": TIME, "namespaceUid": "uid-1", "digest": DIGEST}}
AWAY = Unavailable("APIUnavailable", "no answer")
DENIED = Forbidden("Forbidden", "it may not")

Said = tuple[str, str, tuple[str, str] | None]


def lasting(error: GloveboxError) -> Outcome:
    """Return a failure that has lasted."""
    return of_error(error).with_failure(600.0, 9)


def passing(error: GloveboxError, *, differs: bool = False) -> Outcome:
    """Return a failure that may pass."""
    return of_error(error).with_failure(1.0, 1, differs=differs)


def run_of(outcome: str) -> Outcome:
    run = {"outcome": outcome, "reason": f"Run{outcome}", "message": "it ended"}
    return done(RunFacts(requested=True, run=RunStatus.model_validate(run)))


def broken(action: str) -> dict[str, Any]:
    entry = {
        "name": "train",
        "pinRef": "pins/train",
        "pinDigest": DIGEST,
        "action": action,
        "reason": "ObjectsMissing",
        "message": "1 object is gone",
        "foundTime": TIME,
    }
    return {"brokenInputs": [entry]}


def said(
    status: Mapping[str, Any],
    outcomes: Mapping[str, Outcome] | None = None,
    *,
    marks: Mapping[str, tuple[Any, str]] | None = None,
    spec: Mapping[str, Any] | None = None,
    held: HeldBack | None = None,
    latched: bool = True,
) -> tuple[Said, str]:
    """Return Ready, what stands beside it, and the message of Ready."""
    previous = {"digest": DIGEST, **(LATCH if latched else {}), **status}
    found = {phase: done() for phase in BUILDING}
    found["namespace"] = done(NamespaceFacts("uid-1", latched=latched, established=True))
    builder = StatusBuilder(previous, 1, TYPES, NOW)
    for condition in (*REQUIRED, "InputsDelivered"):
        builder.mark_true(condition, "Fine")
    for condition, (answer, reason) in (marks or {}).items():
        builder.mark(condition, answer, reason, f"{condition} lacks")
    obj = {"metadata": {"generation": 1}, "spec": dict(spec or {}), "status": previous}
    seen = Seen(obj, {**found, **(outcomes or {})}, NOW, grace=Grace(300.0, 3))
    mark_ready(builder, seen, held or HeldBack())
    beside = [
        (name, builder.current(name)[1])
        for name in ("Reconciling", "Stalled")
        if builder.is_marked(name)
    ]
    assert len(beside) <= 1, "never both"
    answer, reason, message = builder.current("Ready")
    return (answer, reason, beside[0] if beside else None), message


READY: Said = ("True", "Provisioned", None)
DONE: dict[str, tuple[Any, str]] = {"Sealed": ("True", "Sealed")}
FREEZES = {**FROZEN, **broken("Freeze")}
# What the status says before, what phases reported and conditions say, and what is said of Ready.
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], Said]] = {
    "all stands": (OPEN, {}, READY),
    "sealed": (SEALED, {"marks": DONE}, ("True", "Sealed", None)),
    "sealed, and the run failed": (
        SEALED,
        {"marks": DONE, "outcomes": {"run": run_of("Failed")}},
        ("False", "RunFailed", ("Stalled", "RunFailed")),
    ),
    "sealed, and the run succeeded": (
        SEALED,
        {"marks": DONE, "outcomes": {"run": run_of("Succeeded")}},
        ("True", "Sealed", None),
    ),
    "the run failed, which the ledger does not tell of yet": (
        SEALED,
        {
            "marks": DONE,
            "outcomes": {"run": run_of("Failed")},
            "held": HeldBack(frozenset({"Succeeded"}), "LedgerPending", "wait"),
        },
        ("True", "Sealed", None),
    ),
    "the run failed, and something else is held back": (
        SEALED,
        {
            "marks": DONE,
            "outcomes": {"run": run_of("Failed")},
            "held": HeldBack(frozenset({"Sealed"}), "LedgerPending", "wait"),
        },
        ("False", "RunFailed", ("Stalled", "RunFailed")),
    ),
    "the run failed, and nothing is sealed yet": (
        OPEN,
        {"outcomes": {"run": run_of("Failed")}},
        READY,
    ),
    "ended for a broken input": (
        {**SEALED, **broken("Fail")},
        {"marks": DONE},
        ("False", "InputBroken", ("Stalled", "InputBroken")),
    ),
    "sealed while an input was broken": (
        {**SEALED, **broken("Freeze")},
        {"marks": DONE},
        ("True", "Sealed", None),
    ),
    "refused": (
        OPEN,
        {"outcomes": {"gate": of_error(InvalidInput("ImageNotPinned", "pin it"))}},
        ("False", "ImageNotPinned", ("Stalled", "ImageNotPinned")),
    ),
    "not in place yet": (
        OPEN,
        {"latched": False, "outcomes": {"isolation": of_error(NotReady("NotYet", "soon"))}},
        ("False", "NotYet", ("Reconciling", "NotYet")),
    ),
    "not in place yet, for no reason": (
        OPEN,
        {"latched": False, "outcomes": {"isolation": waiting("", "soon")}},
        ("False", "Provisioning", ("Reconciling", "Provisioning")),
    ),
    "in place for the first time": (OPEN, {"latched": False}, READY),
    "a failure that may pass": (OPEN, {"outcomes": {"isolation": passing(AWAY)}}, READY),
    "a failure that lasts": (
        OPEN,
        {"outcomes": {"isolation": lasting(AWAY)}},
        ("True", "Provisioned", ("Reconciling", "APIUnavailable")),
    ),
    "a failure that is an answer": (
        OPEN,
        {"outcomes": {"isolation": of_error(DENIED)}},
        ("True", "Provisioned", ("Reconciling", "Forbidden")),
    ),
    "what the run needs is not taken": (
        OPEN,
        {"outcomes": {"deliver": of_error(DENIED)}},
        ("False", "Forbidden", ("Reconciling", "Forbidden")),
    ),
    "the run is not taken": (
        OPEN,
        {"outcomes": {"run": of_error(DENIED)}},
        ("False", "Forbidden", ("Reconciling", "Forbidden")),
    ),
    "the run was not answered": (
        OPEN,
        {"outcomes": {"run": lasting(AWAY)}},
        ("True", "Provisioned", ("Reconciling", "APIUnavailable")),
    ),
    "being frozen": (
        FROZEN,
        {
            "spec": {"lifecycle": {"desired": "Frozen"}},
            "outcomes": {"lock_up": waiting("Closing", "x")},
        },
        ("False", "Closing", ("Reconciling", "Closing")),
    ),
    "being frozen, for no reason": (
        FROZEN,
        {"spec": {"lifecycle": {"desired": "Frozen"}}, "outcomes": {"lock_up": waiting("", "x")}},
        ("False", "Provisioning", ("Reconciling", "Provisioning")),
    ),
    "being frozen, which fails for a moment": (
        FROZEN,
        {
            "spec": {"lifecycle": {"desired": "Frozen"}},
            "outcomes": {"lock_up": passing(AWAY)},
        },
        ("False", "APIUnavailable", ("Reconciling", "APIUnavailable")),
    ),
    "what is open waits for nothing that closes": (
        OPEN,
        {"outcomes": {"lock_up": waiting("Closing", "x")}},
        READY,
    ),
    "frozen": (
        FROZEN,
        {"spec": {"lifecycle": {"desired": "Frozen"}}},
        ("False", "Frozen", None),
    ),
    "frozen for a broken input": (FREEZES, {}, ("False", "InputBroken", None)),
    "to be sealed": (SEALED, {}, READY),
    "open, although it says sealed": (OPEN, {"marks": DONE}, READY),
    "it cannot be closed, which may pass": (
        SEALED,
        {"marks": DONE, "outcomes": {"lock_up": passing(AWAY)}},
        ("Unknown", "NotLooked", None),
    ),
    "it cannot be closed, which may pass, and something lacks": (
        SEALED,
        {
            "marks": {**DONE, "QuotaApplied": ("False", "Drift")},
            "outcomes": {"lock_up": passing(AWAY)},
        },
        ("False", "Drift", None),
    ),
    "it cannot be closed": (
        SEALED,
        {"marks": DONE, "outcomes": {"lock_up": lasting(AWAY)}},
        ("False", "APIUnavailable", ("Reconciling", "APIUnavailable")),
    ),
    "it cannot be closed, and is not sealed": (
        SEALED,
        {"outcomes": {"lock_up": lasting(AWAY)}},
        ("False", "APIUnavailable", ("Reconciling", "APIUnavailable")),
    ),
    "closing waits, and it is sealed": (
        SEALED,
        {"marks": DONE, "outcomes": {"lock_up": waiting("Closing", "x")}},
        ("False", "Closing", ("Reconciling", "Closing")),
    ),
    "closing waits, and it is not sealed": (
        SEALED,
        {"outcomes": {"lock_up": waiting("Closing", "x")}},
        READY,
    ),
    "something lacks": (
        OPEN,
        {"marks": {"QuotaApplied": ("False", "Drift")}},
        ("False", "Drift", None),
    ),
    "something is not known": (
        OPEN,
        {"marks": {"CredentialsFresh": ("Unknown", "StoreUnreachable")}},
        ("Unknown", "StoreUnreachable", None),
    ),
    "something lacks with which the platform lives": (
        OPEN,
        {"marks": {"QuotaApplied": ("False", "DriftIgnored")}},
        READY,
    ),
    "inputs are not there for people": (
        OPEN,
        {
            "spec": {"inputs": {"datasets": [{"name": "train"}]}},
            "marks": {"InputsDelivered": ("False", "Delivering")},
        },
        ("False", "Delivering", None),
    ),
    "inputs are not there for a run": (
        OPEN,
        {
            "spec": {"inputs": {"datasets": [{"name": "train"}]}, "stages": [{"name": "fit"}]},
            "marks": {"InputsDelivered": ("False", "Delivering")},
        },
        READY,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_ready_says_what_stands_and_what_goes_on_or_needs_a_person(name: str) -> None:
    status, about, expected = CASES[name]
    assert said(status, **about)[0] == expected


@pytest.mark.parametrize("required", REQUIRED)
def test_each_required_condition_is_required(required: str) -> None:
    ready, message = said(OPEN, marks={required: ("False", "Lacks")})
    assert (ready, message) == (("False", "Lacks", None), f"{required} lacks")


@pytest.mark.parametrize(
    ("status", "about", "words"),
    [
        (FREEZES, {}, "frozen by `spec.data.onBrokenInput` of the bound profile"),
        (
            FROZEN,
            {"spec": {"lifecycle": {"desired": "Frozen"}}},
            "frozen on request: no pod may start",
        ),
        ({**SEALED, **broken("Fail")}, {}, "the experiment was ended: input `train`"),
        (SEALED, {"outcomes": {"lock_up": lasting(AWAY)}}, "the namespace cannot be closed: no"),
        (
            FREEZES,
            {"outcomes": {"lock_up": waiting("Closing", "1 pod is left")}},
            "is being frozen: 1 pod is left",
        ),
    ],
    ids=["frozen for an input", "frozen", "ended", "not closed", "closing"],
)
def test_why_it_is_not_ready_is_said_in_words(
    status: dict[str, Any], about: dict[str, Any], words: str
) -> None:
    assert said(status, **about)[1].startswith(words)
