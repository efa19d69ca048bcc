"""What is to be described of a dataset's columns, and what its distribution is compared with."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from glovebox.api.base import Model
from glovebox.api.contract import ValueType
from glovebox.api.coverage import Column
from glovebox.api.references import PinRef
from glovebox.api.schema import list_map, rule

MAX_STATISTICS = 64
# Nothing that fewer rows hold is ever told.
LEAST_ROWS = 20
_Share = Annotated[int, Field(ge=1, le=10000, json_schema_extra={"format": "int32"})]

HAS_COLUMNS = rule(
    "!has(self.statistics) || has(self.statistics.columns) || (has(self.contract) &&"
    " self.contract.columns.exists(c, has(c.type)) && self.contract.columns.filter(c,"
    f" has(c.type)).size() <= {MAX_STATISTICS})",
    f"must list columns, unless `contract` has some with a `type`, and at most {MAX_STATISTICS}",
    field_path=".statistics",
)
NEEDS_STATISTICS = rule(
    "!has(self.distribution) || has(self.statistics)",
    "needs `statistics`: those of this pin are compared with those of another one",
    field_path=".distribution",
)
HAS_REFERENCE = rule(
    "!has(self.distribution) || has(self.distribution.against) || has(self.supersedes)",
    "must name in `against` what the data are compared with, unless the pin `supersedes` another",
    field_path=".distribution",
)
NOT_AGAINST_ITSELF = rule(
    "!has(self.spec.distribution) || !has(self.spec.distribution.against) ||"
    " has(self.spec.distribution.against.__namespace__) ||"
    " self.spec.distribution.against.name != self.metadata.name",
    "must name another pin: a pin does not move against itself",
    field_path=".spec.distribution.against",
)


class StatisticsColumn(Model):
    """A column to describe."""

    name: Column = Field(description="Name of the column. Rows of a file without it count as null.")
    type: ValueType = Field(
        description="What the column holds, as in `contract`: what does not fit counts as invalid."
    )
    shown: bool = Field(
        default=False,
        description=(
            "Whether its distribution may be shown: edges of quantiles, or its frequent values."
            " Otherwise rows are counted, and nothing else is shown or compared. Bytes are never"
            " shown."
        ),
    )


class PinStatistics(Model):
    """Which columns are described, once, by what the real files hold."""

    columns: tuple[StatisticsColumn, ...] = Field(
        default=(),
        max_length=MAX_STATISTICS,
        json_schema_extra=list_map("name"),
        description=(
            f"The columns; at most {MAX_STATISTICS}. When empty: those of `contract` that have a"
            " `type`."
        ),
    )
    least_rows: int = Field(
        default=LEAST_ROWS,
        ge=LEAST_ROWS,
        le=1000000,
        json_schema_extra={"format": "int32"},
        description=(
            "The fewest rows that a range or a value has to have to be shown. What has fewer is"
            " joined with others, or withheld."
        ),
    )


class DistributionThresholds(Model):
    """What counts as moved, in ten-thousandths. Never what is within the noise of the rows."""

    psi: int = Field(
        default=2000,
        ge=1,
        le=100000,
        json_schema_extra={"format": "int32"},
        description="The greatest population stability index that is no move: 2000 for 0.2.",
    )
    ks: _Share = Field(
        default=1000,
        description=(
            "The greatest distance of two cumulative distributions (Kolmogorov and Smirnov) that is"
            " no move: 1000 for 0.1."
        ),
    )
    total_variation: _Share = Field(
        default=1000,
        description=(
            "The greatest share of rows that are in another category (total variation) that is no"
            " move: 1000 for 0.1."
        ),
    )
    null_share: _Share = Field(
        default=200,
        description="The greatest change of the share of rows without a value that is no move.",
    )


class Distribution(Model):
    """What the distribution of a dataset is compared with, and what that decides."""

    against: PinRef | None = Field(
        default=None,
        description=(
            "The DatasetPin to compare with; it has `statistics`. One of another namespace takes an"
            " AccessGrant there, in the role `statistics`. When absent: the one in `supersedes`."
        ),
    )
    thresholds: DistributionThresholds = Field(
        default=DistributionThresholds(), description="What counts as moved."
    )
    required: bool = Field(
        default=False,
        description=(
            "Whether the pin is Ready only where its distribution is stable; where that is not"
            " known it is not Ready either. When false: it is reported, and decides nothing."
        ),
    )
