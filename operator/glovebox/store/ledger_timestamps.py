"""Has an authority date the newest head of a ledger, and keeps what it said beside it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from glovebox.api import reasons
from glovebox.errors import InvalidInput
from glovebox.ledger.layout import Layout, checkpoint_path
from glovebox.ledger.timestamps import authority_id, request_timestamp, stated_time
from glovebox.store.ledger_asking import Asked, check_moment, post
from glovebox.store.ledger_objects import LedgerPlace, read_oldest, write_once

if TYPE_CHECKING:
    from glovebox.store.connection import Stop

_QUERY: Final = "application/timestamp-query"
_OK: Final = 200


def ask_authority(
    place: LedgerPlace,
    layout: Layout,
    size: int,
    url: str,
    stop: Stop,
    retain_until: datetime | None = None,
    *,
    now: datetime,
) -> datetime:
    """Have the checkpoint at a size dated; return the time that the authority says. Blocks.

    Args:
        place: Where the ledger is.
        layout: Which epoch.
        size: Of a checkpoint that lies there.
        url: Of the authority.
        stop: Looked at between requests.
        retain_until: End of the lock of what is kept.
        now: The time, which the answer has to say as well.

    Raises:
        InvalidInput: What it answers is no timestamp of that checkpoint, or of another time.
        Unavailable: It does not answer.
    """
    checkpoint = read_oldest(place, layout.checkpoint(size), stop)
    if checkpoint is None:
        raise InvalidInput(reasons.LEDGER_INVALID, f"there is no {checkpoint_path(size)}")
    request = request_timestamp(checkpoint)
    asked = Asked(f"the authority at {url}", reasons.LEDGER_NOT_TIMESTAMPED)
    answer = post(asked, url, request.body, _QUERY)
    if answer.status != _OK:
        raise InvalidInput(
            reasons.LEDGER_NOT_TIMESTAMPED,
            f"the authority at {url} did not date the head: it answers {answer.status}",
        )
    moment = stated_time(answer.body, checkpoint, request.nonce)
    check_moment(asked, moment, now)
    key = layout.timestamp(size, authority_id(url))
    kept = write_once(place, key, answer.body, retain_until, stop)
    # It may be an earlier answer, whose keeping was not heard of.
    return stated_time(kept, checkpoint, None)
