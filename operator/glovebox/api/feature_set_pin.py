"""FeatureSetPin: these feature definitions, over these datasets, valid in this window.

It pins definitions (recipe, dtype, shape, inputs), not values; materialised values are a dataset
with a DatasetPin of their own, which `materialized` names and which is held against them. The spec
is immutable: a new state of the definitions is a new pin that `supersedes` the old one.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from pydantic import ConfigDict, Field

from glovebox.api.base import Model, Resource, Status, TolerantModel
from glovebox.api.dataset_pin import NOT_ITS_OWN_SUCCESSOR, PIN_FROZEN
from glovebox.api.dataset_pin_status import PinUsers
from glovebox.api.materialized import Materialized, MaterializedStatus, Seconds
from glovebox.api.pin_checks import PinProgress
from glovebox.api.references import LocalPinRef
from glovebox.api.scalars import DeclaredTime, Digest, DnsLabel, SourceRepository, Text, Time, Word
from glovebox.api.schema import (
    Extra,
    list_atomic,
    list_map,
    list_set,
    naming,
    rule,
    rules,
    taught,
)
from glovebox.api.validity import Validity

# The names that `pyarrow.type_for_alias` knows.
DType = Literal[
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64", "string", "binary", "date32", "date64",
    "time32[s]", "time32[ms]", "time64[us]", "time64[ns]",
    "timestamp[s]", "timestamp[ms]", "timestamp[us]", "timestamp[ns]",
    "duration[s]", "duration[ms]", "duration[us]", "duration[ns]",
]  # fmt: skip
FeatureName = Annotated[
    str,
    Field(max_length=128),
    taught(
        r"^[A-Za-z_][A-Za-z0-9_.-]*$",
        "must begin with a letter or `_`, and go on with letters, digits, `_`, `.` and `-`, such as"
        " 'departure_hour'",
    ),
]
CommitId = Annotated[
    str,
    Field(max_length=64),
    taught(
        r"^([0-9a-f]{40}|[0-9a-f]{64})$",
        "must be a full commit id of 40 or 64 hex digits ('git rev-parse HEAD'); a branch or a tag"
        " can be moved",
    ),
]
# Pins are held in memory, all of them.
MAX_DEFINED = 262144
Dimension = Annotated[int, Field(ge=0, le=2147483647, json_schema_extra={"format": "int32"})]


class RecipeCode(Model):
    """A recipe that lives in a source repository."""

    repository: SourceRepository = Field(
        max_length=512, description="URL of the source repository, without credentials."
    )
    commit: CommitId = Field(
        description="Full commit id, 40 or 64 hex digits; a branch or a tag can be moved."
    )
    path: str = Field(
        min_length=1,
        max_length=512,
        description="Path of the file, or `file:function`, in the repository.",
    )


class Recipe(Model):
    """How a feature is computed. Exactly one of the members."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "has(self.expression) != has(self.code)",
                "must be exactly one of `expression` (a formula written here) and `code` (a file in"
                " a repository at a commit)",
            )
        )
    )

    expression: str | None = Field(
        default=None,
        min_length=1,
        max_length=4096,
        description="The formula, such as `arr_delay > 15`.",
    )
    code: RecipeCode | None = Field(
        default=None, description="The file that computes the feature, at a commit."
    )


class Feature(Model):
    """One feature definition."""

    name: FeatureName = Field(description="Name of the feature: letters, digits, `_`, `.` and `-`.")
    recipe: Recipe = Field(
        description="How the feature is computed: exactly one of `expression` and `code`."
    )
    dtype: DType = Field(description="Type of one value, by its Arrow name.")
    shape: tuple[Dimension, ...] = Field(
        default=(),
        max_length=8,
        json_schema_extra=list_atomic(),
        description="Size of each dimension; 0 means any size. When empty: one value per row.",
    )
    inputs: tuple[DnsLabel, ...] = Field(
        default=(),
        max_length=8,
        json_schema_extra=list_set(),
        description=(
            "Names of entries of `spec.inputs` that the recipe reads; at most 8. When empty: it"
            " reads none (a constant or a seed)."
        ),
    )
    description: str = Field(
        default="", max_length=1024, description="What the feature means, in words."
    )
    nullable: bool = Field(
        default=False, description="Whether a value may be missing. When absent: false."
    )


class FeatureInput(Model):
    """A dataset that recipes read."""

    name: DnsLabel = Field(description="Name by which features refer to this dataset.")
    pin_ref: LocalPinRef = Field(description="The DatasetPin, in the same namespace.")
    digest: Digest | None = Field(
        default=None,
        description=(
            "Expected content root of the DatasetPin. Any other is refused. When absent: the"
            " observed root is recorded in `status.inputs`."
        ),
    )


class Migration(Model):
    """What becomes of the pin that this one supersedes, and what its users have to do."""

    deprecate_time: DeclaredTime | None = Field(
        default=None,
        description=(
            "From when on the older pin is deprecated. It can be used all the same, until its own"
            " validity ends, and whoever uses it is warned. When absent: at once."
        ),
    )
    notes: Text = Field(
        default="", description="What users of the older pin have to change, in words."
    )


_HAS_ITS_INPUTS: Final = (
    "!has(f.inputs) || f.inputs.all(i, has(self.inputs) && self.inputs.exists(e, e.name == i))"
)
_NO_INPUT: Final = (
    "must name under `features[].inputs` only entries of `spec.inputs`: add the dataset there, or"
    " correct the name"
)


class FeatureSetPinSpec(Model):
    """What is pinned. Immutable."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            PIN_FROZEN,
            rule(
                f"self.features.all(f, {_HAS_ITS_INPUTS})",
                _NO_INPUT,
                field_path=".features",
                message_expression=naming(
                    _NO_INPUT,
                    "feature ",
                    f"self.features.transformList(i, f, !({_HAS_ITS_INPUTS}), f.name)[0]",
                ),
            ),
            rule(
                "self.features.map(f, f.name.size() + (has(f.description) ? f.description.size() :"
                " 0) + (has(f.inputs) ? f.inputs.map(i, i.size()).sum() : 0) +"
                " (has(f.recipe.expression) ? f.recipe.expression.size() : 0) +"
                " (has(f.recipe.code) ? f.recipe.code.repository.size() +"
                f" f.recipe.code.path.size() : 0)).sum() <= {MAX_DEFINED}",
                f"must hold in `features` at most {MAX_DEFINED} characters in all: name long"
                " recipes by `code`, or use several pins",
                field_path=".features",
            ),
            rule(
                "!has(self.materialized) || self.features.all(f, (!has(self.materialized.keys) ||"
                " !(f.name in self.materialized.keys)) && (!has(self.materialized.eventTime) ||"
                " self.materialized.eventTime != f.name) && (!has(self.materialized.knownTime) ||"
                " self.materialized.knownTime != f.name))",
                "must name in `keys`, `eventTime` and `knownTime` columns that are no features",
                field_path=".materialized",
            ),
            rule(
                "!has(self.migration) || has(self.supersedes)",
                "must be of a pin that `supersedes` another one: it is what the users of that one"
                " read",
                field_path=".migration",
            ),
        )
    )

    features: tuple[Feature, ...] = Field(
        min_length=1,
        max_length=1000,
        json_schema_extra=list_map("name"),
        description="The feature definitions; 1 to 1000, of at most 262,144 characters in all.",
    )
    inputs: tuple[FeatureInput, ...] = Field(
        default=(),
        max_length=32,
        json_schema_extra=list_map("name"),
        description="The datasets that recipes read; at most 32.",
    )
    materialized: Materialized | None = Field(
        default=None,
        description=(
            "The values, as a dataset. Its files are compared with the definitions once; a pin"
            " whose values are otherwise is not Ready. When absent: nothing is compared."
        ),
    )
    ttl_seconds: Seconds | None = Field(
        default=None,
        description=(
            "How long after its event time a value may be used. It is recorded, delivered and a"
            " part of the digest. When absent: for ever."
        ),
    )
    schema_version: str = Field(
        min_length=1,
        max_length=63,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$",
        description="Version of the definitions as their owner counts it, such as `1.2.0`.",
    )
    digest: Digest | None = Field(
        default=None,
        description=(
            "Expected digest of the definitions. Any other is refused. When absent: the observed"
            " digest is reported in `status.digest`."
        ),
    )
    description: Text = Field(default="", description="What the features are for, in words.")
    owner: Word = Field(default="", description="Person or team responsible for the definitions.")
    validity: Validity | None = Field(
        default=None, description="When new Experiments may use the pin. When absent: always."
    )
    supersedes: LocalPinRef | None = Field(
        default=None,
        description=(
            "The older pin that this one replaces. Its definitions stay as they are; its status"
            " says that it is deprecated."
        ),
    )
    migration: Migration | None = Field(
        default=None,
        description=(
            "When the older pin is deprecated, and what its users have to change. When absent: at"
            " once, and nothing is said."
        ),
    )


class SuccessorPin(TolerantModel):
    """The pin that supersedes this one."""

    name: str = Field(max_length=253, description="Its name.")
    deprecate_time: Time | None = Field(
        default=None,
        description="From when on this pin is deprecated. Absent: since the other one is there.",
    )
    notes: str = Field(
        default="", max_length=4096, description="What users of this pin have to change."
    )


class HashedName(TolerantModel):
    """A feature's name with its hash, which is another one in each namespace."""

    name: str = Field(max_length=128, description="Name of the feature.")
    hash: str = Field(
        max_length=71,
        description=(
            "HMAC-SHA256 of the namespace and the feature's name, with a key of the operator (hex)."
        ),
    )


class BoundInput(TolerantModel):
    """A dataset as it was when the pin was verified."""

    name: str = Field(max_length=63, description="Name of the entry of `spec.inputs`.")
    digest: str = Field(max_length=71, description="Content root of the DatasetPin.")


class FeatureSetPinStatus(Status):
    """What was verified.

    Conditions: `Ready`, `Reconciling`, `Stalled`, `Verified`, `Retiring`, `SchemaMatches` (of a pin
    with `materialized`), `DeletionProtected`.
    """

    digest: str = Field(
        default="",
        max_length=71,
        description="SHA-256 over all definitions and the content roots of their inputs.",
    )
    features: int | None = Field(
        default=None, ge=0, json_schema_extra={"format": "int32"}, description="Number of features."
    )
    hashed_names: tuple[HashedName, ...] = Field(
        default=(),
        max_length=1000,
        json_schema_extra=list_map("name"),
        description=(
            "Each feature with the hash of its name, for where the name must not be shown. Absent"
            " while the operator cannot read its key."
        ),
    )
    inputs: tuple[BoundInput, ...] = Field(
        default=(),
        max_length=32,
        json_schema_extra=list_map("name"),
        description="Each dataset with its observed content root.",
    )
    materialized: MaterializedStatus | None = Field(
        default=None,
        description="What was found of the values. Absent until they were compared.",
    )
    progress: PinProgress | None = Field(
        default=None,
        description="How far the comparison has come. Absent while there is none.",
    )
    used_by: PinUsers | None = Field(
        default=None,
        description="Who uses the definitions, found by their digest. Absent while nobody does.",
    )
    successor: SuccessorPin | None = Field(
        default=None,
        description="The newest verified pin that supersedes this one. Absent while there is none.",
    )
    verified_time: Time | None = Field(
        default=None, description="When the definitions and their inputs were last checked."
    )


class FeatureSetPin(Resource[FeatureSetPinSpec, FeatureSetPinStatus]):
    """A feature set pin pins feature definitions: recipe, type, shape and inputs.

    It is immutable; a new state of the definitions is a new pin.
    """

    KIND: ClassVar[str] = "FeatureSetPin"
    ROOT_RULES: ClassVar[tuple[Extra, ...]] = (NOT_ITS_OWN_SUCCESSOR,)

    status: FeatureSetPinStatus = Field(
        default=FeatureSetPinStatus(), description="What was verified."
    )
