"""How a task and the process that reads its tables talk: frames over two pipes.

A frame is a letter, the length of what follows (4 bytes, big-endian), and that. The task sends `A`,
what to read as JSON, `B`, bytes that it was asked for, and `P`, the part of each row of the last
`K`, a byte each. The process sends `R`, which bytes it needs as JSON; `K`, hashes of keys,
moments or signatures of texts; `W`, the number of a part and bytes of its Parquet; `S`, what it
counted so far; and in the end `D`, done, with what it found as JSON, `E`, why the table cannot be
read, or `N`, why what is asked has no answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

ASK: Final = b"A"
BYTES: Final = b"B"
RANGE: Final = b"R"
KEYS: Final = b"K"
PARTS: Final = b"P"
WRITTEN: Final = b"W"
STATE: Final = b"S"
DONE: Final = b"D"
ERROR: Final = b"E"
REFUSED: Final = b"N"
MOST_AT_ONCE: Final = 2 << 20
# In the place of a part's number: the row belongs to none.
NO_PART: Final = 255
_HEAD: Final = 5


def frame(letter: bytes, body: bytes) -> bytes:
    """Return a frame."""
    return letter + len(body).to_bytes(4, "big") + body


def read_frame(read: Callable[[int], bytes]) -> tuple[bytes, bytes] | None:
    """Return the letter and the body of the next frame; None at the end of the stream.

    Args:
        read: Returns that many bytes, or fewer at the end of the stream.
    """
    head = read(_HEAD)
    if len(head) < _HEAD:
        return None
    size = int.from_bytes(head[1:], "big")
    body = read(size) if size else b""
    return (head[:1], body) if len(body) == size else None
