"""Conditions: the model of one, and the name of every type that Glovebox writes.

The reason words are in `glovebox.api.reasons`. What a condition means for waiting programs
(kstatus, Argo CD, Flux): `Reconciling` and `Stalled` are present only while true and never both; a
permanent failure sets `Stalled` beside `Ready=False`; what was not observed is `Unknown`, never
`True`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

# Every kind.
READY: Final = "Ready"
RECONCILING: Final = "Reconciling"
STALLED: Final = "Stalled"

# What others refer to: profiles, stores and pins.
DELETION_PROTECTED: Final = "DeletionProtected"

# Pins.
VERIFIED: Final = "Verified"
PROOFS_CURRENT: Final = "ProofsCurrent"
DRIFT_DETECTED: Final = "DriftDetected"
# DatasetPin: no part of Ready, because data that nobody described are data.
PROVENANCE_COMPLETE: Final = "ProvenanceComplete"
# DatasetPin: there where the pin has a contract; then it is a part of Ready.
CONTRACT_MET: Final = "ContractMet"
# DatasetPin: there where the pin asks for them. The second is a part of Ready where that is asked.
HELD: Final = "Held"
STATISTICS_COMPUTED: Final = "StatisticsComputed"
DISTRIBUTION_STABLE: Final = "DistributionStable"
# DatasetPin: there where its store names an access log; no part of Ready.
READS_EXPECTED: Final = "ReadsExpected"
# FeatureSetPin: there where the pin names its values; then it is a part of Ready.
SCHEMA_MATCHES: Final = "SchemaMatches"
# FeatureSetPin: there where the values come from a sealed Experiment; then it is a part of Ready.
BUILT_FROM_INPUTS: Final = "BuiltFromInputs"
# DatasetPin: there where validity or retention has an end; no part of Ready.
RETIRING: Final = "Retiring"

# ObjectStore: one condition per group of conformance checks.
VERSIONING_PROVEN: Final = "VersioningProven"
LOCK_PROVEN: Final = "LockProven"
CONDITIONAL_WRITES_PROVEN: Final = "ConditionalWritesProven"
CREDENTIAL_SCOPE_PROVEN: Final = "CredentialScopeProven"
ENCRYPTION_PROVEN: Final = "EncryptionProven"
# ObjectStore: no part of Ready, because runs need no key; their seals wait for it.
KEY_PUBLISHED: Final = "KeyPublished"
# ObjectStore: likewise no part of Ready; what was lost with a store comes back by a person alone.
RECORDS_FOUND: Final = "RecordsFound"
# ObjectStore: no part of Ready, because a network may be trusted.
CONNECTION_ENCRYPTED: Final = "ConnectionEncrypted"
# ObjectStore: only where a rule archives evidence, or that is denied to be known; no part of Ready,
# because the bucket is not the operator's alone.
EVIDENCE_READABLE: Final = "EvidenceReadable"
# ObjectStore: only with `spec.ledger`; no part of Ready, because runs need no ledger.
LEDGER_WRITTEN: Final = "LedgerWritten"
LEDGER_ANCHORED: Final = "LedgerAnchored"
# ObjectStore: only with `spec.accessLog`; no part of Ready, because runs need no log.
ACCESS_LOG_READ: Final = "AccessLogRead"

# Experiment.
INPUTS_VERIFIED: Final = "InputsVerified"
# Experiment: only with inputs that are used by an AccessGrant; no part of Ready, because what was
# bound goes on.
INPUTS_GRANTED: Final = "InputsGranted"
NAMESPACE_READY: Final = "NamespaceReady"
ISOLATED: Final = "Isolated"
QUOTA_APPLIED: Final = "QuotaApplied"
ARTIFACTS_PROTECTED: Final = "ArtifactsProtected"
CREDENTIALS_FRESH: Final = "CredentialsFresh"
# Experiment: only without `spec.stages`, and with inputs.
INPUTS_DELIVERED: Final = "InputsDelivered"
# Experiment: only with stages, under a profile with `spec.queue`; no part of Ready.
ADMITTED: Final = "Admitted"
SUCCEEDED: Final = "Succeeded"
SEALED: Final = "Sealed"
# Experiment: only while evidence is overdue; no part of Ready, because what runs goes on.
EVIDENCE_WRITTEN: Final = "EvidenceWritten"
PLATFORM_CHANGED: Final = "PlatformChanged"


@dataclass(frozen=True, slots=True)
class TypeMeaning:
    """What a condition type answers, for the reference page.

    Attributes:
        kinds: The kinds that have it.
        true: What `True` says.
        false: What `False` says.
        unknown: What `Unknown` says; empty where it does not occur.
    """

    kinds: str
    true: str
    false: str
    unknown: str = ""


# By type, in the order of the reference page; a test refuses a type without an entry.
TYPE_MEANINGS: Final = {
    READY: TypeMeaning(
        "every kind",
        "the object can be relied on; for an Experiment, its namespace is provisioned",
        "it cannot; the reason names the first condition that prevents it",
        "not observed yet, or not observable for longer than the grace time",
    ),
    RECONCILING: TypeMeaning(
        "every kind",
        "the operator is working on the object, or waits for something",
        "does not occur: the condition is absent then",
    ),
    STALLED: TypeMeaning(
        "every kind",
        "the operator cannot continue until a person changes something",
        "does not occur: the condition is absent then",
    ),
    DELETION_PROTECTED: TypeMeaning(
        "IsolationProfile, ObjectStore, DatasetPin, SplitPin, FeatureSetPin",
        "while anything refers to the object, its deletion is refused or waits; with a reason that"
        " is an error: it is held, and its marks cannot be changed",
        "the finalizer that holds it was refused: it can be deleted while it is used; its users"
        " continue with what was bound. `Ready` stays as it is",
        "not observed yet, or the API server has not answered for longer than the grace time",
    ),
    VERIFIED: TypeMeaning(
        "DatasetPin, FeatureSetPin",
        "everything that is pinned was found as it was pinned",
        "something differs, is missing, or could not be read",
        "being read for the first time",
    ),
    DRIFT_DETECTED: TypeMeaning(
        "DatasetPin, Experiment",
        "something differs from what is declared or pinned",
        "nothing differs, or the difference was repaired",
        "not compared yet",
    ),
    PROOFS_CURRENT: TypeMeaning(
        "DatasetPin",
        "the last proof of each level is as recent as `spec.verification` says",
        "a proof waits for the store's budget, or is overdue; `status.verification` says how old"
        " each is. `Ready` stays as it is",
        "does not occur: the condition is absent before the pin was read for the first time",
    ),
    PROVENANCE_COMPLETE: TypeMeaning(
        "DatasetPin",
        "the pin says all that can be said of where its data came from, and every source is there",
        "something is not said, or a source is missing, changed, or made from the pin itself;"
        " `status.provenance.gaps` names each. `Ready` stays as it is",
        "not checked yet, or nothing is missing but sources that were not read yet",
    ),
    CONTRACT_MET: TypeMeaning(
        "DatasetPin (with `spec.contract`)",
        "every rule of the contract was checked on the pinned files, and is met",
        "the files hold something that the contract does not allow; `status.contract` names file,"
        " column and count",
        "not checked yet, or the check could not be made",
    ),
    HELD: TypeMeaning(
        "DatasetPin (with `spec.hold`)",
        "a legal hold was put on every pinned version, and is not taken off by the operator while"
        " the pin is there",
        "nothing can be held: the platform does not allow it, or the bucket has no object lock",
        "not held yet",
    ),
    STATISTICS_COMPUTED: TypeMeaning(
        "DatasetPin (with `spec.statistics`)",
        "the columns are described; `status.statistics.document` says where",
        "never",
        "not computed yet, or they cannot be. `Ready` stays as it is",
    ),
    DISTRIBUTION_STABLE: TypeMeaning(
        "DatasetPin (with `spec.distribution`)",
        "no column moved against the pin that it is compared with",
        "columns moved; `status.distribution` names them. `Ready` is decided by it only with"
        " `required`",
        "not compared yet, or nobody can say: `status.distribution` says of which columns",
    ),
    READS_EXPECTED: TypeMeaning(
        "DatasetPin (where its ObjectStore has `spec.accessLog`)",
        "the access log, as far as it was read, shows no read that nobody declared",
        "somebody read pinned bytes who is no run that has them among its inputs, read much more"
        " than there is, or was denied; `status.reads.unusual` says who. `Ready` stays as it is",
        "the log was not read yet, there is none, it cannot be read for an hour, or which objects"
        " are the pin's is not known",
    ),
    SCHEMA_MATCHES: TypeMeaning(
        "FeatureSetPin (with `spec.materialized`)",
        "every feature, key and time is in every file of the values, as it is declared",
        "a file differs; `status.materialized` names feature, declared, found, file and count",
        "not compared yet, or the comparison could not be made",
    ),
    BUILT_FROM_INPUTS: TypeMeaning(
        "FeatureSetPin (with values that a sealed Experiment wrote)",
        "the run that wrote the values read all of `spec.inputs`, by its seal",
        "it did not read all of them; the message names which",
        "the pin of the values is not ready",
    ),
    ACCESS_LOG_READ: TypeMeaning(
        "ObjectStore (with `spec.accessLog`)",
        "what there is of the access log is read",
        "what is read is mostly no access log; `Ready` stays as it is",
        "the log was not read to its end yet, there is no line of it, or it cannot be read",
    ),
    RETIRING: TypeMeaning(
        "FeatureSetPin, DatasetPin",
        "the pin goes out of use: another one supersedes it, or its validity or retention ends"
        " within 14 days or has ended. `Ready` falls only when the validity of a FeatureSetPin has"
        " ended. It is there of DatasetPins that say when either ends",
        "nothing supersedes the pin, and neither its validity nor its retention ends soon",
        "not checked yet",
    ),
    CONNECTION_ENCRYPTED: TypeMeaning(
        "ObjectStore",
        "the store and its STS are reached by `https://` only",
        "an endpoint begins with `http://`. `Ready` stays as it is",
        "not observed yet",
    ),
    VERSIONING_PROVEN: TypeMeaning(
        "ObjectStore",
        "overwritten versions keep their bytes",
        "a version lost its bytes, or versioning is off",
        "the check could not be made",
    ),
    LOCK_PROVEN: TypeMeaning(
        "ObjectStore",
        "locked versions survived every attempt to delete, overwrite, shorten or bypass",
        "an attempt succeeded, or the bucket has no lock",
        "the check could not be made",
    ),
    CONDITIONAL_WRITES_PROVEN: TypeMeaning(
        "ObjectStore",
        "a second write with `If-None-Match: *` is refused, and of 16 at once one wins",
        "the second write replaced the object, or of 16 at once two won",
        "the check could not be made",
    ),
    CREDENTIAL_SCOPE_PROVEN: TypeMeaning(
        "ObjectStore",
        "issued credentials work below their own prefix and nowhere else",
        "issued credentials could do more than they may",
        "the check could not be made, or `spec.sts` is not set",
    ),
    ENCRYPTION_PROVEN: TypeMeaning(
        "ObjectStore",
        "what is written is encrypted as `spec.encryption` says, also when the writer asks for"
        " nothing",
        "the store encrypts differently, or not at all",
        "the check could not be made. The condition is absent without `spec.encryption`",
    ),
    KEY_PUBLISHED: TypeMeaning(
        "ObjectStore",
        "the key that seals are signed with is published, in the cluster and in this store",
        "the key is lost, was replaced before, or cannot be used: seals wait for it",
        "not checked yet, or it could not be published",
    ),
    RECORDS_FOUND: TypeMeaning(
        "ObjectStore",
        "the store has the record of every run, and every seal, that the cluster knows",
        "it lost some: it was emptied or restored, or another one answers at its endpoint",
        "not compared yet",
    ),
    EVIDENCE_READABLE: TypeMeaning(
        "ObjectStore",
        "never shown: the condition is absent where no rule of the bucket is known to archive"
        " evidence",
        "a lifecycle rule of the bucket moves what lies below `.glovebox/` into an archive. `Ready`"
        " stays as it is",
        "the store denies to say whether there is such a rule",
    ),
    LEDGER_WRITTEN: TypeMeaning(
        "ObjectStore",
        "the ledger that `spec.ledger` names is written and signed",
        "it cannot be: there is none, it went back, or its key is missing; steps of Experiments"
        " are not reported until it can",
        "not checked yet, or the store did not answer. The condition is absent without"
        " `spec.ledger`",
    ),
    LEDGER_ANCHORED: TypeMeaning(
        "ObjectStore",
        "every witness of `spec.ledger.witnesses` signed the newest head that it was asked for, and"
        " the authority of `spec.ledger.timestamps` dated one in time",
        "one refuses, or did not answer for longer than the grace time; the ledger is written"
        " all the same",
        "not asked yet. The condition is absent where nobody is to be asked",
    ),
    INPUTS_VERIFIED: TypeMeaning(
        "Experiment",
        "every input is bound, and its pin is still as it was bound",
        "a pin is missing, not Ready, or no longer what was bound",
        "not observed yet, or the pin could not be checked for longer than the grace time",
    ),
    INPUTS_GRANTED: TypeMeaning(
        "Experiment",
        "every AccessGrant by which inputs are used is in force",
        "one was revoked, deleted, or has expired: no credentials for its input are issued any"
        " more, and the run continues with what was delivered. `Ready` stays as it is",
        "not observed yet. The condition is absent where no input needs a grant",
    ),
    NAMESPACE_READY: TypeMeaning(
        "Experiment",
        "the namespace and every declared object in it were seen in place",
        "an object is missing, differs, or was refused",
        "not observed yet, or the API server does not answer",
    ),
    ISOLATED: TypeMeaning(
        "Experiment",
        "the isolation check passed for the current network policies",
        "the check found an open route",
        "not checked, outdated, a network policy is not in place, or the check proved nothing",
    ),
    QUOTA_APPLIED: TypeMeaning(
        "Experiment",
        "ResourceQuota and LimitRange were seen in place",
        "one is missing, differs, or was refused",
        "not observed yet",
    ),
    ARTIFACTS_PROTECTED: TypeMeaning(
        "Experiment",
        "the store's object lock passed its checks",
        "it did not, or the retention cannot be kept",
        "the store was not checked yet",
    ),
    CREDENTIALS_FRESH: TypeMeaning(
        "Experiment",
        "the run's credentials are valid and renewed in time; after the seal: they were removed",
        "none are issued",
        "not issued yet, or the store could not be asked for longer than the grace time",
    ),
    INPUTS_DELIVERED: TypeMeaning(
        "Experiment",
        "a pod of the team's own finds what it needs to have the inputs; the message says what",
        "not yet, not any more, or not at all; the reason says which",
        "not observed yet, or the store or the API server could not be asked for longer than the"
        " grace time. The condition is absent with `spec.stages`, and without inputs",
    ),
    ADMITTED: TypeMeaning(
        "Experiment (with stages, where its profile has `spec.queue`)",
        "Kueue admitted the run: it has a place in the queue's quota",
        "the run waits in the queue, or was put back into it",
        "the run was not created yet, or is over, or Kueue says nothing of it",
    ),
    SUCCEEDED: TypeMeaning(
        "Experiment",
        "the run ended with exit code 0",
        "the run is over and failed",
        "no run, not started, or running",
    ),
    SEALED: TypeMeaning(
        "Experiment",
        "the results are listed, signed and locked",
        "not yet, or sealing failed and is retried",
        "not observed yet",
    ),
    EVIDENCE_WRITTEN: TypeMeaning(
        "Experiment",
        "never shown: the condition is absent while nothing is overdue",
        "a conclusion, the record of a run or a last listing could not be written for a quarter of"
        " an hour; the operator goes on trying. `Ready` stays as it is",
    ),
    PLATFORM_CHANGED: TypeMeaning(
        "Experiment",
        "profile or store were edited or deleted after they were bound; the bound settings hold",
        "profile and stores are as bound",
        "not compared yet, or a profile or store cannot be read",
    ),
}

Answer = Literal["True", "False", "Unknown"]
TRUE: Final = "True"
FALSE: Final = "False"
UNKNOWN: Final = "Unknown"

MESSAGE_MAX: Final = 32768


class Condition(BaseModel):
    """One standard Kubernetes condition."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    type: str = Field(max_length=316, description="Type of the condition, one CamelCase word.")
    status: Answer = Field(
        description=("`True`, `False`, or `Unknown` when the operator could not observe it.")
    )
    observed_generation: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="The `metadata.generation` for which this was observed.",
    )
    last_transition_time: AwareDatetime = Field(description="When `status` last changed.")
    reason: str = Field(
        min_length=1,
        max_length=1024,
        pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
        description=("Why, as one CamelCase word; the same word is used in Events and metrics."),
    )
    message: str = Field(
        default="",
        max_length=MESSAGE_MAX,
        description="Why, for a person: what was observed, and what to do.",
    )

    @property
    def is_true(self) -> bool:
        """Whether the answer is `True`."""
        return self.status == TRUE


def find_condition(conditions: Iterable[Condition], condition_type: str) -> Condition | None:
    """Return the condition of that type, or None when it was never written."""
    return next((condition for condition in conditions if condition.type == condition_type), None)
