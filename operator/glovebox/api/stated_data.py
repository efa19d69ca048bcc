"""What the pin of an input said of its data when the snapshot was taken."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from glovebox.api.base import TolerantModel

KEPT_WITHOUT_END: Final = "Unlimited"


class StatedData(TolerantModel):
    """What a pin said of its data. What it did not say is absent."""

    environment: str = Field(default="", max_length=63, description="`spec.environment`.")
    classification: str = Field(default="", max_length=63, description="`spec.classification`.")
    license: str = Field(default="", max_length=256, description="`spec.license`.")
    region: str = Field(default="", max_length=63, description="`spec.region`.")
    personal_data: str = Field(default="", max_length=63, description="`spec.personalData`.")
    origin: str = Field(default="", max_length=63, description="`spec.provenance.origin`.")
    provenance: str = Field(
        default="", max_length=63, description="`status.provenance.level`, as it was found then."
    )
    digest: str = Field(default="", max_length=71, description="`status.provenance.digest`.")
    contract: str = Field(
        default="",
        max_length=71,
        description="`status.contract.digest`: what was promised of the tables, and met.",
    )
    compatibility: str = Field(
        default="",
        max_length=16,
        description=(
            "`status.evolution.compatibility`, as it was found then; `Unknown` where nothing was."
            " Absent of a pin that supersedes none."
        ),
    )
    distribution: str = Field(
        default="",
        max_length=16,
        description=(
            "`status.distribution.verdict`, as it was found then; `unknown` where nothing was."
            " Absent of a pin that is compared with none."
        ),
    )
    migration: str = Field(
        default="", max_length=71, description="SHA-256 of `spec.migration.notes`."
    )
    hold: str = Field(default="", max_length=16, description="`spec.hold`.")
    retention: str = Field(
        default="",
        max_length=63,
        description=(
            f"`spec.retention.untilTime`; `{KEPT_WITHOUT_END}` where `spec.retention` has none."
        ),
    )
