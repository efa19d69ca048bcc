"""The values of a feature set, as a dataset; and what was found when the two were compared."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import ConfigDict, Field

from glovebox.api.base import Model, TolerantModel
from glovebox.api.coverage import Column
from glovebox.api.references import LocalPinRef
from glovebox.api.scalars import DeclaredTime, Digest, Time
from glovebox.api.schema import list_atomic, list_set, rule, rules

MAX_KEYS: Final = 8
MAX_DIFFERENCES: Final = 32
# In what files and definitions can differ, in the order in which it is reported.
DifferenceKind = Literal[
    "Format", "Unreadable", "Missing", "Type", "Shape", "Null", "CutOff", "Extra"
]
DIFFERENCE_KINDS: Final[tuple[DifferenceKind, ...]] = get_args(DifferenceKind)

_TIMES = "[has(self.eventTime) ? self.eventTime : '', has(self.knownTime) ? self.knownTime : '']"


class AsOf(Model):
    """Up to when the values may know anything."""

    event_time: DeclaredTime | None = Field(
        default=None,
        description="The last moment that may occur in the column `eventTime`. When absent: any.",
    )
    known_time: DeclaredTime | None = Field(
        default=None,
        description="The last moment that may occur in the column `knownTime`. When absent: any.",
    )


class Materialized(Model):
    """The values of the features, as tables: one column for each feature."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                f"!has(self.keys) || !{_TIMES}.exists(t, t in self.keys)",
                "must be columns of their own: `eventTime` and `knownTime` are no keys",
                field_path=".keys",
            ),
            rule(
                "!has(self.eventTime) || !has(self.knownTime) || self.eventTime != self.knownTime",
                "must be another column than `eventTime`: when something was known is not when it"
                " happened",
                field_path=".knownTime",
            ),
            rule(
                "!has(self.asOf) || ((!has(self.asOf.eventTime) || has(self.eventTime)) &&"
                " (!has(self.asOf.knownTime) || has(self.knownTime)))",
                "must be of a column that is named: add `eventTime` or `knownTime`, or leave the"
                " cut-off out",
                field_path=".asOf",
            ),
        )
    )

    pin_ref: LocalPinRef = Field(
        description="The DatasetPin that holds the values, in the same namespace."
    )
    digest: Digest | None = Field(
        default=None,
        description=(
            "Expected content root of the DatasetPin. Any other is refused. When absent: the"
            " observed root is recorded in `status.materialized`."
        ),
    )
    keys: tuple[Column, ...] = Field(
        default=(),
        max_length=MAX_KEYS,
        json_schema_extra=list_set(),
        description=(
            "Columns that say of whom or what a row is; they are no features, and hold no null."
        ),
    )
    event_time: Column | None = Field(
        default=None,
        description=(
            "Column of type timestamp that says when what a row describes happened; it holds no"
            " null. When absent: the rows have no such time."
        ),
    )
    known_time: Column | None = Field(
        default=None,
        description=(
            "Column of type timestamp that says when a row was known; it holds no null. A join at a"
            " point in time that looks at the event time alone reads what was filled in later. When"
            " absent: the rows have no such time."
        ),
    )
    as_of: AsOf | None = Field(
        default=None,
        description=(
            "Up to when the values may know anything; rows with a later time are found. When"
            " absent: without a cut-off."
        ),
    )
    other_columns: Literal["Allowed", "Refused"] = Field(
        default="Refused",
        description="What becomes of columns that are neither features nor keys nor times.",
    )


class SchemaDifference(TolerantModel):
    """Something in which a file is other than the definitions."""

    kind: str = Field(max_length=16, description="In what they differ, in one word.")
    column: str = Field(
        default="", max_length=128, description="The feature, key or time. Absent of whole files."
    )
    declared: str = Field(default="", max_length=128, description="What is declared.")
    found: str = Field(default="", max_length=256, description="What was found.")
    file: str = Field(max_length=1024, description="Path of the file.")
    count: int = Field(
        ge=0, json_schema_extra={"format": "int64"}, description="How many rows it concerns."
    )


class KindDifferences(TolerantModel):
    """How many differences of one kind there are."""

    kind: str = Field(max_length=16, description="In what they differ, in one word.")
    differences: int = Field(
        ge=0, json_schema_extra={"format": "int64"}, description="In how many columns of files."
    )


class MaterializedStatus(TolerantModel):
    """What was found of the values. Written once: neither content nor definitions change."""

    digest: str = Field(
        max_length=71,
        description="SHA-256 of what was asked of each file, in canonical JSON.",
    )
    content: str = Field(max_length=71, description="Content root of what was compared.")
    checked_time: Time = Field(description="When the comparison ended.")
    files: int = Field(
        ge=0, json_schema_extra={"format": "int64"}, description="How many files were compared."
    )
    footers: int = Field(
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Of how many of them the footer was enough, and no row was read.",
    )
    rows: int = Field(
        ge=0, json_schema_extra={"format": "int64"}, description="How many rows they have."
    )
    bytes_read: int = Field(
        ge=0, json_schema_extra={"format": "int64"}, description="What was read of them (bytes)."
    )
    differences: int = Field(
        ge=0,
        json_schema_extra={"format": "int64"},
        description="How many differences there are; each is of one kind, file and column.",
    )
    by_kind: tuple[KindDifferences, ...] = Field(
        default=(),
        max_length=16,
        json_schema_extra=list_atomic(),
        description="How many of each kind. Kinds without one are left out.",
    )
    first: tuple[SchemaDifference, ...] = Field(
        default=(),
        max_length=MAX_DIFFERENCES,
        json_schema_extra=list_atomic(),
        description=(
            f"Differences, at most {MAX_DIFFERENCES}, and at most three of one kind and column."
        ),
    )


Seconds = Annotated[int, Field(ge=1, le=3153600000, json_schema_extra={"format": "int64"})]
