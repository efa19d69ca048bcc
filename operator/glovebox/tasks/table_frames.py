"""How a task and the process that reads its tables talk: frames over two pipes.

A frame is a letter, the length of what follows (4 bytes, big-endian), and that. The task sends `A`,
what to read as JSON, and `B`, bytes that it was asked for. The process sends `R`, which bytes it
needs as JSON; `K`, hashes of keys; and in the end `D`, done, with what it found as JSON, or `E`,
why the table cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

ASK: Final = b"A"
BYTES: Final = b"B"
RANGE: Final = b"R"
KEYS: Final = b"K"
DONE: Final = b"D"
ERROR: Final = b"E"
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
