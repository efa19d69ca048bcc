"""Reconciling and Stalled are never there together, and what is Stalled is not Ready.

What stands may be Ready while something of it is failing for long: then Reconciling is beside it.

kstatus believes whichever of the two it reads first: the same object would be failed or in progress
by the order of a list.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from glovebox.api import conditions as types
from glovebox.api.experiment_status import RunStatus
from glovebox.errors import Conflict, Forbidden, InvalidInput, NotReady, Refused, Unavailable
from glovebox.status.builder import StatusBuilder
from glovebox.status.experiment import compute_status
from glovebox.status.experiment_facts import CredentialsFacts, NamespaceFacts, RunFacts
from glovebox.status.experiment_ready import REQUIRED
from glovebox.status.experiment_seen import BUILDING, Seen
from glovebox.status.in_use import compute_held_status
from glovebox.status.outcome import Grace, Outcome, done, of_error, skipped, waiting
from glovebox.status.summary import summarise

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PHASES = (*BUILDING, "prove", "deliver", "run", "seal")
FACTS: Mapping[str, Any] = {
    "namespace": NamespaceFacts("uid-1", latched=True, established=True),
    "credentials": CredentialsFacts("s3://b/p/", "primary", NOW),
    "run": RunFacts(requested=False),
}
METADATA = {"generation": 2, "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"}
SEAL = {"objects": 1, "sealedTime": "2026-01-01T00:00:00Z"}
FAILED_RUN: dict[str, Any] = {
    "jobUid": "1",
    "outcome": "Failed",
    "reason": "ContainerFailed",
    "completionTime": "2026-01-01T00:00:00Z",
}
ERRORS = (
    Unavailable("ApiUnavailable", "lost"),
    Forbidden("Forbidden", "no"),
    InvalidInput("InvalidSpec", "no"),
    Conflict("Conflict", "changed"),
    NotReady("PinNotReady", "not yet"),
    Refused("NameTaken", "no"),
)
FAILURES = st.builds(
    lambda error, seconds, attempts: of_error(error).with_failure(seconds, attempts),
    st.sampled_from(ERRORS),
    st.sampled_from([0.0, 1000.0]),
    st.sampled_from([1, 50]),
)
OTHERS = st.one_of(
    FAILURES, st.builds(waiting, st.just("Pending"), st.just("soon")), st.just(skipped("claim"))
)
# Most of a look goes well: else nearly every example would end at its first phase.
LOOKS = st.builds(
    lambda bad, run: {phase: done(FACTS.get(phase)) for phase in PHASES} | {"run": done(run)} | bad,
    st.dictionaries(st.sampled_from(PHASES), OTHERS, max_size=3),
    st.sampled_from(
        [RunFacts(requested=False), RunFacts(requested=True, run=RunStatus(**FAILED_RUN))]
    ),
)
RETIRING: st.SearchStrategy[dict[str, Outcome]] = st.dictionaries(
    st.just("retire"), OTHERS, max_size=1
)
DESIRED = st.sampled_from(["Active", "Frozen", "Sealed"])


def expect_one_answer(status: Mapping[str, Any]) -> None:
    true = {entry["type"] for entry in status["conditions"] if entry["status"] == "True"}
    assert not {types.RECONCILING, types.STALLED} <= true, status["conditions"]
    assert not {types.READY, types.STALLED} <= true, status["conditions"]


def standing(*answers: str) -> dict[str, Any]:
    """Return the status of an Experiment of which these conditions are True."""
    digest, time = "sha256:" + "1" * 64, "2026-01-01T00:00:00Z"
    entries = [
        {"type": each, "status": "True", "reason": "Said", "lastTransitionTime": time}
        for each in answers
    ]
    latch = {"namespaceUid": "uid-1", "digest": digest}
    return {
        "digest": digest,
        "namespace": "gbx-x",
        "namespaceUid": "uid-1",
        "conditions": entries,
        "provisioned": latch,
    }


ALL = (types.READY, *REQUIRED)
BEFORE = st.sampled_from(
    [
        {"digest": "sha256:" + "1" * 64, "namespace": "gbx-x"},
        standing(*ALL),
        standing(*ALL, types.SEALED) | {"state": "Sealed", "seal": SEAL},
        standing(*ALL, types.SEALED) | {"state": "Sealed", "run": FAILED_RUN},
    ]
)


def test_these_looks_come_to_ready_and_to_reconciling_beside_it() -> None:
    """Else what is said of Ready would hold of nothing."""
    lasting = of_error(Unavailable("ApiUnavailable", "lost")).with_failure(1000.0, 50)
    for outcome, expected in ((done(), {types.READY}), (lasting, {types.READY, types.RECONCILING})):
        looked = {phase: done(FACTS.get(phase)) for phase in PHASES} | {"prove": outcome}
        obj = {"metadata": {"generation": 2}, "spec": {}, "status": standing(*ALL)}
        status = compute_status(Seen(obj, looked, NOW, grace=Grace(60.0, 5)))
        true = {entry["type"] for entry in status["conditions"] if entry["status"] == "True"}
        assert true & {types.READY, types.RECONCILING, types.STALLED} == expected


@given(
    before=BEFORE,
    looks=st.lists(LOOKS, min_size=1, max_size=3),
    last=RETIRING,
    desired=DESIRED,
    suspended=st.booleans(),
    ledger=st.booleans(),
)
def test_of_an_experiment(
    before: dict[str, Any],
    looks: list[dict[str, Outcome]],
    last: dict[str, Outcome],
    desired: str,
    *,
    suspended: bool,
    ledger: bool,
) -> None:
    status = before
    looks[-1] |= last
    for outcomes in looks:
        spec = {"lifecycle": {"desired": desired}}
        obj = {"metadata": METADATA, "spec": spec, "status": status}
        status = compute_status(Seen(obj, outcomes, NOW, suspended, Grace(60.0, 5), ledger))
        expect_one_answer(status)


@given(
    outcomes=st.lists(st.one_of(OTHERS, st.just(done())), min_size=1, max_size=3),
    answers=st.lists(st.sampled_from(["True", "False", "Unknown"]), min_size=3, max_size=3),
)
def test_of_what_is_one_outcome_and_of_what_is_held(
    outcomes: list[Outcome], answers: list[Any]
) -> None:
    status: dict[str, Any] = {}
    for outcome, answer in zip(outcomes, answers, strict=False):
        builder = StatusBuilder(status, 2, (types.READY, types.VERIFIED), NOW)
        builder.mark(types.VERIFIED, answer, "Said", "so")
        summarise(builder, outcome, (types.VERIFIED,), ("Ready", "all is well"))
        status = builder.render()
        expect_one_answer(status)
        obj = {"metadata": {"generation": 2}, "status": status}
        for found in (status, None):
            expect_one_answer(compute_held_status(obj, found, "used by 1", NOW))
