"""What witnesses signed of a checkpoint, out of objects that anybody may have put there.

A witness's signature lies in an object of its own beside the checkpoint, so whoever may write below
the prefix can put something else in its place. That must not condemn the checkpoint: each is looked
at by itself, and one that does not hold is left out and told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from glovebox.errors import InvalidInput
from glovebox.ledger.checkpoint import parse_checkpoint
from glovebox.ledger.note import MAX_SIGNATURES, Note, Signature, parse_note, parse_signatures
from glovebox.ledger.policy import Accepted, Policy, judge

# A name, an id, a time and 64 bytes, in base64: with the longest name that a witness may have.
MOST_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class Said:
    """What lies where a witness's signature over a checkpoint has to be.

    Attributes:
        where: Its path below the prefix.
        size: Of the checkpoint.
        raw: Its bytes; of more than `MOST_BYTES` the beginning, and one byte more.
    """

    where: str
    size: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class Judged:
    """A checkpoint with the signatures of witnesses that hold.

    Attributes:
        accepted: As `judge` has it.
        refused: Where something lies that is no signature of the witness that it names, and why.
    """

    accepted: Accepted
    refused: tuple[tuple[str, str], ...]


def signature_in(said: Said) -> Signature | None:
    """Return the one signature that an object is, of the key that its path names, or None."""
    if len(said.raw) > MOST_BYTES:
        return None
    try:
        found = parse_signatures(said.raw)
    except InvalidInput:
        return None
    only = found[0]
    is_whole = len(found) == 1 and only.line.encode() == said.raw
    return only if is_whole and said.where.endswith(f"/{only.key_id.hex()}") else None


def without_witnesses(raw: bytes) -> bytes:
    """Return a checkpoint as the log wrote it: that is what authorities date."""
    return _apart(raw)[0]


def with_witnesses(raw: bytes, signatures: Iterable[Signature]) -> bytes:
    """Return a checkpoint with so many signatures of witnesses below its own as a note may have."""
    try:
        note = parse_note(raw)
    except InvalidInput:
        return raw  # a finding of its own
    return Note(note.text, (*note.signatures, *signatures)[:MAX_SIGNATURES]).encode()


def judge_apart(
    raw: bytes, said: Iterable[tuple[str, Signature]], policy: Policy, where: str
) -> Judged:
    """Return what a policy thinks of a checkpoint; a witness's signature that fails is left out.

    Args:
        raw: The checkpoint, with or without signatures of witnesses.
        said: Further signatures, and where they lie.
        policy: Which keys count.
        where: The checkpoint lies.

    Raises:
        InvalidInput: No log of the policy signed it, or a signature of one fails.
    """
    bare, inside = _apart(raw)
    accepted = judge(bare, policy)
    known = {(each.key.name, each.key.key_id) for each in policy.witnesses.values()}
    kept, refused = accepted.opened.note, list[tuple[str, str]]()
    for place, signature in (*((where, each) for each in inside), *said):
        if (signature.name, signature.key_id) not in known:
            continue
        one_more = Note(kept.text, (*kept.signatures, signature))
        try:
            accepted = judge(one_more.encode(), policy)
        except InvalidInput as error:
            refused.append((place, error.message))
        else:
            kept = one_more
    return Judged(accepted, tuple(refused))


def _apart(raw: bytes) -> tuple[bytes, Sequence[Signature]]:
    """Return a checkpoint with the signatures of its log alone, and the others."""
    try:
        note = parse_note(raw)
        origin = parse_checkpoint(note.text).origin
    except InvalidInput:
        return raw, ()
    own = tuple(each for each in note.signatures if each.name == origin)
    others = [each for each in note.signatures if each.name != origin]
    return (Note(note.text, own).encode(), others) if own else (raw, ())
