"""What was found of a dataset's distribution."""

from __future__ import annotations

from pydantic import Field

from glovebox.api.base import TolerantModel
from glovebox.api.scalars import Time
from glovebox.api.schema import Extra, list_atomic

MAX_SHOWN_COLUMNS = 20
# Of so many columns the parts are in the status, so many of each: the documents have all.
MAX_DRAWN_COLUMNS = 6
MAX_PARTS = 22
VERDICTS = ("stable", "moved", "unknown")
_INT64: Extra = {"format": "int64"}


class StoredDocument(TolerantModel):
    """An object that holds all of it, in the bucket of artifacts, beside the manifest."""

    bucket: str = Field(max_length=63, description="Its bucket.")
    key: str = Field(max_length=1024, description="Its key; it ends in the digest.")
    version_id: str = Field(default="", max_length=1024, description="Its version.")
    digest: str = Field(max_length=71, description="SHA-256 of its bytes.")
    bytes: int = Field(ge=0, json_schema_extra=_INT64, description="Its size (bytes).")


class DrawnPart(TolerantModel):
    """A part of a column's rows that hold something; shares in ten-thousandths."""

    name: str = Field(
        max_length=64, description="What they hold: a value, or between which two; cut."
    )
    share: int = Field(
        ge=0, json_schema_extra={"format": "int32"}, description="Which share of the rows it is."
    )
    before: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra={"format": "int32"},
        description="The same in the other pin. Absent where nothing is compared.",
    )


class DrawnColumn(TolerantModel):
    """A column as a page draws it. No part has fewer than `leastRows` rows."""

    name: str = Field(max_length=1024, description="Name of the column.")
    parts: tuple[DrawnPart, ...] = Field(
        max_length=MAX_PARTS,
        json_schema_extra=list_atomic(),
        description="Parts of about equal numbers of rows, or frequent values and all others.",
    )


def _drawn(which: str) -> tuple[DrawnColumn, ...]:
    field: tuple[DrawnColumn, ...] = Field(
        default=(),
        max_length=MAX_DRAWN_COLUMNS,
        json_schema_extra=list_atomic(),
        description=f"What pages draw: {which}, at most {MAX_DRAWN_COLUMNS} columns.",
    )
    return field


class StatisticsStatus(TolerantModel):
    """What was found of the columns. Written once: neither content nor spec changes."""

    content: str = Field(max_length=71, description="Content root of what was read.")
    asked: str = Field(max_length=71, description="SHA-256 of what `spec.statistics` asks for.")
    computed_time: Time = Field(description="When the files were read.")
    rows: int = Field(ge=0, json_schema_extra=_INT64, description="How many rows they have.")
    files: int = Field(ge=0, json_schema_extra=_INT64, description="How many tables were read.")
    columns: int = Field(
        ge=0, json_schema_extra={"format": "int32"}, description="How many columns are described."
    )
    shown: int = Field(
        ge=0,
        json_schema_extra={"format": "int32"},
        description="Of how many of them a distribution is shown.",
    )
    bytes_read: int = Field(
        ge=0, json_schema_extra=_INT64, description="What was read of the files (bytes)."
    )
    document: StoredDocument = Field(description="Where the statistics are.")
    drawn: tuple[DrawnColumn, ...] = _drawn("how the first shown columns are distributed")


class ComparedColumn(TolerantModel):
    """One column against that of the other pin; numbers in ten-thousandths."""

    name: str = Field(max_length=1024, description="Name of the column.")
    verdict: str = Field(max_length=16, description="`stable`, `moved` or `unknown`.")
    reason: str = Field(
        default="",
        max_length=24,
        description=(
            "What moved (`PSI`, `KS`, `TotalVariation`, `NullShare`, `Came`, `Went`), or why"
            " nothing is known (`TooFewRows`, `TypeChanged`, `TooManyValues`, `NotShown`,"
            " `NotDescribed`)."
        ),
    )
    psi: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra=_INT64,
        description=(
            "Population stability index. Absent where distributions are not compared, or have too"
            " few rows for that. Parts with fewer than `leastRows` count as if they had so many."
        ),
    )
    psi_floor: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra=_INT64,
        description="What chance alone comes to with so many rows: once in 10,000 columns.",
    )
    distance: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra=_INT64,
        description="Of numbers and times KS at the edges, of categories the total variation.",
    )
    distance_floor: int | None = Field(
        default=None, ge=0, json_schema_extra=_INT64, description="The same of the distance."
    )
    null_share_before: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra=_INT64,
        description="Share of rows without a value in the other pin.",
    )
    null_share: int | None = Field(
        default=None, ge=0, json_schema_extra=_INT64, description="The same in this one."
    )
    gap_seconds: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra=_INT64,
        description=(
            "How long (seconds) at least the times between those of both pins are in neither of"
            " them. Absent where there is no such gap, or bounds are not shown."
        ),
    )


class DistributionStatus(TolerantModel):
    """How the distribution compares with that of another pin. Written once."""

    content: str = Field(max_length=71, description="Content root of what was compared.")
    asked: str = Field(max_length=71, description="SHA-256 of what the spec asks for.")
    compared_time: Time = Field(description="When they were compared.")
    against: str = Field(
        max_length=317,
        description="Name of the other DatasetPin; of another namespace `namespace/name`.",
    )
    against_content: str = Field(max_length=71, description="Its content root.")
    against_statistics: str = Field(max_length=71, description="Digest of its statistics.")
    verdict: str = Field(max_length=16, description="`stable`, `moved` or `unknown`.")
    stable: int = Field(
        ge=0, json_schema_extra={"format": "int32"}, description="How many columns are stable."
    )
    moved: int = Field(
        ge=0, json_schema_extra={"format": "int32"}, description="How many columns moved."
    )
    unknown: int = Field(
        ge=0,
        json_schema_extra={"format": "int32"},
        description="Of how many columns nothing is known, or may be shown.",
    )
    worst_psi: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra=_INT64,
        description="The greatest PSI of all columns, in ten-thousandths.",
    )
    columns: tuple[ComparedColumn, ...] = Field(
        default=(),
        max_length=MAX_SHOWN_COLUMNS,
        json_schema_extra=list_atomic(),
        description=f"The columns that moved most; at most {MAX_SHOWN_COLUMNS}.",
    )
    document: StoredDocument = Field(description="Where the table of all columns is.")
    drawn: tuple[DrawnColumn, ...] = _drawn("the columns that moved most, in both pins")
