"""The status of a SplitPin: what each part came to, and of which split data are a part."""

from __future__ import annotations

from pydantic import Field

from glovebox.api.base import Status, TolerantModel
from glovebox.api.scalars import Time
from glovebox.api.schema import list_atomic, list_map
from glovebox.api.split_rule import MAX_PARTS

# How deep a part of a part of a split can be.
MAX_NESTED = 4


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
