"""What proofs of pins may take of a store."""

from __future__ import annotations

from pydantic import Field

from glovebox.api.base import Model


class VerificationBudget(Model):
    """What all proofs together may take of the store, from midnight to midnight UTC."""

    bytes_per_day: int = Field(
        default=107374182400,
        ge=1,
        json_schema_extra={"format": "int64"},
        description="Bytes of pinned objects that are read again. When absent: 100 GiB.",
    )
    requests_per_day: int = Field(
        default=1000000,
        ge=1,
        json_schema_extra={"format": "int64"},
        description="Requests for pinned objects.",
    )


class StoreVerification(Model):
    """What proofs of pins may take of the store."""

    budget: VerificationBudget = Field(
        default=VerificationBudget(),
        description=(
            "What the levels `Head`, `Sample` and `Full` of all pins in this store share; the pin"
            " whose proof is the oldest comes first. Checks by listing, and the first reading of a"
            " pin, are not counted."
        ),
    )
