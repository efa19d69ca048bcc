"""How the contract of a pin compares with that of the pin that it supersedes."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from glovebox.api.base import Model, TolerantModel
from glovebox.api.scalars import Text, Time
from glovebox.api.schema import list_atomic, rule

# As schema registries name it; what a profile may demand, and what may be found.
DemandedCompatibility = Literal["None", "Backward", "Forward", "Full"]
Compatibility = Literal["Full", "Forward", "Backward", "Breaking", "Unknown"]
COMPATIBILITIES: Final[tuple[Compatibility, ...]] = (
    "Full",
    "Forward",
    "Backward",
    "Breaking",
    "Unknown",
)
MAX_CHANGES = 32

MIGRATES_FROM_A_PIN = rule(
    "!has(self.migration) || has(self.supersedes)",
    "must be of a pin that `supersedes` another one: it is what the users of that one read",
    field_path=".migration",
)


class PinMigration(Model):
    """What users of the superseded pin have to do."""

    notes: Text = Field(
        min_length=1, description="What users of the superseded pin have to change, in words."
    )


class ContractChange(TolerantModel):
    """One difference of two contracts that is not compatible in one direction or in both."""

    rule: str = Field(max_length=16, description="The rule that differs, in one word.")
    column: str = Field(
        default="",
        max_length=1152,
        description="The column, or columns. Absent where the tables as a whole are meant.",
    )
    breaks: str = Field(
        max_length=16,
        description=(
            "`Forward`: code for the superseded contract may not be able to use the new data."
            " `Backward`: code for the new contract may not be able to use the old data. `Both`."
        ),
    )
    message: str = Field(max_length=512, description="What was promised, and what is.")


class EvolutionStatus(TolerantModel):
    """How the contract compares with that of the superseded pin. A class is recorded once."""

    against: str = Field(max_length=253, description="Name of the superseded DatasetPin.")
    compatibility: str = Field(
        max_length=16,
        description=(
            "`Forward`: all data that meet this contract meet the superseded one, so that code for"
            " that one can use them. `Backward`: all data that meet the superseded contract meet"
            " this one. `Full`: both. `Breaking`: neither. `Unknown`: see `message`."
        ),
    )
    contract: str = Field(
        default="", max_length=71, description="SHA-256 of the contract of this pin."
    )
    against_contract: str = Field(
        default="", max_length=71, description="SHA-256 of the superseded contract."
    )
    compared_time: Time | None = Field(
        default=None, description="When they were compared. Absent while nothing is known."
    )
    changes: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int32"},
        description="How many differences are not compatible in one direction or in both.",
    )
    first: tuple[ContractChange, ...] = Field(
        default=(),
        max_length=MAX_CHANGES,
        json_schema_extra=list_atomic(),
        description=f"The first of them; at most {MAX_CHANGES}.",
    )
    message: str = Field(
        default="", max_length=512, description="Why nothing is known. Absent where it is."
    )
