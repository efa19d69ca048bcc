"""What a store answered, whichever client asked: status, code, and the store's own words.

The words are shown to people beside the meaning that `errors` gives an answer: in one line, cut,
and without what has the shape of a key or a token, or is another one each time (request ids,
times).
"""

from __future__ import annotations

import contextlib
import re
from typing import Any, Final
from xml.etree import ElementTree as ET

from botocore import exceptions as botocore

from glovebox.data.redaction import REDACTED, redact

FORBIDDEN_STATUS: Final = 403
NOT_FOUND_STATUS: Final = 404
PRECONDITION_STATUS: Final = 412
_SUCCESSES: Final = range(200, 300)
# Of the store's own words. A body may hold a whole page of them.
_MOST_WORDS: Final = 160
_MOST_READ: Final = 65_536
# Ids of requests, signatures, tokens: a long word with digits. They, and times, would make the
# condition another one each time.
_RANDOM: Final = re.compile(
    r"(?=[A-Za-z_+/=-]*[0-9])[A-Za-z0-9_+/=-]{16,}|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+Z?"
)


class AnswerError(Exception):
    """An answer of the store that is no success, as our own requests see it.

    Args:
        status: Of the answer.
        code: The word of S3 for it; empty without one.
        words: What the store says beside, as it says it.
    """

    def __init__(self, status: int, code: str, words: str = "") -> None:
        super().__init__(f"{status} {code}".strip())
        self.status = status
        self.code = code
        self.words = words

    @property
    def shown(self) -> str:
        """Status, code and the store's own words, in one line that may be shown."""
        words = _shown(self.words)
        # `AccessDenied: Access Denied.` says it twice.
        said = "".join(filter(str.isalnum, words)).lower()
        return f"{self}: {words}" if said and said != self.code.lower() else str(self)


def _shown(words: str) -> str:
    """Return what a store said in one line, cut, and without what nobody should read."""
    line = " ".join(words[:_MOST_READ].split())
    plain = "".join(letter if letter.isprintable() else "\ufffd" for letter in line)
    clean = _RANDOM.sub(REDACTED, redact(plain)[0]).rstrip(".")
    return clean if len(clean) <= _MOST_WORDS else f"{clean[: _MOST_WORDS - 1].rstrip()}\u2026"


def answer_of(error: Exception) -> AnswerError | None:
    """Return status and code of an answer, whichever client gave it; None without an answer.

    A body without `Error` or without `Code`, which some stores send with a 403, gives an empty
    code.
    """
    if isinstance(error, AnswerError):
        return error
    if not isinstance(error, botocore.ClientError):
        return None
    response: dict[str, object] = dict(error.response or {})
    metadata, body = response.get("ResponseMetadata"), response.get("Error")
    status = metadata.get("HTTPStatusCode", 0) if isinstance(metadata, dict) else 0
    code = body.get("Code") if isinstance(body, dict) else None
    # A HEAD has no body: the client repeats the status as its code, and HTTP's words for it.
    if code is None or str(code).isdigit():
        return AnswerError(int(status), "")
    words = body.get("Message") if isinstance(body, dict) else None
    return AnswerError(int(status), str(code), str(words or ""))


def as_sts_says(response_dict: dict[str, Any], **_: object) -> None:
    """Bring a refusal into the form in which the SDK finds its code: Ceph's STS answers as its S3.

    For the SDK's event `before-parse.sts`.
    """
    if response_dict["status_code"] in _SUCCESSES:
        return
    body = response_dict["body"]
    with contextlib.suppress(ET.ParseError):
        root = ET.fromstring(body)  # noqa: S314 - as in `parse_error`
        if root.tag == "Error":
            response_dict["body"] = b"<R>%b</R>" % ET.tostring(root)


def parse_error(status: int, body: bytes) -> AnswerError:
    """Return the error in the body of an answer; the code is empty if it cannot be read."""
    try:
        root = ET.fromstring(body)  # noqa: S314 - expat bounds entity expansion, and the caller bounds the size
    except ET.ParseError:
        return AnswerError(status, "")
    return AnswerError(status, _element(root, "Code")[:100], _element(root, "Message"))


def _element(root: ET.Element, name: str) -> str:
    return next(
        (
            element.text
            for element in root.iter()
            if element.tag.rpartition("}")[2] == name and element.text
        ),
        "",
    )
