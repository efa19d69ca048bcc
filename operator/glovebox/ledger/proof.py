"""One text file that shows an entry to be in a log, without the log (c2sp.org/tlog-proof@v1).

The entry's own bytes go along as the file's extra data: believed not for lying there, but because
the proof leads from their hash to the root that the log signed.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Final

from glovebox.api import reasons
from glovebox.errors import InvalidInput
from glovebox.ledger.checkpoint import decoded_hash, number
from glovebox.ledger.policy import Accepted, Policy, judge
from glovebox.ledger.tree import is_included, leaf_hash

FIRST_LINE: Final = "c2sp.org/tlog-proof@v1"
SUFFIX: Final = ".tlog-proof"
_MOST_HASHES: Final = 63


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof as it is written; nothing of it is verified.

    Attributes:
        index: Of the entry.
        hashes: From the leaf's sibling up.
        checkpoint: The signed note, with its cosignatures.
        extra: The entry's bytes.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes = b""

    def encode(self) -> bytes:
        """Return the file."""
        lines = [FIRST_LINE]
        if self.extra:
            lines.append(f"extra {base64.b64encode(self.extra).decode()}")
        lines.append(f"index {self.index}")
        lines += [base64.b64encode(each).decode() for each in self.hashes]
        return "".join(f"{line}\n" for line in (*lines, "")).encode() + self.checkpoint


def parse_proof(raw: bytes) -> Proof:
    """Return the proof of a file.

    Raises:
        InvalidInput: It is not written as one.
    """
    head, blank, checkpoint = raw.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise _invalid("it is not ASCII down to its checkpoint") from None
    if not blank or lines.pop(0) != FIRST_LINE:
        raise _invalid(f"it does not begin with {FIRST_LINE}")
    extra = b""
    if lines and lines[0].startswith("extra "):
        try:
            extra = base64.b64decode(lines.pop(0).removeprefix("extra "), validate=True)
        except (binascii.Error, ValueError):
            raise _invalid("its extra data is no base64") from None
    index = number(lines.pop(0).removeprefix("index ")) if lines else None
    if index is None:
        raise _invalid("it names no index")
    hashes = [decoded_hash(line) for line in lines]
    found = tuple(each for each in hashes if each is not None)
    if len(found) != len(hashes) or len(found) > _MOST_HASHES:
        raise _invalid("a line of its path is no hash")
    return Proof(index, found, checkpoint, extra)


def check_proof(proof: Proof, entry: bytes, policy: Policy) -> Accepted:
    """Return the checkpoint that vouches for an entry.

    Raises:
        InvalidInput: The checkpoint is not one that the policy believes, its quorum is not met, or
            the proof does not lead from the entry to its root.
    """
    accepted = judge(proof.checkpoint, policy)
    head = accepted.opened.head
    if not is_included(proof.index, head.size, leaf_hash(entry), head.root, proof.hashes):
        raise InvalidInput(
            reasons.LEDGER_INVALID,
            f"the proof does not lead from the entry to the root at size {head.size}: the entry or"
            " the proof was edited, or belongs to another log",
        )
    if not accepted.is_met:
        signed = ", ".join(accepted.cosigned) or "none"
        raise InvalidInput(
            reasons.LEDGER_NOT_WITNESSED,
            f"the policy asks for {policy.quorum}, and of its witnesses signed: {signed}",
        )
    return accepted


def _invalid(defect: str) -> InvalidInput:
    return InvalidInput(reasons.LEDGER_INVALID, f"the file is no proof: {defect}")
