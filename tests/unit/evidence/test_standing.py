"""Which signed documents count that are found in a store: a table of who signed, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from glovebox.evidence.envelope import sign, unsigned
from glovebox.evidence.keys import TrustBundle, trusted
from glovebox.evidence.rotation import OVERLAP, with_current
from glovebox.evidence.signer import LocalSigner
from glovebox.evidence.standing import CLOCKS, Judge, Rule, Standing, Stored
from support.ledger_logs import pem_of

MADE = datetime(2026, 11, 1, 12, tzinfo=UTC)
ROTATED = MADE + timedelta(days=10)
ENDED = ROTATED + OVERLAP
FORMER, PRESENT, STRANGER = (LocalSigner.of(pem_of(number)) for number in (1, 2, 3))
TRUST = with_current(
    with_current(TrustBundle(()), trusted(FORMER.public), MADE), trusted(PRESENT.public), ROTATED
)
SECOND = timedelta(seconds=1)
RUN_ENDED = ROTATED + timedelta(minutes=30)
TYPE = "application/vnd.in-toto+json"


def by(signer: LocalSigner, written: datetime | None, version: str = "v1") -> Stored:
    return Stored(version, sign(b"{}", signer), lambda: written)


def never_asked() -> datetime | None:
    raise AssertionError("of a key that signs now the store is not asked")


@pytest.mark.parametrize(
    ("signer", "written", "rule", "expected"),
    [
        (FORMER, MADE, {}, Standing.COUNTS),
        (FORMER, ROTATED - SECOND, {}, Standing.COUNTS),
        (FORMER, ENDED, {}, Standing.COUNTS),
        (FORMER, ENDED + SECOND, {}, Standing.NOT_COUNTED),
        (FORMER, ENDED + timedelta(days=900), {}, Standing.NOT_COUNTED),
        (FORMER, MADE - timedelta(days=1), {}, Standing.NOT_COUNTED),
        (FORMER, None, {}, Standing.NOT_COUNTED),
        (FORMER, RUN_ENDED, {"not_before": RUN_ENDED}, Standing.COUNTS),
        (FORMER, RUN_ENDED - CLOCKS, {"not_before": RUN_ENDED}, Standing.COUNTS),
        (FORMER, RUN_ENDED - CLOCKS - SECOND, {"not_before": RUN_ENDED}, Standing.NOT_COUNTED),
        (FORMER, MADE, {"with_former": False}, Standing.NOT_COUNTED),
        (FORMER, None, {"recorded": "v1"}, Standing.COUNTS),
        (FORMER, MADE, {"recorded": "v2"}, Standing.NOT_COUNTED),
        (PRESENT, MADE - timedelta(days=1), {"not_before": ENDED}, Standing.COUNTS),
        (PRESENT, ENDED, {"with_former": False}, Standing.COUNTS),
        (STRANGER, ROTATED, {}, Standing.FOREIGN),
        (STRANGER, ROTATED, {"recorded": "v1"}, Standing.FOREIGN),
    ],
    ids=[
        "in its time",
        "a moment before it was replaced, by a process that died then",
        "with the last moment of the overlap",
        "a moment after that",
        "years after",
        "before it was made",
        "the store does not say when",
        "when the run had ended",
        "before that, by no more than clocks differ",
        "before the run had ended",
        "of a run that is being followed",
        "the status has that version",
        "the status has another version",
        "the key that signs now is bounded by nothing",
        "nor where former ones do not count",
        "a key that nobody published",
        "even where the status has that version",
    ],
)
def test_what_a_document_is_worth(
    signer: LocalSigner, written: datetime | None, rule: dict[str, object], expected: Standing
) -> None:
    judge = Judge(replace(Rule(TRUST), **rule))  # type: ignore[arg-type]  # a row of the table
    assert judge(by(signer, written)) is expected
    told = expected is Standing.NOT_COUNTED and "recorded" not in rule
    assert list(judge.doubts) == (["v1"] if told else [])


def test_of_a_key_that_signs_now_the_store_is_asked_nothing() -> None:
    stored = Stored("v1", sign(b"{}", PRESENT), never_asked)
    assert Judge(Rule(TRUST))(stored) is Standing.COUNTS


@pytest.mark.parametrize(
    "made",
    [
        lambda: b"{",
        lambda: unsigned(b"{}", TYPE),
        lambda: sign(b"{}", PRESENT, "application/vnd.glovebox.run+json"),
    ],
    ids=["no envelope", "nobody signed it", "of another type"],
)
def test_what_is_no_document_of_that_kind_is_foreign(made: Callable[[], bytes]) -> None:
    assert Judge(Rule(TRUST))(Stored("v1", made(), never_asked)) is Standing.FOREIGN


def test_what_is_about_something_else_is_foreign_and_no_doubt() -> None:
    judge = Judge(Rule(TRUST), lambda _: False)
    assert judge(by(FORMER, ENDED + SECOND)) is Standing.FOREIGN
    assert judge.doubts == {}


def test_a_doubt_names_version_key_end_and_when_the_store_took_it_in() -> None:
    judge = Judge(Rule(TRUST))
    judge(by(FORMER, ENDED + SECOND, "v7"))
    assert judge.doubts["v7"] == (
        f"version v7 is signed with the key {FORMER.key_id}, which ended on"
        " 2026-11-11T13:00:00+00:00, and the store has it since 2026-11-11T13:00:01+00:00, when"
        " that key was not valid"
    )


def test_what_two_keys_signed_counts_by_the_one_that_is_valid() -> None:
    former, present = (sign(b"{}", each) for each in (FORMER, PRESENT))
    both = present.replace(b'"signatures":[', b'"signatures":[' + former.split(b"[")[1][:-2] + b",")
    assert both.count(b'"sig"') == 2
    assert Judge(Rule(TRUST))(Stored("v1", both, never_asked)) is Standing.COUNTS
