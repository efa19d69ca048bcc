"""How much an Experiment of a profile may have: quota ranges, limits, retention, run."""

from __future__ import annotations

from typing import Final

from pydantic import ConfigDict, Field

from glovebox.api.base import Model
from glovebox.api.scalars import (
    Days,
    ObjectName,
    Quantity,
    QuotaResource,
    RetentionMode,
    not_more,
)
from glovebox.api.schema import Extra, rule, rules

# Who writes one bound is refused for another one, which they never wrote: its value is shown.
_BY_DEFAULT: Final = "a field that is left out has its default"


def _with_values(low: str, high: str) -> str:
    return (
        f"'`{low}` (' + string(dyn(self.{low})) + ') must not exceed `{high}` (' +"
        f" string(dyn(self.{high})) + '); {_BY_DEFAULT}'"
    )


def _in_order(low: str, high: str) -> Extra:
    return rule(
        f"self.{low} <= self.{high}",
        f"`{low}` must not exceed `{high}`; {_BY_DEFAULT}",
        field_path=f".{low}",
        message_expression=_with_values(low, high),
    )


class QuotaRange(Model):
    """The range of one resource of the experiment's ResourceQuota."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                not_more("self.default", "self.maximum"),
                "`default` must not exceed `maximum`",
                field_path=".default",
            ),
            rule(
                f"!has(self.minimum) || {not_more('self.minimum', 'self.default')}",
                "`minimum` must not exceed `default`",
                field_path=".minimum",
            ),
        )
    )

    resource: QuotaResource = Field(
        description="The resource as ResourceQuota names it, such as `requests.cpu` or `pods`."
    )
    default: Quantity = Field(
        description="What an Experiment gets when it does not request this resource."
    )
    maximum: Quantity = Field(
        description=(
            "The most that an Experiment may request. A larger request is refused before anything"
            " is created."
        )
    )
    minimum: Quantity | None = Field(
        default=None,
        description="The least that an Experiment may request. When absent: no lower bound.",
    )


class BudgetEntry(Model):
    """The most of one resource that all experiments of a team may have together."""

    resource: QuotaResource = Field(
        description="The resource as `quota` names it, or `requests.` and that of an accelerator."
    )
    maximum: Quantity = Field(
        description=(
            "The most that the experiments of one namespace may have of it together, under this"
            " profile."
        )
    )


class Limits(Model):
    """The LimitRange for containers: their defaults, and the most that one may request."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            *(
                rule(
                    f"!has(self.{low}) || !has(self.{high}) ||"
                    f" {not_more(f'self.{low}', f'self.{high}')}",
                    f"`{low}` must not exceed `{high}`; {_BY_DEFAULT}",
                    field_path=f".{low}",
                    message_expression=_with_values(low, high),
                )
                for low, high in (
                    ("defaultRequestCpu", "defaultCpu"),
                    ("defaultRequestMemory", "defaultMemory"),
                    ("defaultCpu", "maxCpu"),
                    ("defaultMemory", "maxMemory"),
                    ("defaultRequestEphemeralStorage", "defaultEphemeralStorage"),
                    ("defaultEphemeralStorage", "maxEphemeralStorage"),
                )
            )
        )
    )

    default_cpu: Quantity = Field(
        default="500m", description="CPU limit (cores) of a container that sets none."
    )
    default_memory: Quantity = Field(
        default="512Mi", description="Memory limit (bytes) of a container that sets none."
    )
    default_request_cpu: Quantity = Field(
        default="100m", description="CPU request (cores) of a container that sets none."
    )
    default_request_memory: Quantity = Field(
        default="128Mi", description="Memory request (bytes) of a container that sets none."
    )
    default_ephemeral_storage: Quantity = Field(
        default="10Gi",
        description=(
            "Limit of local disk (bytes: `/tmp`, other emptyDir volumes, logs) of a container that"
            " sets none; a pod that uses more is evicted. The size of pinned inputs is added on"
            " top."
        ),
    )
    default_request_ephemeral_storage: Quantity = Field(
        default="256Mi",
        description=("Request for local disk (bytes) of a container that sets none."),
    )
    max_cpu: Quantity | None = Field(
        default=None,
        description=(
            "Most CPU (cores) that one container may request. When absent: only the quota limits"
            " it."
        ),
    )
    max_ephemeral_storage: Quantity | None = Field(
        default=None,
        description=(
            "Most local disk (bytes) that one container may request. The size of pinned inputs is"
            " added on top. When absent: `defaultEphemeralStorage`."
        ),
    )
    max_memory: Quantity | None = Field(
        default=None,
        description=(
            "Most memory (bytes) that one container may use. When absent: only the quota limits"
            " it, if it counts `limits.memory`; else the quota's `requests.memory`, or"
            " `defaultMemory` where it counts neither."
        ),
    )


class RetentionRange(Model):
    """How long artifacts are locked."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            _in_order("minimumDays", "defaultDays"),
            _in_order("defaultDays", "maximumDays"),
        )
    )

    mode: RetentionMode = Field(
        default="Compliance",
        description=(
            "Weakest lock that an Experiment may choose, and its default."
            " `Compliance`: nobody can shorten or lift the lock. `Governance`: those with a special"
            " permission of the store can."
        ),
    )
    minimum_days: Days = Field(
        default=1, description="Shortest lock (days) that an Experiment may request."
    )
    maximum_days: Days = Field(
        default=365, description="Longest lock (days) that an Experiment may request."
    )
    default_days: Days = Field(
        default=365, description="Lock (days) of an Experiment that requests none."
    )


class Scratch(Model):
    """Of what the scratch of a stage is."""

    storage_class_name: ObjectName = Field(
        description=(
            "StorageClass of a volume that each pod of a stage with `scratch` gets for itself, as"
            " large as it asks for. It counts in `requests.storage` of the quota, and goes with its"
            " pod. The class has to make volumes as they are claimed."
        )
    )


class RunRules(Model):
    """Limits for runs."""

    model_config = ConfigDict(
        json_schema_extra=rules(_in_order("defaultDeadlineSeconds", "maximumDeadlineSeconds"))
    )

    maximum_retries: int = Field(
        default=3,
        ge=0,
        le=100,
        json_schema_extra={"format": "int32"},
        description="Most retries that an Experiment may request.",
    )
    default_deadline_seconds: int = Field(
        default=86400,
        ge=1,
        le=31536000,
        json_schema_extra={"format": "int64"},
        description="Deadline (seconds, retries included) of a run that sets none.",
    )
    maximum_deadline_seconds: int = Field(
        default=604800,
        ge=1,
        le=31536000,
        json_schema_extra={"format": "int64"},
        description="Longest deadline (seconds) that an Experiment may request.",
    )
    scratch: Scratch | None = Field(
        default=None,
        description=(
            "Volumes of a StorageClass for stages that ask for `scratch`. When absent: it is local"
            " disk of the node."
        ),
    )
