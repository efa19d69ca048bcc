"""What differed from what the operator made, by whom and for how long."""

from __future__ import annotations

from pydantic import Field

from glovebox.api.base import TolerantModel
from glovebox.api.scalars import Time


class DriftRecord(TolerantModel):
    """One difference between what was declared and what was found."""

    kind: str = Field(default="", max_length=63, description="Kind of the object.")
    name: str = Field(default="", max_length=253, description="Name of the object.")
    change: str = Field(
        default="",
        max_length=63,
        description="What had happened: `Modified`, `Deleted` or `Unexpected`.",
    )
    field: str = Field(default="", max_length=1024, description="The field that differed.")
    manager: str = Field(
        default="", max_length=253, description="Who wrote it, as far as the API server knows."
    )


class OutstandingDrift(TolerantModel):
    """What was found and not put right: since when, until when, and the first object of it."""

    times: int = Field(
        ge=1,
        json_schema_extra={"format": "int64"},
        description="How often something has begun to differ without being put right at once.",
    )
    since_time: Time = Field(description="When the operator found it, the last time.")
    until_time: Time | None = Field(
        default=None, description="When nothing differed any more; absent while something does."
    )
    reason: str = Field(
        max_length=63,
        description="Why it stays: `DriftDetected`, `WriterFight` or `DeletionBlocked`.",
    )
    objects: int = Field(
        ge=1, json_schema_extra={"format": "int32"}, description="How many objects differ."
    )
    first: DriftRecord = Field(description="One of them.")


class DriftStatus(TolerantModel):
    """Drift that was found, counted over the life of the experiment."""

    repairs: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="How many differences were repaired.",
    )
    pods: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="How many of those were pods that came in past the guards, and were removed.",
    )
    last_repair_time: Time | None = Field(
        default=None, description="When the last one was repaired."
    )
    last: DriftRecord | None = Field(
        default=None, description="The last difference that was repaired."
    )
    outstanding: OutstandingDrift | None = Field(
        default=None, description="What was not repaired, the last time that there was any."
    )
