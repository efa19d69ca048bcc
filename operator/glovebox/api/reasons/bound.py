"""Reasons of what an Experiment refers to, is bound to, or takes over from a former one."""

from __future__ import annotations

from typing import Final

from glovebox.api.reasons.meaning import WAIT as _WAIT
from glovebox.api.reasons.meaning import reason as _reason

PIN_NOT_FOUND: Final = _reason(
    "PinNotFound",
    "Experiment `InputsVerified`, `Ready`; SplitPin `Ready`",
    "There is no pin of that name.",
    "Correct the name in `spec.inputs` (of a SplitPin: in `spec.source`), or create the pin.",
)
PIN_NOT_READY: Final = _reason(
    "PinNotReady",
    "Experiment `InputsVerified`, `Ready`; SplitPin `Ready`",
    "A pin is not Ready, and the message has its own; or it is being deleted, and nobody new may"
    " begin to use it.",
    "Look at the pin. Where it is being deleted, name another one, or declare it again once it is"
    " gone.",
)
INPUT_BROKEN: Final = _reason(
    "InputBroken",
    "Experiment `Succeeded`, `Ready`, `Stalled`; Event, `status.run`, and the reason in the seal",
    "Pinned versions of an input were found changed or gone, and the profile says"
    " `spec.data.onBrokenInput: Freeze` or `Fail`: the experiment was stopped.",
    "Look at the DatasetPin that `status.brokenInputs` names. `Freeze` ends when it is whole again,"
    " or with `spec.lifecycle.desired: Sealed`; after `Fail` create a new Experiment.",
)
PIN_CHANGED: Final = _reason(
    "PinChanged",
    "Experiment `InputsVerified`",
    "A bound pin is no longer what was bound: it was recreated, or its content was found changed.",
    "The Experiment keeps the bound digest. Create a new Experiment for the new content.",
)
PIN_DELETED: Final = _reason(
    "PinDeleted",
    "Experiment `InputsVerified`; Event",
    "A bound pin was deleted. The Experiment continues with what was bound.",
    "Nothing for this Experiment; the seal reports that the input could not be verified again.",
)
PROFILE_CHANGED: Final = _reason(
    "ProfileChanged",
    "Experiment `PlatformChanged`; Event",
    "The IsolationProfile was edited after it was bound. The bound settings stay in force.",
    "Nothing. Create a new Experiment to use the new settings.",
)
PROFILE_DELETED: Final = _reason(
    "ProfileDeleted",
    "Experiment `PlatformChanged`; Event",
    "The IsolationProfile was deleted after it was bound. The bound settings stay in force.",
)
STORE_CHANGED: Final = _reason(
    "StoreChanged",
    "Experiment `PlatformChanged`; Event",
    "An ObjectStore was edited after it was bound. The bound settings stay in force.",
    "Check that the bound endpoint and bucket still exist: results are written there.",
)
STORE_DELETED: Final = _reason(
    "StoreDeleted",
    "Experiment `PlatformChanged`, `ArtifactsProtected`; Event",
    "An ObjectStore was deleted after it was bound. The bound settings stay in force.",
    "Check that the bound endpoint, bucket and credentials still exist.",
)
PLATFORM_AS_BOUND: Final = _reason(
    "PlatformAsBound",
    "Experiment `PlatformChanged`",
    "Profile and stores are as they were bound.",
)
ADOPTED: Final = _reason(
    "Adopted",
    "Experiment `Ready`",
    "The Experiment took over the results of the former one of its name (`spec.adopts`). It runs"
    " nothing and has no namespace.",
)
ADOPTION_REFUSED: Final = _reason(
    "AdoptionRefused",
    "Experiment `Ready`, `Stalled`",
    "`spec.adopts` names no run that was started under this name, or one of another declaration.",
    "`glovebox adopt --dry-run` lists what can be taken over. Create the Experiment again with the"
    " right UID, or with the declaration of the former one.",
)
CONCLUSION_DIFFERS: Final = _reason(
    "ConclusionDiffers",
    "Experiment `Stalled`",
    "`spec.conclusion` of an Experiment that took over a former one says something else than what"
    " was signed beside that seal before.",
    "What was signed counts, and stays; `glovebox verify` shows it. Write the new conclusion into"
    " `spec.purpose` of a new Experiment.",
)
ADOPTING: Final = _reason(
    "Adopting",
    "Experiment `Ready`, `Reconciling`, `Sealed`",
    "The results of the former Experiment are being checked, or sealed from the record of its"
    " start.",
    _WAIT,
)
