"""What an Experiment became: its namespace, its digest, the inputs that were bound, where results are, and what drifted."""

from __future__ import annotations

from pydantic import Field

from glovebox.api.base import Status, TolerantModel
from glovebox.api.scalars import Time
from glovebox.api.schema import list_map


class InputStatus(TolerantModel):
    """An input as it was when the snapshot was taken."""

    name: str = Field(max_length=63, description="Name of the input.")
    kind: str = Field(max_length=63, description="`DatasetPin` or `FeatureSetPin`.")
    pin_ref: str = Field(default="", max_length=317, description="Name of the pin; `namespace/name` when it is in another namespace.")
    uid: str = Field(
        default="", max_length=63, description="UID of the pin: a pin deleted and created anew under the same name is another pin."
    )
    digest: str = Field(default="", max_length=71, description="Digest of the pinned content.")
    pin_digest: str = Field(default="", max_length=71, description="Digest of the exact copies (datasets only).")
    objects: int | None = Field(default=None, ge=0, json_schema_extra={"format": "int64"}, description="Number of objects (datasets only).")
    bytes: int | None = Field(default=None, ge=0, json_schema_extra={"format": "int64"}, description="Size (bytes; datasets only).")
    verified_time: Time | None = Field(default=None, description="When the pin was last verified by reading.")


class ArtifactsStatus(TolerantModel):
    """Where the results are."""

    uri: str = Field(default="", max_length=1024, description="Where results are written: `s3://<bucket>/<team>/<experiment>/<uid>/`.")
    store_ref: str = Field(default="", max_length=253, description="Name of the ObjectStore.")
    credentials_expire_time: Time | None = Field(default=None, description="When the current credentials of the run end.")


class DriftRecord(TolerantModel):
    """One difference between what was declared and what was found."""

    kind: str = Field(default="", max_length=63, description="Kind of the object.")
    name: str = Field(default="", max_length=253, description="Name of the object.")
    change: str = Field(default="", max_length=63, description="What had happened: `Changed`, `Deleted` or `Added`.")
    field: str = Field(default="", max_length=1024, description="The field that differed.")
    manager: str = Field(default="", max_length=253, description="Who wrote it, as far as the API server knows.")


class DriftStatus(TolerantModel):
    """Drift that was found, counted over the life of the experiment."""

    repairs: int = Field(default=0, ge=0, json_schema_extra={"format": "int64"}, description="How many differences were repaired.")
    last_repair_time: Time | None = Field(default=None, description="When the last one was repaired.")
    last: DriftRecord | None = Field(default=None, description="The last difference.")


class ExperimentStatus(Status):
    """What the experiment became. Conditions: `Ready`, `InputsVerified`, `NamespaceReady`, `Isolated`, `QuotaApplied`, `Sealed`, ..."""

    namespace: str = Field(default="", max_length=63, description="The experiment's own namespace. It never changes once set.")
    namespace_uid: str = Field(
        default="", max_length=63, description="UID of that namespace: one created anew under the same name is not ours."
    )
    digest: str = Field(
        default="",
        max_length=71,
        description=(
            "Identity of everything that the experiment depends on. Set when the snapshot is taken; it never changes, and freezes the spec."
        ),
    )
    inputs: tuple[InputStatus, ...] = Field(
        default=(), max_length=96, json_schema_extra=list_map("name"), description="Every input with the digest that was bound."
    )
    artifacts: ArtifactsStatus | None = Field(default=None, description="Where the results are.")
    drift: DriftStatus | None = Field(default=None, description="Drift that was found and repaired.")
