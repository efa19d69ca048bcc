"""The status of an ObjectStore: results of the conformance checks, and what was seen since."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from glovebox.api.access_log import AccessLogStatus
from glovebox.api.base import Status, TolerantModel
from glovebox.api.scalars import Time
from glovebox.api.schema import list_map
from glovebox.api.store_bucket import BucketRetention
from glovebox.api.store_ledger import StoreLedgerStatus


class Proof(TolerantModel):
    """The result of one store conformance check."""

    name: str = Field(max_length=63, description="Name of the check, such as `LockSurvivesDelete`.")
    outcome: Literal["Passed", "Failed", "Unknown"] = Field(
        description="`Passed`, `Failed`, or `Unknown` when the check could not be made."
    )
    message: str = Field(
        default="", max_length=4096, description="What was done, and what the store answered."
    )
    verified_time: Time | None = Field(default=None, description="When the check was last made.")


class ObjectStoreStatus(Status):
    """The results of the store conformance checks.

    Conditions: `Ready`, `VersioningProven`, `LockProven`, `ConditionalWritesProven`,
    `CredentialScopeProven`, `EncryptionProven`, `ConnectionEncrypted`, `KeyPublished`,
    `DeletionProtected`, `RecordsFound`, `EvidenceReadable`, `LedgerWritten`, `LedgerAnchored`,
    `AccessLogRead`.
    """

    bucket: str = Field(
        default="", max_length=63, description="The artifact bucket that was checked."
    )
    retention: BucketRetention | None = Field(
        default=None,
        description=(
            "Default lock of the bucket as observed: how long everything that a run writes is"
            " locked."
        ),
    )
    proofs: tuple[Proof, ...] = Field(
        default=(),
        max_length=64,
        json_schema_extra=list_map("name"),
        description="Every store conformance check with its outcome and time.",
    )
    last_verified_time: Time | None = Field(
        default=None, description="When all checks were last made."
    )
    verified_digest: str = Field(
        default="",
        max_length=71,
        description=(
            "Digest of what was checked: the spec without `access`, `accessLog`, `ledger`,"
            " `verification` and `verifyIntervalSeconds`, whose change calls for no new check."
        ),
    )
    ledger: StoreLedgerStatus | None = Field(
        default=None,
        description=(
            "The newest head of the ledger that was seen signed. A ledger that does not continue it"
            " is neither written nor signed."
        ),
    )
    access_log: AccessLogStatus | None = Field(
        default=None, description="How far the access log was read. Absent before that."
    )
