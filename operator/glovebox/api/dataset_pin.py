"""DatasetPin: these exact object versions in this store are the dataset.

The spec is immutable: a new state of the data is a new pin that `supersedes` the old one. Only
what is read from the store counts; no claim of the spec about content is trusted unread.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import ConfigDict, Field

from glovebox.api.base import Model, Resource
from glovebox.api.contract import Contract
from glovebox.api.coverage import Coverage
from glovebox.api.data_terms import (
    Classification,
    Environment,
    LicenseExpression,
    PersonalData,
    Region,
)
from glovebox.api.dataset_pin_status import DatasetPinStatus
from glovebox.api.dataset_source import DatasetSource
from glovebox.api.evolution import MIGRATES_FROM_A_PIN, PinMigration
from glovebox.api.pin_use import PinUse
from glovebox.api.pin_verification import Verification
from glovebox.api.provenance import Provenance
from glovebox.api.references import LocalPinRef, StoreRef
from glovebox.api.scalars import DeclaredTime, Digest, ImageReference, Text, Word
from glovebox.api.schema import FORBIDDEN, Extra, rule, rules
from glovebox.api.statistics import (
    HAS_COLUMNS,
    HAS_REFERENCE,
    NEEDS_STATISTICS,
    NOT_AGAINST_ITSELF,
    Distribution,
    PinStatistics,
)
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


class Retention(Model):
    """How long the data may be kept. Nothing is deleted for it: `Retiring` says when it ends."""

    until_time: DeclaredTime | None = Field(
        default=None,
        description=(
            "Until when they may be kept. From then on a profile may refuse new Experiments"
            " (`spec.data.withinRetention`). When absent: without an end."
        ),
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
            "Which times, groups, rows and texts the data cover. An Experiment that uses this pin"
            " in one role and another in another role is refused where these overlap. When absent:"
            " not known."
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
    hold: Literal["WhileUsed"] | None = Field(
        default=None,
        description=(
            "`WhileUsed`: a legal hold is put on each pinned version, so that nobody can delete it,"
            " and taken off once the pin is gone, nobody uses its manifest, and a window"
            " (`holdWindowDays` of the chart) has passed. The pin is Ready once all are held. It"
            " takes object lock on the bucket and `hold: true` in `spec.access` of the ObjectStore."
            " When absent: nothing is held, and the loss of a version is found."
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
