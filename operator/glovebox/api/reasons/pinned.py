"""Reasons of what is pinned: how it was found and read, and proofs that it is as it was."""

from __future__ import annotations

from typing import Final

from glovebox.api.reasons.meaning import WAIT as _WAIT
from glovebox.api.reasons.meaning import reason as _reason

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
    "A key cannot become a path: it ends in `/` and holds bytes (empty ones are folder markers,"
    " and left out), has an empty, `.` or `..` segment, is too long, or names a file where another"
    " key has a folder.",
    "Rename the object; or pin a list of objects, or a manifest, that leaves it out or gives it"
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
    "DatasetPin `Verified`, `DriftDetected`, `Ready`; Experiment `InputsVerified`; Event",
    "Pinned versions could not be read.",
    "Check the permissions of the operator's user, and the store's log.",
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
    "Follow the message; a proof that is still reading continues by itself. Otherwise the store"
    " does not answer, or denies it.",
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
HELD: Final = _reason(
    "Held",
    "DatasetPin `Held`; Event",
    "A legal hold was put on every pinned version: nobody can delete one while it is there."
    " Whoever else may set holds in that bucket can take it off; a few are checked with each"
    " check of the pin.",
)
HOLD_TAKEN_OFF: Final = _reason(
    "HoldTakenOff",
    "DatasetPin: Event",
    "Somebody had taken off legal holds, which the operator had put on, from some of the versions"
    " that were checked. It has put all of them on again.",
    "Find out who may set legal holds in that bucket (`s3:PutObjectLegalHold`), and take the right"
    " from whoever does not need it.",
)
HOLDING: Final = _reason(
    "Holding",
    "DatasetPin `Held`, `Ready`, `Reconciling`",
    "Legal holds are being put on the pinned versions; `status.progress` says how far it is.",
    _WAIT,
)
HOLD_RELEASING: Final = _reason(
    "HoldReleasing",
    "DatasetPin `Held`, `Ready`, `Reconciling`",
    "An earlier hold on these versions, or on some of them, is being let go: nobody uses it any"
    " more, and its window has passed. They are held for this pin once that has ended.",
    _WAIT,
)
HOLD_NOT_GRANTED: Final = _reason(
    "HoldNotGranted",
    "DatasetPin `Held`, `Verified`, `Ready`, `Stalled`",
    "`spec.hold` asks for legal holds, and `spec.access` of the ObjectStore does not let them be"
    " put on what the pin covers, or the bucket of artifacts has no object lock to keep the record"
    " in.",
    "Ask the platform's owner for `hold: true` in the entry of `spec.access` that grants the data;"
    " or create the pin without `spec.hold`.",
)
HOLD_REFUSED: Final = _reason(
    "HoldRefused",
    "DatasetPin `Held`, `Ready`, `Stalled`",
    "The bucket takes no legal hold; the message has the store's own words.",
    "Object lock is chosen when a bucket is created: pin the data from one that has it, or create"
    " the pin without `spec.hold`.",
)
NOT_HELD: Final = _reason(
    "NotHeld",
    "DatasetPin `Held`, `Ready`, `Reconciling`, `Stalled`",
    "Not all versions are held yet: the store does not answer, denies it, or a version is gone.",
    "The message says why. With `Reconciling` it is tried again. Where the store denies it, grant"
    " `s3:PutObjectLegalHold` and `s3:GetObjectLegalHold` to the role of `spec.sts`, or to the"
    " operator's user.",
)
HOLD_REQUIRED: Final = _reason(
    "HoldRequired",
    "Experiment `InputsVerified`, `Ready`",
    "The profile takes only data that nobody can delete while they are used"
    " (`spec.data.requireHold`), and a pin does not say `spec.hold`.",
    "Create a pin of the same data with `spec.hold: WhileUsed`, or choose another profile.",
)
