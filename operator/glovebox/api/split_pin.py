"""SplitPin: a dataset is divided into these parts, by this rule, once.

A part belongs to a role. Which row or object goes to which part depends on the rule alone, so it is
the same whenever, wherever and by whomever it is computed. The spec is immutable, as that of every
pin is.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from glovebox.api.base import Model, Resource
from glovebox.api.references import LocalPinRef
from glovebox.api.scalars import DnsLabel, Text
from glovebox.api.schema import FORBIDDEN, Extra, list_atomic, rule, rules
from glovebox.api.split_pin_status import SplitPinStatus
from glovebox.api.split_rule import MAX_PARTS, SplitRule

SPLIT_FROZEN = rule(
    "self == oldSelf",
    "is immutable: a split identifies which rows are tested on. Create a new SplitPin with the"
    " changed spec",
    reason=FORBIDDEN,
)
# Reference data are looked up, and neither trained nor tested on.
PartRole = Literal["train", "validation", "test", "holdout"]


class SplitSource(Model):
    """What is split."""

    pin_ref: LocalPinRef = Field(description="The DatasetPin, in the same namespace.")


class Part(Model):
    """One part of a split."""

    name: DnsLabel = Field(description="Name of the part.")
    role: PartRole = Field(
        description=(
            "What the part may be used for, and nothing else: an Experiment that uses it in another"
            " role is refused."
        )
    )
    share: int | None = Field(
        default=None,
        ge=1,
        le=9999,
        json_schema_extra={"format": "int32"},
        description=(
            "By `Key`: share of the keys in ten-thousandths; all shares together are 10000."
        ),
    )


_ROLES_BY_TIME = "{'train': 0, 'validation': 1, 'test': 2, 'holdout': 2}"


class SplitPinSpec(Model):
    """What is split, and how. Immutable."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            SPLIT_FROZEN,
            rule(
                "self.parts.all(p, self.parts.exists_one(q, q.name == p.name))",
                "must have names that differ: each part is named once",
                field_path=".parts",
            ),
            rule(
                "self.parts.all(p, has(p.share) == (self.rule.by == 'Key'))",
                "must have a `share` each with `by: Key`, and none with other rules, which say"
                " themselves how large a part is",
                field_path=".parts",
            ),
            rule(
                "self.rule.by != 'Key' || !self.parts.all(p, has(p.share)) || self.parts.map(p,"
                " p.share).sum() == 10000",
                "must have shares that are 10000 together: they are ten-thousandths",
                field_path=".parts",
            ),
            rule(
                "self.rule.by != 'Key' || self.parts.map(p, p.role in ['test', 'holdout'] ? 0 :"
                " 1).isSorted()",
                "must list those of role `test` and `holdout` before all others: then dividing the"
                " rest otherwise never moves what is tested on",
                field_path=".parts",
            ),
            rule(
                "self.rule.by != 'Time' || !has(self.rule.time) || self.rule.time.boundaries.size()"
                " == self.parts.size() - 1",
                "must be one more than there are `rule.time.boundaries`: each boundary begins the"
                " next part",
                field_path=".parts",
            ),
            rule(
                f"self.rule.by != 'Time' || self.parts.map(p, {_ROLES_BY_TIME}[p.role]).isSorted()",
                "must be in the order of their times, `train` before `validation` before `test` and"
                " `holdout`: what is tested on comes last",
                field_path=".parts",
            ),
            rule(
                "self.granularity != 'Rows' || self.rule.by == 'Time' || (has(self.rule.columns) &&"
                " self.rule.columns.size() > 0)",
                "are needed to split rows: name what must not be torn apart, such as the patient,"
                " or else what distinguishes rows",
                field_path=".rule.columns",
            ),
            rule(
                "self.granularity != 'Objects' || !has(self.rule.columns) ||"
                " self.rule.columns.all(c, !has(c.type))",
                "must not have a `type` with `granularity: Objects`: the values of folders are"
                " text. Leave it out",
                field_path=".rule.columns",
            ),
        )
    )

    source: SplitSource = Field(description="What is split.")
    granularity: Literal["Rows", "Objects"] = Field(
        description=(
            "`Rows`: the rows of tables (Parquet, CSV, JSON Lines) are written into new, locked"
            " Parquet objects, those of each part for itself. `Objects`: whole objects go to parts"
            " as they are, and nothing is written."
        )
    )
    rule: SplitRule = Field(description="What decides to which part something belongs.")
    parts: Annotated[tuple[Part, ...], Field(min_length=2, max_length=MAX_PARTS)] = Field(
        json_schema_extra=list_atomic(),
        description=(
            "The parts, 2 to 16. By `Key`: `test` and `holdout` first. By `Time`: in the order of"
            " their times."
        ),
    )
    description: Text = Field(default="", description="What the split is for, in words.")


class SplitPin(Resource[SplitPinSpec, SplitPinStatus]):
    """A split pin says into which parts a dataset is divided, by which rule.

    A DatasetPin with `source.split` pins one of the parts. It is immutable; another division is
    another SplitPin.
    """

    KIND: ClassVar[str] = "SplitPin"
    ROOT_RULES: ClassVar[tuple[Extra, ...]] = ()

    status: SplitPinStatus = Field(default=SplitPinStatus(), description="What the split came to.")
