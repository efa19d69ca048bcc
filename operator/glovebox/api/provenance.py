"""What a pin says of where its data came from, and what was found of that."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from glovebox.api.base import Model, TolerantModel
from glovebox.api.data_terms import Origin, ProvenanceLevel, SourceUri
from glovebox.api.parameters import (
    NO_SECRET_NAMES_IN_PIN,
    NO_SECRET_VALUES_IN_PIN,
    SHORT_NAMES,
)
from glovebox.api.references import PinRef
from glovebox.api.scalars import (
    DeclaredTime,
    Digest,
    ImageReference,
    SourceRepository,
    Text,
    Word,
)
from glovebox.api.schema import list_atomic, list_set, rule, rules

MAX_SOURCES = 32
MAX_GAPS = 32
# Pins are held in memory, all of them.
MAX_PARAMETERS = 65536


class ProvenanceCode(Model):
    """The program that produced the data."""

    repository: SourceRepository = Field(
        max_length=512, description="URL of the source repository, without credentials."
    )
    commit: str = Field(
        max_length=64,
        pattern=r"^[0-9a-f]{7,64}$",
        description="Commit of the source, 7 to 64 hex digits.",
    )


class ExternalSource(Model):
    """A source that no pin of this namespace holds."""

    uri: SourceUri = Field(description="Where it is: a URI without user and query.")
    reason: Text = Field(
        min_length=1, description="Why it is not pinned, such as who publishes it and how."
    )


class ProvenanceSource(Model):
    """Something that the data were made from. Exactly one of `pinRef` and `external`."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "has(self.pinRef) != has(self.external)",
                "must be exactly one of `pinRef` (a DatasetPin) and `external` (a URI, with the"
                " reason why it is not pinned)",
            ),
            rule(
                "!has(self.digest) || has(self.pinRef)",
                "must be left out with `external`: it is the content root of the pin that `pinRef`"
                " names",
                field_path=".digest",
            ),
        )
    )

    pin_ref: PinRef | None = Field(default=None, description="A DatasetPin.")
    digest: Digest | None = Field(
        default=None,
        description=(
            "Expected content root of that DatasetPin. Any other is a gap. When absent: the first"
            " one that is observed is recorded in `status.provenance.sources`, and expected from"
            " then on."
        ),
    )
    external: ExternalSource | None = Field(
        default=None, description="A source that no pin of this namespace holds."
    )


class TimeRange(Model):
    """The times that were taken from the sources."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.fromTime < self.untilTime",
                "`untilTime` must be later than `fromTime`: it is the first moment that was not"
                " taken",
                field_path=".untilTime",
            )
        )
    )

    from_time: DeclaredTime = Field(description="The first moment that was taken.")
    until_time: DeclaredTime = Field(description="The first moment after all that were taken.")


class Transformation(Model):
    """How the data were made from their sources."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.parameters) || self.parameters.map(p, p.size() +"
                f" self.parameters[p].size()).sum() <= {MAX_PARAMETERS}",
                f"must hold in `parameters` at most {MAX_PARAMETERS} characters in all: keep long"
                " ones in the repository that `code` names",
                field_path=".parameters",
            )
        )
    )

    code: ProvenanceCode | None = Field(
        default=None, description="The program that produced the data."
    )
    image: ImageReference | None = Field(
        default=None, description="The container image that produced the data, by digest."
    )
    parameters: Annotated[
        dict[str, Annotated[str, Field(max_length=4096)]],
        SHORT_NAMES,
        NO_SECRET_NAMES_IN_PIN,
        NO_SECRET_VALUES_IN_PIN,
    ] = Field(
        default={},
        max_length=64,
        description=(
            "The parameters of the program; at most 64, and 65,536 characters. No secrets."
        ),
    )
    time_range: TimeRange | None = Field(
        default=None, description="The times that were taken from the sources. When absent: all."
    )
    filters: tuple[Annotated[str, Field(min_length=1, max_length=1024)], ...] = Field(
        default=(),
        max_length=32,
        json_schema_extra=list_atomic(),
        description="What was left out or kept, in words or expressions, in their order.",
    )


class Provenance(Model):
    """Where the data came from. It is part of no root; `status.provenance.digest` covers it."""

    origin: Origin | None = Field(
        default=None,
        description=(
            "`Collected`: measured, recorded or bought. `Derived`: computed from the sources."
            " `Synthetic`: generated. `Augmented`: the sources, and what was generated from them."
        ),
    )
    sources: tuple[ProvenanceSource, ...] = Field(
        default=(),
        max_length=MAX_SOURCES,
        json_schema_extra=list_atomic(),
        description=f"What the data were made from; at most {MAX_SOURCES}.",
    )
    transformation: Transformation | None = Field(
        default=None, description="How the data were made from their sources."
    )
    authors: tuple[Word, ...] = Field(
        default=(),
        max_length=64,
        json_schema_extra=list_set(),
        description="The people or teams who produced the data.",
    )
    contact: Word = Field(
        default="", description="Whom to ask about the data: an address, a channel or a person."
    )


class ResolvedSource(TolerantModel):
    """A pin among the sources, as it was first found."""

    name: str = Field(max_length=253, description="Name of the DatasetPin.")
    digest: str = Field(max_length=71, description="Its content root.")


class ProvenanceGap(TolerantModel):
    """Something that keeps the provenance from being `Full`."""

    field: str = Field(max_length=512, description="The field that is missing or leads nowhere.")
    message: str = Field(max_length=1024, description="What is the matter with it.")


class ProvenanceStatus(TolerantModel):
    """What was found of the provenance."""

    level: ProvenanceLevel = Field(
        description=(
            "`None`: one of `owner`, `license`, `classification`, `provenance.origin` and"
            " `provenance.authors` is missing. `Basic`: they are there. `Full`: nothing is missing;"
            " see `gaps`."
        )
    )
    digest: str = Field(
        max_length=71,
        description="SHA-256 over all that the pin says of its data: provenance and terms.",
    )
    gaps: tuple[ProvenanceGap, ...] = Field(
        default=(),
        max_length=MAX_GAPS,
        json_schema_extra=list_atomic(),
        description=f"What keeps it from being `Full`; the first {MAX_GAPS}.",
    )
    sources: tuple[ResolvedSource, ...] = Field(
        default=(),
        max_length=MAX_SOURCES,
        json_schema_extra=list_atomic(),
        description="The pins among the sources, as they were first found.",
    )
