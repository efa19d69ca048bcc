"""Where runs are scheduled, and what an accelerator takes: written by the platform alone.

An Experiment says how much it needs, and never where: nodes, tolerations, priority and runtime are
bound with the profile, and the guards admit none that a team writes.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from glovebox.api.base import Model
from glovebox.api.scalars import (
    DNS_SUBDOMAIN,
    LABEL_KEY,
    LABEL_KEY_MESSAGE,
    MAX_LABEL_KEY,
    ExtendedResource,
    LabelKey,
    LabelValue,
    ObjectName,
)
from glovebox.api.schema import FORBIDDEN, Checked, list_atomic, rule, rules, taught

# In this domain are the names of Kubernetes itself. A DeviceClass that no extended resource names
# is one of them.
_OWN_DOMAIN: Final = "kubernetes.io/"
_DEVICE_CLASS: Final = "deviceclass.resource.kubernetes.io/"
_MAX_SELECTOR: Final = 16

NodeSelector = Annotated[
    dict[str, LabelValue],
    Field(max_length=_MAX_SELECTOR),
    Checked[dict[str, str]](
        lambda labels: all(
            len(key) <= MAX_LABEL_KEY and re.fullmatch(LABEL_KEY, key) for key in labels
        ),
        f"self.all(key, key.size() <= {MAX_LABEL_KEY} && key.matches(r'{LABEL_KEY}'))",
        f"must have in each key {LABEL_KEY_MESSAGE}",
    ),
]


class Toleration(Model):
    """A taint that the run tolerates, as in a pod."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.?operator.orValue('') != 'Exists' || !has(self.value) || self.value == ''",
                "must be left out with `operator: Exists`, which takes every value",
                field_path=".value",
            ),
            rule(
                "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
                "may be given with `effect: NoExecute` only: nothing else evicts a pod that runs",
                field_path=".tolerationSeconds",
            ),
        )
    )

    key: LabelKey = Field(description="Key of the taint, such as `nvidia.com/gpu`.")
    operator: Literal["Equal", "Exists"] = Field(
        default="Equal",
        description="`Equal`: the taint has to have this `value`. `Exists`: any value will do.",
    )
    value: LabelValue = Field(default="", description="Value of the taint, for `Equal`.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="Effect of the taint. When absent: every effect."
    )
    toleration_seconds: (
        Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})] | None
    ) = Field(
        default=None,
        description=(
            "For how long (seconds) a running pod stays on a node that gets the taint. When absent:"
            " for ever."
        ),
    )


_TOLERATIONS: Final = list_atomic()


class Scheduling(Model):
    """Where runs and isolation checks are scheduled, and as what."""

    node_selector: NodeSelector = Field(
        default={}, description="Labels that a node must have. When empty: any node will do."
    )
    tolerations: tuple[Toleration, ...] = Field(
        default=(),
        max_length=16,
        json_schema_extra=_TOLERATIONS,
        description="Taints of nodes that are tolerated. When empty: none.",
    )
    priority_class_name: (
        Annotated[
            ObjectName,
            Checked[str](
                lambda name: not name.startswith("system-"),
                "!self.startsWith('system-')",
                "must not be one of Kubernetes' own classes ('system-...'): a run would take the"
                " place of what the cluster needs",
            ),
        ]
        | None
    ) = Field(
        default=None,
        description=(
            "PriorityClass, which has to exist. When absent: the cluster's default. A run can be"
            " preempted by pods of a higher one."
        ),
    )
    runtime_class_name: ObjectName | None = Field(
        default=None,
        description=(
            "RuntimeClass, which has to exist, such as one that isolates pods in a virtual machine."
            " What it adds to a pod (`overhead`) counts against the quota. When absent: the node's"
            " default."
        ),
    )
    scheduler_name: ObjectName | None = Field(
        default=None,
        description="Scheduler of the pods. When absent: the cluster's default scheduler.",
    )


class Accelerator(Model):
    """An accelerator: what it is called everywhere, how many, and what it takes to reach it."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                f"!self.resource.contains('{_OWN_DOMAIN}') ||"
                f" self.resource.startsWith('{_DEVICE_CLASS}')",
                "must not lie in the domain kubernetes.io, whose names are Kubernetes' own, unless"
                f" it is '{_DEVICE_CLASS}<DeviceClass>'",
                field_path=".resource",
                reason=FORBIDDEN,
            )
        )
    )

    resource: ExtendedResource = Field(
        description=(
            "The resource as nodes and `resources` of a stage call it, such as `nvidia.com/gpu` or"
            " `nvidia.com/mig-1g.10gb`."
        )
    )
    device_class: (
        Annotated[
            str,
            Field(max_length=63),
            taught(
                DNS_SUBDOMAIN,
                "must be the name of a DeviceClass, such as 'gpu.nvidia.com'",
            ),
        ]
        | None
    ) = Field(
        default=None,
        description=(
            "The DeviceClass behind the resource, where its driver offers the devices by dynamic"
            " resource allocation (`spec.extendedResourceName` of the class). The quota then counts"
            " claims for the class as well, so that they are no way around it. When absent: a"
            " device plugin offers them."
        ),
    )
    maximum: int = Field(
        ge=1,
        le=65536,
        json_schema_extra={"format": "int32"},
        description="The most that an Experiment may ask for. One that asks for none gets none.",
    )
    node_selector: NodeSelector = Field(
        default={},
        description=(
            "Labels that a node must have, beside those of `spec.scheduling`, for a run that asks"
            " for it."
        ),
    )
    tolerations: tuple[Toleration, ...] = Field(
        default=(),
        max_length=16,
        json_schema_extra=_TOLERATIONS,
        description="Taints that such a run tolerates, beside those of `spec.scheduling`.",
    )
    runtime_class_name: ObjectName | None = Field(
        default=None,
        description=(
            "RuntimeClass of such a run, which has to exist. When absent: that of"
            " `spec.scheduling`."
        ),
    )
