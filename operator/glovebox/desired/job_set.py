"""A run of several stages, or of several workers: one JobSet, with a Job for each stage.

JobSet's controller makes the Jobs, each when those that it needs are complete, and one headless
Service, by which the pods of the run find each other. A stage that failed for good ends the run:
nothing is restarted as a whole, because its artifacts are already locked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glovebox import names
from glovebox.api.stages import Stage
from glovebox.desired.inputs import ExperimentInputs
from glovebox.desired.metadata import KubernetesObject, owned_labels, owned_metadata


def needs_job_set(stages: tuple[Stage, ...]) -> bool:
    """Return whether a run is more than one Job of one pod."""
    return len(stages) > 1 or any(stage.workers > 1 for stage in stages)


def run_job_set(
    inputs: ExperimentInputs, jobs: tuple[tuple[Stage, Mapping[str, Any]], ...]
) -> KubernetesObject:
    """Return the JobSet of a run.

    Args:
        inputs: Of the Experiment.
        jobs: Its stages, each with the `spec` of its Job.
    """
    return {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": owned_metadata(names.RUN_JOB, inputs),
        "spec": {
            "failurePolicy": {"maxRestarts": 0},
            "network": {
                "enableDNSHostnames": True,
                "subdomain": names.RUN_JOB,
                # Workers look for each other before any of them is ready.
                "publishNotReadyAddresses": True,
            },
            "replicatedJobs": [_replicated(inputs, stage, spec) for stage, spec in jobs],
        },
    }


def _replicated(inputs: ExperimentInputs, stage: Stage, spec: Mapping[str, Any]) -> dict[str, Any]:
    needs = [{"name": name, "status": "Complete"} for name in stage.needs]
    return {
        "name": stage.name,
        "replicas": 1,
        **({"dependsOn": needs} if needs else {}),
        # The labels are how the operator's watch, and the guards, know the Job.
        "template": {
            "metadata": {"labels": _labels(inputs, stage)},
            "spec": _job(inputs, stage, spec),
        },
    }


def _job(inputs: ExperimentInputs, stage: Stage, spec: Mapping[str, Any]) -> dict[str, Any]:
    metadata = spec["template"]["metadata"]
    labels = metadata["labels"] | _labels(inputs, stage)
    template = {**spec["template"], "metadata": {**metadata, "labels": labels}}
    return {**spec, "template": template}


def _labels(inputs: ExperimentInputs, stage: Stage) -> dict[str, str]:
    return owned_labels(inputs) | {names.LABEL_STAGE: stage.name}
