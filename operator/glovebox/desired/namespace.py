"""Namespace: the experiment's own, with Pod Security labels and ownership in its first request.

The Pod Security version is pinned: a newer cluster may know stricter rules, and those must not
change under a running experiment. An older cluster, which does not know this version yet, uses its
newest.
"""

from __future__ import annotations

from typing import Final

from glovebox import names
from glovebox.desired.inputs import ExperimentInputs
from glovebox.desired.metadata import KubernetesObject, owned_labels

POD_SECURITY_VERSION: Final = "v1.36"
_POD_SECURITY_MODES: Final = ("enforce", "audit", "warn")


def namespace(inputs: ExperimentInputs) -> KubernetesObject:
    """Return the Namespace.

    Its state label is what the API server's guards read, whether the operator runs or not.
    """
    experiment = inputs.experiment
    labels = owned_labels(inputs) | _pod_security(inputs.profile.spec.pod_security)
    labels[names.LABEL_PROFILE] = names.label_value(experiment.spec.profile)
    labels[names.LABEL_STATE] = inputs.state
    if experiment.spec.purpose.cost_center:
        labels[names.LABEL_COST_CENTER] = names.label_value(experiment.spec.purpose.cost_center)
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": inputs.namespace,
            "labels": labels,
            "annotations": {
                names.ANNOTATION_EXPERIMENT: (
                    f"{experiment.metadata.namespace}/{experiment.metadata.name}"
                ),
                names.ANNOTATION_DELETION_POLICY: experiment.spec.lifecycle.deletion_policy,
            },
        },
    }


def _pod_security(level: str) -> dict[str, str]:
    labels: dict[str, str] = {}
    for mode in _POD_SECURITY_MODES:
        labels[f"pod-security.kubernetes.io/{mode}"] = level.lower()
        labels[f"pod-security.kubernetes.io/{mode}-version"] = POD_SECURITY_VERSION
    return labels
