"""The queue of a run, where its profile has one: a LocalQueue, and a run that waits in it.

Only what the operator creates bears the name of the queue: of the Jobs that are made for a JobSet
Kueue takes the JobSet, and of pods their Job.
"""

from __future__ import annotations

from glovebox import names
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.desired.inputs import ExperimentInputs
from glovebox.desired.metadata import KubernetesObject, owned_metadata


def local_queue(inputs: ExperimentInputs) -> KubernetesObject | None:
    """Return the LocalQueue of an experiment; None without a run, or where none is asked for."""
    queue = inputs.profile.spec.queue
    if queue is None or not inputs.experiment.spec.has_run:
        return None
    return {
        "apiVersion": "kueue.x-k8s.io/v1beta2",
        "kind": "LocalQueue",
        "metadata": owned_metadata(names.LOCAL_QUEUE, inputs),
        "spec": {"clusterQueue": queue.cluster_queue},
    }


def queued(run: KubernetesObject, profile: IsolationProfile) -> KubernetesObject:
    """Return a Job or JobSet as it is created under a profile: suspended where it has to wait.

    Kueue suspends by a webhook what it finds unsuspended; nothing begins where that one is away.
    """
    queue = profile.spec.queue
    if queue is None:
        return run
    labels = {names.LABEL_QUEUE: names.LOCAL_QUEUE}
    if queue.priority_class_name is not None:
        labels[names.LABEL_QUEUE_PRIORITY] = queue.priority_class_name
    metadata = run["metadata"]
    return {
        **run,
        "metadata": {**metadata, "labels": metadata["labels"] | labels},
        "spec": {**run["spec"], "suspend": True},
    }
