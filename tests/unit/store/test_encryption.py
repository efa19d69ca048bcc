"""What of a store's answer is believed to be the encryption that was asked for."""

from __future__ import annotations

import pytest

from glovebox.store.connection import Credentials, Stores, StoreSettings
from glovebox.store.encryption import Encryption, shown

ARN = "arn:aws:kms:eu-central-1:123456789012:key/1234"
S3, KMS = Encryption(), Encryption("team-key")
SHOWS = "x-amz-server-side-encryption"
SHOWS_KEY = "x-amz-server-side-encryption-aws-kms-key-id"


@pytest.mark.parametrize(
    ("why", "wanted", "algorithm", "key", "same"),
    [
        ("the store's own keys", S3, "AES256", "", True),
        ("nothing is shown", S3, "", "", False),
        ("another way, stronger or not, is not what was said", S3, "aws:kms", ARN, False),
        ("by name", KMS, "aws:kms", "team-key", True),
        ("MinIO writes an ARN around it", KMS, "aws:kms", "arn:aws:kms:team-key", True),
        ("AWS as well, where the id alone was given", Encryption("1234"), "aws:kms", ARN, True),
        ("by its ARN", Encryption(ARN), "aws:kms", ARN, True),
        ("another key", KMS, "aws:kms", "other-key", False),
        ("another key whose name ends alike", KMS, "aws:kms", "old-team-key", False),
        ("which, the store does not say", KMS, "aws:kms", "", False),
        ("the key of nobody", KMS, "AES256", "", False),
        ("twice encrypted is something else", KMS, "aws:kms:dsse", "team-key", False),
    ],
)
def test_what_is_shown_is_what_was_asked_for(
    why: str, wanted: Encryption, algorithm: str, key: str, *, same: bool
) -> None:
    assert wanted.is_shown({SHOWS: algorithm, SHOWS_KEY: key}) is same, why


@pytest.mark.parametrize("write", ["PutObject", "CreateMultipartUpload", "CopyObject"])
def test_each_request_that_begins_an_object_asks_for_it(write: str) -> None:
    settings = StoreSettings(
        "http://store.invalid", credentials=Credentials("key", "secret"), encryption=KMS
    )
    store = Stores(threads=2).open(settings)
    asks: dict[str, str] = {}
    event = f"provide-client-params.s3.{write}"
    store.s3.meta.events.emit(event, params=asks, model=None, context={})
    assert asks == {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "team-key"}
    own = {"ServerSideEncryption": "AES256"}
    store.s3.meta.events.emit(event, params=own, model=None, context={})
    assert own == {"ServerSideEncryption": "AES256"}, "what the caller says stands"
    nothing: dict[str, str] = {}
    store.without_encryption().s3.meta.events.emit(event, params=nothing, model=None, context={})
    assert nothing == {}, "as the SDK of a run"


def test_what_is_shown_is_said_in_words() -> None:
    assert shown({}) == "no encryption"
    assert shown({SHOWS: "AES256"}) == "AES256"
    assert shown({SHOWS: "aws:kms", SHOWS_KEY: "k"}) == "aws:kms with the key k"
