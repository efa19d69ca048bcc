"""Every Event that the operator posts: reason, type, and when; becomes `docs/reference/events.md`.

A test compares this table with the calls in the code. The meaning and the cure of a reason are in
`glovebox.api.reasons`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from glovebox.api import reasons


@dataclass(frozen=True, slots=True)
class EventEntry:
    """One kind of Event.

    Attributes:
        reason: The reason word.
        severity: The Event's type.
        regarding: The kind of object that `kubectl describe` shows it on.
        when: When it is posted.
    """

    reason: str
    severity: Literal["Normal", "Warning"]
    regarding: str
    when: str


EVENTS: Final = (
    EventEntry(
        reasons.PROVISIONED,
        "Normal",
        "Experiment",
        "once, when every isolation object and the access were seen in place",
    ),
    EventEntry(reasons.RUN_STARTED, "Normal", "Experiment", "once, when the run's Job was created"),
    EventEntry(
        reasons.RUN_SUCCEEDED, "Normal", "Experiment", "once, when the run ended with exit code 0"
    ),
    *(
        EventEntry(reason, "Warning", "Experiment", f"once, when the run is over: {why}")
        for reason, why in (
            (reasons.RUN_FAILED, "the program failed; the note has the exit code"),
            (reasons.DEADLINE_EXCEEDED, "it took longer than its deadline"),
            (reasons.INPUTS_REFUSED, "its inputs were not the pinned ones"),
            (reasons.RUN_LOST, "its Job was deleted"),
            (reasons.RUN_STOPPED, "it was stopped on request"),
            (reasons.ABANDONED, "its Experiment was deleted before it ended"),
        )
    ),
    EventEntry(
        reasons.INPUT_BROKEN,
        "Warning",
        "Experiment",
        "once for each input that is found broken, where the profile stops the experiment for that,"
        " and once when a run is over for it",
    ),
    EventEntry(
        reasons.SEALED, "Normal", "Experiment", "once, when the results were listed and signed"
    ),
    *(
        EventEntry(reason, "Warning", "ObjectStore", f"when no seal can be signed: {why}")
        for reason, why in (
            (reasons.SIGNING_KEY_LOST, "the Secret is gone although keys were published"),
            (reasons.SIGNING_KEY_RETIRED, "the Secret holds a key that was replaced before"),
            (reasons.SIGNING_KEY_INVALID, "the Secret holds no key that can sign"),
        )
    ),
    EventEntry(
        reasons.SEAL_NOT_COUNTED,
        "Warning",
        "Experiment, Namespace",
        "when a statement that a former key signed lies in the place of a seal, and is none: while"
        " the run is followed, and when the seal was made",
    ),
    EventEntry(
        reasons.DELETED_UNSEALED,
        "Warning",
        "Experiment",
        "when a deletion goes on although what was written could not be sealed",
    ),
    EventEntry(
        reasons.DELETED_UNRECORDED,
        "Warning",
        "Experiment",
        "when a deletion goes on although it could not be written into the ledger; on the namespace"
        " where its Experiment was lost",
    ),
    EventEntry(
        reasons.LINEAGE_UNDELIVERED,
        "Warning",
        "Experiment",
        "when an event of lineage was given up for a destination, or a deletion goes on although it"
        " could not be written",
    ),
    EventEntry(
        reasons.SPLIT_DONE,
        "Normal",
        "SplitPin",
        "once, when a dataset was divided; the note says how much each part has",
    ),
    EventEntry(
        reasons.CONTRACT_MET,
        "Normal",
        "DatasetPin",
        "once, when the files were compared with the contract and hold what it says",
    ),
    EventEntry(
        reasons.CONTRACT_VIOLATED,
        "Warning",
        "DatasetPin",
        "once, when the files do not hold what the contract says; the note names the first fault",
    ),
    EventEntry(
        reasons.CONTRACT_COMPATIBLE,
        "Normal",
        "DatasetPin",
        "once, when the contract was compared with that of the superseded pin, and is compatible in"
        " one direction or in both",
    ),
    EventEntry(
        reasons.CONTRACT_BREAKS,
        "Warning",
        "DatasetPin",
        "once, when it was compared and is compatible in neither; the note names the first changes",
    ),
    EventEntry(
        reasons.HELD,
        "Normal",
        "DatasetPin",
        "once, when a legal hold was put on every pinned version",
    ),
    EventEntry(
        reasons.HOLD_TAKEN_OFF,
        "Warning",
        "DatasetPin",
        "when a check found versions whose legal hold somebody had taken off, and held all again",
    ),
    EventEntry(
        reasons.STATISTICS_COMPUTED,
        "Normal",
        "DatasetPin",
        "once, when the columns were described",
    ),
    EventEntry(
        reasons.DISTRIBUTION_STABLE,
        "Normal",
        "DatasetPin",
        "once, when the columns were compared with those of another pin, and none moved",
    ),
    EventEntry(
        reasons.DISTRIBUTION_MOVED,
        "Warning",
        "DatasetPin",
        "once, when they were compared, and some moved; the note names the first",
    ),
    EventEntry(
        reasons.DISTRIBUTION_UNKNOWN,
        "Normal",
        "DatasetPin",
        "once, when they were compared, and of some nothing is known",
    ),
    EventEntry(
        reasons.UNUSUAL_READS,
        "Warning",
        "DatasetPin",
        "when the access log first shows a reader that nobody declared, of a burst, or of an"
        " attempt that was denied; the note says who",
    ),
    EventEntry(
        reasons.ACCESS_LOG_NOT_UNDERSTOOD,
        "Warning",
        "ObjectStore",
        "when most lines of the access log are of none that is known",
    ),
    EventEntry(
        reasons.PROOF_FOUND,
        "Warning",
        "DatasetPin",
        "when a part of a proof found pinned objects that are not what they were; the note names"
        " the first, what was expected and what was found",
    ),
    EventEntry(
        reasons.SCHEMA_MATCHES,
        "Normal",
        "FeatureSetPin",
        "once, when the values were compared with the definitions and are as declared",
    ),
    EventEntry(
        reasons.SCHEMA_DIFFERS,
        "Warning",
        "FeatureSetPin",
        "once, when the values are other than the definitions; the note names the first difference",
    ),
    EventEntry(
        reasons.TO_BE_DEPRECATED,
        "Normal",
        "FeatureSetPin",
        "once, when a pin that supersedes it says when it will be deprecated",
    ),
    EventEntry(
        reasons.DEPRECATED,
        "Warning",
        "FeatureSetPin",
        "once, when it is deprecated; the note names the pin that supersedes it",
    ),
    EventEntry(
        reasons.EXPIRES_SOON,
        "Warning",
        "FeatureSetPin, DatasetPin",
        "once, 14 days before its validity ends",
    ),
    EventEntry(
        reasons.RETENTION_ENDS_SOON,
        "Warning",
        "DatasetPin",
        "once, 14 days before its retention ends",
    ),
    EventEntry(
        reasons.RETENTION_ENDED,
        "Warning",
        "DatasetPin",
        "once, when its retention has ended; the note says what is to be done",
    ),
    EventEntry(
        reasons.EXPIRED,
        "Warning",
        "FeatureSetPin, DatasetPin, Experiment",
        "once, when the validity of the pin has ended; and when that of a bound pin has",
    ),
    EventEntry(
        reasons.PROFILE_CHANGED,
        "Normal",
        "Experiment",
        "when the bound IsolationProfile was edited",
    ),
    EventEntry(
        reasons.PROFILE_DELETED,
        "Warning",
        "Experiment",
        "when the bound IsolationProfile was deleted",
    ),
    EventEntry(
        reasons.STORE_CHANGED, "Normal", "Experiment", "when a bound ObjectStore was edited"
    ),
    EventEntry(
        reasons.STORE_DELETED, "Warning", "Experiment", "when a bound ObjectStore was deleted"
    ),
    EventEntry(reasons.PIN_DELETED, "Warning", "Experiment", "when a bound pin was deleted"),
    EventEntry(
        reasons.OBJECTS_CHANGED,
        "Warning",
        "Experiment",
        "when objects of a bound pin were found to have other bytes",
    ),
    EventEntry(
        reasons.OBJECTS_MISSING,
        "Warning",
        "Experiment",
        "when objects of a bound pin were found to be gone",
    ),
    EventEntry(
        reasons.OBJECTS_UNREADABLE,
        "Warning",
        "Experiment",
        "when objects of a bound pin could not be read",
    ),
    EventEntry(
        reasons.DRIFT_REPAIRED,
        "Warning",
        "Experiment",
        "when an object that somebody changed, deleted or added was restored",
    ),
    EventEntry(
        reasons.DRIFT_DETECTED,
        "Warning",
        "Experiment",
        "when an object differs and the drift policy of its kind is `Alert`",
    ),
    EventEntry(
        reasons.WRITER_FIGHT,
        "Warning",
        "Experiment",
        "when another writer changes an object back again and again",
    ),
    EventEntry(
        reasons.DELETION_BLOCKED,
        "Warning",
        "Experiment",
        "when finalizers keep a foreign object in force that the operator deleted",
    ),
    EventEntry(
        reasons.PODS_REMOVED,
        "Warning",
        "Experiment",
        "when pods that came in past the guards, or beside a run, were removed",
    ),
    EventEntry(
        reasons.ORPHAN_FOUND,
        "Warning",
        "Namespace",
        "when a namespace of an Experiment that no longer exists was found and closed",
    ),
    EventEntry(
        reasons.SEALED, "Normal", "Namespace", "once, when what such an Experiment wrote was sealed"
    ),
    EventEntry(
        reasons.ORPHAN_UNSEALED,
        "Warning",
        "Namespace",
        "when what such an Experiment wrote could not be sealed",
    ),
)
