"""SplitPin: a dataset is divided into these parts, by this rule, once.

A part belongs to a role. Which row or object goes to which part depends on the rule alone, so it is
the same whenever, wherever and by whomever it is computed. The spec is immutable, as that of every
pin is.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from glovebox.api.base import Model, Resource, Status, TolerantModel
from glovebox.api.coverage import Column
from glovebox.api.references import LocalPinRef
from glovebox.api.scalars import DnsLabel, ObjectKey, Text, Time
from glovebox.api.schema import FORBIDDEN, Extra, list_atomic, list_map, rule, rules

MAX_PARTS = 16
# How deep a part of a part of a split can be.
MAX_NESTED = 4
SPLIT_FROZEN = rule(
    "self == oldSelf",
    "is immutable: a split identifies which rows are tested on. Create a new SplitPin with the"
    " changed spec",
    reason=FORBIDDEN,
)
# Reference data are looked up, and neither trained nor tested on.
PartRole = Literal["train", "validation", "test", "holdout"]
# What a column of a key can hold.
ColumnType = Literal["Text", "Integer", "Bool", "Bytes", "Decimal", "Timestamp", "Date"]


class SplitSource(Model):
    """What is split."""

    pin_ref: LocalPinRef = Field(description="The DatasetPin, in the same namespace.")


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
    boundaries: Annotated[tuple[Time, ...], Field(min_length=1, max_length=MAX_PARTS - 1)] = Field(
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
                " or else what tells rows apart",
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


class PartOfSplit(TolerantModel):
    """That some data are a part of a split."""

    split_digest: str = Field(max_length=71, description="`status.digest` of the SplitPin.")
    part: str = Field(max_length=63, description="Name of the part.")
    source_digest: str = Field(max_length=71, description="Content root of what was split.")
    granularity: str = Field(max_length=16, description="Whether rows or objects were split.")
    by: str = Field(max_length=16, description="What decided: `Key`, `Time` or `Assignment`.")
    columns: tuple[str, ...] = Field(
        default=(),
        max_length=8,
        json_schema_extra={**list_atomic(), "items": {"type": "string", "maxLength": 128}},
        description=(
            "Columns of the key, or of the time. By key, nothing with the same values is in two"
            " parts."
        ),
    )


class PartManifest(TolerantModel):
    """The manifest object of a part."""

    bucket: str = Field(max_length=63, description="Bucket of the manifest.")
    key: str = Field(max_length=1024, description="Key of the manifest.")
    version_id: str = Field(default="", max_length=1024, description="Version of the manifest.")
    digest: str = Field(
        max_length=71, description="SHA-256 of the manifest's lines, before compression."
    )
    bytes: int = Field(
        ge=0, json_schema_extra={"format": "int64"}, description="Size of the manifest (bytes)."
    )


class PartStatus(TolerantModel):
    """What a part came to."""

    name: str = Field(max_length=63, description="Name of the part.")
    digest: str = Field(max_length=71, description="Content root of the part.")
    pin_digest: str = Field(max_length=71, description="Pin root of the part.")
    objects: int = Field(
        ge=0, json_schema_extra={"format": "int64"}, description="Number of its objects."
    )
    bytes: int = Field(
        ge=0, json_schema_extra={"format": "int64"}, description="Size of all its objects (bytes)."
    )
    shards: int = Field(
        ge=0, json_schema_extra={"format": "int32"}, description="Number of shards of its manifest."
    )
    manifest: PartManifest = Field(description="Its manifest: the list of its object versions.")
    rows: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Number of its rows. Absent of `Objects`, which are not opened.",
    )
    keys: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Number of different keys in it. Absent of parts by time.",
    )
    keys_digest: str = Field(
        default="",
        max_length=71,
        description=(
            "SHA-256 over the hashes of its keys, ascending: parts with the same keys by the same"
            " salt have the same digest. Absent of parts by time."
        ),
    )
    first_time: Time | None = Field(
        default=None, description="The first moment in it. Absent of other parts than by time."
    )
    last_time: Time | None = Field(
        default=None, description="The last moment in it. Absent of other parts than by time."
    )


class SplitProgress(TolerantModel):
    """How far the work on the split has come. Written about every ten seconds."""

    objects: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Objects of the source that this attempt has divided.",
    )
    objects_total: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Objects of the source.",
    )
    bytes_read: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Bytes of them that were read. 0 of `Objects`, which are not opened.",
    )
    updated_time: Time = Field(description="When this was written.")


class SplitPinStatus(Status):
    """What the split came to.

    Conditions: `Ready`, `Reconciling`, `Stalled`, `DeletionProtected`.
    """

    digest: str = Field(
        default="",
        max_length=71,
        description=(
            "SHA-256 over the content of the source, the rule and the parts with their roles: parts"
            " of splits with an equal digest are apart."
        ),
    )
    source_digest: str = Field(
        default="", max_length=71, description="Content root of the DatasetPin that was split."
    )
    source_uid: str = Field(
        default="", max_length=64, description="UID of the DatasetPin that was split."
    )
    store_ref: str = Field(
        default="", max_length=253, description="The ObjectStore that holds the parts."
    )
    parts: tuple[PartStatus, ...] = Field(
        default=(),
        max_length=MAX_PARTS,
        json_schema_extra=list_map("name"),
        description="What each part came to.",
    )
    left_out: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Rows or objects that belong to no part, because of an embargo.",
    )
    verified_time: Time | None = Field(
        default=None,
        description=(
            "When all content of the parts was read and hashed: of `Objects` by the DatasetPin that"
            " was split, of `Rows` when they were written."
        ),
    )
    within: tuple[PartOfSplit, ...] = Field(
        default=(),
        max_length=MAX_NESTED,
        json_schema_extra=list_atomic(),
        description=(
            "Where the source is itself a part: of which splits, the innermost first. Empty when it"
            " is none."
        ),
    )
    progress: SplitProgress | None = Field(
        default=None,
        description="How far the work on the split has come. Absent while there is none.",
    )

    def part(self, name: str) -> PartStatus | None:
        """Return what a part came to; None before that, or when there is none of that name."""
        return next((part for part in self.parts if part.name == name), None)


class SplitPin(Resource[SplitPinSpec, SplitPinStatus]):
    """A split pin says into which parts a dataset is divided, by which rule.

    A DatasetPin with `source.split` pins one of the parts. It is immutable; another division is
    another SplitPin.
    """

    KIND: ClassVar[str] = "SplitPin"
    ROOT_RULES: ClassVar[tuple[Extra, ...]] = ()

    status: SplitPinStatus = Field(default=SplitPinStatus(), description="What the split came to.")
