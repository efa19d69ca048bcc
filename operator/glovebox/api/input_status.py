"""What an Experiment's inputs were bound to, who let them in, and what broke since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from glovebox.api.base import TolerantModel
from glovebox.api.derived import RecordedOrigin, UpstreamPart
from glovebox.api.scalars import Time
from glovebox.api.schema import list_atomic
from glovebox.api.split_pin_status import MAX_NESTED
from glovebox.api.stated_data import StatedData


def reading_grants_of(entry: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the grants without which the data of an input may not be read, from its JSON.

    See `InputStatus.reading_grants`.
    """
    return [each for each in entry.get("grants") or () if not each.get("overlapWith")]


class InputManifest(TolerantModel):
    """Where the list of the exact versions of a dataset lies."""

    bucket: str = Field(max_length=63, description="Bucket of the manifest.")
    key: str = Field(max_length=1024, description="Key of the manifest.")
    version_id: str = Field(max_length=1024, description="Version of the manifest.")
    digest: str = Field(
        max_length=71, description="SHA-256 of the manifest's lines, before compression."
    )


# Each namespace that demands a grant for the content has its own.
MAX_GRANTS = 8


class InputGrant(TolerantModel):
    """An AccessGrant of which a use was taken for an input."""

    grant_ref: str = Field(max_length=317, description="`namespace/name` of the AccessGrant.")
    uid: str = Field(
        max_length=63, description="Its UID: one that was created again is another one."
    )
    digest: str = Field(max_length=71, description="SHA-256 of what it grants.")
    content_root: str = Field(
        default="",
        max_length=71,
        description=(
            "The content root that it grants: the input's own, or that of what the input is a part"
            " of. Empty in older status: the input's own."
        ),
    )
    store_ref: str = Field(
        max_length=253, description="Name of the ObjectStore in which the use is recorded."
    )
    uses: int = Field(
        ge=1, json_schema_extra={"format": "int32"}, description="How many uses it allows."
    )
    use: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int32"},
        description="Number of the use that was taken, from 1.",
    )
    expire_time: Time = Field(description="When it ends.")
    # As they were declared: nothing is checked once more.
    overlap_with: tuple[Annotated[str, Field(max_length=63)], ...] = Field(
        default=(),
        max_length=64,
        json_schema_extra=list_atomic(),
        description=(
            "The inputs with which it let the input share something (`spec.overlap` of the grant)."
            " Empty where it let the input be used."
        ),
    )


class InputStatus(TolerantModel):
    """An input as it was when the snapshot was taken."""

    name: str = Field(max_length=63, description="Name of the input.")
    kind: str = Field(max_length=63, description="`DatasetPin` or `FeatureSetPin`.")
    pin_ref: str = Field(
        default="",
        max_length=317,
        description="Name of the pin; `namespace/name` when it is in another namespace.",
    )
    uid: str = Field(
        default="",
        max_length=63,
        description=(
            "UID of the pin: a pin that was recreated under the same name is another pin."
        ),
    )
    digest: str = Field(default="", max_length=71, description="Digest of the pinned content.")
    pin_digest: str = Field(
        default="", max_length=71, description="Digest of the exact copies (datasets only)."
    )
    objects: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Number of objects (datasets only).",
    )
    bytes: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Size (bytes; datasets only).",
    )
    verified_time: Time | None = Field(
        default=None, description="When the pin was last verified by reading."
    )
    manifest: InputManifest | None = Field(
        default=None, description="The list of the exact versions (datasets only)."
    )
    store_ref: str = Field(
        default="",
        max_length=253,
        description="Name of the ObjectStore that holds the data (datasets only).",
    )
    image: str = Field(
        default="",
        max_length=512,
        description="The OCI image that it is mounted from (datasets delivered by image).",
    )
    bucket: str = Field(
        default="",
        max_length=63,
        description="Bucket of a dataset that is a whole prefix; empty for lists of objects.",
    )
    prefix: str = Field(
        default="", max_length=1024, description="Prefix of a dataset that is a whole prefix."
    )
    stated: StatedData | None = Field(
        default=None, description="What the pin said of its data (datasets only)."
    )
    derived: RecordedOrigin | None = Field(
        default=None,
        description=(
            "The sealed Experiment whose artifacts the data are, or what they are a part of"
            " (datasets from a seal only)."
        ),
    )
    part_of: tuple[UpstreamPart, ...] = Field(
        default=(),
        max_length=MAX_NESTED,
        json_schema_extra=list_atomic(),
        description="Of which splits the data are a part, the innermost first (datasets only).",
    )
    grants: tuple[InputGrant, ...] = Field(
        default=(),
        # As many again let it share something.
        max_length=2 * MAX_GRANTS,
        json_schema_extra=list_atomic(),
        description=(
            "The AccessGrants by which the data are used, or share something with other inputs."
            " Empty where none was needed."
        ),
    )

    @property
    def reading_grants(self) -> tuple[InputGrant, ...]:
        """The grants without which the data may not be read any more.

        What was shared was bound once; a grant for that is asked for no more.
        """
        return tuple(each for each in self.grants if not each.overlap_with)


class BrokenInput(TolerantModel):
    """An input of which pinned versions were found changed or gone while the experiment went on."""

    name: str = Field(max_length=63, description="Name of the input.")
    pin_ref: str = Field(
        max_length=317, description="Name of the DatasetPin; with its namespace, if another one."
    )
    pin_digest: str = Field(
        default="", max_length=71, description="The pin root that was bound: which versions."
    )
    action: Literal["Freeze", "Fail"] = Field(
        description="What the bound profile says of it (`spec.data.onBrokenInput`)."
    )
    reason: str = Field(max_length=1024, description="What was found, in one word.")
    message: str = Field(default="", max_length=1024, description="What was found.")
    found_time: Time = Field(description="When the operator saw it.")
