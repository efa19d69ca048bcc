"""Reasons of pins that are made from others: parts of splits, artifacts of a seal."""

from __future__ import annotations

from typing import Final

from glovebox.api.reasons.meaning import WAIT as _WAIT
from glovebox.api.reasons.meaning import reason as _reason

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
    "The list that says each key's part is missing or not a table, names a key twice or a part"
    " that does not exist, or does not have a key that the data have.",
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
    "Rows are to be divided, and an object is not a table, lacks a column of the key, or holds"
    " what cannot be one.",
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
    "There is no SplitPin of the name in `spec.source.split`.",
    "Declare the SplitPin, or pin a part of one that there is.",
)
SPLIT_NOT_READY: Final = _reason(
    "SplitNotReady",
    "DatasetPin `Verified`, `Ready`",
    "The SplitPin whose part is pinned is not Ready, or it is being deleted.",
    "Look at that SplitPin. Where it is being deleted, declare it again once it is gone.",
)
PART_NOT_FOUND: Final = _reason(
    "PartNotFound",
    "DatasetPin `Verified`, `Ready`, `Stalled`",
    "The SplitPin has no part of that name, or keeps its parts in another store.",
    "Create a pin that names one of its parts, and the store of the data that were split.",
)
PART_LOST: Final = _reason(
    "PartLost",
    "DatasetPin `Verified`, `Ready`, `Stalled`",
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
    "The run whose artifacts are to be pinned did not succeed: what it left is not a result.",
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
    "DatasetPin `Verified`, `Ready`; Experiment `Reconciling`, `Sealed`",
    "The signed statement of the seal, its list of artifacts or its snapshot is not in the store,"
    " or not the version of it that is on record: nothing else is taken in its place.",
    "Wait until the Experiment is sealed; or restore the evidence below `.glovebox/seals/`.",
)
SEAL_INVALID: Final = _reason(
    "SealInvalid",
    "DatasetPin `Verified`, `Ready`, `Stalled`; Experiment `Reconciling`, `Sealed`",
    "The seal does not verify: no trusted key signed it, or statement, list and snapshot do not say"
    " the same. Nothing of it is pinned.",
    "Look at it with `glovebox verify`; who wrote to the evidence can be seen in the store's log.",
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
