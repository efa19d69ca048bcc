"""To which part of a split a key or a moment belongs: the same for ever, whatever else there is.

Parts by keys: the first 8 bytes of a hash, read as a number from 0 to 2^64 - 1, are compared with
thresholds. The hash is

    SHA-256(DOMAIN || length of the salt (4 bytes) || salt (UTF-8) || canonical form of the key)

and the canonical form is that of `row_keys`. Part number i takes the numbers `u` with

    shares before i  <=  u * 10000 / 2^64  <  shares up to and with i

where shares are ten-thousandths, in the order in which the parts are declared. So a key's part
depends on nothing but the key, the salt and the shares up to it: more rows, another order, other
files or another library move none. Parts that are declared first (those that are tested on) keep
their keys when what follows is divided otherwise.

Parts by time: the boundaries cut the times into as many parts; a moment belongs to the part after
the last boundary that it reaches. What lies in the embargo, right before a boundary, belongs to no
part.

The domain names the version of this form. Neither ever changes: another form would be another
version. Golden vectors are in `tests/unit/data/splits.json`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from itertools import accumulate
from typing import Final, Literal, Protocol

from glovebox.data.row_keys import Kind

DOMAIN: Final = b"\x00glovebox-split/v1\x00"
WHOLE: Final = 10_000
# So much of each hash is kept: two different keys never meet by chance.
HASH_BYTES: Final = 16
MOMENT_BYTES: Final = 8
# A moment that is none.
NO_MOMENT: Final = -(1 << 63)
# All of these years, in every zone, has nanoseconds since 1970 in 64 bits.
_FIRST_YEAR: Final = 1678
_LAST_YEAR: Final = 2261
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Granularity = Literal["Rows", "Objects"]
By = Literal["Key", "Time", "Assignment"]


@dataclass(frozen=True, slots=True)
class Rule:
    """How a dataset is split.

    Attributes:
        granularity: What goes to a part: rows, or objects as they are.
        by: What decides.
        columns: Of the key, in the order of their names; of objects, folders of their paths. None:
            the path itself.
        kinds: What each column holds, where that is declared; else None.
        salt: By `Key`: another one is another split.
        shares: By `Key`: of each part, in ten-thousandths.
        boundaries: By `Time`: nanoseconds since 1970 in UTC, ascending; in decimal digits, since
            documents have no integers of 64 bits.
        embargo_seconds: By `Time`: so long before a boundary belongs to no part.
        path: By `Assignment`: the object of the dataset that says each key's part.
        part_column: By `Assignment`: its column that names the part.
    """

    granularity: Granularity
    by: By
    columns: tuple[str, ...] = ()
    kinds: tuple[Kind | None, ...] = ()
    salt: str = ""
    shares: tuple[int, ...] = ()
    boundaries: tuple[str, ...] = ()
    embargo_seconds: int = 0
    path: str = ""
    part_column: str = ""


class Membership(Protocol):
    """Says the part of a key's hash, or of a moment."""

    def part_of(self, value: bytes) -> int | None:
        """Return the number of its part; None where it belongs to none.

        Args:
            value: The first bytes of the hash of a key; or a moment, as 8 bytes.
        """


def salted(salt: str) -> bytes:
    """Return what is hashed before a key."""
    raw = salt.encode()
    return DOMAIN + len(raw).to_bytes(4, "big") + raw


def hash_of(salt: str, key: bytes) -> bytes:
    """Return the hash (32 bytes) of a key in its canonical form."""
    return sha256(salted(salt) + key).digest()


class ByShare:
    """Parts by shares.

    Args:
        shares: Of each part, in ten-thousandths; together 10,000.
    """

    def __init__(self, shares: Iterable[int]) -> None:
        # u * 10000 < s * 2^64 where u < the smallest whole number not below s * 2^64 / 10000.
        ends = (-(-(share << 64) // WHOLE) for share in accumulate(shares))
        self._starts = [end.to_bytes(8, "big") for end in ends if end < 1 << 64]

    def part_of(self, value: bytes) -> int:
        """See `Membership`."""
        return bisect_right(self._starts, value[:8])


class ByTime:
    """Parts by time.

    Args:
        boundaries: Where parts begin, but the first; nanoseconds, ascending.
        embargo: How much before each of them belongs to no part (nanoseconds).
    """

    def __init__(self, boundaries: Iterable[int], embargo: int) -> None:
        self._boundaries, self._embargo = tuple(boundaries), embargo

    @classmethod
    def of(cls, rule: Rule) -> ByTime:
        """Return the parts of a rule by `Time`."""
        return cls(map(int, rule.boundaries), rule.embargo_seconds * 10**9)

    def part_of(self, value: bytes) -> int | None:
        """See `Membership`."""
        moment = moment_of(value)
        part = bisect_right(self._boundaries, moment)
        is_last = part == len(self._boundaries)
        if not is_last and moment >= self._boundaries[part] - self._embargo:
            return None
        return part


class ByAssignment:
    """Parts as a list says them.

    Args:
        rows: The hash of each key, and the number of its part; in the order of the hashes.
    """

    def __init__(self, rows: Iterable[tuple[bytes, int]]) -> None:
        hashes, parts = bytearray(), bytearray()
        for found, part in rows:
            hashes += found
            parts.append(part)
        self._hashes, self._parts = _Packed(bytes(hashes)), bytes(parts)

    def __len__(self) -> int:
        """Return how many keys are listed."""
        return len(self._parts)

    def part_of(self, value: bytes) -> int | None:
        """See `Membership`."""
        at = bisect_left(self._hashes, value)
        if at < len(self._hashes) and self._hashes[at] == value:
            return self._parts[at]
        return None


class _Packed:
    """Hashes of one length, one after the other, as a sequence: a tenth of a list of them."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def __len__(self) -> int:
        return len(self._raw) // HASH_BYTES

    def __getitem__(self, at: int) -> bytes:
        return self._raw[at * HASH_BYTES : (at + 1) * HASH_BYTES]


def moment_bytes(nanoseconds: int) -> bytes:
    """Return a moment as the 8 bytes that stand for it."""
    return nanoseconds.to_bytes(MOMENT_BYTES, "big", signed=True)


def moment_of(raw: bytes) -> int:
    """Return the moment of 8 bytes, in nanoseconds since 1970 in UTC."""
    return int.from_bytes(raw, "big", signed=True)


def nanoseconds(moment: datetime) -> int:
    """Return a moment with a zone in nanoseconds since 1970 in UTC."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def moment_of_text(text: str) -> int | None:
    """Return the moment that a text stands for, in nanoseconds; None when it stands for none.

    Moments before 1678 or after 2261 have no nanoseconds in 64 bits: they are none.

    Args:
        text: A date, which is its first moment in UTC, or a moment, in ISO 8601; one without a zone
            is taken for UTC.
    """
    try:
        if len(text) == len("2013-01-01"):
            day = date.fromisoformat(text)
            moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
        else:
            moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    found = nanoseconds(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))
    return found if _FIRST_YEAR <= moment.year <= _LAST_YEAR else None


def time_of(nanos: int) -> datetime:
    """Return the moment of nanoseconds since 1970, to the microsecond below."""
    return _EPOCH + timedelta(microseconds=nanos // 1000)
