"""Asks witnesses to sign the newest head of a ledger, and keeps what they signed beside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import urllib3

from glovebox.api import reasons
from glovebox.errors import InvalidInput, Unavailable
from glovebox.ledger.checkpoint import cosigned_times, open_checkpoint
from glovebox.ledger.layout import Layout, checkpoint_path
from glovebox.ledger.note import VerifierKey, parse_note
from glovebox.ledger.tiles import TileNodes
from glovebox.ledger.tree import consistency_proof
from glovebox.ledger.witness import SIZE_TYPE, request_of
from glovebox.store.ledger_objects import LedgerPlace, read_oldest, write_once
from glovebox.store.ledger_source import BucketSource

if TYPE_CHECKING:
    from glovebox.ledger.policy import Witness
    from glovebox.ledger.tiles import Tile
    from glovebox.store.connection import Stop

_TIMEOUT: Final = urllib3.Timeout(connect=5, read=10)
_MOST_BYTES: Final = 1 << 16
_BUSY: Final = 429
_FAILED: Final = 500


def ask_witness(
    place: LedgerPlace,
    layout: Layout,
    size: int,
    log: VerifierKey,
    witness: Witness,
    stop: Stop,
    retain_until: datetime | None = None,
) -> datetime:
    """Have a witness sign the checkpoint at a size; return the time in its signature. Blocks.

    Args:
        place: Where the ledger is.
        layout: Which epoch.
        size: Of a checkpoint that lies there.
        log: The log's key.
        witness: Its key and its submission prefix.
        stop: Looked at between requests.
        retain_until: End of the lock of what is kept.

    Raises:
        InvalidInput: The witness knows another history (the ledger was rolled back or forked), or
            does not sign with its key.
        Unavailable: It does not answer.
    """
    raw = read_oldest(place, layout.checkpoint(size), stop)
    if raw is None:
        raise InvalidInput(reasons.LEDGER_INVALID, f"there is no {checkpoint_path(size)}")
    opened = open_checkpoint(raw, [log])
    source = BucketSource(place, layout, stop)

    def read(tile: Tile) -> bytes:
        return source.tile(tile) or b""

    url = f"{witness.url.rstrip('/')}/add-checkpoint"
    asked = Asked(f"witness {witness.key.name} at {url}", reasons.LEDGER_NOT_WITNESSED)
    old = 0
    # The first answer tells the size that the witness knows; another writer may ask in between.
    for _ in range(3):
        proof = consistency_proof(old, size, TileNodes(size, read))
        answer = post(asked, url, request_of(old, proof, raw))
        status, body = answer.status, answer.body
        if status != 409 or answer.content_type != SIZE_TYPE:  # noqa: PLR2004 - as specified
            break
        old = int(body) if body.strip().isdigit() else -1
        if not 0 <= old <= size:
            raise _refused(
                witness,
                f"it knows {body[:40].decode('ascii', 'replace').strip()}"
                f" entries, and this head has {size}",
            )
    if status != 200:  # noqa: PLR2004 - likewise
        raise _refused(witness, f"it answers {status}")
    times = cosigned_times(parse_note(opened.note.encode() + body), [witness.key])
    if witness.key not in times:
        raise _refused(witness, "it does not sign with its key")
    write_once(place, layout.cosignature(size, witness.key.key_id), body, retain_until, stop)
    return times[witness.key]


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked: in words, and with which reason it is said that it did not answer."""

    who: str
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a witness or an authority answered."""

    status: int
    content_type: str
    body: bytes


def post(asked: Asked, url: str, body: bytes, content_type: str = "") -> Answer:
    """Send a request to somebody who is to know a head; return the answer. Blocks for seconds.

    Raises:
        Unavailable: Nobody answers, or not now (429, 5xx).
    """
    headers = {"Content-Type": content_type} if content_type else {}
    try:
        with urllib3.PoolManager(timeout=_TIMEOUT, retries=False) as pool:
            answer = pool.request(
                "POST", url, body=body, headers=headers, preload_content=False, redirect=False
            )
            found = answer.read(_MOST_BYTES)
            answer.release_conn()
    except urllib3.exceptions.HTTPError as error:
        raise Unavailable(
            asked.reason, f"could not ask {asked.who}: {type(error).__name__}"
        ) from error
    if answer.status == _BUSY or answer.status >= _FAILED:
        raise Unavailable(asked.reason, f"{asked.who} answers {answer.status}")
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    return Answer(answer.status, kind, found)


def _refused(witness: Witness, why: str) -> InvalidInput:
    return InvalidInput(
        reasons.LEDGER_NOT_WITNESSED,
        f"witness {witness.key.name} did not sign: {why}. If it knows more than the bucket holds,"
        " find out who restored or replaced the bucket",
    )
