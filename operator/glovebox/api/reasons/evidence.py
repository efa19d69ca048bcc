"""Reasons of the evidence: the seal, the keys that sign it, the ledger, lineage."""

from __future__ import annotations

from typing import Final

from glovebox.api.reasons.meaning import WAIT as _WAIT
from glovebox.api.reasons.meaning import reason as _reason

NOT_SEALED: Final = _reason(
    "NotSealed",
    "Experiment `Sealed`",
    "Nothing is sealed yet: nothing is bound, the run is not over, or nobody asked for the seal.",
    "Wait for the end of the run. Without a run, `spec.lifecycle.desired: Sealed` closes the"
    " experiment for good and seals it.",
)
SEALING: Final = _reason(
    "Sealing",
    "Experiment `Sealed`",
    "Pods are ending, or the results are being listed.",
    _WAIT,
)
ARTIFACT_UNREAD: Final = _reason(
    "ArtifactUnread",
    "Experiment `Sealed`",
    "A version of the results, or one under the name of their seal, cannot be read: the store"
    " denies it, its key is switched off, or it is archived. It is waited for until the time in the"
    " message; then the seal is made, and says that it was not read, and why.",
    "Have it restored, or give the operator the right that the message names. Where nobody can,"
    " wait: the seal is made all the same.",
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
SEAL_NOT_COUNTED: Final = _reason(
    "SealNotCounted",
    "Experiment `Sealed`; Event",
    "Under the name of the seal lies a statement that a former key signed, at a time at which the"
    " operator cannot have made it. It ends no run and is no seal: the run is followed, and the"
    " present key signs the seal behind it. Whoever wrote it has that key, and may write to the"
    " bucket.",
    "Find out who wrote that version, and take the right from them:"
    " docs/how-to/rotate-keys.md#a-forged-seal-is-found. After a restore it may be genuine; that"
    " page says how to find out.",
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
DELETED_UNSEALED: Final = _reason(
    "DeletedUnsealed",
    "Event",
    "An Experiment is deleted although what was written could not be sealed: it was tried for an"
    " hour, or its snapshot was edited. What was written stays in the store.",
    "Find out what kept the store, the signing key or the snapshot away; what is below the"
    " experiment's prefix is unchanged and locked, but no statement lists it.",
)
EVIDENCE_OVERDUE: Final = _reason(
    "EvidenceOverdue",
    "Experiment `EvidenceWritten`",
    "A conclusion, the record of a run or the last listing of a seal could not be written for a"
    " quarter of an hour: the store, or the signing key, refuses it. A run does not begin without"
    " its record; everything else goes on. The operator goes on trying.",
    "Bring back what the message names: a right of the operator's user, the bucket, or the Secret"
    " with the signing key.",
)
EVIDENCE_ARCHIVED: Final = _reason(
    "EvidenceArchived",
    "ObjectStore `EvidenceReadable`",
    "A lifecycle rule of the bucket of artifacts moves evidence into an archive (`GLACIER`,"
    " `DEEP_ARCHIVE`). What is archived cannot be read: seals cannot be verified, pins not"
    " compared. What is archived on its first day may be sealed twice.",
    "Give the rule a filter that leaves `.glovebox/` out, and restore what is archived already.",
)
LEDGER_PENDING: Final = _reason(
    "LedgerPending",
    "Experiment `Ready`, `Reconciling`, `Succeeded`, `Sealed`; AccessGrant `Ready`",
    "The step was made, and its entry is being written into the ledger; it is reported then. Of a"
    " seal also: a new key is to sign it, and signs once the ledger has an entry of that key. Of a"
    " grant also: the ledger took 60 grants of its namespace within an hour, and takes this one"
    " later.",
    _WAIT,
)
LEDGER_UNAVAILABLE: Final = _reason(
    "LedgerUnavailable",
    "Experiment `Ready`, `Reconciling`, `Succeeded`, `Sealed`; AccessGrant `Ready`; ObjectStore"
    " `LedgerWritten`",
    "The ledger cannot be written, so no further step is reported. What runs continues and is"
    " sealed; a deletion waits for an hour. The message says why.",
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
    "Find out what kept the ledger away (`LedgerWritten` of the ObjectStore). The ledger has no"
    " entry of this deletion, and nobody writes it later.",
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
    "Open the ledger again: it continues in the next epoch. If there is none, run `glovebox"
    " ledger init --new-epoch`.",
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
