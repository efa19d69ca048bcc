"""The rule of a split: what decides to which part something belongs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from glovebox.api.base import Model
from glovebox.api.coverage import Column
from glovebox.api.scalars import DeclaredTime, ObjectKey
from glovebox.api.schema import list_atomic, list_map, rule, rules

MAX_PARTS = 16
# What a column of a key can hold.
ColumnType = Literal["Text", "Integer", "Bool", "Bytes", "Decimal", "Timestamp", "Date"]


class KeyColumn(Model):
    """One column of a key."""

    name: Column = Field(
        description="Name of the column; of `Objects`, of the folders `<name>=<value>/`."
    )
    type: ColumnType | None = Field(
        default=None,
        description=(
            "What the column holds. Text of CSV and JSON is read as that, so that the same value"
            " has the same part in every format. When absent: what the files hold, and text in CSV."
        ),
    )


class TimeRule(Model):
    """Parts that follow each other in time."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.boundaries.isSorted() && self.boundaries.all(b, self.boundaries.exists_one(c,"
                " c == b))",
                "must be in ascending order, each boundary once: parts follow each other in time",
                field_path=".boundaries",
            )
        )
    )

    column: Column = Field(
        description=(
            "The column that holds the time: moments or dates. Of `Objects`, of the folders"
            " `<column>=<value>/`, with a value such as `2013-01-31`."
        )
    )
    boundaries: Annotated[
        tuple[DeclaredTime, ...], Field(min_length=1, max_length=MAX_PARTS - 1)
    ] = Field(
        json_schema_extra=list_atomic(),
        description=(
            "The first moment of each part but the first one, ascending; one fewer than there are"
            " parts."
        ),
    )
    embargo_seconds: int = Field(
        default=0,
        ge=0,
        le=315360000,
        json_schema_extra={"format": "int64"},
        description=(
            "What lies so many seconds before a boundary belongs to no part, so that nothing that"
            " was known then is known already. 0: everything belongs to a part."
        ),
    )


class AssignmentRule(Model):
    """Parts as a list says them that some other program made."""

    path: ObjectKey = Field(
        description=(
            "Path of the list within the pin: a table (Parquet, CSV or JSON Lines) with the key's"
            " columns. It belongs to no part."
        )
    )
    part_column: Column = Field(
        default="part", description="The column of the list that holds the name of the part."
    )


class SplitRule(Model):
    """What decides to which part something belongs."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "has(self.salt) == (self.by == 'Key')",
                "goes with `by: Key` alone, and is needed there: name what the parts are for, such"
                " as the dataset; with another salt it is another split",
                field_path=".salt",
            ),
            rule(
                "has(self.time) == (self.by == 'Time')",
                "goes with `by: Time` alone, and is needed there",
                field_path=".time",
            ),
            rule(
                "has(self.assignment) == (self.by == 'Assignment')",
                "goes with `by: Assignment` alone, and is needed there",
                field_path=".assignment",
            ),
            rule(
                "self.by != 'Time' || !has(self.columns) || self.columns.size() == 0",
                "goes with `by: Key` and `by: Assignment`: parts by time need no key. Leave it out",
                field_path=".columns",
            ),
        )
    )

    by: Literal["Key", "Time", "Assignment"] = Field(
        description=(
            "`Key`: the salted hash of a key decides; rows that are added move none. `Time`: parts"
            " follow each other in time. `Assignment`: a list within the pin says each key's part."
        )
    )
    columns: tuple[KeyColumn, ...] = Field(
        default=(),
        max_length=8,
        json_schema_extra=list_map("name"),
        description=(
            "The columns of the key, in any order: whatever has the same key is in the same part."
            " Name what rows have in common that must not be torn apart, such as the patient. Of"
            " `Objects`, when empty: the path of each object is its key (in a list: a column"
            " `path`)."
        ),
    )
    salt: Annotated[str, Field(min_length=1, max_length=256)] | None = Field(
        default=None,
        description=(
            "What the hash begins with. The same salt for all versions of a dataset keeps every row"
            " in its part. It is no secret."
        ),
    )
    time: TimeRule | None = Field(default=None, description="Where the times are cut.")
    assignment: AssignmentRule | None = Field(
        default=None, description="Where the list is that says each key's part."
    )
