"""The status of a DatasetPin: what was resolved and verified, and who uses it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from glovebox.api.access_log import PinReads
from glovebox.api.base import Status, TolerantModel
from glovebox.api.contract_status import ContractStatus
from glovebox.api.derived import DerivedFrom
from glovebox.api.evolution import EvolutionStatus
from glovebox.api.pin_checks import PinFindings, PinProgress
from glovebox.api.pin_verification import BudgetSpent, LevelProof
from glovebox.api.provenance import ProvenanceStatus
from glovebox.api.scalars import Time
from glovebox.api.schema import list_atomic, list_map
from glovebox.api.split_pin_status import MAX_NESTED, PartOfSplit
from glovebox.api.statistics_status import DistributionStatus, StatisticsStatus


class PinManifest(TolerantModel):
    """The manifest object: the list of all pinned versions with their digests."""

    bucket: str = Field(max_length=63, description="Bucket of the manifest.")
    key: str = Field(
        max_length=1024, description="Key of the manifest; it contains the manifest's digest."
    )
    version_id: str = Field(default="", max_length=1024, description="Version of the manifest.")
    digest: str = Field(
        max_length=71, description="SHA-256 of the manifest's lines, before compression."
    )
    bytes: int = Field(
        ge=0, json_schema_extra={"format": "int64"}, description="Size of the manifest (bytes)."
    )


class PinnedPart(TolerantModel):
    """Which part of which split the pin is."""

    split: str = Field(max_length=253, description="Name of the SplitPin.")
    name: str = Field(max_length=63, description="Name of the part.")
    role: str = Field(
        max_length=16, description="The one role in which Experiments may use the part."
    )
    splits: tuple[PartOfSplit, ...] = Field(
        default=(),
        max_length=MAX_NESTED,
        json_schema_extra=list_atomic(),
        description=(
            "The split that it is a part of; and where that divided a part of another one, that one"
            " as well. What is in different parts of one split is apart."
        ),
    )


class PinUsers(TolerantModel):
    """The Experiments that are bound to the content, by this pin or another one of it."""

    experiments: str = Field(
        max_length=32, description="How many there are; from eleven on roughly: `more than 10`."
    )
    elsewhere: str = Field(
        default="",
        max_length=32,
        description=(
            "How many of them are in other namespaces and use it by no grant of this one: by a"
            " mirror, or a pin of their own. Absent for none."
        ),
    )
    names: tuple[str, ...] = Field(
        default=(),
        max_length=10,
        json_schema_extra={**list_atomic(), "items": {"type": "string", "maxLength": 317}},
        description=(
            "`namespace/name` of those in this namespace, and of those that a grant of this"
            " namespace lets in; at most 10."
        ),
    )


class PinHold(TolerantModel):
    """The legal holds on the pinned versions."""

    state: Literal["Holding", "Held", "Releasing"] = Field(
        description=(
            "`Holding`: they are being put on. `Held`: they were put on all versions. `Releasing`:"
            " an earlier hold is being let go, and these are put on afterwards."
        )
    )
    objects: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="How many versions are held.",
    )
    others: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description=(
            "How many of them somebody else held before: those are never let go by the operator,"
            " and whoever holds them may let them go."
        ),
    )
    held_time: Time | None = Field(
        default=None, description="Since when all are held. Absent until then."
    )
    checked_time: Time | None = Field(
        default=None,
        description=(
            "When the record in the store was last seen to say so, and a few of the versions to be"
            " held."
        ),
    )


class DatasetPinStatus(Status):
    """What was resolved and verified.

    Conditions: `Ready`, `Reconciling`, `Stalled`, `Verified`, `DriftDetected`,
    `ProofsCurrent`, `ProvenanceComplete`, `ContractMet` (of a pin with a contract),
    `StatisticsComputed` (with `spec.statistics`), `DistributionStable` (with `spec.distribution`),
    `Held` (with `spec.hold`), `ReadsExpected` (where the ObjectStore names an `accessLog`),
    `DeletionProtected`.
    """

    digest: str = Field(
        default="",
        max_length=71,
        description=(
            "Content root: SHA-256 over every path, size and content digest. Equal content has an"
            " equal digest, in any store."
        ),
    )
    pin_digest: str = Field(
        default="",
        max_length=71,
        description=(
            "Pin root: as the content root, with bucket, key and version of every object. It"
            " identifies these copies."
        ),
    )
    objects: int | None = Field(
        default=None, ge=0, json_schema_extra={"format": "int64"}, description="Number of objects."
    )
    bytes: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Size of all objects together (bytes).",
    )
    folder_markers: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra={"format": "int64"},
        description=(
            "Number of folder markers that were left out: empty objects whose key ends in `/`,"
            " which consoles and Hadoop leave. When absent: none were, or nothing was listed."
        ),
    )
    shards: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra={"format": "int32"},
        description="Number of shards of the manifest.",
    )
    manifest: PinManifest | None = Field(
        default=None,
        description="The manifest object: the list of all pinned versions with their digests.",
    )
    part: PinnedPart | None = Field(
        default=None,
        description="Which part of which split it is. Absent of a pin that is none.",
    )
    derived: DerivedFrom | None = Field(
        default=None,
        description=(
            "The sealed Experiment whose artifacts it is, by its verified seal. Absent of a pin"
            " that is none; while the pin is being made, of which one it will be."
        ),
    )
    provenance: ProvenanceStatus | None = Field(
        default=None, description="How much the pin says of where its data came from."
    )
    contract: ContractStatus | None = Field(
        default=None, description="What was found of the contract. Absent until it was checked."
    )
    evolution: EvolutionStatus | None = Field(
        default=None,
        description=(
            "How the contract compares with that of the superseded pin. Absent where the pin"
            " supersedes none."
        ),
    )
    statistics: StatisticsStatus | None = Field(
        default=None, description="Where the statistics are. Absent until they were computed."
    )
    distribution: DistributionStatus | None = Field(
        default=None,
        description="How the statistics compare with those of another pin. Absent until then.",
    )
    hold: PinHold | None = Field(
        default=None,
        description="The legal holds on the versions. Absent of a pin without `spec.hold`.",
    )
    used_by: PinUsers | None = Field(
        default=None,
        description="Who uses the content, found by its content root. Absent while nobody does.",
    )
    reads: PinReads | None = Field(
        default=None,
        description=(
            "What the store's access log shows of reads. Absent where nothing was read, or the"
            " ObjectStore names no `accessLog`."
        ),
    )
    why_retained: str = Field(
        default="",
        max_length=1024,
        description=(
            "Who keeps the manifest from being let go, and until when: it is under a legal hold."
            " Absent in a bucket without object lock."
        ),
    )
    verified_time: Time | None = Field(
        default=None, description="When all content was last read and hashed."
    )
    listed_time: Time | None = Field(
        default=None, description="When the pin was last checked by listing."
    )
    findings: PinFindings | None = Field(
        default=None,
        description="The findings of the last check by listing. Absent when there are none.",
    )
    verification: tuple[LevelProof, ...] = Field(
        default=(),
        max_length=4,
        json_schema_extra=list_map("level"),
        description="The last proof of each level, and how old it is.",
    )
    budget_spent: BudgetSpent | None = Field(
        default=None,
        description="What proofs of this pin took from the ObjectStore's budget on their last day.",
    )
    progress: PinProgress | None = Field(
        default=None,
        description="How far the work on the pin has come. Absent while there is none.",
    )
