"""Asks witnesses to sign the newest head of a ledger, and keeps what they signed beside it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from glovebox.api import reasons
from glovebox.errors import InvalidInput
from glovebox.ledger.checkpoint import number, open_checkpoint, own_cosignature
from glovebox.ledger.layout import Layout, checkpoint_path
from glovebox.ledger.note import VerifierKey
from glovebox.ledger.tiles import TileNodes
from glovebox.ledger.tree import consistency_proof
from glovebox.ledger.witness import SIZE_TYPE, request_of
from glovebox.store.ledger_asking import Asked, check_moment, post
from glovebox.store.ledger_objects import LedgerPlace, read_oldest, write_once
from glovebox.store.ledger_source import BucketSource

if TYPE_CHECKING:
    from glovebox.ledger.policy import Witness
    from glovebox.ledger.tiles import Tile
    from glovebox.store.connection import Stop


def ask_witness(
    place: LedgerPlace,
    layout: Layout,
    size: int,
    log: VerifierKey,
    witness: Witness,
    stop: Stop,
    retain_until: datetime | None = None,
    *,
    now: datetime,
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
        now: The time, which the signature has to say as well.

    Raises:
        InvalidInput: The witness knows another history (the ledger was rolled back or forked), or
            does not sign with its key, or says another time.
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
        known = number(body.decode("ascii", "replace").strip())
        if known is None:
            raise _refused(witness, "it answers 409, and no size that it knows")
        if known > size:
            raise _refused(witness, f"it knows {known} entries, and this head has {size}")
        old = known
    if status != 200:  # noqa: PLR2004 - likewise
        raise _refused(witness, f"it answers {status}")
    try:
        signature, moment = own_cosignature(opened.note.text, body, witness.key)
    except InvalidInput as error:
        raise _refused(witness, error.message) from None
    check_moment(asked, moment, now)
    # Its own line alone: whatever else it sent would lie beside the checkpoint for years, and could
    # condemn it.
    line = signature.line.encode()
    key = layout.cosignature(size, witness.key.key_id)
    kept = write_once(place, key, line, retain_until, stop)
    if kept != line:
        # An earlier answer, whose keeping was not heard of.
        _, moment = own_cosignature(opened.note.text, kept, witness.key)
    return moment


def _refused(witness: Witness, why: str) -> InvalidInput:
    return InvalidInput(
        reasons.LEDGER_NOT_WITNESSED,
        f"witness {witness.key.name} did not sign: {why}. If it knows more than the bucket holds,"
        " find out who restored or replaced the bucket",
    )
