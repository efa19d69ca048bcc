"""Every reason word, with its meaning and its cure: the same in conditions, Events and metrics.

A reason is stable: programs and alerts compare it. The message beside it may change at any time.
The texts here become `docs/reference/conditions.md` (`glovebox.api.condition_docs`); a test refuses
a reason without one.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOTHING: Final = "Nothing to do."
_WAIT: Final = "Wait; the operator continues by itself."


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a reason says.

    Attributes:
        on: Where it appears: kinds and condition types, or `Event`.
        means: What was observed.
        cure: What a person does about it.
    """

    on: str
    means: str
    cure: str


_meanings: dict[str, Meaning] = {}
# By reason word, in the order of this file.
MEANINGS: Final[Mapping[str, Meaning]] = MappingProxyType(_meanings)


def _reason(word: str, on: str, means: str, cure: str = _NOTHING) -> str:
    _meanings[word] = Meaning(on, means, cure)
    return word


# Every kind.
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
    " started does not start. Everything that has begun goes on.",
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
    "Deletion was requested, but other objects refer to it; the message counts them. A sealed"
    " Experiment still refers to what it was bound to.",
    "Delete those Experiments (of a store: its DatasetPins too) first. The API server's refusal"
    " to delete a profile or a store has the command that lists them.",
)
PROTECTED: Final = _reason(
    "Protected",
    "IsolationProfile, ObjectStore, pins `DeletionProtected`",
    "The object is not deleted under those who refer to it.",
)
INVALID_SPEC: Final = _reason(
    "InvalidSpec",
    "every kind `Ready`, `Stalled`",
    "A field is not valid, or two fields contradict each other. An Experiment that is bound goes on"
    " as it was bound; where its snapshot cannot be read either, access is closed and what was"
    " observed is Unknown.",
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
INTERNAL_ERROR: Final = _reason(
    "InternalError",
    "every kind `Ready`, `Reconciling`",
    "The operator met an error that it has no name for: a bug.",
    "Report it with the operator's log. The operator retries with backoff.",
)

# The object store and its conformance checks.
STORE_NOT_FOUND: Final = _reason(
    "StoreNotFound",
    "Experiment `ArtifactsProtected`, `InputsVerified`; DatasetPin `Verified`",
    "There is no ObjectStore of that name.",
    "Correct the name in `storeRef`, or create the ObjectStore.",
)
STORE_NOT_READY: Final = _reason(
    "StoreNotReady",
    "Experiment `ArtifactsProtected`; DatasetPin `Verified`",
    "The ObjectStore is not Ready; the message has its own.",
    "Look at the ObjectStore: `kubectl describe objectstore NAME`.",
)
STORE_FORBIDDEN: Final = _reason(
    "StoreForbidden",
    "ObjectStore, DatasetPin, Experiment",
    "The store denies the operator an action; the message names it.",
    "Grant the operator's user that action. The install guide has the whole policy.",
)
STORE_CREDENTIALS_NOT_FOUND: Final = _reason(
    "StoreCredentialsNotFound",
    "ObjectStore `Ready`; DatasetPin, Experiment",
    "The Secret of `spec.credentialsSecretRef` does not exist in the operator's namespace, or"
    " lacks a key.",
    "Create the Secret there, with the keys `accessKeyId` and `secretAccessKey`.",
)
PULL_SECRET_NOT_FOUND: Final = _reason(
    "PullSecretNotFound",
    "IsolationProfile `Ready`; Experiment `Ready`, `CredentialsFresh`",
    "A Secret of `spec.imagePullSecrets` of the profile does not exist in the operator's namespace."
    " An Experiment that is not bound creates nothing before it does; what was copied for others"
    " stays.",
    "Create the Secret there, of type `kubernetes.io/dockerconfigjson`, or take it out of the"
    " profile; an Experiment that is bound needs the Secret.",
)
PULL_SECRET_INVALID: Final = _reason(
    "PullSecretInvalid",
    "IsolationProfile `Ready`; Experiment `Ready`, `CredentialsFresh`",
    "A Secret of `spec.imagePullSecrets` of the profile is of another type than"
    " `kubernetes.io/dockerconfigjson`, cannot be read, or contradicts another one of them.",
    "Replace the Secret in the operator's namespace; name each registry in one of them.",
)
STORE_CREDENTIALS_REFUSED: Final = _reason(
    "StoreCredentialsRefused",
    "ObjectStore, DatasetPin, Experiment",
    "The store does not accept the operator's credentials.",
    "Renew the keys in the Secret of the ObjectStore.",
)
STORE_ADDRESS_UNKNOWN: Final = _reason(
    "StoreAddressUnknown",
    "Experiment `Ready`",
    "The endpoint is a host name, and NetworkPolicies cannot open host names.",
    "Set `spec.network.cidrs` or `spec.network.pods` of the ObjectStore.",
)
BUCKET_NOT_FOUND: Final = _reason(
    "BucketNotFound",
    "ObjectStore, DatasetPin",
    "The bucket does not exist.",
    "Create the bucket, or correct its name. `spec.artifacts.create` lets the operator create it.",
)
PROVEN: Final = _reason(
    "Proven",
    "ObjectStore `Ready`, `*Proven`; Experiment `ArtifactsProtected`, `Isolated`",
    "Every check passed.",
)
PROOF_FAILED: Final = _reason(
    "ProofFailed",
    "ObjectStore `Ready`, `*Proven`; Experiment `ArtifactsProtected`",
    "The store did something in a conformance check that it must not do; the message says what.",
    "Correct the store or the role as the message says, or use another store. All results are"
    " in `status.proofs`.",
)
PROOF_INCONCLUSIVE: Final = _reason(
    "ProofInconclusive",
    "ObjectStore `Ready`, `*Proven`",
    "A conformance check could not be made.",
    "Usually the operator lacks a permission at the store; the message names it.",
)
PROOF_OUTDATED: Final = _reason(
    "ProofOutdated",
    "Experiment `Isolated`, `ArtifactsProtected`",
    "The last check was made for other network policies, one of them is not in place now, the check"
    " that is due could not be made for more than a day, or the store's lock could not be checked"
    " again.",
    "Wait for the next check; the message says what differs, or what keeps it from being made.",
)
STS_NOT_CONFIGURED: Final = _reason(
    "StsNotConfigured",
    "Experiment `Ready`; ObjectStore `CredentialScopeProven`",
    "The ObjectStore has no `spec.sts`, so no credentials for one prefix can be issued.",
    "Set `spec.sts.roleArn` of the ObjectStore, or use another store.",
)
LOCK_REQUIRED: Final = _reason(
    "LockRequired",
    "ObjectStore `Ready`, `LockProven`",
    "The bucket has no object lock, or no default retention.",
    "Use a bucket that was created with object lock, and set its default retention.",
)
ENCRYPTION_REQUIRED: Final = _reason(
    "EncryptionRequired",
    "ObjectStore `Ready`",
    "The bucket encrypts by default with something else than `spec.encryption` says, and somebody"
    " chose that: the operator does not replace it.",
    "Set the default encryption of the bucket to what `spec.encryption` says, or say there what the"
    " bucket does.",
)
STORE_UNREACHABLE: Final = _reason(
    "StoreUnreachable",
    "ObjectStore, DatasetPin, Experiment",
    "The store does not answer, or something in front of it does: a 404 without an error code of"
    " S3 is a gateway's.",
    "Check the endpoint, and the network and gateways between it and the operator. The operator"
    " retries.",
)
STORE_BUSY: Final = _reason(
    "StoreBusy",
    "ObjectStore, DatasetPin, Experiment",
    "The store asks to slow down.",
    _WAIT,
)
STORE_FAILED: Final = _reason(
    "StoreFailed",
    "ObjectStore, DatasetPin, Experiment",
    "The store answered with an error of its own.",
    "The operator retries. If it lasts, see the store's log.",
)
STORE_REJECTED: Final = _reason(
    "StoreRejected",
    "ObjectStore, DatasetPin, Experiment",
    "The store does not accept a request as written.",
    "Check region, addressing (`spec.pathStyle`) and endpoint of the ObjectStore.",
)
CLOCK_SKEWED: Final = _reason(
    "ClockSkewed",
    "ObjectStore, DatasetPin, Experiment",
    "The clocks of the operator and of the store differ too much for signed requests.",
    "Synchronise the clocks.",
)
OBJECT_NOT_FOUND: Final = _reason(
    "ObjectNotFound",
    "DatasetPin `Verified`",
    "An object version does not exist: it was deleted or never written.",
    "Correct the source of the pin, or restore the version.",
)
PRECONDITION_FAILED: Final = _reason(
    "PreconditionFailed",
    "DatasetPin, Experiment `Sealed`",
    "Somebody else wrote the object in the store first.",
    "Wait; the operator reads it again. If it lasts, find the other writer.",
)

# Pins.
MANIFEST_DIFFERS: Final = _reason(
    "ManifestDiffers",
    "DatasetPin `Verified`; Experiment `Succeeded`",
    "The manifest in the store does not have the digest that was recorded.",
    "Find out who replaced it; it is locked in a conforming store. Pin the data again.",
)
SIZE_MISMATCH: Final = _reason(
    "SizeMismatch",
    "DatasetPin `Verified`; Experiment `Succeeded`",
    "An object has another size than the one that was listed or pinned.",
    "Pin the data again, or restore the pinned version.",
)
NOT_CANONICAL: Final = _reason(
    "NotCanonical",
    "DatasetPin `Verified`",
    "The manifest is not in canonical form.",
    "Write it as the manifest reference says, or pin a prefix.",
)
VERIFIED: Final = _reason(
    "Verified",
    "pins `Ready`, `Verified`; Experiment `InputsVerified`",
    "Everything that is pinned was found as it was pinned.",
)
VERIFYING: Final = _reason(
    "Verifying",
    "DatasetPin `Verified`, `Ready`, `Reconciling`",
    "The content is being read and hashed; this takes as long as the data is large.",
    _WAIT,
)
DIGEST_MISMATCH: Final = _reason(
    "DigestMismatch",
    "pins `Verified`; Experiment `Succeeded`",
    "The content has another digest than the expected one.",
    "Correct the expected digest, or pin the content that was meant.",
)
PINNED_DIFFERENTLY: Final = _reason(
    "PinnedDifferently",
    "DatasetPin `Verified`, `Ready`, `Stalled`",
    "The store has the record that a pin of this name and source was resolved to other content,"
    " whose versions are not all there any more. The pin was created again, by a restore or by"
    " hand.",
    "Restore the recorded versions; or pin the new content under another name, or with its digest"
    " in `spec.digest`. See docs/how-to/restore.md.",
)
SOURCE_EMPTY: Final = _reason(
    "SourceEmpty",
    "DatasetPin `Verified`",
    "The source has no objects.",
    "Correct bucket and prefix, or write the data first.",
)
SOURCE_CHANGED: Final = _reason(
    "SourceChanged",
    "DatasetPin `Verified`",
    "An object was deleted between listing and reading.",
    "Wait; the operator lists again. Do not write below the prefix while it is pinned.",
)
VERSIONING_REQUIRED: Final = _reason(
    "VersioningRequired",
    "DatasetPin `Verified`",
    "The bucket does not keep versions, so its objects can be overwritten.",
    "Enable versioning of the bucket, and write the objects again.",
)
KEY_REFUSED: Final = _reason(
    "KeyRefused",
    "DatasetPin `Verified`",
    "A key cannot become a path: it ends in `/` (a folder marker), has an empty, `.` or `..`"
    " segment, is too long, or names a file where another key has a folder.",
    "Delete the folder marker or rename the object; or pin a list of objects that gives it"
    " another `path`. The message names the key.",
)
TOO_MANY_OBJECTS: Final = _reason(
    "TooManyObjects",
    "DatasetPin `Verified`; Experiment `InputsVerified`, `Ready`",
    "The source has more objects than a pin may have, or the inputs of an Experiment have more"
    " objects or rows than can be compared.",
    "Pin smaller prefixes, or pack the files; use fewer inputs in one Experiment.",
)
MANIFEST_INVALID: Final = _reason(
    "ManifestInvalid",
    "DatasetPin `Verified`; Experiment `Succeeded`",
    "The manifest cannot be read.",
    "Write it as the manifest reference says, or pin a prefix.",
)
OBJECTS_CHANGED: Final = _reason(
    "ObjectsChanged",
    "DatasetPin `Verified`, `DriftDetected`; Experiment `InputsVerified`; Event",
    "Pinned versions have other bytes, or another stored checksum, than the pinned ones.",
    "Treat it as an incident of the store. Pin the data again if the new bytes are right.",
)
OBJECTS_MISSING: Final = _reason(
    "ObjectsMissing",
    "DatasetPin `Verified`, `DriftDetected`; Experiment `InputsVerified`; Event",
    "Pinned versions no longer exist.",
    "Restore them, or pin what is left. `status.findings` or `status.verification` names some.",
)
RETENTION_SHORTENED: Final = _reason(
    "RetentionShortened",
    "DatasetPin `DriftDetected`",
    "Locks of pinned versions end earlier, are weaker, or are gone, compared with the proof before."
    " The data are there, and the pin stays Ready.",
    "Find out who did it, by the store's access log; lock the versions again, as long as before."
    " `status.verification` names some with both locks.",
)
PROOFS_CURRENT: Final = _reason(
    "ProofsCurrent",
    "DatasetPin `ProofsCurrent`",
    "The last proof of each level is as recent as it has to be.",
)
WAITING_FOR_BUDGET: Final = _reason(
    "WaitingForBudget",
    "DatasetPin `ProofsCurrent`",
    "What proofs may take of the store today is taken, or is set aside for pins whose proofs are"
    " older.",
    "Wait until the time in the message; or raise `spec.verification.budget` of the ObjectStore.",
)
PROOF_OVERDUE: Final = _reason(
    "ProofOverdue",
    "DatasetPin `ProofsCurrent`",
    "A proof should have ended by now: by more than half of its interval, and by five minutes at"
    " least.",
    "Follow the message; a proof that is still reading goes on by itself. Else the store does not"
    " answer, or denies it.",
)
PROOF_FOUND: Final = _reason(
    "ProofFound",
    "Event",
    "A proof found that pinned objects are not what they were; the message names the first.",
    "Look at `Verified`, `DriftDetected` and `status.verification` of the pin.",
)
PROOF_TOO_OLD: Final = _reason(
    "ProofTooOld",
    "Experiment `InputsVerified`, `Ready`",
    "An input was not proven again as recently as `maxProofAge` demands. Nothing exists yet.",
    "Wait: the demand makes the proof due at once. If it lasts, see `ProofsCurrent` of the pin.",
)
OBJECTS_HIDDEN: Final = _reason(
    "ObjectsHidden",
    "DatasetPin `DriftDetected`",
    "Pinned versions are behind a delete marker or a newer version. They can still be read by"
    " version id, so the pin stays Ready.",
    "Nothing for existing Experiments. Pin the newer state of the data if it is wanted.",
)
OBJECTS_EXTRA: Final = _reason(
    "ObjectsExtra",
    "DatasetPin `DriftDetected`",
    "There are objects below the prefix that the pin does not have. Runs do not see them.",
    "Pin the prefix again if they belong to the dataset.",
)
OBJECTS_UNREADABLE: Final = _reason(
    "ObjectsUnreadable",
    "DatasetPin `Verified`, `DriftDetected`; Experiment `InputsVerified`; Event",
    "Pinned versions could not be read.",
    "Check the permissions of the operator's user, and the store's log.",
)
NOT_YET_VALID: Final = _reason(
    "NotYetValid",
    "FeatureSetPin `Verified`; Experiment `InputsVerified`",
    "The validity window of the pin has not begun.",
    "Wait until it begins, or use another pin.",
)
EXPIRED: Final = _reason(
    "Expired",
    "FeatureSetPin `Verified`, `Ready`, `Retiring`; Experiment `InputsVerified`, `Ready`; Event",
    "The validity window of the pin has ended. New Experiments are refused; those that are bound to"
    " it go on with what they have.",
    "Use the pin that supersedes it.",
)
EXPIRES_SOON: Final = _reason(
    "ExpiresSoon",
    "FeatureSetPin `Retiring`; Event",
    "The validity window of the pin ends within 14 days.",
    "Pin its successor, and let new Experiments use that.",
)
DEPRECATED: Final = _reason(
    "Deprecated",
    "FeatureSetPin `Retiring`; Event",
    "Another pin supersedes this one, and its deprecation date has come. It can be used until its"
    " own validity ends.",
    "Use the pin that the message names; `status.usedBy` says who still uses this one.",
)
TO_BE_DEPRECATED: Final = _reason(
    "ToBeDeprecated",
    "FeatureSetPin `Retiring`; Event",
    "Another pin supersedes this one, from a later date on.",
    "Use the pin that the message names in new Experiments.",
)
CURRENT: Final = _reason(
    "Current",
    "FeatureSetPin `Retiring`",
    "Nothing supersedes the pin, and its validity does not end soon.",
)
INPUT_NOT_FOUND: Final = _reason(
    "InputNotFound",
    "FeatureSetPin `Ready`, `Verified`; Experiment `InputsVerified`, `Ready`",
    "A DatasetPin that the definitions read does not exist in this namespace.",
    "Create the DatasetPin, or correct the name in `spec.inputs`.",
)
INPUT_NOT_READY: Final = _reason(
    "InputNotReady",
    "FeatureSetPin `Ready`, `Verified`; Experiment `InputsVerified`, `Ready`",
    "A DatasetPin that the definitions read is not Ready.",
    "Look at that DatasetPin.",
)
INPUT_DIGEST_MISMATCH: Final = _reason(
    "InputDigestMismatch",
    "FeatureSetPin `Ready`, `Verified`; Experiment `InputsVerified`, `Ready`",
    "A DatasetPin has another content root than the definitions expect.",
    "Correct `spec.inputs[].digest` in a new pin, or name the right DatasetPin.",
)
FEATURES_INCOMPLETE: Final = _reason(
    "FeaturesIncomplete",
    "FeatureSetPin `Verified`",
    "A feature reads an input that `spec.inputs` does not have.",
    "Create a new pin with that entry of `spec.inputs`.",
)

FEATURE_INPUTS_MISSING: Final = _reason(
    "FeatureInputsMissing",
    "Experiment `InputsVerified`, `Ready`",
    "The Experiment uses features, and neither all datasets that they are made from nor their"
    " values are among its inputs: what it learns from would not be recorded, and not be compared"
    " with what it is tested on.",
    "Add the pins that the message names to `spec.inputs.datasets`, or a pin of the same content.",
)

PROVENANCE_FULL: Final = _reason(
    "ProvenanceFull",
    "DatasetPin `ProvenanceComplete`",
    "The pin says all that can be said of where its data came from, and all sources are there.",
)
PROVENANCE_GAPS: Final = _reason(
    "ProvenanceGaps",
    "DatasetPin `ProvenanceComplete`",
    "Something of the provenance is missing, or a source is not there, is another one by now, or"
    " was made from the pin itself; `status.provenance.gaps` names each. The pin can be used all"
    " the same, unless a profile demands more.",
    "Create a new pin that says what is missing, and declare missing sources again.",
)
SOURCES_NOT_READY: Final = _reason(
    "SourcesNotReady",
    "DatasetPin `ProvenanceComplete`",
    "Nothing is missing but DatasetPins among the sources that were not read yet, or cannot be.",
    "Look at the DatasetPin that the message names.",
)

CONTRACT_MET: Final = _reason(
    "ContractMet",
    "DatasetPin `ContractMet`; Event",
    "Every rule of `spec.contract` was checked on the pinned files, and is met.",
)
CONTRACT_VIOLATED: Final = _reason(
    "ContractViolated",
    "DatasetPin `ContractMet`, `Ready`, `Stalled`; Event",
    "The pinned files do not hold what `spec.contract` says; `status.contract` names file, column"
    " and count. Experiments do not start with the pin.",
    "Correct the data, or the contract, and create a new pin of them that `supersedes` this one.",
)
CONTRACT_COMPATIBLE: Final = _reason(
    "ContractCompatible",
    "Event",
    "The contract was compared with that of the superseded pin, and is compatible with it in one"
    " direction or in both; `status.evolution` says in which, and what changed.",
)
CONTRACT_BREAKS: Final = _reason(
    "ContractBreaks",
    "Event",
    "The contract was compared with that of the superseded pin: neither can code for the old one"
    " use the new data, nor code for the new one the old data; `status.evolution` names the"
    " columns.",
    "Tell who uses the superseded pin what to change: `spec.migration.notes` of a new pin says it.",
)
CHECKING_CONTRACT: Final = _reason(
    "CheckingContract",
    "DatasetPin `ContractMet`, `Ready`, `Reconciling`",
    "The files are being compared with `spec.contract`; `status.progress` says how far it is.",
    _WAIT,
)
CONTRACT_NOT_CHECKED: Final = _reason(
    "ContractNotChecked",
    "DatasetPin `ContractMet`, `Ready`, `Reconciling`, `Stalled`",
    "It is not known whether the data hold what `spec.contract` says: the store does not answer,"
    " another pin is missing, or the check cannot be made here. Nothing is violated by that.",
    "The message says what keeps the check from being made. With `Reconciling` it is tried again;"
    " with `Stalled` create a new pin with another contract.",
)

STATISTICS_COMPUTED: Final = _reason(
    "StatisticsComputed",
    "DatasetPin `StatisticsComputed`; Event",
    "The columns of `spec.statistics` are described; `status.statistics.document` says where.",
)
COMPUTING_STATISTICS: Final = _reason(
    "ComputingStatistics",
    "DatasetPin `StatisticsComputed`, `DistributionStable`, `Ready`, `Reconciling`",
    "The files are being read for `spec.statistics`; `status.progress` says how far it is.",
    _WAIT,
)
STATISTICS_NOT_COMPUTED: Final = _reason(
    "StatisticsNotComputed",
    "DatasetPin `StatisticsComputed`, `DistributionStable`, `Ready`, `Reconciling`, `Stalled`",
    "The columns cannot be described, or not be compared: a file cannot be read as a table, the"
    " store does not answer, or tables cannot be read here. Nothing is said of some files alone.",
    "The message says what keeps it from being done. What may pass is tried again; where a file is"
    " at fault, create a new pin without it.",
)
DISTRIBUTION_STABLE: Final = _reason(
    "DistributionStable",
    "DatasetPin `DistributionStable`; Event",
    "No column moved against the pin that `spec.distribution` names, by more than the thresholds.",
)
DISTRIBUTION_MOVED: Final = _reason(
    "DistributionMoved",
    "DatasetPin `DistributionStable`, `Ready`, `Stalled`; Event",
    "Columns moved against the other pin by more than the thresholds and than chance explains;"
    " `status.distribution` names them. With `required` the pin is not Ready.",
    "Look at what became of the source since then. Where the move is meant, compare the next pin"
    " with this one, or create a new pin with other thresholds, or without `required`.",
)
DISTRIBUTION_UNKNOWN: Final = _reason(
    "DistributionUnknown",
    "DatasetPin `DistributionStable`, `Ready`, `Stalled`; Event",
    "No column is known to have moved, and of some nothing can be said: they have too few rows, too"
    " many values, another type, or none is shown in both pins.",
    "Describe columns that have enough rows, with `shown: true` in both pins, in a new pin.",
)
WAITING_FOR_REFERENCE: Final = _reason(
    "WaitingForReference",
    "DatasetPin `DistributionStable`, `Ready`, `Reconciling`",
    "The pin to compare with has no statistics yet.",
    "Wait for the DatasetPin that the message names, or look at why it has none.",
)
REFERENCE_GONE: Final = _reason(
    "ReferenceGone",
    "DatasetPin `DistributionStable`, `Ready`, `Reconciling`",
    "There is no valid DatasetPin of the name to compare with in this namespace, or it asks for no"
    " statistics.",
    "Create it, or create a new pin that is compared with another one.",
)
BUILT_FROM_INPUTS: Final = _reason(
    "BuiltFromInputs",
    "FeatureSetPin `BuiltFromInputs`",
    "The sealed run that wrote the values read all of `spec.inputs`.",
)
BUILT_FROM_OTHERS: Final = _reason(
    "BuiltFromOthers",
    "FeatureSetPin `BuiltFromInputs`, `Ready`, `Stalled`",
    "The sealed run that wrote the values read other data than the definitions say; the message"
    " names the inputs that it did not read. Experiments do not start with the pin.",
    "Build the values again out of these inputs, or name in `spec.inputs` what they were built"
    " from, and create a new pin that `supersedes` this one.",
)
READS_EXPECTED: Final = _reason(
    "ReadsExpected",
    "DatasetPin `ReadsExpected`",
    "As far as the access log was read, pinned bytes were read by runs that have them among their"
    " inputs, by those whom `spec.accessLog.readers` of the ObjectStore names, or by nobody.",
)
UNUSUAL_READS: Final = _reason(
    "UnusualReads",
    "DatasetPin `ReadsExpected`; Event",
    "The access log tells of reads that nobody declared, of much more than there is, or of attempts"
    " that the store denied; `status.reads.unusual` says who, how often, and which object of the"
    " log tells it. Nothing is refused by it, and it is told for 30 days.",
    "Ask whoever has that identity. Whoever should read is named in `spec.accessLog.readers` of the"
    " ObjectStore; who should not is kept out in the store, by its own policies.",
)
ACCESS_LOG_READ: Final = _reason(
    "AccessLogRead",
    "ObjectStore `AccessLogRead`",
    "What there is of the access log is read; `status.accessLog` says how far.",
)
ACCESS_LOG_NOT_READ: Final = _reason(
    "AccessLogNotRead",
    "ObjectStore `AccessLogRead`; DatasetPin `ReadsExpected`",
    "The access log was not read to its end yet, has no line, or cannot be read; or a pin has too"
    " many objects, listed one by one, for their reads to be looked for.",
    "Let the store write its log where `spec.accessLog` says, and the operator list that bucket and"
    " read its objects. What was not read is read later, as long as the log is kept.",
)
ACCESS_LOG_NOT_UNDERSTOOD: Final = _reason(
    "AccessLogNotUnderstood",
    "ObjectStore `AccessLogRead`; Event",
    "More than half of the last lines below `spec.accessLog` are of no access log that is known.",
    "Let the prefix hold nothing but the log: lines of S3's server access log, or one JSON object"
    " for each record of SeaweedFS' audit log.",
)
SCHEMA_MATCHES: Final = _reason(
    "SchemaMatches",
    "FeatureSetPin `SchemaMatches`; Event",
    "Every feature, key and time is in every file of `spec.materialized`, as it is declared.",
)
SCHEMA_DIFFERS: Final = _reason(
    "SchemaDiffers",
    "FeatureSetPin `SchemaMatches`, `Ready`, `Stalled`; Event",
    "The files of `spec.materialized` are other than the definitions; `status.materialized` names"
    " feature, declared, found, file and count. Experiments do not start with the pin.",
    "Build the values again, or correct the definitions, and create a new pin that `supersedes`"
    " this one.",
)
CHECKING_SCHEMA: Final = _reason(
    "CheckingSchema",
    "FeatureSetPin `SchemaMatches`, `Ready`, `Reconciling`",
    "The files of `spec.materialized` are being compared with the definitions; `status.progress`"
    " says how far it is.",
    _WAIT,
)
SCHEMA_NOT_CHECKED: Final = _reason(
    "SchemaNotChecked",
    "FeatureSetPin `SchemaMatches`, `Ready`, `Reconciling`, `Stalled`",
    "It is not known whether the values are as they are defined: the store does not answer, the"
    " DatasetPin is missing, or the comparison cannot be made here. Nothing differs by that.",
    "The message says what keeps the comparison from being made. With `Reconciling` it is tried"
    " again; with `Stalled` create a new pin with other values.",
)

BAD_PREFIX: Final = _reason(
    "BadPrefix",
    "DatasetPin `Verified`; Experiment `CredentialsFresh`",
    "A key prefix is not usable: it must end in `/`, and have no pattern such as `*` or `?`.",
    "Correct the prefix as the message says.",
)
UNORDERED: Final = _reason(
    "Unordered",
    "DatasetPin `Verified`",
    "The entries of a manifest are not in the order of their paths.",
    "Sort them by the bytes of their paths (`LC_ALL=C sort`), and write the manifest again.",
)

# Credentials for inputs, and reading by version.
POLICY_TOO_LONG: Final = _reason(
    "PolicyTooLong",
    "DatasetPin `Verified`; Experiment `CredentialsFresh`, `Succeeded`",
    "A session policy would be longer than AssumeRole takes.",
    "Keep the inputs of one store below fewer or shorter prefixes; shorten names. Of a DatasetPin:"
    " grant fewer and shorter prefixes in `spec.access` of the ObjectStore, or pin a prefix instead"
    " of a manifest.",
)
INPUTS_TOO_SCATTERED: Final = _reason(
    "InputsTooScattered",
    "Experiment `Succeeded`",
    "The pinned objects lie in no folder, or in more than eight that no grant of the store holds"
    " together: a run would be given more than them.",
    "Copy them below one prefix and pin that, or have one prefix granted that holds all of them.",
)
NOTHING_TO_READ: Final = _reason(
    "NothingToRead",
    "Experiment `Succeeded`",
    "Credentials were asked for without any input to read: a bug.",
    "Report it with the operator's log.",
)
VERSION_IGNORED: Final = _reason(
    "VersionIgnored",
    "DatasetPin `Verified`; Experiment `Succeeded`",
    "The store sent another version than the one that was asked for.",
    "Use a store that reads by version; nothing in this one can be pinned.",
)

# What the fetcher reports; in the message of `InputsRefused`.
PLAN_INVALID: Final = _reason(
    "PlanInvalid",
    "Experiment `Succeeded`, in the message",
    "The plan that the operator gave to the fetcher or to the isolation check cannot be read.",
    "Report it: operator and image are of different versions, or it is a bug.",
)
VOLUME_FAILED: Final = _reason(
    "VolumeFailed",
    "Experiment `Succeeded`, in the message",
    "The volume of the inputs cannot be written.",
    "Enlarge it (`limits.defaultEphemeralStorage`), or let the fetcher's user own it.",
)
VOLUME_UNREADABLE: Final = _reason(
    "VolumeUnreadable",
    "Experiment `Succeeded`, in the message",
    "Mounted files cannot be read by the fetcher's user.",
    "Make the files readable by everybody.",
)
FOREIGN_FILE: Final = _reason(
    "ForeignFile",
    "Experiment `Succeeded`, in the message",
    "The volume has a file or folder that is not pinned; the message names it.",
    "Use an empty volume, or remove the file from the cache or image.",
)

# Experiment: refused before anything is created.
PROFILE_NOT_FOUND: Final = _reason(
    "ProfileNotFound",
    "Experiment `Ready`",
    "There is no IsolationProfile of that name.",
    "Choose one of `kubectl get isolationprofiles`.",
)
PROFILE_INVALID: Final = _reason(
    "ProfileInvalid",
    "IsolationProfile `Ready`, `Stalled`; Experiment `Ready`",
    "The IsolationProfile contradicts itself; the message names the fields.",
    "Correct the profile, or choose another one.",
)
QUOTA_OUT_OF_RANGE: Final = _reason(
    "QuotaOutOfRange",
    "Experiment `QuotaApplied`, `Ready`",
    "`spec.resources.quota` asks for more or less than the profile allows.",
    "Ask for an amount in the range that the message names, or choose another profile.",
)
IMAGE_NOT_PINNED: Final = _reason(
    "ImageNotPinned",
    "Experiment `Ready`",
    "An image is named by tag, which can be moved to other content.",
    "Write it as `REPOSITORY@sha256:DIGEST`; `crane digest IMAGE:TAG` prints the digest.",
)
IMAGE_NOT_APPROVED: Final = _reason(
    "ImageNotApproved",
    "Experiment `Ready`",
    "The profile does not approve the repository of an image.",
    "Publish the image in an approved repository, or have the repository approved.",
)
IMAGE_APPROVAL_EXPIRED: Final = _reason(
    "ImageApprovalExpired",
    "Experiment `Ready`",
    "The approval of the image's repository has ended.",
    "Use an approved image, or ask the platform team to renew the approval.",
)
ROUTE_NOT_ALLOWED: Final = _reason(
    "RouteNotAllowed",
    "Experiment `Ready`",
    "A declared route is in no route that the profile allows, or leads to a metadata service; or a"
    " service is named that the profile does not offer.",
    "Declare a network and ports inside one of the profile's routes, and services by the names that"
    " the profile gives them.",
)
RETENTION_OUT_OF_RANGE: Final = _reason(
    "RetentionOutOfRange",
    "Experiment `ArtifactsProtected`, `Ready`",
    "The requested retention is outside of the profile's range, or longer than the bucket locks.",
    "Change `spec.artifacts.retention`, or name a store that locks longer.",
)
NOT_GRANTED: Final = _reason(
    "NotGranted",
    "Experiment `InputsVerified`, `Ready`; DatasetPin `Verified`, `Ready`",
    "A pin in another namespace was named and no AccessGrant there lets this namespace use it in"
    " that role; or the content takes a grant at home as well (`spec.use` of a pin,"
    " `spec.data.grantFor` of the profile); or a pin covers objects that the store's `spec.access`"
    " does not grant to its namespace. Across namespaces the reason is the same whether the pin or"
    " the objects exist or not.",
    "Ask the owner of the data for an AccessGrant for this namespace and role; use a pin of the"
    " Experiment's own namespace; pin what is granted, or ask the platform's owner for an entry in"
    " `spec.access` of the ObjectStore.",
)
GRANTED: Final = _reason(
    "Granted",
    "AccessGrant `Ready`; Experiment `InputsGranted`",
    "The grant is in force; uses are left.",
)
GRANT_NOT_READY: Final = _reason(
    "GrantNotReady",
    "Experiment `InputsVerified`, `Ready`",
    "The AccessGrant that covers an input is not Ready; the message has its own.",
    "Look at the grant.",
)
GRANT_USED_UP: Final = _reason(
    "GrantUsedUp",
    "AccessGrant `Ready`; Experiment `InputsVerified`, `Ready`",
    "As many Experiments as the grant allows have used it; the grant's status names them. Of the"
    " grant `Ready` is True: it did what it was for.",
    "Ask the owner of the data for another AccessGrant. Deleting this one gives no use back.",
)
GRANT_EXPIRED: Final = _reason(
    "GrantExpired",
    "AccessGrant `Ready`; Experiment `InputsVerified`, `InputsGranted`, `Ready`; Event",
    "The grant's `spec.expireTime` has passed. Nothing is bound by it, and no credentials are"
    " issued for its content.",
    "Ask the owner of the data for another AccessGrant.",
)
GRANT_REVOKED: Final = _reason(
    "GrantRevoked",
    "AccessGrant `Ready`; Experiment `InputsVerified`, `InputsGranted`, `Ready`; Event",
    "The grant was revoked or deleted. Nothing is bound by it, and no credentials are issued for"
    " its content.",
    "Ask the owner of the data for another AccessGrant, or work without them.",
)
STORE_NOT_LENDING: Final = _reason(
    "StoreNotLending",
    "AccessGrant `Ready`; Experiment `Ready`",
    "No entry of the store's `spec.access` lets this namespace lend what the pin covers to others,"
    " or the pin is a part of a split, which is used in its own namespace alone.",
    "Ask the platform's owner for `lend: true` in the entry of `spec.access` that covers the data;"
    " use a part where it is.",
)
LEAKAGE_FOUND: Final = _reason(
    "LeakageFound",
    "Experiment `InputsVerified`, `Ready`",
    "Inputs of different roles share objects, rows or groups, or their times overlap or come in the"
    " wrong order, or one is a part of what the other was made from: what is trained on would be"
    " tested on. Nothing was created.",
    "Pin data that are apart, or give the reason in `spec.inputs.allowOverlap`: it becomes part of"
    " the digest and of the seal.",
)
SPLIT_DONE: Final = _reason(
    "SplitDone",
    "SplitPin `Ready`; Event",
    "Every row or object is in its part, and each part has its manifest.",
)
SPLITTING: Final = _reason(
    "Splitting",
    "SplitPin `Ready`, `Reconciling`",
    "The dataset is being divided into its parts; `status.progress` says how far it is.",
    _WAIT,
)
KEY_MISSING: Final = _reason(
    "KeyMissing",
    "SplitPin `Ready`, `Stalled`",
    "A row holds nothing in the columns that decide, or an object lies in no folder of theirs, or"
    " in one that names no time: nobody knows to which part it belongs.",
    "Pin data without it, or create a SplitPin with another rule.",
)
ASSIGNMENT_WRONG: Final = _reason(
    "AssignmentWrong",
    "SplitPin `Ready`, `Stalled`",
    "The list that says each key's part is missing or no table, names a key twice or a part that"
    " there is not, or says nothing of a key that the data have.",
    "Correct the list, pin the data with it, and create a SplitPin of that pin.",
)
PART_EMPTY: Final = _reason(
    "PartEmpty",
    "SplitPin `Ready`, `Stalled`",
    "A part would have no row or no object.",
    "Create another SplitPin: with a larger share, another salt or key, or other boundaries.",
)
TABLE_UNREADABLE: Final = _reason(
    "TableUnreadable",
    "SplitPin `Ready`, `Stalled`",
    "Rows are to be divided, and an object is no table, lacks a column of the key, or holds what"
    " cannot be one.",
    "Pin tables alone that have these columns, or split whole objects.",
)
NESTED_TOO_DEEP: Final = _reason(
    "NestedTooDeep",
    "SplitPin `Ready`, `Stalled`",
    "What is to be split is a part of a part of a part of a part of a split already.",
    "Split the data from which that was made into all parts at once.",
)
SPLIT_NOT_FOUND: Final = _reason(
    "SplitNotFound",
    "DatasetPin `Verified`, `Ready`",
    "There is no SplitPin of the name in `spec.source.split`, or it is being deleted.",
    "Declare the SplitPin, or pin a part of one that there is.",
)
SPLIT_NOT_READY: Final = _reason(
    "SplitNotReady",
    "DatasetPin `Verified`, `Ready`",
    "The SplitPin whose part is pinned is not Ready.",
    "Look at that SplitPin.",
)
PART_NOT_FOUND: Final = _reason(
    "PartNotFound",
    "DatasetPin `Verified`, `Ready`, `Stalled`",
    "The SplitPin has no part of that name, or keeps its parts in another store.",
    "Create a pin that names one of its parts, and the store of the data that were split.",
)
PART_LOST: Final = _reason(
    "PartLost",
    "DatasetPin `Verified`, `Ready`",
    "Objects of the part are not in the store any more, so the pin of the part cannot be made.",
    "Restore the versions that the message names; or create a SplitPin of data that are there.",
)
EXPERIMENT_NOT_FOUND: Final = _reason(
    "ExperimentNotFound",
    "DatasetPin `Verified`, `Ready`",
    "There is no Experiment of the name in `spec.source.experimentRef`, and no UID that its seal"
    " could be found by.",
    "Declare the Experiment; or create a pin with the UID of the one that is gone.",
)
EXPERIMENT_NOT_SEALED: Final = _reason(
    "ExperimentNotSealed",
    "DatasetPin `Verified`, `Ready`",
    "The Experiment whose artifacts are to be pinned is not sealed yet.",
    "Wait; the pin is made when the Experiment is sealed. One without a run is sealed on request.",
)
EXPERIMENT_FAILED: Final = _reason(
    "ExperimentFailed",
    "DatasetPin `Verified`, `Ready`, `Stalled`",
    "The run whose artifacts are to be pinned did not succeed: what it left is no result.",
    "Create a pin of the artifacts of a run that succeeded.",
)
SEAL_ELSEWHERE: Final = _reason(
    "SealElsewhere",
    "DatasetPin `Verified`, `Ready`, `Stalled`",
    "The Experiment keeps its artifacts in another store than the pin names.",
    "Create a pin that names the store of the Experiment.",
)
SEAL_NOT_FOUND: Final = _reason(
    "SealNotFound",
    "DatasetPin `Verified`, `Ready`",
    "The signed statement of the seal, its list of artifacts or its snapshot is not in the store.",
    "Wait until the Experiment is sealed; or restore the evidence below `.glovebox/seals/`.",
)
SEAL_INVALID: Final = _reason(
    "SealInvalid",
    "DatasetPin `Verified`, `Ready`, `Stalled`",
    "The seal does not verify: no trusted key signed it, or statement, list and snapshot do not say"
    " the same. Nothing of it is pinned.",
    "Look at it with `glovebox verify`; who wrote to the evidence can be told by the store's log.",
)
SEAL_OF_OTHER: Final = _reason(
    "SealOfOther",
    "DatasetPin `Verified`, `Ready`, `Stalled`",
    "The seal is of another Experiment than `spec.source.experimentRef` names: another name, UID or"
    " digest.",
    "Create a pin with the name, UID and digest of the Experiment that is meant.",
)
ARTIFACTS_UNUSABLE: Final = _reason(
    "ArtifactsUnusable",
    "DatasetPin `Verified`, `Ready`, `Stalled`",
    "The seal lists artifacts below the prefix that could not be read when it was made, or that no"
    " lock protects. Nothing is pinned.",
    "Create a pin with a `prefix` that leaves them out, or of another run.",
)
ROLE_NOT_ALLOWED: Final = _reason(
    "RoleNotAllowed",
    "Experiment `InputsVerified`, `Ready`",
    "A part of a split is used in another role than the split gives to it. Nothing was created.",
    "Use the part in its own role, or the part that has the role; the message names both.",
)
OVERLAP_NOT_ALLOWED: Final = _reason(
    "OverlapNotAllowed",
    "Experiment `InputsVerified`, `Ready`",
    "The Experiment gives a reason in `spec.inputs.allowOverlap`, and its profile says"
    " `spec.leakage.overlap: Never`.",
    "Remove the field and pin data that are apart, or choose another profile.",
)
LEAKAGE_UNKNOWN: Final = _reason(
    "LeakageUnknown",
    "Experiment `InputsVerified`, `Ready`",
    "`spec.leakage.mustKnow` of the profile names a type of leak of which the pins say nothing.",
    "Use pins that say `spec.coverage` by the same column; for `NoTestSet` add an input with the"
    " role `test` or `holdout`.",
)
COVERAGE_WRONG: Final = _reason(
    "CoverageWrong",
    "Experiment `InputsVerified`, `Ready`",
    "`spec.coverage.groups` of a DatasetPin says that the groups are in its paths, and some objects"
    " lie in no folder of that column; or `spec.coverage.rows` names the key of its rows, and one"
    " of its objects is no table, lacks a column, or holds what cannot be a key.",
    "Create a pin that lists the `values` of the groups, or one of the objects in such folders"
    " alone; one of tables with these columns alone, or without `spec.coverage.rows`.",
)
ROWS_NOT_READ: Final = _reason(
    "RowsNotRead",
    "Experiment `InputsVerified`, `Ready`; SplitPin `Ready`",
    "The rows of inputs could not be read: the installation lacks `pyarrow`, or the process that"
    " reads tables was ended, stood still or could not be started.",
    "Use the image of the chart, which has `pyarrow`. The rest is tried again; if it lasts, give"
    " the operator more memory, or run tasks as Jobs.",
)
PROVENANCE_INCOMPLETE: Final = _reason(
    "ProvenanceIncomplete",
    "Experiment `InputsVerified`, `Ready`",
    "`spec.data.provenance` of the profile demands more of where data came from than a pin says.",
    "Create a pin that says what `status.provenance.gaps` of this one names, or choose another"
    " profile.",
)
CONTRACT_INCOMPATIBLE: Final = _reason(
    "ContractIncompatible",
    "Experiment `InputsVerified`, `Ready`",
    "`spec.data.compatibility` of the profile demands more of the contract of a pin that supersedes"
    " another one than was found, or nothing is known of it yet.",
    "Create a pin whose contract keeps what was promised, or which says in `spec.migration.notes`"
    " what its users have to change; or choose another profile.",
)
CLASSIFICATION_NOT_ALLOWED: Final = _reason(
    "ClassificationNotAllowed",
    "Experiment `InputsVerified`, `Ready`",
    "`spec.classification` of a pin is not among `spec.data.classifications` of the profile, or the"
    " pin does not say it.",
    "Use data that the profile allows, or a profile for data of this classification.",
)
REGION_NOT_ALLOWED: Final = _reason(
    "RegionNotAllowed",
    "Experiment `InputsVerified`, `Ready`",
    "`spec.region` of a pin, of the ObjectStore that holds its data, or of the one that takes the"
    " artifacts, is not among `spec.data.regions` of the profile.",
    "Use data and a store in a region that the profile allows, or another profile.",
)
ORIGIN_NOT_ALLOWED: Final = _reason(
    "OriginNotAllowed",
    "Experiment `InputsVerified`, `Ready`",
    "`spec.data.origins` of the profile says of which origin the inputs of a role may be, and a pin"
    " is of another one, or does not say it.",
    "Give the input another role, or use data of an origin that the profile allows for it.",
)
ENVIRONMENT_NOT_ALLOWED: Final = _reason(
    "EnvironmentNotAllowed",
    "Experiment `InputsVerified`, `Ready`",
    "`spec.environment` of a pin is not one that the profile lets in: production data and others"
    " are kept apart.",
    "Use data of the environment of the profile, or a profile of that of the data.",
)
NOT_PSEUDONYMISED: Final = _reason(
    "NotPseudonymised",
    "Experiment `InputsVerified`, `Ready`",
    "`spec.data.pseudonymised` of the profile names the classification of a pin whose"
    " `spec.personalData` is `Identifiable`, or not said.",
    "Use data in which names were replaced, and say so in `spec.personalData` of their pin.",
)
LICENSE_NOT_ALLOWED: Final = _reason(
    "LicenseNotAllowed",
    "Experiment `InputsVerified`, `Ready`",
    "`spec.data.licenses` of the profile does not allow the licence of a pin, or the pin names none"
    " that SPDX lists.",
    "Use data under a licence that the profile allows, or another profile.",
)
COMPARING_INPUTS: Final = _reason(
    "ComparingInputs",
    "Experiment `InputsVerified`, `Ready`, `Reconciling`",
    "Inputs of different roles are being compared, by their manifests and, where their pins say"
    " so, by the keys of their rows; nothing is created before.",
    _WAIT,
)
STORE_NOT_GRANTED: Final = _reason(
    "StoreNotGranted",
    "Experiment `ArtifactsProtected`, `Ready`",
    "No entry in `spec.access` of the ObjectStore lets this namespace keep artifacts there.",
    "Name another store in `spec.artifacts.storeRef`, or ask the platform's owner for an entry with"
    " `artifacts: true`.",
)
NAMESPACE_TAKEN: Final = _reason(
    "NamespaceTaken",
    "Experiment `NamespaceReady`, `Ready`",
    "A namespace of the allocated name exists and belongs to somebody else. It is not touched.",
    "Find out who created it. Remove it, or recreate the Experiment: it gets another name.",
)

# Experiment: waiting, provisioning, bound.
PIN_NOT_FOUND: Final = _reason(
    "PinNotFound",
    "Experiment `InputsVerified`, `Ready`; SplitPin `Ready`",
    "There is no pin of that name.",
    "Correct the name in `spec.inputs` (of a SplitPin: in `spec.source`), or create the pin.",
)
PIN_NOT_READY: Final = _reason(
    "PinNotReady",
    "Experiment `InputsVerified`, `Ready`; SplitPin `Ready`",
    "A pin is not Ready; the message has its own.",
    "Look at the pin.",
)
INPUT_BROKEN: Final = _reason(
    "InputBroken",
    "Experiment `Succeeded`, `Ready`, `Stalled`; Event, `status.run`, and the reason in the seal",
    "Pinned versions of an input were found changed or gone, and the profile says"
    " `spec.data.onBrokenInput: Freeze` or `Fail`: the experiment was stopped.",
    "Look at the DatasetPin that `status.brokenInputs` names. `Freeze` ends when it is whole again,"
    " or with `spec.lifecycle.desired: Sealed`; after `Fail` create a new Experiment.",
)
PIN_CHANGED: Final = _reason(
    "PinChanged",
    "Experiment `InputsVerified`",
    "A bound pin is no longer what was bound: it was recreated, or its content was found changed.",
    "The Experiment keeps the bound digest. Create a new Experiment for the new content.",
)
PIN_DELETED: Final = _reason(
    "PinDeleted",
    "Experiment `InputsVerified`; Event",
    "A bound pin was deleted. The Experiment goes on with what was bound.",
    "Nothing for this Experiment; the seal reports that the input could not be verified again.",
)
PROFILE_CHANGED: Final = _reason(
    "ProfileChanged",
    "Experiment `PlatformChanged`; Event",
    "The IsolationProfile was edited after it was bound. The bound settings stay in force.",
    "Nothing. Create a new Experiment to use the new settings.",
)
PROFILE_DELETED: Final = _reason(
    "ProfileDeleted",
    "Experiment `PlatformChanged`; Event",
    "The IsolationProfile was deleted after it was bound. The bound settings stay in force.",
)
STORE_CHANGED: Final = _reason(
    "StoreChanged",
    "Experiment `PlatformChanged`; Event",
    "An ObjectStore was edited after it was bound. The bound settings stay in force.",
    "Check that the bound endpoint and bucket still exist: results are written there.",
)
STORE_DELETED: Final = _reason(
    "StoreDeleted",
    "Experiment `PlatformChanged`, `ArtifactsProtected`; Event",
    "An ObjectStore was deleted after it was bound. The bound settings stay in force.",
    "Check that the bound endpoint, bucket and credentials still exist.",
)
PLATFORM_AS_BOUND: Final = _reason(
    "PlatformAsBound",
    "Experiment `PlatformChanged`",
    "Profile and stores are as they were bound.",
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

DELETED_UNSEALED: Final = _reason(
    "DeletedUnsealed",
    "Event",
    "An Experiment is deleted although what was written could not be sealed: it was tried for an"
    " hour, or its snapshot was edited. What was written stays in the store.",
    "Find out what kept the store, the signing key or the snapshot away; what lies below the"
    " experiment's prefix is as it was written, and locked, but no statement lists it.",
)

# The run and the seal.
RUN_NOT_REQUESTED: Final = _reason(
    "RunNotRequested",
    "Experiment `Succeeded`",
    "`spec.run` is not set: the namespace is for interactive use.",
)
RUN_OUT_OF_RANGE: Final = _reason(
    "RunOutOfRange",
    "Experiment `Succeeded`, `Ready`",
    "`spec.run` asks for more retries, a longer deadline, or more of a resource than the profile or"
    " the experiment's quota allows, or for one that the profile does not offer.",
    "Ask for what the message names, or choose another profile.",
)
DELIVERY_UNAVAILABLE: Final = _reason(
    "DeliveryUnavailable",
    "Experiment `Succeeded`, `Ready`; without a run `InputsDelivered`",
    "The inputs cannot be delivered: the mode does not work for a pin, or the operator has no"
    " image of its own.",
    "Follow the message: choose another profile, change the pin, or set the chart's"
    " `operator.image.digest`.",
)
INPUTS_DELIVERED: Final = _reason(
    "InputsDelivered",
    "Experiment `InputsDelivered`",
    "There is no run, and what a pod of the team's own needs to have the inputs is there.",
)
INPUTS_PENDING: Final = _reason(
    "InputsPending",
    "Experiment `InputsDelivered`, `Ready`",
    "There is no run, and the inputs are not there yet for pods of the team's own; the message says"
    " what they wait for.",
    "Follow the message: a cache that is being filled, or the volume for it.",
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
    "It goes on when that one resumes it; else exempt the namespaces of experiments there.",
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
INPUTS_REFUSED: Final = _reason(
    "InputsRefused",
    "Experiment `Succeeded`, `Ready`, `Stalled`; without a run `InputsDelivered`; Event",
    "The delivered data is not what was pinned, or could not be delivered. The program never"
    " started.",
    "Look at the DatasetPin's condition `Verified`; pin the data again, or restore it.",
)
ALREADY_RAN: Final = _reason(
    "AlreadyRan",
    "Experiment `Ready`, `Stalled`, `Succeeded`",
    "The store has the record of a run of this very declaration under this name, started by an"
    " Experiment of another UID: this one was created again, by a restore or by hand. A run is"
    " never started twice.",
    "To show the results of that run, let the Experiment take them over: `glovebox adopt`. To run"
    " it once more, give the Experiment another name. See docs/how-to/restore.md.",
)
ADOPTED: Final = _reason(
    "Adopted",
    "Experiment `Ready`",
    "The Experiment took over the results of the former one of its name (`spec.adopts`). It runs"
    " nothing and has no namespace.",
)
ADOPTION_REFUSED: Final = _reason(
    "AdoptionRefused",
    "Experiment `Ready`, `Stalled`",
    "`spec.adopts` names no run that was started under this name, or one of another declaration.",
    "`glovebox adopt --dry-run` lists what can be taken over. Create the Experiment again with the"
    " right UID, or with the declaration of the former one.",
)
CONCLUSION_DIFFERS: Final = _reason(
    "ConclusionDiffers",
    "Experiment `Stalled`",
    "`spec.conclusion` of an Experiment that took over a former one says something else than what"
    " was signed beside that seal before.",
    "What was signed counts, and stays; `glovebox verify` shows it. Write the new conclusion into"
    " `spec.purpose` of a new Experiment.",
)
ADOPTING: Final = _reason(
    "Adopting",
    "Experiment `Ready`, `Reconciling`, `Sealed`",
    "The results of the former Experiment are being looked at, or sealed from the record of its"
    " start.",
    _WAIT,
)
DEADLINE_EXCEEDED: Final = _reason(
    "DeadlineExceeded",
    "Experiment `Succeeded`, `Ready`, `Stalled`; Event",
    "The run took longer than `spec.run.activeDeadlineSeconds`.",
    "Create a new Experiment with a longer deadline.",
)
NOT_SEALED: Final = _reason(
    "NotSealed",
    "Experiment `Sealed`",
    "The results are locked as they are written, and are sealed when the run is over.",
    "Wait for the end of the run. Without a run, `spec.lifecycle.desired: Sealed` closes the"
    " experiment for good and seals it.",
)
SEALING: Final = _reason(
    "Sealing",
    "Experiment `Sealed`",
    "Pods are ending, or the results are being listed.",
    _WAIT,
)
SEALED: Final = _reason(
    "Sealed",
    "Experiment `Sealed`, `Ready`, `CredentialsFresh`; Event",
    "The results are listed, signed and locked. The experiment is closed permanently.",
    "Verify them with `glovebox verify`. Findings, if any, are in the message.",
)
ABANDONED: Final = _reason(
    "Abandoned",
    "Event, `status.run`, and the reason in the seal itself",
    "The Experiment was deleted before its run ended, or without one. What was there is sealed"
    " before it goes.",
)
ORPHANED: Final = _reason(
    "Orphaned",
    "the reason in the seal itself",
    "The Experiment was lost without passing by its deletion, before its run was seen to end; what"
    " was there has been sealed from the snapshot in its namespace.",
)
SIGNING_KEY_INVALID: Final = _reason(
    "SigningKeyInvalid",
    "Experiment `Sealed`; ObjectStore `KeyPublished`; Event",
    "The Secret with the signing key cannot be used.",
    "Restore the Secret from a backup, or replace it: see docs/how-to/rotate-keys.md.",
)
SIGNING_KEY_LOST: Final = _reason(
    "SigningKeyLost",
    "Experiment `Sealed`; ObjectStore `KeyPublished`; Event",
    "The Secret with the signing key is gone although keys were published. Nothing is signed, and"
    " no new key is made by itself.",
    "Restore the Secret from a backup, or decide that a new key signs from now on:"
    " docs/how-to/rotate-keys.md. Seals wait; nothing is lost.",
)
SIGNING_KEY_RETIRED: Final = _reason(
    "SigningKeyRetired",
    "Experiment `Sealed`; ObjectStore `KeyPublished`; Event",
    "The Secret holds a key that was replaced before: somebody put an old one back.",
    "Put the Secret with the present key back, or make a new one: docs/how-to/rotate-keys.md.",
)
SIGNING_FAILED: Final = _reason(
    "SigningFailed",
    "Experiment `Sealed`; ObjectStore `KeyPublished`",
    "The service that keeps the signing key did not sign, or signs with another key.",
    "Look at the service, and at the rights of the operator's identity there.",
)
KEY_PUBLISHED: Final = _reason(
    "KeyPublished",
    "ObjectStore `KeyPublished`",
    "The key that signs now is in the ConfigMap glovebox-signing-keys and beside the evidence.",
)

# The ledger.
LEDGER_PENDING: Final = _reason(
    "LedgerPending",
    "Experiment `Ready`, `Reconciling`, `Succeeded`, `Sealed`",
    "The step was made, and its entry is being written into the ledger; it is reported then. Of a"
    " seal also: a new key is to sign it, and signs once the ledger tells of that key.",
    _WAIT,
)
LEDGER_UNAVAILABLE: Final = _reason(
    "LedgerUnavailable",
    "Experiment `Ready`, `Reconciling`, `Succeeded`, `Sealed`; ObjectStore `LedgerWritten`",
    "The ledger cannot be written, so no further step is reported. What runs goes on and is sealed;"
    " a deletion waits for an hour. The message says why.",
    "Bring back what the message names: the store, the Secret with the ledger's key, or the ledger"
    " itself. The ObjectStore's condition `LedgerWritten` says it once for all.",
)
LEDGER_WRITTEN: Final = _reason(
    "LedgerWritten",
    "ObjectStore `LedgerWritten`",
    "Entries are written, and the newest head is signed; `status.ledger` has it.",
)
DELETED_UNRECORDED: Final = _reason(
    "DeletedUnrecorded",
    "Event",
    "An Experiment is deleted although its deletion, or something before, could not be written into"
    " the ledger: it was tried for an hour.",
    "Find out what kept the ledger away (`LedgerWritten` of the ObjectStore). The ledger does not"
    " tell of this deletion, and nobody writes it later.",
)
LINEAGE_UNDELIVERED: Final = _reason(
    "LineageUndelivered",
    "Event",
    "An event of lineage was given up: a destination refused it three times or it is too large for"
    " it, its record is not in the store, or an Experiment went while the record could not be"
    " written for an hour. The run and its seal are as they are.",
    "The ConfigMap `glovebox-undelivered-...` in the operator's namespace says which event and why;"
    " the event itself lies beside the evidence. Correct the destination and post it by hand.",
)
LEDGER_INVALID: Final = _reason(
    "LedgerInvalid",
    "ObjectStore `LedgerWritten`; `glovebox ledger`, `glovebox witness`",
    "A file or object of a ledger is not written as its format has it, was edited, or is not signed"
    " by a key that is trusted.",
    "The message says which. `glovebox ledger verify` looks at the whole.",
)
LEDGER_ABSENT: Final = _reason(
    "LedgerAbsent",
    "ObjectStore `LedgerWritten`; `glovebox ledger`",
    "There is no genesis where the ledger has to be: it was never made, the bucket was emptied or"
    " restored, or it is another bucket. Nothing is written there.",
    "Look at the bucket's name first. Only for a new ledger: `glovebox ledger init`.",
)
LEDGER_EXISTS: Final = _reason(
    "LedgerExists",
    "`glovebox ledger init`",
    "There is a ledger of that organisation already.",
    "Use it. To change its key, begin a new epoch: `glovebox ledger init --new-epoch`.",
)
LEDGER_CLOSED: Final = _reason(
    "LedgerClosed",
    "ObjectStore `LedgerWritten`; `glovebox ledger`",
    "This epoch of the ledger has ended; its last entry says so.",
    "Open the ledger again: it goes on in the next epoch. If there is none, run `glovebox ledger"
    " init --new-epoch`.",
)
LEDGER_WENT_BACK: Final = _reason(
    "LedgerWentBack",
    "ObjectStore `LedgerWritten`; `glovebox ledger`",
    "The bucket holds less of the ledger, or another one, than was seen before. Nothing is written"
    " or signed.",
    "Find out who restored or replaced the bucket. The message has the head that was seen before.",
)
LEDGER_NOT_WITNESSED: Final = _reason(
    "LedgerNotWitnessed",
    "ObjectStore `LedgerAnchored`; `glovebox ledger`",
    "A witness did not sign a head, or fewer signed it than a policy asks for.",
    "Look at the witness that the message names. One that knows more than the bucket holds has seen"
    " what was taken away: find out who restored or replaced the bucket. For `glovebox ledger`: ask"
    " the witnesses to sign it, or take a later proof.",
)
LEDGER_NOT_TIMESTAMPED: Final = _reason(
    "LedgerNotTimestamped",
    "ObjectStore `LedgerAnchored`; `glovebox ledger`",
    "The authority did not say when a head was known, or what it said is not of that head.",
    "Look at the authority that `spec.ledger.timestamps` names; it has to answer as RFC 3161 says.",
)
LEDGER_ANCHORED: Final = _reason(
    "LedgerAnchored",
    "ObjectStore `LedgerAnchored`",
    "Everybody who is to know the ledger's heads knows the newest that they were asked for.",
)

ENCRYPTED: Final = _reason(
    "Encrypted",
    "ObjectStore `ConnectionEncrypted`",
    "The store and its STS are spoken to by `https://` alone.",
)
PLAIN_HTTP: Final = _reason(
    "PlainHttp",
    "ObjectStore `ConnectionEncrypted`",
    "An endpoint begins with `http://`: whoever is on the way reads data, results and sessions.",
    "Use the store's `https://` endpoint, with `spec.tls.caBundle` where the authority that signed"
    " its certificate is your own. Bound Experiments go on with the endpoint that they have.",
)
RECORDS_FOUND: Final = _reason(
    "RecordsFound",
    "ObjectStore `RecordsFound`",
    "Every run and seal that the cluster knows is in the store. The message counts what the store"
    " has on record besides: of Experiments that were deleted, or that a restore created again.",
)
RECORDS_LOST: Final = _reason(
    "RecordsLost",
    "ObjectStore `RecordsFound`",
    "Runs or seals that the cluster knows are not in the store; the message names Experiments.",
    "Find out what became of the bucket, and restore it. Nothing is written again, and no run is"
    " started again. See docs/how-to/restore.md.",
)

# Drift.
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
    " missing, or beside a run, also behind the broken glass.",
    "Find out who changed the isolation object; the Event before this one names the writer.",
)
