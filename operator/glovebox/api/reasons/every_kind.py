"""Reasons that any kind can have: life, deletion, the API server, tasks on data."""

from __future__ import annotations

from typing import Final

from glovebox.api.reasons.meaning import WAIT as _WAIT
from glovebox.api.reasons.meaning import reason as _reason

READY: Final = _reason(
    "Ready",
    "IsolationProfile `Ready`",
    "The profile can be used.",
)
PENDING: Final = _reason(
    "Pending",
    "every kind `Reconciling`, and conditions before their first observation",
    "The object waits for something it depends on; the message names it.",
    "Look at the object that the message names.",
)
NOT_LOOKED: Final = _reason(
    "NotLooked",
    "every kind, any condition",
    "The condition was not observed yet for any generation of this object.",
    "Wait for the first reconciliation. If it lasts, check that the operator runs and leads.",
)
SUSPENDED: Final = _reason(
    "Suspended",
    "Experiment `Ready` (before it is bound), `Succeeded`",
    "`spec.suspend` is true: an Experiment that is not bound is not bound, and a run that has not"
    " started does not start. Everything that has begun continues.",
    "Set `spec.suspend` to false to continue.",
)
DELETING: Final = _reason(
    "Deleting",
    "every kind `Ready`, `Reconciling`; Experiment `NamespaceReady`, `QuotaApplied`, `Isolated`,"
    " `CredentialsFresh`, `InputsDelivered`, `DriftDetected`, `Succeeded`",
    "The object is being deleted, and the operator does what its deletion policy says. Nothing of"
    " an Experiment's namespace is kept as declared from then on.",
    _WAIT,
)
DELETION_BLOCKED: Final = _reason(
    "DeletionBlocked",
    "every kind `Ready`, `Reconciling`; Experiment `NamespaceReady`, `DriftDetected`; Event",
    "What was deleted is still there, held by finalizers or pods; the message names them. A policy,"
    " a binding or a Secret that is held is in force.",
    "Remove the finalizers or pods that the message names, or restore what should remove them.",
)
IN_USE: Final = _reason(
    "InUse",
    "IsolationProfile, ObjectStore, pins `Ready`",
    "Deletion was requested, and cannot be taken back. The object stays, for nothing new, until"
    " nothing that is bound to it is there any more; the message counts them and names some: of a"
    " DatasetPin Experiments, FeatureSetPins and SplitPins, of a SplitPin the DatasetPins of its"
    " parts, of a FeatureSetPin and a profile Experiments, of a store Experiments and DatasetPins."
    " An Experiment that is sealed is still bound.",
    "Delete all of them, or leave it: those who are bound to it continue. The API server refuses"
    " the deletion of such an object (of a pin it warns), with the command that lists them.",
)
PROTECTED: Final = _reason(
    "Protected",
    "IsolationProfile, ObjectStore, pins `DeletionProtected`",
    "The object is not deleted under those who refer to it.",
)
INVALID_SPEC: Final = _reason(
    "InvalidSpec",
    "every kind `Ready`, `Stalled`",
    "A field is not valid, or two fields contradict each other. An Experiment that is bound"
    " continues as it was bound; where its snapshot cannot be read either, access is closed and"
    " what was observed is Unknown.",
    "Correct the field that the message names. If the field is right, apply the chart's CRDs:"
    " the installed ones may be older than the operator.",
)
API_UNAVAILABLE: Final = _reason(
    "ApiUnavailable",
    "every kind `Ready`, `Reconciling`",
    "The API server did not answer, or answered with an error, for longer than the grace time.",
    "The operator retries with backoff. If it lasts, check the API server and the network.",
)
FORBIDDEN: Final = _reason(
    "Forbidden",
    "every kind `Ready`, `Reconciling`; profiles, stores and pins `DeletionProtected`",
    "The operator lacks a permission, or a policy of the cluster forbids what it does; the message"
    " names it.",
    "Restore the chart's ClusterRole and bindings (`helm upgrade`). Where the message names a"
    " policy, exempt the operator's user from it.",
)
REJECTED: Final = _reason(
    "Rejected",
    "Experiment `Ready`, `NamespaceReady`, `QuotaApplied`; profiles, stores and pins"
    " `DeletionProtected`",
    "The API server does not accept an object of the experiment, or a mark on one of Glovebox' own"
    " kinds; usually another policy of the cluster refuses it.",
    "Read the policy's text in the message, and exempt `glovebox` objects from that policy.",
)
CONFLICT: Final = _reason(
    "Conflict",
    "every kind `Reconciling`",
    "Somebody changed the object while it was reconciled.",
    _WAIT,
)
CHECKS_FAILING: Final = _reason(
    "ChecksFailing",
    "every kind, conditions about the outside world",
    "A periodic check has been failing for longer than the grace time; what it last observed"
    " may no longer be true.",
    "Follow the message: usually the store or the API server does not answer.",
)
INTERRUPTED: Final = _reason(
    "Interrupted",
    "DatasetPin `Verified`; Experiment `Sealed`",
    "A task on data was interrupted, for example by a restart of the operator.",
    "Wait; it resumes from its last checkpoint.",
)
TASK_FAILED: Final = _reason(
    "TaskFailed",
    "DatasetPin `Verified`; Experiment `Sealed`",
    "The Job of a task ended without a result, was lost, or gave no sign of life for 10 minutes.",
    "Wait; it is tried again from its last checkpoint. If it lasts, the message says why: no node"
    " takes the pod, its image cannot be pulled, or it runs out of memory. See the Job"
    " `glovebox-task-...` in the operator's namespace.",
)
TASK_NAME_TAKEN: Final = _reason(
    "TaskNameTaken",
    "DatasetPin `Verified`; Experiment `Sealed`",
    "A Job that the operator did not make has the name of the Job of a task.",
    "Delete the Job that the message names. The operator never adopts it and never deletes it.",
)
LOOK_FAILED: Final = _reason(
    "LookFailed",
    "every kind `Reconciling`",
    "The operator has failed to look at the resource for longer than the grace time, by a bug or"
    " because of what the message names; its other conditions say what was seen before.",
    "Follow the message; report a bug with the operator's log. The operator retries with backoff,"
    " and takes this back with the first look that succeeds.",
)
INTERNAL_ERROR: Final = _reason(
    "InternalError",
    "every kind `Ready`, `Reconciling`",
    "The operator met an unexpected error: a bug.",
    "Report it with the operator's log. The operator retries with backoff.",
)
