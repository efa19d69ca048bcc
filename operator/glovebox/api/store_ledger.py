"""The ledger in a store: whose it is, who witnesses it, and the newest head that was seen."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from glovebox.api.base import Model, TolerantModel
from glovebox.api.ledger_anchors import (
    MAX_WITNESSES,
    LedgerAnchor,
    LedgerWitness,
    TimestampAuthority,
)
from glovebox.api.ledger_entry_status import LedgerEntryStatus
from glovebox.api.scalars import DnsLabel, ObjectName
from glovebox.api.schema import list_atomic, list_map, rule, rules


class LedgerKeyRef(Model):
    """Names the Secret with the ledger's key."""

    name: ObjectName = Field(
        description=(
            "Name of the Secret, in the namespace in which the operator runs. `private.pem` holds"
            " an Ed25519 key; or `uri` and `public.pem` name one that a service keeps. It is not"
            " the key of seals."
        )
    )


class StoreLedger(Model):
    """The ledger of the organisation, in the bucket of artifacts."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                # A name holds no `+`, and eight digits stand between it and the key itself.
                "!has(self.witnesses) || self.witnesses.all(a, self.witnesses.exists_one(b,"
                " b.key.substring(b.key.indexOf('+') + 10)"
                " == a.key.substring(a.key.indexOf('+') + 10)))",
                "must name each key once: one witness under two names is still one witness",
                field_path=".witnesses",
            ),
        )
    )

    organisation: DnsLabel = Field(
        description=(
            "Whose ledger it is: `glovebox ledger init s3://<bucket>/<organisation>` made it. The"
            " operator makes none."
        )
    )
    key_secret_ref: LedgerKeyRef = Field(description="The key that signs the ledger's heads.")
    witnesses: tuple[LedgerWitness, ...] = Field(
        default=(),
        max_length=MAX_WITNESSES,
        json_schema_extra=list_map("name"),
        description=(
            "Who is to sign each head as well, so that whoever has the ledger's key cannot take it"
            f" back unnoticed; at most {MAX_WITNESSES}. Nothing waits for them. When empty: nobody."
        ),
    )
    timestamps: TimestampAuthority | None = Field(
        default=None,
        description=(
            "Who says when a head was known, so that nobody can date entries back. Nothing waits"
            " for it. When absent: nobody."
        ),
    )


class StoreLedgerStatus(TolerantModel):
    """The newest head of the ledger that was seen signed."""

    organisation: str = Field(max_length=63, description="Whose ledger it is.")
    epoch: int = Field(ge=1, json_schema_extra={"format": "int32"}, description="Its epoch.")
    size: int = Field(
        ge=0, json_schema_extra={"format": "int64"}, description="How many entries it has."
    )
    root: str = Field(max_length=64, description="Root of its tree, base64 as in the checkpoint.")
    anchors: tuple[LedgerAnchor, ...] = Field(
        default=(),
        max_length=8,
        json_schema_extra=list_atomic(),
        description="Who knows a head.",
    )
    entries: tuple[LedgerEntryStatus, ...] = Field(
        default=(),
        max_length=128,
        json_schema_extra=list_map("id"),
        description=(
            "Where the ledger records the keys of seals. A key that is not among them is still to"
            " be recorded, and signs nothing before, for a quarter of an hour."
        ),
    )
