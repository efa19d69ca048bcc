"""What a witness decides (c2sp.org/tlog-witness): nothing but that a log only ever grew.

It believes a checkpoint that a known log signed, once a proof shows that it continues the last one
that this witness signed. It keeps that last one, and answers with a signature that carries the
time. How it listens and where it keeps its state is not here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from glovebox.api import reasons
from glovebox.errors import InvalidInput
from glovebox.evidence.signer import Signer
from glovebox.ledger.checkpoint import (
    EMPTY,
    Head,
    Opened,
    cosign,
    decoded_hash,
    number,
    open_checkpoint,
    parse_checkpoint,
)
from glovebox.ledger.note import Note, VerifierKey, parse_note
from glovebox.ledger.tree import EMPTY_ROOT, is_consistent

MAX_REQUEST: Final = 1 << 20
_MOST_HASHES: Final = 63
SIZE_TYPE: Final = "text/x.tlog.size"
TEXT_TYPE: Final = "text/plain"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the witness answers, and what it has to keep before it does.

    Attributes:
        status: Of HTTP.
        body: Signature lines, the size that is known, or why not.
        content_type: Of the body.
        origin: Whose checkpoint is to be kept.
        kept: The checkpoint with the witness's signature; None when nothing changes.
    """

    status: int
    body: str
    content_type: str = TEXT_TYPE
    origin: str = ""
    kept: bytes | None = None


class _RefusedError(Exception):
    def __init__(self, status: int, message: str, content_type: str = TEXT_TYPE) -> None:
        super().__init__(message)
        self.answer = Answer(status, f"{message}\n", content_type)


class Witness:
    """A witness with its key, and the logs that it knows.

    Args:
        name: What it calls itself in signatures.
        signer: Its key, which signs for this witness alone.
        logs: Keys of logs.
        now: Time of day.
    """

    def __init__(
        self,
        name: str,
        signer: Signer,
        logs: Iterable[VerifierKey],
        now: Callable[[], datetime],
    ) -> None:
        self._name, self._signer, self._now = name, signer, now
        self._logs: Mapping[str, list[VerifierKey]] = {}
        for key in logs:
            self._logs = {**self._logs, key.name: [*self._logs.get(key.name, []), key]}

    @property
    def origins(self) -> Iterable[str]:
        """The logs that it knows."""
        return self._logs.keys()

    def add_checkpoint(self, body: bytes, load: Callable[[str], bytes | None]) -> Answer:
        """Answer to `add-checkpoint`. Blocks where the signer asks a service.

        Args:
            body: Of the request.
            load: Returns the checkpoint that was kept last for an origin. Between this call and
                the keeping of the answer nobody else may keep one for that origin.

        Raises:
            InvalidInput: What was kept is no checkpoint: the state is damaged, and nothing may be
                signed.
        """
        try:
            return self._signed(self._believed(body, load))
        except _RefusedError as refused:
            return refused.answer

    def _believed(self, body: bytes, load: Callable[[str], bytes | None]) -> Opened:
        try:
            old, proof, raw = _parsed(body)
            origin = parse_checkpoint(parse_note(raw).text).origin
        except InvalidInput as error:
            raise _RefusedError(400, error.message) from None
        if origin not in self._logs:
            raise _RefusedError(404, "this witness does not know that log")
        try:
            opened = open_checkpoint(raw, self._logs[origin])
        except InvalidInput as error:
            raise _RefusedError(403, error.message) from None
        if old > opened.head.size:
            raise _RefusedError(400, "the old size is larger than the checkpoint's")
        kept = load(origin)
        known = kept_head(kept) if kept is not None else EMPTY
        if old != known.size:
            raise _RefusedError(409, str(known.size), SIZE_TYPE)
        defect = _defect(known, opened.head, proof)
        if defect:
            raise _RefusedError(422, defect)
        return opened

    def _signed(self, opened: Opened) -> Answer:
        text = opened.note.text
        signature = cosign(text, self._name, self._signer, self._now())
        # Of all signatures only those that were verified are kept, and our own.
        own = {(key.name, key.key_id) for key in self._logs[opened.checkpoint.origin]}
        verified = [each for each in opened.note.signatures if (each.name, each.key_id) in own]
        kept = Note(text, (*verified, signature)).encode()
        return Answer(200, signature.line, TEXT_TYPE, opened.checkpoint.origin, kept)


def kept_head(raw: bytes) -> Head:
    """Return the head of a checkpoint that a witness kept.

    Raises:
        InvalidInput: It is none.
    """
    return parse_checkpoint(parse_note(raw).text).head


def request_of(old: int, proof: Iterable[bytes], checkpoint: bytes) -> bytes:
    """Return the body of a request to `add-checkpoint`."""
    lines = [f"old {old}", *(Head(0, each).root_text for each in proof)]
    return "".join(f"{line}\n" for line in (*lines, "")).encode() + checkpoint


def _parsed(body: bytes) -> tuple[int, list[bytes], bytes]:
    head, blank, checkpoint = body.partition(b"\n\n")
    try:
        first, *rest = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise _malformed() from None
    old = number(first.removeprefix("old ")) if first.startswith("old ") else None
    hashes = [decoded_hash(line) for line in rest]
    proof = [each for each in hashes if each is not None]
    if not blank or old is None or len(proof) != len(hashes) or len(proof) > _MOST_HASHES:
        raise _malformed()
    return old, proof, checkpoint


def _malformed() -> InvalidInput:
    return InvalidInput(
        reasons.LEDGER_INVALID,
        "the request is not as c2sp.org/tlog-witness has it: a line `old <size>`, at most 63"
        " hashes, an empty line, and a checkpoint",
    )


def _defect(known: Head, new: Head, proof: list[bytes]) -> str:
    if new.size == 0 and new.root != EMPTY_ROOT:
        return "a checkpoint of size 0 has another root than the empty tree"
    if known.size == 0:
        return "a proof from size 0 has to be empty" if proof else ""
    if not is_consistent(known.size, new.size, known.root, new.root, proof):
        return "the proof does not show that the checkpoint continues the one known here"
    return ""
