"""What a Secret with credentials of sessions tells of itself: until when, and whether it is whole.

Any operator can judge it, whoever wrote it. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from glovebox import names
from glovebox.data.digest import digest_of
from glovebox.errors import InvalidInput
from glovebox.status.text import format_time

_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)


def session_annotations(data: Mapping[str, str], expire: datetime) -> dict[str, str]:
    """Return what is written beside the content of such a Secret: its end, and a digest of both."""
    text = format_time(expire)
    return {
        names.ANNOTATION_CREDENTIALS_EXPIRE_TIME: text,
        names.ANNOTATION_CONTENT_DIGEST: _digest(data, text),
    }


def intact_until(secret: Mapping[str, Any]) -> datetime | None:
    """Return when the credentials in a Secret end; None where it is not as it was issued."""
    annotations = secret["metadata"].get("annotations") or {}
    expire = annotations.get(names.ANNOTATION_CREDENTIALS_EXPIRE_TIME)
    digest = annotations.get(names.ANNOTATION_CONTENT_DIGEST)
    if expire is None or digest is None:
        return None
    try:
        if digest != _digest(secret.get("data") or {}, expire):
            return None
        until = datetime.fromisoformat(expire)
        # Only what was issued is written so; at the edges of time nobody can reckon.
        as_issued = until.tzinfo is not None and until > _LONG_AGO and format_time(until) == expire
    except (ValueError, OverflowError, InvalidInput):
        return None
    return until if as_issued else None


def _digest(data: Mapping[str, str], expire: str) -> str:
    return digest_of({"data": dict(data), "expireTime": expire})
