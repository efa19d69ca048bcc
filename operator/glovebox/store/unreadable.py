"""Reads versions that may lie there although nobody of ours can read them.

Whoever may write to a bucket can write what only they can read: encrypted with a key of their own,
or straight into an archive. Both answers are of that one version and last. That a version is
denied, or its key, may be of that one as well, or of a right that is missing for a while: what it
hides may be ours, and whoever asks decides how long that is waited for. Any other failure passes,
and is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from glovebox.api import reasons
from glovebox.errors import GloveboxError
from glovebox.store.answers import AnswerError, answer_of
from glovebox.store.manifests import object_chunks

if TYPE_CHECKING:
    from glovebox.evidence.standing import Unread
    from glovebox.store.connection import Stop, Store

_BAD_REQUEST: Final = 400
# How stores ask for a key of the customer's own (SSE-C). What fails with a key of the store's own
# says something else, and comes back.
_OF_WRITERS_KEY: Final = re.compile(
    r"stored using a form of server.side encryption"
    r"|server.side encryption with customer.provided keys",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Read:
    """What a read of a version gave.

    Attributes:
        body: Its bytes; empty where they are more than was asked for, or cannot be read.
        why: Why they cannot be read; empty where they can.
        error: The error that says so.
    """

    body: bytes
    why: Unread = ""
    error: GloveboxError | None = None


def read_or_why(store: Store, bucket: str, key: str, version: str, most: int, stop: Stop) -> Read:
    """Return the bytes of a version, or why nobody of ours can read it. Blocks.

    Raises:
        GloveboxError: It failed otherwise, so that nobody knows what lies there.
    """
    body = bytearray()
    try:
        for chunk in object_chunks(store, bucket, key, version, stop):
            body += chunk
            if len(body) > most:
                return Read(b"")
    except GloveboxError as error:
        why = why_of(error)
        if not why:
            raise
        return Read(b"", why, error)
    return Read(bytes(body))


def why_of(error: GloveboxError) -> Unread:
    """Return why a version cannot be read, where an error says so; else an empty text."""
    cause = error.__cause__
    answer = answer_of(cause) if isinstance(cause, Exception) else None
    if answer is None:
        return ""
    if answer.code == "InvalidObjectState":
        return "Archived"
    if is_of_writers_key(answer):
        return "EncryptedWithOtherKey"
    if is_of_key(answer):
        return "KeyRefused"
    return "Denied" if error.reason == reasons.STORE_FORBIDDEN else ""


def may_pass(why: Unread) -> bool:
    """Return whether the same right may be missing for everything that is read."""
    return why in ("Denied", "KeyRefused")


def is_lost(error: GloveboxError) -> bool:
    """Return whether one version is not to be had, now or later, and others may be.

    It was deleted, archived, or written with a key that only its writer has. For what only saves
    work: whoever needs the version itself asks `why_of`.
    """
    why = why_of(error)
    return error.reason == reasons.OBJECT_NOT_FOUND or (why != "" and not may_pass(why))


def is_of_writers_key(answer: AnswerError) -> bool:
    """Return whether a store asks for a key of the customer's own (SSE-C)."""
    return answer.status == _BAD_REQUEST and _OF_WRITERS_KEY.search(answer.words) is not None


def is_of_key(answer: AnswerError) -> bool:
    """Return whether a store cannot use the key of a service (SSE-KMS)."""
    return answer.code.upper().startswith("KMS")
