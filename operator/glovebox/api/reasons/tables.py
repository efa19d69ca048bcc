"""Reasons of what the tables of a pin hold: contracts, statistics, drift of distributions."""

from __future__ import annotations

from typing import Final

from glovebox.api.reasons.meaning import WAIT as _WAIT
from glovebox.api.reasons.meaning import reason as _reason

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
    "Let the users of the superseded pin know what to change: `spec.migration.notes` of a new pin"
    " says it.",
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
    " another pin is missing, or the check cannot be made here. That is not a violation.",
    "The message says what prevents the check. With `Reconciling` it is tried again; with"
    " `Stalled` create a new pin with another contract.",
)
CONTRACT_INCOMPATIBLE: Final = _reason(
    "ContractIncompatible",
    "Experiment `InputsVerified`, `Ready`",
    "`spec.data.compatibility` of the profile demands more of the contract of a pin that supersedes"
    " another one than was found, or nothing is known of it yet.",
    "Create a pin whose contract keeps what was promised, or which says in `spec.migration.notes`"
    " what its users have to change; or choose another profile.",
)
DISTRIBUTION_NOT_STABLE: Final = _reason(
    "DistributionNotStable",
    "Experiment `InputsVerified`, `Ready`",
    "`spec.data.distribution` of the profile lets in what is stable against the data that it is"
    " compared with, by thresholds that are no looser; and a pin is not, or not yet.",
    "Use other data; create a pin with closer thresholds, or one that is compared with data that it"
    " is to be like; or choose another profile.",
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
    "The message says what prevents it. What may pass is tried again; where a file is at fault,"
    " create a new pin without it.",
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
