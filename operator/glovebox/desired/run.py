"""The run: one Job from `spec.run`, with everything mounted that the snapshot names and nothing else.

The pod has two steps. The fetcher, in the Glovebox image, fills the volume of inputs and is the only container that holds a credential for
them; then the team's image runs, with that volume read-only, with the credentials of its artifacts as a file that is renewed in place,
and with no token for the API server. Both are different users, so that what the first wrote cannot be changed by the second even
where a mount were writable.

A fetcher that finds other bytes than the pinned ones ends with an exit code that fails the Job at once: trying again would find the same.
"""

from __future__ import annotations

from typing import Any, Final

from glovebox import names
from glovebox.api.experiment import Run
from glovebox.data.delivery import EXIT_DIFFERS, EXIT_INVALID
from glovebox.desired import quantity
from glovebox.desired.inputs import ExperimentInputs
from glovebox.desired.metadata import KubernetesObject, owned_labels, owned_metadata
from glovebox.desired.run_environment import ARTIFACTS_FOLDER, INPUTS_FOLDER, SNAPSHOT_FOLDER, run_environment

RUN_CONTAINER: Final = "run"
FETCH_CONTAINER: Final = "fetch"
# The guards of the chart know these volumes by name: only the fetcher mounts the first writable, and the second at all.
INPUTS_VOLUME: Final = "glovebox-inputs"
INPUTS_CREDENTIALS_VOLUME: Final = "glovebox-inputs-credentials"
FETCH_COMMAND: Final = ("python", "-m", "glovebox.jobs.fetch")
PLAN_FOLDER: Final = "/etc/glovebox/inputs"
CREDENTIALS_FOLDER: Final = "/var/run/glovebox/inputs"
_FETCH_USER: Final = 65532
_RUN_USER: Final = 65533
# What the volume needs beside the pinned bytes: proofs, features, and partial files of a file system with large blocks.
_INPUTS_SLACK_BYTES: Final = 64 << 20


def run_job(inputs: ExperimentInputs) -> KubernetesObject | None:
    """Return the Job, or None when the Experiment asks for no run."""
    run = inputs.experiment.spec.run
    if run is None:
        return None
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": owned_metadata(names.RUN_JOB, inputs),
        "spec": {
            "backoffLimit": run.retries,
            "activeDeadlineSeconds": deadline_seconds(inputs, run),
            "completions": 1,
            "parallelism": 1,
            # A second pod while the first is still ending would be two writers under one prefix.
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": _failure_rules(inputs)},
            "template": {"metadata": {"labels": owned_labels(inputs)}, "spec": pod_spec(inputs, run)},
        },
    }


def deadline_seconds(inputs: ExperimentInputs, run: Run) -> int:
    """Return how long the run may take (seconds), retries included."""
    return run.active_deadline_seconds or inputs.profile.spec.run.default_deadline_seconds


def pod_spec(inputs: ExperimentInputs, run: Run) -> dict[str, Any]:
    """Return the pod of a run."""
    delivers = bool(inputs.inputs)
    reference = next(image.reference for image in inputs.experiment.spec.images if image.name == run.image)
    container: dict[str, Any] = {
        "name": RUN_CONTAINER,
        "image": reference,
        "imagePullPolicy": "IfNotPresent",
        "command": list(run.command),
        "env": run_environment(inputs),
        "securityContext": container_security(_RUN_USER),
        "volumeMounts": mounts(delivers=delivers),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    if run.args:
        container["args"] = list(run.args)
    amounts = {"cpu": run.cpu, "memory": run.memory}
    asked = {resource: quantity.canonical(amount) for resource, amount in amounts.items() if amount is not None}
    if asked:
        container["resources"] = {"requests": asked, "limits": dict(asked)}
    return pod_frame() | {
        "initContainers": [_fetcher(inputs)] if delivers else [],
        "containers": [container],
        "volumes": volumes(inputs),
    }


def pod_frame() -> dict[str, Any]:
    """Return what every pod of ours in an experiment's namespace has in common."""
    return {
        "restartPolicy": "Never",
        "serviceAccountName": names.RUNNER_SERVICE_ACCOUNT,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 30,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    }


def container_security(user: int) -> dict[str, Any]:
    """Return the security context of a container: nothing that Pod Security `restricted` forbids, and a read-only root."""
    return {
        "runAsUser": user,
        "runAsGroup": user,
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def mounts(*, delivers: bool) -> list[dict[str, Any]]:
    """Return what a run sees: the inputs, read-only down to the last submount, its snapshot, its credentials, and /tmp."""
    entries: list[dict[str, Any]] = [
        {"name": "snapshot", "mountPath": SNAPSHOT_FOLDER, "readOnly": True},
        {"name": "artifacts", "mountPath": ARTIFACTS_FOLDER, "readOnly": True},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a path in the pod
    ]
    if delivers:
        entries.append({"name": INPUTS_VOLUME, "mountPath": INPUTS_FOLDER, "readOnly": True, "recursiveReadOnly": "IfPossible"})
    return entries


def volumes(inputs: ExperimentInputs) -> list[dict[str, Any]]:
    """Return the volumes behind `mounts` and the fetcher's."""
    entries: list[dict[str, Any]] = [
        {"name": "snapshot", "configMap": {"name": names.SNAPSHOT_CONFIG_MAP}},
        {"name": "artifacts", "secret": {"secretName": names.CREDENTIALS_SECRET}},
        {"name": "tmp", "emptyDir": {}},
    ]
    if not inputs.inputs:
        return entries
    size = sum(item.bytes for item in inputs.inputs) + _INPUTS_SLACK_BYTES
    entries += [
        {"name": INPUTS_VOLUME, "emptyDir": {"sizeLimit": quantity.canonical(str(size))}},
        {"name": "inputs-plan", "configMap": {"name": names.INPUTS_CONFIG_MAP}},
    ]
    if any(item.kind == "DatasetPin" for item in inputs.inputs):
        entries.append({"name": INPUTS_CREDENTIALS_VOLUME, "secret": {"secretName": names.INPUTS_CREDENTIALS_SECRET}})
    return entries


def _fetcher(inputs: ExperimentInputs) -> dict[str, Any]:
    entries: list[dict[str, Any]] = [
        {"name": INPUTS_VOLUME, "mountPath": INPUTS_FOLDER},
        {"name": "inputs-plan", "mountPath": PLAN_FOLDER, "readOnly": True},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a path in the pod
    ]
    if any(item.kind == "DatasetPin" for item in inputs.inputs):
        entries.append({"name": INPUTS_CREDENTIALS_VOLUME, "mountPath": CREDENTIALS_FOLDER, "readOnly": True})
    return {
        "name": FETCH_CONTAINER,
        "image": inputs.platform_image,
        "imagePullPolicy": "IfNotPresent",
        "command": list(FETCH_COMMAND),
        "securityContext": container_security(_FETCH_USER),
        "volumeMounts": entries,
    }


def _failure_rules(inputs: ExperimentInputs) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = []
    if inputs.inputs:
        codes = {"containerName": FETCH_CONTAINER, "operator": "In", "values": sorted((EXIT_DIFFERS, EXIT_INVALID))}
        rules.append({"action": "FailJob", "onExitCodes": codes})
    # A node that was drained or lost is no failure of the run: it costs no retry.
    rules.append({"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]})
    return rules
