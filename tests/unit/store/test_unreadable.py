"""Which answers say that nobody of ours can read a version, and which may pass."""

from __future__ import annotations

import pytest

from glovebox.errors import GloveboxError
from glovebox.store.answers import AnswerError
from glovebox.store.errors import translate
from glovebox.store.unreadable import why_of


def failed(cause: Exception) -> GloveboxError:
    error = translate(cause, "read s3://bucket/key version v1")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("status", "code", "words", "expected"),
    [
        (
            400,
            "InvalidRequest",
            "The object was stored using a form of Server Side Encryption. The correct ...",
            "EncryptedWithOtherKey",
        ),
        (
            400,
            "InvalidArgument",
            "Requests specifying Server Side Encryption with Customer provided keys must ...",
            "EncryptedWithOtherKey",
        ),
        (403, "InvalidObjectState", "", "Archived"),
        (403, "AccessDenied", "", "Denied"),
        (403, "AccessDenied", "not authorized to perform: kms:Decrypt", "Denied"),
        (403, "", "", "Denied"),
        (403, "InvalidAccessKeyId", "", ""),
        (403, "RequestTimeTooSkewed", "", ""),
        (404, "NoSuchVersion", "", ""),
        (400, "KMS.DisabledException", "the customer managed key is disabled", "KeyRefused"),
        (400, "KMS.NotFoundException", "", "KeyRefused"),
        (501, "NotImplemented", "Server side encryption specified but KMS is not configured", ""),
        (400, "InvalidRequest", "the request could not be processed", ""),
        (400, "ExpiredToken", "", ""),
        (500, "InternalError", "", ""),
        (503, "SlowDown", "", ""),
    ],
    ids=[
        "AWS and MinIO of a writer's own key",
        "SeaweedFS and Ceph of a writer's own key",
        "an archive",
        "a right that is missing",
        "a right to a key that is missing",
        "no code",
        "a user that the store does not know: nothing is said of the version",
        "a clock that is wrong",
        "gone",
        "a key that is switched off",
        "a key that is gone",
        "a store whose keys are not set up",
        "words that are near",
        "a session that has ended",
        "a store that fails",
        "a store that is busy",
    ],
)
def test_what_an_answer_says_of_a_version(
    status: int, code: str, words: str, expected: str
) -> None:
    assert why_of(failed(AnswerError(status, code, words))) == expected


def test_no_answer_says_nothing() -> None:
    assert why_of(failed(OSError("broken pipe"))) == ""
