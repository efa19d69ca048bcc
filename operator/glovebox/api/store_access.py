"""Who may read what in a store, and how short-lived credentials for runs are issued."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from glovebox.api.base import Model
from glovebox.api.label_selector import LabelSelector
from glovebox.api.scalars import Bucket, DnsLabel, EndpointUrl, KeyPrefix, RoleArn
from glovebox.api.schema import REQUIRED, list_atomic, list_set, rule, rules


class Sts(Model):
    """How short-lived credentials for runs are issued."""

    endpoint: EndpointUrl | None = Field(
        default=None, description="URL of the STS endpoint. When absent: `spec.endpoint`."
    )
    role_arn: RoleArn = Field(
        description=(
            "ARN of the role that runs assume, narrowed by a session policy to the prefix of their"
            " experiment."
        )
    )


class SourceLocation(Model):
    """Objects that may be pinned."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.prefix) || !self.prefix.matches('[*?$\\\\[\\\\]\\\\\\\\]')",
                "must hold none of * ? $ [ ] and \\, which policies of S3 read as patterns",
                field_path=".prefix",
            )
        )
    )

    bucket: Bucket = Field(description="Bucket that holds the objects.")
    prefix: KeyPrefix = Field(
        default="",
        description=(
            "Prefix of the keys, ending in `/`. When absent: the whole bucket. `{namespace}` in it"
            " stands for the name of the namespace that pins."
        ),
    )


class StoreAccess(Model):
    """What some namespaces may do with a store."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "(has(self.namespaces) && size(self.namespaces) > 0)"
                " != has(self.namespaceSelector)",
                "must say whose access it is: either `namespaces` or `namespaceSelector`; `{}`"
                " selects all namespaces",
                reason=REQUIRED,
            ),
            rule(
                "!has(self.namespaces) || !('*' in self.namespaces)",
                "must name each namespace: all of them are `namespaceSelector: {}`",
                field_path=".namespaces",
            ),
        )
    )

    namespaces: tuple[DnsLabel, ...] = Field(
        default=(),
        max_length=64,
        json_schema_extra=list_set(),
        description="Names of the namespaces.",
    )
    namespace_selector: LabelSelector | None = Field(
        default=None,
        description=(
            "Selects the namespaces by their labels; `{}` selects all. Whoever may label a"
            " namespace decides whom it selects."
        ),
    )
    sources: tuple[SourceLocation, ...] = Field(
        default=(),
        max_length=16,
        json_schema_extra=list_atomic(),
        description=(
            "What DatasetPins in these namespaces may cover: each object that a pin resolves to"
            " must lie below one of these."
        ),
    )
    artifacts: bool = Field(
        default=False,
        description="Whether Experiments in these namespaces may keep their artifacts here.",
    )
    lend: bool = Field(
        default=False,
        description=(
            "Whether AccessGrants of these namespaces may let other namespaces read what these"
            " `sources` cover. When absent: false."
        ),
    )
    hold: bool = Field(
        default=False,
        description=(
            "Whether pins with `spec.hold` may have a legal hold put on what these `sources` cover."
            " The operator, or the role of `spec.sts`, needs `s3:PutObjectLegalHold` and"
            " `s3:GetObjectLegalHold` there. When absent: false. Taking it back lets nothing go"
            " that is held."
        ),
    )
