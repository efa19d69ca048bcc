"""The seal of an Experiment, what was signed after it, and its conclusion."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from glovebox.api.base import TolerantModel
from glovebox.api.scalars import Time
from glovebox.api.schema import list_atomic


class SealStatus(TolerantModel):
    """The seal over the results."""

    uri: str = Field(
        max_length=1024,
        description="Where the evidence lies: list of artifacts, snapshot and signed statement.",
    )
    attestation_version: str = Field(
        max_length=1024, description="Version of the signed statement."
    )
    manifest_digest: str = Field(max_length=71, description="Digest of the list of artifacts.")
    objects: int = Field(
        ge=0, json_schema_extra={"format": "int64"}, description="Number of object versions in it."
    )
    bytes: int = Field(
        ge=0, json_schema_extra={"format": "int64"}, description="Their size (bytes)."
    )
    retain_until_time: Time | None = Field(
        default=None, description="The earliest end of a lock among them."
    )
    key_id: str = Field(
        default="",
        max_length=64,
        description="SHA-256 of the public key that the signature is checked with.",
    )
    sealed_time: Time = Field(description="When the seal was made.")
    sessions_end_time: Time | None = Field(
        default=None,
        description=(
            "When the last session has ended that may write below the prefix. The prefix is listed"
            " once more then; see `status.sealSupplement`."
        ),
    )
    findings: tuple[Annotated[str, Field(max_length=1024)], ...] = Field(
        default=(),
        max_length=16,
        json_schema_extra=list_atomic(),
        description="What the seal could not vouch for.",
    )


class SealSupplementStatus(TolerantModel):
    """The last listing of the prefix, after the last session had ended."""

    attestation_version: str = Field(
        max_length=1024, description="Version of the signed statement about it."
    )
    manifest_digest: str = Field(
        max_length=71,
        description="Digest of the last list of artifacts; that of the seal when nothing came.",
    )
    added: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Number of object versions that came after the seal.",
    )
    missing: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Number of sealed object versions that were gone.",
    )
    key_id: str = Field(
        default="",
        max_length=64,
        description="SHA-256 of the public key that the signature is checked with.",
    )
    listed_time: Time = Field(description="When the prefix was listed.")


class ConclusionStatus(TolerantModel):
    """The signed statement of `spec.conclusion`."""

    attestation_version: str = Field(
        max_length=1024, description="Version of the signed statement."
    )
    key_id: str = Field(
        default="",
        max_length=64,
        description="SHA-256 of the public key that the signature is checked with.",
    )
    signed_time: Time = Field(description="When it was signed.")
