"""What a verification of a ledger says: each word with its meaning, and the report of it all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

from glovebox.evidence.locks import LockCount
from glovebox.evidence.verification import Finding
from glovebox.ledger.entry import StatedObject
from glovebox.ledger.genesis import Genesis
from glovebox.ledger.policy import Accepted
from glovebox.ledger.timestamps import Stamp

GENESIS_INVALID: Final = "GenesisInvalid"
ENTRY_MISSING: Final = "EntryMissing"
ENTRY_INVALID: Final = "EntryInvalid"
ENTRY_DIFFERS: Final = "EntryDiffers"
INDEX_DIFFERS: Final = "IndexDiffers"
ID_REPEATED: Final = "IdRepeated"
CHAIN_BROKEN: Final = "ChainBroken"
CHECKPOINT_INVALID: Final = "CheckpointInvalid"
ROOT_DIFFERS: Final = "RootDiffers"
FORKED: Final = "Forked"
WENT_BACK: Final = "WentBack"
NOT_WITNESSED: Final = "NotWitnessed"
COSIGNATURE_INVALID: Final = "CosignatureInvalid"
TIMESTAMP_INVALID: Final = "TimestampInvalid"
TIME_DIFFERS: Final = "TimeDiffers"
TILE_DIFFERS: Final = "TileDiffers"
SEVERAL_VERSIONS: Final = "SeveralVersions"
DELETE_MARKER: Final = "DeleteMarker"
STRANGER: Final = "Stranger"
UNLOCKED: Final = "Unlocked"
LOCK_SHORTENED: Final = "LockShortened"
EPOCH_BROKEN: Final = "EpochBroken"
ENTRY_AFTER_END: Final = "EntryAfterEnd"
OBJECT_MISSING: Final = "ObjectMissing"
OBJECT_VERSION_DIFFERS: Final = "ObjectVersionDiffers"
OBJECT_DIFFERS: Final = "ObjectDiffers"
OBJECT_WITHOUT_ENTRY: Final = "ObjectWithoutEntry"

MEANINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        GENESIS_INVALID: "the genesis is missing, was edited, or no trusted key signed it",
        ENTRY_MISSING: "an index below a checkpoint, or between two entries, has no entry",
        ENTRY_INVALID: "what lies at an index is no entry: cut, empty, or not in the one spelling",
        ENTRY_DIFFERS: "an entry has other bytes than those whose hash was signed",
        INDEX_DIFFERS: "an entry says that it belongs to another index: moved, copied or swapped",
        ID_REPEATED: "two entries record one event: one was copied forward",
        CHAIN_BROKEN: "an entry does not follow on the one before it",
        CHECKPOINT_INVALID: "a checkpoint was edited, or no trusted key signed it",
        ROOT_DIFFERS: "the entries do not have the root that was signed, and no tile says which",
        FORKED: "the log signed two histories: what is here is not what it signed elsewhere",
        WENT_BACK: "there is less here than a head that was seen before: the end was cut off",
        NOT_WITNESSED: "fewer witnesses signed the newest checkpoint than the policy asks for",
        COSIGNATURE_INVALID: "what lies where a witness's signature has to be is none of its",
        TIMESTAMP_INVALID: "a timestamp is not of its checkpoint, or nobody trusted signed it",
        TIME_DIFFERS: "an entry says another time than the timestamps around it allow",
        TILE_DIFFERS: "a tile is missing or does not have the hashes of its entries",
        SEVERAL_VERSIONS: "a key was written more than once; the oldest version counts",
        DELETE_MARKER: "somebody deleted a key; what it hides counts",
        STRANGER: "something lies among the ledger's objects that is none of them",
        UNLOCKED: "nothing keeps an object of the ledger from being deleted",
        LOCK_SHORTENED: "a lock ends earlier than was stated",
        EPOCH_BROKEN: "an epoch does not begin where the one before it ended",
        ENTRY_AFTER_END: "an entry follows the one that ended its epoch",
        OBJECT_MISSING: "an object that an entry vouches for is gone",
        OBJECT_VERSION_DIFFERS: "it has no version of that id",
        OBJECT_DIFFERS: "it has other bytes",
        OBJECT_WITHOUT_ENTRY: "a seal is there that no entry records",
    }
)


@dataclass(frozen=True, slots=True)
class VouchedFor:
    """An object version, and the entry that vouches for it.

    Attributes:
        index: Of the entry.
        stated: What it says of the object.
        written: When the entry was written, by the writer's clock.
        after: The latest time that it and the entries before it say: whoever appends one can date
            that one back, and not those that lie before it.
    """

    index: int
    stated: StatedObject
    written: datetime
    after: datetime


@dataclass(frozen=True, slots=True)
class RetiredKey:
    """That a key of seals was replaced, by the entry that told of it first.

    Attributes:
        index: Of the entry.
        until: Until when the key counts.
    """

    index: int
    until: datetime


@dataclass(slots=True)
class LedgerReport:
    """What a verification found.

    Attributes:
        findings: What does not hold; empty when all does.
        remarks: What a reader should know although it holds.
        unchecked: What could not be looked at, in words.
        genesis: Of the epoch, when it could be read.
        entries: How many there are.
        checkpoints: How many signed heads fit the entries.
        newest: The newest of them, with who else signed it.
        dated: Each head that a timestamp that holds is of, and when it was known.
        kinds: How many entries tell of what.
        locks: Of the entries.
        objects: What the entries vouch for.
        retired: The keys of seals that it tells to be replaced, by their ids.
    """

    findings: list[Finding] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    genesis: Genesis | None = None
    entries: int = 0
    checkpoints: int = 0
    newest: Accepted | None = None
    dated: list[Stamp] = field(default_factory=list)
    kinds: dict[str, int] = field(default_factory=dict)
    locks: LockCount = field(default_factory=LockCount)
    objects: list[VouchedFor] = field(default_factory=list)
    retired: dict[str, RetiredKey] = field(default_factory=dict)

    @property
    def stamps(self) -> int:
        """How many timestamps hold."""
        return len(self.dated)

    @property
    def stamped(self) -> Stamp | None:
        """The newest head that one of them is of, and when it was known."""
        return max(self.dated, key=lambda each: (each.size, each.time), default=None)

    def note(self, what: str, where: str, message: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(what, where, message))
