"""The bucket of artifacts: what locks it, and what encrypts it."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from glovebox.api.base import Model
from glovebox.api.scalars import Bucket, Days, KmsKeyId, RetentionMode
from glovebox.api.schema import FORBIDDEN, REQUIRED, rule, rules


class BucketRetention(Model):
    """The default lock of the bucket."""

    mode: RetentionMode = Field(
        default="Compliance",
        description=(
            "`Compliance`: nobody can shorten or lift the lock. `Governance`: those with a special"
            " permission of the store can."
        ),
    )
    days: Days = Field(
        description=(
            "Days for which each object version is locked when it arrives without a lock of its"
            " own."
        )
    )


class ArtifactBucket(Model):
    """The bucket for artifacts, manifests of pins and evidence."""

    bucket: Bucket = Field(description="Name of the bucket.")
    create: bool = Field(
        default=False,
        description=(
            "Whether the operator creates the bucket, with versioning and object lock, when it does"
            " not exist. When false: a missing bucket is an error."
        ),
    )
    worm: Literal["Required", "BestEffort"] = Field(
        default="Required",
        description=(
            "`Required`: the store is Ready only while the checks of object lock pass."
            " `BestEffort`: it is Ready without, and the condition `LockProven` says what is"
            " missing. In both cases a store whose credentials were seen to reach further than they"
            " must is not Ready, and issues none."
        ),
    )
    retention: BucketRetention | None = Field(
        default=None,
        description=(
            "Default lock of a bucket that the operator creates. When absent: the longest"
            " `retention.maximumDays` of the IsolationProfiles that are there then, Compliance"
            " where one of them wants it (365 days where a profile says nothing; without any"
            " profile Compliance for 365 days). It cannot be taken back from what is written. An"
            " existing bucket keeps its own default; without one it is refused while `worm` is"
            " Required, because runs cannot lock what they write."
        ),
    )


class Encryption(Model):
    """What the store encrypts everything in the bucket of artifacts with."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.type != 'SSE-KMS' || has(self.keyId)",
                "must name the key of `SSE-KMS`: which one a store takes by itself is nothing that"
                " can be held to",
                field_path=".keyId",
                reason=REQUIRED,
            ),
            rule(
                "self.type != 'SSE-S3' || !has(self.keyId)",
                "must be left out with `SSE-S3`, whose keys are the store's own: it would name a"
                " key that nothing is encrypted with. Use the type `SSE-KMS`",
                field_path=".keyId",
                reason=FORBIDDEN,
            ),
        )
    )

    type: Literal["SSE-S3", "SSE-KMS"] = Field(
        description=(
            "`SSE-S3`: with keys of the store's own. `SSE-KMS`: with the key `keyId` of its KMS;"
            " who may use it decides who may read."
        )
    )
    key_id: KmsKeyId | None = Field(
        default=None,
        description=(
            "The key of `SSE-KMS`. On AWS its ARN: sessions get rights on this key alone. While it"
            " is changed for another one, runs that were bound before go on, and their seals say"
            " what has the other key."
        ),
    )
