"""What an Experiment reads, in which roles, and what these may share."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import ConfigDict, Field

from glovebox.api.base import Model
from glovebox.api.references import PinRef
from glovebox.api.scalars import DnsLabel, Text
from glovebox.api.schema import list_atomic, list_map, list_set, naming, rule, rules

Role = Literal["train", "validation", "test", "holdout", "reference"]
# In which order inputs are used: whose data come last is asked whether they may be in what came
# before. No two roles are equal, so it is always one owner.
ORDER_OF_USE: Final[tuple[Role, ...]] = ("reference", "train", "validation", "test", "holdout")
# What inputs of different roles may share when a reason is given.
SharedKind = Literal["Objects", "Groups", "Time", "Rows", "Texts"]
_MAX_ALLOWED = 8


def _age(level: str, what: str) -> int | None:
    return Field(
        default=None,
        ge=60,
        le=315360000,
        json_schema_extra={"format": "int32"},
        description=f"Seconds since {what} (level `{level}`). When absent: any time.",
    )


class MaxProofAge(Model):
    """How old the last proofs of a pin may be when the Experiment is bound to it.

    A proof that is older is made again at once, as far as the ObjectStore's budget allows, where
    the pin is in the Experiment's own namespace. Until then, nothing exists of the Experiment.
    """

    list_seconds: int | None = _age("List", "the pin was compared with a listing")
    head_seconds: int | None = _age("Head", "each version was asked for")
    sample_seconds: int | None = _age("Sample", "a sample, or all, was read and hashed")
    full_seconds: int | None = _age("Full", "every byte was read and hashed")


class DatasetInput(Model):
    """A dataset that the run reads."""

    name: DnsLabel = Field(description="Name of the input; the run finds the data below it.")
    pin_ref: PinRef = Field(description="The DatasetPin.")
    role: Role = Field(
        description=(
            "What the run uses the data for. Inputs of different roles share no object, row or"
            " group, and `train` comes before `validation` before `test` and `holdout`, as far as"
            " the pins say: what does is refused, unless `allowOverlap` gives a reason or an"
            " AccessGrant lets it pass (`spec.overlap`)."
        )
    )
    max_proof_age: MaxProofAge | None = Field(
        default=None,
        description=(
            "How old the last proofs of the pin may be when the Experiment is bound to it. When"
            " absent: as old as `spec.verification` of the pin lets them get."
        ),
    )


class FeatureInput(Model):
    """A set of feature definitions that the run uses."""

    name: DnsLabel = Field(description="Name of the input; the run finds the definitions below it.")
    pin_ref: PinRef = Field(description="The FeatureSetPin.")


class AllowedOverlap(Model):
    """Two datasets that may share something although their roles differ, and why."""

    inputs: tuple[DnsLabel, ...] = Field(
        min_length=2,
        max_length=2,
        json_schema_extra=list_set(),
        description="Names of the two dataset inputs.",
    )
    of: tuple[SharedKind, ...] = Field(
        min_length=1,
        max_length=5,
        json_schema_extra=list_set(),
        description=(
            "What they may share: `Objects` (files with the same bytes), `Groups` (values of"
            " `spec.coverage.groups` of their pins), `Time` (windows of `spec.coverage.time` that"
            " overlap or come in the wrong order), `Rows` (rows with the same key, by"
            " `spec.coverage.rows`), `Texts` (texts that are nearly the same, by"
            " `spec.coverage.texts`)."
        ),
    )
    reason: Text = Field(
        min_length=1,
        description="Why that does not spoil the result. It is part of the digest and of the seal.",
    )


_IS_A_DATASET: Final = "self.datasets.exists(d, d.name == f.name)"
_NAMED_TWICE: Final = (
    "must not use one name for a dataset and for features: names of inputs are unique across both"
    " lists"
)
_IS_THERE: Final = "has(self.datasets) && self.datasets.exists(d, d.name == n)"
_NOT_THERE: Final = "must name in `inputs` two entries of `spec.inputs.datasets`"
_APART: Final = (
    "d.role == e.role || d.pinRef != e.pinRef || (has(self.allowOverlap) &&"
    " self.allowOverlap.exists(a, 'Objects' in a.of && d.name in a.inputs && e.name in a.inputs))"
)
_TWO_ROLES: Final = (
    "must not use one pin in two roles: what is trained on says nothing when it is tested on. Pin"
    " other data for one of them, or give the reason in `allowOverlap` (`of: [Objects]`)"
)


class Inputs(Model):
    """Everything that the run reads, always through pins."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.datasets) || !has(self.features) || self.features.all(f,"
                f" !({_IS_A_DATASET}))",
                _NAMED_TWICE,
                field_path=".features",
                message_expression=naming(
                    _NAMED_TWICE,
                    "input ",
                    f"self.features.transformList(i, f, {_IS_A_DATASET}, f.name)[0]",
                ),
            ),
            rule(
                "!has(self.allowOverlap) || self.allowOverlap.all(a, a.inputs.all(n,"
                f" {_IS_THERE}))",
                _NOT_THERE,
                field_path=".allowOverlap",
                message_expression=naming(
                    _NOT_THERE,
                    "input ",
                    f"self.allowOverlap.transformList(i, a, !a.inputs.all(n, {_IS_THERE}),"
                    f" a.inputs.transformList(j, n, !({_IS_THERE}), n)[0])[0]",
                ),
            ),
            rule(
                f"!has(self.datasets) || self.datasets.all(d, self.datasets.all(e, {_APART}))",
                _TWO_ROLES,
                field_path=".datasets",
                message_expression=naming(
                    _TWO_ROLES,
                    "input ",
                    f"self.datasets.transformList(i, d, !self.datasets.all(e, {_APART}), d.name)"
                    "[0]",
                ),
            ),
        )
    )

    datasets: tuple[DatasetInput, ...] = Field(
        default=(),
        max_length=64,
        json_schema_extra=list_map("name"),
        description="The datasets, each with a role; at most 64.",
    )
    features: tuple[FeatureInput, ...] = Field(
        default=(),
        max_length=32,
        json_schema_extra=list_map("name"),
        description="The feature definitions; at most 32.",
    )
    allow_overlap: tuple[AllowedOverlap, ...] = Field(
        default=(),
        max_length=_MAX_ALLOWED,
        json_schema_extra=list_atomic(),
        description=(
            "Pairs of datasets that may share something although their roles differ; at most"
            f" {_MAX_ALLOWED}. When empty: none."
        ),
    )
