"""Conditions: the model of one, and the name of every type that Glovebox writes.

The reason words are in `glovebox.api.reasons`. What a condition means for waiting programs
(kstatus, Argo CD, Flux):
`Reconciling` and `Stalled` are present only while true and never both; a permanent failure sets
`Stalled` beside
`Ready=False`; what could not be proven is `Unknown`, never `True`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

# Every kind.
READY: Final = "Ready"
RECONCILING: Final = "Reconciling"
STALLED: Final = "Stalled"

# Pins.
VERIFIED: Final = "Verified"
DRIFT_DETECTED: Final = "DriftDetected"

# ObjectStore: one condition per proof.
VERSIONING_PROVEN: Final = "VersioningProven"
LOCK_PROVEN: Final = "LockProven"
CONDITIONAL_WRITES_PROVEN: Final = "ConditionalWritesProven"
CREDENTIAL_SCOPE_PROVEN: Final = "CredentialScopeProven"

# Experiment.
INPUTS_VERIFIED: Final = "InputsVerified"
NAMESPACE_READY: Final = "NamespaceReady"
ISOLATED: Final = "Isolated"
QUOTA_APPLIED: Final = "QuotaApplied"
ARTIFACTS_PROTECTED: Final = "ArtifactsProtected"
CREDENTIALS_FRESH: Final = "CredentialsFresh"
SUCCEEDED: Final = "Succeeded"
SEALED: Final = "Sealed"
PLATFORM_CHANGED: Final = "PlatformChanged"

TRUE: Final = "True"
FALSE: Final = "False"
UNKNOWN: Final = "Unknown"

MESSAGE_MAX: Final = 32768


class Condition(BaseModel):
    """One standard Kubernetes condition."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    type: str = Field(
        max_length=316, description="The question that this condition answers, one CamelCase word."
    )
    status: Literal["True", "False", "Unknown"] = Field(
        description=(
            "The answer: `True`, `False`, or `Unknown` when it could not be found out or proven."
        )
    )
    observed_generation: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="The `metadata.generation` that the answer speaks of.",
    )
    last_transition_time: AwareDatetime = Field(description="When `status` last changed.")
    reason: str = Field(
        min_length=1,
        max_length=1024,
        pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
        description=(
            "Why, as one CamelCase word; the same word is used in Events, metrics and runbooks."
        ),
    )
    message: str = Field(
        default="",
        max_length=MESSAGE_MAX,
        description="Why, for a person: what was found, and the next step.",
    )

    @property
    def is_true(self) -> bool:
        """Whether the answer is `True`."""
        return self.status == TRUE


def find_condition(conditions: Iterable[Condition], condition_type: str) -> Condition | None:
    """Return the condition of that type, or None when it was never written."""
    return next((condition for condition in conditions if condition.type == condition_type), None)
