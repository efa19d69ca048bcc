"""The metadata that all objects of an experiment share."""

from __future__ import annotations

from typing import Any, TypeAlias

from glovebox import names
from glovebox.api.experiment import Experiment
from glovebox.desired.inputs import ExperimentInputs

KubernetesObject: TypeAlias = dict[str, Any]


def owned_labels(inputs: ExperimentInputs) -> dict[str, str]:
    """Return the labels of every managed object: whose it is; no user's label is ever copied."""
    return labels_of(inputs.experiment)


def labels_of(declared: Experiment) -> dict[str, str]:
    """Return the labels of every object of an Experiment, its Secrets included."""
    experiment = declared.metadata
    return {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_EXPERIMENT_UID: experiment.uid,
        names.LABEL_EXPERIMENT: names.label_value(experiment.name),
        names.LABEL_TEAM: names.label_value(experiment.namespace),
        names.LABEL_SHARD: names.shard_of(experiment.namespace),
    }


def owned_metadata(name: str, inputs: ExperimentInputs) -> dict[str, Any]:
    """Return the metadata of a managed object inside the experiment's namespace."""
    return {"name": name, "namespace": inputs.namespace, "labels": owned_labels(inputs)}
