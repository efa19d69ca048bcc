"""What of a store's answer is believed to be the encryption that was asked for."""

from __future__ import annotations

import pytest

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


def test_what_is_shown_is_said_in_words() -> None:
    assert shown({}) == "no encryption"
    assert shown({SHOWS: "AES256"}) == "AES256"
    assert shown({SHOWS: "aws:kms", SHOWS_KEY: "k"}) == "aws:kms with the key k"
