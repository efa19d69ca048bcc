"""A store's access log: where it is, and what it shows of reads that nobody declared."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from glovebox.api.base import Model, TolerantModel
from glovebox.api.scalars import Bucket, KeyPrefix, Time
from glovebox.api.schema import Extra, list_atomic, list_set, taught

# Eight of each kind, and one for all others of it.
MAX_UNUSUAL = 27
_INT64: Extra = {"format": "int64"}
_INT32: Extra = {"format": "int32"}
Requester = Annotated[
    str,
    Field(min_length=1, max_length=256),
    taught(
        r"^[A-Za-z0-9_+=,.@:/-]+$",
        "must be an ARN or a name as the access log has it, without blanks and patterns",
    ),
]


class ReadBurst(Model):
    """How much one reader may read of a pin in an hour before that is reported."""

    times: int = Field(
        default=10,
        ge=1,
        le=1000000,
        json_schema_extra=_INT32,
        description=(
            "How many times the bytes of the pin may be sent. Also how many requests there may be"
            " for each of its objects, where that is more than `requests`."
        ),
    )
    requests: int = Field(
        default=100000,
        ge=1,
        json_schema_extra=_INT64,
        description="How many requests there may be.",
    )


class StoreAccessLog(Model):
    """Where the store writes its access log, and who may read beside runs."""

    bucket: Bucket = Field(
        description=(
            "Bucket of the log, in this store: objects with lines of S3's server access log, or of"
            " SeaweedFS' audit log as JSON, compressed with gzip or not. Nobody but the store, and"
            " whoever carries its log there, may write into it."
        )
    )
    prefix: KeyPrefix = Field(
        default="",
        description="Prefix of the log's objects, ending in `/`. When absent: the whole bucket.",
    )
    readers: tuple[Requester, ...] = Field(
        default=(),
        max_length=32,
        json_schema_extra=list_set(),
        description=(
            "Who may read everything, as the log names them: the operator's own user or role, and"
            " whatever copies or checks the data. Every session of a role is named by"
            " `arn:aws:sts::<account>:assumed-role/<role>`."
        ),
    )
    burst: ReadBurst = Field(
        default=ReadBurst(),
        description="How much one reader may read of a pin in an hour before that is reported.",
    )
    interval_seconds: int = Field(
        default=300,
        ge=10,
        le=86400,
        json_schema_extra=_INT32,
        description="Seconds between two looks at the log.",
    )


class UnusualRead(TolerantModel):
    """What one reader did that nobody declared."""

    kind: str = Field(
        max_length=16,
        description=(
            "`NotAnInput`: read by somebody who is no run that has it among its inputs. `Burst`:"
            " read more often in an hour than `spec.accessLog.burst` of the ObjectStore allows."
            " `Denied`: the store refused it."
        ),
    )
    reader: str = Field(
        max_length=16,
        description=(
            "`Run`: of an Experiment in this namespace. `RunElsewhere`: of one in another."
            " `Identity`: an identity of the store. `Anonymous`: nobody. `Others`: those for whom"
            " there was no place."
        ),
    )
    requester: str = Field(
        default="",
        max_length=317,
        description=(
            "`namespace/name` of the Experiment, or the identity as the log names it. Absent of"
            " others."
        ),
    )
    requests: int = Field(
        ge=0, json_schema_extra=_INT64, description="How many requests; of a burst in its hour."
    )
    bytes: int = Field(
        default=0,
        ge=0,
        json_schema_extra=_INT64,
        description="What was sent (bytes). 0 where the log does not say.",
    )
    first_time: Time = Field(description="When first.")
    last_time: Time = Field(description="When last. It is reported for 30 days from then on.")
    log: str = Field(
        default="", max_length=1024, description="Key of the log's object that shows it last."
    )


class PinReads(TolerantModel):
    """What the store's access log shows of reads of the pinned bytes, by place."""

    last_time: Time | None = Field(
        default=None, description="When an object of the pin was last read. Absent for never."
    )
    requests: int = Field(
        default=0,
        ge=0,
        json_schema_extra=_INT64,
        description="How many reads the store answered.",
    )
    bytes: int = Field(
        default=0,
        ge=0,
        json_schema_extra=_INT64,
        description="What it sent (bytes). 0 where the log does not say.",
    )
    unusual: tuple[UnusualRead, ...] = Field(
        default=(),
        max_length=MAX_UNUSUAL,
        json_schema_extra=list_atomic(),
        description="What nobody declared, the newest first.",
    )


class AccessLogStatus(TolerantModel):
    """How far the access log was read."""

    read_time: Time = Field(description="When something of it was last read.")
    through_time: Time | None = Field(
        default=None, description="Time of its newest line. Absent before the first."
    )
    objects: int = Field(
        default=0, ge=0, json_schema_extra=_INT64, description="How many objects were read."
    )
    waiting: int = Field(
        default=0, ge=0, json_schema_extra=_INT64, description="How many are still to be read."
    )
    lines: int = Field(
        default=0, ge=0, json_schema_extra=_INT64, description="How many lines were read."
    )
    unparsed: int = Field(
        default=0,
        ge=0,
        json_schema_extra=_INT64,
        description="How many of them are none of a log, or were cut off.",
    )
    repeated: int = Field(
        default=0,
        ge=0,
        json_schema_extra=_INT64,
        description="How many lines about pinned bytes came twice, and count once.",
    )
    unreadable: int = Field(
        default=0,
        ge=0,
        json_schema_extra=_INT64,
        description="How many objects could not be read to their end.",
    )
    former: int = Field(
        default=0,
        ge=0,
        json_schema_extra=_INT64,
        description=(
            "How many reads of pinned bytes were by sessions of Experiments that are gone: of these"
            " nobody can say any more what their inputs were."
        ),
    )
    denied: tuple[UnusualRead, ...] = Field(
        default=(),
        max_length=MAX_UNUSUAL,
        json_schema_extra=list_atomic(),
        description=(
            "What the store refused in the bucket of artifacts, where nothing is pinned, the newest"
            " first."
        ),
    )
