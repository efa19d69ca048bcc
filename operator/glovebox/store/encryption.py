"""How a store encrypts what is written: asked for with each write of ours, and seen in a HEAD.

What a run writes carries no such header, because no SDK takes one from its configuration: it is
encrypted by the default of the bucket, which `ensure_bucket` sets or requires. What an object is
encrypted with is believed of the store's own answer alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ServerSideEncryptionByDefaultTypeDef

# Requests that begin an object; the parts of an upload follow their beginning.
_WRITES: Final = ("PutObject", "CreateMultipartUpload", "CopyObject")
_KMS: Final = "aws:kms"
_S3: Final = "AES256"
_SHOWN: Final = "x-amz-server-side-encryption"
_SHOWN_KEY: Final = "x-amz-server-side-encryption-aws-kms-key-id"


@dataclass(frozen=True)
class Encryption:
    """What objects have to be encrypted with.

    Args:
        key_id: The key of the store's KMS (SSE-KMS); empty for keys of the store's own (SSE-S3).
    """

    key_id: str = ""

    @property
    def algorithm(self) -> str:
        """As S3 spells it."""
        return _KMS if self.key_id else _S3

    @property
    def type(self) -> str:
        """As `spec.encryption.type` spells it."""
        return "SSE-KMS" if self.key_id else "SSE-S3"

    @property
    def options(self) -> dict[str, str]:
        """The parameters of a write."""
        key = {"SSEKMSKeyId": self.key_id} if self.key_id else {}
        return {"ServerSideEncryption": self.algorithm, **key}

    @property
    def rule(self) -> ServerSideEncryptionByDefaultTypeDef:
        """The default of a bucket."""
        if self.key_id:
            return {"SSEAlgorithm": _KMS, "KMSMasterKeyID": self.key_id}
        return {"SSEAlgorithm": _S3}

    @property
    def trial(self) -> str:
        """A short name of it, for the object with which it is tried out once."""
        return hashlib.sha256(str(self).encode()).hexdigest()[:12]

    def is_shown(self, headers: Mapping[str, str]) -> bool:
        """Whether the headers of a HEAD say that an object is encrypted so."""
        return self.is_same(headers.get(_SHOWN, ""), headers.get(_SHOWN_KEY, ""))

    def is_same(self, algorithm: str, key_id: str) -> bool:
        """Whether what a store names is this.

        Stores write an ARN around the name of a key: `arn:aws:kms:<name>` is that of MinIO.
        """
        if algorithm != self.algorithm:
            return False
        if not self.key_id:
            return True
        return key_id == self.key_id or (
            key_id.startswith("arn:") and key_id.endswith((f":{self.key_id}", f"/{self.key_id}"))
        )

    def __str__(self) -> str:
        """Return it in words."""
        return f"SSE-KMS with the key {self.key_id}" if self.key_id else "SSE-S3"


def shown(headers: Mapping[str, str]) -> str:
    """Return in words what the headers of a HEAD say of an object's encryption."""
    return named(headers.get(_SHOWN, ""), headers.get(_SHOWN_KEY, ""))


def named(algorithm: str, key_id: str) -> str:
    """Return in words what a store names."""
    if not algorithm:
        return "no encryption"
    return f"{algorithm} with the key {key_id}" if key_id else algorithm


def ask_with_each_write(client: S3Client, encryption: Encryption) -> None:
    """Have a client ask for this encryption with whatever it writes from now on.

    Here rather than where the writes are: none can be forgotten.
    """

    def add(params: dict[str, Any], **_: object) -> None:
        if "ServerSideEncryption" not in params:
            params.update(encryption.options)

    for write in _WRITES:
        client.meta.events.register(f"provide-client-params.s3.{write}", add)
