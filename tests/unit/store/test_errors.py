"""What a store answers becomes one of our errors, whatever state the answer is in."""

from __future__ import annotations

import pytest
import urllib3
from botocore import exceptions as botocore

from glovebox.errors import Conflict, Forbidden, GloveboxError, InvalidInput, Unavailable
from glovebox.store.errors import AnswerError, parse_error, translate

META = {"HTTPStatusCode": 403}


def client_error(response: object) -> botocore.ClientError:
    return botocore.ClientError(response, "PutObject")  # type: ignore[arg-type]


def unreadable() -> botocore.ClientError:
    error = client_error({"Error": {}, "ResponseMetadata": META})
    error.response = {"ResponseMetadata": META}  # type: ignore[typeddict-item]
    return error


CASES: list[tuple[str, Exception, type[GloveboxError], str]] = [
    (
        "denied",
        client_error({"Error": {"Code": "AccessDenied"}, "ResponseMetadata": META}),
        Forbidden,
        "StoreForbidden",
    ),
    (
        "denied without a code",
        client_error({"Error": {}, "ResponseMetadata": META}),
        Forbidden,
        "StoreForbidden",
    ),
    ("denied without an error", unreadable(), Forbidden, "StoreForbidden"),
    (
        "a gateway has its status for a code",
        client_error({"Error": {"Code": "404"}, "ResponseMetadata": {"HTTPStatusCode": 404}}),
        Unavailable,
        "StoreUnreachable",
    ),
    ("unknown key", AnswerError(403, "InvalidAccessKeyId"), Forbidden, "StoreCredentialsRefused"),
    (
        "wrong secret",
        AnswerError(403, "SignatureDoesNotMatch"),
        Forbidden,
        "StoreCredentialsRefused",
    ),
    ("session over", AnswerError(400, "ExpiredToken"), Forbidden, "StoreCredentialsRefused"),
    ("clocks differ", AnswerError(403, "RequestTimeTooSkewed"), Unavailable, "ClockSkewed"),
    ("no bucket", AnswerError(404, "NoSuchBucket"), Unavailable, "BucketNotFound"),
    ("a page of a gateway", AnswerError(404, ""), Unavailable, "StoreUnreachable"),
    ("no version", AnswerError(404, "NoSuchVersion"), InvalidInput, "ObjectNotFound"),
    (
        "no lock",
        AnswerError(404, "ObjectLockConfigurationNotFoundError"),
        Unavailable,
        "LockRequired",
    ),
    ("written before", AnswerError(412, ""), Conflict, "PreconditionFailed"),
    ("too fast", AnswerError(503, "SlowDown"), Unavailable, "StoreBusy"),
    ("broken", AnswerError(500, ""), Unavailable, "StoreFailed"),
    ("bad gateway", AnswerError(502, "Whatever"), Unavailable, "StoreFailed"),
    ("malformed", AnswerError(400, "MalformedXML"), InvalidInput, "StoreRejected"),
    (
        "no route",
        botocore.EndpointConnectionError(endpoint_url="http://x"),
        Unavailable,
        "StoreUnreachable",
    ),
    ("slow", botocore.ReadTimeoutError(endpoint_url="http://x"), Unavailable, "StoreUnreachable"),
    ("reset", urllib3.exceptions.ProtocolError("reset"), Unavailable, "StoreUnreachable"),
    ("refused", ConnectionRefusedError(), Unavailable, "StoreUnreachable"),
    ("nobody", botocore.NoCredentialsError(), Forbidden, "StoreCredentialsRefused"),
    ("bad argument", botocore.ParamValidationError(report="x"), InvalidInput, "StoreRejected"),
]


@pytest.mark.parametrize(
    ("error", "kind", "reason"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_an_answer_has_one_meaning(
    error: Exception, kind: type[GloveboxError], reason: str
) -> None:
    ours = translate(error, "write the canary")
    assert (type(ours), ours.reason) == (kind, reason)
    assert ours.message.startswith("could not write the canary: ")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<Error><Code>NoSuchKey</Code></Error>", "NoSuchKey"),
        (
            (
                b"<ErrorResponse"
                b' xmlns="https://sts/"><Error><Code>AccessDenied</Code></Error></ErrorResponse>'
            ),
            "AccessDenied",
        ),
        (b"<Error/>", ""),
        (b"", ""),
        (b"<html><body>no", ""),
        (b'{"Code":"x"}', ""),
    ],
)
def test_a_body_that_cannot_be_read_leaves_the_code_empty(body: bytes, code: str) -> None:
    assert parse_error(403, body).code == code
