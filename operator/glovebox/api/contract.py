"""The contract of a dataset: what its tables have to hold. Checked once, on the real files."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import ConfigDict, Field

from glovebox.api.base import Model
from glovebox.api.coverage import Column
from glovebox.api.references import LocalPinRef
from glovebox.api.scalars import DeclaredTime
from glovebox.api.schema import list_atomic, list_map, list_set, rule, rules

MAX_COLUMNS = 256
MAX_VALUES = 128
MAX_KEYS = 4
MAX_KEY_COLUMNS = 8
# Pins are held in memory, all of them.
MAX_ALLOWED = 32768
ValueType = Literal["Text", "Integer", "Number", "Bool", "Bytes", "Decimal", "Timestamp", "Date"]
TableFormat = Literal["Parquet", "CSV", "JSONLines"]
# What a file or the dataset can be at fault of, in the order in which it is reported.
RuleName = Literal[
    "Format",
    "Readable",
    "Columns",
    "Type",
    "SameType",
    "NullShare",
    "Minimum",
    "Maximum",
    "Allowed",
    "Pattern",
    "RowCount",
    "Unique",
    "Reference",
    "Freshness",
    "Gap",
]
RULE_NAMES: Final[tuple[RuleName, ...]] = get_args(RuleName)

_WHOLE = r"^-?[0-9]{1,18}$"
_NUMBER = r"^-?[0-9]{1,30}([.][0-9]{1,30})?$"
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"
_NUMERIC = "['Integer', 'Number', 'Decimal']"
_BOUNDS = "[has(self.minimum) ? self.minimum : '', has(self.maximum) ? self.maximum : '']"
_NO_BOUNDS = "(!has(self.minimum) && !has(self.maximum))"
_FITS = (
    f"{_NO_BOUNDS} || (has(self.type) && {_BOUNDS}.all(b, b == '' ||"
    f" (self.type == 'Integer' ? b.matches(r'{_WHOLE}') :"
    f" self.type in ['Number', 'Decimal'] ? b.matches(r'{_NUMBER}') :"
    f" self.type == 'Date' ? b.matches(r'{_DATE}') :"
    f" self.type == 'Timestamp' && b.matches(r'{_MOMENT}'))))"
)
_ASCENDING = (
    "!has(self.minimum) || !has(self.maximum) || !has(self.type) ||"
    f" (self.type in {_NUMERIC} ?"
    f" {_BOUNDS}.exists(b, !b.matches(r'{_NUMBER}')) ||"
    " double(self.minimum) <= double(self.maximum) : self.minimum <= self.maximum)"
)


class ContractColumn(Model):
    """What one column of every table has to hold."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                _FITS,
                "`minimum` and `maximum` must be values of the column's `type`: whole numbers of"
                " Integer, such as '-5'; numbers of Number and Decimal, such as '0.5'; '2013-01-31'"
                " of Date; '2013-01-31T00:00:00Z' of Timestamp. Other types have no bounds",
                field_path=".minimum",
            ),
            rule(
                _ASCENDING,
                "`minimum` must not be greater than `maximum`: no value fits",
                field_path=".maximum",
            ),
            rule(
                "!has(self.allowed) || (has(self.type) && (self.type == 'Text' || (self.type =="
                f" 'Integer' && self.allowed.all(a, a.matches(r'{_WHOLE}')))))",
                "must be of a column with `type: Text`, or whole numbers of one with `type:"
                " Integer`",
                field_path=".allowed",
            ),
            rule(
                "!has(self.pattern) || (has(self.type) && self.type == 'Text')",
                "must be of a column with `type: Text`",
                field_path=".pattern",
            ),
            rule(
                "!has(self.pattern) || ''.matches(self.pattern) || !''.matches(self.pattern)",
                "must be a regular expression as RE2 has them: without look-around and"
                " back-references",
                field_path=".pattern",
            ),
        )
    )

    name: Column = Field(description="Name of the column.")
    type: ValueType | None = Field(
        default=None,
        description=(
            "What the column holds. `Number` is any number, `Decimal` an exact one. Text of CSV is"
            " read as this, and so is text of JSON where JSON has no such type (Decimal, Timestamp,"
            " Date, Bytes). When absent: anything."
        ),
    )
    optional: bool = Field(
        default=False,
        description="Whether a file may lack the column; all its rows count as null then.",
    )
    max_null_share: int | None = Field(
        default=None,
        ge=0,
        le=10000,
        json_schema_extra={"format": "int32"},
        description=(
            "The most rows of each file that may hold nothing there, in ten-thousandths: 0 for"
            " none, 500 for 5 %. When absent: all may."
        ),
    )
    minimum: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        default=None, description="The least value that may occur."
    )
    maximum: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        default=None, description="The greatest value that may occur."
    )
    allowed: tuple[Annotated[str, Field(max_length=128)], ...] = Field(
        default=(),
        max_length=MAX_VALUES,
        json_schema_extra=list_set(),
        description=(
            f"All values that may occur; at most {MAX_VALUES}. When empty: any. For more pin them"
            " as a table, and name it in `references`."
        ),
    )
    pattern: Annotated[str, Field(min_length=1, max_length=256)] | None = Field(
        default=None,
        description="Regular expression (RE2) that each value matches from begin to end.",
    )
    shown: bool = Field(
        default=False,
        description=(
            "Whether values may be shown where they violate the contract. Otherwise only their"
            " place and number are: status is read by more people than the data."
        ),
    )


class RowCounts(Model):
    """How many rows there have to be."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.minimum) || !has(self.maximum) || self.minimum <= self.maximum",
                "must not be less than `minimum`: no number fits",
                field_path=".maximum",
            ),
            rule(
                "!has(self.minimumPerFile) || !has(self.maximumPerFile) || self.minimumPerFile <="
                " self.maximumPerFile",
                "must not be less than `minimumPerFile`: no number fits",
                field_path=".maximumPerFile",
            ),
        )
    )

    minimum: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="The fewest rows of all files together.",
    )
    maximum: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="The most rows of all files together.",
    )
    minimum_per_file: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="The fewest rows of each file.",
    )
    maximum_per_file: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="The most rows of each file.",
    )


class UniqueKey(Model):
    """Columns whose values together occur once in the dataset."""

    columns: Annotated[tuple[Column, ...], Field(min_length=1, max_length=MAX_KEY_COLUMNS)] = Field(
        json_schema_extra=list_set(),
        description=(
            "The columns; each is in `columns` with a type other than Number. A row in which one of"
            " them is null is not compared."
        ),
    )


class ForeignKey(Model):
    """Columns whose values all occur in another pin."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.targetColumns) || self.targetColumns.size() == self.columns.size()",
                "must have as many columns as `columns`, in the same order",
                field_path=".targetColumns",
            )
        )
    )

    columns: Annotated[tuple[Column, ...], Field(min_length=1, max_length=MAX_KEY_COLUMNS)] = Field(
        json_schema_extra=list_set(),
        description=(
            "The columns; each is in `columns` with a type other than Number. A row in which one of"
            " them is null refers to nothing and is not looked up."
        ),
    )
    pin_ref: LocalPinRef = Field(
        description="The DatasetPin that has to hold the values, in the same namespace."
    )
    target_columns: tuple[Column, ...] = Field(
        default=(),
        max_length=MAX_KEY_COLUMNS,
        json_schema_extra=list_set(),
        description="The columns there, in the same order. When empty: of the same names.",
    )


class Freshness(Model):
    """How old the newest row may be."""

    column: Column = Field(
        description="The column of the time; it is in `columns` as Timestamp or Date."
    )
    max_age_seconds: int = Field(
        ge=0,
        le=3153600000,
        json_schema_extra={"format": "int64"},
        description="How many seconds before `atTime` the newest value may lie at most.",
    )
    at_time: DeclaredTime = Field(
        description="The moment that counts. It is fixed, so that the answer is always the same."
    )


class TimeGaps(Model):
    """How long nothing may have been recorded."""

    column: Column = Field(
        description="The column of the time; it is in `columns` as Timestamp or Date."
    )
    max_seconds: int = Field(
        ge=1,
        le=3153600000,
        json_schema_extra={"format": "int64"},
        description="The longest time between two values that follow each other, in all files.",
    )


_TYPED_KEY = (
    "columns.all(c, self.columns.exists(d, d.name == c && has(d.type) && d.type != 'Number'))"
)
_TIMES = "d.type in ['Timestamp', 'Date']"
_KEY_MESSAGE = (
    "must name columns of `columns` that have a `type` other than Number: floats are hardly ever"
    " equal"
)
_TIME_MESSAGE = "must name a column of `columns` with `type: Timestamp` or `type: Date`"


class Contract(Model):
    """What the tables of a dataset have to hold."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                f"!has(self.unique) || self.unique.all(u, u.{_TYPED_KEY})",
                _KEY_MESSAGE,
                field_path=".unique",
            ),
            rule(
                f"!has(self.references) || self.references.all(u, u.{_TYPED_KEY})",
                _KEY_MESSAGE,
                field_path=".references",
            ),
            rule(
                "!has(self.freshness) || self.columns.exists(d, d.name == self.freshness.column &&"
                f" has(d.type) && {_TIMES})",
                _TIME_MESSAGE,
                field_path=".freshness",
            ),
            rule(
                "!has(self.gaps) || self.columns.exists(d, d.name == self.gaps.column &&"
                f" has(d.type) && {_TIMES})",
                _TIME_MESSAGE,
                field_path=".gaps",
            ),
            rule(
                "self.columns.map(c, has(c.allowed) ? c.allowed.map(a, a.size() + 1).sum() :"
                f" 0).sum() <= {MAX_ALLOWED}",
                f"must list in all `allowed` together at most {MAX_ALLOWED} characters: pin long"
                " lists as a table, and name it in `references`",
                field_path=".columns",
            ),
        )
    )

    format: TableFormat | None = Field(
        default=None,
        description=(
            "The format of every file that holds a byte, as its name says it. When absent: any that"
            " is read (`.parquet`, `.csv`, `.jsonl`, `.ndjson`)."
        ),
    )
    columns: Annotated[tuple[ContractColumn, ...], Field(min_length=1, max_length=MAX_COLUMNS)] = (
        Field(
            json_schema_extra=list_map("name"),
            description=f"The columns of every table; at most {MAX_COLUMNS}.",
        )
    )
    other_columns: Literal["Allowed", "Refused"] = Field(
        default="Allowed",
        description=(
            "What becomes of columns that are not listed. Of those of Parquet each has to hold the"
            " same in all files, in either case."
        ),
    )
    statistics: Literal["Trusted", "Ignored"] = Field(
        default="Trusted",
        description=(
            "Whether the statistics in the footers of Parquet are believed where they say that a"
            " rule is met: counts of nulls, and bounds of whole numbers and times. `Ignored`: every"
            " column with a rule is read."
        ),
    )
    rows: RowCounts | None = Field(
        default=None, description="How many rows there have to be. When absent: any number."
    )
    unique: tuple[UniqueKey, ...] = Field(
        default=(),
        max_length=MAX_KEYS,
        json_schema_extra=list_atomic(),
        description=f"What occurs once in the dataset; at most {MAX_KEYS} keys.",
    )
    references: tuple[ForeignKey, ...] = Field(
        default=(),
        max_length=MAX_KEYS,
        json_schema_extra=list_atomic(),
        description=f"What has to occur in other pins; at most {MAX_KEYS}.",
    )
    freshness: Freshness | None = Field(
        default=None, description="How old the newest row may be. When absent: as old as it is."
    )
    gaps: TimeGaps | None = Field(
        default=None, description="How long nothing may have been recorded. When absent: any time."
    )
