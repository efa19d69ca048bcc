"""What a profile demands of the data of new Experiments."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import ConfigDict, Field

from glovebox.api.base import Model
from glovebox.api.data_terms import (
    Classification,
    Environment,
    LicenseId,
    Origin,
    ProvenanceLevel,
    Region,
)
from glovebox.api.evolution import DemandedCompatibility
from glovebox.api.experiment_inputs import Role
from glovebox.api.schema import list_map, list_set, naming, rule, rules
from glovebox.api.statistics import DistributionThresholds

OnBrokenInput = Literal["Warn", "Freeze", "Fail"]


class RoleOrigins(Model):
    """Of which origin the inputs of one role may be."""

    role: Role = Field(description="The role of the inputs.")
    allowed: tuple[Origin, ...] = Field(
        min_length=1,
        max_length=4,
        json_schema_extra=list_set(),
        description="What `spec.provenance.origin` of their pins may be; they have to say it.",
    )


_IN_BOTH: Final = (
    "must not name a licence that `allowed` names as well: leave it out of one of them"
)


class LicenseRules(Model):
    """Under which licences data may be used."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.allowed) || !has(self.denied) || self.allowed.all(a, !(a in"
                " self.denied))",
                _IN_BOTH,
                message_expression=naming(
                    _IN_BOTH, "licence ", "self.allowed.filter(a, a in self.denied)[0]"
                ),
                field_path=".denied",
            )
        )
    )

    allowed: tuple[LicenseId, ...] = Field(
        default=(),
        max_length=64,
        json_schema_extra=list_set(),
        description=(
            "SPDX identifiers. Of `A AND B` both have to be allowed, of `A OR B` one. When empty:"
            " all that are not denied."
        ),
    )
    denied: tuple[LicenseId, ...] = Field(
        default=(),
        max_length=64,
        json_schema_extra=list_set(),
        description=(
            "SPDX identifiers that are refused. Pins have to say a licence when one is listed here."
        ),
    )


class DataRules(Model):
    """What is demanded of each dataset before an Experiment gets a namespace.

    A rule that is not given demands nothing. What a rule looks at, pins have to say.
    """

    provenance: ProvenanceLevel = Field(
        default="None",
        description="The least `status.provenance.level` of each pin.",
    )
    classifications: tuple[Classification, ...] = Field(
        default=(),
        max_length=4,
        json_schema_extra=list_set(),
        description="What `spec.classification` of a pin may be. When empty: anything.",
    )
    regions: tuple[Region, ...] = Field(
        default=(),
        max_length=32,
        json_schema_extra=list_set(),
        description=(
            "What `spec.region` may be, of each pin and of each ObjectStore that holds its data or"
            " takes the artifacts. When empty: anything."
        ),
    )
    origins: tuple[RoleOrigins, ...] = Field(
        default=(),
        max_length=5,
        json_schema_extra=list_map("role"),
        description=(
            "Of which origin the inputs of a role may be. Roles that are not listed: any."
        ),
    )
    environments: tuple[Environment, ...] = Field(
        default=(),
        max_length=3,
        json_schema_extra=list_set(),
        description=(
            "What `spec.environment` of a pin may be. When empty: anything, but for what"
            " `spec.environment` of the profile keeps apart."
        ),
    )
    pseudonymised: tuple[Classification, ...] = Field(
        default=(),
        max_length=4,
        json_schema_extra=list_set(),
        description=(
            "Classifications of which `spec.personalData` has to be `Absent`, `Anonymised` or"
            " `Pseudonymised`. A pin that says no classification counts as each of them."
        ),
    )
    grant_for: tuple[Role, ...] = Field(
        default=(),
        max_length=5,
        json_schema_extra=list_set(),
        description=(
            "Roles in which each use of a dataset takes an AccessGrant of the namespace of its pin,"
            " the Experiment's own included. When empty: only what pins and other namespaces ask"
            " for."
        ),
    )
    compatibility: DemandedCompatibility = Field(
        default="None",
        description=(
            "What `status.evolution.compatibility` of a pin that supersedes another one has to be:"
            " that, or `Full`. With less a pin has to say `spec.migration.notes`. A pin that"
            " supersedes none is not asked."
        ),
    )
    distribution: DistributionThresholds | None = Field(
        default=None,
        description=(
            "By which thresholds at most a pin with `spec.distribution` is judged; it has to be"
            " stable by its own. A pin that is compared with none is not asked. When absent: pins"
            " that moved may be used."
        ),
    )
    licenses: LicenseRules = Field(
        default=LicenseRules(), description="Under which licences data may be used."
    )
    require_hold: bool = Field(
        default=False,
        description=(
            "Whether each pin has to say `spec.hold: WhileUsed`: its versions are under a legal"
            " hold before an Experiment begins. When absent: false."
        ),
    )
    within_retention: bool = Field(
        default=False,
        description=(
            "Whether data are let in only until `spec.retention.untilTime` of their pin. Each pin"
            " has to say `spec.retention`; without `untilTime` there is no end. What is bound goes"
            " on. When absent: false."
        ),
    )
    on_broken_input: OnBrokenInput = Field(
        default="Warn",
        description=(
            "What becomes of an Experiment that goes on when pinned versions of a dataset are found"
            " changed or gone. `Warn`: it goes on, and `InputsVerified` says so. `Freeze`: its pods"
            " are stopped and none is admitted until the pin is whole again. `Fail`: its run is"
            " ended for good and sealed with that finding. A store that does not answer, or bytes"
            " that cannot be read, are no such finding."
        ),
    )
