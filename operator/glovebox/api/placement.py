"""Where runs are scheduled, and what an accelerator takes: written by the platform alone.

An Experiment says how much it needs, and never where: nodes, tolerations, affinity, priority and
runtime are bound with the profile. Of workers the profile says how far they are apart, or that they
are together; which pods are meant says the operator, so that no rule reaches another's.
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
from glovebox.api.schema import (
    FORBIDDEN,
    Checked,
    list_atomic,
    list_map,
    list_set,
    rule,
    rules,
    taught,
)

# In this domain are the names of Kubernetes itself. A DeviceClass that no extended resource names
# is one of them.
_OWN_DOMAIN: Final = "kubernetes.io/"
_DEVICE_CLASS: Final = "deviceclass.resource.kubernetes.io/"
_MAX_SELECTOR: Final = 16
_MAX_TERMS: Final = 8
_MAX_VALUES: Final = 16

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


class NodeRequirement(Model):
    """What a label of a node has to be, as in a pod."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!(self.operator in ['In', 'NotIn']) || (has(self.values) && self.values.size()"
                " > 0)",
                "must name at least one value with `operator: In` or `NotIn`",
                field_path=".values",
            ),
            rule(
                "!(self.operator in ['Exists', 'DoesNotExist']) || !has(self.values) ||"
                " self.values.size() == 0",
                "must be left out with `operator: Exists` or `DoesNotExist`, which ask for none",
                field_path=".values",
            ),
            rule(
                "!(self.operator in ['Gt', 'Lt']) || (has(self.values) && self.values.size() == 1"
                " && self.values[0].matches('^[0-9]+$'))",
                "must be one whole number with `operator: Gt` or `Lt`",
                field_path=".values",
            ),
        )
    )

    key: LabelKey = Field(
        description="Key of the label, such as `topology.kubernetes.io/zone`.",
    )
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"] = Field(
        description="How the label is compared with `values`."
    )
    values: tuple[LabelValue, ...] = Field(
        default=(),
        max_length=_MAX_VALUES,
        json_schema_extra=list_set(),
        description="Values of the label; for `Gt` and `Lt` one whole number.",
    )


class NodeTerm(Model):
    """Nodes by their labels: those that meet every expression."""

    match_expressions: tuple[NodeRequirement, ...] = Field(
        min_length=1,
        max_length=_MAX_TERMS,
        json_schema_extra=list_atomic(),
        description="What the labels of a node have to be, all at once.",
    )


class NodeTerms(Model):
    """Nodes by several terms."""

    node_selector_terms: tuple[NodeTerm, ...] = Field(
        min_length=1,
        max_length=_MAX_TERMS,
        json_schema_extra=list_atomic(),
        description="Terms of which a node has to meet one.",
    )


Weight = Annotated[int, Field(ge=1, le=100, json_schema_extra={"format": "int32"})]


class PreferredNodes(Model):
    """Nodes that are rather taken."""

    weight: Weight = Field(description="How much such a node counts, against other preferences.")
    preference: NodeTerm = Field(description="Which nodes.")


class NodeAffinity(Model):
    """On which nodes, by more than one label of each."""

    required_during_scheduling_ignored_during_execution: NodeTerms | None = Field(
        default=None, description="Nodes that a pod has to be on. When absent: any node will do."
    )
    preferred_during_scheduling_ignored_during_execution: tuple[PreferredNodes, ...] = Field(
        default=(),
        max_length=_MAX_TERMS,
        json_schema_extra=list_atomic(),
        description="Nodes that a pod is rather on. When empty: none.",
    )


class WorkersTerm(Model):
    """The other workers of the stage, and how near."""

    topology_key: LabelKey = Field(
        description=(
            "Key of a node's label: nodes with the same value are one place, such as a rack or"
            " `topology.kubernetes.io/zone`."
        )
    )


class PreferredWorkers(Model):
    """A place in which the workers of a stage are rather together."""

    weight: Weight = Field(description="How much it counts, against other preferences.")
    pod_affinity_term: WorkersTerm = Field(description="The place.")


class PodAffinity(Model):
    """In what the workers of a stage are together.

    As in a pod, but for the pods that are meant: they are the workers of the same stage, always.
    """

    required_during_scheduling_ignored_during_execution: tuple[WorkersTerm, ...] = Field(
        default=(),
        max_length=_MAX_TERMS,
        json_schema_extra=list_map("topologyKey"),
        description="Places in which all workers of a stage have to be together. When empty: none.",
    )
    preferred_during_scheduling_ignored_during_execution: tuple[PreferredWorkers, ...] = Field(
        default=(),
        max_length=_MAX_TERMS,
        json_schema_extra=list_atomic(),
        description="Places in which they are rather together. When empty: none.",
    )


class Affinity(Model):
    """On which nodes, and how near to each other."""

    node_affinity: NodeAffinity | None = Field(
        default=None,
        description="Nodes by their labels, beside `nodeSelector`. When absent: nothing is said.",
    )
    pod_affinity: PodAffinity | None = Field(
        default=None,
        description=(
            "In what the workers of a stage are together, such as a rack. When absent: nothing is"
            " said."
        ),
    )


class TopologySpread(Model):
    """How evenly the workers of a stage are spread, as in a pod."""

    max_skew: int = Field(
        default=1,
        ge=1,
        le=64,
        json_schema_extra={"format": "int32"},
        description="By how many workers one place may have more than another.",
    )
    topology_key: LabelKey = Field(
        description=(
            "Key of a node's label: nodes with the same value are one place, such as"
            " `kubernetes.io/hostname`."
        )
    )
    when_unsatisfiable: Literal["DoNotSchedule", "ScheduleAnyway"] = Field(
        default="DoNotSchedule",
        description=(
            "What happens to a worker that fits nowhere so: `DoNotSchedule`, it waits;"
            " `ScheduleAnyway`, it is placed as evenly as can be."
        ),
    )


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
    affinity: Affinity | None = Field(
        default=None,
        description=(
            "Which nodes they are on, by more than a label each, and what the workers of a stage"
            " are together in. When absent: nothing is said."
        ),
    )
    topology_spread_constraints: tuple[TopologySpread, ...] = Field(
        default=(),
        max_length=_MAX_TERMS,
        json_schema_extra=list_map("topologyKey"),
        description=(
            "How evenly the workers of a stage are spread; pods of other stages and of others are"
            " not counted. When empty: as the scheduler does by itself."
        ),
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
