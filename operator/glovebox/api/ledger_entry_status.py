"""Where the ledger records one event, as a status has it."""

from __future__ import annotations

from pydantic import Field

from glovebox.api.base import TolerantModel


class LedgerEntryStatus(TolerantModel):
    """Where the ledger records one event."""

    kind: str = Field(max_length=63, description="What happened: `bind`, `run-started`, ...")
    id: str = Field(
        max_length=63,
        description="The event's id: the same in each attempt to write it, and in the entry.",
    )
    epoch: int = Field(
        ge=1, json_schema_extra={"format": "int32"}, description="Epoch of the ledger."
    )
    index: int = Field(
        ge=0, json_schema_extra={"format": "int64"}, description="Index of the entry."
    )
