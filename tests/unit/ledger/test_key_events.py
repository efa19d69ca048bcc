"""What the ledger has to tell of keys follows from their list and the recorded condition alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glovebox.evidence.keys import TrustBundle, TrustedKey
from glovebox.evidence.rotation import with_current
from glovebox.ledger.entry import decode_entry, encode_entry
from glovebox.ledger.key_events import key_events, taken_over

Json = dict[str, Any]
THEN = datetime(2026, 11, 25, 12, tzinfo=UTC)
PREVIOUS = "sha256:" + "0" * 64
ONE, TWO = TrustedKey("1" * 64, "pem 1"), TrustedKey("2" * 64, "pem 2")
FIRST = with_current(TrustBundle(()), ONE, THEN)
BOTH = with_current(FIRST, TWO, THEN + timedelta(days=30))
LOST = {
    "conditions": [
        {
            "type": "KeyPublished",
            "status": "False",
            "reason": "SigningKeyLost",
            "lastTransitionTime": "2027-01-01T00:00:00Z",
        }
    ]
}


def told(keys: TrustBundle, status: Json | None = None) -> list[tuple[str, str, str]]:
    return [
        (event.details["change"], event.details.get("keyId", "")[:1], event.time.isoformat()[:10])
        for event in key_events(keys, "uid", status or {})
    ]


@pytest.mark.parametrize(
    ("keys", "status", "expected"),
    [
        (TrustBundle(()), {}, []),
        (FIRST, {}, [("current", "1", "2026-11-25")]),
        (
            BOTH,
            {},
            [
                ("current", "1", "2026-11-25"),
                ("retired", "1", "2026-12-25"),
                ("current", "2", "2026-12-25"),
            ],
        ),
        (FIRST, LOST, [("current", "1", "2026-11-25"), ("lost", "1", "2027-01-01")]),
        (TrustBundle(()), LOST, [("lost", "", "2027-01-01")]),
        (TrustBundle((ONE,)), {}, []),
        (FIRST, {"conditions": [{**LOST["conditions"][0], "reason": "SigningKeyRetired"}]}, None),
    ],
    ids=[
        "none",
        "the first",
        "rotated",
        "lost",
        "lost with the list",
        "not of the operator's",
        "an old one put back",
    ],
)
def test_events_follow_from_list_and_condition(
    keys: TrustBundle, status: Json, expected: list[tuple[str, str, str]] | None
) -> None:
    assert told(keys, status) == (told(keys) if expected is None else expected)


def test_the_time_is_that_of_the_publication_and_not_that_from_which_a_key_counts() -> None:
    events = key_events(BOTH, "uid", {})
    assert [event.time - THEN for event in events] == [
        timedelta(),
        timedelta(days=30),
        timedelta(days=30),
    ]


def test_every_replica_and_every_store_makes_the_same_id_of_a_change() -> None:
    one, other = (key_events(BOTH, uid, {}) for uid in ("a", "b"))
    assert one == other
    assert len({event.id for event in one}) == 3
    # They are in ledgers: another version of the operator has to make the same.
    assert one[0].id == taken_over(FIRST.keys[0]).id == "828fac86-4ce8-5c06-bfef-c6d6b8346aea"


def test_a_key_that_is_lost_again_is_another_event_and_one_that_stays_lost_is_not() -> None:
    def lost(keys: TrustBundle, since: str) -> str:
        entry = {**LOST["conditions"][0], "lastTransitionTime": since}
        return key_events(keys, "uid", {"conditions": [entry]})[-1].id

    first = lost(FIRST, "2027-01-01T00:00:00Z")
    assert lost(TrustBundle(()), "2027-01-01T00:00:00Z") == first
    assert lost(FIRST, "2027-01-02T00:00:00Z") != first


def test_the_newest_keys_are_told_where_there_are_too_many_for_a_status() -> None:
    keys = TrustBundle(())
    for number in range(60):
        key = TrustedKey(f"{number:064x}", "pem")
        keys = with_current(keys, key, THEN + timedelta(days=number))
    events = key_events(keys, "uid", LOST)
    assert len(events) == 48 + 47 + 1
    assert events[-2].details["keyId"] == f"{59:064x}"


def test_every_event_is_an_entry() -> None:
    for event in key_events(BOTH, "uid", LOST):
        raw = encode_entry(event, 0, PREVIOUS, THEN)
        assert decode_entry(raw).subject.kind == "SigningKey"
