"""ObjectStore: an S3 endpoint, and in its status the results of the store conformance checks.

The spec says how to reach the store and what is required of it. Nothing in it is trusted: the
operator checks versioning, locks, conditional writes and the scope of credentials, and repeats
that on an interval.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import ConfigDict, Field

from glovebox.api.access_log import StoreAccessLog
from glovebox.api.base import Model, Resource
from glovebox.api.object_store_status import ObjectStoreStatus
from glovebox.api.references import SecretRef
from glovebox.api.scalars import EndpointUrl, KmsKeyId
from glovebox.api.schema import FORBIDDEN, REQUIRED, list_atomic, list_set, rule, rules
from glovebox.api.store_access import StoreAccess, Sts
from glovebox.api.store_bucket import ArtifactBucket, Encryption
from glovebox.api.store_ledger import StoreLedger
from glovebox.api.store_network import Proxy, StoreNetwork, Tls
from glovebox.api.store_verification import StoreVerification


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
            "The ledger that records what becomes of the Experiments whose artifacts are kept here:"
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


class ObjectStore(Resource[ObjectStoreSpec, ObjectStoreStatus]):
    """An object store is an S3 endpoint with a bucket for artifacts.

    Its status reports which store conformance checks passed: versioning, object lock, conditional
    writes and the scope of issued credentials.
    """

    KIND: ClassVar[str] = "ObjectStore"

    status: ObjectStoreStatus = Field(
        default=ObjectStoreStatus(), description="The results of the store conformance checks."
    )
