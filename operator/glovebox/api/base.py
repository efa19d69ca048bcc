"""What all models share: strict input, camelCase in YAML, frozen values, the frame of an object.

Specs refuse unknown fields: a field that nobody acts on must never look accepted. Metadata and
status ignore them: other programs, and newer versions of this one, may add to what the API server
returns, and reading it must go on working. Errors name the field and never show the value, which
may be a secret in the wrong place.
"""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

from glovebox import names
from glovebox.api.conditions import READY, Condition, find_condition
from glovebox.api.schema import Extra, list_map


class Model(BaseModel):
    """Base of every field group: immutable, camelCase aliases, unknown fields refused."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
    )


class TolerantModel(BaseModel):
    """Base of what is read back from the API server: as Model, but unknown fields are ignored."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
    )


class Metadata(TolerantModel):
    """The part of an object's metadata that Glovebox reads.

    A missing part means the object never was in a cluster.
    """

    name: str = ""
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: AwareDatetime | None = None
    deletion_timestamp: AwareDatetime | None = None
    finalizers: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}

    @field_validator("finalizers", "labels", "annotations", mode="before")
    @classmethod
    def _null_is_empty(cls, value: Any, info: Any) -> Any:
        if value is None:
            return cls.model_fields[info.field_name].default
        return value


class Status(TolerantModel):
    """What every status holds: the observed generation, and the conditions."""

    observed_generation: int = Field(
        default=-1,
        ge=-1,
        json_schema_extra={"format": "int64"},
        description=(
            "The `metadata.generation` that this status was computed for. It is -1 until the first"
            " reconciliation, so that a new object never looks healthy."
        ),
    )
    conditions: tuple[Condition, ...] = Field(
        default=(),
        max_length=32,
        json_schema_extra=list_map("type"),
        description=(
            "Observations of this object, one entry per type. `Ready` summarises; `Reconciling` and"
            " `Stalled` are present only while true."
        ),
    )

    def condition(self, condition_type: str) -> Condition | None:
        """Return the condition of that type, or None when it was never written."""
        return find_condition(self.conditions, condition_type)


SpecT = TypeVar("SpecT", bound=Model)
StatusT = TypeVar("StatusT", bound=Status)


class Resource(TolerantModel, Generic[SpecT, StatusT]):
    """A whole custom resource, as the API server returns it or as a user writes it.

    Parse with `Kind.model_validate(obj)`. A status that is absent or null reads as the empty
    status.
    """

    # The kind's name; subclasses set it. The table of kinds is `glovebox.api.kinds`.
    KIND: ClassVar[str] = ""
    # CEL rules at the root, where spec and status are seen together.
    ROOT_RULES: ClassVar[tuple[Extra, ...]] = ()

    api_version: str = names.API_VERSION
    kind: str = ""
    metadata: Metadata
    spec: SpecT
    status: StatusT

    @model_validator(mode="before")
    @classmethod
    def _null_status_is_absent(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("status", ...) is None:
            return {name: part for name, part in value.items() if name != "status"}
        return value

    @property
    def name(self) -> str:
        """The object's name."""
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """The object's namespace; empty for a cluster-scoped kind."""
        return self.metadata.namespace

    @property
    def uid(self) -> str:
        """The object's UID: a recreated object of the same name has another one."""
        return self.metadata.uid

    @property
    def why_not_ready(self) -> str | None:
        """Why others must not rely on this object; None when its newest generation is Ready."""
        ready = self.status.condition(READY)
        if ready is None or self.status.observed_generation != self.metadata.generation:
            return "it was not reconciled yet"
        return None if ready.is_true else ready.message or ready.reason

    @property
    def is_deleting(self) -> bool:
        """Whether somebody asked for this object's deletion."""
        return self.metadata.deletion_timestamp is not None
