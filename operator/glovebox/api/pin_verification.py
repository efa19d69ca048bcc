"""How often pinned data are proven again, and what was last found: one entry for each level."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from glovebox.api.base import Model, TolerantModel
from glovebox.api.scalars import Time
from glovebox.api.schema import list_atomic

# From little to much. `List` compares a listing, the others look at the objects themselves.
Level = Literal["List", "Head", "Sample", "Full"]
MAX_NAMED = 20
MAX_INTERVAL = 315360000


class Verification(Model):
    """How often the pin is checked, and how thoroughly."""

    list_interval_seconds: int = Field(
        default=3600,
        ge=60,
        le=31536000,
        json_schema_extra={"format": "int32"},
        description=(
            "Seconds between two checks by listing: whether every pinned version still exists, is"
            " not hidden, and has the same size. Content is not read again."
        ),
    )
    head_interval_seconds: int = Field(
        default=604800,
        ge=60,
        le=MAX_INTERVAL,
        json_schema_extra={"format": "int32"},
        description=(
            "Seconds between two proofs by asking for each pinned version: its size, its stored"
            " checksum where the store has a SHA-256 of the whole object, and that its lock was not"
            " weakened or shortened since the proof before. For practically never: 315360000."
        ),
    )
    sample_interval_seconds: int = Field(
        default=86400,
        ge=60,
        le=MAX_INTERVAL,
        json_schema_extra={"format": "int32"},
        description=(
            "Seconds between two proofs by reading and hashing `sampleObjects` objects, chosen at"
            " random. A sample that finds something calls for a proof in full at once."
        ),
    )
    sample_objects: int = Field(
        default=299,
        ge=1,
        le=10000,
        json_schema_extra={"format": "int32"},
        description=(
            "How many objects a sample reads; 299 find one of 1 % that are bad with 95 %"
            " probability."
        ),
    )
    sample_bytes: int = Field(
        default=1073741824,
        ge=1,
        le=1099511627776,
        json_schema_extra={"format": "int64"},
        description=(
            "How many bytes a sample reads at most; the default is 1 GiB. Of the chosen objects"
            " those are read that still fit, in the order in which they were chosen; the first is"
            " read however large it is. With fewer objects it finds less."
        ),
    )
    full_interval_seconds: int = Field(
        default=7776000,
        ge=60,
        le=MAX_INTERVAL,
        json_schema_extra={"format": "int32"},
        description=(
            "Seconds between two proofs by reading and hashing every byte. What the ObjectStore's"
            " `verification.budget` does not allow in one day goes on the next day."
        ),
    )


class FoundObject(TolerantModel):
    """A pinned object that is not what it was."""

    path: str = Field(max_length=1024, description="Path of the object in the dataset.")
    what: str = Field(
        max_length=16,
        description=(
            "What is wrong, in one word: `changed`, `missing`, `unreadable`, `weakened` (its lock),"
            " `hidden` or `extra`."
        ),
    )
    expected: str = Field(
        default="", max_length=512, description="What was pinned, or seen before."
    )
    found: str = Field(default="", max_length=512, description="What is there now.")


class ProofFindings(TolerantModel):
    """What a proof found, counted."""

    changed: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Objects whose bytes, size or stored checksum differ from the pinned ones.",
    )
    missing: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Pinned versions that no longer exist.",
    )
    unreadable: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Pinned versions that could not be read, twice.",
    )
    weakened: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Pinned versions whose lock ends earlier, or is weaker, than it was.",
    )
    objects: tuple[FoundObject, ...] = Field(
        default=(),
        max_length=MAX_NAMED,
        json_schema_extra=list_atomic(),
        description="The first of them, with what was expected and what was found; at most 20.",
    )


class ProofUnderWay(TolerantModel):
    """A proof that has begun and has not ended."""

    started_time: Time = Field(description="When it began.")
    seed: str = Field(
        default="",
        max_length=64,
        description=(
            "What decides which objects are read, recorded before the first of them is: those whose"
            " SHA-256 over seed, `status.pinDigest` and path, each followed by a newline, is the"
            " smallest. Of samples alone."
        ),
    )
    objects: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Objects that were looked at so far.",
    )
    bytes: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Bytes that were read so far.",
    )
    after: str = Field(
        default="",
        max_length=1024,
        description="Path of the last object that was looked at; it goes on behind it.",
    )
    needs: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="Size of the next object, where what was left of the budget was less.",
    )
    hidden_locks: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description=(
            "Of how many objects the store did not say how they are locked: of these no lock was"
            " compared. Of level `Head` alone."
        ),
    )
    waiting_until_time: Time | None = Field(
        default=None,
        description="When there is budget again. Absent while it does not wait for any.",
    )
    findings: ProofFindings | None = Field(
        default=None, description="What was found so far. Absent when there is nothing."
    )


class LevelProof(TolerantModel):
    """The last proof of one level, and the one that is under way."""

    level: Level = Field(
        description=(
            "`List`: a listing. `Head`: each version asked for. `Sample`: some objects read."
            " `Full`: every byte read."
        )
    )
    last_time: Time | None = Field(
        default=None, description="When it last ended. Absent before the first."
    )
    result: Literal["Passed", "Found"] | None = Field(
        default=None,
        description="`Passed`, or `Found` where something was not as it was.",
    )
    objects: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="How many objects it looked at.",
    )
    bytes: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="How many bytes of objects it read.",
    )
    seed: str = Field(
        default="", max_length=64, description="What decided which objects a sample read."
    )
    locks: str = Field(
        default="",
        max_length=32,
        description=(
            "Which record of locks later proofs of level `Head` compare with. It lies in the bucket"
            " of artifacts. Absent before the first."
        ),
    )
    hidden_locks: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int64"},
        description=(
            "Of how many objects the store did not say how they are locked: of these no lock was"
            " compared. Of level `Head` alone."
        ),
    )
    findings: ProofFindings | None = Field(
        default=None,
        description=(
            "What it found, of `Head`, `Sample` and `Full`; of `List` see `status.findings`. It"
            " stands until a proof that looks at all the same finds nothing."
        ),
    )
    current: ProofUnderWay | None = Field(
        default=None, description="The proof that is under way. Absent while none is."
    )


class BudgetSpent(TolerantModel):
    """What proofs of this pin took from the budget of the ObjectStore, on one day."""

    date: str = Field(max_length=10, description="The day, in UTC.")
    bytes: int = Field(
        default=0, ge=0, json_schema_extra={"format": "int64"}, description="Bytes that were read."
    )
    requests: int = Field(
        default=0, ge=0, json_schema_extra={"format": "int64"}, description="Requests."
    )
