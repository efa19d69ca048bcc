"""What was found of a dataset's contract."""

from __future__ import annotations

from pydantic import Field

from glovebox.api.base import TolerantModel
from glovebox.api.contract import MAX_COLUMNS, MAX_KEYS
from glovebox.api.scalars import Time
from glovebox.api.schema import list_atomic

MAX_VIOLATIONS = 32


class ContractViolation(TolerantModel):
    """Something in the data that the contract does not allow."""

    rule: str = Field(max_length=16, description="The rule, in one word.")
    file: str = Field(
        default="",
        max_length=1024,
        description="Path of the file. Absent where the dataset as a whole is at fault.",
    )
    column: str = Field(
        default="", max_length=1152, description="The column, or columns. Absent of whole files."
    )
    count: int = Field(
        ge=0, json_schema_extra={"format": "int64"}, description="How many rows are at fault."
    )
    message: str = Field(max_length=512, description="What was expected, and what was found.")


class RuleViolations(TolerantModel):
    """How often one rule was violated."""

    rule: str = Field(max_length=16, description="The rule, in one word.")
    violations: int = Field(
        ge=0,
        json_schema_extra={"format": "int64"},
        description="In how many columns of files, or how often of the whole dataset.",
    )


class ObservedColumn(TolerantModel):
    """A column as it was found."""

    name: str = Field(max_length=128, description="Name of the column.")
    type: str = Field(max_length=16, description="What it holds; `Unknown` where no row does.")
    nulls: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra={"format": "int64"},
        description=("Rows that hold nothing there. Absent where no rule asks and no footer says."),
    )


class TargetContent(TolerantModel):
    """The content of another pin, in which values were looked up."""

    name: str = Field(max_length=253, description="Name of the DatasetPin.")
    digest: str = Field(max_length=71, description="Its content root.")


class ContractStatus(TolerantModel):
    """What was found of the contract. Written once: neither content nor contract changes."""

    digest: str = Field(
        max_length=71, description="SHA-256 of the contract in canonical JSON, as it was checked."
    )
    content: str = Field(max_length=71, description="Content root of what was checked.")
    checked_time: Time = Field(description="When the check ended.")
    rules: int = Field(
        ge=0, json_schema_extra={"format": "int32"}, description="How many rules were checked."
    )
    files: int = Field(
        ge=0, json_schema_extra={"format": "int64"}, description="How many files were checked."
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
    violations: int = Field(
        ge=0,
        json_schema_extra={"format": "int64"},
        description="How many violations there are; each is of one rule, file and column.",
    )
    by_rule: tuple[RuleViolations, ...] = Field(
        default=(),
        max_length=32,
        json_schema_extra=list_atomic(),
        description="How often each rule was violated. Rules that were met are left out.",
    )
    first: tuple[ContractViolation, ...] = Field(
        default=(),
        max_length=MAX_VIOLATIONS,
        json_schema_extra=list_atomic(),
        description=(
            f"Violations, at most {MAX_VIOLATIONS}, and at most three of one rule and column."
        ),
    )
    columns: tuple[ObservedColumn, ...] = Field(
        default=(),
        max_length=MAX_COLUMNS,
        json_schema_extra=list_atomic(),
        description="The columns of the contract as they were found.",
    )
    targets: tuple[TargetContent, ...] = Field(
        default=(),
        max_length=MAX_KEYS,
        json_schema_extra=list_atomic(),
        description="The pins in which values were looked up, as they were.",
    )
