"""Which times and which groups a dataset covers, as far as its owner says."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from glovebox.api.base import Model
from glovebox.api.scalars import DeclaredTime
from glovebox.api.schema import list_set, rule, rules, taught

_COLUMN = r"^[A-Za-z_][A-Za-z0-9_.-]*$"
Column = Annotated[
    str,
    Field(max_length=128),
    taught(
        _COLUMN,
        "must be the name of a column: a letter or `_`, then letters, digits, `_`, `.` and `-`",
    ),
]


class TimeWindow(Model):
    """The times of all rows of a dataset."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.fromTime < self.untilTime",
                "`untilTime` must be later than `fromTime`: it is the first moment after the data",
                field_path=".untilTime",
            )
        )
    )

    column: Column = Field(
        description=(
            "The column that holds the time. Windows are compared between pins that name the same"
            " column."
        )
    )
    from_time: DeclaredTime = Field(description="The first moment that may occur in the column.")
    until_time: DeclaredTime = Field(
        description="The first moment after all that occur in the column."
    )


class Groups(Model):
    """To whom the rows of a dataset belong: patients, machines, customers."""

    column: Column = Field(
        description=(
            "The column that holds the group. Groups are compared between pins that name the same"
            " column."
        )
    )
    values: tuple[Annotated[str, Field(min_length=1, max_length=256)], ...] = Field(
        default=(),
        max_length=1000,
        json_schema_extra=list_set(),
        description=(
            "All values that occur; at most 1000. When empty: they are read from the paths, where"
            " each object lies in a folder `<column>=<value>/`."
        ),
    )


class Rows(Model):
    """What distinguishes the rows of a dataset."""

    key: tuple[Column, ...] = Field(
        min_length=1,
        max_length=8,
        json_schema_extra=list_set(),
        description=(
            "The columns whose values together name a row: a patient and a visit, a flight and a"
            " day; in any order. Every object is a table with these columns: Parquet, CSV or JSON"
            " Lines. Rows are compared between pins that name the same columns."
        ),
    )


class Texts(Model):
    """What is compared by its words."""

    columns: tuple[Column, ...] = Field(
        min_length=1,
        max_length=4,
        json_schema_extra=list_set(),
        description=(
            "The columns that hold the text of a row, in any order. Every object is a table with"
            " these columns, which hold text: Parquet, CSV or JSON Lines. Texts are compared"
            " between pins that name the same columns, and two are nearly the same when about four"
            " fifths of their runs of three words are in both (near texts, version 1)."
        ),
    )


class Coverage(Model):
    """What a dataset covers. It lets an Experiment see that its inputs are apart."""

    time: TimeWindow | None = Field(
        default=None,
        description="The times of all rows. When absent: not known.",
    )
    groups: Groups | None = Field(
        default=None,
        description="To whom the rows belong. When absent: not known.",
    )
    rows: Rows | None = Field(
        default=None,
        description="What distinguishes the rows. When absent: rows are not compared.",
    )
    texts: Texts | None = Field(
        default=None,
        description="What is compared by its words. When absent: texts are not compared.",
    )
