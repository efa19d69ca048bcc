"""What the fetcher is told to deliver: the plan of an experiment's inputs, as canonical JSON, and the exit codes it answers with.

The plan names every dataset by its digests and by the one version of its manifest, and holds every feature set whole.
It holds no secret: the sessions to read with lie in files of their own. It is read strictly: a field that is missing
or unknown refuses the plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from glovebox.api import reasons
from glovebox.data.digest import canonical_json
from glovebox.data.features import feature_set_digest
from glovebox.errors import InvalidInput

FORMAT: Final = "glovebox.dev/inputs/v1"
KEY_PLAN: Final = "inputs.json"

# Exit codes of the fetcher: other bytes than the pinned ones, and a plan that cannot be read, are final; an outage is not.
EXIT_INTEGRITY: Final = 42
EXIT_PLAN: Final = 64
EXIT_UNAVAILABLE: Final = 75


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid")


class PlannedManifest(_Model):
    """The one version of a manifest."""

    bucket: str
    key: str
    version_id: str
    digest: str


class PlannedDataset(_Model):
    """A dataset to deliver below `<inputs>/<name>/`."""

    name: str
    digest: str
    pin_digest: str
    objects: int
    bytes: int
    manifest: PlannedManifest
    store: str


class PlannedFeatures(_Model):
    """A feature set to deliver as `<inputs>/<name>/features.json`."""

    name: str
    digest: str
    document: dict[str, Any]


class PlannedStore(_Model):
    """How to reach a store."""

    name: str
    endpoint: str
    region: str
    path_style: bool


class InputPlan(_Model):
    """Everything that an experiment reads."""

    format: Literal["glovebox.dev/inputs/v1"] = FORMAT
    datasets: tuple[PlannedDataset, ...] = Field(default=())
    features: tuple[PlannedFeatures, ...] = Field(default=())
    stores: tuple[PlannedStore, ...] = Field(default=())


def render_plan(plan: InputPlan) -> str:
    """Return the plan as canonical JSON."""
    return canonical_json(plan.model_dump(mode="json", by_alias=True)).decode()


def parse_plan(text: str | bytes) -> InputPlan:
    """Return the plan of a text.

    Raises:
        InvalidInput: It is no such plan; with the first defect.
    """
    try:
        return InputPlan.model_validate_json(text)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise InvalidInput(reasons.MANIFEST_INVALID, f"the plan of inputs cannot be read: `{where}`: {problem['msg']}") from error


def features_document(
    features: Iterable[Mapping[str, Any]], *, inputs: Mapping[str, str], schema_version: str, validity: Mapping[str, str | None] | None
) -> dict[str, Any]:
    """Return the definitions of a feature set as they are delivered; its digest can be computed from it alone."""
    window = {key: value for key, value in (validity or {}).items() if value is not None}
    return {
        "features": [dict(feature) for feature in features],
        "inputs": dict(inputs),
        "schemaVersion": schema_version,
        "validity": window,
    }


def document_digest(document: Mapping[str, Any]) -> str:
    """Return the digest of delivered definitions, computed anew.

    Raises:
        InvalidInput: It is not what `features_document` made.
    """
    try:
        return feature_set_digest(
            document["features"],
            inputs=document["inputs"],
            schema_version=document["schemaVersion"],
            validity=document.get("validity"),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(reasons.MANIFEST_INVALID, f"the definitions of features cannot be read: {error!r}") from error
