"""Takes secrets out of what a program wrote: those that are known, and what has their shape.

It is no proof: a program that means to tell a secret can spell it so that nobody knows it. It keeps
what is printed by accident (a traceback with a session token, a dumped environment) out of a log
that is locked for years, and out of a status that many may read.

Each pattern looks at a text once, whatever the text is: whoever writes a log chooses it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

REDACTED: Final = "[redacted]"
# What is shorter is found in every text.
_SHORTEST: Final = 8
_VALUE: Final = r"[^\s\"',;&]{6,}"
_SHAPES: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?s)-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]{0,40}KEY-----|\Z)",
        r"(?<![0-9A-Za-z])A(?:KIA|SIA)[0-9A-Z]{16}",
        r"gh[opsur]_[0-9A-Za-z]{30,}",
        r"github_pat_[0-9A-Za-z_]{30,}",
        r"glpat-[0-9A-Za-z_-]{20,}",
        r"xox[abeprs]-[0-9][0-9A-Za-z-]*",
        r"hf_[0-9A-Za-z]{30,}",
        r"(?<![0-9A-Za-z_-])eyJ[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]*",
        # Session tokens of STS, which all begin so.
        r"(?:FwoGZXIvYXdz|IQoJb3JpZ2lu)[A-Za-z0-9+/=%]{20,}",
        # What follows a name that says it is a secret, and the password in a URL.
        r"(?i)(?<=bearer )[A-Za-z0-9._~+/=-]{16,}",
        r"(?i)(?<=basic )[A-Za-z0-9+/=]{16,}",
    )
)
_NAMES: Final = (
    r"passw(?:or)?d|passphrase|secret[._-]?(?:access)?[._-]?key|client[._-]?secret"
    r"|(?:api|private|account|signing|encryption)[._-]?key"
    r"|(?:access|auth|api|bearer|refresh|session|security)[._-]?token"
    r"|(?:hf|hub|github|gitlab|slack|wandb|bot)[._-]?token"
    r"|x-amz-signature|x-amz-credential"
)
# Of these the name stays.
_NAMED: Final = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?i)((?:{_NAMES})[\"']?\s{{0,8}}[=:]\s{{0,8}}[\"']?){_VALUE}",
        r"(://[^/:@\s]{1,256}:)[^/@\s]{1,1024}(?=@)",
    )
)


def redact(text: str, known: Iterable[str] = ()) -> tuple[str, int]:
    """Return a text without secrets, and how many were taken out.

    Args:
        text: What a program wrote.
        known: Secrets that were in play, as they are; also found as a URL spells them.
    """
    total = 0
    for secret in sorted(known, key=len, reverse=True):
        if len(secret) < _SHORTEST:
            continue
        for spelling in dict.fromkeys((secret, quote(secret, safe=""))):
            found = text.count(spelling)
            if found:
                text, total = text.replace(spelling, REDACTED), total + found
    for shape in _SHAPES:
        text, found = shape.subn(REDACTED, text)
        total += found
    for named in _NAMED:
        text, found = named.subn(_keep_name, text)
        total += found
    return text, total


def _keep_name(match: re.Match[str]) -> str:
    return f"{match.group(1)}{REDACTED}"


def redact_log(raw: bytes, known: Iterable[str], most: int) -> tuple[bytes, int, bool]:
    """Return the end of a log without secrets, how many were taken out, and whether it was cut.

    It is cut after that: half a secret has no shape any more. It begins with a whole line.

    Args:
        raw: What was read of it: the end, and some more.
        known: Secrets that were in play.
        most: Bytes that are kept.
    """
    # What is no text stays as it is, byte for byte.
    text, redactions = redact(raw.decode("utf-8", "surrogateescape"), known)
    body = text.encode("utf-8", "surrogateescape")
    if len(body) <= most:
        return body, redactions, False
    end = body[-most:]
    line = end.find(b"\n") + 1
    return end[line:] if 0 < line < len(end) else end, redactions, True
