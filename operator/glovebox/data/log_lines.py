"""Lines of a store's access log: S3's server access log, and SeaweedFS' audit log as JSON. Pure.

Tenants choose names of keys, queries, referers and user agents. So of S3's lines only what comes
before the referer is read: up to there nothing that a tenant chooses can hold a blank, but for the
request line, which has exactly two. What is no line of either kind is None, and nothing is guessed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import unquote, unquote_plus

# Stores take requests with a mebibyte of headers, and JSON has six letters for some of its bytes: a
# read is not to be lost because whoever reads calls their program by a long name.
MOST_BYTES: Final = 8 << 20
# A key has 1,024 bytes, and six letters for each of them where it is encoded twice.
_MOST_KEY: Final = 6 * 1024
_MONTHS: Final = "JanFebMarAprMayJunJulAugSepOctNovDec"
_S3: Final = re.compile(
    r"\S+ (?P<bucket>\S+) \[(?P<time>[^\]]{26})\] \S+ (?P<requester>\S+) \S+"
    r" (?P<operation>[A-Z0-9_.]+) (?P<key>\S+)"
    r' (?:"(?:\S+ \S+ HTTP/\d(?:\.\d)?|-)"|-) (?P<status>\d{3}|-) \S+ (?P<bytes>\d{1,18}|-)'
    r" (?:\d{1,18}|-) (?:\d{1,18}|-) (?:\d{1,18}|-) ",
    re.ASCII,
)
_TIME: Final = re.compile(
    r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)", re.ASCII
)
# What answers with bytes of an object, or copies them.
_READS: Final = re.compile(
    r"(?:REST|WEBSITE|SOAP)\.(?:GET|SELECT)\.OBJECT|REST\.COPY\.(?:OBJECT|PART)_GET"
)
_DENIED: Final = frozenset({401, 403})
_DONE: Final = range(200, 300)
# What a double holds exactly, as JSON is read elsewhere.
_MOST: Final = 1 << 53


@dataclass(frozen=True, slots=True)
class LogLine:
    """One request.

    Attributes:
        time: When, in seconds since 1970.
        bucket: Of the object.
        keys: What the key may be: logs encode it once, twice or not at all. Empty for none.
        requester: ARN or name of who asked, as the log has it; empty for nobody.
        is_read: Whether bytes of an object were asked for.
        is_denied: Whether the store refused it.
        is_done: Whether the store did it.
        bytes: How much was sent; 0 where the log does not say.
    """

    time: int
    bucket: str
    keys: tuple[str, ...]
    requester: str
    is_read: bool
    is_denied: bool
    is_done: bool
    bytes: int = 0


def parse_line(raw: bytes) -> LogLine | None:
    """Return what a line says; None where it is none, or was cut off."""
    if len(raw) > MOST_BYTES:
        return None
    # Whoever reads chooses the name of their program, and need not write it in UTF-8.
    text = raw.decode(errors="replace")
    return _audit_line(text) if text.startswith("{") else _s3_line(text)


def _s3_line(text: str) -> LogLine | None:
    found = _S3.match(text)
    time = _s3_time(found["time"]) if found is not None else None
    if found is None or time is None:
        return None
    key, operation, status = found["key"], found["operation"], found["status"]
    sent, code = found["bytes"], int(status) if status != "-" else 0
    return LogLine(
        time,
        _given(found["bucket"]),
        _decoded(key) if key != "-" else (),
        _given(found["requester"]),
        is_read=_READS.fullmatch(operation) is not None,
        is_denied=code in _DENIED,
        is_done=code in _DONE,
        bytes=int(sent) if sent != "-" else 0,
    )


def _given(field: str) -> str:
    return "" if field == "-" else field


def _decoded(written: str) -> tuple[str, ...]:
    key = written[:_MOST_KEY]
    once = unquote(key)
    found = (key, once, unquote_plus(key), unquote(once), unquote_plus(unquote_plus(key)))
    return tuple(dict.fromkeys(found))


def _s3_time(text: str) -> int | None:
    found = _TIME.fullmatch(text)
    place = _MONTHS.find(found[2]) if found is not None else -1
    if found is None or place < 0:
        return None
    day, _, year, hour, minute, second, sign, hours, minutes = found.groups()
    try:
        moment = datetime(
            int(year), place // 3 + 1, int(day), int(hour), int(minute), int(second), tzinfo=UTC
        )
    except ValueError:
        return None
    ahead = int(hours) * 3600 + int(minutes) * 60
    return int(moment.timestamp()) - (ahead if sign == "+" else -ahead)


def _audit_line(text: str) -> LogLine | None:
    try:
        # What carries the log need not write a tab as JSON wants it.
        found = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    time, status = _number(found, "time"), _number(found, "status")
    words = [_text(found, name) for name in ("bucket", "key", "operation", "requester")]
    arn = _text(found, "requester_arn")
    if time is None or status is None or None in words or arn is None:
        return None
    bucket, key, operation, requester = (word or "" for word in words)
    if not operation:
        return None
    name = key.removeprefix("/")
    return LogLine(
        time,
        bucket,
        tuple(dict.fromkeys((key, name))) if name else (),
        arn or requester,
        is_read=_READS.fullmatch(operation) is not None and bool(name),
        is_denied=status in _DENIED,
        is_done=status in _DONE,
    )


def _text(found: dict[str, Any], name: str) -> str | None:
    value = found.get(name, "")
    return value if isinstance(value, str) else None


def _number(found: dict[str, Any], name: str) -> int | None:
    value = found.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= _MOST:
        return None
    return value
