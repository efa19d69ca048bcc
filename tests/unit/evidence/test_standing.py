"""Which signed documents count that are found in a store: a table of who signed, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glovebox.evidence.envelope import sign, unsigned
from glovebox.evidence.keys import TrustBundle, trusted
from glovebox.evidence.rotation import OVERLAP, with_current
from glovebox.evidence.signer import LocalSigner
from glovebox.evidence.standing import (
    CLOCKS,
    Judge,
    Rule,
    Standing,
    Stored,
    Unread,
    judge_of_seal,
)
from glovebox.evidence.statement import STATEMENT_NAME
from support.forged_seals import forged_seal
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
        (FORMER, MADE, {}, Standing.FORMER),
        (FORMER, ROTATED - SECOND, {}, Standing.FORMER),
        (FORMER, ENDED, {}, Standing.FORMER),
        (FORMER, ENDED + SECOND, {}, Standing.NOT_COUNTED),
        (FORMER, ENDED + timedelta(days=900), {}, Standing.NOT_COUNTED),
        (FORMER, MADE - timedelta(days=1), {}, Standing.NOT_COUNTED),
        (FORMER, None, {}, Standing.NOT_COUNTED),
        (FORMER, RUN_ENDED, {"not_before": RUN_ENDED}, Standing.FORMER),
        (FORMER, RUN_ENDED - CLOCKS, {"not_before": RUN_ENDED}, Standing.FORMER),
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


DIGEST = "sha256:" + "1" * 64  # as `seal_inputs` has it


def forged(sealed: datetime = RUN_ENDED, signer: LocalSigner = FORMER, **about: Any) -> Stored:
    """Return a seal that the store took in when the run had ended."""
    objects = forged_seal(signer, "team/x", "u1", "bucket", sealed, **{"digest": DIGEST} | about)
    (body,) = (each for key, each in objects.items() if key.endswith(STATEMENT_NAME))
    return Stored("v1", body, lambda: RUN_ENDED)


@pytest.mark.parametrize(
    ("stored", "expected", "told"),
    [
        (forged(), Standing.FORMER, ""),
        (forged(RUN_ENDED - CLOCKS), Standing.FORMER, ""),
        (forged(RUN_ENDED - CLOCKS - SECOND), Standing.NOT_COUNTED, "nothing to sign"),
        (forged(ENDED + SECOND), Standing.NOT_COUNTED, "when that key was not valid"),
        (forged(outcome="Failed"), Standing.NOT_COUNTED, "it ended as `Succeeded`"),
        (forged(digest="sha256:" + "2" * 64), Standing.NOT_COUNTED, "was bound"),
        (forged(signer=PRESENT, outcome="Failed"), Standing.COUNTS, ""),
    ],
    ids=[
        "as it is on record",
        "signed before, by no more than clocks differ",
        "signed before the run had ended",
        "signed when its key had ended",
        "another outcome",
        "another snapshot",
        "the present key is held to nothing",
    ],
)
def test_a_seal_by_a_former_key_says_what_is_on_record(
    stored: Stored, expected: Standing, told: str
) -> None:
    rule = Rule(TRUST, not_before=RUN_ENDED, digest=DIGEST, outcome="Succeeded")
    judge = judge_of_seal(rule, "team/x", "u1")
    assert judge(stored) is expected
    assert told in "".join(judge.doubts.values())
    assert bool(judge.doubts) is (expected is Standing.NOT_COUNTED)


def test_a_seal_of_what_has_no_run_says_so() -> None:
    judge = judge_of_seal(Rule(TRUST, outcome=""), "team/x", "u1")
    assert judge(forged()) is Standing.NOT_COUNTED
    assert "it is of no run" in judge.doubts["v1"]
    assert judge(forged(outcome="")) is Standing.FORMER


def test_what_a_former_key_signed_is_told_beside_what_counts() -> None:
    judge = judge_of_seal(Rule(TRUST), "team/x", "u1")
    judge(forged())
    assert judge.doubts_beside("v1") == ()
    (told,) = judge.doubts_beside("v2")
    assert FORMER.key_id in told
    assert told.endswith("and the present key signed another")


NOW = ENDED + timedelta(days=30)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("why", "written", "rule", "expected"),
    [
        ("EncryptedWithOtherKey", None, {}, Standing.FOREIGN),
        ("Archived", NOW, {}, Standing.UNKNOWN),
        ("Archived", None, {"now": NOW}, Standing.UNKNOWN),
        ("Archived", NOW - DAY, {"now": NOW}, Standing.FOREIGN),
        ("Archived", NOW - DAY - SECOND, {"now": NOW}, Standing.UNKNOWN),
        ("Archived", MADE, {"now": NOW, "not_before": RUN_ENDED}, Standing.FOREIGN),
        ("Archived", RUN_ENDED - CLOCKS, {"now": NOW, "not_before": RUN_ENDED}, Standing.UNKNOWN),
        ("Archived", NOW, {"now": NOW, "recorded": "v1"}, Standing.UNKNOWN),
        ("EncryptedWithOtherKey", NOW, {"recorded": "v1"}, Standing.UNKNOWN),
        ("Archived", MADE, {"recorded": "v2"}, Standing.FOREIGN),
        ("Denied", MADE, {"now": NOW, "not_before": RUN_ENDED}, Standing.UNKNOWN),
        ("KeyRefused", NOW, {"now": NOW}, Standing.UNKNOWN),
        ("Denied", NOW, {"now": NOW, "gives_up": True}, Standing.FOREIGN),
        ("KeyRefused", NOW, {"now": NOW, "gives_up": True}, Standing.FOREIGN),
        ("Archived", NOW - DAY - SECOND, {"now": NOW, "gives_up": True}, Standing.FOREIGN),
        ("Denied", NOW, {"recorded": "v1", "gives_up": True}, Standing.UNKNOWN),
        ("Denied", NOW, {"recorded": "v2"}, Standing.FOREIGN),
    ],
    ids=[
        "a key of the writer's own: the operator has none",
        "archived, for who only looks",
        "archived, and the store does not say since when it is there",
        "no rule archives so soon",
        "a rule may have archived it",
        "archived, and written before the operator could",
        "archived, and written when it could",
        "the version on record is archived",
        "the version on record cannot be read",
        "another version is on record",
        "denied: a right may be missing",
        "a key that is switched off may be switched on",
        "denied for long enough",
        "a key that was switched off for long enough",
        "archived for long enough",
        "the version on record is never passed over",
        "another version is on record than the one that is denied",
    ],
)
def test_what_cannot_be_read(
    why: Unread, written: datetime | None, rule: dict[str, Any], expected: Standing
) -> None:
    judge = Judge(replace(Rule(TRUST), **rule))
    assert judge(Stored("v1", b"", lambda: written, why)) is expected
    told = "recorded" not in rule
    assert list(judge.unread) == (["v1"] if told else [])
    assert judge.doubts == {}


def test_who_only_looks_does_not_ask_the_store_since_when_something_is_archived() -> None:
    judge = Judge(Rule(TRUST))
    assert judge(Stored("v1", b"", never_asked, "Archived")) is Standing.UNKNOWN


@pytest.mark.parametrize("gives_up", [False, True])
def test_what_was_waited_for_long_enough_says_so(*, gives_up: bool) -> None:
    judge = Judge(Rule(TRUST, now=NOW, gives_up=gives_up))
    judge(Stored("v1", b"", lambda: NOW, "Denied"))
    said = "version v1 is denied by the store"
    assert judge.unread == {
        "v1": f"{said}, and was waited for without success" if gives_up else said
    }


def test_whatever_a_stranger_lays_in_front_what_may_be_ours_is_named() -> None:
    """A seal that is made instead names it: it counts before that for everybody."""
    judge = Judge(Rule(TrustBundle(()), gives_up=True))
    for number in range(40):
        judge(Stored(f"s{number}", b"", lambda: None, "EncryptedWithOtherKey"))
        judge(Stored(f"k{number}", b"", lambda: None, "KeyRefused"))
    judge(Stored("ours", b"", lambda: None, "Denied"))

    assert judge.maybe_ours == [*(f"k{number}" for number in range(40)), "ours"]
