"""What the check of a store makes of odd answers: of a race of writers, and of the default lock."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glovebox.store.connection import Stop
from glovebox.store.probe_bench import (
    DEFAULT_LOCKED,
    CheckedBucket,
    DisprovenError,
    NotProvableError,
)
from glovebox.store.probe_lock import locked_by_default
from glovebox.store.probe_race import RACED, WRITERS, one_of_many_writers_wins
from simulation.object_store import NoAnswerError, ObjectStoreServer, S3Error
from support.ledger_stores import stand_in

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


class Odd:
    """A store, the check's view of it, and what it answers instead of the right thing."""

    def __init__(self) -> None:
        server, store, self.bucket = stand_in(lambda: NOW)
        self.server: ObjectStoreServer = server
        self.checked = CheckedBucket(store, self.bucket, None, NOW, Stop())

    def answer(self, says: Callable[[int], Exception | None]) -> None:
        """Answer the nth writer of the race so, from 0; None is the right answer."""
        numbers = itertools.count()

        def fault(action: str, _: str, key: str) -> None:
            if action == "s3:PutObject" and key == RACED:
                error = says(next(numbers))
                if error is not None:
                    raise error

        self.server.fault = fault

    def store(self, **changes: Any) -> None:
        """Store what is written otherwise than the bucket's default says."""
        kept: Any = self.server._store

        def otherwise(*args: Any) -> Any:
            made = kept(*args)
            for name, value in changes.items():
                setattr(made, name, value)
            return made

        vars(self.server)["_store"] = otherwise


@pytest.fixture
def odd() -> Odd:
    return Odd()


def but_the_first(error: Exception) -> Callable[[int], Exception | None]:
    return lambda number: error if number else None


def all_of_them(error: Exception) -> Callable[[int], Exception | None]:
    return lambda _: error


def the_last(error: Exception) -> Callable[[int], Exception | None]:
    return lambda number: error if number == WRITERS - 1 else None


@pytest.mark.parametrize(
    "says",
    [lambda _: None, but_the_first(S3Error(409, "ConditionalRequestConflict"))],
    ids=["412, as it is said", "409, as AWS says of writers that come together"],
)
def test_a_race_that_one_writer_wins_is_proof(
    odd: Odd, says: Callable[[int], Exception | None]
) -> None:
    odd.answer(says)
    assert one_of_many_writers_wins(odd.checked) == "of 16 writers of one new key at once one won"


@pytest.mark.parametrize(
    ("says", "why"),
    [
        (the_last(S3Error(400, "InvalidRequest")), "got 400 InvalidRequest instead of 412"),
        (but_the_first(S3Error(403, "AccessDenied")), "got 403 AccessDenied instead of 412"),
        (all_of_them(S3Error(501, "NotImplemented")), "some got no answer"),
        (all_of_them(S3Error(400, "InvalidArgument")), r"got 400 InvalidArgument$"),
        (all_of_them(S3Error(409, "Conflict")), "at once none is left"),
        (the_last(S3Error(503, "SlowDown")), "of 16 writes at once, some got no answer"),
        (the_last(NoAnswerError()), "of 16 writes at once, some got no answer"),
    ],
    ids=[
        "one loser is told something else",
        "all losers are told something else",
        "the header is not known",
        "the header is refused",
        "nobody wins",
        "one is told to slow down",
        "one is told nothing",
    ],
)
def test_a_race_with_another_answer_proves_nothing(
    odd: Odd, says: Callable[[int], Exception | None], why: str
) -> None:
    odd.answer(says)
    with pytest.raises(NotProvableError, match=why):
        one_of_many_writers_wins(odd.checked)


def test_more_than_one_winner_disproves_whatever_the_others_were_told(
    odd: Odd, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = odd.checked.store.s3.put_object

    def forgetful(**options: Any) -> Any:
        options.pop("IfNoneMatch", None)
        return put(**options)

    monkeypatch.setattr(odd.checked.store.s3, "put_object", forgetful)
    odd.answer(lambda number: S3Error(400, "InvalidRequest") if number > 1 else None)
    with pytest.raises(DisprovenError, match="had 2 winners"):
        one_of_many_writers_wins(odd.checked)


def test_what_the_bucket_locks_by_default_is_proof(odd: Odd) -> None:
    assert "is locked: COMPLIANCE for 365 days" in locked_by_default(odd.checked)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"mode": "GOVERNANCE"}, "shows mode GOVERNANCE until"),
        ({"mode": "", "until": None}, "shows mode None until None"),
        ({"until": NOW - timedelta(seconds=1)}, "shows mode COMPLIANCE until"),
    ],
    ids=["in the weaker mode", "not at all", "with an end that is past"],
)
def test_a_default_that_locks_otherwise_than_it_says_is_disproven(
    odd: Odd, changes: dict[str, Any], why: str
) -> None:
    odd.store(**changes)
    with pytest.raises(DisprovenError, match=f"{why}.*default is COMPLIANCE for 365 days"):
        locked_by_default(odd.checked)


def test_a_weaker_lock_of_an_earlier_check_is_found_as_well(odd: Odd) -> None:
    assert locked_by_default(odd.checked)
    (kept,) = odd.server.buckets[odd.bucket].keys[DEFAULT_LOCKED]
    kept.mode = "GOVERNANCE"
    with pytest.raises(DisprovenError, match="shows mode GOVERNANCE"):
        locked_by_default(odd.checked)
