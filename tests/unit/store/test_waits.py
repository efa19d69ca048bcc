"""Waits for what cannot be read have an end, and are bounded in what they ask meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from glovebox.errors import Forbidden, GloveboxError, InvalidInput, NotReady, Unavailable
from glovebox.store.connection import Stop, Store
from glovebox.store.waits import KEYS_PREFIX, NO_WAIT, Waits, gives_keys, paced
from simulation.object_store import ObjectStoreServer, S3Error
from support.ledger_stores import stand_in

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WAITS = Waits(NOW + MINUTE, NOW + 90 * MINUTE)


@pytest.mark.parametrize(
    ("now", "left", "over"),
    [
        (NOW, WAITS, False),
        (NOW + MINUTE, Waits(None, WAITS.none), True),
        (NOW + 90 * MINUTE, NO_WAIT, True),
    ],
    ids=["both", "one is over", "both are over"],
)
def test_a_wait_ends_when_its_time_has_come(now: datetime, left: Waits, *, over: bool) -> None:
    assert WAITS.at(now) == left
    assert WAITS.at(now).are_over == over


def caused(cause: GloveboxError | None) -> GloveboxError:
    error = NotReady("ArtifactUnread", "a version cannot be read")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("now", "seconds"),
    [
        (NOW, 60.0),
        (NOW + MINUTE, 900.0),
        (NOW + 80 * MINUTE, 600.0),
        (NOW + 90 * MINUTE, 0.0),
    ],
    ids=["until the first end", "the longest rest", "until the last end", "it was over before"],
)
def test_what_is_denied_is_asked_for_when_its_wait_is_over_and_now_and_then_before(
    now: datetime, seconds: float
) -> None:
    for cause in (None, Forbidden("StoreForbidden", "denied")):
        error = caused(cause)
        rested = paced(error, WAITS, now)
        assert isinstance(rested, NotReady)
        assert rested.retry_seconds == seconds
        assert (rested.reason, rested.message) == (error.reason, error.message)


@pytest.mark.parametrize(
    "error",
    [caused(Unavailable("StoreBusy", "busy")), InvalidInput("Broken", "something else")],
    ids=["the store did not answer", "another error"],
)
def test_any_other_error_rests_as_it_always_does(error: GloveboxError) -> None:
    assert paced(error, WAITS, NOW) is error


# -- whether the store gives anything of the operator's own


def store_with(*, denied: int, given: int) -> tuple[ObjectStoreServer, Store, str]:
    """Return a store with so many keys of which reads are denied, and so many behind them."""
    server, store, bucket = stand_in(lambda: NOW)
    for number in range(denied + given):
        store.s3.put_object(Bucket=bucket, Key=f"{KEYS_PREFIX}{number:03}", Body=b"x")

    def fault(action: str, bucket: str, key: str) -> None:
        del bucket
        if action.startswith("s3:GetObject") and key.removeprefix(KEYS_PREFIX) < f"{denied:03}":
            raise S3Error(403, "AccessDenied")

    server.fault = fault
    return server, store, bucket


@pytest.mark.parametrize(
    ("denied", "given", "gives"),
    [(0, 1, True), (63, 1, True), (64, 1, False), (3, 0, False), (0, 0, False)],
    ids=["one", "behind 63 others", "behind 64 others", "none that is given", "none at all"],
)
def test_some_of_the_operator_s_own_objects_are_tried_and_no_endless_number(
    denied: int, given: int, *, gives: bool
) -> None:
    _, store, bucket = store_with(denied=denied, given=given)
    assert gives_keys(store, bucket, Stop()) == gives


def test_a_delete_marker_is_nothing_that_could_be_given_and_not_asked_for() -> None:
    server, store, bucket = stand_in(lambda: NOW)
    store.s3.delete_object(Bucket=bucket, Key=f"{KEYS_PREFIX}000")
    asked: list[str] = []
    server.fault = lambda action, *_: asked.append(action)
    assert not gives_keys(store, bucket, Stop())
    assert not [action for action in asked if action.startswith("s3:GetObject")]
    assert asked, "it was listed"
