"""Until when what cannot be read is waited for, and what is said of it meanwhile.

A key that was switched off comes back, a policy is put right, an archive is restored: what is said
of a version for a moment is not to be signed. But whoever can write a version that nobody of ours
can read is not to keep a seal from being made, so each wait has an end that is known beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from glovebox.api import reasons
from glovebox.errors import Forbidden, GloveboxError, NotReady, Unavailable
from glovebox.store.errors import translated
from glovebox.store.listing import list_versions

if TYPE_CHECKING:
    from glovebox.store.connection import Stop, Store

# Where the public halves of the keys lie that sign seals; see `store/key_records.py`.
KEYS_PREFIX: Final = ".glovebox/keys/"
# Whoever may write there can put what cannot be read in front of them.
_KEYS_TRIED: Final = 64
# How long to rest before what cannot be read is asked for again, in the end; less at first.
_LOOK_AGAIN_SECONDS: Final = 900.0


@dataclass(frozen=True, slots=True)
class Waits:
    """Until when a version is waited for that may be read later; None: no longer.

    Attributes:
        one: While others below the same prefix are read.
        none: While nothing below it is; not earlier than `one`.
    """

    one: datetime | None = None
    none: datetime | None = None

    def at(self, now: datetime) -> Waits:
        """Return what of it is still to come."""

        def left(until: datetime | None) -> datetime | None:
            return until if until is not None and now < until else None

        return Waits(left(self.one), left(self.none))

    @property
    def are_over(self) -> bool:
        """Whether a version that is denied is passed over where others are read."""
        return self.one is None


NO_WAIT: Final = Waits()


def waited_for(what: str, until: datetime, but: str, error: GloveboxError) -> NotReady:
    """Return the error that a version is waited for; it says the same until that is over.

    Args:
        what: Which version.
        until: Until when.
        but: What shows that it is of this version, or what may be wrong instead.
        error: What the store says of it.
    """
    end = until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return NotReady(
        reasons.ARTIFACT_UNREAD,
        f"{what} cannot be read, {but}: it is waited for until {end}, then the seal is made and"
        f" says so ({error.message})",
    )


def paced(error: GloveboxError, waits: Waits, now: datetime) -> GloveboxError:
    """Return an error that a version is waited for with the longest rest before the next try.

    Each try lists all that was written, and may be a pod: so what is denied is not asked for every
    minute of a day, though soon at first, and once more when the wait is over. A request that came
    to nothing is made again as soon as any other.
    """
    if error.reason != reasons.ARTIFACT_UNREAD or _may_pass_soon(error.__cause__):
        return error
    left = waits.at(now)
    ends = [(end - now).total_seconds() for end in (left.one, left.none) if end is not None]
    rests = min(_LOOK_AGAIN_SECONDS, *ends) if ends else 0.0  # it was over before the try was
    return NotReady(error.reason, error.message, retry_seconds=rests)


def _may_pass_soon(cause: BaseException | None) -> bool:
    """Return whether the store did not answer, or failed: most often only for a moment."""
    return isinstance(cause, Unavailable) and not isinstance(cause, Forbidden)


def gives(store: Store, bucket: str, key: str, version: str) -> bool:
    """Return whether the store gives a version at this moment. Blocks."""
    try:
        with translated(f"read s3://{bucket}/{key} version {version}"):
            # Closed, not drained: it may be as long as a store takes.
            store.wire.get(bucket, key, {"versionId": version}).close()
    except GloveboxError:
        return False
    return True


def gives_keys(store: Store, bucket: str, stop: Stop) -> bool:
    """Return whether the store gives anything of what the operator itself wrote there. Blocks.

    Raises:
        GloveboxError: It does not list it.
    """
    for number, row in enumerate(list_versions(store.wire, bucket, KEYS_PREFIX, stop)):
        if number == _KEYS_TRIED:
            break
        if not row.is_delete_marker and gives(store, bucket, row.key, row.version_id):
            return True
    return False
