"""What a store says of a bucket may be half of it: what is not said is not so, and no bug."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from glovebox.store.buckets import read_encryption, read_lock


def saying(answer: dict[str, Any]) -> Any:
    def say(**_: object) -> dict[str, Any]:
        return answer

    return SimpleNamespace(
        s3=SimpleNamespace(get_bucket_encryption=say, get_object_lock_configuration=say)
    )


def encryption(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"ServerSideEncryptionConfiguration": {"Rules": list(rules)}}


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ({}, ("", "")),
        ({"ServerSideEncryptionConfiguration": {}}, ("", "")),
        (encryption(), ("", "")),
        (encryption({"BucketKeyEnabled": True}), ("", "")),
        (encryption({"ApplyServerSideEncryptionByDefault": {}}), ("", "")),
        (
            encryption({"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}),
            ("AES256", ""),
        ),
    ],
)
def test_a_default_encryption_that_is_not_said_is_none(
    answer: dict[str, Any], found: tuple[str, str]
) -> None:
    assert read_encryption(saying(answer), "b") == found


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"ObjectLockConfiguration": {}},
        {"ObjectLockConfiguration": {"Rule": {"DefaultRetention": {"Mode": "COMPLIANCE"}}}},
    ],
)
def test_a_lock_that_is_not_said_is_none(answer: dict[str, Any]) -> None:
    assert read_lock(saying(answer), "b") == (False, None)
