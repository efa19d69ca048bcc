"""The run: a Job for each stage, with all that it is to read mounted, and nothing else.

The pod has two steps. The fetcher, in the Glovebox image, fills the volume of inputs and is the
only container that holds a credential for them; then the team's image runs, with that volume
read-only, with the secrets that its stage names, and with no token for the API server. Both are
different users, so that what the first wrote cannot be changed by the second even where a mount
were writable (one and the same where the profile leaves that to the cluster). Beside it, in the
Glovebox image, runs what gives it each session of its artifacts ahead of the last one's end
(`jobs/session_endpoint.py`).

Where datasets are volumes of their own (`input_volumes.py`) the fetcher compares them with their
pins instead, holds no credential for them, and mounts them read-only like everybody.

A fetcher that finds other bytes than the pinned ones ends with an exit code that fails the Job at
once: a retry would find the same.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from glovebox import names
from glovebox.api.stages import Stage
from glovebox.data.delivery import AUTHORITIES_SUFFIX, CREDENTIALS_SUFFIX, FETCH_AGAIN, FETCH_FINAL
from glovebox.desired import quantity
from glovebox.desired.accelerators import run_accelerators
from glovebox.desired.delivery import PLAN_FILE
from glovebox.desired.input_volumes import input_mount, pod_volume
from glovebox.desired.inputs import ExperimentInputs
from glovebox.desired.job_set import needs_job_set, run_job_set
from glovebox.desired.metadata import KubernetesObject, owned_labels, owned_metadata
from glovebox.desired.placement import placement
from glovebox.desired.pods import (
    CREDENTIALS_FOLDER,
    DATASETS_FOLDER,
    FETCH_COMMAND,
    FETCH_CONTAINER,
    FETCH_USER,
    PLAN_FOLDER,
    RUN_USER,
    SESSION_COMMAND,
    SESSION_CONTAINER,
    SESSION_LIMITS,
    SESSION_REQUESTS,
    bounded_resources,
    container_security,
    failure_rules,
    pod_frame,
)
from glovebox.desired.queue import queued
from glovebox.desired.run_amounts import WHICH, disk_amount, run_amounts
from glovebox.desired.run_environment import (
    ARTIFACTS_FOLDER,
    INPUTS_FOLDER,
    attempt_environment,
    run_environment,
    worker_environment,
)
from glovebox.desired.run_ways import SNAPSHOT_FOLDER
from glovebox.desired.scratch import on_local_disk, scratch_group, scratch_volume
from glovebox.desired.session_files import session_volume
from glovebox.desired.stage_files import own_files
from glovebox.desired.stage_secrets import secret_mounts, secret_variables, secret_volumes

StageJobs = tuple[tuple[Stage, dict[str, Any]], ...]

RUN_CONTAINER: Final = "run"
# The guards of the chart know these volumes by name: only the fetcher mounts the first writable,
# and the second at all.
INPUTS_VOLUME: Final = "glovebox-inputs"
INPUTS_CREDENTIALS_VOLUME: Final = "glovebox-inputs-credentials"
SHARED_MEMORY_VOLUME: Final = "shared-memory"
SHARED_MEMORY_FOLDER: Final = "/dev/shm"  # noqa: S108 - a path in the pod
# What autoscalers of nodes read: whatever a run has not put into a checkpoint is lost when it is
# moved, so no node is emptied for being cheap. They still empty one that is drained or broken.
_NOT_MOVED: Final = {
    "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
    "karpenter.sh/do-not-disrupt": "true",
}


def run_of(inputs: ExperimentInputs, jobs: StageJobs) -> KubernetesObject | None:
    """Return the Job or the JobSet of the run, or None when the Experiment asks for no run.

    Args:
        inputs: Of the Experiment.
        jobs: Its stages, from `stage_jobs`.
    """
    if not jobs:
        return None
    if needs_job_set(inputs.experiment.spec.stages):
        return queued(run_job_set(inputs, jobs), inputs.profile)
    ((_, spec),) = jobs
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": owned_metadata(names.RUN_JOB, inputs),
        "spec": spec,
    }
    return queued(job, inputs.profile)


def stage_jobs(inputs: ExperimentInputs, digest: str) -> StageJobs:
    """Return the stages of the run, in their order, each with the `spec` of its Job.

    Args:
        inputs: Of the Experiment.
        digest: Of the Experiment; its pods bear the beginning.
    """
    return tuple(
        (stage, job_spec(inputs.given_to(stage), stage, digest))
        for stage in inputs.experiment.spec.stages
    )


def job_spec(inputs: ExperimentInputs, stage: Stage, digest: str) -> dict[str, Any]:
    """Return what a stage's Job is.

    Args:
        inputs: With the inputs that the stage is given, and no others.
        stage: The stage.
        digest: As in `stage_jobs`.
    """
    labels = owned_labels(inputs) | {names.LABEL_DIGEST: names.digest_label(digest)}
    return {
        # Each worker has its own, and the stage has failed with the first that used them up: the
        # others would wait for it.
        "backoffLimit": stage.retries * stage.workers,
        "backoffLimitPerIndex": stage.retries,
        "maxFailedIndexes": 0,
        "activeDeadlineSeconds": deadline_seconds(inputs, stage),
        # A pod is told how often it was tried where it has a number, and not else.
        "completionMode": "Indexed",
        "completions": stage.workers,
        "parallelism": stage.workers,
        # A second pod while the first is still ending would be two writers under one prefix.
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {
            "rules": failure_rules(
                _final_exit_codes(inputs, stage),
                # Not delivered is not refused: a store that was away costs the run no retry.
                {FETCH_CONTAINER: FETCH_AGAIN} if inputs.inputs else {},
            )
        },
        "template": {
            "metadata": {"annotations": dict(_NOT_MOVED), "labels": labels},
            "spec": pod_spec(inputs, stage),
        },
    }


def _final_exit_codes(inputs: ExperimentInputs, stage: Stage) -> dict[str, Collection[int]]:
    """Return the exit codes after which a stage has failed, by the container that ends so."""
    fetcher = {FETCH_CONTAINER: FETCH_FINAL} if inputs.inputs else {}
    return {**fetcher, RUN_CONTAINER: stage.fail_on_exit_codes}


def deadline_seconds(inputs: ExperimentInputs, stage: Stage) -> int:
    """Return how long a stage may take (seconds), retries included."""
    return stage.active_deadline_seconds or inputs.profile.spec.run.default_deadline_seconds


def pod_spec(inputs: ExperimentInputs, stage: Stage) -> dict[str, Any]:
    """Return the pod of a stage."""
    delivers = bool(inputs.inputs)
    reference = next(
        image.reference for image in inputs.experiment.spec.images if image.name == stage.image
    )
    container: dict[str, Any] = {
        "name": RUN_CONTAINER,
        "image": reference,
        "imagePullPolicy": "IfNotPresent",
        "command": list(stage.command),
        "env": [
            *run_environment(inputs, stage),
            *attempt_environment(),
            *worker_environment(stage),
            *secret_variables(stage),
        ],
        "securityContext": container_security(RUN_USER, inputs.profile),
        "volumeMounts": mounts(inputs, stage),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    if stage.args:
        container["args"] = list(stage.args)
    profile = inputs.profile
    local = on_local_disk(profile, stage)
    if amounts := run_amounts(local, profile.spec.limits, inputs.delivered_bytes):
        container["resources"] = amounts
    frame = pod_frame()
    return (
        frame
        | placement(profile, run_accelerators(profile, stage), stage)
        | {
            "securityContext": frame["securityContext"] | scratch_group(profile, stage),
            "initContainers": [
                *([_fetcher(inputs, stage)] if delivers else []),
                # After the fetcher, which has no use for it and may take long.
                *([_session_endpoint(inputs)] if inputs.platform_image else []),
            ],
            "containers": [container],
            "volumes": volumes(inputs, stage),
        }
    )


def mounts(inputs: ExperimentInputs, stage: Stage) -> list[dict[str, Any]]:
    """Return what a run sees: inputs, snapshot, credentials, /tmp, and shared memory if asked for.

    The inputs are read-only down to the last submount.
    """
    entries: list[dict[str, Any]] = [
        {"name": "snapshot", "mountPath": SNAPSHOT_FOLDER, "readOnly": True},
        {"name": "artifacts", "mountPath": ARTIFACTS_FOLDER, "readOnly": True},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a path in the pod
    ]
    entries += secret_mounts(stage)
    if stage.shared_memory is not None:
        entries.append({"name": SHARED_MEMORY_VOLUME, "mountPath": SHARED_MEMORY_FOLDER})
    if inputs.inputs:
        entries.append(
            {
                "name": INPUTS_VOLUME,
                "mountPath": INPUTS_FOLDER,
                "readOnly": True,
                "recursiveReadOnly": "IfPossible",
            }
        )
    # Below the volume of the others: the fetcher left a folder there for each.
    return entries + [
        input_mount(inputs, item, f"{INPUTS_FOLDER}/{item.name}") for item in inputs.mounted
    ]


def volumes(inputs: ExperimentInputs, stage: Stage) -> list[dict[str, Any]]:
    """Return the volumes behind `mounts` and the fetcher's."""
    stages = inputs.experiment.spec.stages
    entries: list[dict[str, Any]] = [
        {"name": "snapshot", "configMap": {"name": names.SNAPSHOT_CONFIG_MAP}},
        {"name": "artifacts", "secret": session_volume(stages, stage)},
        {"name": "tmp", **scratch_volume(inputs.profile, stage)},
    ]
    entries += secret_volumes(stage)
    if stage.shared_memory is not None:
        size = quantity.total(stage.shared_memory)
        entries.append(
            {"name": SHARED_MEMORY_VOLUME, "emptyDir": {"medium": "Memory", "sizeLimit": size}}
        )
    if not inputs.inputs:
        return entries
    entries += [
        {
            "name": INPUTS_VOLUME,
            "emptyDir": {"sizeLimit": quantity.canonical(str(inputs.delivered_bytes))},
        },
        {
            "name": "inputs-plan",
            "configMap": {"name": names.INPUTS_CONFIG_MAP, **own_files(stages, stage, [PLAN_FILE])},
        },
    ]
    if _needs_credentials(inputs):
        entries.append(
            {
                "name": INPUTS_CREDENTIALS_VOLUME,
                "secret": {
                    "secretName": names.INPUTS_CREDENTIALS_SECRET,
                    **own_files(stages, stage, _credentials_files(inputs), optional=True),
                },
            }
        )
    return entries + [pod_volume(inputs, item) for item in inputs.mounted]


def _needs_credentials(inputs: ExperimentInputs) -> bool:
    return any(item.kind == "DatasetPin" for item in inputs.fetched)


def _credentials_files(inputs: ExperimentInputs) -> list[str]:
    """Return the files with credentials and authorities of the stores that the inputs lie in."""
    stores = sorted({item.store for item in inputs.fetched if item.store})
    return [
        f"{store}{suffix}"
        for store in stores
        for suffix in (CREDENTIALS_SUFFIX, AUTHORITIES_SUFFIX)
    ]


def _fetcher(inputs: ExperimentInputs, stage: Stage) -> dict[str, Any]:
    entries: list[dict[str, Any]] = [
        {"name": INPUTS_VOLUME, "mountPath": INPUTS_FOLDER},
        {"name": "inputs-plan", "mountPath": PLAN_FOLDER, "readOnly": True},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a path in the pod
    ]
    if _needs_credentials(inputs):
        entries.append(
            {"name": INPUTS_CREDENTIALS_VOLUME, "mountPath": CREDENTIALS_FOLDER, "readOnly": True}
        )
    entries += [
        input_mount(inputs, item, f"{DATASETS_FOLDER}/{item.name}") for item in inputs.mounted
    ]
    local = on_local_disk(inputs.profile, stage)
    return {
        "name": FETCH_CONTAINER,
        "image": inputs.platform_image,
        "imagePullPolicy": "IfNotPresent",
        "command": list(FETCH_COMMAND),
        "securityContext": container_security(FETCH_USER, inputs.profile),
        "volumeMounts": entries,
        # As much disk as the run: the pod may use what the larger of both has.
        "resources": {
            which: disk_amount(local, inputs.profile.spec.limits, inputs.delivered_bytes, which)
            for which in WHICH
        },
    }


def _session_endpoint(inputs: ExperimentInputs) -> dict[str, Any]:
    """Return what answers the run's SDKs: it starts before the run and ends after it."""
    return {
        "name": SESSION_CONTAINER,
        "image": inputs.platform_image,
        "imagePullPolicy": "IfNotPresent",
        "command": list(SESSION_COMMAND),
        "restartPolicy": "Always",
        # The kubelet asks from outside of the pod's network, where loopback is another one: so a
        # program asks. The run waits for the first answer, and nobody asks again.
        "startupProbe": {
            "exec": {"command": [*SESSION_COMMAND, "--check"]},
            "periodSeconds": 1,
            "timeoutSeconds": 10,
            "failureThreshold": 60,
        },
        "securityContext": container_security(FETCH_USER, inputs.profile),
        "volumeMounts": [
            {"name": "artifacts", "mountPath": ARTIFACTS_FOLDER, "readOnly": True},
        ],
        "resources": bounded_resources(
            inputs.profile.spec.limits, SESSION_REQUESTS, SESSION_LIMITS
        ),
    }
