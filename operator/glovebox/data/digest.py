"""Canonical JSON and the digests taken over it.

The one way in which a structured value (a snapshot, a feature set) becomes a digest, so that two
programs which agree on the value agree on the digest. Data itself is never hashed as JSON: see
`roots`.

Refuses what has no single spelling in JSON: floats, NaN, integers beyond 2^53 - 1, keys that are
not strings, text that is not Unicode. Keys are ordered by their UTF-8 bytes. The format is written
down in docs/reference/manifest.md and held by golden vectors.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from glovebox.api import reasons
from glovebox.errors import InvalidInput

# Integers beyond this are read back differently by programs that hold numbers as doubles.
MAX_INTEGER: Final = 2**53 - 1
_INTEGERS: Final = range(-MAX_INTEGER, MAX_INTEGER + 1)
DIGEST_PREFIX: Final = "sha256:"
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


def canonical_json(value: object) -> bytes:
    """Return the one JSON spelling of a value: sorted keys, no spaces, UTF-8, shortest escapes.

    Args:
        value: None, booleans, integers, strings, lists or tuples, mappings with string keys; nested
            at will.

    Raises:
        InvalidInput: The value holds a float, an integer beyond 2^53 - 1, a key that is no string,
            text that is not Unicode, or a type that JSON does not know. The message names the
            place.
    """
    if _is_plain(value):
        with suppress(UnicodeEncodeError):  # the place is what `_plain` finds
            return _dumped(value)
    return _dumped(_plain(value, "$"))


def digest_of(value: object) -> str:
    """Return `sha256:<64 hex>` of the canonical JSON of a value."""
    return digest_of_json(canonical_json(value))


def digest_of_json(text: bytes) -> str:
    """Return the same of a value whose canonical JSON is known."""
    return DIGEST_PREFIX + hashlib.sha256(text).hexdigest()


def is_digest(text: str) -> bool:
    """Whether the text is a digest: `sha256:` and 64 lower-case hex digits."""
    return _DIGEST.fullmatch(text) is not None


def _dumped(plain: object) -> bytes:
    return json.dumps(
        plain, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
    ).encode()


def _is_plain(value: Any) -> bool:
    """Whether a value is made of JSON's own types already, which nearly all are.

    Nothing but these very types: a subclass may be written in another way.
    """
    kind = type(value)
    if kind is dict:
        return all(type(key) is str and _is_plain(item) for key, item in value.items())
    if kind is list or kind is tuple:
        return all(map(_is_plain, value))
    if kind is int:
        return value in _INTEGERS
    return kind is str or value is None or kind is bool


def _plain(value: object, where: str) -> object:
    """Return the value in JSON's own types, or refuse it with its place (`$.parameters.rate`)."""
    match value:
        case None | bool():
            return value
        case int():
            if abs(value) > MAX_INTEGER:
                raise _refused(where, "an integer beyond 2^53 - 1; write it as a string")
            return int(value)
        case str():
            return _unicode(value, where)
        case float():
            raise _refused(
                where, "a floating point number; write it as a string, so that it has one spelling"
            )
        case Mapping():
            for key in value:
                if not isinstance(key, str):
                    raise _refused(where, f"a key of type {type(key).__name__}; keys are strings")
            return {
                _unicode(key, where): _plain(item, f"{where}.{key}") for key, item in value.items()
            }
        case list() | tuple():
            return [_plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
        case _:
            raise _refused(
                where, f"a value of type {type(value).__name__}, which JSON does not know"
            )


def _unicode(text: str, where: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _refused(where, "text with a lone surrogate, which is not Unicode") from error
    return str(text)


def _refused(where: str, what: str) -> InvalidInput:
    return InvalidInput(reasons.NOT_CANONICAL, f"cannot take a digest: {where} is {what}")
