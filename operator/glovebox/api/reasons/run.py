"""Reasons of a run: why it has not started, how it goes, how it ended."""

from __future__ import annotations

from typing import Final

from glovebox.api.reasons.meaning import reason as _reason

RUN_NOT_REQUESTED: Final = _reason(
    "RunNotRequested",
    "Experiment `Succeeded`",
    "There are no `spec.stages`: the namespace is for interactive use.",
)
RUN_PENDING: Final = _reason(
    "RunPending",
    "Experiment `Succeeded`",
    "The run has not started; the message says what it waits for.",
    "Follow the message: the isolation check, the delivery of inputs, or the node that prepares the"
    " pod.",
)
QUOTA_EXCEEDED: Final = _reason(
    "QuotaExceeded",
    "Experiment `Succeeded`",
    "The quota of the namespace admits no pod of the run: other pods use it up.",
    "End the other pods of the namespace, or create a new Experiment that asks for less.",
)
POD_REFUSED: Final = _reason(
    "PodRefused",
    "Experiment `Succeeded`",
    "The API server refuses the run's pod; the message has its words. Often a policy or webhook of"
    " the cluster changes pods (a sidecar, another registry), and what comes out is not what was"
    " bound; or a PriorityClass or RuntimeClass that the profile names does not exist.",
    "Exempt the namespaces of experiments there: they have the label"
    " `app.kubernetes.io/managed-by: glovebox`. Create the class.",
)
UNSCHEDULABLE: Final = _reason(
    "Unschedulable",
    "Experiment `Succeeded`",
    "No node takes the run's pod; the message has the scheduler's words.",
    "Wait for room, or create a new Experiment that asks for less; see the taints and labels of the"
    " nodes with `kubectl describe nodes`.",
)
IMAGE_NOT_PULLED: Final = _reason(
    "ImageNotPulled",
    "Experiment `Succeeded`",
    "The node cannot pull an image of the run's pod; the message has the kubelet's words.",
    "Check that the registry has the image under its digest, and that nodes or"
    " `spec.imagePullSecrets` of the profile may pull it.",
)
CONTAINER_NOT_STARTED: Final = _reason(
    "ContainerNotStarted",
    "Experiment `Succeeded`",
    "The node cannot start the run's pod or a container of it; the message has the kubelet's"
    " words.",
    "Follow the message; the platform's operators look at the node's runtime and network plugin.",
)
VOLUME_NOT_MOUNTED: Final = _reason(
    "VolumeNotMounted",
    "Experiment `Succeeded`",
    "The node cannot mount a volume of the run's pod; the message has the kubelet's words.",
    "The platform's operators look at the storage class, its driver and the node.",
)
JOB_SUSPENDED: Final = _reason(
    "JobSuspended",
    "Experiment `Succeeded`",
    "Somebody else suspended the run's Job: a queue such as Kueue, or a policy that changes Jobs.",
    "It continues when that one resumes it; otherwise exempt the namespaces of experiments there.",
)
QUEUED: Final = _reason(
    "Queued",
    "Experiment `Succeeded`, `Admitted`",
    "The run waits in its queue of Kueue; the message has Kueue's words. Nothing of it runs, and"
    " its deadline has not begun.",
    "Wait for its turn, or ask the platform team for more quota in the ClusterQueue.",
)
EVICTED: Final = _reason(
    "Evicted",
    "Experiment `Succeeded`, `Admitted`",
    "Kueue took back the run's place, ended its pods, and put it back into the queue; the message"
    " says why. What it wrote is locked; it begins once more with another attempt.",
    "Wait for its turn. Let the program read its checkpoints when it begins, to go on from them.",
)
QUEUE_UNANSWERED: Final = _reason(
    "QueueUnanswered",
    "Experiment `Succeeded`, `Admitted`",
    "Kueue does not answer, is not served any more, or takes no notice of the run. Nothing failed:"
    " it is asked again.",
    "The platform's operators look at Kueue: whether its controller runs, has `batch/job` and"
    " `jobset.x-k8s.io/jobset` among its integrations, and is called as the chart's"
    " `guards.kueueController` says.",
)
ADMITTED: Final = _reason(
    "Admitted",
    "Experiment `Admitted`",
    "Kueue admitted the run.",
)
NOT_QUEUED: Final = _reason(
    "NotQueued",
    "Experiment `Admitted`",
    "The run was not created yet, or it is over: it has no place in a queue.",
)
RUN_STARTED: Final = _reason(
    "RunStarted",
    "Event",
    "The run's Job was created.",
)
RUNNING: Final = _reason(
    "Running",
    "Experiment `Succeeded`",
    "The run is running.",
)
RUN_SUCCEEDED: Final = _reason(
    "RunSucceeded",
    "Experiment `Succeeded`; Event",
    "The run ended with exit code 0.",
)
RUN_FAILED: Final = _reason(
    "RunFailed",
    "Experiment `Succeeded`, `Ready`, `Stalled`; Event",
    "The program failed; the message has its exit code and its last words, short and without"
    " secrets.",
    "Read the log, correct the program, and create a new Experiment.",
)
RUN_LOST: Final = _reason(
    "RunLost",
    "Experiment `Succeeded`, `Ready`, `Stalled`; Event",
    "The run's Job was deleted while it ran. A run is never started twice.",
    "Create a new Experiment. Find out who deleted the Job.",
)
RUN_STOPPED: Final = _reason(
    "RunStopped",
    "Experiment `Succeeded`, `Ready`, `Stalled`; Event",
    "The run was stopped on request (Frozen or Sealed), or never started for that reason.",
    "Create a new Experiment to run it again.",
)
ALREADY_RAN: Final = _reason(
    "AlreadyRan",
    "Experiment `Ready`, `Stalled`, `Succeeded`",
    "The store has the record of a run of this very declaration under this name, started by an"
    " Experiment of another UID: this one was created again, by a restore or by hand. Or"
    " something is stored there that no published key signed, so that this is not known. A run is"
    " never started twice.",
    "To show the results of that run, let the Experiment take them over: `glovebox adopt`. To run"
    " it once more, give the Experiment another name. See docs/how-to/restore.md.",
)
DEADLINE_EXCEEDED: Final = _reason(
    "DeadlineExceeded",
    "Experiment `Succeeded`, `Ready`, `Stalled`; Event",
    "The run, or a stage of it, took longer than its `activeDeadlineSeconds`.",
    "Create a new Experiment with a longer deadline.",
)
