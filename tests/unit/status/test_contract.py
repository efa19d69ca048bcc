"""ContractMet, and what it makes of Ready."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.api.contract_status import MAX_VIOLATIONS, ContractStatus
from glovebox.data.contract_found import ContractFound, Violation
from glovebox.errors import GloveboxError, InvalidInput, NotReady, Unavailable
from glovebox.status.contract import (
    ContractFacts,
    message_of,
    recorded_contract,
    with_contract,
)
from glovebox.status.dataset_pin import READY

Json = dict[str, Any]
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
BEFORE = "2026-11-27T11:00:00Z"
DIGEST = "sha256:" + "a" * 64


def recorded(*violations: Violation, number: int | None = None) -> ContractStatus:
    found = ContractFound(
        rules=3,
        files=2,
        footers=1,
        rows=10,
        bytes_read=7,
        violations=len(violations) if number is None else number,
        by_rule={each.rule: 1 for each in violations},
        first=violations,
        columns=(),
    )
    return recorded_contract(found, DIGEST, DIGEST, {}, NOW)


MET = ContractFacts(recorded=recorded())
BROKEN = ContractFacts(recorded=recorded(Violation("Type", "a.csv", "day", 2, "row 1 is no Date")))


def status(answer: str, reason: str, **more: Any) -> Json:
    def entry(name: str, answer: str, reason: str) -> Json:
        return {
            "type": name,
            "status": answer,
            "reason": reason,
            "message": "",
            "observedGeneration": 1,
            "lastTransitionTime": BEFORE,
        }

    passing = [entry(name, "True", reason) for name in more.pop("passing", ())]
    return {"conditions": [entry("Ready", answer, reason), *passing], **more}


def said(found: Json | None) -> dict[str, tuple[str, str]]:
    assert found is not None
    return {each["type"]: (each["status"], each["reason"]) for each in found["conditions"]}


def pin(before: Json) -> Json:
    return {"metadata": {"generation": 1}, "status": before}


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        pytest.param(
            MET,
            {"Ready": ("True", READY[0]), "ContractMet": ("True", reasons.CONTRACT_MET)},
            id="met",
        ),
        pytest.param(
            BROKEN,
            {
                "Ready": ("False", reasons.CONTRACT_VIOLATED),
                "ContractMet": ("False", reasons.CONTRACT_VIOLATED),
                "Stalled": ("True", reasons.CONTRACT_VIOLATED),
            },
            id="violated: it never changes",
        ),
        pytest.param(
            ContractFacts(),
            {
                "Ready": ("False", reasons.CHECKING_CONTRACT),
                "ContractMet": ("Unknown", reasons.CHECKING_CONTRACT),
                "Reconciling": ("True", reasons.CHECKING_CONTRACT),
            },
            id="being checked",
        ),
        *(
            pytest.param(
                ContractFacts(error=error),
                {
                    "Ready": ("False", reasons.CONTRACT_NOT_CHECKED),
                    "ContractMet": ("Unknown", reasons.CONTRACT_NOT_CHECKED),
                    passing: ("True", reasons.CONTRACT_NOT_CHECKED),
                },
                id=f"{type(error).__name__} is no violation",
            )
            for error, passing in (
                (Unavailable("StoreUnreachable", "no answer"), "Reconciling"),
                (NotReady("PinNotReady", "not yet"), "Reconciling"),
                (InvalidInput("TooManyObjects", "too many"), "Stalled"),
            )
        ),
    ],
)
@pytest.mark.parametrize(
    ("answer", "reason", "passing"),
    [
        ("True", READY[0], ()),
        ("False", reasons.CHECKING_CONTRACT, ("Reconciling",)),
        ("False", reasons.CONTRACT_NOT_CHECKED, ("Stalled",)),
        ("False", reasons.CONTRACT_VIOLATED, ("Stalled",)),
    ],
)
def test_where_nothing_else_is_wrong_the_contract_decides(
    facts: ContractFacts,
    wanted: dict[str, tuple[str, str]],
    answer: str,
    reason: str,
    passing: tuple[str, ...],
) -> None:
    before = status(answer, reason, passing=passing)
    found = with_contract(pin(before), None, facts, NOW)
    assert said(found) == wanted
    assert found == with_contract(pin(found or {}), None, facts, NOW), "it is said once"


@pytest.mark.parametrize(
    ("answer", "reason", "passing"),
    [
        ("False", reasons.NOT_GRANTED, ("Stalled",)),
        ("False", reasons.VERIFYING, ("Reconciling",)),
        ("Unknown", reasons.CHECKS_FAILING, ("Reconciling",)),
    ],
)
@pytest.mark.parametrize("facts", [MET, BROKEN, ContractFacts()], ids=["met", "broken", "checking"])
def test_what_else_keeps_a_pin_from_being_ready_comes_first(
    facts: ContractFacts, answer: str, reason: str, passing: tuple[str, ...]
) -> None:
    found = said(with_contract(pin(status(answer, reason, passing=passing)), None, facts, NOW))
    assert found["Ready"] == (answer, reason)
    assert found[passing[0]] == ("True", reason)
    assert "ContractMet" in found


def test_a_pin_that_was_not_looked_at_says_nothing() -> None:
    assert with_contract(pin({}), None, MET, NOW) is None


def test_progress_is_that_of_the_check_and_goes_with_it() -> None:
    progress = {"phase": "CheckingContract", "objects": 1}
    before = status("False", reasons.CHECKING_CONTRACT)
    found = with_contract(pin(before), None, ContractFacts(progress=progress), NOW)
    assert (found or {})["progress"] == progress
    ended = with_contract(pin(found or {}), None, MET, NOW)
    assert "progress" not in (ended or {})
    other = {"phase": "Verifying", "objects": 1}
    kept = with_contract(pin({**before, "progress": other}), None, MET, NOW)
    assert (kept or {})["progress"] == other


def test_a_long_list_is_cut_and_counted() -> None:
    many = [Violation("Type", "f" * 3000, "c" * 3000, 1, "m" * 3000)] * MAX_VIOLATIONS
    long = recorded(*many, number=1000)
    assert (len(long.first), long.violations) == (MAX_VIOLATIONS, 1000)
    assert "and 997 more" in message_of(long)
    few = recorded(Violation("RowCount", "", "", 3, "there are 3 rows, fewer than 5"))
    assert message_of(few) == (
        "the dataset: there are 3 rows, fewer than 5 (RowCount, 3): see `status.contract`"
    )


def test_an_error_is_quoted() -> None:
    error: GloveboxError = Unavailable("StoreUnreachable", "the store does not answer")
    found = with_contract(pin(status("True", READY[0])), None, ContractFacts(error=error), NOW)
    (met,) = (each for each in (found or {})["conditions"] if each["type"] == "ContractMet")
    assert met["message"] == "the contract is not checked: the store does not answer"
