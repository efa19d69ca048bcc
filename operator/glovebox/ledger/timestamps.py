"""Timestamps of checkpoints (RFC 3161): an authority says when a head was known.

What is stamped are the bytes of the checkpoint as it lies there. Whoever has the ledger's key could
else write entries today that say that they are of last year; with stamps an entry lies between two
of them, and its time has to as well.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from glovebox.api import reasons
from glovebox.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.x509 import Certificate
    from rfc3161_client import TimeStampResponse

_SHA256_OID: Final = "2.16.840.1.101.3.4.2.1"
_GRANTED: Final = 0


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent to an authority.

    Attributes:
        body: A TimeStampReq, DER.
        nonce: What its answer has to repeat.
    """

    body: bytes
    nonce: int | None


@dataclass(frozen=True, slots=True)
class StampedHead:
    """A checkpoint and what an authority said of it.

    Attributes:
        where: Path of the timestamp below the prefix.
        size: Of the checkpoint.
        checkpoint: Its bytes, as they were stamped; empty when it is gone.
        response: A TimeStampResp, DER.
    """

    where: str
    size: int
    checkpoint: bytes
    response: bytes


def authority_id(url: str) -> str:
    """Return what an authority's files are called: 8 hexadecimal digits of its address."""
    return sha256(url.encode()).hexdigest()[:8]


def request_timestamp(checkpoint: bytes) -> Request:
    """Return a request for a timestamp of a checkpoint, its certificate included."""
    from rfc3161_client import TimestampRequestBuilder  # noqa: PLC0415 - only where it is needed
    from rfc3161_client.base import HashAlgorithm  # noqa: PLC0415 - likewise

    made = TimestampRequestBuilder(checkpoint, HashAlgorithm.SHA256).build()
    return Request(made.as_bytes(), made.nonce)


def read_roots(pem: str) -> list[Certificate]:
    """Return the certificates of a text in PEM.

    Raises:
        InvalidInput: It holds none that can be read.
    """
    from cryptography.x509 import load_pem_x509_certificates  # noqa: PLC0415 - likewise

    try:
        return load_pem_x509_certificates(pem.encode())
    except ValueError as error:
        raise InvalidInput(
            reasons.LEDGER_NOT_TIMESTAMPED,
            f"`spec.ledger.timestamps.caBundle` holds no certificate that can be read ({error})",
        ) from None


def read_root_file(path: Path) -> list[Certificate]:
    """Return the certificates of a file in PEM.

    Raises:
        InvalidInput: It holds none that can be read.
        OSError: It cannot be read.
    """
    from cryptography.x509 import load_pem_x509_certificates  # noqa: PLC0415 - likewise

    try:
        return load_pem_x509_certificates(path.read_bytes())
    except ValueError:
        raise InvalidInput(
            reasons.LEDGER_NOT_TIMESTAMPED, f"{path} holds no PEM certificates"
        ) from None


def stated_time(response: bytes, checkpoint: bytes, nonce: int | None) -> datetime:
    """Return the time in an answer to a request. Who signed it is not looked at.

    Raises:
        InvalidInput: It is no timestamp of that checkpoint, or not the answer to that request.
    """
    return _time_in(_decoded(response), checkpoint, nonce)


def _time_in(found: TimeStampResponse, checkpoint: bytes, nonce: int | None) -> datetime:
    imprint = found.tst_info.message_imprint
    if imprint.hash_algorithm.dotted_string != _SHA256_OID:
        raise _invalid("it is of another hash than SHA-256")
    if imprint.message != sha256(checkpoint).digest():
        raise _invalid("it is of something else")
    if nonce is not None and found.tst_info.nonce != nonce:
        raise _invalid("it answers another request")
    return found.tst_info.gen_time


def verified_time(stamped: StampedHead, roots: Sequence[Certificate]) -> datetime:
    """Return the time at which an authority that is trusted knew a checkpoint.

    Args:
        stamped: The checkpoint, and the answer.
        roots: Certificates that are trusted; the authority's own hangs on one of them, and had to
            be valid at the time that it says.

    Raises:
        InvalidInput: It is no timestamp of that checkpoint, or nobody who is trusted signed it.
    """
    from rfc3161_client import VerificationError, VerifierBuilder  # noqa: PLC0415 - likewise

    found = _decoded(stamped.response)
    moment = _time_in(found, stamped.checkpoint, None)
    try:
        VerifierBuilder(roots=list(roots)).build().verify_message(found, stamped.checkpoint)
    except (VerificationError, ValueError) as error:
        raise _invalid(f"no authority that is trusted signed it ({error})") from None
    return moment


@dataclass(frozen=True, slots=True)
class Stamp:
    """That a head of a size was known at a time."""

    size: int
    time: datetime


class Stamps:
    """Between which times an entry was written, as verified timestamps say."""

    def __init__(self, stamps: Iterable[Stamp]) -> None:
        ordered = sorted(stamps, key=lambda each: each.size)
        # The latest time of all smaller heads, and the earliest of all larger ones, bind an entry.
        self._sizes = [each.size for each in ordered]
        self._after: list[datetime] = []
        for each in ordered:
            last = self._after[-1] if self._after else each.time
            self._after.append(max(each.time, last))
        self._before: list[datetime] = []
        for each in reversed(ordered):
            last = self._before[-1] if self._before else each.time
            self._before.append(min(each.time, last))
        self._before.reverse()

    def bounds(self, index: int) -> tuple[datetime | None, datetime | None]:
        """Return after and before which time an entry was written; None where nobody says so."""
        place = bisect_right(self._sizes, index)
        after = self._after[place - 1] if place else None
        before = self._before[place] if place < len(self._before) else None
        return after, before


def _decoded(response: bytes) -> TimeStampResponse:
    from rfc3161_client import decode_timestamp_response  # noqa: PLC0415 - likewise

    try:
        found = decode_timestamp_response(response)
        if found.status != _GRANTED:
            words = "; ".join(found.status_string)[:200]
            raise _invalid(f"the authority refused (status {found.status}) {words}".rstrip())
        found.tst_info.gen_time  # noqa: B018 - raises where there is no token
    except ValueError as error:
        raise _invalid(f"it is no answer of RFC 3161 that can be read ({error})") from None
    return found


def _invalid(defect: str) -> InvalidInput:
    return InvalidInput(
        reasons.LEDGER_NOT_TIMESTAMPED, f"the timestamp cannot be believed: {defect}"
    )
