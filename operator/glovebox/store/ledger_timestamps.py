"""Has an authority date the newest head of a ledger, and keeps what it said beside it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from glovebox.api import reasons
from glovebox.errors import InvalidInput
from glovebox.ledger.layout import Layout, checkpoint_path, timestamp_path
from glovebox.ledger.timestamps import (
    StampedHead,
    authority_id,
    request_timestamp,
    stated_time,
    verified_time,
)
from glovebox.store.ledger_asking import Asked, check_moment, post
from glovebox.store.ledger_objects import LedgerPlace, read_oldest, write_once

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from glovebox.store.connection import Stop

_QUERY: Final = "application/timestamp-query"
_OK: Final = 200


def ask_authority(
    place: LedgerPlace,
    layout: Layout,
    size: int,
    url: str,
    roots: Sequence[Certificate],
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
        roots: Certificates that its own hangs on.
        stop: Looked at between requests.
        retain_until: End of the lock of what is kept.
        now: The time, which the answer has to say as well.

    Raises:
        InvalidInput: What it answers is no timestamp of that checkpoint, or of another time, or
            nobody who is trusted signed it.
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
    check_moment(asked, stated_time(answer.body, checkpoint, request.nonce), now)
    path = timestamp_path(size, authority_id(url))
    # What is kept stays for years, and nobody could take a false one out of the bucket again.
    verified_time(StampedHead(path, size, checkpoint, answer.body), roots)
    kept = write_once(place, f"{layout.prefix}{path}", answer.body, retain_until, stop)
    # It may be an earlier answer, whose keeping was not heard of.
    return verified_time(StampedHead(path, size, checkpoint, kept), roots)
