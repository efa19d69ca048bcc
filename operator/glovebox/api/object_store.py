"""ObjectStore: an S3 endpoint, and in its status the results of the store conformance checks.

The spec says how to reach the store and what is required of it. Nothing in it is trusted: the
operator checks versioning, locks, conditional writes and the scope of credentials, and repeats
that on an interval.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import ConfigDict, Field

from glovebox.api.access_log import AccessLogStatus, StoreAccessLog
from glovebox.api.base import Model, Resource, Status, TolerantModel
from glovebox.api.label_selector import LabelSelector
from glovebox.api.ledger_anchors import (
    MAX_WITNESSES,
    LedgerAnchor,
    LedgerWitness,
    TimestampAuthority,
)
from glovebox.api.ledger_entry_status import LedgerEntryStatus
from glovebox.api.references import SecretRef
from glovebox.api.scalars import (
    Bucket,
    Cidr,
    Days,
    DnsLabel,
    EndpointUrl,
    Host,
    KeyPrefix,
    KmsKeyId,
    ObjectName,
    Port,
    ProxyUrl,
    RetentionMode,
    RoleArn,
    Time,
)
from glovebox.api.schema import (
    FORBIDDEN,
    REQUIRED,
    certificates_alone,
    list_atomic,
    list_map,
    list_set,
    rule,
    rules,
)


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


class Tls(Model):
    """How the store's certificate is judged."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            *certificates_alone(
                "whoever reads ObjectStores, and every pod that uses the store, would have the"
                " private key. Take it out, and replace it everywhere"
            )
        )
    )

    ca_bundle: str = Field(
        min_length=1,
        max_length=65536,
        description=(
            "Certificates of the authorities that sign the store's, in PEM: they alone are trusted,"
            " for `endpoint` and for `sts.endpoint`. What is here now counts for everybody who uses"
            " the store, also for what was bound before, for pods from the next renewal of their"
            " session on: while authorities change, list both."
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


class StorePods(Model):
    """The pods of a store that runs in this cluster."""

    namespace: DnsLabel = Field(description="Namespace of the store's pods.")
    labels: dict[str, str] = Field(
        min_length=1, max_length=8, description="Labels of the store's pods."
    )


class StoreNetwork(Model):
    """What NetworkPolicies open towards the store."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.cidrs) || !has(self.pods)",
                "must be either `cidrs` (a store outside of the cluster) or `pods` (a store"
                " inside), not both",
                field_path=".pods",
            )
        )
    )

    cidrs: tuple[Cidr, ...] = Field(
        default=(),
        max_length=32,
        json_schema_extra=list_set(),
        description=(
            "Networks of the store. When absent, and `pods` too: the address in `spec.endpoint`,"
            " which then has to be an IP address."
        ),
    )
    pods: StorePods | None = Field(
        default=None, description="The store's pods, when it runs in this cluster."
    )
    port: Port | None = Field(
        default=None,
        description=(
            "TCP port of the S3 service. When absent: the port of `spec.endpoint`, else 443 or 80"
            " by its scheme."
        ),
    )


class Proxy(Model):
    """A proxy on the way to the store."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.url.matches(r'^http://(.*@)?([0-9]{1,3}(\\.[0-9]{1,3}){3}|\\[.*\\]):')"
                " || (has(self.network) && (has(self.network.cidrs) || has(self.network.pods)))",
                "must set `network.cidrs` or `network.pods` when `url` has a host name:"
                " NetworkPolicies work on addresses, not on names",
                field_path=".network",
                reason=REQUIRED,
            ),
        )
    )

    url: ProxyUrl = Field(
        description=(
            "URL of the proxy, such as `http://proxy.example:3128`. It is asked to connect"
            " (`CONNECT`) to the store, and sees no request: the store's `endpoint` has to be an"
            " `https://` one."
        )
    )
    no_proxy: tuple[Host, ...] = Field(
        default=(),
        max_length=32,
        json_schema_extra=list_set(),
        description=(
            "Hosts that are reached without the proxy, and all below them: the one of"
            " `sts.endpoint`, or what runs reach by routes of their own. A run's environment says"
            " the same (`NO_PROXY`)."
        ),
    )
    network: StoreNetwork | None = Field(
        default=None,
        description=(
            "What NetworkPolicies open towards the proxy, instead of towards the store. Needed when"
            " `url` has a host name; else derived from it."
        ),
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
            )
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


class VerificationBudget(Model):
    """What all proofs together may take of the store, from midnight to midnight UTC."""

    bytes_per_day: int = Field(
        default=107374182400,
        ge=1,
        json_schema_extra={"format": "int64"},
        description="Bytes of pinned objects that are read again. When absent: 100 GiB.",
    )
    requests_per_day: int = Field(
        default=1000000,
        ge=1,
        json_schema_extra={"format": "int64"},
        description="Requests for pinned objects.",
    )


class StoreVerification(Model):
    """What proofs of pins may take of the store."""

    budget: VerificationBudget = Field(
        default=VerificationBudget(),
        description=(
            "What the levels `Head`, `Sample` and `Full` of all pins in this store share; the pin"
            " whose proof is the oldest comes first. Checks by listing, and the first reading of a"
            " pin, are not counted."
        ),
    )


class ObjectStoreSpec(Model):
    """How to reach the store, and what is required of it."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.access) || self.access.all(a, !has(a.sources) ||"
                " a.sources.all(s, s.bucket != self.artifacts.bucket))",
                "must not list the bucket of artifacts among the sources: it holds the results of"
                " all teams, and the evidence. What a team wrote itself it may pin without a grant",
                field_path=".access",
                reason=FORBIDDEN,
            ),
            rule(
                "!has(self.accessLog) || self.accessLog.bucket != self.artifacts.bucket",
                "must not be the bucket of artifacts: runs write there, and could write lines of a"
                " log. Use a bucket of its own",
                field_path=".accessLog.bucket",
                reason=FORBIDDEN,
            ),
            rule(
                "!has(self.tls) || self.endpoint.startsWith('https://')",
                "must be left out when `endpoint` begins with `http://`: nobody shows a certificate"
                " there, and nothing is encrypted. Use the store's `https://` address",
                field_path=".tls",
                reason=FORBIDDEN,
            ),
            rule(
                "!has(self.tls) || !has(self.sts) || !has(self.sts.endpoint)"
                " || self.sts.endpoint.startsWith('https://')",
                "must have an `sts.endpoint` that begins with `https://`: nobody shows a"
                " certificate at this one, and sessions would come back unencrypted",
                field_path=".sts",
                reason=FORBIDDEN,
            ),
            rule(
                "!has(self.proxy) || (self.endpoint.startsWith('https://') && (!has(self.sts)"
                " || !has(self.sts.endpoint) || self.sts.endpoint.startsWith('https://')))",
                "must be left out unless `endpoint` and `sts.endpoint` begin with `https://`:"
                " without TLS the proxy would read, and could change, everything",
                field_path=".proxy",
                reason=FORBIDDEN,
            ),
            rule(
                "has(self.proxy) || self.endpoint.matches(r'^https?://([0-9]{1,3}(\\.[0-9]{1,3}){3}|\\[.*\\])(:[0-9]+)?/?$')"
                " || (has(self.network) && (has(self.network.cidrs) || has(self.network.pods)))",
                "must set `network.cidrs` or `network.pods` when `endpoint` has a host name:"
                " NetworkPolicies work on addresses, not on names",
                field_path=".network",
                reason=REQUIRED,
            ),
        )
    )

    endpoint: EndpointUrl = Field(
        description=(
            "URL of the S3 endpoint: scheme, host and at most a port, such as"
            " `https://s3.example:8333`."
        )
    )
    region: str = Field(
        default="us-east-1",
        min_length=1,
        max_length=63,
        pattern=r"^[a-z0-9-]+$",
        description=(
            "Region that requests are signed for, and in which the store is, as far as"
            " `spec.data.regions` of a profile is concerned."
        ),
    )
    path_style: bool = Field(
        default=True,
        description=(
            "Whether the bucket is part of the path (`true`, most stores outside of AWS) or of the"
            " host name (`false`)."
        ),
    )
    credentials_secret_ref: SecretRef | None = Field(
        default=None,
        description=(
            "Secret with the operator's own credentials. When absent: the ambient credentials of"
            " the operator's pod (for example a bound IAM role)."
        ),
    )
    tls: Tls | None = Field(
        default=None,
        description=(
            "How the store's certificate is judged. When absent: by the authorities that the images"
            " bring, and by those that the operator's environment names (`AWS_CA_BUNDLE`)."
        ),
    )
    encryption: Encryption | None = Field(
        default=None,
        description=(
            "What the store encrypts everything in the bucket of artifacts with: what the operator"
            " writes asks for it, and for what runs write it has to be the bucket's default, which"
            " the operator sets where `artifacts.create` is true. The store is Ready only while"
            " both are seen. When absent: whatever the store does by itself."
        ),
    )
    source_key_ids: tuple[KmsKeyId, ...] = Field(
        default=(),
        max_length=8,
        json_schema_extra=list_set(),
        description=(
            "ARNs of keys that sources of pins are encrypted with: sessions that read sources and"
            " inputs may decrypt with them. The key of `encryption` need not be listed."
        ),
    )
    artifacts: ArtifactBucket = Field(
        description="The bucket for artifacts, manifests of pins and evidence."
    )
    sts: Sts | None = Field(
        default=None,
        description=(
            "How short-lived credentials for runs are issued. When absent: none can be issued, and"
            " Experiments that use this store are refused with `StsNotConfigured`."
        ),
    )
    access: tuple[StoreAccess, ...] = Field(
        default=(),
        max_length=256,
        json_schema_extra=list_atomic(),
        description=(
            "Which namespaces may read what as a source of pins, and keep their artifacts here."
            " When absent: none may. What a namespace's own experiments wrote, it may pin without"
            " being listed."
        ),
    )
    network: StoreNetwork | None = Field(
        default=None,
        description=(
            "What NetworkPolicies open towards the store. Needed when `endpoint` has a host name;"
            " else derived from it. With `proxy` the way there is opened instead."
        ),
    )
    proxy: Proxy | None = Field(
        default=None,
        description=(
            "A proxy through which the operator, its tasks, the programs in pods and the SDK of a"
            " run reach the store. When absent: the one that the operator's environment names"
            " (`HTTPS_PROXY`), for the operator alone."
        ),
    )
    ledger: StoreLedger | None = Field(
        default=None,
        description=(
            "The ledger that is told what becomes of the Experiments whose artifacts are kept here:"
            " binding, start and end of the run, seal, deletion. When absent: none is written."
        ),
    )
    access_log: StoreAccessLog | None = Field(
        default=None,
        description=(
            "The access log of the store, in which reads of pinned bytes are looked for that no run"
            " has among its inputs. Nothing is refused by what is found. When absent: none is read."
        ),
    )
    verify_interval_seconds: int = Field(
        default=86400,
        ge=60,
        le=31536000,
        json_schema_extra={"format": "int32"},
        description="Seconds between two runs of the store conformance checks.",
    )
    verification: StoreVerification = Field(
        default=StoreVerification(), description="What proofs of pins may take of the store."
    )


class Proof(TolerantModel):
    """The result of one store conformance check."""

    name: str = Field(max_length=63, description="Name of the check, such as `LockSurvivesDelete`.")
    outcome: Literal["Passed", "Failed", "Unknown"] = Field(
        description="`Passed`, `Failed`, or `Unknown` when the check could not be made."
    )
    message: str = Field(
        default="", max_length=4096, description="What was done, and what the store answered."
    )
    verified_time: Time | None = Field(default=None, description="When the check was last made.")


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
            "Where the ledger tells of the keys of seals. A key that is not among them is still to"
            " be told of, and signs nothing before, for a quarter of an hour."
        ),
    )


class ObjectStoreStatus(Status):
    """The results of the store conformance checks.

    Conditions: `Ready`, `VersioningProven`, `LockProven`, `ConditionalWritesProven`,
    `CredentialScopeProven`, `EncryptionProven`, `ConnectionEncrypted`, `KeyPublished`,
    `DeletionProtected`, `RecordsFound`, `LedgerWritten`, `LedgerAnchored`, `AccessLogRead`.
    """

    bucket: str = Field(
        default="", max_length=63, description="The artifact bucket that was checked."
    )
    retention: BucketRetention | None = Field(
        default=None,
        description=(
            "Default lock of the bucket as observed: how long everything that a run writes is"
            " locked."
        ),
    )
    proofs: tuple[Proof, ...] = Field(
        default=(),
        max_length=64,
        json_schema_extra=list_map("name"),
        description="Every store conformance check with its outcome and time.",
    )
    last_verified_time: Time | None = Field(
        default=None, description="When all checks were last made."
    )
    verified_digest: str = Field(
        default="",
        max_length=71,
        description=(
            "Digest of what was checked: the spec without `access`, `accessLog`, `ledger`,"
            " `verification` and `verifyIntervalSeconds`, whose change calls for no new check."
        ),
    )
    ledger: StoreLedgerStatus | None = Field(
        default=None,
        description=(
            "The newest head of the ledger that was seen signed. A ledger that does not continue it"
            " is neither written nor signed."
        ),
    )
    access_log: AccessLogStatus | None = Field(
        default=None, description="How far the access log was read. Absent before that."
    )


class ObjectStore(Resource[ObjectStoreSpec, ObjectStoreStatus]):
    """An object store is an S3 endpoint with a bucket for artifacts.

    Its status reports which store conformance checks passed: versioning, object lock, conditional
    writes and the scope of issued credentials.
    """

    KIND: ClassVar[str] = "ObjectStore"

    status: ObjectStoreStatus = Field(
        default=ObjectStoreStatus(), description="The results of the store conformance checks."
    )
