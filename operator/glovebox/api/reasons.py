"""Every reason word, in one place: the same in conditions, Events, metrics, alerts and runbooks.

A reason is stable: programs and alerts compare it. The message beside it may change at any time.
"""

from __future__ import annotations

from typing import Final

# Every kind.
READY: Final = "Ready"
PENDING: Final = "Pending"
SUSPENDED: Final = "Suspended"
DELETING: Final = "Deleting"
DELETION_BLOCKED: Final = "DeletionBlocked"
INVALID_SPEC: Final = "InvalidSpec"
API_UNAVAILABLE: Final = "ApiUnavailable"
FORBIDDEN: Final = "Forbidden"
CONFLICT: Final = "Conflict"
INTERNAL_ERROR: Final = "InternalError"

# The object store, and what was proven of it.
STORE_NOT_FOUND: Final = "StoreNotFound"
STORE_NOT_READY: Final = "StoreNotReady"
STORE_FORBIDDEN: Final = "StoreForbidden"
STORE_CREDENTIALS_NOT_FOUND: Final = "StoreCredentialsNotFound"
STORE_CREDENTIALS_REFUSED: Final = "StoreCredentialsRefused"
STORE_ADDRESS_UNKNOWN: Final = "StoreAddressUnknown"
BUCKET_NOT_FOUND: Final = "BucketNotFound"
PROVEN: Final = "Proven"
PROOF_FAILED: Final = "ProofFailed"
PROOF_INCONCLUSIVE: Final = "ProofInconclusive"
STS_NOT_CONFIGURED: Final = "StsNotConfigured"

LOCK_REQUIRED: Final = "LockRequired"
STORE_UNREACHABLE: Final = "StoreUnreachable"
STORE_BUSY: Final = "StoreBusy"
STORE_FAILED: Final = "StoreFailed"
STORE_REJECTED: Final = "StoreRejected"
CLOCK_SKEWED: Final = "ClockSkewed"
OBJECT_NOT_FOUND: Final = "ObjectNotFound"
PRECONDITION_FAILED: Final = "PreconditionFailed"

# Pins.
MANIFEST_DIFFERS: Final = "ManifestDiffers"
SIZE_MISMATCH: Final = "SizeMismatch"
NOT_CANONICAL: Final = "NotCanonical"
VERIFIED: Final = "Verified"
VERIFYING: Final = "Verifying"
DIGEST_MISMATCH: Final = "DigestMismatch"
SOURCE_EMPTY: Final = "SourceEmpty"
VERSIONING_REQUIRED: Final = "VersioningRequired"
KEY_REFUSED: Final = "KeyRefused"
TOO_MANY_OBJECTS: Final = "TooManyObjects"
MANIFEST_INVALID: Final = "ManifestInvalid"
OBJECTS_CHANGED: Final = "ObjectsChanged"
OBJECTS_MISSING: Final = "ObjectsMissing"
OBJECTS_HIDDEN: Final = "ObjectsHidden"
OBJECTS_EXTRA: Final = "ObjectsExtra"
OBJECTS_UNREADABLE: Final = "ObjectsUnreadable"
NOT_YET_VALID: Final = "NotYetValid"
EXPIRED: Final = "Expired"
INPUT_NOT_FOUND: Final = "InputNotFound"
INPUT_NOT_READY: Final = "InputNotReady"
INPUT_DIGEST_MISMATCH: Final = "InputDigestMismatch"
FEATURES_INCOMPLETE: Final = "FeaturesIncomplete"

# Experiment: refused before anything is created.
PROFILE_NOT_FOUND: Final = "ProfileNotFound"
PROFILE_INVALID: Final = "ProfileInvalid"
QUOTA_OUT_OF_RANGE: Final = "QuotaOutOfRange"
IMAGE_NOT_PINNED: Final = "ImageNotPinned"
IMAGE_NOT_APPROVED: Final = "ImageNotApproved"
IMAGE_APPROVAL_EXPIRED: Final = "ImageApprovalExpired"
ROUTE_NOT_ALLOWED: Final = "RouteNotAllowed"
RETENTION_OUT_OF_RANGE: Final = "RetentionOutOfRange"
NOT_GRANTED: Final = "NotGranted"
NAMESPACE_TAKEN: Final = "NamespaceTaken"

# Experiment: waiting, working, done.
PIN_NOT_FOUND: Final = "PinNotFound"
PIN_NOT_READY: Final = "PinNotReady"
PIN_CHANGED: Final = "PinChanged"
PROVISIONED: Final = "Provisioned"
NAMESPACE_TERMINATING: Final = "NamespaceTerminating"
SNAPSHOT_DIFFERS: Final = "SnapshotDiffers"
NOT_PROVEN: Final = "NotProven"
PROBING: Final = "Probing"
PROBE_FAILED: Final = "ProbeFailed"
CREDENTIALS_ISSUED: Final = "CredentialsIssued"
FROZEN: Final = "Frozen"

# The run and the seal.
RUN_NOT_REQUESTED: Final = "RunNotRequested"
RUN_OUT_OF_RANGE: Final = "RunOutOfRange"
DELIVERY_UNAVAILABLE: Final = "DeliveryUnavailable"
RUN_PENDING: Final = "RunPending"
RUNNING: Final = "Running"
RUN_SUCCEEDED: Final = "RunSucceeded"
RUN_FAILED: Final = "RunFailed"
RUN_LOST: Final = "RunLost"
RUN_STOPPED: Final = "RunStopped"
INPUTS_REFUSED: Final = "InputsRefused"
DEADLINE_EXCEEDED: Final = "DeadlineExceeded"
NOT_SEALED: Final = "NotSealed"
SEALING: Final = "Sealing"
SEALED: Final = "Sealed"
SIGNING_KEY_INVALID: Final = "SigningKeyInvalid"

# Drift.
NO_DRIFT: Final = "NoDrift"
DRIFT_DETECTED: Final = "DriftDetected"
DRIFT_REPAIRED: Final = "DriftRepaired"
WRITER_FIGHT: Final = "WriterFight"
