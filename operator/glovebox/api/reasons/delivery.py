"""Reasons of inputs on their way into a pod: sessions, delivery, what the fetcher met."""

from __future__ import annotations

from typing import Final

from glovebox.api.reasons.meaning import reason as _reason

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
INPUTS_REFUSED: Final = _reason(
    "InputsRefused",
    "Experiment `Succeeded`, `Ready`, `Stalled`; without a run `InputsDelivered`; Event",
    "The delivered data is not what was pinned. The program never started.",
    "Look at the DatasetPin's condition `Verified`; pin the data again, or restore it.",
)
