"""DatasetPin: these exact object versions in this store are the dataset.

The spec is immutable: a new state of the data is a new pin that `supersedes` the old one. Only
what is read from the store counts; no claim of the spec about content is trusted unread.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import ConfigDict, Field

from glovebox.api.access_log import PinReads
from glovebox.api.base import Model, Resource, Status, TolerantModel
from glovebox.api.contract import Contract
from glovebox.api.contract_status import ContractStatus
from glovebox.api.coverage import Coverage
from glovebox.api.data_terms import (
    Classification,
    Environment,
    LicenseExpression,
    PersonalData,
    Region,
)
from glovebox.api.derived import DerivedFrom, ExperimentSource
from glovebox.api.evolution import MIGRATES_FROM_A_PIN, EvolutionStatus, PinMigration
from glovebox.api.pin_use import PinUse
from glovebox.api.pin_verification import BudgetSpent, FoundObject, LevelProof, Verification
from glovebox.api.provenance import Provenance, ProvenanceStatus
from glovebox.api.references import LocalPinRef, StoreRef
from glovebox.api.scalars import (
    Bucket,
    Digest,
    DnsLabel,
    ImageReference,
    KeyPrefix,
    ObjectKey,
    ObjectName,
    Text,
    Time,
    VersionId,
    Word,
)
from glovebox.api.schema import FORBIDDEN, Extra, list_atomic, list_map, rule, rules
from glovebox.api.split_pin import MAX_NESTED, PartOfSplit
from glovebox.api.statistics import (
    HAS_COLUMNS,
    HAS_REFERENCE,
    NEEDS_STATISTICS,
    NOT_AGAINST_ITSELF,
    Distribution,
    PinStatistics,
)
from glovebox.api.statistics_status import DistributionStatus, StatisticsStatus
from glovebox.api.validity import Validity

PIN_FROZEN = rule(
    "self == oldSelf",
    "is immutable: a pin identifies exact content. Create a new pin with the changed spec, and name"
    " this pin in its `spec.supersedes`",
    reason=FORBIDDEN,
)
NOT_ITS_OWN_SUCCESSOR = rule(
    "!has(self.spec.supersedes) || self.spec.supersedes.name != self.metadata.name",
    "must name another pin: a pin cannot supersede itself",
    field_path=".spec.supersedes",
)
NOT_ITS_OWN_SOURCE = rule(
    "!has(self.spec.provenance) || !has(self.spec.provenance.sources) ||"
    " self.spec.provenance.sources.all(s, !has(s.pinRef) || has(s.pinRef.__namespace__) ||"
    " s.pinRef.name != self.metadata.name)",
    "must name other pins: a pin cannot be made from itself",
    field_path=".spec.provenance.sources",
)

NOT_COLLECTED = rule(
    "!has(self.source.experimentRef) || !has(self.provenance) || !has(self.provenance.origin) ||"
    " self.provenance.origin != 'Collected'",
    "must not be `Collected` for the artifacts of an Experiment: leave it out for `Derived`, or say"
    " `Synthetic` or `Augmented`",
    field_path=".provenance.origin",
)


class PrefixSource(Model):
    """Everything below a prefix, in the versions that are current when the pin is created."""

    bucket: Bucket = Field(description="Bucket that holds the objects.")
    prefix: KeyPrefix = Field(
        default="", description="Prefix of the keys, ending in `/`. When absent: the whole bucket."
    )


class ManifestSource(Model):
    """A manifest that Glovebox wrote, or one in the same format: it lists the exact versions."""

    bucket: Bucket = Field(description="Bucket that holds the manifest.")
    key: ObjectKey = Field(description="Key of the manifest.")
    version_id: VersionId | None = Field(
        default=None,
        description=(
            "Version of the manifest. When absent: the version that is current when the pin is"
            " created."
        ),
    )


# Pins are held in memory, all of them.
MAX_LISTED = 262144


class ObjectSource(Model):
    """One exact object version."""

    bucket: Bucket = Field(description="Bucket that holds the object.")
    key: ObjectKey = Field(description="Key of the object.")
    version_id: VersionId = Field(description="Version of the object.")
    path: ObjectKey | None = Field(
        default=None, description="Path under which the run finds the object. When absent: the key."
    )


class SplitPartSource(Model):
    """One part of a split."""

    name: ObjectName = Field(description="Name of the SplitPin, in the same namespace.")
    part: DnsLabel = Field(description="Name of the part, as `spec.parts` of the SplitPin has it.")


class DatasetSource(Model):
    """Where the data is. Exactly one of the members."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "[has(self.prefix), has(self.manifest), has(self.objects), has(self.split),"
                " has(self.experimentRef)].filter(given, given).size() == 1",
                "must be exactly one of `prefix` (everything below a key prefix), `manifest` (a"
                " list that is already in the store), `objects` (a list written here), `split`"
                " (a part of a SplitPin) and `experimentRef` (artifacts of a sealed Experiment)",
            ),
            rule(
                "!has(self.objects) || self.objects.map(o, o.bucket.size() + o.key.size() +"
                f" o.versionId.size() + (has(o.path) ? o.path.size() : 0)).sum() <= {MAX_LISTED}",
                f"must hold in `objects` at most {MAX_LISTED} characters in all: for more use"
                " `manifest`, a list that is in the store",
                field_path=".objects",
            ),
        )
    )

    prefix: PrefixSource | None = Field(
        default=None,
        description=(
            "Everything below a prefix, in the versions that are current when the pin is created."
        ),
    )
    manifest: ManifestSource | None = Field(
        default=None, description="A manifest in the store that lists the exact versions."
    )
    objects: tuple[ObjectSource, ...] = Field(
        default=(),
        max_length=1000,
        json_schema_extra=list_atomic(),
        description=(
            "The exact versions, listed here; at most 1000, and 262,144 characters. For more use"
            " `manifest`."
        ),
    )
    split: SplitPartSource | None = Field(
        default=None,
        description=(
            "A part of a SplitPin in this namespace. Experiments may use it in the part's own role"
            " alone."
        ),
    )
    experiment_ref: ExperimentSource | None = Field(
        default=None,
        description=(
            "The artifacts of a sealed Experiment in this namespace, in exactly the versions that"
            " its seal lists. The pin waits until the Experiment is sealed, and stays when it is"
            " deleted."
        ),
    )


class Retention(Model):
    """How long the data may be kept. It is recorded and shown; nothing is deleted for it."""

    until_time: Time | None = Field(
        default=None, description="Until when they may be kept. When absent: without an end."
    )
    why: Text = Field(
        min_length=1, description="Why so long and no longer: the law, the contract, the consent."
    )


class DatasetPinSpec(Model):
    """What is pinned. Immutable."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            PIN_FROZEN,
            HAS_COLUMNS,
            NEEDS_STATISTICS,
            HAS_REFERENCE,
            NOT_COLLECTED,
            MIGRATES_FROM_A_PIN,
        )
    )

    store_ref: StoreRef = Field(description="The store that holds the data.")
    source: DatasetSource = Field(
        description=(
            "Where the data is: exactly one of `prefix`, `manifest`, `objects`, `split` and"
            " `experimentRef`."
        )
    )
    image: ImageReference | None = Field(
        default=None,
        description=(
            "OCI image, by digest, whose files are exactly those of the dataset: for profiles with"
            " `delivery.mode: Image`. It is compared with the pin before each run. When absent:"
            " such a profile refuses the dataset."
        ),
    )
    digest: Digest | None = Field(
        default=None,
        description=(
            "Expected content root (`sha256:` and 64 hex digits). Other content is refused. When"
            " absent: the observed content is pinned, and its root reported in `status.digest`."
        ),
    )
    description: Text = Field(default="", description="What the dataset is, in words.")
    owner: Word = Field(default="", description="Person or team responsible for the dataset.")
    license: LicenseExpression | None = Field(
        default=None,
        description=(
            "Licence under which the data may be used, as SPDX expression. An identifier that SPDX"
            " does not list counts as none; for terms of your own write `LicenseRef-` and a name."
        ),
    )
    classification: Classification | None = Field(
        default=None,
        description=(
            "How confidential the data is. It grants nothing; a profile may refuse it"
            " (`spec.data.classifications`)."
        ),
    )
    environment: Environment | None = Field(
        default=None,
        description=(
            "What the data are for: development, staging or production. A profile with"
            " `spec.environment` keeps production data and others apart."
        ),
    )
    region: Region | None = Field(
        default=None,
        description=(
            "Where the data have to stay. Compared with what the profile allows"
            " (`spec.data.regions`)."
        ),
    )
    personal_data: PersonalData | None = Field(
        default=None,
        description=(
            "What the data hold of people: nothing, nothing that leads back to them, pseudonyms, or"
            " names. When absent: not known."
        ),
    )
    retention: Retention | None = Field(
        default=None, description="How long the data may be kept, and why."
    )
    coverage: Coverage | None = Field(
        default=None,
        description=(
            "Which times, groups and rows the data cover. An Experiment that uses this pin in one"
            " role and another in another role is refused where these overlap. When absent: not"
            " known."
        ),
    )
    contract: Contract | None = Field(
        default=None,
        description=(
            "What the tables of the dataset have to hold. It is checked once, on the real files; a"
            " pin whose data violate it is not Ready. When absent: nothing is checked."
        ),
    )
    statistics: PinStatistics | None = Field(
        default=None,
        description=(
            "Which columns of its tables are described: rows, nulls, quantiles, frequent values."
            " They are computed once, on the real files. When absent: none."
        ),
    )
    distribution: Distribution | None = Field(
        default=None,
        description=(
            "Which pin the statistics are compared with: statistical drift. When absent: none."
        ),
    )
    provenance: Provenance | None = Field(default=None, description="Where the data came from.")
    validity: Validity | None = Field(
        default=None, description="When new Experiments may use the pin. When absent: always."
    )
    use: PinUse | None = Field(
        default=None,
        description=(
            "When a use of the content takes an AccessGrant of this namespace. It holds for the"
            " content: for other pins of it in this namespace, and for those that another namespace"
            " creates later. When absent: in this namespace never."
        ),
    )
    supersedes: LocalPinRef | None = Field(
        default=None,
        description=(
            "The older pin that this one replaces. The older one stays as it is. The contracts of"
            " both are compared: see `status.evolution`."
        ),
    )
    migration: PinMigration | None = Field(
        default=None,
        description=(
            "What users of the superseded pin have to do. A profile that demands compatibility"
            " (`spec.data.compatibility`) takes the pin with less where this is given."
        ),
    )
    verification: Verification = Field(
        default=Verification(), description="How often the pin is checked, and how thoroughly."
    )


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


class PinFindings(TolerantModel):
    """The findings of the last check by listing, counted."""

    changed: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Objects whose bytes differ from the pinned ones.",
    )
    missing: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Pinned versions that no longer exist.",
    )
    hidden: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description=(
            "Pinned versions behind a delete marker or a newer version: still readable by version"
            " id, but not what a plain listing shows."
        ),
    )
    extra: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Objects below the prefix that are not in the pin.",
    )
    unreadable: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Pinned versions that could not be read.",
    )
    samples: tuple[str, ...] = Field(
        default=(),
        max_length=20,
        json_schema_extra={**list_atomic(), "items": {"type": "string", "maxLength": 1100}},
        description="The first findings, as `<what> <path>`; at most 20.",
    )
    objects: tuple[FoundObject, ...] = Field(
        default=(),
        max_length=20,
        json_schema_extra=list_atomic(),
        description="The same, with what was expected and what was found; at most 20.",
    )


class PinProgress(TolerantModel):
    """How far the work on the pin has come. Written about every ten seconds."""

    phase: Literal[
        "Listing",
        "Hashing",
        "Verifying",
        "Proving",
        "CheckingContract",
        "ComputingStatistics",
        "CheckingSchema",
    ] = Field(
        description=(
            "`Listing`: finding the object versions. `Hashing`: reading them. `Verifying`:"
            " comparing them with the store. `Proving`: asking for them or reading them again."
            " `CheckingContract`, `ComputingStatistics`, `CheckingSchema`: reading their tables."
        )
    )
    objects: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Objects that are done, those of interrupted attempts included.",
    )
    objects_total: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Objects to do. Absent while that is not known.",
    )
    bytes: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Size of the objects that are done (bytes).",
    )
    bytes_total: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Size of all objects (bytes). Absent while that is not known.",
    )
    bytes_per_second: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Bytes done per second, recently.",
    )
    updated_time: Time = Field(description="When this was written.")


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


class DatasetPinStatus(Status):
    """What was resolved and verified.

    Conditions: `Ready`, `Reconciling`, `Stalled`, `Verified`, `DriftDetected`,
    `ProofsCurrent`, `ProvenanceComplete`, `ContractMet` (of a pin with a contract),
    `StatisticsComputed` (with `spec.statistics`), `DistributionStable` (with `spec.distribution`),
    `ReadsExpected` (where the ObjectStore names an `accessLog`), `DeletionProtected`.
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
    used_by: PinUsers | None = Field(
        default=None,
        description="Who uses the content, found by its content root. Absent while nobody does.",
    )
    reads: PinReads | None = Field(
        default=None,
        description=(
            "What the store's access log tells of reads. Absent where nothing was read, or the"
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


class DatasetPin(Resource[DatasetPinSpec, DatasetPinStatus]):
    """A dataset pin says that exactly these object versions are the dataset.

    It is immutable; a new state of the data is a new pin.
    """

    KIND: ClassVar[str] = "DatasetPin"
    ROOT_RULES: ClassVar[tuple[Extra, ...]] = (
        NOT_ITS_OWN_SUCCESSOR,
        NOT_ITS_OWN_SOURCE,
        NOT_AGAINST_ITSELF,
    )

    status: DatasetPinStatus = Field(
        default=DatasetPinStatus(), description="What was resolved and verified."
    )
