"""How the program of a task ends: exit codes, and the error as its termination message. Pure.

The class of an error decides what becomes of the task (refused by the data, or tried again), so it
travels with the words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import orjson

from glovebox.data.delivery import MAX_MESSAGE_BYTES
from glovebox.errors import Forbidden, GloveboxError, InvalidInput, Refused, Unavailable, UnfitData

EXIT_DONE: Final = 0
# The data or the store refuse it: a retry at once cannot help.
EXIT_REFUSED: Final = 42
# Something did not answer, or denied it; a retry goes on from the last check-point.
EXIT_UNAVAILABLE: Final = 75
EXIT_TERMINATED: Final = 143
_CLASSES: Final[Mapping[str, type[GloveboxError]]] = MappingProxyType(
    {each.__name__: each for each in (Refused, UnfitData, InvalidInput, Forbidden, Unavailable)}
)
_WORD: Final = re.compile(r"[A-Z][A-Za-z0-9]{0,127}")


def exit_code(error: GloveboxError) -> int:
    """Return the exit code of a program that ends with this error."""
    return EXIT_REFUSED if isinstance(error, InvalidInput) else EXIT_UNAVAILABLE


def render_error(error: GloveboxError) -> bytes:
    """Return the termination message of an error: one line of JSON, at most 4,096 bytes."""
    kind = next(
        name for name, each in _CLASSES.items() if isinstance(error, each) or name == "Unavailable"
    )
    for limit in (2048, 512, 128):
        half = limit // 2
        text = error.message
        said = text if len(text) <= limit else f"{text[:half]} ... {text[-half:]}"
        line = orjson.dumps({"class": kind, "reason": error.reason, "message": said})
        if len(line) <= MAX_MESSAGE_BYTES:
            return line
    raise AssertionError


def parse_error(message: str) -> GloveboxError | None:
    """Return the error of a termination message; None when it is none of ours."""
    try:
        document = orjson.loads(message)
        kind = _CLASSES[document["class"]]
        reason, said = str(document["reason"]), str(document["message"])
    except (ValueError, TypeError, KeyError):
        return None
    return kind(reason, said) if _WORD.fullmatch(reason) else None
