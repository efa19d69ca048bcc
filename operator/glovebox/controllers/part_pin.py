"""A DatasetPin of one part of a split: what the SplitPin has recorded of the part is pinned.

Nothing is resolved and nothing read again: the bytes were read when the whole was pinned, or
written and hashed when it was divided. Whether every version is there is asked before the pin says
so, and on the schedule of all pins from then on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.dataset_pin_status import PinnedPart
from glovebox.api.object_store import ObjectStore
from glovebox.api.split_pin import SplitPin
from glovebox.api.split_pin_status import PartStatus
from glovebox.controllers.pin_sources import ready_split_pin
from glovebox.controllers.ports import Ports
from glovebox.controllers.splits import part_of
from glovebox.data.compare import Findings
from glovebox.data.roots import Roots
from glovebox.errors import InvalidInput, NotReady
from glovebox.status.findings import describe
from glovebox.status.text import format_time
from glovebox.store.manifests import ManifestLocation
from glovebox.store.pins import BuiltPin

# How long to rest, in the end, before what cannot be read is asked for again; less at first.
_UNREADABLE_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class PartToPin:
    """A part that a split has made.

    Attributes:
        built: What the pin records of it.
        part: Of which split, and for which role.
    """

    built: BuiltPin
    part: PinnedPart


def read_part(ports: Ports, pin: DatasetPin, store: ObjectStore) -> PartToPin:
    """Return the part that a pin names.

    Raises:
        NotReady: There is no such SplitPin, or it is not Ready.
        InvalidInput: It has no such part, or in another store, or with another digest.
    """
    wanted = pin.spec.source.split
    if wanted is None:
        raise InvalidInput(reasons.INVALID_SPEC, "`spec.source.split` is not given")
    split = ready_split_pin(ports, pin.namespace, wanted.name, "`spec.source.split`")
    found = split.status.part(wanted.part)
    if found is None or wanted.part not in {part.name for part in split.spec.parts}:
        names = ", ".join(part.name for part in split.spec.parts)
        raise InvalidInput(
            reasons.PART_NOT_FOUND,
            f"`spec.source.split`: SplitPin '{split.name}' has no part '{wanted.part}'; there are"
            f" {names}. Create a pin that names one of these",
        )
    if split.status.store_ref != store.name:
        raise InvalidInput(
            reasons.PART_NOT_FOUND,
            f"`spec.storeRef`: the parts of SplitPin '{split.name}' are in ObjectStore"
            f" '{split.status.store_ref}': create a pin that names that one",
        )
    if pin.spec.digest is not None and pin.spec.digest != found.digest:
        raise InvalidInput(
            reasons.DIGEST_MISMATCH,
            f"part '{wanted.part}' has the content digest {found.digest}, spec.digest says"
            f" {pin.spec.digest}: create a pin of the part that was meant, or one that says the"
            " digest of this one",
        )
    return PartToPin(_built(split, found), part_of(split, wanted.part))


def require_all_there(part: PartToPin, findings: Findings) -> None:
    """Return when every version of a part is there.

    Raises:
        NotReady: `ObjectsUnreadable`: they are there and cannot be read, which may pass.
        InvalidInput: `PartLost`. It is looked at again, seldom: what a store lost may be restored.
    """
    if findings.intact:
        return
    _, what = describe(findings)
    named = f"part '{part.part.name}' of SplitPin '{part.part.split}'"
    if not findings.missing and not findings.changed:
        raise NotReady(
            reasons.OBJECTS_UNREADABLE,
            f"{named} cannot be read: {what}. Check the permissions of the operator's user, and the"
            " store's log; it is tried again",
            retry_seconds=_UNREADABLE_SECONDS,
        )
    raise InvalidInput(
        reasons.PART_LOST,
        f"{named} is not all there: {what}."
        " Restore these versions; or create a SplitPin of data that are there",
    )


def _built(split: SplitPin, part: PartStatus) -> BuiltPin:
    verified = split.status.verified_time
    return BuiltPin(
        Roots(
            content=part.digest,
            pin=part.pin_digest,
            objects=part.objects,
            bytes=part.bytes,
            shards=part.shards,
        ),
        ManifestLocation(**part.manifest.model_dump()),
        format_time(verified) if verified is not None else "",
    )
