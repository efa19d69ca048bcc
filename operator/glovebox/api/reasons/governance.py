"""Reasons of governance: who may use data, on which terms, from where, and who read them."""

from __future__ import annotations

from typing import Final

from glovebox.api.reasons.meaning import reason as _reason

NOT_GRANTED: Final = _reason(
    "NotGranted",
    "Experiment `InputsVerified`, `Ready`; DatasetPin `Verified`, `DistributionStable`, `Ready`",
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
    "Experiment `InputsVerified`, `Ready`; DatasetPin `DistributionStable`, `Ready`",
    "The AccessGrant that covers an input, or a comparison, is not Ready; the message has its own.",
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
    "AccessGrant `Ready`; Experiment `InputsVerified`, `InputsGranted`, `Ready`; DatasetPin"
    " `DistributionStable`, `Ready`; Event",
    "The grant's `spec.expireTime` has passed. Nothing is bound by it, and no credentials are"
    " issued for its content.",
    "Ask the owner of the data for another AccessGrant.",
)
GRANT_REVOKED: Final = _reason(
    "GrantRevoked",
    "AccessGrant `Ready`; Experiment `InputsVerified`, `InputsGranted`, `Ready`; DatasetPin"
    " `DistributionStable`, `Ready`; Event",
    "The grant was revoked or deleted. Nothing is bound by it, and no credentials are issued for"
    " its content.",
    "Ask the owner of the data for another AccessGrant, or work without them.",
)
STORE_NOT_LENDING: Final = _reason(
    "StoreNotLending",
    "AccessGrant `Ready`; Experiment `Ready`; DatasetPin `DistributionStable`, `Ready`",
    "No entry of the store's `spec.access` lets this namespace lend what the pin covers to others,"
    " or the pin is a part of a split, which is used in its own namespace alone.",
    "Ask the platform's owner for `lend: true` in the entry of `spec.access` that covers the data;"
    " use a part where it is.",
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
RETENTION_ENDED: Final = _reason(
    "RetentionEnded",
    "DatasetPin `Retiring`; Experiment `InputsVerified`, `Ready`; Event",
    "`spec.retention.untilTime` of a pin has passed: its owner said that the data may be kept until"
    " then. Nothing is deleted for it. A profile with `spec.data.withinRetention` refuses new"
    " Experiments; those that are bound go on.",
    "Let those who use it end (`status.usedBy`), delete the pin, and then the data. New Experiments"
    " use data that may still be kept.",
)
RETENTION_ENDS_SOON: Final = _reason(
    "RetentionEndsSoon",
    "DatasetPin `Retiring`; Event",
    "`spec.retention.untilTime` of the pin comes within 14 days.",
    "Pin data that may be kept for longer, and let new Experiments use those; what goes on with"
    " these has to end by then.",
)
RETENTION_UNKNOWN: Final = _reason(
    "RetentionUnknown",
    "Experiment `InputsVerified`, `Ready`",
    "The profile lets in data only while they may be kept (`spec.data.withinRetention`), and a pin"
    " does not say `spec.retention`.",
    "Create a pin of the same data that says how long and why, or choose another profile.",
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
PROVENANCE_INCOMPLETE: Final = _reason(
    "ProvenanceIncomplete",
    "Experiment `InputsVerified`, `Ready`",
    "`spec.data.provenance` of the profile demands more of where data came from than a pin says.",
    "Create a pin that says what `status.provenance.gaps` of this one names, or choose another"
    " profile.",
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
    "The access log shows reads that nobody declared, of much more than there is, or of attempts"
    " that the store denied; `status.reads.unusual` says who, how often, and which object of the"
    " log shows it. Nothing is refused by it, and it is reported for 30 days.",
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
