"""What a check of a pin found, and how far the work on one has come."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from glovebox.api.base import TolerantModel
from glovebox.api.pin_verification import FoundObject
from glovebox.api.scalars import Time
from glovebox.api.schema import list_atomic


class PinFindings(TolerantModel):
    """The findings of the last check by listing, counted."""

    changed: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Objects whose bytes differ from the pinned ones.",
    )
    missing: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Pinned versions that no longer exist.",
    )
    hidden: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description=(
            "Pinned versions behind a delete marker or a newer version: still readable by version"
            " id, but not what a plain listing shows."
        ),
    )
    extra: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Objects below the prefix that are not in the pin.",
    )
    unreadable: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Pinned versions that could not be read.",
    )
    samples: tuple[str, ...] = Field(
        default=(),
        max_length=20,
        json_schema_extra={**list_atomic(), "items": {"type": "string", "maxLength": 1100}},
        description="The first findings, as `<what> <path>`; at most 20.",
    )
    objects: tuple[FoundObject, ...] = Field(
        default=(),
        max_length=20,
        json_schema_extra=list_atomic(),
        description="The same, with what was expected and what was found; at most 20.",
    )


class PinProgress(TolerantModel):
    """How far the work on the pin has come. Written about every ten seconds."""

    phase: Literal[
        "Listing",
        "Hashing",
        "Verifying",
        "Proving",
        "CheckingContract",
        "ComputingStatistics",
        "CheckingSchema",
        "Holding",
    ] = Field(
        description=(
            "`Listing`: finding the object versions. `Hashing`: reading them. `Verifying`:"
            " comparing them with the store. `Proving`: asking for them or reading them again."
            " `CheckingContract`, `ComputingStatistics`, `CheckingSchema`: reading their tables."
            " `Holding`: putting legal holds on them."
        )
    )
    objects: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Objects that are done, those of interrupted attempts included.",
    )
    objects_total: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Objects to do. Absent while that is not known.",
    )
    bytes: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Size of the objects that are done (bytes).",
    )
    bytes_total: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Size of all objects (bytes). Absent while that is not known.",
    )
    bytes_per_second: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Bytes done per second, recently.",
    )
    updated_time: Time = Field(description="When this was written.")
