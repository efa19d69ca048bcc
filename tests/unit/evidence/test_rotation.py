"""Which keys are published when another one signs: none is taken out, and one signs at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from glovebox.errors import InvalidInput
from glovebox.evidence.keys import TrustBundle, TrustedKey, trusted
from glovebox.evidence.rotation import OVERLAP, united, with_current
from glovebox.evidence.signer import new_key_pair

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
PAST = NOW - timedelta(days=30)
FROM = NOW - timedelta(minutes=5)


def key(**validity: datetime | None) -> TrustedKey:
    return replace(trusted(new_key_pair().public), **validity)  # type: ignore[arg-type]


FIRST, SECOND = key(), key()
SIGNING = replace(FIRST, valid_from=PAST)
ENDED = replace(FIRST, valid_from=PAST, valid_until=PAST + OVERLAP)
OVERLAPPING = replace(SIGNING, valid_until=NOW + OVERLAP)
# What is published, the key in the Secret, and what is published then.
TURNS: dict[str, tuple[tuple[TrustedKey, ...], TrustedKey, tuple[TrustedKey, ...]]] = {
    "the first key": ((), FIRST, (replace(FIRST, valid_from=FROM),)),
    "the key that is published already": ((SIGNING,), FIRST, (SIGNING,)),
    "another key": ((SIGNING,), SECOND, (OVERLAPPING, replace(SECOND, valid_from=FROM))),
    "another key, and one before that ended": (
        (ENDED, replace(SECOND, valid_from=PAST)),
        SECOND,
        (ENDED, replace(SECOND, valid_from=PAST)),
    ),
    "the key that a clock published that was ahead": (
        (replace(FIRST, valid_from=NOW + timedelta(hours=1)),),
        FIRST,
        (replace(FIRST, valid_from=FROM),),
    ),
    "the key that a clock published that was a little ahead": (
        (replace(FIRST, valid_from=NOW),),
        FIRST,
        (replace(FIRST, valid_from=NOW),),
    ),
    "two that signed at once": (
        (SIGNING, replace(SECOND, valid_from=PAST)),
        SECOND,
        (OVERLAPPING, replace(SECOND, valid_from=PAST)),
    ),
}


@pytest.mark.parametrize("name", TURNS)
def test_one_key_signs_and_none_is_taken_out(name: str) -> None:
    before, current, after = TURNS[name]
    assert with_current(TrustBundle(before), current, NOW) == TrustBundle(after)


def test_saying_it_again_later_changes_nothing() -> None:
    once = with_current(TrustBundle((SIGNING,)), SECOND, NOW)
    assert with_current(once, SECOND, NOW + timedelta(days=1)) == once


def test_what_either_key_signs_during_the_overlap_counts() -> None:
    old, new = with_current(TrustBundle((SIGNING,)), SECOND, NOW).keys
    assert old.is_valid_at(NOW)
    assert new.is_valid_at(NOW)
    assert not old.is_valid_at(NOW + OVERLAP + timedelta(seconds=1))
    assert new.is_valid_at(NOW + timedelta(days=1_000))


def test_a_key_that_was_replaced_never_signs_again() -> None:
    turned = with_current(TrustBundle((SIGNING,)), SECOND, NOW)
    with pytest.raises(InvalidInput, match="was replaced") as refused:
        with_current(turned, FIRST, NOW)
    assert refused.value.reason == "SigningKeyRetired"


def test_of_two_lists_the_first_one_is_believed() -> None:
    assert united(TrustBundle((ENDED,)), TrustBundle((SIGNING, SECOND))) == TrustBundle(
        (ENDED, SECOND)
    )
