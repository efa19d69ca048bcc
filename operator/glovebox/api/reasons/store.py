"""Reasons of an ObjectStore: its conformance checks, how it answers, what it has on record."""

from __future__ import annotations

from typing import Final

from glovebox.api.reasons.meaning import WAIT as _WAIT
from glovebox.api.reasons.meaning import reason as _reason

STORE_NOT_FOUND: Final = _reason(
    "StoreNotFound",
    "Experiment `ArtifactsProtected`, `InputsVerified`; DatasetPin `Verified`",
    "There is no ObjectStore of that name.",
    "Correct the name in `storeRef`, or create the ObjectStore.",
)
STORE_NOT_READY: Final = _reason(
    "StoreNotReady",
    "Experiment `ArtifactsProtected`, `PlatformChanged`; DatasetPin `Verified`",
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
    "Wait for the next check; the message says what differs, or what prevents it.",
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
STORE_NOT_GRANTED: Final = _reason(
    "StoreNotGranted",
    "Experiment `ArtifactsProtected`, `Ready`",
    "No entry in `spec.access` of the ObjectStore lets this namespace keep artifacts there.",
    "Name another store in `spec.artifacts.storeRef`, or ask the platform's owner for an entry with"
    " `artifacts: true`.",
)
ENCRYPTED: Final = _reason(
    "Encrypted",
    "ObjectStore `ConnectionEncrypted`",
    "The store and its STS are reached by `https://` only.",
)
PLAIN_HTTP: Final = _reason(
    "PlainHttp",
    "ObjectStore `ConnectionEncrypted`",
    "An endpoint begins with `http://`: whoever can read the traffic reads data, results and"
    " sessions.",
    "Use the store's `https://` endpoint, with `spec.tls.caBundle` where the authority that"
    " signed its certificate is your own. Bound Experiments continue with the endpoint that they"
    " have.",
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
