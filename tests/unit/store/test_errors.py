"""What a store answers becomes one of our errors, whatever state the answer is in."""

from __future__ import annotations

import ssl

import pytest
import urllib3
from botocore import exceptions as botocore
from botocore.parsers import ResponseParserError

from glovebox.errors import Conflict, Forbidden, GloveboxError, InvalidInput, Unavailable
from glovebox.store.answers import AnswerError, parse_error
from glovebox.store.errors import translate, translated

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
    ("asked to slow down, without a word", AnswerError(503, ""), Unavailable, "StoreBusy"),
    ("asked to wait, without a word", AnswerError(429, ""), Unavailable, "StoreBusy"),
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
    ("being written", AnswerError(409, "ConditionalRequestConflict"), Unavailable, "StoreBusy"),
    ("being changed", AnswerError(409, "OperationAborted"), Unavailable, "StoreBusy"),
    ("too fast", AnswerError(503, "SlowDown"), Unavailable, "StoreBusy"),
    ("broken", AnswerError(500, ""), Unavailable, "StoreFailed"),
    ("bad gateway", AnswerError(502, "Whatever"), Unavailable, "StoreFailed"),
    ("no STS", AnswerError(405, ""), InvalidInput, "StoreRejected"),
    ("no such action", AnswerError(501, "NotImplemented"), InvalidInput, "StoreRejected"),
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
    ("no answer of S3", ResponseParserError("x"), Unavailable, "StoreFailed"),
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


SAID: list[tuple[str, str, str, str]] = [
    ("the store's own words", "BadPolicy", "unsupported action 's:A'.", "unsupported action 's:A'"),
    ("no words", "BadPolicy", "", ""),
    ("the code once more", "AccessDenied", "Access Denied.", ""),
    ("several lines", "X", "one\n  two\tthree", "one two three"),
    ("a page", "X", "word " * 100, "word " * 31 + "word\u2026"),
    ("a control character", "X", "a\x1b[31mb", "a\ufffd[31mb"),
    ("an issued key", "X", "the key AKIAABCDEFGHIJKLMNOP is off", "the key [redacted] is off"),
    ("a request's id", "X", "see 18b2f6a0c1d2e3f4 there", "see [redacted] there"),
    ("a time", "X", "it is 2026-11-26T10:11:12Z now", "it is [redacted] now"),
    ("a secret by its name", "X", "secret_key=abcdef", "secret_key=[redacted]"),
]


@pytest.mark.parametrize(
    ("code", "words", "shown"), [case[1:] for case in SAID], ids=[case[0] for case in SAID]
)
def test_what_the_store_said_is_shown_in_one_line_without_secrets(
    code: str, words: str, shown: str
) -> None:
    told = f"400 {code}: {shown}" if shown else f"400 {code}"
    by_wire = translate(AnswerError(400, code, words), "ask")
    response = {
        "Error": {"Code": code, "Message": words},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    by_client = translate(client_error(response), "ask")
    assert by_wire.message == by_client.message
    assert by_wire.message.endswith(f"(the store said {told})")


def test_the_words_of_a_body_are_read_with_its_code() -> None:
    body = b"<Error><Code>NoSuchKey</Code><Message>It is gone.</Message></Error>"
    assert parse_error(404, body).shown == "404 NoSuchKey: It is gone"


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


def test_a_certificate_that_is_not_trusted_is_told_as_that_wherever_it_is_wrapped() -> None:
    refused = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED]")
    refused.verify_message = "self-signed certificate"
    wrapped = botocore.SSLError(
        endpoint_url="https://store", error=urllib3.exceptions.SSLError(refused)
    )
    found = translate(wrapped, "read it")
    assert isinstance(found, Unavailable)
    assert "`spec.tls.caBundle`" in found.message
    assert found.message.endswith("(self-signed certificate)")


def test_a_connection_that_breaks_beneath_every_client_is_no_answer() -> None:
    with pytest.raises(Unavailable) as broken, translated("read it"):
        raise ConnectionResetError
    assert broken.value.reason == "StoreUnreachable"
