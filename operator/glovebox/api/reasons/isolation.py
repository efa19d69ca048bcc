"""Reasons of an experiment's namespace: provisioning, isolation, drift, orphans."""

from __future__ import annotations

from typing import Final

from glovebox.api.reasons.meaning import WAIT as _WAIT
from glovebox.api.reasons.meaning import reason as _reason

NAMESPACE_TAKEN: Final = _reason(
    "NamespaceTaken",
    "Experiment `NamespaceReady`, `Ready`",
    "A namespace of the allocated name exists and belongs to somebody else. It is not touched.",
    "Find out who created it. Remove it, or recreate the Experiment: it gets another name.",
)
PROVISIONING: Final = _reason(
    "Provisioning",
    "Experiment `NamespaceReady`, `QuotaApplied`, `Isolated`, `InputsDelivered`, `Ready`,"
    " `Reconciling`",
    "The namespace and its isolation objects are being created, or created again after somebody"
    " deleted the namespace. Access is still closed.",
    _WAIT,
)
PROVISIONED: Final = _reason(
    "Provisioned",
    "Experiment `Ready`, `NamespaceReady`, `QuotaApplied`; Event",
    "Every declared object was seen in place.",
)
ISOLATION_INCOMPLETE: Final = _reason(
    "IsolationIncomplete",
    "Experiment `NamespaceReady`, `QuotaApplied`, `CredentialsFresh`, `Ready`",
    "An isolation object (network policy, quota, limit range, Pod Security label) is missing or"
    " differs, and could not be restored yet.",
    "See the message for what refuses the repair; usually another policy of the cluster.",
)
NAMESPACE_TERMINATING: Final = _reason(
    "NamespaceTerminating",
    "Experiment `NamespaceReady`, `Ready`",
    "The experiment's namespace is being deleted.",
    "Find out who deleted it. It is recreated when it is gone.",
)
SNAPSHOT_DIFFERS: Final = _reason(
    "SnapshotDiffers",
    "Experiment `Ready`, `Stalled`",
    "The declaration has another digest than the snapshot: a frozen field was changed despite"
    " the API server's rules. What was bound is kept, followed and sealed; nothing new begins.",
    "Restore the field, or create a new Experiment. Check that the CRDs are complete.",
)
NOT_PROVEN: Final = _reason(
    "NotProven",
    "Experiment `Isolated`",
    "Isolation was not checked, or the check proved nothing.",
    "See the message: the profile may not ask for the check, or the operator has no image for it.",
)
PROBING: Final = _reason(
    "Probing",
    "Experiment `Isolated`",
    "The isolation check is running.",
    _WAIT,
)
PROBE_FAILED: Final = _reason(
    "ProbeFailed",
    "Experiment `Isolated`",
    "The isolation check found an open route; the message names it.",
    "Usually the network plugin does not enforce NetworkPolicies. See the explanation of the"
    " isolation check.",
)
CREDENTIALS_ISSUED: Final = _reason(
    "CredentialsIssued",
    "Experiment `CredentialsFresh`",
    "The run's credentials are valid and are renewed before they expire.",
)
FROZEN: Final = _reason(
    "Frozen",
    "Experiment `Ready`, `CredentialsFresh`",
    "`spec.lifecycle.desired` is Frozen: no pod may start, and credentials were removed.",
    "Set it to Active to continue.",
)
ORPHAN_FOUND: Final = _reason(
    "OrphanFound",
    "Event",
    "The namespace of an Experiment that no longer exists was found and closed: its pods, access"
    " and credentials were removed. Its results are sealed, and then the namespace is deleted where"
    " the deletion policy was Delete.",
    "Find out who removed the finalizer. Where the namespace stays, keep what you need from it,"
    " then delete it.",
)
ORPHAN_UNSEALED: Final = _reason(
    "OrphanUnsealed",
    "Event",
    "What an Experiment wrote that no longer exists could not be sealed; the message says why. Its"
    " namespace stays, closed.",
    "Bring back what the message names (the store, or the Secret with its credentials); sealing is"
    " tried for as long as the namespace exists. Without a snapshot in it, it cannot be sealed:"
    " keep what you need, then delete the namespace.",
)
NO_DRIFT: Final = _reason(
    "NoDrift",
    "Experiment, DatasetPin `DriftDetected`",
    "Everything is as declared.",
)
DRIFT_DETECTED: Final = _reason(
    "DriftDetected",
    "Experiment `DriftDetected`, `NamespaceReady`, `QuotaApplied`; Event",
    "An object differs, and the profile says to alert and not to repair.",
    "Restore the object, or find its writer; the message names object, field and writer.",
)
DRIFT_REPAIRED: Final = _reason(
    "DriftRepaired",
    "Experiment `DriftDetected`; Event",
    "An object was changed, deleted or added, and was restored.",
    "Find out why that writer changes it; the message names object, field and writer.",
)
DRIFT_IGNORED: Final = _reason(
    "DriftIgnored",
    "Experiment `NamespaceReady`, `QuotaApplied`",
    "An object differs, and the profile says to ignore its kind. `Ready` stays as it is.",
)
WRITER_FIGHT: Final = _reason(
    "WriterFight",
    "Experiment `DriftDetected`, `NamespaceReady`, `QuotaApplied`, `Ready`; Event",
    "Another writer changes an object back again and again. Repairs are spaced out; what isolation"
    " depends on is restored within a second all the same.",
    "Stop that writer (often a policy engine), or exempt `gbx-` namespaces from it.",
)
PODS_REMOVED: Final = _reason(
    "PodsRemoved",
    "Event",
    "Pods that came in past the guards were removed: while a label or an isolation object was"
    " missing, or beside a run, also under break-glass.",
    "Find out who changed the isolation object; the Event before this one names the writer.",
)
