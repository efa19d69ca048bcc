"""Others who are to know the heads of a ledger, so that nobody can take it back or date it back."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from glovebox.api.base import Model, TolerantModel
from glovebox.api.scalars import DnsLabel, Time
from glovebox.api.schema import certificates_alone, rules, taught

# As c2sp.org/signed-note writes a key: name, the hash that begins signatures, type and key.
_WITNESS_KEY = r"^[^+\s]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+={0,2}$"
_SERVICE_URL = (
    r"^https?://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?"
    r"(/[A-Za-z0-9._~/-]*)?$"
)
MAX_WITNESSES = 4

ServiceUrl = Annotated[
    str,
    Field(max_length=512),
    taught(
        _SERVICE_URL,
        "must be 'http://' or 'https://' with a host, at most a port and a path, such as"
        " 'https://witness.example:8417/v1'; no user or query",
    ),
]
WitnessKey = Annotated[
    str,
    Field(max_length=512),
    taught(
        _WITNESS_KEY,
        "must be the witness's key as `glovebox witness` prints it behind its name, such as"
        " 'witness.example.com/w1+77d1b3f0+BDe...'",
    ),
]


class LedgerWitness(Model):
    """A witness (c2sp.org/tlog-witness): it signs a head only when the ledger grew."""

    name: DnsLabel = Field(description="What `status.ledger.anchors` calls it.")
    key: WitnessKey = Field(
        description="Its key, as it stands in the line `witness` of a policy. Nobody else signs."
    )
    url: ServiceUrl = Field(
        description=(
            "Where it is asked; `/add-checkpoint` is put behind it. It is asked within seconds for"
            " each head that is signed."
        )
    )


class TimestampAuthority(Model):
    """An authority that says when something was known (RFC 3161)."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            *certificates_alone(
                "whoever reads ObjectStores would have the private key. Take it out, and replace"
                " it everywhere"
            )
        )
    )

    url: ServiceUrl = Field(
        description=(
            "Where it is asked, by HTTP as RFC 3161 has it. Its answer lies beside the checkpoint,"
            " for `glovebox ledger verify --timestamp-roots`."
        )
    )
    ca_bundle: str = Field(
        min_length=1,
        max_length=65536,
        description=(
            "Certificates that the authority's own hangs on, in PEM: an answer that none of them"
            " vouches for is refused and not kept."
        ),
    )
    interval_seconds: int = Field(
        default=3600,
        ge=60,
        le=86400,
        json_schema_extra={"format": "int32"},
        description="It is asked at most once in so many seconds; for a ledger that grew.",
    )


class LedgerAnchor(TolerantModel):
    """Somebody who knows a head of the ledger, so that it cannot go back unnoticed."""

    kind: Literal["Bucket", "Status", "Witness", "Timestamp"] = Field(
        description=(
            "`Bucket`: the signed checkpoint in the bucket. `Status`: this object; the operator"
            " signs nothing that does not continue it. `Witness`: one of `spec.ledger.witnesses`."
            " `Timestamp`: `spec.ledger.timestamps`."
        )
    )
    name: str = Field(default="", max_length=63, description="Of a witness: its name.")
    last_size: int = Field(
        ge=0, json_schema_extra={"format": "int64"}, description="Entries in the head it knows."
    )
    last_time: Time = Field(
        description="When it learnt of that head; a witness and an authority say so themselves."
    )
