"""Takes secrets out of what a program said, before it is kept or shown anywhere. Pure.

A run's log and its last words go to more people than may read the run's pod, and stay: in status,
Events and the locked log of the seal. Two kinds of secrets are taken out: the ones that are known
to be in play, wherever and however they are spelt, and whatever has the shape of one. A text that
was cut may begin or end in the middle of a known secret: such a piece is taken out, too.

Redact first and shorten afterwards: of half a token nobody can tell what it was. Too much is taken
out rather than too little; digests (`sha256:...`), UIDs and times are left, because they are what a
reader looks for. The time it takes grows with the length of the text, whatever the text is: seconds
for a hostile log. So a log is redacted in a thread, and line by line, as far as it has lines: what
holds the interpreter is then a fraction of a second.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final
from urllib.parse import quote

from glovebox.api.parameters import ISSUED_KEY, SUSPICIOUS_NAME, WEB_TOKEN

REDACTED: Final = "[redacted]"
# A shorter value occurs in ordinary words: taking it out would spoil the text and hide nothing.
SHORTEST_SECRET: Final = 6
# A piece of a known secret at a cut: fewer letters give nothing away.
_SHORTEST_PIECE: Final = 8
# In so many places of a secret a piece is looked for: each look copies up to all of it.
_PLACES_MAX: Final = 16

_PEM: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]{1,40}-----(?:(?!-----END)[\s\S])*+(?:-----END [A-Z0-9 ]{1,40}-----)?"
)
# To the end of the line: schemes have blanks in what follows.
_HEADER: Final = re.compile(
    r"(?i)(?P<kept>\b(?:proxy-)?authorization[\"']?[ \t]{0,3}[:=][ \t]{0,3})[^\r\n]++"
)
_BEARER: Final = re.compile(r"(?i)(?P<kept>\bbearer[ \t]{1,3})[^\s\"',;]{8,}+")
_URL_USER: Final = re.compile(r"(?P<kept>://)[^/@\s\"']{1,512}@")
# `name=`, `"name": "`, `<name>`; whether the name tells is asked afterwards, and only then what it
# names is looked for: there may be names in it. A name of an XML element or of a presigned URL's
# parameter counts as well.
_ASSIGNED: Final = re.compile(
    r"(?<![\w.-])(?P<name>[A-Za-z_][\w.-]*+)(?:\\?[\"'])?[ \t]{0,3}(?:[:=>]|%3[Dd])"
    r"[ \t]{0,3}b?(?P<quote>\\?[\"'])?"
)
_VALUE: Final = re.compile(r"[^\s\"'\\,;&<>]++")
_QUOTED: Final = re.compile(r"[^\r\n\"'\\]++")
_LONGEST_NAME: Final = 128
_NAME: Final = re.compile(SUSPICIOUS_NAME)
_SIGNED_NAME: Final = re.compile(
    r"(?i)(?:^|-)(signature|security-token|credential)$|^(aws_?)?session_?token$"
)
# The rest of the word belongs to the secret whose beginning has the shape.
_SHAPE: Final = re.compile(rf"(?:{ISSUED_KEY}|(?<![\w-]){WEB_TOKEN})[^\s\"'\\,;&<>]*+")
_LONG_PART: Final = 16
# Letters that are gone through at once, and what is left of the line.
_BLOCK: Final = 1 << 14
_NAMES_AT_ONCE: Final = 2048
_WORD: Final = re.compile(r"[A-Za-z0-9+/_=-]{40,}+")


def _nothing() -> None:
    """Do nothing."""


def redact(
    text: str, known: Iterable[str] = (), pause: Callable[[], None] = _nothing
) -> tuple[str, int]:
    """Return a text without the secrets in it, and how many places of it were taken out.

    Args:
        text: What a program said.
        known: Values that are known to be secret: keys, session tokens, passwords. Those below six
            letters are not looked for.
        pause: Called between pieces of the work.
    """
    left = _redacted(text, known, pause)
    return left, max(0, left.count(REDACTED) - text.count(REDACTED))


def redact_log(
    raw: bytes, known: Iterable[str], most: int, pause: Callable[[], None] = _nothing
) -> tuple[bytes, int, bool]:
    """Return the end of a log without secrets, how many were taken out, and whether it was cut.

    It begins with a whole line. What is no text stays as it is, byte for byte.

    Args:
        raw: What was read of it: the end, and some more.
        known: Values that are known to be secret.
        most: Bytes that are kept.
        pause: Called between pieces of the work, of some milliseconds each where the log has lines.
    """
    text, redactions = redact(raw.decode("utf-8", "surrogateescape"), known, pause)
    body = text.encode("utf-8", "surrogateescape")
    if len(body) <= most:
        return body, redactions, False
    end = body[-most:]
    line = end.find(b"\n") + 1
    return end[line:] if 0 < line < len(end) else end, redactions, True


def last_words(text: str, most: int, known: Iterable[str] = ()) -> str:
    """Return the end of what a program said, in one line and without secrets.

    The end, because a traceback tells there what it is about.

    Args:
        text: What it said.
        most: Characters that are kept.
        known: Values that are known to be secret.
    """
    words = " ".join(_visible(redact(text.strip(), known)[0]).split())
    return words if len(words) <= most else f"\u2026{words[1 - most :].lstrip()}"


def _visible(text: str) -> str:
    """Replace what would not be shown as it is: controls, and what turns the direction of text."""
    return "".join(
        letter if letter.isprintable() or letter.isspace() else "\ufffd" for letter in text
    )


def _redacted(text: str, secrets: Iterable[str], pause: Callable[[], None]) -> str:
    for secret in _spellings(secrets):
        pause()
        text = _without_pieces(text.replace(secret, REDACTED), secret)
    # Of all shapes this one alone goes over several lines.
    text = _PEM.sub(REDACTED, text)
    return "".join([_without_shapes(block, pause) for block in _blocks(text)])


def _blocks(text: str) -> Iterator[str]:
    """Yield a text in pieces of whole lines.

    One pass of a pattern over a text keeps all other threads from running.
    """
    begin = 0
    while begin < len(text):
        end = text.find("\n", begin + _BLOCK) + 1 or len(text)
        yield text[begin:end]
        begin = end


def _without_shapes(text: str, pause: Callable[[], None]) -> str:
    text = _HEADER.sub(_but_the_name, text)
    pause()
    text = _BEARER.sub(_but_the_name, text)
    text = _URL_USER.sub(rf"\g<kept>{REDACTED}@", text)
    pause()
    text = _without_values(text, pause)
    text = _SHAPE.sub(REDACTED, text)
    pause()
    return _WORD.sub(_if_random, text)


def spellings(secret: str) -> frozenset[str]:
    """Return the ways in which a secret may stand in an output: as it is, and encoded."""
    return frozenset(
        {
            secret,
            json.dumps(secret)[1:-1],
            quote(secret, safe=""),
            base64.b64encode(secret.encode()).decode(),
        }
    )


def _spellings(secrets: Iterable[str]) -> list[str]:
    """Return all spellings, the longest first: one may be a part of another."""
    found = {
        spelt for secret in secrets if len(secret) >= SHORTEST_SECRET for spelt in spellings(secret)
    }
    return sorted(found, key=lambda spelt: (-len(spelt), spelt))


def _without_pieces(text: str, secret: str) -> str:
    """Take out the end of a secret at the text's beginning, and its beginning at the end."""
    if length := _begins_with_an_end(text, secret):
        text = REDACTED + text[length:]
    if length := _ends_with_a_beginning(text, secret):
        text = text[:-length] + REDACTED
    return text


def _begins_with_an_end(text: str, secret: str) -> int:
    """Return with how many letters of a secret's end a text begins; 0 when with fewer than eight.

    Only where its first letters occur in the secret a piece can begin. They may occur everywhere,
    in a secret that was made so: after some places that were none, all is taken out that may be.
    """
    head = text[:_SHORTEST_PIECE]
    at = secret.find(head, max(1, len(secret) - len(text)))
    for _ in range(_PLACES_MAX):
        if at < 0 or len(head) < _SHORTEST_PIECE:
            return 0
        if text.startswith(secret[at:]):
            return len(secret) - at
        at = secret.find(head, at + 1)
    return len(secret) - at if at >= 0 else 0


def _ends_with_a_beginning(text: str, secret: str) -> int:
    """Return with how many letters of a secret's beginning a text ends, as above."""
    tail = text[-_SHORTEST_PIECE:]
    most = min(len(secret) - 1, len(text))
    at = secret.rfind(tail, 0, most)
    for _ in range(_PLACES_MAX):
        length = at + len(tail)
        if at < 0 or len(tail) < _SHORTEST_PIECE:
            return 0
        if text.endswith(secret[:length]):
            return length
        at = secret.rfind(tail, 0, length - 1)
    return at + len(tail) if at >= 0 else 0


def _but_the_name(found: re.Match[str]) -> str:
    return found["kept"] + REDACTED


def _without_values(text: str, pause: Callable[[], None]) -> str:
    """Take out what has a name that tells that it is secret."""
    parts: list[str] = []
    done = 0
    for number, found in enumerate(_ASSIGNED.finditer(text)):
        if number % _NAMES_AT_ONCE == 0:
            pause()
        name = found["name"][-_LONGEST_NAME:]
        if found.start() < done or not (_NAME.search(name) or _SIGNED_NAME.search(name)):
            continue
        value = (_QUOTED if found["quote"] else _VALUE).match(text, found.end())
        if value is not None:
            parts += (text[done : found.end()], REDACTED)
            done = value.end()
    return "".join((*parts, text[done:]))


def _if_random(found: re.Match[str]) -> str:
    """Take out a long word of letters of both cases and digits: a key or a token.

    A path has the same letters: then each of its parts is short.
    """
    word = found[0]
    mixed = all(any(map(kind, word)) for kind in (str.isupper, str.islower, str.isdigit))
    parts = word.split("/")
    whole = len(parts) == 1 or max(map(len, parts)) >= _LONG_PART
    return REDACTED if mixed and whole else word
