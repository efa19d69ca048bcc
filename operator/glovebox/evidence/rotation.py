"""How the published keys change when another key signs: none is ever taken out.

A key that was replaced counts for a while longer, so that a replica that read it just before may
still use it; the new one counts from a little earlier, for a replica whose clock is behind.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from glovebox.api import reasons
from glovebox.errors import InvalidInput
from glovebox.evidence.keys import TrustBundle, TrustedKey

OVERLAP: Final = timedelta(hours=1)
_CLOCKS: Final = timedelta(minutes=5)


def with_current(bundle: TrustBundle, key: TrustedKey, now: datetime) -> TrustBundle:
    """Return the bundle in which this key signs now, and no other does.

    One that counts from a later moment was published by a clock that was ahead; it signs now, and
    counts from now: once it is replaced, what it signed meanwhile would count for nobody.

    Raises:
        InvalidInput: The key was replaced before: somebody put an old one back.
    """
    now = now.replace(microsecond=0)
    known = bundle.find(key.key_id)
    if known is not None and known.valid_until is not None:
        raise InvalidInput(
            reasons.SIGNING_KEY_RETIRED,
            f"the key {key.key_id} was replaced, and counts until {known.valid_until.isoformat()}"
            " only; put the Secret with the present key back, or make a new one: `glovebox keys"
            " new`",
        )
    since = now - _CLOCKS
    keys = tuple(
        _counting(each, since, now)
        if each.key_id == key.key_id
        else replace(each, valid_until=each.valid_until or now + OVERLAP)
        for each in bundle.keys
    )
    if known is None:
        keys = (*keys, replace(key, valid_from=since, valid_until=None))
    return TrustBundle(keys)


def _counting(key: TrustedKey, since: datetime, now: datetime) -> TrustedKey:
    is_ahead = key.valid_from is not None and key.valid_from > now
    return replace(key, valid_from=since) if is_ahead else key


def took_over_at(key: TrustedKey) -> datetime:
    """Return when a key of a published list was published, and signed from then on."""
    if key.valid_from is None:
        raise ValueError(f"the key {key.key_id} does not say since when it counts")
    return key.valid_from + _CLOCKS


def replaced_at(key: TrustedKey) -> datetime | None:
    """Return when a key of a published list was replaced; None for one that signs now."""
    return key.valid_until - OVERLAP if key.valid_until is not None else None


def united(one: TrustBundle, other: TrustBundle) -> TrustBundle:
    """Return the keys of both; where both know a key, the first one's word counts."""
    added = tuple(key for key in other.keys if one.find(key.key_id) is None)
    return TrustBundle((*one.keys, *added))
