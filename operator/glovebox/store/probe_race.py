"""The check of conditional writes by many writers at once: of them one wins.

What refuses a second write that comes later may still let two in that come together, and then two
operators, or two attempts of one, each believe that theirs is the seal. So sixteen write at once.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Final

from glovebox.errors import GloveboxError
from glovebox.store.answers import PRECONDITION_STATUS, AnswerError
from glovebox.store.listing import list_key
from glovebox.store.probe_bench import ROOT, DisprovenError, NotProvableError, attempt

if TYPE_CHECKING:
    from glovebox.store.probe_bench import CheckedBucket

RACED: Final = f"{ROOT}raced"
WRITERS: Final = 16
_CONFLICT_STATUS: Final = 409


def one_of_many_writers_wins(checked: CheckedBucket) -> str:
    """Of sixteen that write a new key at once, each with `If-None-Match: *`, one wins.

    Judged by what lies there, and by the answer that each got. What an earlier race left is deleted
    first, once its lock of two minutes is over; where it cannot be, that race counts. So one object
    is all that a store that holds ever keeps of it.
    """
    before = _versions(checked)
    for version in before:
        attempt(
            lambda each=version: checked.store.s3.delete_object(  # type: ignore[misc]
                Bucket=checked.bucket, Key=RACED, VersionId=each
            )
        )
    if before and (before := _versions(checked)):
        _require_one(checked, len(before), "an earlier race")
        return "of 16 writers of one key one won, in an earlier race whose object is still locked"
    answers = _race(checked)
    wins = sum(each is None for each in answers)
    left = len(_versions(checked))
    _require_one(checked, max(wins, left), "a race")
    odd = [each for each in answers if isinstance(each, AnswerError) and not _has_lost(each)]
    if left == 0 and odd:
        raise NotProvableError(f"a write with If-None-Match: * got {odd[0].shown}")
    if odd:
        raise NotProvableError(f"a write with If-None-Match: * got {odd[0].shown} instead of 412")
    failed = [each for each in answers if isinstance(each, GloveboxError)]
    if failed:
        raise NotProvableError(f"of 16 writes at once, some got no answer: {failed[0].message}")
    if left == 0:
        raise NotProvableError("of 16 writes with If-None-Match: * at once none is left")
    return "of 16 writers of one new key at once one won"


def _require_one(checked: CheckedBucket, count: int, what: str) -> None:
    if count > 1:
        raise DisprovenError(
            f"{what} of {WRITERS} writers of s3://{checked.bucket}/{RACED}, each with"
            f" If-None-Match: *, had {count} winners, so nothing can be written once;"
            " use a store that honours it (what the race left is deleted by a later check)"
        )


def _race(checked: CheckedBucket) -> list[AnswerError | GloveboxError | None]:
    """Return the answer that each writer got; None is success."""

    def write(number: int) -> AnswerError | GloveboxError | None:
        body = f"Writer {number} of {WRITERS} wrote this.\n".encode()
        try:
            return attempt(lambda: checked.put(RACED, body, IfNoneMatch="*"))
        except GloveboxError as error:
            return error

    _ = checked.lock  # known before, not asked for by each
    try:
        return checked.store.at_once([functools.partial(write, each) for each in range(WRITERS)])
    except threading.BrokenBarrierError:
        raise NotProvableError("16 writers did not begin at the same moment") from None


def _versions(checked: CheckedBucket) -> list[str]:
    """Return the versions that lie under the key; there are no markers but those of others."""
    rows = list_key(checked.store.wire, checked.bucket, RACED, checked.stop)
    return [row.version_id for row in rows if not row.is_delete_marker]


def _has_lost(refusal: AnswerError) -> bool:
    return refusal.status in (PRECONDITION_STATUS, _CONFLICT_STATUS)
