"""What an Experiment became: its namespace, digest, bound inputs, results and drift."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from glovebox.api.attempt_status import MAX_PODS, RunNode, RunPod, RunStage, TenantPods
from glovebox.api.base import Status, TolerantModel
from glovebox.api.drift_status import DriftStatus
from glovebox.api.input_status import BrokenInput, InputStatus
from glovebox.api.leakage_status import LeakStatus
from glovebox.api.ledger_entry_status import LedgerEntryStatus
from glovebox.api.scalars import Time
from glovebox.api.schema import list_atomic, list_map
from glovebox.api.seal_status import ConclusionStatus, SealStatus, SealSupplementStatus
from glovebox.api.stages import MAX_STAGES


class ProvisionedStatus(TolerantModel):
    """The latch: when everything was seen in place for the first time, and for what."""

    time: Time = Field(description="When every isolation object and the access were seen in place.")
    namespace_uid: str = Field(max_length=63, description="UID of the namespace that was complete.")
    digest: str = Field(max_length=71, description="The `status.digest` that it was complete for.")


class RunStatus(TolerantModel):
    """What became of the run. There is one run in the life of an experiment."""

    job_uid: str = Field(
        default="",
        max_length=63,
        description="UID of the Job or JobSet, from the moment it was created.",
    )
    start_time: Time | None = Field(default=None, description="When the Job was created.")
    completion_time: Time | None = Field(
        default=None, description="When the run was over. From then on it is never started again."
    )
    outcome: Literal["", "Succeeded", "Failed"] = Field(
        default="", description="How it ended; empty while it has not."
    )
    reason: str = Field(default="", max_length=1024, description="Why it ended so, in one word.")
    message: str = Field(
        default="",
        max_length=4096,
        description=(
            "Why it ended so; for a failure the last 200 characters that the program said, without"
            " secrets. Its log says the rest."
        ),
    )
    exit_code: int | None = Field(
        default=None,
        json_schema_extra={"format": "int32"},
        description="Exit code of the failed container.",
    )
    attempts: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int32"},
        description="How many pods were started for it.",
    )
    evictions: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int32"},
        description=(
            "How often Kueue took back the run's place after it was admitted: for another one, or"
            " because its queue was stopped. Its pods were ended, and others were started later."
        ),
    )
    record: str = Field(
        default="",
        max_length=1024,
        description=(
            "Key, in the bucket of artifacts, of the record that the run was started. Whatever a"
            " restore makes of the cluster, the run is not started again. Empty until it is"
            " written."
        ),
    )
    stages: tuple[RunStage, ...] = Field(
        default=(),
        max_length=MAX_STAGES,
        json_schema_extra=list_map("name"),
        description="How far each stage is, where the run is a JobSet; empty for a single Job.",
    )
    pods: tuple[RunPod, ...] = Field(
        default=(),
        max_length=MAX_PODS,
        json_schema_extra=list_map("uid"),
        description="The pods that were seen, the oldest first, at most 128.",
    )
    nodes: tuple[RunNode, ...] = Field(
        default=(),
        max_length=MAX_PODS,
        json_schema_extra=list_map("name"),
        description="The nodes that they were on.",
    )


class IsolationStatus(TolerantModel):
    """The result of the isolation check."""

    outcome: Literal["Passed", "Failed", "Unknown"] = Field(
        description=(
            "`Passed`: whatever must not work did not, and what must work did. `Failed`: something"
            " did not hold. `Unknown`: not proven."
        )
    )
    message: str = Field(
        default="", max_length=1024, description="What failed or could not be proven, in words."
    )
    failed: tuple[Annotated[str, Field(max_length=80)], ...] = Field(
        default=(),
        max_length=16,
        json_schema_extra=list_atomic(),
        description="The attempts that failed, at most 16.",
    )
    attempts: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int32"},
        description="How many attempts were made.",
    )
    verified_time: Time = Field(description="When the verdict was recorded.")
    policy_digest: str = Field(
        default="",
        max_length=71,
        description="Digest of the NetworkPolicies as they were declared then.",
    )
    job_uid: str = Field(default="", max_length=63, description="UID of the probe's Job.")


class BoundPurpose(TolerantModel):
    """`spec.purpose` as it was when the snapshot was taken."""

    description: str = Field(default="", max_length=4096, description="What is to be found out.")
    owner: str = Field(default="", max_length=256, description="Who was responsible.")
    ticket: str = Field(default="", max_length=256, description="The ticket.")


class ArtifactsStatus(TolerantModel):
    """Where the results are."""

    uri: str = Field(
        default="",
        max_length=1024,
        description="Where results are written: `s3://<bucket>/<team>/<experiment>/<uid>/`.",
    )
    store_ref: str = Field(default="", max_length=253, description="Name of the ObjectStore.")
    credentials_expire_time: Time | None = Field(
        default=None, description="When the current credentials of the run end."
    )
    sessions_end_time: Time | None = Field(
        default=None,
        description="When the last session ends that was ever issued; nothing is written later.",
    )


class ExperimentLedgerStatus(TolerantModel):
    """What the ledger records of the experiment."""

    entries: tuple[LedgerEntryStatus, ...] = Field(
        default=(),
        max_length=16,
        json_schema_extra=list_map("id"),
        description=(
            "The entries that are written. What happened and is not among them is still to be"
            " written, and is not reported before. Of more than 16 the uses of grants are left out,"
            " for which the entry of the bind stands."
        ),
    )


class LineageEventStatus(TolerantModel):
    """An event of lineage that is written."""

    type: str = Field(max_length=63, description="`START`, `COMPLETE`, `FAIL` or `ABORT`.")
    digest: str = Field(
        max_length=71,
        description="SHA-256 of the event; it lies beside the evidence, named by it.",
    )


class LineageStatus(TolerantModel):
    """The events of lineage that are written."""

    namespace: str = Field(
        max_length=253, description="Namespace of the job in them. It never changes once set."
    )
    events: tuple[LineageEventStatus, ...] = Field(
        default=(),
        max_length=8,
        json_schema_extra=list_map("type"),
        description="The events, the oldest first.",
    )


class LostNamespace(TolerantModel):
    """A namespace of the experiment that somebody deleted while the Experiment was there."""

    uid: str = Field(max_length=63, description="Its UID.")
    time: Time = Field(description="When the operator found that it was gone.")


class ExperimentStatus(Status):
    """What the experiment became.

    Conditions: `Ready`, `InputsVerified`, `NamespaceReady`, `Isolated`, `QuotaApplied`, `Sealed`,
    ...
    """

    namespace: str = Field(
        default="",
        max_length=63,
        description="The experiment's own namespace. It never changes once set.",
    )
    namespace_uid: str = Field(
        default="",
        max_length=63,
        description="UID of that namespace: one recreated under the same name is not ours.",
    )
    digest: str = Field(
        default="",
        max_length=71,
        description=(
            "Identity of everything that the experiment depends on. Set when the snapshot is taken;"
            " it never changes, and freezes the spec."
        ),
    )
    bound_time: Time | None = Field(default=None, description="When the snapshot was taken.")
    inputs: tuple[InputStatus, ...] = Field(
        default=(),
        max_length=96,
        json_schema_extra=list_map("name"),
        description="Every input with the digest that was bound.",
    )
    platform: str = Field(
        default="",
        max_length=131072,
        description=(
            "The settings of the platform as they were bound, as canonical JSON: what the"
            " IsolationProfile gave to this experiment, and the ObjectStores of its artifacts and"
            " inputs. Editing or deleting these later changes nothing here; it is reported in the"
            " condition `PlatformChanged`."
        ),
    )
    team_budget: dict[str, Annotated[str, Field(max_length=64)]] = Field(
        default={},
        max_length=32,
        description=(
            "What the experiment counts for in the budget of its team, by resource, as it was when"
            " the snapshot was taken. Absent where the profile had none."
        ),
    )
    provisioned: ProvisionedStatus | None = Field(
        default=None,
        description=(
            "Set once, after every isolation object and the access were seen in place. Only from"
            " then on is a difference drift; before, it is work to do, and access is closed"
            " whenever an isolation object is not in place."
        ),
    )
    artifacts: ArtifactsStatus | None = Field(default=None, description="Where the results are.")
    platform_image: str = Field(
        default="",
        max_length=512,
        description=(
            "The Glovebox image that delivers the inputs and checks isolation, as it was when the"
            " snapshot was taken."
        ),
    )
    delivery_mode: Literal["", "Fetch", "Cache", "CSI", "Image"] = Field(
        default="",
        description=(
            "How datasets come into the run, as the profile said when the snapshot was taken. It is"
            " no part of the digest: the bytes are the same in every mode. Empty without datasets."
        ),
    )
    state: Literal["", "Open", "Frozen", "Sealed"] = Field(
        default="",
        description=(
            "What the isolation objects were last made for: `Open` admits pods, `Frozen` and"
            " `Sealed` do not. `Sealed` is recorded once everything is closed, and stays: results"
            " are sealed from then on."
        ),
    )
    closed_time: Time | None = Field(
        default=None,
        description=(
            "When everything was first seen closed for good (`state: Sealed`). It never changes"
            " once set. Without a run, what is sealed waits since then."
        ),
    )
    run: RunStatus | None = Field(default=None, description="What became of the run.")
    broken_inputs: tuple[BrokenInput, ...] = Field(
        default=(),
        max_length=64,
        json_schema_extra=list_map("name"),
        description=(
            "Inputs that were found broken, where the bound profile stops the experiment for that."
            " An entry with `Freeze` goes when its pin is whole again; one with `Fail` stays."
        ),
    )
    isolation: IsolationStatus | None = Field(
        default=None, description="What the probe of isolation found last."
    )
    seal: SealStatus | None = Field(
        default=None, description="The seal over the results. It never changes once set."
    )
    seal_supplement: SealSupplementStatus | None = Field(
        default=None,
        description=(
            "What the last listing found, after the last session had ended. It never changes once"
            " set."
        ),
    )
    conclusion: ConclusionStatus | None = Field(
        default=None,
        description="The signed statement of `spec.conclusion`. It never changes once set.",
    )
    purpose: BoundPurpose | None = Field(
        default=None,
        description=(
            "`spec.purpose` as it was when the snapshot was taken; the seal says this one, whatever"
            " `spec.purpose` has become. It never changes once set."
        ),
    )
    leakage: tuple[LeakStatus, ...] = Field(
        default=(),
        max_length=16,
        json_schema_extra=list_map("type"),
        description=(
            "The leakage sheet: what was known of each type of leak when the snapshot was taken. It"
            " never changes once set, and the seal says it. Absent without datasets."
        ),
    )
    tenant_pods: TenantPods | None = Field(
        default=None,
        description=(
            "Pods in the namespace that were not the run's, as far as the operator saw: it looks"
            " while it follows the run, and when it closes the namespace."
        ),
    )
    drift: DriftStatus | None = Field(
        default=None, description="Drift that was found and repaired."
    )
    lost_namespace: LostNamespace | None = Field(
        default=None,
        description=(
            "The last namespace that was deleted under the experiment, and was created again. The"
            " guards let nobody do that but the operator and break-glass groups."
        ),
    )
    ledger: ExperimentLedgerStatus | None = Field(
        default=None,
        description=(
            "Entries of the ledger about this experiment; absent while its ObjectStore has no"
            " `spec.ledger`."
        ),
    )
    lineage: LineageStatus | None = Field(
        default=None,
        description=(
            "Events of lineage about this experiment that are written beside its evidence; absent"
            " while the operator's setting `lineage` is off."
        ),
    )
