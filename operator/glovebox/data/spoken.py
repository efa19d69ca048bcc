"""What of a secret value a program may say: all of it is looked for in its log. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping

import orjson


def spoken(encoded: str) -> Iterator[str]:
    """Yield the whole value, its lines, and the texts in a document.

    Args:
        encoded: The value as a Secret holds it. Of what is no text, this is how it is spelt.
    """
    try:
        text = base64.b64decode(encoded).decode()
    except (binascii.Error, UnicodeDecodeError):
        yield encoded
        return
    yield text
    for line in text.splitlines():
        yield line.strip()
        # As in a file of settings.
        yield line.partition("=")[2].strip()
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return
    yield from _texts(document)


def _texts(document: object) -> Iterator[str]:
    # Whoever wrote it chose how deep it is: a call for each depth would be too many.
    left = [document]
    while left:
        each = left.pop()
        if isinstance(each, str):
            yield each
            yield from (line.strip() for line in each.splitlines())
        elif isinstance(each, Mapping):
            left += each.values()
        elif isinstance(each, list):
            left += each
