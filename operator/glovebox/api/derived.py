"""A dataset that the artifacts of a sealed Experiment are: which ones are named, and what is known.

Everything in the status is out of the signed statement of the seal, and of the pins' own record of
it: nothing of it follows from what somebody says of the data.
"""

from __future__ import annotations

from typing import Final

from pydantic import Field

from glovebox.api.base import Model, TolerantModel
from glovebox.api.scalars import Digest, KeyPrefix, ObjectName, Time
from glovebox.api.schema import list_atomic
from glovebox.api.split_pin_status import MAX_NESTED, PartOfSplit

# All inputs of a run, and more of what these were made from.
MAX_UPSTREAM: Final = 128
# What an Experiment records of each of its inputs.
MAX_RECORDED: Final = 32
# And of all of them, as JSON: they lie beside the snapshot, in a ConfigMap.
MAX_RECORDED_BYTES: Final = 64 << 10


class ExperimentSource(Model):
    """The artifacts of a sealed Experiment, in the versions that its seal lists as current."""

    name: ObjectName = Field(description="Name of the Experiment, in the same namespace.")
    uid: str | None = Field(
        default=None,
        max_length=63,
        pattern=r"^[0-9a-zA-Z-]+$",
        description=(
            "UID of the Experiment: the one that its seal is kept under. With it, the pin can also"
            " be made when the Experiment is gone. When absent: that of the Experiment of this"
            " name, which has to be there until the pin is made."
        ),
    )
    digest: Digest | None = Field(
        default=None,
        description=(
            "Expected `status.digest` of the Experiment (`sha256:` and 64 hex digits). When absent:"
            " any."
        ),
    )
    prefix: KeyPrefix = Field(
        default="",
        description=(
            "Prefix below that of the artifacts, ending in `/`, as in `features/`. When absent: all"
            " artifacts."
        ),
    )


class UpstreamPart(TolerantModel):
    """That what a run read is a part of a split."""

    split_digest: str = Field(max_length=71, description="`status.digest` of the SplitPin.")
    part: str = Field(max_length=63, description="Name of the part.")
    source_digest: str = Field(max_length=71, description="Content root of what was split.")

    @classmethod
    def of(cls, split: PartOfSplit) -> UpstreamPart:
        """Return what is told of a part further down."""
        return cls(
            split_digest=split.split_digest, part=split.part, source_digest=split.source_digest
        )


class UpstreamInput(TolerantModel):
    """Something that the run read, or that this was made from in turn."""

    name: str = Field(max_length=63, description="Name of the input, in the run that read it.")
    kind: str = Field(max_length=63, description="`DatasetPin` or `FeatureSetPin`.")
    role: str = Field(
        default="", max_length=16, description="The role that it had there. Absent of features."
    )
    digest: str = Field(max_length=71, description="Digest of the content.")
    read_by: str = Field(
        max_length=317, description="`namespace/name` of the Experiment whose run read it."
    )
    behind: str = Field(
        default="",
        max_length=63,
        description=(
            "Name of the input that was made from it in turn. Absent of what the run itself read."
        ),
    )
    part_of: tuple[UpstreamPart, ...] = Field(
        default=(),
        max_length=MAX_NESTED,
        json_schema_extra=list_atomic(),
        description="Of which splits it is a part, the innermost first. Empty of a whole dataset.",
    )


class DerivedFrom(TolerantModel):
    """The sealed Experiment whose artifacts the pin is of, by its verified seal."""

    experiment: str = Field(max_length=317, description="`namespace/name` of the Experiment.")
    uid: str = Field(max_length=63, description="UID of the Experiment.")
    digest: str = Field(
        default="", max_length=71, description="`status.digest` of the Experiment: its identity."
    )
    seal: str = Field(
        default="", max_length=71, description="SHA-256 of the signed statement of the seal."
    )
    seal_version: str = Field(
        default="", max_length=1024, description="Version of the signed statement in the store."
    )
    manifest_digest: str = Field(
        default="", max_length=71, description="Digest of the list of artifacts, as it is signed."
    )
    key_id: str = Field(
        default="", max_length=64, description="SHA-256 of the public key that verified the seal."
    )
    sealed_time: Time | None = Field(
        default=None, description="When the seal was made. Absent until the seal was verified."
    )
    artifacts: str = Field(
        default="", max_length=1200, description="Where the artifacts lie: `s3://bucket/prefix/`."
    )
    code: str = Field(
        default="",
        max_length=1200,
        description="Repository and commit of the code, as the Experiment declares it.",
    )
    image: str = Field(default="", max_length=512, description="The image that the run was of.")
    findings: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int32"},
        description="How much the seal itself cannot vouch for, counted.",
    )
    inputs: tuple[UpstreamInput, ...] = Field(
        default=(),
        max_length=MAX_UPSTREAM,
        json_schema_extra=list_atomic(),
        description=(
            "What the run read, and what those of its inputs were made from that are artifacts"
            " themselves, without an end: as the seals have it."
        ),
    )
    more_inputs: bool = Field(
        default=False,
        description=f"Whether there are more than {MAX_UPSTREAM}, or more than a seal names.",
    )


class RecordedOrigin(TolerantModel):
    """From which sealed Experiment an input came."""

    experiment: str = Field(max_length=317, description="`namespace/name` of the Experiment.")
    uid: str = Field(max_length=63, description="UID of the Experiment.")
    seal: str = Field(max_length=71, description="SHA-256 of the signed statement of its seal.")
    inputs: tuple[UpstreamInput, ...] = Field(
        default=(),
        max_length=MAX_RECORDED,
        json_schema_extra=list_atomic(),
        description=f"What it was made from, as far as the pin knows it; at most {MAX_RECORDED}.",
    )
    more_inputs: bool = Field(default=False, description="Whether there are more.")
